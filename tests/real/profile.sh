#!/bin/sh
# Python with a heap profile: its output is the same, and the profile has its stacks.
. "$(dirname "$0")/common.sh"

PYTHONMALLOC=malloc
PYTHONHASHSEED=0
PYTHONDONTWRITEBYTECODE=1
TIDE_PROFILE=1
TIDE_PROFILE_BYTES=64k
TIDE_PROFILE_FILE=$work/heap.%p
export PYTHONMALLOC PYTHONHASHSEED PYTHONDONTWRITEBYTECODE
export TIDE_PROFILE TIDE_PROFILE_BYTES TIDE_PROFILE_FILE
"$python" -c 'import sqlite3, zlib, multiprocessing' 2>/dev/null || skip "$python lacks modules"

without_tide "$python" "$here/python_work.py" >"$work/plain"
with_tide "$python" "$here/python_work.py" "$preload" >"$work/tide" || fail "python ended with $?"
same "output of python" "$work/plain" "$work/tide"
deep=$(awk 'FNR > 1 && $5 == "@" && NF > 15 { deep++ } /^MAPPED/ { nextfile } END { print deep + 0 }' \
	"$work"/heap.*[0-9])
[ "$deep" -gt 20 ] || fail "only $deep stacks of more than ten calls"
finish
