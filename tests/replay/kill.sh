#!/bin/sh
# A process that is killed leaves a trace that has every call it made.
. "$(dirname "$0")/common.sh"

${CC:-cc} -std=gnu11 -O1 -fno-builtin -o kill "$here/kill.c" -pthread || fail kill.c
for turn in 1 2 3 4; do
	rm -rf traces counts
	"$bin/tide-record" --out traces ./kill >out 2>err &
	recorder=$!
	# Until all its threads are at work, and some chunks are full; a bit longer each turn.
	waited=0
	while [ "$(cat traces/kill-*.trace 2>/dev/null | wc -c)" -lt $((turn * 400000)) ]; do
		sleep 0.02
		waited=$((waited + 1))
		[ "$waited" -lt 3000 ] || fail "it does not start"
	done
	trace=$(only traces kill)
	process=${trace##*-}
	kill -9 "${process%.trace}" || fail "no process ${process%.trace}"
	status=0
	wait "$recorder" || status=$?
	[ "$status" -eq 137 ] || fail "tide-record ended with $status instead of 137"
	grep -q 'did not exit' out || fail "tide-record does not tell that it was killed"
	is "$trace" ended 0
	is "$trace" lost 0
	is "$trace" overlaps 0
	"$bin/tide-trace" text "$trace" >text || fail "tide-trace text"
	"$python" - <<'PYTHON' || fail "the trace lacks calls"
import struct
counted = struct.unpack("3Q", open("counts", "rb").read(24))
made, freed, of = [0] * 3, [0] * 3, {}
for line in open("text"):
    word = line.split()
    if len(word) > 3 and word[2] == "malloc" and word[3] in ("7000", "7001", "7002"):
        made[int(word[3]) - 7000] += 1
        of[word[5]] = int(word[3]) - 7000
    elif len(word) > 3 and word[2] == "free" and word[3] in of:
        freed[of.pop(word[3])] += 1
for n in range(3):
    # Between a call and its count the process may have been killed.
    assert counted[n] <= freed[n] <= made[n] <= counted[n] + 1, (n, counted, freed, made)
assert sum(counted) > 10000, counted
PYTHON
done
replays "$trace"
