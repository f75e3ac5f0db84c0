#!/bin/sh
# Each forked process has a trace of its own, with its own calls and nobody else's.
. "$(dirname "$0")/common.sh"

${CC:-cc} -D_GNU_SOURCE -std=gnu11 -O1 -fno-builtin -o fork "$here/fork.c" || fail fork.c
expect 0 tide-record --out traces ./fork
set -- traces/fork-*.trace
[ $# -eq 4 ] || fail "not 4 traces: $*"

# calls TRACE SIZE: its mallocs of that size.
calls() {
	"$bin/tide-trace" text "$1" | grep -c " malloc $2 = " || true
}
for trace in "$@"; do
	sizes="$(calls "$trace" 10000) $(calls "$trace" 20000) $(calls "$trace" 30000) $(
		calls "$trace" 40000)"
	is "$trace" overlaps 0
	is "$trace" lost 0
	case $sizes in
	"50 0 0 0") parent=$trace && is "$trace" forked 0 && is "$trace" foreign 0 ;;
	"0 1000 0 0") child=$trace && is "$trace" forked 1 && is "$trace" foreign 50 ;;
	"0 0 1 0") is "$trace" forked 1 && is "$trace" ended 1 ;;
	"0 0 0 1") is "$trace" forked 1 && is "$trace" ended 0 ;;
	*) fail "$trace: $sizes" ;;
	esac
done
process=${parent##*-}
"$bin/tide-trace" text "$child" | grep -qx "parent ${process%.trace}" ||
	fail "the child does not name its parent"
replays "$parent"
replays "$child"
grep -q '^50 calls are left out' out || fail "it does not tell of the inherited blocks"

# What exec makes of a process is a trace of its own, also under the same name.
expect 0 tide-record --out again sh -c 'exec sh -c "exec sqlite3 :memory: \"select 1\""'
set -- again/sh-*.trace
[ $# -eq 2 ] || fail "not two traces of sh: $*"
only again sqlite3 >/dev/null
