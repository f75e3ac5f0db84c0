#!/bin/sh
# report.sh: the report of a run, as a browser shows it, has the numbers of its JSON, in light and in
# dark; it is as right for other allocators, and there is one without gnuplot.
. "$(dirname "$0")/common.sh"

for program in chromium gnuplot; do
	command -v "$program" >/dev/null || skip "$program is not installed"
done

# browse FOLDER OPTION...: the output of the browser for the page in FOLDER.
browse() {
	folder=$1
	shift
	timeout -k 5 90 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
		--no-first-run --disable-background-networking --hide-scrollbars \
		--user-data-dir="$work/profile" --virtual-time-budget=5000 \
		--window-size=1040,3600 "$@" "file://$folder/report.html" 2>"$work/browser.log" ||
		{ tail -n 30 "$work/browser.log" >&2; fail "the browser"; }
}

# check FOLDER PLOTS
check() {
	browse "$1" --screenshot="$1/page.png" >/dev/null
	browse "$1" --dump-dom >"$1/page.dom"
	python3 "$here/report_check.py" "$1/report.json" "$1/page.dom" "$1/page.png" "$2"
}

# run PROGRAM FOLDER ARGUMENT...
run() {
	program=$1 folder=$2
	shift 2
	timeout -k 5 "$limit_s" "$bin/$program" --seed 7 --threads 2 --quiet --report "$folder" \
		"$@" >out 2>err || fail "$program failed"
	grep -q "^report: $folder/report.html\$" out || fail "the path is not printed"
	[ -s "$folder/report.json" ] && [ -s "$folder/report.html" ] || fail "no files in $folder"
}

run tide-stress "$work/tide" --seconds 3
check "$work/tide" throughput,memory,backlog,queues,work,latency
grep -q 'src=\|href=\|@import\|url(' "$work/tide/report.html" &&
	fail "the page is not self-contained"

# Dark is another picture with the same numbers.
browse "$work/tide" --blink-settings=preferredColorScheme=0 --screenshot="$work/dark.png" >/dev/null
cmp -s "$work/dark.png" "$work/tide/page.png" && fail "dark is as light"
python3 "$here/report_check.py" "$work/tide/report.json" "$work/tide/page.dom" "$work/dark.png" ""

# Another allocator has no GC; what there is must be right.
run tide-stress-external "$work/external" --seconds 1
! grep -q 'data-plot="backlog"' "$work/external/report.html" || fail "a GC of the C library"
python3 - "$work/external/report.json" <<'END' || fail "the report of another allocator"
import json, sys
root = json.load(open(sys.argv[1]))
sys.exit(not (root["verdict"]["passed"] and root["allocator"] == {} and root["load"]["made"] > 0
              and root["load"]["made"] == root["load"]["freed"]
              and root["latency_ns"]["malloc"]["count"] >= root["load"]["made"]
              and root["run"]["seed"] == "7" and "--seed 7" in root["run"]["replay"]))
END

# Without gnuplot: the page says so, the JSON is there.
mkdir "$work/empty"
PATH=$work/empty "$bin/tide-stress" --seed 7 --seconds 1 --quiet --report "$work/bare" \
	>out 2>err || fail "without gnuplot"
grep -q 'gnuplot is not installed' "$work/bare/report.html" ||
	fail "the page misses gnuplot silently"
python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$work/bare/report.json" ||
	fail "no JSON without gnuplot"

# A folder that can't be is a message and a failure.
stress 1 --seed 7 --seconds 1 --quiet --report "$work/bare/report.json"
grep -q 'report.json: Not a directory' err || fail "no message about the folder"
