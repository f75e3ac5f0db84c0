#!/bin/sh
# run.sh [ARGUMENT...]: build what is shipped and put it under load; arguments are tide-stress's.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release

sh "$root/cmake/setup.sh" build
# Criterion is not needed for this. A folder that is configured already keeps its tests.
[ -e "$build/CMakeCache.txt" ] || (cd "$root" && cmake --preset release -DTIDE_TESTS=OFF >/dev/null)
cmake --build "$build" --target tide-stress
exec "$build/bin/tide-stress" --report "$build/report" "$@"
