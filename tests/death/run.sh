#!/bin/sh
# Run one death test and look at how it ends: run.sh PROGRAM SOURCE.
#
# With option `fatal` on, it must die by SIGABRT with the message that the header of SOURCE
# promises, before its purge is over; with option `check` on as well, before the wrong call returns.
# With `fatal` off it must print the message, go on, and end well.
set -eu

[ $# -eq 2 ] || { echo "usage: run.sh PROGRAM SOURCE" >&2; exit 2; }
program=$1
phrase=$(sed -n 's|.*Expects: *\(.*[^ */]\).*|\1|p' "$2")
only=$(sed -n 's|.*Only: *\([A-Z_]*=[0-9]*\).*|\1|p' "$2")
[ -n "$phrase" ] || { echo "$2 does not say what it expects" >&2; exit 2; }
pattern="^tide: [a-z_]+\\(0x[0-9a-f]+\\): .*($phrase)"

ulimit -c 0
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failures=0

fail() # WHAT
{
	failures=$((failures + 1))
	echo "$(basename "$program"), $settings: $1 (status $status)" >&2
	sed 's/^/  stdout: /' "$out/stdout" >&2
	sed 's/^/  stderr: /' "$out/stderr" >&2
}

run() # VARIABLE=VALUE...
{
	settings=$*
	status=0
	env "$@" "$program" > "$out/stdout" 2> "$out/stderr" || status=$?
	grep -Eq "$pattern" "$out/stderr" || fail "no line like $pattern"
}

must_die_before() # LINE
{
	[ "$status" -eq 134 ] || fail "must die by SIGABRT"
	if grep -qx "$1" "$out/stdout"; then
		fail "lived until it said '$1'"
	fi
	[ "$(grep -c '^tide: ' "$out/stderr")" -eq 1 ] || fail "must say it in one line"
}

must_go_on()
{
	[ "$status" -eq 0 ] || fail "must go on"
	grep -qx sound "$out/stdout" || fail "did not come to its end"
}

if [ "$only" != TIDE_CHECK=1 ]; then
	run TIDE_FATAL=1 TIDE_CHECK=0
	must_die_before purged
	run TIDE_FATAL=0 TIDE_CHECK=0
	must_go_on
fi
run TIDE_FATAL=1 TIDE_CHECK=1
must_die_before 'went by'
run TIDE_FATAL=0 TIDE_CHECK=1
must_go_on
[ "$failures" -eq 0 ]
