#!/bin/sh
# test.sh [--quick | --long]: build everything and run all tests; --quick: the release build only;
# --long: clang's sanitizers as well, which know of other mistakes than gcc's.
# The last line is "N passed, N failed, N skipped". Exits with 0 when none failed and some passed.
#
# Builds and their logs are in build/; the output of each test is in build/<kind>/output/.
set -u # not -e: a failure is counted, and the last line comes in any case
cd "$(dirname "$0")/.." || exit 1

quick=0 long=0
case ${1-} in
--quick) quick=1 ;;
--long) long=1 ;;
'') ;;
*)
	echo "usage: test.sh [--quick | --long]" >&2
	exit 2
	;;
esac

# A hang must not keep this from ending; a test has a limit of its own long before.
limit_s=${TIDE_TEST_LIMIT_S:-$((2640 + long * 2400))}
deadline=$(($(date +%s) + limit_s))
passed=0 failed=0 skipped=0

finish() {
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] && exit 0
	exit 1
}
trap finish EXIT
trap 'failed=$((failed + 1)); echo "FAIL interrupted"; exit 1' HUP INT TERM

# fault WHAT FILE: count a failure and show the end of what it left.
fault() {
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	[ ! -r "$2" ] || tail -n 40 "$2" | sed 's/^/    /'
}

# in_time COMMAND...: stopped when the time is over.
in_time() {
	left_s=$((deadline - $(date +%s)))
	[ "$left_s" -gt 0 ] || return 124
	timeout -k 10 "$left_s" "$@"
}

# build KIND PRESET [CMAKE_ARGUMENT...]: into build/KIND. False when that failed.
build() {
	kind=$1 preset=$2
	shift 2
	log=build/$kind.log
	mkdir -p build
	echo "== $kind"
	if ! in_time cmake --preset "$preset" -B "build/$kind" \
		-DTIDE_WERROR=ON -DTIDE_TESTS=ON "$@" >"$log" 2>&1; then
		fault "$kind: configure" "$log"
		return 1
	fi
	if ! in_time cmake --build "build/$kind" -j 2 >>"$log" 2>&1; then
		fault "$kind: build" "$log"
		return 1
	fi
}

# run KIND LABELS: the tests of build/KIND whose label matches.
run() {
	kind=$1
	dir=build/$kind
	rm -rf "$dir/output" "$dir/Testing"
	mkdir -p "$dir/output"
	status=0
	in_time ctest --test-dir "$dir" -j 2 -L "$2" --no-tests=error >"$dir/ctest.log" 2>&1 ||
		status=$?

	# One file for each test out of ctest's log.
	awk -v dir="$dir/output" '
	/^[0-9]+\/[0-9]+ Testing: / { name = $3; gsub("/", "-", name) }
	/^<end of output>$/ { name = "" }
	name { print > (dir "/" name ".txt") }' "$dir/Testing/Temporary/LastTest.log" 2>/dev/null

	# " 1/20 Test  #3: lib/test_bin ....   Passed    0.02 sec", or "***Failed", "***Skipped", ...
	sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([^ ]*\) [ .]*\(\**[A-Za-z]*\).*/\1 \2/p' \
		"$dir/ctest.log" >"$dir/results"
	before=$failed
	while read -r name result; do
		case $result in
		Passed) passed=$((passed + 1)) ;;
		*Skipped) skipped=$((skipped + 1)) ;;
		*) fault "$kind: $name" "$dir/output/$(echo "$name" | tr / -).txt" ;;
		esac
	done <"$dir/results"
	# Whatever else ctest complains of: no tests, out of time.
	if [ "$status" -ne 0 ] && [ "$failed" -eq "$before" ]; then
		fault "$kind: ctest ended with $status" "$dir/ctest.log"
	fi
}

if ! sh cmake/setup.sh test; then
	failed=1
	exit 1
fi

# Libraries lie where Debian has them, not beside bin/: what is installed must not rely on that.
build release release -DCMAKE_INSTALL_LIBDIR="lib/$(cc -print-multiarch)" && run release .
[ "$quick" -eq 0 ] || exit

# audit, asan and tsan are debug builds as well.
units='^(lib|gc|api|life|store|jobd|stats)$'
build audit audit && run audit "$units|^interleave\$|^faults\$"
build asan asan && run asan "$units"
build tsan tsan && run tsan "$units"
build clang release -DCMAKE_C_COMPILER=clang-14 -DCMAKE_CXX_COMPILER=clang++-14 &&
	run clang '^(lib|gc|api|store)$'
# The fuzz targets for a moment, from fixed seeds.
build fuzz fuzz && run fuzz '^fuzz$'
# For another processor, under an emulator: a choice of tests, for it is slow.
build aarch64 aarch64 && run aarch64 '^emulated$'
[ "$long" -ne 0 ] || exit
for kind in asan tsan; do
	build "clang-$kind" "$kind" -DCMAKE_C_COMPILER=clang-14 -DCMAKE_CXX_COMPILER=clang++-14 &&
		run "clang-$kind" "$units"
done
exit
