#!/bin/sh
# broken.sh: an allocator that is wrong once in a thousand calls does not pass, whichever way it is
# wrong; the same one, when it is right, does.
. "$(dirname "$0")/common.sh"

${CC:-cc} -O1 -fno-builtin -shared -fPIC -o broken.so "$here/broken.c" || fail "broken.c"

# run BROKEN ARGUMENT...: its exit status is $status.
run() {
	way=$1
	shift
	status=0
	TIDE_BROKEN=$way LD_PRELOAD=$work/broken.so timeout -k 5 "$limit_s" \
		"$bin/tide-stress-external" --quiet --seed 5 "$@" >out 2>err || status=$?
}

run none --threads 2 --steps 20000
[ "$status" -eq 0 ] || fail "a right one is called wrong"

# wrong BROKEN TEXT ARGUMENT...
wrong() {
	text=$2
	way=$1
	shift 2
	run "$way" "$@"
	[ "$status" -eq 1 ] || fail "$way: exit status $status, not 1"
	said "FAILED: "
	said "$text"
}

wrong twice "thread" --threads 1 --steps 100000
wrong dirty "zeros of a new block" --threads 1 --steps 300000
wrong short "return from realloc" --threads 1 --steps 300000
wrong crooked "alignment of a new block" --threads 1 --steps 300000
wrong child-crash "was ended by signal 6" --scenario forks --threads 1 --steps 10000
wrong child-twice "found something wrong" --scenario forks --threads 1 --steps 10000
