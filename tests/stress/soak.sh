#!/bin/sh
# soak.sh: a soak of an allocator that loses one free in a thousand fails by the trend of its memory
# alone; one that is too short to tell does not pass either.
. "$(dirname "$0")/common.sh"

${CC:-cc} -O1 -fno-builtin -shared -fPIC -o broken.so "$here/broken_malloc.c" ||
	fail "broken_malloc.c"

# soak HOURS: its exit status is $status.
soak() {
	status=0
	TIDE_BROKEN=leak LD_PRELOAD=$work/broken.so timeout -k 5 "$limit_s" \
		"$bin/tide-stress-external" --scenario "$here/soak.scenario" --soak "$1" --seed 3 \
		--report report >out 2>err || status=$?
}

soak 0.006
[ "$status" -eq 1 ] || fail "a leak passed"
said "resident memory GROWS"
said "FAILED: resident memory did not come to a plateau"
python3 - report/report.json <<'END' || fail "the report"
import json, sys
root = json.load(open(sys.argv[1]))
soak = root["soak"]
sys.exit(not (soak["grows"] and soak["growth_bytes"] > 1 << 20 and soak["sigma"] > 2.6
              and soak["judged_points"] >= 8 and root["verdict"]["failures"] == 0
              and not root["verdict"]["passed"]))
END
grep -q '<h2>Soak</h2>' report/report.html || fail "the page has no soak"

soak 0.0002
[ "$status" -eq 1 ] || fail "too short a soak passed"
said "can't tell a trend"

# A checkpoint line each minute, also of a right one; whether that one is flat is for longer soaks.
status=0
timeout -k 5 "$limit_s" "$bin/tide-stress" --scenario "$here/soak.scenario" --soak 0.0172 --seed 3 \
	--quiet --report report >out 2>err || status=$?
[ "$status" -le 1 ] || fail "exit status $status"
said "checkpoint 1:0"
said "soak"
