#!/bin/sh
# Every scenario of the load runs, with little work, on Tide and on the C library, and tells whose
# malloc it had.
. "$(dirname "$0")/common.sh"

preload=$(readlink -f "$bin/../lib/libtide-preload.so")
"$bin/tide-bench-load" --list >"$work/list"
[ "$(wc -l <"$work/list")" -ge 30 ] || fail "few scenarios"
while read -r name what; do
	[ -n "$what" ] || fail "$name does not say what it is"
	for library in "" "$preload"; do
		for threads in "" "--threads=3"; do
			LD_PRELOAD=$library timeout 60 "$bin/tide-bench-load" "$name" \
				--scale 0.002 $threads >>"$work/results" 2>"$work/err" ||
				fail "$name under '$library'"
		done
	done
done <"$work/list"
"$python" - "$work/results" "$preload" <<'PYTHON' || fail "a result is wrong"
import json, os, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert len(lines) % 4 == 0
for i, r in enumerate(lines):
    assert r["items"] > 0 and r["wall_s"] > 0 and r["cpu_s"] > 0, r
    assert r["peak_rss_bytes"] > 500000, r
    if i % 4 < 2:
        assert os.path.basename(r["allocator"]).startswith("libc"), r
    else:
        assert os.path.realpath(r["allocator"]) == sys.argv[2], r
    # The seed is given: the work is the same on every allocator.
    assert r["items"] == lines[i - i % 4 + i % 2]["items"], r
PYTHON

# A peak is the process's own: not that of a large one which started it.
small=$("$bin/tide-bench-load" pair-fixed --scale 0.0001)
big=$("$python" -c 'import subprocess, sys
held = b"x" * (300 << 20)
print(subprocess.run(sys.argv[1:], capture_output=True, text=True).stdout)' \
	"$bin/tide-bench-load" pair-fixed --scale 0.0001)
"$python" - "$small" "$big" <<'PYTHON' || fail "the peak of the parent is counted"
import json, sys
small, big = (json.loads(text)["peak_rss_bytes"] for text in sys.argv[1:])
assert abs(small - big) < 1 << 20, (small, big)
PYTHON

status=0
"$bin/tide-bench-load" no-such >"$work/out" 2>"$work/err" || status=$?
[ "$status" -eq 2 ] || fail "an unknown scenario: status $status"
