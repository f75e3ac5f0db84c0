# Sourced by the scripts of this folder, not run. Builds the program that is looked at.
set -eu
: "${TIDE_PRELOAD:?the library to preload}" "${TIDE_BIN:?where tide-prof is}"
# (TIDE_* in the environment of what is run are options.)
preload=$TIDE_PRELOAD prof=$TIDE_BIN/tide-prof
unset TIDE_PRELOAD TIDE_BIN
[ -x "$prof" ] || { echo "tide-prof was not built"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
program=
cleanup() {
	[ -z "$program" ] || kill -9 "$program" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 129' HUP INT TERM

fail() {
	echo "FAIL: $1" >&2
	[ ! -r "$work/out" ] || head -n 60 "$work/out" >&2
	exit 1
}

# shows PATTERN...: in what was put out last.
shows() {
	for pattern in "$@"; do
		grep -Eq -e "$pattern" "$work/out" || fail "no '$pattern'"
	done
}

# lacks PATTERN...
lacks() {
	for pattern in "$@"; do
		! grep -Eq -e "$pattern" "$work/out" || fail "'$pattern' is there"
	done
}

"${CC:-cc}" -O1 -g -fno-builtin -o "$work/work" "$here/work.c" -pthread

# profiled [NAME=VALUE]... COMMAND...: under the preload, each allocation sampled, into $work/heap.
profiled() {
	timeout -k 5 60 env LD_PRELOAD="$preload" TIDE_PROFILE=1 TIDE_PROFILE_BYTES=1 \
		TIDE_PROFILE_FILE="$work/heap" "$@"
}
