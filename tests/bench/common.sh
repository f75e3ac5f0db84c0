# The benchmark programs. Sourced by the scripts of this folder, not run. What is measured is not
# looked at: only that it is measured and computed as is said.
#
# TIDE_BIN is the folder of the programs.
set -eu
LC_ALL=C
export LC_ALL
unset LD_PRELOAD || true

python=/usr/bin/python3
limit_s=100
bin=${TIDE_BIN:?TIDE_BIN must name the folder of the programs}
work=$(mktemp -d "${TMPDIR:-/tmp}/tide-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
	echo "fail: $*" >&2
	for output in out err; do
		[ ! -s "$work/$output" ] || { echo "--- $output"; tail -n 20 "$work/$output"; } >&2
	done
	exit 1
}

# expect STATUS PROGRAM ARGUMENT...: output and errors are in $work/out and $work/err.
expect() {
	wanted=$1 program=$2
	shift 2
	status=0
	timeout -k 5 "$limit_s" "$bin/$program" "$@" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -eq "$wanted" ] || fail "$program $*: status $status instead of $wanted"
}

# said TEXT: the last program printed it, as output or error.
said() {
	grep -qF -- "$1" "$work/out" "$work/err" || fail "it did not say: $1"
}

# check FILE: a Python program on standard input; `d` is the JSON document.
check() {
	{
		echo "import json, math, sys"
		echo "d = json.load(open(sys.argv[1]))"
		echo "def close(a, b): return math.isclose(a, b, rel_tol=1e-9)"
		cat
	} >"$work/check.py"
	"$python" "$work/check.py" "$1" >"$work/check.out" 2>&1 || {
		cat "$work/check.out" >&2
		fail "$1 is not as expected"
	}
}

# A page stands alone: it loads nothing, and has its plots.
check_page() {
	[ -s "$1" ] || fail "$1 is not there"
	! grep -qiE '<(script|link|img|iframe)|url\(|src=' "$1" || fail "$1 loads something"
	grep -q '<svg' "$1" || ! command -v gnuplot >/dev/null || fail "$1 has no plot"
}
