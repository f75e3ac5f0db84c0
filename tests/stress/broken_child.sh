#!/bin/sh
# broken_child.sh: an allocator that is wrong in forked processes only does not pass; the same one,
# when it is right, does.
. "$(dirname "$0")/common.sh"

${CC:-cc} -O1 -fno-builtin -shared -fPIC -o broken.so "$here/broken_child.c" ||
	fail "broken_child.c"

# run BROKEN: its exit status is $status.
run() {
	status=0
	TIDE_BROKEN=$1 LD_PRELOAD=$work/broken.so timeout -k 5 "$limit_s" \
		"$bin/tide-stress-external" --quiet --seed 5 --scenario forks --threads 1 \
		--steps 2000 >out 2>err || status=$?
}

run not
[ "$status" -eq 0 ] || fail "a right one is called wrong"
at_least "processes forked" 5

# wrong BROKEN TEXT
wrong() {
	run "$1"
	[ "$status" -eq 1 ] || fail "$1: exit status $status, not 1"
	said "FAILED: "
	said "$2"
}

wrong crash "was ended by signal 6"
wrong twice "found something wrong"
