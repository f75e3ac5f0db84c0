#!/bin/sh
# tide-bench runs scenarios under Tide and the C library, and tells what was measured.
. "$(dirname "$0")/common.sh"

expect 0 tide-bench --list
said micro/pair-fixed
expect 0 tide-bench --only tide,glibc --scenario pair-fixed --scenario micro/hand-1-1 \
	--scale 0.001 --rounds 2 --warmup 1 --programs "$work" --report "$work/report" --quiet
said "geometric mean"
check "$work/report/bench.json" <<'PYTHON'
assert [p["name"] for p in d["peers"]] == ["tide", "glibc"]
assert [s["name"] for s in d["scenarios"]] == ["micro/pair-fixed", "micro/hand-1-1"]
for s in d["scenarios"]:
    tide, glibc = s["peers"]
    assert tide["allocator"].endswith("/libtide-preload.so"), tide["allocator"]
    assert glibc["allocator"].rsplit("/", 1)[1].startswith("libc"), glibc["allocator"]
    for cell in s["peers"]:
        assert cell["fault"] is None
        # The warm-up does not count.
        assert [r["round"] for r in cell["runs"]] == [0, 1]
        for metric, field, unit in (("wall", "wall_s", 1e9), ("cpu", "cpu_s", 1e9),
                                    ("peak", "peak_rss_bytes", 1)):
            values = [r[field] for r in cell["runs"]]
            assert all(v > 0 for v in values), values
            assert close(cell[metric]["median"], sum(values) / 2 * unit)
            best = min(c[metric]["median"] for c in s["peers"])
            assert close(cell[metric]["ratio"], cell[metric]["median"] / best)
for p in d["peers"]:
    assert p["geometric_mean"]["all"]["wall"]["scenarios"] == 2
    assert p["geometric_mean"]["program"]["wall"]["scenarios"] == 0
PYTHON
check_page "$work/report/bench.html"

# The same document, computed again from its runs.
expect 0 tide-bench --from-json "$work/report/bench.json" --report "$work/again"
cmp "$work/report/bench.json" "$work/again/bench.json" || fail "a recomputed document differs"

expect 2 tide-bench --scenario no-such
expect 2 tide-bench --only no-such
expect 2 tide-bench --rounds 0
expect 2 tide-bench --peer "x=$work/no-such.so"
expect 2 tide-bench --frobnicate
expect 2 tide-bench --from-json "$work/check.py"
