#!/bin/sh
# coverage.sh: how much of lib/ and gc/ the unit tests run, and what of it never runs.
#
# Builds build/coverage (preset "coverage"), runs the unit and death tests in it, which takes some
# minutes, and prints which part of the lines, branches and functions ran, by folder, and the longest
# stretches that did not. Then every function that never ran must have its reason in
# tests/coverage.txt, and every reason there its function; else, or when a test failed, the exit
# status is not 0. (Functions that are always inlined are known to gcov by their lines only.)
set -eu
cd "$(dirname "$0")/.."
build=build/coverage
tests='(lib|gc|api|life|store|stats|death)/[a-z_0-9]*'
tests="($tests|override/(operators|test_mallinfo)|loader/test_credentials|prof/flame)"

cmake --preset coverage -DTIDE_TESTS=ON >/dev/null
# The programs of these tests, and those that scripts run.
programs=$(find "$build/tests" -name CTestTestfile.cmake -exec \
	sed -nE "s#^add_test\(.{0,3}$tests[] \"].*/(bin/[^\"]*)\".*#\4#p" {} +)
cmake --build "$build" -j 2 --target tide-preload tide-pinned tide-prof $programs \
	>"$build/build.log" || { tail -n 40 "$build/build.log" >&2; exit 1; }
find "$build" -name '*.gcda' -delete
status=0
# death/table is written for the optimisation of the release build.
ctest --test-dir "$build" -j 2 -R "^$tests\$" -E '^death/table$' >"$build/ctest.log" 2>&1 || {
	status=1
	grep 'Failed\|Timeout' "$build/ctest.log" >&2
}
python3 cmake/coverage.py "$build" tests/coverage.txt || status=1
exit "$status"
