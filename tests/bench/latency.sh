#!/bin/sh
# tide-latency times calls of every kind in every phase.
. "$(dirname "$0")/common.sh"

expect 0 tide-latency --only tide,glibc --scale 0.005 --rounds 2 --threads 3 \
	--report "$work/report" --quiet
check "$work/report/latency.json" <<'PYTHON'
kinds = [(r["phase"], r["call"]) for r in d["rows"]]
assert kinds == [(p, c) for p in ("steady", "cross", "growth", "wake")
                 for c in ("malloc", "free", "nothing")]
for peer in d["peers"]:
    assert peer["fault"] is None and len(peer["runs"]) == 2
    for run in peer["runs"]:
        assert run["threads"] == 3
        assert all(row["count"] > 0 for row in run["rows"])
columns = ("p50_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "max_ns")
for number, row in enumerate(d["rows"]):
    for peer, cell in zip(d["peers"], row["peers"]):
        for column in columns:
            values = [run["rows"][number][column] for run in peer["runs"]]
            assert close(cell[column], sum(values) / 2)
        for run in peer["runs"]:
            ns = [run["rows"][number][column] for column in columns]
            assert ns == sorted(ns) and ns[0] > 0, ns
PYTHON
check_page "$work/report/latency.html"
expect 2 tide-latency --threads 0

expect 0 tide-bench-markdown "$work/report/latency.json"
said '### p99.99 of one call'
grep -q '^| cross, free | [0-9].*s | [0-9].*s |$' "$work/out" || fail "no row of cross, free"
