#!/bin/sh
# What is no trace is refused with a sentence that names the file, the place, and what is right there;
# wrong arguments likewise.
. "$(dirname "$0")/common.sh"

cat >good.text <<'TEXT'
tide-trace 1
program example
process 7
parent 1
started 1700000000000000000 5000
forked 0
ended 1
lost 0
100 1 malloc 24 = 0x1000
200 2 realloc 0x1000 48 = 0x2000 +50
300 1 free 0x2000
TEXT
expect 0 tide-trace binary good.text good.trace
expect 0 tide-trace summary good.trace

# refused FILE MESSAGE: by both programs, with these words.
refused() {
	for program in 'tide-trace summary' 'tide-replay --quiet'; do
		# shellcheck disable=SC2086
		expect 1 $program "$1"
		grep -qxF -- "${program%% *}: $1: $2" err || fail "$program $1: not '$2'"
		[ ! -s out ] || fail "$program $1 puts something out"
	done
}

# changed OFFSET BYTES: the good trace with these bytes, as printf has them, in bad.trace.
changed() {
	cp good.trace bad.trace
	# shellcheck disable=SC2059
	printf "$2" | dd of=bad.trace bs=1 seek="$1" conv=notrunc status=none
}
refused missing.trace "No such file or directory"
: >empty.trace
refused empty.trace "at 0: the file ends in its head, which takes 136 bytes"
head -c 200000 /dev/zero >zero.trace
refused zero.trace "at 0: not a trace: it begins neither with 'tidetrac' nor with 'tide-trace '"
head -c 100 good.trace >cut.trace
refused cut.trace "at 100: the file ends in its head, which takes 136 bytes"
head -c 3000 good.trace >cut.trace
refused cut.trace "at 3000: the file is cut off: its head ends at 4096"
head -c 12000 good.trace >cut.trace
refused cut.trace "at 12000: the file is cut off: its last chunk, at 8192, ends at 12288"
head -c 8200 good.trace >cut.trace
refused cut.trace "at 8192: the file is cut off in a chunk's head"
changed 8 '\002'
refused bad.trace "at 8: version 2; this program reads 1"
changed 4096 'X'
refused bad.trace "at 4096: no chunk begins here"
changed 4100 '\001'
refused bad.trace "at 4100: a chunk of 4097 bytes: not a multiple of 4096 from 4096 to 1048576"
changed 4104 '\377\377'
refused bad.trace "at 4104: a chunk is filled with 65535 bytes: not from 32 to 4096"
changed 4128 '\077'
refused bad.trace "at 4128: no call begins with the byte 63: functions are 1 to 34"
changed 4104 '\041'
refused bad.trace "at 4128: a number of this call is no varint of 64 bits, or goes beyond what is filled of its chunk, which ends at 4129"
changed 4128 '\042'
refused bad.trace "at 4128: a call before the mark of its thread"

# line NUMBER TEXT MESSAGE: with this for that line, it is refused.
line() {
	sed "$1s/.*/$2/" good.text >bad.text
	refused bad.text "line $1: $3"
}
line 1 'tide-trace 9' "version 9; this program reads 1"
line 3 'process x' "the head has no line 'process NUMBER' here"
line 9 'x' "not 'TIME THREAD FUNCTION ...'"
line 9 '100 0 malloc 24 = 0x1000' "a thread's number that is not from 1 to 2^20"
line 9 '100 1 mallok 24 = 0x1000' "no such function: mallok"
line 9 '100 1 malloc 24' "what malloc has are, as far as they apply: OLD ALIGN COUNT SIZE = RESULT +TOOK"
line 9 '100 1 malloc 999999999999999 = 0x1000' "a block of more than 2^47 bytes"
line 10 '50 1 free 0x1000' "earlier than the line before: calls are in the order of their times"
head -c 180 good.text >cut.text
refused cut.text "line 11: the file is cut off: this line has no end"
sed '10s/ 2 / 1 /; 10s/+50/+500/' good.text >bad.text
expect 1 tide-trace binary bad.text bad.trace
grep -qF 'a call begins before the last one of its thread was over' err || fail "an overlap"
[ ! -e bad.trace ] || fail "half a trace stays"

expect 2 tide-replay
expect 2 tide-replay one two
expect 2 tide-replay --speed fast good.trace
grep -qxF 'tide-replay: --speed fast: not one of: full as-recorded' err || fail "speeds"
expect 2 tide-replay --allocator no-such good.trace
expect 2 tide-replay --allocator "x=$work/no-such.so" good.trace
expect 2 tide-replay --rounds 0 good.trace
expect 2 tide-trace frobnicate good.trace
expect 2 tide-record
expect 127 tide-record --out none "$work/no-such"
expect 126 tide-record --out none "$work"
expect 0 tide-replay --help
# What is there stays: the trace itself, and a file that was never begun.
cp good.trace there.trace
expect 1 tide-trace text there.trace ./there.trace
grep -qF 'is the trace itself' err || fail "it writes over its trace"
cmp good.trace there.trace || fail "the trace has changed"
expect 1 tide-trace text no-such.trace there.trace
cmp good.trace there.trace || fail "another file has gone with the trace that is not there"
expect 1 tide-trace text good.trace /dev/full
[ -c /dev/full ] || fail "a device has gone"
# Signals are passed on, and the end comes back.
printf '#!/bin/sh\ntrap "exit 7" TERM\necho ready\nwhile :; do sleep 0.05; done\n' >handler
chmod +x handler
"$bin/tide-record" --out signals ./handler >out 2>err &
pid=$!
for _ in $(seq 200); do
	! grep -q ready out || break
	sleep 0.05
done
kill -TERM $pid
status=0
wait $pid || status=$?
[ "$status" -eq 7 ] || fail "a signal was not passed on: $status"
only signals handler >trace.name
printf 'int main(void){return 0;}\n' >static.c
${CC:-cc} -static -o static static.c
expect 0 tide-record --out none ./static
grep -q 'is statically linked: nothing can be preloaded into it' err || fail "why there is no trace"
expect 0 tide-trace --help

# A library that brings no malloc is not taken for one: the C library served.
${CC:-cc} -shared -o idle.so -x c /dev/null
expect 1 tide-replay --allocator "idle=$work/idle.so" --rounds 1 --idle 0 --quiet --report report \
	good.trace
grep -q 'not active: malloc comes from' out || fail "it does not tell that it was not active"
