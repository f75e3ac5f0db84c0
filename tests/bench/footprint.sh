#!/bin/sh
# tide-footprint watches a heap grow and shrink, from outside.
. "$(dirname "$0")/common.sh"

expect 0 tide-footprint --only tide,glibc --live 32 --idle 0.5 --report "$work/report" --quiet
check "$work/report/footprint.json" <<'PYTHON'
for peer in d["peers"]:
    assert peer["fault"] is None
    run, phases = peer["runs"][0], peer["phases"]
    live = {name: phase["live_bytes"] for name, phase in phases.items()}
    full = 32 << 20
    # Each of two threads goes beyond its half by a block at most.
    assert full <= live["grow"] <= full + 2048, live
    assert 0.08 * full < live["drop"] < 0.12 * full and live["idle"] == live["drop"], live
    assert full / 2 <= live["other_sizes"] <= full / 2 + 8192, live
    assert live["idle_again"] == live["drop_again"] < 0.12 * full / 2, live
    assert live["idle_empty"] == 0, live
    # What is live is resident. All pages of these blocks were written.
    assert phases["grow"]["resident_bytes"] >= full
    assert phases["start"]["resident_bytes"] == 0
    assert close(phases["idle"]["ratio"],
                 phases["idle"]["resident_bytes"] / live["idle"])
    assert phases["idle_empty"]["ratio"] is None
    assert len(run["time_s"]) == len(run["live_bytes"]) == len(run["resident_bytes"]) > 20
    assert run["time_s"] == sorted(run["time_s"])
PYTHON
check_page "$work/report/footprint.html"

# Idle is idle: each of the three phases is one call that sleeps.
command -v strace >/dev/null || exit 0
truncate -s 4096 "$work/page"
timeout 60 strace -f -o "$work/trace" -e trace=nanosleep,clock_nanosleep \
	"$bin/tide-footprint-load" --live 1e6 --idle 2 --threads 1 --page 3 3<>"$work/page" \
	>"$work/out" 2>"$work/err" || fail "the load does not run under strace"
idles=$(grep -c 'tv_sec=2, tv_nsec=0' "$work/trace") || true
[ "$idles" -eq 3 ] || fail "$idles single sleeps instead of 3"

expect 0 tide-bench-markdown "$work/report/footprint.json"
grep -q '^| idle | [0-9].*iB [0-9.]* |' "$work/out" || fail "no row of an idle phase"
