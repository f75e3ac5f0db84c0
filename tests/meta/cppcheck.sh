#!/bin/sh
# cppcheck.sh ROOT: cppcheck finds nothing in the allocator and the store, and nothing is suppressed.
# First, that it can find something.
set -eu
cd "$1"
command -v cppcheck >/dev/null || { echo "cppcheck is not here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# check FILE...: as GNU C on Linux; style is .clang-format's and clang-tidy's business.
check() {
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
		-Ilib -Igc -Iinclude -D_GNU_SOURCE -D__linux__ -D__LP64__ \
		"-D__$(uname -m)__" -DTIDE_DEBUG=0 -DTIDE_AUDITED=0 '-DTIDE_TLS_MODEL="initial-exec"' \
		--template='{file}:{line}: {id}: {message}' "$@" 2>&1
}

echo 'int at(void) { int a[2] = { 1, 2 }; return a[2]; }' >"$work/wrong.c"
if check "$work/wrong.c" >"$work/found" || ! grep -q arrayIndexOutOfBounds "$work/found"; then
	echo "what is wrong was not found" >&2
	exit 1
fi
check -j 2 lib gc
