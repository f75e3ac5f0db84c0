#!/bin/sh
# part.sh: a CMake project that has Tide's tree as a part of it (add_subdirectory) builds what it uses
# of it and nothing else, and runs. (See common.sh.)
INSTALLED=none # nothing installed is wanted
. "$(dirname "$0")/common.sh"

quiet cmake -S "$here" -B "$work/build" -DTIDE_SOURCE="$here/../.." \
	-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx"
quiet cmake --build "$work/build"
quiet ctest --test-dir "$work/build" --no-tests=error --output-on-failure
built=$(cd "$work/build" && find . -name '*.a' -o -name '*.so*' | sort | tr '\n' ' ')
[ "$built" = "./tide/lib/libtide.a " ] || fail "also built: $built"
