#!/bin/sh
# Hold malloc and free to their budgets of instructions and system calls; see count.c.
#
# TIDE_BUILD is the build folder of the release build. Prints the counts and, where objdump is
# there, the instructions that were counted.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
library=${TIDE_BUILD:?the build folder}/lib/libtide-core.a
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${CC:-cc}" -std=gnu11 -O2 -Wall -Wextra -I "$here/../../include" -o "$work/count" \
	"$here/count.c" "$library" -pthread

status=0
"$work/count" > "$work/counts" || status=$?
if command -v objdump > /dev/null; then
	objdump -d --no-show-raw-insn "$work/count" > "$work/code"
	# Lay the text of each instruction beside its address.
	awk 'FNR == NR {
		if (split($0, part, ":\t") == 2) {
			gsub(/ /, "", part[1])
			text[part[1]] = part[2]
		}
		next
	}
	$1 == "at" { $0 = "  " $2 "  " text[$2] }
	{ print }' "$work/code" "$work/counts"
else
	cat "$work/counts"
fi
exit "$status"
