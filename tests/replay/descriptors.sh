#!/bin/sh
# A program whose own file takes the number of the recorder's is recorded all the same, and its file
# stays as it is.
. "$(dirname "$0")/common.sh"

${CC:-cc} -std=gnu11 -O1 -fno-builtin -o descriptors "$here/descriptors.c" || fail descriptors.c
expect 0 tide-record --out traces ./descriptors
trace=$(only traces descriptors)
is "$trace" lost 0
made=$("$bin/tide-trace" text "$trace" | grep -c ' malloc 6000 = 0x') || true
[ "$made" -eq 50000 ] || fail "$made of 50000 calls"
[ ! -s victim ] || fail "the program's own file was written to"

# The allocator that is recorded may be another one, which has no word to say about that.
LD_PRELOAD="$bin/../lib/libtide-preload.so" expect 0 tide-record --out of-tide "$python" -c 'print(1)'
[ ! -s err ] || fail "Tide complains"
only of-tide python3 >/dev/null

# Where there is no room for files, the program runs on, and it is told why nothing is recorded. Room
# for some: what fits is there, and the rest is counted.
(ulimit -f 4 && exec "$bin/tide-record" --out small ./descriptors) >out 2>err || fail "no room"
grep -q '^tide-record: .*small/descriptors-.*\.trace: File too large$' err || fail "it says nothing"
(ulimit -f 100 && exec "$bin/tide-record" --out some ./descriptors) >out 2>err || fail "some room"
trace=$(only some descriptors)
calls=$(number "$trace" calls) lost=$(number "$trace" lost)
[ "$lost" -gt 0 ] && [ $((calls + lost)) -ge 100000 ] || fail "$calls calls and $lost lost ones"
