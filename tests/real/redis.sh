#!/bin/sh
# redis: the benchmark in several ways, a data set of every type through reload, background save,
# append-only rewrite and restart, with the digest of the same data set made without Tide each time.
#
# Debian's redis-server is linked with libjemalloc.so, and calls it by the plain names malloc, free,
# malloc_usable_size, which the preload wins, and by mallctl, which stays jemalloc's own. So it says
# "mem_allocator:jemalloc" whatever serves it; that jemalloc itself hands out next to nothing proves
# the opposite, and is checked.
. "$(dirname "$0")/common.sh"

need redis-server redis-cli redis-benchmark redis-check-rdb
check_bound redis-cli redis-cli --version
check_bound redis-benchmark redis-benchmark --version
check_bound redis-server redis-server --version
if grep -q ' mallctl$' "$work/bindings.all"; then
	! grep ' mallctl$' "$work/bindings.all" | grep -v 'libjemalloc[^ ]* mallctl$' >&2 ||
		fail "mallctl is bound to something other than jemalloc"
fi

mkdir "$work/data"
# An input/output thread besides the main one: blocks are freed where they were not made.
redis() {
	serve redis-server --bind 127.0.0.1 --port "$port" --dir "$work/data" --save '' \
		--enable-debug-command yes --io-threads 2 --io-threads-do-reads yes --daemonize no
}

ask() {
	with_tide redis-cli -h 127.0.0.1 -p "$port" "$@"
}

# field NAME: of the answer to INFO
field() {
	ask info everything | tr -d '\r' | sed -n "s/^$1://p"
}

# await NAME VALUE: until the field has it
await() {
	tries=200
	while [ "$(field "$1")" != "$2" ]; do
		[ "$tries" -gt 0 ] || fail "$1 does not become $2"
		tries=$((tries - 1))
		sleep 0.1
	done
}

# load TESTS OPTION...: run the benchmark; each test must report a rate, and nothing else
load() {
	tests=$1
	shift
	with_tide redis-benchmark -h 127.0.0.1 -p "$port" --csv -t "$tests" "$@" >"$work/load" ||
		fail "redis-benchmark $tests $* ended with $?"
	for test in $(echo "$tests" | tr ',a-z' ' A-Z'); do
		grep -Eq "^\"${test}[^\"]*\",\"[1-9][0-9]*\.[0-9]*\"," "$work/load" ||
			fail "no rate of $test in: $(cat "$work/load")"
	done
}

fill() {
	equal "the answer of the script" filled "$(ask --eval "$here/redis_fill.lua")"
}

start_plain_server redis
fill
digest=$(ask debug digest)
[ "${#digest}" -eq 40 ] || fail "DEBUG DIGEST answers $digest"
ask shutdown nosave || true
end_server

start_server redis
load set,get,incr,lpush,rpush,sadd,hset,zadd,mset -n 2000 -c 50
equal "the counter" 2000 "$(ask get counter:__rand_int__)"
equal "the list" 4000 "$(ask llen mylist)"
load lpop,rpop -n 1500 -c 20
equal "the list" 1000 "$(ask llen mylist)"
load set,get,hset,sadd,zadd,spop,zpopmin -n 50000 -c 50 -P 16 -r 20000 -d 200
load set,get -n 500 -c 20 -r 50 -d 70000
load set,get,lpush -n 50000 -c 40 -P 50 -r 1000 --threads 2
load lrange -n 200 -c 20

# The old data is freed by a background thread, beside the writing of the new.
equal "FLUSHALL" OK "$(ask flushall async)"
fill
await lazyfree_pending_objects 0
[ "$(field lazyfreed_objects)" -gt 0 ] || fail "nothing was freed in the background"
equal "the digest" "$digest" "$(ask debug digest)"
case $(field mem_allocator) in
jemalloc*)
	used=$(field used_memory)
	by_jemalloc=$(field allocator_allocated)
	[ "$((by_jemalloc * 20))" -lt "$used" ] ||
		fail "jemalloc handed out $by_jemalloc of $used bytes: Tide does not serve redis"
	;;
esac

equal "DEBUG RELOAD" OK "$(ask debug reload)"
equal "the digest after a reload" "$digest" "$(ask debug digest)"

# A forked child writes while the parent changes everything it shares with it.
ask bgsave >/dev/null
load set,get -n 20000 -c 20 -P 16 -r 20000
await rdb_bgsave_in_progress 0
equal "the background save" ok "$(field rdb_last_bgsave_status)"
with_tide redis-check-rdb "$work/data/dump.rdb" >"$work/check" ||
	fail "what it saved: $(tail -n 3 "$work/check")"
grep -q 'RDB looks OK' "$work/check" || fail "redis-check-rdb: $(tail -n 3 "$work/check")"

equal "FLUSHALL" OK "$(ask flushall sync)"
fill
ask config set appendonly yes >/dev/null
await aof_rewrite_scheduled 0
await aof_rewrite_in_progress 0
equal "the rewrite" ok "$(field aof_last_bgrewrite_status)"
equal "DEBUG LOADAOF" OK "$(ask debug loadaof)"
equal "the digest after LOADAOF" "$digest" "$(ask debug digest)"
ask config set appendonly no >/dev/null

equal "SAVE" OK "$(ask save)"
ask shutdown nosave || true
end_server
equal "the exit status of redis-server" 0 "$server_status"

start_server redis
await loading 0
equal "the digest after a restart" "$digest" "$(ask debug digest)"
end_server TERM
equal "the exit status of redis-server" 0 "$server_status"
finish
