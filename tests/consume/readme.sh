#!/bin/sh
# readme.sh: what the README tells to do about linking is done as it stands there, and works. (See
# common.sh.)
. "$(dirname "$0")/common.sh"
readme=$here/../../README.md
command -v pkg-config >/dev/null || { echo "skip: no pkg-config"; exit 77; }

sed -n '/^<!-- link -->$/,/^<!-- end of link -->$/s/^    //p' "$readme" >"$work/told"
cc_line=$(grep '^cc ' "$work/told") || fail "README does not tell how to compile"
preload_line=$(grep '^LD_PRELOAD=' "$work/told") || fail "README does not tell how to preload"
[ "$(grep -c '^find_package\|^target_link' "$work/told")" -eq 2 ] || fail "README does not tell of CMake"
[ "$(grep -c . "$work/told")" -eq 4 ] || fail "README tells more than is done here"

libraries=$(dirname "$(find "$prefix" -name libtide.a)")
PKG_CONFIG_PATH=$libraries/pkgconfig
LD_LIBRARY_PATH=$libraries
export PKG_CONFIG_PATH LD_LIBRARY_PATH
cp "$here/owner.h" "$work/"
cp "$here/replaced.c" "$work/main.c"
"$cc" -o "$work/plain" "$here/plain.c"
cd "$work"
sh -ec "$cc_line" || fail "did not compile: $cc_line"
[ "$(./main)" = replaced ] || fail "malloc is not Tide's by: $cc_line"

{
	printf 'cmake_minimum_required(VERSION 3.22)\nproject(main LANGUAGES C)\nadd_executable(main main.c)\n'
	grep '^find_package\|^target_link' told
} >CMakeLists.txt
quiet cmake -B build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc"
quiet cmake --build build
[ "$(./build/main)" = replaced ] || fail "malloc is not Tide's by find_package"

TIDE_STATS=exit sh -ec "$preload_line" >out 2>&1 || fail "failed: $preload_line"
grep -q '^plain$' out || fail "the program did not run: $preload_line"
grep -q '^Tide [0-9.]*, process' out || fail "ran without Tide: $preload_line"
