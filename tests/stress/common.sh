# tide-stress under test. Sourced by the scripts of this folder, not run. $TIDE_BUILD is the build
# folder. Each script works in a folder of its own, which goes at the end.
# Exit  0 pass, 77 skip (the reason on stderr), else fail (the reason on stderr).

set -eu
LC_ALL=C
export LC_ALL

bin=$(cd "${TIDE_BUILD:?TIDE_BUILD must name the build folder}/bin" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
limit_s=100

fail() {
	echo "fail: $*" >&2
	for output in out err; do
		[ ! -s "$work/$output" ] || { echo "--- $output" && tail -n 30 "$work/$output"; } >&2
	done
	exit 1
}

skip() {
	echo "skip: $*" >&2
	exit 77
}

work=$(mktemp -d "${TMPDIR:-/tmp}/tide-stress.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
cd "$work"

# stress EXPECTED_STATUS ARGUMENT...: run it; the output is in out and err.
stress() {
	expected=$1
	shift
	status=0
	timeout -k 5 "$limit_s" "$bin/tide-stress" "$@" >out 2>err || status=$?
	[ "$status" -eq "$expected" ] || fail "tide-stress $*: exit status $status, not $expected"
}

# said TEXT: the last run put out a line with this text.
said() {
	grep -aqF -- "$1" out || grep -aqF -- "$1" err || fail "'$1' is not in the output"
}

# trace ARGUMENT...: run it, and print the hash of all it asked for.
trace() {
	stress 0 --quiet "$@"
	sed -n 's/^trace \([0-9a-f]*\).*/\1/p' out | grep . || fail "no trace"
}

# figure NAME: a number of the report's first section, as in "  blocks made    12.3 k"; "k", "M" and
# "G" become 10^3 and so on.
figure() {
	awk -v name="$1" '
	{ line = $0; sub(/^ +/, "", line) }
	index(line, name " ") == 1 {
		$0 = substr(line, length(name) + 1)
		printf "%d\n", $1 * ($2 == "k" ? 1e3 : $2 == "M" ? 1e6 : $2 == "G" ? 1e9 : 1)
		exit
	}' out
}

# at_least NAME COUNT: the report's figure is not below.
at_least() {
	found=$(figure "$1")
	[ -n "$found" ] || fail "the report says nothing of '$1'"
	[ "$found" -ge "$2" ] || fail "$1: $found, not $2 or more"
}
