#!/bin/sh
# Threads that free each other's blocks: all calls are in the trace, each is its thread's, every block
# has one begin and one end, and replays do the same, in the trace's order and nearly so.
. "$(dirname "$0")/common.sh"

${CC:-cc} -std=c11 -O1 -fno-builtin -o threads "$here/threads.c" -pthread || fail threads.c
expect 0 tide-record --out traces ./threads
trace=$(only traces threads)
"$bin/tide-trace" text "$trace" >text || fail "tide-trace text"
is "$trace" threads 105
is "$trace" ended_threads 104
is "$trace" ended 1
for name in lost foreign overlaps failed; do
	is "$trace" $name 0
done
awk '
function wrong(what) { print what; bad = 1; exit 1 }
NF < 3 || !/^[0-9]/ { next }
$3 == "malloc" && $4 >= 3000 && $4 <= 3003 {
	made[$4]++
	if (maker[$4] == "") maker[$4] = $2
	else if (maker[$4] != $2) wrong("two threads made blocks of " $4)
	live[$6] = $2
}
$3 == "free" && $4 in live { if (live[$4] != $2) crossed++; delete live[$4] }
$3 == "realloc" { resized++ }
$3 == "malloc" && $4 == 5000 { brief[$2]++ }
END {
	if (bad) exit 1
	for (size = 3000; size < 3004; size++)
		if (made[size] != 5000) { print made[size] " blocks of " size; exit 1 }
	if (crossed != 20000) { print crossed " were freed by another thread"; exit 1 }
	if (resized != 20000) { print resized " reallocs"; exit 1 }
	for (thread in brief) { if (brief[thread] != 1) exit 1; threads++ }
	if (threads != 100) { print threads " short threads"; exit 1 }
}' text >out || fail "the trace is not what was done"

# Ended threads hand on what is left of their chunks: the file does not grow with their number.
bytes=$(number "$trace" file_bytes)
[ "$bytes" -lt 2000000 ] || fail "the file has $bytes bytes"

replays "$trace"
replays "$trace" --apart 10 --touch all
replays "$trace" --apart 0 --touch none
# At its own speed it takes no less time than it took.
replays "$trace" --speed as-recorded
"$python" - <<'PYTHON' || fail "as-recorded was faster than the trace"
import json
d = json.load(open("report/replay.json"))
last_s = 0.9 * d["trace"]["seconds"]
assert all(run["wall_s"] >= last_s for peer in d["peers"] for run in peer["runs"])
PYTHON
