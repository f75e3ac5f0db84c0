#!/bin/sh
# tide-top in a terminal of 80x24, of 120x40, of 50x12 and of the plainest kind, watching a server.
set -eu
: "${TIDE_PRELOAD:?the library to preload}" "${TIDE_BIN:?where tide-top is}"
for program in tmux redis-server redis-cli; do
	command -v "$program" >/dev/null || { echo "there is no $program"; exit 77; }
done
# (TIDE_* in the environment of what is run are options.)
preload=$TIDE_PRELOAD top=$TIDE_BIN/tide-top
unset TIDE_PRELOAD TIDE_BIN
[ -x "$top" ] || { echo "tide-top was not built"; exit 77; }
work=$(mktemp -d)
server=
tmux() {
	env -u TMUX TMUX_TMPDIR="$work" tmux -f /dev/null "$@"
}
cleanup() {
	tmux kill-server 2>/dev/null || true
	[ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 129' HUP INT TERM

fail() {
	echo "FAIL: $1" >&2
	cat "$work/screen" >&2 || true
	exit 1
}

# The server, and something for it to hold; by its socket, so that no port is taken. Only one of its
# threads allocates, so it would have no GC thread unasked.
TIDE_GC=2 LD_PRELOAD=$preload redis-server --port 0 --unixsocket "$work/redis" --save '' \
	--dir "$work" --daemonize no >"$work/redis.log" 2>&1 &
server=$!
client() {
	redis-cli -s "$work/redis" "$@"
}
fill() {
	client eval "for i = 1, 20000 do redis.call('set', KEYS[1] .. i, string.rep('x', i % 700)) end" \
		1 "$1" >/dev/null
}
for _ in $(seq 100); do
	[ "$(client ping 2>/dev/null)" != PONG ] || break
	sleep 0.1
done
fill a

# look WINDOW PATTERN: waits for a screen with PATTERN that two looks show alike; a terminal takes
# what is drawn in pieces, and a single look may see half of one view and half of the next.
look() {
	for _ in $(seq 200); do
		tmux capture-pane -p -t "$1" >"$work/screen" 2>/dev/null || true
		sleep 0.05
		tmux capture-pane -p -t "$1" >"$work/again" 2>/dev/null || true
		! cmp -s "$work/screen" "$work/again" || ! grep -Eq -e "$2" "$work/screen" || return 0
	done
	cat "$work/again" >&2
	fail "no '$2' in window $1, or never two alike"
}

# shows PATTERN...: on the screen last looked at.
shows() {
	for pattern in "$@"; do
		grep -Eq -e "$pattern" "$work/screen" || fail "no '$pattern'"
	done
}

# fits COLUMNS LINES: columns, not bytes, of which a block of a sparkline has three; in C.UTF-8.
fits() {
	[ "$(wc -l <"$work/screen")" -le "$2" ] || fail "more than $2 lines"
	[ "$(wc -L <"$work/screen")" -le "$1" ] || fail "lines above $1"
}

# open NAME COLUMNS LINES ENVIRONMENT [OPTION...]
open() {
	name=$1 columns=$2 lines=$3 environment=$4
	shift 4
	tmux new-session -d -s "$name" -x "$columns" -y "$lines" \
		"env $environment '$top' -d 0.2 $* $server; echo LEFT with \$?; sleep 60"
}

# The page comes a moment after the GC thread.
for _ in $(seq 50); do
	! "$top" --once text "$server" >"$work/screen" 2>&1 || break
	fill b
	sleep 0.2
done
shows '^Tide [0-9.]+, process '"$server"', '
"$top" --once json "$server" | python3 -m json.tool >"$work/screen"
shows '"process_id": '"$server"
"$top" --list >"$work/screen"
shows "^ *$server .*redis-server"

LC_ALL=C.UTF-8
export LC_ALL
open plain 80 24 LC_ALL=C.UTF-8
look plain '^memory is held by'
fits 80 24
shows "^tide-top  redis-server \\($server\\) .*Tide [0-9.]+  threads [1-9]" \
	'^holds [0-9.]+[KMG] of [0-9.]+[KMG] mapped   rss [0-9.]+[KMG]   live [0-9.]+[KMG]' \
	'^live blocks +[0-9.]+[KM] +[0-9]+%  the program has them' \
	'^ready queues ' '^garbage bins ' '^slabs, free part ' '^free chunks ' '^over time' \
	'^processor of the GC +[0-9.]+%' '1 memory  2 classes'
fill c
look plain '^misses .*[▂▃▄▅▆▇█]'
# The percentages are of one whole.
sum=$(sed -n 's/^[a-z, ]* [0-9.]*[KMGT]* *\([0-9]*\)%  .*/\1/p' "$work/screen" | awk '{ s += $1 } END { print s }')
[ "$sum" -ge 90 ] && [ "$sum" -le 106 ] || fail "the parts make $sum %"

tmux send-keys -t plain 2
look plain '^ +class +heldv'
fits 80 24
# Sorted by what is held, the most first; then by length.
held() {
	sed -n 's/^  *[0-9.][0-9.KM]*  *\([0-9.][0-9.]*\)\([KMG]\{0,1\}\) .*/\1 \2/p' "$work/screen" |
		awk '{ f = 1; if ($2 == "K") f = 1024; if ($2 == "M") f = 1048576; print $1 * f }'
}
held | sort -c -g -r || fail "not sorted by held"
tmux send-keys -t plain S
look plain '^ *class\^ +held '
sed -n 's/^  *\([0-9.][0-9.]*\)\([KM]\{0,1\}\) .*/\1 \2/p' "$work/screen" |
	awk '{ f = 1; if ($2 == "K") f = 1024; print $1 * f }' | sort -c -g || fail "not sorted by length"
tmux send-keys -t plain r
look plain '^ *classv '
tmux send-keys -t plain / '64-128' Enter
look plain '^[0-9]+ of [0-9]+ classes: lengths 64-128'
rows=$(grep -Ec '^ +(64|80|96|112|128) ' "$work/screen")
[ "$rows" -ge 3 ] || fail "only $rows rows of 64-128"
! grep -Eq '^ +(48|160|1\.0K) ' "$work/screen" || fail "the filter lets others through"
tmux send-keys -t plain / '9-3' Enter
look plain 'filter\? 64, 1K-4K, 8K-, -128'
tmux send-keys -t plain / Enter
tmux send-keys -t plain 3
look plain '^ +class +blocks +level  filled'
shows '^ +[0-9.]+K? +[0-9.]+k? +[0-9.]+k?  \[[# ]{16}\]'
fits 80 24
tmux send-keys -t plain 4
look plain '^thread: (at work|dozing|asleep)'
shows '^rounds +[0-9]' 'books balance' '^rounds of the GC thread by how long' 'below +[0-9.]+[num]?s'
fits 80 24
tmux send-keys -t plain 5
look plain '^  thread  heap'
shows "^ +$server +0 " '^  heap threads' '^ +0 +[1-9]'
fits 80 24
tmux send-keys -t plain '?'
look plain 'sort by the next'
fits 80 24
tmux send-keys -t plain '?' p
look plain 'PAUSED'
tmux send-keys -t plain p 1

# A larger terminal, one that is too small for all, and one without colours or UTF-8.
open large 120 40 LC_ALL=C.UTF-8 2>/dev/null
look large '^over time'
fits 120 40
open small 50 12 LC_ALL=C.UTF-8
look small '^memory is held by'
fits 50 12
open tiny 30 8 LC_ALL=C.UTF-8
look tiny 'needs 40x10'
open simple 80 24 "LC_ALL=C TERM=vt100" --no-colour
look simple '^memory is held by'
fits 80 24
! LC_ALL=C grep -q '[^ -~]' "$work/screen" || fail "not plain characters"
shows '^live +[0-9.]+[KM] +[_.=+*#@-]+'
tmux capture-pane -p -e -t plain >"$work/coloured"
tmux capture-pane -p -e -t simple >"$work/screen"
! grep -q "$(printf '\033')\\[3[0-8]m" "$work/screen" || fail "colours where none were wanted"
grep -q "$(printf '\033')\\[3[0-8]m" "$work/coloured" || fail "no colours where they are"

# A terminal that can nothing.
TERM=dumb-unknown "$top" "$server" >"$work/screen" 2>&1 </dev/null && fail "unknown terminal"
shows "can't show anything on terminal type 'dumb-unknown'"

# The server ends: said clearly, and the figures stay.
client shutdown nosave >/dev/null 2>&1 || true
wait "$server" 2>/dev/null || true
look plain "^PROCESS $server HAS ENDED"
shows '^live blocks '
ended=$server
server=
tmux send-keys -t plain q
look plain '^LEFT with 0'
"$top" "$ended" >"$work/screen" 2>&1 && fail "there is no such process"
shows "there is no process $ended"
