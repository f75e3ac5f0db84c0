#!/bin/sh
# coverage.sh [LABELS]: which lines and branches of lib/ and gc/ the unit tests run.
#
# Builds build/coverage (preset "coverage"), runs the tests with these labels in it (default: those of
# the units), and prints lines and branches by folder and by file. Then every function that no test
# came into must have its reason in tests/coverage.txt, and every reason there its function; else the
# exit status is 1. What was not run, line by line, is in build/coverage/lines.txt.
set -eu
cd "$(dirname "$0")/.."
labels=${1-'^(lib|gc|api|life|store|stats|interleave|death)$'}
build=build/coverage

cmake --preset coverage -DTIDE_TESTS=ON >/dev/null
cmake --build "$build" -j 2 >"$build/build.log" || { tail -n 40 "$build/build.log" >&2; exit 1; }
find "$build" -name '*.gcda' -delete
# Figures of a run in which tests failed say little, but are better than none.
ctest --test-dir "$build" -j 2 -L "$labels" >"$build/ctest.log" 2>&1 ||
	echo "coverage: not all tests passed, see $build/ctest.log" >&2

exec python3 cmake/coverage.py "$build" tests/coverage.txt
