#!/bin/sh
# layers.sh ROOT CMAKE: the rank check lets right trees pass and stops wrong ones.
set -eu
root=$1 cmake=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/lib" "$work/gc"
failed=0

# check RANK_0 RANK_1 ALLOW: run the check over the little tree.
check() {
	printf 'set(TIDE_RANK_0 "%s")\nset(TIDE_RANK_1 "%s")\n' "$1" "$2" >"$work/ranks.cmake"
	printf 'set(TIDE_LAYER_ALLOW "%s")\n' "$3" >>"$work/ranks.cmake"
	"$cmake" -D TIDE_ROOT="$work" -D TIDE_RANKS="$work/ranks.cmake" \
		-P "$root/cmake/Layers.cmake" >"$work/out" 2>&1
}

# passes WHAT RANK_0 RANK_1 ALLOW
passes() {
	if ! check "$2" "$3" "$4"; then
		echo "stopped, but right: $1" >&2
		cat "$work/out" >&2
		failed=1
	fi
}

# stops WHAT MESSAGE RANK_0 RANK_1 ALLOW
stops() {
	if check "$3" "$4" "$5"; then
		echo "let pass, but wrong: $1" >&2
		failed=1
	elif ! grep -qF "$2" "$work/out"; then
		echo "stopped for another reason: $1" >&2
		cat "$work/out" >&2
		failed=1
	fi
}

echo '#include <stddef.h>' >"$work/lib/low.h"
printf '#include "low.h"\n#include <tide/tide.h>\n' >"$work/lib/high.h"
echo '#include "high.h"' >"$work/lib/high.c"
low=lib/low.h
high='lib/high.h;lib/high.c'

passes "upwards only" "$low" "$high" ""
stops "downwards" "lib/high.h (rank 0) includes lib/low.h (rank 1)" "$high" "$low" ""
stops "in one rank" "lib/high.h (rank 0) includes lib/low.h (rank 0)" "$low;$high" "" ""
passes "in one rank, allowed" "$low;$high" "" "lib/high.h > lib/low.h"
passes "allowed by a pattern" "$low;$high" "" "lib/*.h > lib/low.h"
stops "allowed the other way round" "lib/high.h (rank 0) includes lib/low.h" "$low;$high" "" \
	"lib/low.h > lib/high.h"
stops "a file without a rank" "lib/high.c has no rank" "$low" "lib/high.h" ""
stops "a rank without a file" "lib/gone.h has a rank, but is not there" "$low;lib/gone.h" "$high" ""

echo '  #  include <high.h>' >"$work/lib/low.h"
stops "angle brackets and blanks" "lib/low.h (rank 0) includes lib/high.h (rank 1)" "$low" "$high" ""

echo '#include "nowhere.h"' >"$work/lib/low.h"
stops "an unknown header" 'lib/low.h includes "nowhere.h", which has no rank' "$low" "$high" ""

: >"$work/lib/low.h"
echo '#include "high.h"' >"$work/gc/gc.h"
passes "another folder's lower rank" "$low;$high" "gc/gc.h" "lib/high.h > lib/low.h"
stops "another folder's same rank" \
	"gc/gc.h (rank 1) includes lib/high.h (rank 1)" "$low" "$high;gc/gc.h" ""

exit "$failed"
