#!/bin/sh
# headers.sh ROOT CC CXX: each public header compiles alone, as C11 and as C++17, without a warning.
set -eu
root=$1 cc=$2 cxx=$3
found=0 failed=0

# check COMPILER LANGUAGE STANDARD HEADER
check() {
	printf '#include <%s>\n' "$4" |
		"$1" -x "$2" -std="$3" -pedantic -Wall -Wextra -Wundef -Werror \
			-I "$root/include" -fsyntax-only - ||
		failed=1
}

for path in "$root"/include/tide/*.h; do
	[ -e "$path" ] || continue
	found=1
	header=${path#"$root/include/"}
	check "$cc" c c11 "$header"
	check "$cxx" c++ c++17 "$header"
done
[ "$found" = 1 ] || echo "no header in $root/include/tide" >&2
[ "$found$failed" = 10 ]
