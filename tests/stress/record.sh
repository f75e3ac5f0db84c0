#!/bin/sh
# record.sh: what tide-record writes of a program whose sizes and lifetimes are known gives exactly
# these, and a scenario takes them.
. "$(dirname "$0")/common.sh"

${CC:-cc} -O0 -fno-builtin -o recorded "$here/recorded.c" -pthread || fail "recorded.c"
"$bin/tide-record" --out folder ./recorded >out 2>err || fail "tide-record ./recorded"
said "recorded"
# The child that it forks has a trace of its own.
set -- folder/recorded-*.trace
[ $# -eq 2 ] || fail "not two traces: $*"
file=distribution
for trace in "$@"; do
	"$bin/tide-trace" summary "$trace" | grep -q '^forked 1$' ||
		"$bin/tide-trace" distribution "$trace" "$file" >out 2>err || fail "$trace"
done

# has LINE: among what else the C library allocates, which does not use these sizes.
has() {
	grep -qxF -- "$1" "$file" || fail "'$1' is not in: $(cat "$file")"
}
has "size 393217 425984 1000 0:1000"
has "size 425985 458752 7"
has "size 458753 491520 1 9:1"
has "size 524289 589824 4000 0:4000"
has "size 589825 655360 3 1:3"
has "lost 0"
! grep -q '^size 655361 ' "$file" || fail "a forked child is counted with its parent"

printf '[phase a]\nkind grow\n[crew b]\nslots 50\nsizes recorded %s\nlifetime recorded\n' \
	"$file" >scenario
stress 0 --scenario scenario --threads 1 --steps 500 --quiet

# Programs of all kinds: the exit status comes through, and exec is followed.
status=0
"$bin/tide-record" --out other sh -c 'sqlite3 :memory: "select 1"; exit 7' >out 2>err || status=$?
[ "$status" -eq 7 ] || fail "exit status $status, not 7"
ls other/sqlite3-*.trace >/dev/null || fail "sqlite3 was not recorded"
status=0
"$bin/tide-record" ./nothing >out 2>err || status=$?
[ "$status" -eq 127 ] || fail "no command: exit status $status, not 127"
