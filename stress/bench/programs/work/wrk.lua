-- For wrk, with one thread: pages and files by turns, until so many answers have come as the argument
-- says. The length of a packed body is always the same.
local wanted, answers, right, wrong = 0, 0, 0, 0
local asked = 0
local known = {}
local thread_of_main

function setup(thread)
	thread_of_main = thread
end

function init(args)
	wanted = tonumber(args[1])
	wrk.headers["Accept-Encoding"] = "gzip"
end

function request()
	asked = asked + 1
	return wrk.format(nil, asked % 4 == 0 and "/part6.html" or "/page.html")
end

function response(status, headers, body)
	answers = answers + 1
	known[#body] = true
	local kinds = 0
	for _ in pairs(known) do
		kinds = kinds + 1
	end
	if status == 200 and kinds <= 2 then
		right = right + 1
	else
		wrong = wrong + 1
	end
	if answers == wanted then
		wrk.thread:stop()
	end
end

function done(summary, latency, requests)
	io.write(string.format("%d right, %d wrong\n", thread_of_main:get("right"),
		thread_of_main:get("wrong")))
end
