#!/bin/sh
# The misuse table: run each misuse of table.cpp in each mode, and compare what comes of it, word by
# word, with table.txt. table.sh PROGRAM TABLE compares; table.sh PROGRAM prints.
#
#   at once      reported before the misuse was over
#   at its free  reported when the block that was written past, or one next to it, was freed
#   by the GC    reported by the next purge          later  when the memory was to be used again
#   fault        the hardware stopped it, without a report
#   harmless     nothing came of it                  missed  memory is not what the program expects
#   refused      harmless, in that the call failed
#
# A report goes with its wording; P is the pointer, T the thread.
set -eu

program=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
ulimit -c 0

outcome() # of the run in $out, of status $1
{
	if grep -q '^tide: ' "$out/stderr"; then
		[ "$1" -eq 134 ] || { echo "reported, and ended with $1"; return; }
		when=later
		grep -qx purged "$out/stdout" || when='by the GC'
		grep -qx freed "$out/stdout" || when='at its free'
		grep -qx 'went by' "$out/stdout" || when='at once'
		! grep -qx twice "$out/stdout" || when="$when, after it was given out twice"
		text=$(grep '^tide: ' "$out/stderr" | sed 's/0x[0-9a-f]*/P/;s/thread [0-9]*/T/')
		echo "$when: ${text#tide: }"
	elif [ "$1" -eq 139 ]; then
		echo fault
	elif [ "$1" -eq 0 ] && grep -qx sound "$out/stdout"; then
		echo harmless
	elif [ "$1" -eq 0 ] && grep -qx unsound "$out/stdout"; then
		echo missed
	else
		echo "ended with $1"
	fi
}

rows()
{
	"$program" | while read -r name; do
		for mode in TIDE_CHECK=0 TIDE_CHECK=1 TIDE_CHECK=2 TIDE_GUARD_EVERY=1; do
			status=0
			env "$mode" "$program" "$name" > "$out/stdout" 2> "$out/stderr" || status=$?
			echo "$name | $mode | $(outcome "$status")"
		done
	done
}

rows > "$out/table"
if [ $# -eq 1 ]; then
	cat "$out/table"
else
	diff "$2" "$out/table"
fi
