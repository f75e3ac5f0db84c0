#!/bin/sh
# trace.sh [long]: tide-tune on a recorded trace instead of a command; its first runs, or with `long`
# all of a small search.
. "$(dirname "$0")/../bench/common.sh"
limit_s=1000

expect 0 tide-record --out "$work/recorded" "$python" -S -c 'print(sum(len(str(i)) for i in range(1000)))'
for trace in "$work"/recorded/*.trace; do
	[ -s "$trace" ] || fail "no trace"
done
state=$work/report/tide-tune.state
if [ "${1:-}" = long ]; then
	expect 0 tide-tune --trace "$trace" --objective cpu,peak --runs 40 --out "$work/report"
	grep -q 'beats the default' "$work/out" || fail "no verdict"
	check_page "$work/report/tide-tune.html"
else
	"$bin/tide-tune" --trace "$trace" --objective cpu,peak --runs 40 --out "$work/report" \
		>"$work/out" 2>"$work/err" &
	pid=$!
	for _ in $(seq 1000); do
		[ "$(cat "$state" 2>/dev/null | wc -l)" -lt 3 ] && kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ $status -eq 130 ] || fail "status $status after a signal"
fi
"$python" - "$state" <<'PYTHON' || fail "the state"
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
assert "--allocator" in lines[0]["command"] and len(lines) > 2, lines
for l in lines[1:]:
    assert l["fault"] is None and 0 < l["cpu_s"], l
    # What the replay took above what it began with: an interpreter that does next to nothing. The
    # program that reads the trace and waits for it takes more than that.
    assert 0 < l["peak_bytes"] < 100 << 20, l
PYTHON
