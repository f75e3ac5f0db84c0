#!/bin/sh
# tide-tune where there is nothing to tune, and commands that fail.
. "$(dirname "$0")/../bench/common.sh"
TMPDIR=$work/temporary
export TMPDIR
mkdir "$TMPDIR"

tune() {
	wanted=$1
	shift
	rm -rf "$work/report"
	expect "$wanted" tide-tune --out "$work/report" --runs 40 "$@"
}
script() {
	printf '#!/bin/sh\n%s\n' "$1" >"$work/command"
	chmod +x "$work/command"
}

tune 2
said "a command is missing, after --"
tune 2 true
tune 2 --objective speed -- true
said "--objective: speed: not wall, cpu, peak or p99"
tune 2 --parameters limit -- true
said "--parameters: limit: not a parameter that is searched"
tune 2 --runs 3 -- true
said "--runs 3: not a number from 40 to 5000"
TIDE_BIN_BLOCKS=0 tune 2 -- true
said "TIDE_BIN_BLOCKS in the environment: '0' is not a number of blocks from 1 to 128"
echo TIDE_NO=1 >"$work/env"
tune 2 --start "$work/env" -- true
said "line 1: no such option: TIDE_NO"
tune 2 --trace "$work/none"
said "--trace:"
tune 2 --trace "$work/env" -- true
said "a command or --trace, not both"
expect 0 tide-tune --list
said "TIDE_WAKE_BYTES"
said " 512k* "
expect 0 tide-tune --help

tune 1 -- "$work/none"
said "the command fails under the default setting: $work/none: No such file or directory"
[ "$(wc -l <"$work/report/tide-tune.state")" -eq 1 ] || fail "a failed first run was kept"
script 'echo oh dear >&2; exit 3'
tune 1 -- "$work/command"
said "the command fails under the default setting: exit status 3: oh dear"
script 'kill -9 $$'
tune 1 -- "$work/command"
said "ended by signal 9"
script 'sleep 5'
tune 1 --limit 0.2 -- "$work/command"
said "not ended in 0.2 s"
script 'echo hello'
tune 1 --objective p99 -- "$work/command"
said 'no number above 0 after "p99"'

# A setting under which the command fails is left out; the others go on. Its input is empty.
script 'cat; [ "$TIDE_DECAY_MS" != 50 ] || { echo no >&2; exit 1; }; echo p99 5'
tune 0 --objective p99 --parameters decay-ms -- "$work/command"
said "Nothing beats the default"
check "$work/report/tide-tune.json" <<'PYTHON'
assert [f["text"] for f in d["faults"]] == ["TIDE_DECAY_MS=50"], d["faults"]
assert d["faults"][0]["fault"] == "exit status 1: no" and d["failed_runs"] == 1
PYTHON
grep -q 'exit status 1: no' "$work/report/tide-tune.html" || fail "the page does not tell the fault"

# One that breaks down for good.
script "echo run >>'$work/count'; [ \$(wc -l <'$work/count') -lt 20 ] || exit 4; echo p99 5"
tune 1 --objective p99 -- "$work/command"
said "the command fails under the default setting as well: exit status 4"

# Not under Tide: nothing to tune.
printf 'int main(void){return 0;}\n' >"$work/static.c"
"${CC:-cc}" -static -o "$work/static" "$work/static.c"
tune 1 -- "$work/static"
said "there is nothing to tune: The preload had no effect"
said "is statically linked"

# Ctrl-C ends it; what was run stays.
script 'sleep 0.05; echo p99 5'
rm -rf "$work/report"
"$bin/tide-tune" --objective p99 --out "$work/report" --runs 5000 -- "$work/command" >"$work/out" 2>"$work/err" &
pid=$!
for _ in $(seq 100); do
	[ "$(cat "$work/report/tide-tune.state" 2>/dev/null | wc -l)" -lt 5 ] || break
	sleep 0.1
done
expect 1 tide-tune --objective p99 --out "$work/report" --runs 5000 -- "$work/command"
said "another tide-tune is at it"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
[ "$status" -eq 130 ] || fail "status $status after a signal"

# Nothing is left behind, also by what was ended.
rmdir "$TMPDIR" || fail "$(ls "$TMPDIR")"
