#!/bin/sh
# nginx under wrk: pages put together by server-side includes, whose parts come through a proxy from
# the same nginx, packed by gzip; and a static file. wrk counts to a fixed number of requests and
# looks at the length of every answer.
name=nginx
needs='nginx wrk cmp /usr/bin/python3'
. "$(dirname "$0")/support/common.sh"

probe() {
	"$@" nginx -V
}

prepare() {
	pick 20000 200 >requests
	mkdir site
	for part in 1 2 3 4 5 6; do
		awk -v part="$part" 'BEGIN {
			for (line = 0; line < 25 * part; line++)
				printf "<p>line %d of part %d: %x</p>\n", line, part, line * 40503 % 65536
		}' >"site/part$part.html"
	done
	{
		echo '<html><head><title>Parts</title></head><body>'
		for part in 1 2 3 4 5 6; do
			echo "<!--# include virtual=\"/from/part$part.html?$part\" -->"
		done
		echo '</body></html>'
	} >site/page.html
	sed -e "s|.*/from/\(.*\)?.*|cat site/\1; echo|;t" -e "s|.*|echo '&'|" site/page.html | sh >expected
}

# The workers must be able to read a folder that perhaps only its owner may.
configure() {
	cat <<END
daemon off;
worker_processes 2;
$([ "$(id -u)" -ne 0 ] || echo "user root;")
pid $PWD/pid;
error_log stderr crit;
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path $PWD/body;
	proxy_temp_path $PWD/proxy;
	fastcgi_temp_path $PWD/fastcgi;
	uwsgi_temp_path $PWD/uwsgi;
	scgi_temp_path $PWD/scgi;
	types { text/html html; }
	keepalive_requests 100;
	gzip on;
	gzip_comp_level 1;
	gzip_min_length 100;
	upstream self { server unix:$PWD/socket; keepalive 16; }
	server {
		listen 127.0.0.1:$port backlog=512;
		root $home/site;
		location = /page.html { ssi on; }
		location /from/ { proxy_pass http://self/; proxy_http_version 1.1; proxy_set_header Connection ""; }
	}
	server {
		listen unix:$PWD/socket;
		root $home/site;
		gzip off;
	}
}
END
}

# fetch TARGET: the body, unpacked if need be.
fetch() {
	/usr/bin/python3 -I -c '
import gzip, sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Accept-Encoding": "gzip"})
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
    assert answer.headers["Content-Encoding"] == "gzip", answer.headers
    sys.stdout.buffer.write(gzip.decompress(answer.read()))' "http://127.0.0.1:$PORT/$1"
}

load() {
	fetch page.html >page.before
	wrk -t 1 -c 40 -d 100s -s "$support/wrk.lua" "http://127.0.0.1:$PORT" -- "$(cat ../requests)" \
		>load.out 2>&1 || fail "wrk ended with $?"
	fetch page.html >page.after
	fetch part6.html >part.after
}

server() {
	configure >nginx.conf
	measured_server nginx -e stderr -p "$PWD/" -c "$PWD/nginx.conf"
}

run() {
	serve server
	same "the page before the load" "$home/expected" page.before
	same "the page after the load" "$home/expected" page.after
	same "a part after the load" "$home/site/part6.html" part.after
	equal "what wrk counted" "$(cat ../requests) right, 0 wrong" "$(tail -n 1 load.out)"
	result "$(cat ../requests)" requests
}

main "$@"
