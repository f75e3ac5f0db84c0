#!/bin/sh
# Python: threads, forked and spawned workers, json, zlib, sqlite3. PYTHONMALLOC=malloc takes away
# its own small-object allocator, so that every object is a block of Tide's.
. "$(dirname "$0")/common.sh"

PYTHONMALLOC=malloc
PYTHONHASHSEED=0
PYTHONDONTWRITEBYTECODE=1
export PYTHONMALLOC PYTHONHASHSEED PYTHONDONTWRITEBYTECODE
"$python" -c 'import sqlite3, zlib, multiprocessing' 2>/dev/null || skip "$python lacks modules"

check_bound "python3 libsqlite3.so.0 libz.so.1" \
	"$python" -c 'import sqlite3, zlib, json; sqlite3.connect(":memory:").close()'

without_tide "$python" "$here/python_work.py" >"$work/plain"
with_tide "$python" "$here/python_work.py" "$preload" >"$work/tide" || fail "python ended with $?"
same "output of python" "$work/plain" "$work/tide"
finish
