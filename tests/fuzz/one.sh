#!/bin/sh
# one.sh PROGRAM CORPUS RUNS | one.sh PROGRAM CORPUS for SECONDS: first each input of the corpus once,
# then new ones made from them: so many from a fixed seed, or for so long from a new one. What is found lies in the folder
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
if [ "$3" = for ]; then
	set -- -max_total_time="$4"
else
	set -- -runs="$3" -seed=1
fi
# With all new inputs in a folder of its own.
mkdir "$work/new"
"$program" "$@" -max_len=1024 -timeout=30 -rss_limit_mb=0 -print_final_stats=1 \
	-artifact_prefix="./$name-" "$work/new" "$corpus" >"$work/log" 2>&1 || {
	tail -n 40 "$work/log"
	exit 1
}
grep 'number_of_executed_units' "$work/log"
