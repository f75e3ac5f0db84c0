#!/bin/sh
# one.sh PROGRAM CORPUS [SECONDS]: first each input of the corpus once, then new ones made from them: a
# fixed number from a fixed seed, or for SECONDS from a new one. What is found lies in the folder
# the test ran in; the corpus is only read.
set -eu
program=$1
corpus=$2
name=$(basename "$program")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$program" "$corpus"/* >"$work/log" 2>&1 || {
	tail -n 40 "$work/log"
	exit 1
}
if [ $# -gt 2 ]; then
	set -- -max_total_time="$3"
else
	set -- -runs=4000 -seed=1 -max_total_time=20
fi
# With all new inputs in a folder of its own.
mkdir "$work/new"
"$program" "$@" -max_len=1024 -timeout=30 -rss_limit_mb=0 -print_final_stats=1 \
	-artifact_prefix="./$name-" "$work/new" "$corpus" >"$work/log" 2>&1 || {
	tail -n 40 "$work/log"
	exit 1
}
grep 'number_of_executed_units' "$work/log"
