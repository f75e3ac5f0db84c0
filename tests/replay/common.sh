# tide-record, tide-trace and tide-replay under test. Sourced by the scripts of this folder, not run.
# TIDE_BIN is the folder of the programs, SOURCES that of the project; CC and CXX compile.
set -eu
LC_ALL=C
export LC_ALL
unset LD_PRELOAD PYTHONMALLOC || true

bin=${TIDE_BIN:?TIDE_BIN must name the folder of the programs}
here=$(cd "$(dirname "$0")" && pwd)
python=/usr/bin/python3
limit_s=100
work=$(mktemp -d "${TMPDIR:-/tmp}/tide-replay.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
cd "$work"

fail() {
	echo "fail: $*" >&2
	for output in out err; do
		[ ! -s "$work/$output" ] || { echo "--- $output" && tail -n 20 "$work/$output"; } >&2
	done
	exit 1
}

# expect STATUS PROGRAM ARGUMENT...: output and errors are in out and err.
expect() {
	wanted=$1 program=$2
	shift 2
	status=0
	timeout -k 5 "$limit_s" "$bin/$program" "$@" >out 2>err || status=$?
	[ "$status" -eq "$wanted" ] || fail "$program $*: status $status instead of $wanted"
}

# only FOLDER PROGRAM: the one trace of the program there.
only() {
	set -- "$1/$2"-*.trace
	[ $# -eq 1 ] && [ -s "$1" ] || fail "not one trace: $*"
	echo "$1"
}

# number TRACE NAME: of its summary; 0 when it is not told.
number() {
	"$bin/tide-trace" summary "$1" | awk -v name="$2" '$1 == name { n = $2 } END { print n + 0 }'
}

# is TRACE NAME VALUE
is() {
	found=$(number "$1" "$2")
	[ "$found" = "$3" ] || fail "$1: $2 is $found, not $3"
}

# replays TRACE [OPTION]...: Tide and glibc do what the trace has, call by call and byte by byte. In
# the trace's own order what is live at the peak and at the end is the trace's, too.
replays() {
	trace=$1
	shift
	expect 0 tide-replay --allocator tide --allocator glibc --rounds 2 --idle 0 --quiet \
		--report report "$@" "$trace"
	"$python" - "$trace" "$@" >check.out 2>&1 <<'PYTHON' || fail "$(cat check.out)"
import json, sys
d = json.load(open("report/replay.json"))
trace, plan = d["trace"], d["plan"]
assert trace["calls"] == plan["calls"] + plan["left_out"] > 0, (trace, plan)
assert trace["bytes"] == plan["bytes"], (trace, plan)
assert [p["name"] for p in d["peers"]] == ["tide", "glibc"]
for peer in d["peers"]:
    assert peer["fault"] is None and len(peer["runs"]) == 2
    for run in peer["runs"]:
        assert run["calls"] == plan["calls"] and run["bytes"] == plan["bytes"], run
        assert run["end_live_bytes"] == trace["end_live_bytes"], run
        assert len(run["samples"]) == len(plan["samples"])
        assert run["wall_s"] > 0 and run["cpu_s"] > 0
        # Pages that were written and not freed are resident.
        assert "none" in sys.argv or run["peak_rss_bytes"] > trace["peak_live_bytes"] / 2, run
        if trace["threads"] == 1 or plan["apart"] == 0:
            assert run["peak_live_bytes"] == trace["peak_live_bytes"], run
number, live = plan["samples"][plan["peak_sample"]]
assert live == trace["peak_live_bytes"], plan
PYTHON
}
