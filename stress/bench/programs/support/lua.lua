-- The work of lua.sh: lua_work.lua ROUNDS. Prints a checksum of each part.
local rounds = tonumber(arg[1])

local state = 42
local function random(n)
	state = (state * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
	return (state >> 24) % n
end

local sum = 0
local function add(value)
	sum = (sum * 31 + value) & 0xffffffffffff
end

-- Binary trees, most of them garbage at once.
local function tree(depth)
	if depth == 0 then
		return {}
	end
	return { tree(depth - 1), tree(depth - 1) }
end

local function count(node)
	return node[1] and 1 + count(node[1]) + count(node[2]) or 1
end

local function trees()
	local kept = tree(14)
	for _ = 1, 24 do
		add(count(tree(11)))
	end
	add(count(kept))
end

-- Words of a text: split, counted, sorted, joined.
local function words()
	local vocabulary, text = {}, {}
	for i = 1, 4000 do
		vocabulary[i] = string.format("%x%s", i * 7919, ("etaoin"):sub(1 + random(5)))
	end
	for i = 1, 60000 do
		text[i] = vocabulary[1 + random(1 + random(4000))]
	end
	local seen, order = {}, {}
	for word in table.concat(text, " "):gmatch("%S+") do
		if not seen[word] then
			order[#order + 1] = word
		end
		seen[word] = (seen[word] or 0) + 1
	end
	table.sort(order, function(a, b)
		return seen[a] > seen[b] or seen[a] == seen[b] and a < b
	end)
	for i = 1, 100 do
		add(seen[order[i]] * #order[i])
	end
	local upper = table.concat(text, ","):gsub("%a+", string.upper)
	add(#upper)
end

-- Objects with closures, which come and go in random order.
local function objects()
	local live = {}
	for i = 1, 60000 do
		local slot = 1 + random(8000)
		local old = live[slot]
		if old then
			add(old.value())
		end
		local value = random(1000)
		live[slot] = {
			name = "object " .. i,
			list = table.pack(i, value, slot),
			value = function()
				value = value + 1
				return value
			end,
		}
	end
end

for _ = 1, rounds do
	trees()
	words()
	objects()
	print(sum)
end
