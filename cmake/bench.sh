#!/bin/sh
# bench.sh [--quick | ARGUMENT...]: install the peers and the programs that are measured, build, and
# compare. The pages go to build/bench-report/.
#
#   (nothing)   all scenarios, latencies and footprints: hours
#   --quick     every micro scenario and some programs, with little work, to see that all goes:
#               minutes, and no figures to rely on
#   ARGUMENT    is tide-bench's, which alone is run: --scenario 'exchange*' --only tide,glibc
set -eu
cd "$(dirname "$0")/.."
build=build/release
report=build/bench-report
work=build/bench-work

sh cmake/setup.sh build
# What can't be installed is left out of the comparison.
sh cmake/setup.sh bench || echo "bench: going on with what is there" >&2
# Criterion is not needed for this. A folder that is configured already keeps its tests.
[ -e "$build/CMakeCache.txt" ] || cmake --preset release -DTIDE_TESTS=OFF >/dev/null
cmake --build "$build" --target tide-preload tide-bench tide-latency tide-footprint \
	tide-bench-markdown

# Each tells by its status whether all runs counted: the others are run in any case.
status=0
case ${1-} in
'')
	"$build/bin/tide-bench" --report "$report" --work "$work" || status=$?
	"$build/bin/tide-latency" --report "$report" || status=$?
	"$build/bin/tide-footprint" --report "$report" --idle 12 --rounds 3 || status=$?
	;;
--quick)
	TIDE_BENCH_SMALL=1 "$build/bin/tide-bench" --report "$report" --work "$work-quick" \
		--scale 0.05 --rounds 2 --scenario 'micro/*' \
		--scenario program/lua --scenario program/sqlite --scenario program/redis || status=$?
	"$build/bin/tide-latency" --report "$report" --scale 0.05 --rounds 1 || status=$?
	"$build/bin/tide-footprint" --report "$report" --live 128 --idle 2 || status=$?
	;;
*) "$build/bin/tide-bench" --report "$report" --work "$work" "$@" || status=$? ;;
esac
# stress/RESULTS.md is a copy of a run of the first kind.
set --
for document in bench latency footprint; do
	[ ! -e "$report/$document.json" ] || set -- "$@" "$report/$document.json"
done
"$build/bin/tide-bench-markdown" "$@" >"$report/RESULTS.md" || status=1
echo "$report/RESULTS.md"
exit "$status"
