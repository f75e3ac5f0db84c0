#!/bin/sh
# memcached with 4 threads: 20,000 values of 1 byte to 700,000 set, read by other connections,
# replaced, deleted, while its hash table grows; then hundreds of short connections.
. "$(dirname "$0")/common.sh"

need memcached
check_bound memcached memcached -V

# It refuses to be root without being told so; it starts with a hash table that must grow.
user=
[ "$(id -u)" -ne 0 ] || user=root
memcached() {
	serve memcached -l 127.0.0.1 -p "$port" -U 0 -t 4 -m 512 -c 256 -o hashpower=13 \
		${user:+-u "$user"}
}

start_server memcached
timeout "$limit_s" "$python" "$here/memcached_client.py" "$port" >"$work/out" ||
	fail "the client ended with $?: $(tail -n 3 "$work/out")"
equal "the client" "all values were right" "$(tail -n 1 "$work/out")"
end_server TERM
equal "the exit status of memcached" 0 "$server_status"
finish
