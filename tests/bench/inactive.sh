#!/bin/sh
# A preload that does not serve malloc is found out, and has no figures.
. "$(dirname "$0")/common.sh"

# A library that the loader is glad to preload, but without a malloc.
library=$(ldd "$bin/tide-bench" | sed -n 's/.*libm\.so\.6 => \([^ ]*\) .*/\1/p')
[ -r "$library" ] || fail "no library without malloc is at hand"
expect 1 tide-bench --peer "idle=$library" --only glibc,idle --scenario pair-fixed --scale 0.001 \
	--rounds 2 --programs "$work" --report "$work/report" --quiet
said "idle: not active: malloc comes from"
check "$work/report/bench.json" <<'PYTHON'
glibc, idle = d["scenarios"][0]["peers"]
assert "not active" in idle["fault"] and "libc" in idle["fault"], idle["fault"]
assert idle["runs"] == [] and idle["wall"]["median"] is None and idle["wall"]["ratio"] is None
assert glibc["fault"] is None and close(glibc["wall"]["ratio"], 1)
assert d["peers"][1]["geometric_mean"]["all"]["wall"] == {"ratio": None, "scenarios": 0}
assert d["summary"]["faults"] == 1
PYTHON
grep -q "not active" "$work/report/bench.html" || fail "the page does not tell the fault"

for program in tide-latency tide-footprint; do
	set -- --peer "idle=$library" --only idle --report "$work/report" --quiet
	case $program in
	tide-latency) set -- "$@" --scale 0.001 --rounds 1 ;;
	tide-footprint) set -- "$@" --live 1 --idle 0.1 ;;
	esac
	expect 1 "$program" "$@"
	said "idle: not active: malloc comes from"
done
