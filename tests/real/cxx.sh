#!/bin/sh
# The compiler: a large C++ file gives the same object, byte for byte, and the program made of it
# runs.
. "$(dirname "$0")/common.sh"

need g++ cmp
printf '#include <string>\nint main() { return std::string().size() != 0; }\n' >"$work/tiny.cpp"
without_tide g++ -std=c++17 -o "$work/tiny" "$work/tiny.cpp" || skip "g++ knows no C++17"
# The driver and its children: the compiler proper, the assembler, the linker.
check_bound "g++ cc1plus as ld" g++ -std=c++17 -o "$work/tiny" "$work/tiny.cpp"

set -- -std=c++17 -O1 -g -frandom-seed=tide -pthread -c "$here/cxx_source.cpp"
without_tide g++ "$@" -o "$work/plain.o" || fail "g++ can't compile the source without Tide"
with_tide g++ "$@" -o "$work/tide.o" || fail "g++ ended with $?"
same "the object of g++" "$work/plain.o" "$work/tide.o"

without_tide g++ -pthread -o "$work/plain" "$work/plain.o" ||
	fail "g++ can't link the object without Tide"
with_tide g++ -pthread -o "$work/tide" "$work/tide.o" || fail "linking ended with $?"
same "the program of g++" "$work/plain" "$work/tide"

check_bound "tide libstdc++.so.6" "$work/tide"
without_tide "$work/plain" >"$work/plain.out" || fail "the program fails without Tide"
with_tide "$work/tide" >"$work/tide.out" || fail "the program ended with $?"
same "the output of the program" "$work/plain.out" "$work/tide.out"
finish
