#!/bin/sh
# suppressions.sh ROOT: no finding of a sanitizer or of valgrind is silenced.
set -eu
cd "$1"
[ -f CMakeLists.txt ] || { echo "$1 is not the tree" >&2; exit 1; }
failed=0

files=$(find . \( -path ./.git -o -path ./build \) -prune -o -type f -size +0 \
	\( -name '*.supp' -o -iname '*suppressions*' \) ! -path ./tests/meta/suppressions.sh -print)
[ -z "$files" ] || { echo "not empty: $files" >&2; failed=1; }

# The brackets keep this file from finding itself.
status=0
grep -rnIE --exclude-dir=.git --exclude-dir=build \
	-e 'no_saniti[z]e|suppression[s]=' \
	-e '__[a-z]*san_default_suppression[s]|fsanitize-(ignore|black)lis[t]' . >&2 || status=$?
[ "$status" -eq 1 ] || failed=1
exit "$failed"
