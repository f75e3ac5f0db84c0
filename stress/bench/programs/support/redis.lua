-- A data set of every type, the same every time; strings are rewritten with other lengths.
local state = 12345
local function random(n)
	state = (state * 1103515245 + 12345) % 2147483648
	return math.floor(state / 65536) % n
end

for round = 1, 3 do
	for i = 1, 6000 do
		redis.call('SET', 'string:' .. i, string.rep(tostring(i * round), 1 + random(60)))
	end
end
for i = 1, 3000 do
	redis.call('APPEND', 'string:' .. 1 + random(6000), string.rep('+', random(200)))
	redis.call('RPUSH', 'list:' .. i % 40, 'element ' .. random(100000))
	redis.call('SADD', 'set:' .. i % 40, random(100000))
	redis.call('HSET', 'hash:' .. i % 40, 'field ' .. random(500), string.rep('v', random(100)))
	redis.call('ZADD', 'sorted:' .. i % 40, random(1000), 'member ' .. random(500))
end
for i = 1, 6000, 3 do
	redis.call('DEL', 'string:' .. i)
end
return 'filled'
