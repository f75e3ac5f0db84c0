-- A data set of every type for redis.sh, in the small encodings and in the large; the same each
-- time.
local call = redis.call

for i = 1, 30000 do
	local hash = redis.sha1hex(i)
	local key = i .. ':' .. hash
	call('SET', 's' .. key, string.rep(hash, i % 12))
	call('HSET', 'h' .. i % 700, hash, i, i, string.rep('f', i % 90))
	call('RPUSH', 'l' .. i % 300, string.rep('e', i % 150), i)
	call('SADD', 'i' .. i % 200, i * 7919 % 65536)
	call('SADD', 'm' .. i % 100, hash)
	call('ZADD', 'z' .. i % 150, i * 31 % 10007, hash)
	if i % 3 == 0 then
		call('APPEND', 's' .. key, hash)
		call('XADD', 'x' .. i % 40, i .. '-1', 'field', hash, 'number', i)
	end
	if i % 4 == 0 then
		call('SETRANGE', 'r' .. i % 50, i % 5000, hash)
		call('PFADD', 'p' .. i % 20, hash)
	end
	if i % 5 == 0 then
		call('DEL', 's' .. (i - 3) .. ':' .. redis.sha1hex(i - 3))
		call('HDEL', 'h' .. i % 700, hash)
		call('LPOP', 'l' .. i % 300)
		call('ZREM', 'z' .. i % 150, hash)
	end
end
for i = 1, 20 do
	call('SET', 'large' .. i, string.rep('0123456789', i * 20000))
end
return 'filled'
