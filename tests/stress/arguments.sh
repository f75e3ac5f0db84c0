#!/bin/sh
# arguments.sh: what the command line may not be is refused by name, and Ctrl-C ends with a report.
. "$(dirname "$0")/common.sh"

# refused TEXT ARGUMENT...
refused() {
	text=$1
	shift
	stress 2 "$@"
	grep -aqF -- "$text" err || fail "$*: '$text' is not in the message"
}

refused "--seconds=0: not a number from 1 to" --seconds 0
refused "--threads=257: not a number from 1 to 256" --threads 257
refused "--seed=x: not a number" --seed=x
refused "--steps=0: not a number" --steps 0
refused "--soak=-1: not a number of hours" --soak=-1
refused "--print: a value is missing" --print
refused "--colour: no such option" --colour
refused "extra: not an option" extra
refused "neither --seconds nor --soak goes with it" --steps 5 --seconds 5
refused "no scenario 'nothing' is built in" --print nothing
refused "nothing: No such file or directory; --list shows" --scenario nothing
refused "no such fault" --fault nothing
status=0
"$bin/tide-stress-external" --scenario heaps >out 2>err || status=$?
[ "$status" -eq 2 ] || fail "heaps of another allocator: exit status $status, not 2"
said "'pattern heap' needs Tide linked in"

stress 0 --help
said "--scenario NAME|FILE"
said "fill_percent"
stress 0 --fault help
[ -s out ] || fail "--fault help says nothing"

timeout --foreground -k 5 "$limit_s" "$bin/tide-stress" --seconds 90 --quiet >out 2>err &
pid=$!
tenths=0
until grep -q '^tide-stress: ' out; do # its first line
	tenths=$((tenths + 1))
	[ "$tenths" -lt 200 ] || fail "it does not begin"
	sleep 0.1
done
sleep 1
kill -INT "$pid"
wait "$pid" || fail "an interrupted run fails"
said "passed: all contents were right, up to the interrupt"
at_least "blocks made" 1
said "report: tide-stress-report/report.html"
