#!/bin/sh
# mutant.sh PROGRAM SCENARIO BOUND: the scenario fails, and the schedule that it prints fails again.
set -eu
program=$1 scenario=$2
log=$(mktemp)
trap 'rm -f "$log"' EXIT

status=0
INTERLEAVE_BOUND=$3 "$program" "$scenario" >"$log" || status=$?
cat "$log"
[ "$status" -eq 1 ] || { echo "not found: exit status $status" >&2; exit 1; }
fault=$(grep '^FAIL ' "$log")

schedule=$(sed -n "s/^  INTERLEAVE_REPLAY='\(.*\)' .*/\1/p" "$log")
status=0
INTERLEAVE_REPLAY=$schedule "$program" "$scenario" >"$log" || status=$?
[ "$status" -eq 1 ] || { echo "not found again: exit status $status" >&2; exit 1; }
[ "$(grep '^FAIL ' "$log")" = "$fault" ] || { cat "$log" >&2; exit 1; }
