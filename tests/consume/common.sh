# Sourced by the scripts of this folder, not run. Sets `prefix`, where Tide is installed: INSTALLED,
# or a folder that TIDE_BUILD was installed into and that was then moved, so that whatever still says
# where it was installed leads nowhere.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc=${CC:-cc} cxx=${CXX:-c++}

fail() {
	echo "$*" >&2
	exit 1
}

# quiet COMMAND...: shown only when it fails.
quiet() {
	"$@" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		fail "failed: $*"
	}
}

if [ -n "${INSTALLED:-}" ]; then
	prefix=$INSTALLED
else
	quiet cmake --install "${TIDE_BUILD:?TIDE_BUILD or INSTALLED must be set}" --prefix "$work/first"
	prefix=$work/moved
	mv "$work/first" "$prefix"
fi
