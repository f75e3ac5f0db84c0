#!/bin/sh
# Each function of the trace is recorded as itself, as often as it was called, and replayed as itself.
. "$(dirname "$0")/common.sh"

"${CXX:-c++}" -std=c++17 -O0 -fno-builtin -o functions "$here/functions.cpp" -ldl || fail functions.cpp
expect 0 tide-record --out traces ./functions
trace=$(only traces functions)
"$bin/tide-trace" text "$trace" >text || fail "tide-trace text"

# made COUNT WORDS: so many calls whose function, and what is behind it, match.
made() {
	found=$(grep -cE "^[0-9]+ 1 $2" text) || true
	[ "$found" -eq "$1" ] || fail "$found calls '$2', not $1"
}
result='= 0x[0-9a-f]+$'
made 300 "malloc 70001 $result"
made 301 "calloc 7 10000 $result"
made 302 'realloc 0 70003 = 0x[0-9a-f]+ \+[0-9]+$'
made 302 'realloc 0x[0-9a-f]+ 90003 = 0x[0-9a-f]+ \+[0-9]+$'
made 303 'reallocarray 0 2 35002 = 0x[0-9a-f]+ \+[0-9]+$'
made 304 "aligned_alloc 64 70016 $result"
made 305 "posix_memalign 128 70006 $result"
made 306 "memalign 4096 70007 $result"
made 307 "valloc 70008 $result"
made 308 "pvalloc 70009 $result"
made 309 'free_sized 0x[0-9a-f]+ 70010$'
made 310 'free_aligned_sized 0x[0-9a-f]+ 32 70016$'
made 311 "new 70012 $result"
made 312 "new_array 70013 $result"
made 313 "new_nothrow 70014 $result"
made 314 "new_array_nothrow 70015 $result"
made 315 "new_aligned 256 70017 $result"
made 316 "new_array_aligned 256 70018 $result"
made 317 "new_aligned_nothrow 256 70019 $result"
made 318 "new_array_aligned_nothrow 256 70020 $result"
made 311 'delete 0x[0-9a-f]+$'
made 312 'delete_array 0x[0-9a-f]+$'
made 313 'delete_nothrow 0x[0-9a-f]+$'
made 314 'delete_array_nothrow 0x[0-9a-f]+$'
made 315 'delete_aligned 0x[0-9a-f]+ 256$'
made 316 'delete_array_aligned 0x[0-9a-f]+ 256$'
made 317 'delete_aligned_nothrow 0x[0-9a-f]+ 256$'
made 318 'delete_array_aligned_nothrow 0x[0-9a-f]+ 256$'
made 319 'delete_sized 0x[0-9a-f]+ 70021$'
made 320 'delete_array_sized 0x[0-9a-f]+ 70022$'
made 321 'delete_sized_aligned 0x[0-9a-f]+ 256 70023$'
made 322 'delete_array_sized_aligned 0x[0-9a-f]+ 256 70024$'
made 6 'realloc 0x[0-9a-f]+ 1152921504606846976 = 0 '
made 6 'posix_memalign 3 1 = 0$'
made 6 'calloc 1099511627776 1099511627776 = 0$'
is "$trace" overlaps 0
is "$trace" foreign 0
is "$trace" lost 0
replays "$trace"
