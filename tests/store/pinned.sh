#!/bin/sh
# tide-pinned: old jobs pin memory, defragmentation frees it, every body is whole all the while; and
# what it says to wrong options. TIDE_BIN: where it is. TIDE_LONG=1: with two million jobs.
set -eu
pinned=$TIDE_BIN/tide-pinned
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
	echo "$1" >&2
	cat "$work/out" >&2
	failed=1
}

# percent WHEN: held/used as it was printed.
percent() {
	sed -n "s/^$1 .* (\([0-9]*\) %).*/\1/p" "$work/out"
}

# shrinks WHAT OPTION...: all is well, and held/used is less than half of what it was.
shrinks() {
	what=$1
	shift
	if ! "$pinned" "$@" >"$work/out" 2>&1; then
		fail "$what: failed"
		return
	fi
	before=$(percent before) after=$(percent after)
	[ -n "$before" ] && [ -n "$after" ] && [ "$after" -lt $((before / 2)) ] ||
		fail "$what: held/used was $before % and is $after %"
	grep -Eq '^checked  bodies [1-9]' "$work/out" || fail "$what: no body was read"
}

# refuses WHAT MESSAGE OPTION...
refuses() {
	what=$1 message=$2
	shift 2
	status=0
	"$pinned" "$@" >"$work/out" 2>&1 || status=$?
	[ "$status" -eq 2 ] || fail "$what: exit status $status"
	grep -qF -e "$message" "$work/out" || fail "$what: no '$message'"
}

jobs=60000
[ "${TIDE_LONG-0}" = 0 ] || jobs=2000000
shrinks "on demand" -n "$jobs" -l $((jobs / 10))
shrinks "by itself" -t -n 150000 -l 60000
shrinks "within a limit" -n 60000 -l 6000 -m 1G -c held -r 1

# Nothing to gain here, but much to move.
"$pinned" -n 12 -l 2 -k 3 -s 2M-64M >"$work/out" 2>&1 || fail "large bodies: failed"
grep -q '^after    entries 4,' "$work/out" || fail "large bodies: not all are there"

refuses "letters" "-n 'x': a number from 1 to" -n x
refuses "too many threads" "-w '99': a number from 1 to 32" -w 99
refuses "no range" "-s '5': MIN-MAX is wanted" -s 5
refuses "a range backwards" "-s '9-5': MIN-MAX is wanted" -s 9-5
refuses "another way" "-c 'some': bodies or held is wanted" -c some
refuses "an argument" "argument 'more': none is wanted" more
refuses "another option" "usage: tide-pinned" -z
exit "$failed"
