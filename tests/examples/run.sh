#!/bin/sh
# run.sh SOURCE LIB_DIR CC CXX: the example compiles as a user would do it, as C and as C++, without a
# warning, and prints what its header says. LIB_DIR has libtide.a, and what else the header wants linked
# before it ("Link: LIBRARY... -lNAME...").
set -eu
[ $# -eq 4 ] || { echo "usage: run.sh SOURCE LIB_DIR CC CXX" >&2; exit 2; }
source=$1 library=$2/libtide.a
include=$(cd "$(dirname "$1")" && pwd)/../../include
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n '/^ \* Expects:$/,/^ \*\/$/s/^ \*   //p' "$source" >"$work/wanted"
[ -s "$work/wanted" ] || { echo "$source does not say what it expects" >&2; exit 2; }

before=
for word in $(sed -n 's/^ \* Link: //p' "$source"); do
	case $word in
	-*) before="$before $word" ;;
	*) before="$before $2/$word" ;;
	esac
done

# example NAME COMPILER...: build it, run it, look at what it prints.
example() {
	name=$1
	shift
	# Each word is an argument.
	# shellcheck disable=SC2086
	"$@" -O2 -Wall -Wextra -pedantic -Werror -I "$include" -o "$work/$name" "$source" \
		-x none $before "$library" -pthread
	"$work/$name" >"$work/$name.out"
	diff "$work/wanted" "$work/$name.out" || { echo "as $name" >&2; exit 1; }
}

example c "$3" -std=c11
example cxx "$4" -x c++ -std=c++17
cat "$work/c.out"
