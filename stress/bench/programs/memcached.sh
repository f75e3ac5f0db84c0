#!/bin/sh
# memcached under a load of sets, gets and deletes of 1 to 20,000 bytes, pipelined, from many
# connections that come and go. See support/cache_load.c, which knows what each value must be.
#
# memcached keeps its values in slabs of 1 MiB; what it takes from malloc besides them is buffers,
# connections, and its hash table.
name=memcached
needs='memcached'
. "$(dirname "$0")/support/common.sh"

probe() {
	"$@" memcached -V
}

prepare() {
	pick 800000 5000 >requests
	compile "$support/cache_load.c" cache_load
}

load() {
	"$home/cache_load" "$PORT" "$(cat ../requests)" 60 >load.out
}

server() {
	user=
	[ "$(id -u)" -ne 0 ] || user=root
	measured_server memcached -l 127.0.0.1 -p "$port" -U 0 -m 512 -t 2 -c 256 -R 200 \
		${user:+-u "$user"}
}

run() {
	serve server
	equal "what the load counted" "$(cat ../requests) requests, 0 wrong" "$(cat load.out)"
	result "$(cat ../requests)" requests
}

main "$@"
