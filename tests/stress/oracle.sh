#!/bin/sh
# oracle.sh: what the oracle tells of an allocator with a bug: the moment, the story of the block,
# the other owner's story where there are two; and that the report has all that. And that a call
# which does not come back ends the run, long before its time.
. "$(dirname "$0")/common.sh"

${CC:-cc} -O1 -fno-builtin -shared -fPIC -o broken.so "$here/broken_malloc.c" ||
	fail "broken_malloc.c"

# finds BUG MESSAGE...: each is in the stories, and the first in the report.
finds() {
	bug=$1
	shift
	rm -rf report
	status=0
	TIDE_BROKEN=$bug LD_PRELOAD=$work/broken.so timeout -k 5 "$limit_s" \
		"$bin/tide-stress-external" --seconds 20 --threads 2 --seed 11 --quiet \
		--report report >out 2>err || status=$?
	[ "$status" -eq 1 ] || fail "$bug: exit status $status, not 1"
	for message in "$@" 'block: number ' 'its life' 's  [a-z ]* by thread' 'seed 11'; do
		grep -q "$message" err || fail "$bug: \"$message\" was not told"
	done
	python3 - report/report.json "$1" <<'END' || fail "$bug: the report"
import json, re, sys
verdict = json.load(open(sys.argv[1]))["verdict"]
sys.exit(not (not verdict["passed"] and verdict["failures"] > 0
              and any(re.search(sys.argv[2], story) for story in verdict["stories"])))
END
	grep -q 'What went wrong' report/report.html || fail "$bug: the page has no story"
}

finds twice 'HANDED OUT, but from offset 0 it' 'the other owner: number' 'THE OTHER OWNER'
finds overlap 'HANDED OUT, but from offset 0 it' 'the other owner: number' 'THE OTHER OWNER'
finds scribble 'CORRUPT BLOCK' 'offset 64 of'
finds dirty 'zeros of a new block'
finds short 'at return from realloc' 'offset 8 of'
# The last word of a block may begin a little before a multiple of eight.
finds middle 'CORRUPT BLOCK' 'offset 77[0-6] of'
finds crooked 'alignment of a new block'

status=0
TIDE_BROKEN=hang LD_PRELOAD=$work/broken.so timeout -k 5 "$limit_s" \
	"$bin/tide-stress-external" --seconds 600 --threads 2 --quiet >out 2>err || status=$?
[ "$status" -eq 1 ] || fail "hang: exit status $status, not 1"
said "is stuck: not once round"
said "FAILED: a thread hangs"
