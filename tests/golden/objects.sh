#!/bin/sh
# Object caches take fewer instructions than malloc and free of the same size, as callgrind counts them:
# when every call hits the thread's bin, and when many objects go through the depot.
#
# TIDE_BUILD is the build folder of the release build.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
library=${TIDE_BUILD:?the build folder}/lib/libtide-core.a
command -v valgrind >/dev/null || { echo "skipped: no valgrind" >&2; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${CC:-cc}" -std=gnu11 -O2 -Wall -Wextra -I "$here/../../include" -o "$work/objects" \
	"$here/objects.c" "$library" -pthread

# instructions WHAT SIZE LIVE ROUNDS: of the whole process.
instructions() {
	valgrind --tool=callgrind --callgrind-out-file="$work/out" "$work/objects" "$@" \
		>/dev/null 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
	sed -n 's/^\(summary\|totals\): *\([0-9]*\).*/\2/p' "$work/out" | tail -n 1
}

# of WHAT SIZE LIVE ROUNDS: a hundredth of an instruction for a pair, start and warming up taken off.
of() {
	first=$(instructions "$1" "$2" "$3" "$4")
	second=$(instructions "$1" "$2" "$3" $(($4 * 2)))
	[ "$second" -gt "$first" ] || { echo "nothing was counted" >&2; exit 1; }
	echo $(((second - first) * 100 / ($3 * $4)))
}

failed=0
# compare SIZE LIVE ROUNDS
compare() {
	malloc=$(of malloc "$@")
	object=$(of object "$@")
	echo "$1 bytes, $2 live: malloc and free $malloc/100 instructions a pair, object $object/100"
	[ "$object" -lt "$malloc" ] || { echo "not fewer" >&2; failed=1; }
}

compare 64 1 20000
compare 24 8 5000
compare 1000 16 2000
compare 64 2000 30
exit "$failed"
