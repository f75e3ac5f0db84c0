-- For wrk with one thread: pages and files by turns, until so many answers have come as the argument
-- says; wrk itself would go on for a time. The length of a packed body is always the same.
local wanted, answers, right, asked = 0, 0, 0, 0
local lengths, kinds = {}, 0

function init(args)
	wanted = tonumber(args[1])
	wrk.headers["Accept-Encoding"] = "gzip"
end

function request()
	asked = asked + 1
	return wrk.format(nil, asked % 4 == 0 and "/part6.html" or "/page.html")
end

function response(status, _, body)
	answers = answers + 1
	if not lengths[#body] then
		lengths[#body] = true
		kinds = kinds + 1
	end
	if status == 200 and kinds <= 2 then
		right = right + 1
	end
	if answers == wanted then
		io.write(string.format("%d right, %d wrong\n", right, answers - right))
		os.exit(0)
	end
end
