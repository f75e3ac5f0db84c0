#!/bin/sh
# order.sh OBJDUMP ARCHIVE: the emulator keeps memory in a stronger order than the processor it stands
# for, so what runs under it shows nothing of orders. The machine code does: around each double-width
# compare-and-swap, which alone is not the compiler's, there are the fences that make it acquire and
# release (lib/atomic.h).
set -eu

"$1" -d --no-show-raw-insn "$2" | awk '
# "  2c:\tldxp\tx4, x5, [x20]"
/>:$/ { fenced = 0; open = 0 }
$2 == "dmb" && $3 == "ish" { fenced = NR }
$2 == "ldxp" {
	swaps++
	if (!fenced || NR - fenced > 8) { print "no release fence before: " $0; bad++ }
}
$2 == "stxp" { open = NR; line = $0 }
$2 == "dmb" && $3 == "ishld" && open { open = 0; closed++ }
open && NR - open > 8 { print "no acquire fence after: " line; bad++; open = 0 }
END {
	printf "%d swaps, %d fenced on both sides\n", swaps, closed
	exit bad || !swaps || closed != swaps
}'
