#!/bin/sh
# TIDE_STATS in its forms, on programs of one thread and of several.
set -eu
: "${TIDE_PRELOAD:?the library to preload}"
: "${CC:=cc}"
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $1" >&2
	[ $# -lt 2 ] || head -n 20 "$2" >&2
	exit 1
}

# wait_for COMMAND...: until it succeeds; at most 20 s.
wait_for() {
	for _ in $(seq 200); do
		! "$@" || return 0
		sleep 0.1
	done
	fail "waited in vain for: $*"
}

# Allocates, and stays until its standard input ends: with N threads, which work all the time.
cat >"$work/stay.c" <<'EOF'
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static volatile int stop;
static void *work(void *unused)
{
	void *block[64] = { 0 };
	for (unsigned i = 0; !stop; i++) {
		free(block[i % 64]);
		block[i % 64] = malloc(100 + i % 3000);
		if (i % 4096 == 0)
			usleep(1000);
	}
	for (unsigned i = 0; i < 64; i++)
		free(block[i]);
	return unused;
}
int main(int count, char **argument)
{
	pthread_t thread[8];
	int threads = count > 1 ? atoi(argument[1]) : 0;
	char byte;
	for (unsigned i = 0; i < 100; i++)
		memset(malloc(1000 + i), 1, 1000);
	for (int i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, work, NULL);
	while (read(0, &byte, 1) > 0)
		continue;
	stop = 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
EOF
$CC -O1 -fno-builtin -o "$work/stay" "$work/stay.c" -pthread
mkfifo "$work/input"

# run STATS THREADS: into $pid; its input is held open by descriptor 9.
run() {
	TIDE_STATS=$1 LD_PRELOAD=$TIDE_PRELOAD "$work/stay" "$2" \
		<"$work/input" >"$work/out" 2>"$work/err" &
	pid=$!
	exec 9>"$work/input"
}

end() {
	exec 9>&-
	wait "$pid" || fail "the program failed" "$work/err"
	pid=
}

# The end.
run exit 0
end
grep -q '^Tide [0-9.]*, process [0-9]*, 1 thread, 1 heap$' "$work/err" || fail "exit" "$work/err"
grep -q '^  live blocks  *[1-9]' "$work/err" || fail "exit: live" "$work/err"
[ ! -s "$work/out" ] || fail "exit: something on stdout"

# A signal: in a program of one thread, and by the GC thread, whose files are not the program's.
for threads in 0 2; do
	run signal "$threads"
	[ "$threads" = 0 ] || wait_for sh -c "grep -qsx tide-gc /proc/$pid/task/*/comm"
	sleep 0.5
	kill -USR2 "$pid"
	wait_for grep -q '^ thread heap' "$work/err"
	kill -USR2 "$pid"
	wait_for sh -c "[ \$(grep -c '^ thread heap' '$work/err') = 2 ]"
	end
done

# A file: at the end; and every second, with a GC thread even in a program of one thread.
run "file:$work/%p.json" 2
one=$work/$pid.json
[ ! -e "$one" ] || fail "file: before the end"
end
python3 -m json.tool <"$one" >/dev/null || fail "file: no JSON" "$one"
[ "$(stat -c %a "$one")" = 600 ] || fail "file: mode"
run "file:$work/live.prom:1" 0
wait_for [ -e "$work/live.prom" ]
grep -qx '# EOF' "$work/live.prom" || fail "file: not whole" "$work/live.prom"
first=$(stat -c %i "$work/live.prom")
wait_for sh -c "[ \"\$(stat -c %i '$work/live.prom' 2>/dev/null)\" != $first ]"
end
[ ! -e "$work/live.prom.new" ] || fail "file: left beside"

# What can't be written is told, and nothing else than a regular file is replaced.
run "file:$work/none/x" 0
end
grep -q "^tide: TIDE_STATS: cannot write $work/none/x: error 2$" "$work/err" || fail "no folder" "$work/err"
ln -s "$work/target" "$work/link"
run "file:$work/link" 0
end
[ -L "$work/link" ] && [ ! -e "$work/target" ] || fail "a link was followed or replaced"
run nonsense 0
end
grep -q '^tide: TIDE_STATS=nonsense: not of the form ' "$work/err" || fail "nonsense" "$work/err"

# A socket.
cat >"$work/ask.py" <<'EOF'
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.settimeout(20)
peer.connect(sys.argv[1])
if len(sys.argv) > 2:
    peer.sendall(sys.argv[2].encode() + b"\n")
answer = b""
while True:
    part = peer.recv(65536)
    if not part:
        break
    answer += part
sys.stdout.write(answer.decode())
EOF
run "unix:$work/socket" 1
wait_for [ -S "$work/socket" ]
[ "$(stat -c %a "$work/socket")" = 600 ] || fail "socket: mode"
python3 "$work/ask.py" "$work/socket" json | python3 -m json.tool >/dev/null || fail "socket: json"
python3 "$work/ask.py" "$work/socket" openmetrics >"$work/answer"
[ "$(tail -n 1 "$work/answer")" = "# EOF" ] || fail "socket: openmetrics" "$work/answer"
python3 "$work/ask.py" "$work/socket" >"$work/answer"
grep -q '^Tide ' "$work/answer" || fail "socket: text" "$work/answer"
printf 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r' >"$work/request"
python3 "$work/ask.py" "$work/socket" "$(cat "$work/request")" >"$work/answer"
grep -q '^HTTP/1.0 200 OK' "$work/answer" || fail "socket: HTTP" "$work/answer"
# Several at once, and one that says nothing and goes away.
python3 -c "
import socket, sys
many = [socket.socket(socket.AF_UNIX) for _ in range(6)]
for peer in many:
    peer.connect(sys.argv[1])
many.pop().close()
for peer in many:
    peer.settimeout(20)
    peer.sendall(b'json\n')
for peer in many:
    assert peer.recv(1) == b'{'
" "$work/socket" || fail "socket: many"
end
[ ! -e "$work/socket" ] || fail "socket: left"

# One that was left by a process that was killed is taken over.
run "unix:$work/socket" 1
wait_for [ -S "$work/socket" ]
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
exec 9>&-
[ -S "$work/socket" ] || fail "socket: gone with the killed"
run "unix:$work/socket" 1
wait_for python3 "$work/ask.py" "$work/socket" >/dev/null 2>&1
end

# A program with more rights than its caller does not look at the environment.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	static=$(dirname "$TIDE_PRELOAD")/libtide.a
	$CC -O1 -fno-builtin -o "$work/raised" "$work/stay.c" "$static" -pthread
	chmod 755 "$work"
	chmod 4755 "$work/raised"
	TIDE_STATS=exit "$work/raised" </dev/null 2>"$work/err"
	grep -q '^Tide ' "$work/err" || fail "not set-user-id: statistics" "$work/err"
	TIDE_STATS=exit setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$work/raised" </dev/null 2>"$work/err"
	[ ! -s "$work/err" ] || fail "set-user-id: listens to the environment" "$work/err"
fi
