#!/bin/sh
# Profiles of a process on its way: at a signal, and what grew since; of a child; by tide-prof run; and
# what tide-prof says to what is no profile.
. "$(dirname "$0")/common.sh"

# At a signal, half-way; then at exit, against the first.
mkfifo "$work/in"
profiled TIDE_PROFILE_SIGNAL=12 "$work/work" signal <"$work/in" >"$work/half" &
timeout=$!
exec 3>"$work/in"
for _ in $(seq 200); do
	! grep -q half "$work/half" || break
	sleep 0.05
done
program=$(sed -n 's/^half //p' "$work/half")
[ -n "$program" ] || fail "the program did not start"
kill -12 "$program"
for _ in $(seq 200); do
	[ ! -s "$work/heap.1" ] || break
	sleep 0.05
done
echo >&3
exec 3>&-
wait "$timeout" || fail "the program ended with $?"
program=
"$prof" top "$work/heap.1" >"$work/out" || fail "top of the first"
shows '  leak_small$'
lacks 'leak_large'
"$prof" stacks --base "$work/heap.1" "$work/heap" >"$work/out" || fail "growth"
shows 'more than in the base' '    leak_large ' '    nested '
lacks 'leak_small'

# A child writes a profile of its own.
rm -f "$work"/heap*
profiled "$work/work" fork >/dev/null
set -- "$work"/heap.*
[ $# -eq 1 ] && [ -s "$1" ] && [ -s "$work/heap" ] || fail "profiles: $(ls "$work")"
"$prof" top "$1" >"$work/out" || fail "top of the child's"
shows '  leak_large$'

# Without frame pointers' help: what is built without them has short stacks, but is not harmed.
profiled TIDE_PROFILE_UNWIND=0 "$work/work" >"$work/out" || fail "by frame pointers: $?"
shows '^done$'
"${CC:-cc}" -O1 -g -fno-builtin -fno-omit-frame-pointer -o "$work/framed" "$here/work.c" -pthread
profiled TIDE_PROFILE_UNWIND=0 "$work/framed" >/dev/null
"$prof" leaks "$work/heap" >"$work/out"
shows '    leak_large ' '    nested ' '    main '
profiled TIDE_PROFILE_UNWIND=0 "$work/framed" grow >/dev/null
"$prof" leaks "$work/heap" >"$work/out"
shows '    grown_small ' '    grown_large '

# In one step; what the command puts out and its status stay its own.
"$prof" run --rate 1 --out "$work/kept" "$work/work" >"$work/stdout" 2>"$work/out" || fail "run: $?"
[ "$(cat "$work/stdout")" = done ] || fail "what the command put out: $(cat "$work/stdout")"
shows '^12\.0 MiB in 3 blocks never freed' '    leak_large '
status=0
"$prof" run sh -c 'exit 7' >/dev/null 2>&1 || status=$?
[ "$status" -eq 7 ] || fail "status $status instead of 7"

# refused STATUS MESSAGE ARGUMENT...
refused() {
	wanted=$1 message=$2
	shift 2
	status=0
	"$prof" "$@" >"$work/out" 2>&1 || status=$?
	[ "$status" -eq "$wanted" ] || fail "$*: status $status"
	grep -qF -e "$message" "$work/out" || fail "$*: does not say '$message'"
}
refused 2 'say what to do'
refused 2 'there is no such command' boil "$work/heap"
refused 2 'name a profile' top
refused 2 '--out is missing' flame "$work/heap"
refused 2 '--lines wants a number' top -n x "$work/heap"
refused 1 'No such file' top "$work/nothing"
: >"$work/bad"
refused 1 'an empty file' top "$work/bad"
echo 'no profile' >"$work/bad"
refused 1 'bad:1: not a heap profile' top "$work/bad"
sed '2s/.*/1: x/' "$work/heap" >"$work/bad"
refused 1 'bad:2: not a line of a heap profile' top "$work/bad"
sed '2s/@.*/@ 0xzz/' "$work/heap" >"$work/bad"
refused 1 'bad:2: addresses are missing or wrong' top "$work/bad"
sed '/^MAPPED/,$d' "$work/heap" >"$work/bad"
refused 1 'was it cut off?' top "$work/bad"
"$prof" --help >"$work/out"
shows '^Usage: tide-prof '
