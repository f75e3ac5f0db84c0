#!/bin/sh
# paths.sh ROOT: no file of the tree names a path of the machine it was written on.
set -eu
cd "$1"
[ -f CMakeLists.txt ] || { echo "$1 is not the tree" >&2; exit 1; }

# The brackets keep this file from finding itself.
status=0
grep -rnIE --exclude-dir=.git --exclude-dir=build \
	'(^|[^A-Za-z0-9_.*}-])/(wor[k]|roo[t])/' . >&2 || status=$?
[ "$status" -eq 1 ] # 0: found; 2: grep could not read
