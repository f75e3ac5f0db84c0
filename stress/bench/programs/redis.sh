#!/bin/sh
# redis under redis-benchmark: strings whose sizes change, counters, lists, hashes, sets and sorted
# sets, pipelined by 16 so that the server and not the client has the work.
#
# Debian's redis-server is linked with libjemalloc.so, and calls it by the plain names malloc, free
# and malloc_usable_size, which a preload wins. Without one, the C library itself is preloaded: its
# malloc is then found before jemalloc's. The digest of the data is compared with that of the server
# as it is installed.
name=redis
needs='redis-server redis-benchmark redis-cli'
. "$(dirname "$0")/support/common.sh"

default_preload() {
	ldd "$(command -v redis-server)" | sed -n 's/.*libc\.so\.6 => \([^ ]*\).*/\1/p'
}

server() {
	measured_server redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no \
		--enable-debug-command yes --daemonize no
}

probe() {
	"$@" redis-server --version
}

prepare() {
	pick 100000 1600 >requests
	# Without the benchmark: only the digest.
	mkdir run
	cd run
	: >digest_only
	serve server
	mv digest ../expected
	cd ..
}

ask() {
	redis-cli -h 127.0.0.1 -p "$PORT" "$@"
}

bench() {
	redis-benchmark -h 127.0.0.1 -p "$PORT" --csv -P 16 -c 50 "$@" >>load.out
}

load() {
	if [ ! -e digest_only ]; then
		n=$(cat ../requests)
		for bytes in 24 500 90 2000 300; do
			bench -n $((n * 2)) -r "$n" -d "$bytes" -t set
			bench -n "$n" -r "$n" -t get
		done
		bench -n "$n" -t incr,lpush,rpush
		equal "the counter" "$n" "$(ask get counter:__rand_int__)"
		equal "the length of the list" $((n * 2)) "$(ask llen mylist)"
		bench -n "$n" -r "$n" -d 60 -t sadd,hset,zadd
		bench -n "$n" -t lpop,rpop
		equal "the length of the list" 0 "$(ask llen mylist)"
		bench -n $((n / 5)) -t lrange_300
		ask flushall sync >/dev/null
	fi
	equal "the answer of the script" filled "$(ask --eval "$support/redis.lua")"
	ask debug digest >digest
}

run() {
	serve server
	[ "$(grep -c '"' load.out)" -ge 18 ] || fail "the benchmark says only: $(cat load.out)"
	same "the digest of the data" "$home/expected" digest
	n=$(cat ../requests)
	result $((n * 5 * 3 + n * 8 + n / 5)) requests
}

main "$@"
