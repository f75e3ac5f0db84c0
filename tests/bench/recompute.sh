#!/bin/sh
# Medians, ratios and geometric means of runs that are known.
. "$(dirname "$0")/common.sh"

# run ROUND WALL CPU PEAK
run() {
	printf '{"round": %d, "wall_s": %s, "cpu_s": %s, "peak_rss_bytes": %s}' "$@"
}

# Of micro/a: wall medians 2, 4 and (c) 8 s. In c the values follow the rounds of a, so that in most
# rounds c is 4 times a. Of program/b: 3, 1, and a fault.
cat >"$work/bench.json" <<EOF_JSON
{"program": "tide-bench", "format": 1,
 "peers": [{"name": "a", "path": ""}, {"name": "b", "path": ""}, {"name": "c", "path": ""}],
 "scenarios": [
  {"name": "micro/a", "what": "", "peers": [
   {"name": "a", "allocator": "x", "fault": null,
    "runs": [$(run 0 1 2 100), $(run 1 2 2 100), $(run 2 9 2 100)]},
   {"name": "b", "allocator": "x", "fault": null,
    "runs": [$(run 0 3 1 400), $(run 1 5 1 400)]},
   {"name": "c", "allocator": "x", "fault": null,
    "runs": [$(run 0 4 3 200), $(run 1 8 3 200), $(run 2 72 3 200)]}]},
  {"name": "program/b", "what": "", "peers": [
   {"name": "a", "allocator": "x", "fault": null, "runs": [$(run 0 3 0 100)]},
   {"name": "b", "allocator": "x", "fault": null, "runs": [$(run 0 1 0 100)]},
   {"name": "c", "allocator": "x", "fault": "crashed", "runs": [$(run 0 0.1 0 1)]}]}]}
EOF_JSON
expect 1 tide-bench --from-json "$work/bench.json" --report "$work/report"
said "c: crashed"
check "$work/report/bench.json" <<'PYTHON'
first, second = d["scenarios"]
def of(scenario, metric, name):
    return [cell[metric][name] for cell in scenario["peers"]]
assert of(first, "wall", "median") == [2e9, 4e9, 8e9]
assert of(first, "wall", "ratio") == [1, 2, 4]
# Round by round: b 3/1 and 5/2; c 4/1, 8/2 and 72/9.
assert of(first, "wall", "paired_ratio") == [1, 2.75, 4]
assert of(first, "wall", "low") == [1.5e9, 3.5e9, 6e9]
assert of(first, "wall", "high") == [5.5e9, 4.5e9, 40e9]
assert of(first, "cpu", "ratio") == [2, 1, 3]
assert of(first, "peak", "ratio") == [1, 4, 2]
# A fault has no figures, though its run would have been the best; nothing is divided by zero.
assert of(second, "wall", "median") == [3e9, 1e9, None]
assert of(second, "wall", "ratio") == [3, 1, None]
assert of(second, "cpu", "ratio") == [None, None, None]
means = [p["geometric_mean"] for p in d["peers"]]
assert [m["all"]["wall"]["scenarios"] for m in means] == [2, 2, 1]
for got, wanted in zip(means, (math.sqrt(3), math.sqrt(2), 4)):
    assert close(got["all"]["wall"]["ratio"], wanted)
assert [m["micro"]["wall"]["ratio"] for m in means] == [1, 2, 4]
assert [m["program"]["wall"]["ratio"] for m in means] == [3, 1, None]
assert [m["all"]["cpu"]["scenarios"] for m in means] == [1, 1, 1]
PYTHON
grep -q 'data-path="scenarios.0.peers.2.wall.ratio" value="4"' "$work/report/bench.html" ||
	fail "the page does not have the ratio of the document"

# The same figures as a table.
expect 0 tide-bench-markdown "$work/report/bench.json"
said '| micro/a | **2.0 s 1.00** | 4.0 s 2.00 | 8.0 s 4.00 |'
said '| program/b | 3.0 s 3.00 | **1.0 s 1.00** | fault |'
said '| geometric mean of the ratios | 1.73 | 1.41 | 4.00 |'
expect 1 tide-bench-markdown "$work/none.json"
said none.json
echo '{"program": "other"}' >"$work/other.json"
expect 1 tide-bench-markdown "$work/other.json"
said 'other.json: not a document of tide-bench, tide-latency or tide-footprint'
expect 2 tide-bench-markdown
