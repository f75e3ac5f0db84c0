#!/bin/sh
# find_package.sh: a CMake project finds the installed Tide, builds programs with each of its targets,
# plainly and with -flto, and they run. (See common.sh.)
. "$(dirname "$0")/common.sh"

for lto in OFF ON; do
	quiet cmake -S "$here" -B "$work/$lto" -DCMAKE_PREFIX_PATH="$prefix" -DCONSUME_LTO=$lto \
		-DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx"
	quiet cmake --build "$work/$lto"
	quiet ctest --test-dir "$work/$lto" --no-tests=error --output-on-failure
done
grep -q "^tide_DIR:PATH=$prefix/" "$work/OFF/CMakeCache.txt" || fail "another Tide was found"

# What is not there is refused, and so is a version that it is not.
# asks VERSION COMPONENT: 0 when find_package gives that.
asks() {
	mkdir -p "$work/asks"
	printf 'cmake_minimum_required(VERSION 3.22)\nproject(asks LANGUAGES C)\n%s\n' \
		"find_package(tide $1 REQUIRED COMPONENTS $2)" >"$work/asks/CMakeLists.txt"
	cmake -S "$work/asks" -B "$work/asks/build" -DCMAKE_PREFIX_PATH="$prefix" >"$work/asked" 2>&1
}
asks 0.1 store || fail "tide 0.1 with the store was not found"
if asks 0.1 nothing; then fail "a component that there is not was found"; fi
grep -q 'there is no tide::nothing' "$work/asked" || fail "not told which component is missing"
if asks 1000 tide; then fail "version 1000 was found"; fi
