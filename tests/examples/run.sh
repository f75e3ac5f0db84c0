#!/bin/sh
# run.sh SOURCE LIB_DIR CC CXX: the example compiles as a user would do it, as C and as C++, without a
# warning, and prints what its header says. LIB_DIR has libtide.a.
set -eu
[ $# -eq 4 ] || { echo "usage: run.sh SOURCE LIB_DIR CC CXX" >&2; exit 2; }
source=$1 library=$2/libtide.a
include=$(cd "$(dirname "$1")" && pwd)/../../include
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n '/^ \* Expects:$/,/^ \*\/$/s/^ \*   //p' "$source" >"$work/wanted"
[ -s "$work/wanted" ] || { echo "$source does not say what it expects" >&2; exit 2; }

# example NAME COMPILER...: build it, run it, look at what it prints.
example() {
	name=$1
	shift
	"$@" -O2 -Wall -Wextra -pedantic -Werror -I "$include" -o "$work/$name" "$source" \
		-x none "$library" -pthread
	"$work/$name" >"$work/$name.out"
	diff "$work/wanted" "$work/$name.out" || { echo "as $name" >&2; exit 1; }
}

example c "$3" -std=c11
example cxx "$4" -x c++ -std=c++17
cat "$work/c.out"
