#!/bin/sh
# oracle.sh TIDE_STRESS_EXTERNAL BROKEN_MALLOC_SO: the oracle finds each bug of an allocator that has one,
# names it, tells the story of the block, and the report has all that.
set -eu
stress=$1 broken=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
	echo "fail: $*" >&2
	[ ! -s "$work/err" ] || tail -n 30 "$work/err" >&2
	exit 1
}

# run BUG STATUS: leaves out, err and report.
run() {
	rm -rf "$work/report"
	status=0
	LD_PRELOAD=$broken BROKEN_MALLOC=$1 timeout -k 5 60 "$stress" --seconds 10 --threads 2 \
		--seed 11 --quiet --report "$work/report" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -eq "$2" ] || fail "$1: ended with $status"
}

# finds BUG MESSAGE...: each is in the story on stderr, and in the report.
finds() {
	bug=$1
	shift
	run "$bug" 1
	for message in "$@" 'block: number ' 'its life' 's  [a-z ]* by thread' 'seed 11'; do
		grep -q "$message" "$work/err" || fail "$bug: \"$message\" was not told"
	done
	grep -q '^FAILED' "$work/out" || fail "$bug: passed"
	python3 - "$work/report/report.json" "$1" <<'END' || fail "$bug: the report"
import json, re, sys
verdict = json.load(open(sys.argv[1]))["verdict"]
sys.exit(not (not verdict["passed"] and verdict["failures"] > 0
              and any(re.search(sys.argv[2], story) for story in verdict["stories"])))
END
	grep -q 'What went wrong' "$work/report/report.html" || fail "$bug: the page has no story"
}

run none 0
[ ! -s "$work/err" ] || fail "a right allocator is blamed"
finds twice 'HANDED OUT, but from offset 0 it' 'the other owner: number' 'THE OTHER OWNER'
finds overlap 'HANDED OUT, but from offset 0 it' 'the other owner: number' 'THE OTHER OWNER'
finds scribble 'CORRUPT BLOCK' 'offset 64 of'
finds dirty 'zeros of a new block'
finds uncopied 'at return from realloc' 'offset 128 of'
finds misaligned 'alignment of a new block'
