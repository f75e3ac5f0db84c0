#!/bin/sh
# What only a whole machine can set: overcommit 2, a container's memory.max. The
# machine is a Linux kernel that runs as a process (user-mode-linux), so that this one's settings stay
# as they are. Without that package: skipped.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
fill=${TIDE_FILL:?}

kernel=$(command -v linux.uml) || {
	echo "skip: user-mode-linux is not installed" >&2
	exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM

status=0
HOME=$work TMPDIR=$work timeout -k 5 200 "$kernel" mem=512M uml_dir="$work" rootfstype=hostfs rootflags=/ \
	root=/dev/root ro quiet con=null con0=null,fd:1 init=/bin/sh \
	TIDE_FILL="$fill" -- "$here/machine_init.sh" </dev/null >"$work/out" 2>&1 || status=$?
tr -d '\r' <"$work/out" >"$work/said"
grep -q '^machine ' "$work/said" || {
	tail -n 5 "$work/said" >&2
	echo "skip: the kernel does not start here" >&2
	exit 77
}

# expect LINE: it was said.
expect() {
	grep -qx "$1" "$work/said" && return
	cat "$work/said" >&2
	echo "fail: expected: $1" >&2
	exit 1
}
expect end
expect "result overcommit 0"
expect "result overcommit-threads 0"
expect "result watched 0"
expect "kills watched 0"
expect "result unwatched 137"
expect "kills unwatched 1"
expect "result too-small 137"
expect "kills too-small 1"
grep -E '^(machine|result|kills|[0-9]+ bytes)' "$work/said"
