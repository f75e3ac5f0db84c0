#!/bin/sh
# Programs by their scripts: order of the runs, what is passed to them, and what can go wrong.
. "$(dirname "$0")/common.sh"

mkdir "$work/programs"
# script NAME RUN: a script whose `run` does RUN.
script() {
	cat >"$work/programs/$1.sh" <<EOF_SCRIPT
case \$1 in
prepare) mkdir -p "\$2" && echo prepared $1 >>"$work/log" ${3-} ;;
run) $2 ;;
esac
EOF_SCRIPT
}
tell='allocator=${TIDE_BENCH_PRELOAD:-libc.so.6}
	printf "{\"wall_s\": 2, \"cpu_s\": 1, \"peak_rss_bytes\": 4096, \"allocator\": \"%s\"}\n" \
		"${allocator##*/}"'
# claim ALLOCATOR: a command that reports it.
claim() {
	printf '%s' 'printf "{\"wall_s\": 2, \"cpu_s\": 1, \"peak_rss_bytes\": 1, '
	printf '%s' "\\\"allocator\\\": \\\"$1\\\"}\\n\""
}
script right "echo \"\$2 \${TIDE_BENCH_PRELOAD:-none} \${LD_PRELOAD:-none}\" >>$work/log
	$tell"
script absent true "&& exit 77"
script unready true "&& exit 1"
script fails "echo this is why >&2; exit 3"
script hangs "echo \$\$ >$work/hanging; sleep 1000"
script odd "echo no JSON"
script other "$(claim libjemalloc.so.2)"
script mixed "$(claim libc.so.6+libother.so)"
script lacks 'printf "{\"wall_s\": 2, \"peak_rss_bytes\": 1, \"allocator\": \"libc.so.6\"}\n"'
: >"$work/one.so"
: >"$work/two.so"

# A B C, B C A, C A B.
LD_PRELOAD='' expect 0 tide-bench --peer "one=$work/one.so" --peer "two=$work/two.so" \
	--only glibc,one,two --scenario program/right --programs "$work/programs" \
	--work "$work/inputs" --rounds 2 --warmup 1 --report "$work/report" --quiet
{
	echo "prepared right"
	for peer in none one two one two none two none one; do
		[ "$peer" = none ] || peer=$work/$peer.so
		echo "$work/inputs $peer none"
	done
} >"$work/expected"
diff "$work/expected" "$work/log" >&2 || fail "other runs, or in another order"
check "$work/report/bench.json" <<'PYTHON'
assert [len(c["runs"]) for c in d["scenarios"][0]["peers"]] == [2, 2, 2]
PYTHON

expect 1 tide-bench --only glibc --scenario 'program/*' --programs "$work/programs" \
	--work "$work/inputs" --rounds 2 --warmup 0 --limit 2 --report "$work/report" --quiet
said "program/absent: left out"
check "$work/report/bench.json" <<'PYTHON'
fault = {s["name"]: s["peers"][0]["fault"] for s in d["scenarios"]}
assert sorted(fault) == ["program/" + n for n in
    ("fails", "hangs", "lacks", "mixed", "odd", "other", "right", "unready")], fault
assert fault["program/right"] is None
assert fault["program/fails"] == "exit status 3: this is why"
assert fault["program/hangs"] == "not ended in time"
assert fault["program/odd"].startswith("no result")
assert fault["program/other"] == "not active: malloc comes from libjemalloc.so.2"
assert fault["program/mixed"] == "not active: malloc comes from libc.so.6+libother.so"
assert fault["program/lacks"] == "a figure is missing in the result"
assert fault["program/unready"].startswith("exit status 1")
PYTHON
hanging=$(cat "$work/hanging")
! kill -0 "$hanging" 2>/dev/null || fail "the program that hung is still there"
