#!/bin/sh
# symbols.sh LIB_DIR NM INCLUDE: what the libraries define and what they lean on.
set -eu
lib=$1 nm=$2 include=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# The names that libtide.a and the preload take over, and nothing else may.
malloc='malloc|calloc|realloc|reallocarray|free|cfree|memalign|aligned_alloc|posix_memalign|valloc'
malloc="$malloc|pvalloc|malloc_usable_size|malloc_trim|free_sized|free_aligned_sized"
malloc="$malloc|mallopt|mallinfo|mallinfo2|malloc_stats|malloc_info"
twins='__libc_(malloc|calloc|realloc|reallocarray|free|cfree|memalign|valloc|pvalloc)|__posix_memalign'
cxx='_Zn[aw]m.*|_Zd[al]Pv.*' # operator new, new[], delete, delete[]
probes='_\.stapsdt\.base' # the section that static probes share, with the C library's for one
locks='pthread_(mutex|cond|rwlock|spin)_.*|sem_.*'

# names FILE NM_OPTION...: the symbols, without version, one a line.
names() {
	file=$1
	shift
	"$nm" --format=posix "$@" "$file" | sed -n 's/^\([^ @]*\)[^ ]* [A-Za-z].*/\1/p' | sort -u
}

# only WHAT REGEX NAMES_FILE: each name matches, and there are some.
only() {
	[ -s "$3" ] || { echo "$1: none found" >&2; failed=1; }
	if grep -Evx "$2" "$3" >"$work/bad"; then
		sed "s/^/$1: /" "$work/bad" >&2
		failed=1
	fi
}

# none WHAT REGEX NAMES_FILE: no name matches.
none() {
	if grep -Ex "$2" "$3" >"$work/bad"; then
		sed "s/^/$1: /" "$work/bad" >&2
		failed=1
	fi
}

# has NAMES_FILE NAME...
has() {
	in=$1
	shift
	for name in "$@"; do
		grep -qx "$name" "$in" || { echo "$name is missing in ${in##*/}" >&2; failed=1; }
	done
}

names "$lib/libtide-core.a" --extern-only --defined-only >"$work/core"
names "$lib/libtide-core.a" --undefined-only >"$work/core-undefined"
names "$lib/libtide.a" --extern-only --defined-only >"$work/tide"
names "$lib/libtide.a" --undefined-only >"$work/tide-undefined"
names "$lib/libtide-preload.so" --dynamic --defined-only >"$work/preload"
names "$lib/libtide-preload.so" --dynamic --undefined-only >"$work/preload-undefined"

only "libtide-core.a defines" "tide_.*|$probes" "$work/core"
only "libtide.a defines" "tide_.*|$malloc|$twins|$cxx|$probes" "$work/tide"
version='TIDE_0\.1' # the symbol that stands for a version
only "libtide-preload.so exports" "tide_.*|$malloc|$twins|$cxx|$version" "$work/preload"
has "$work/core" tide_malloc tide_free
has "$work/tide" tide_malloc malloc free calloc realloc posix_memalign _Znwm _ZdlPv
has "$work/preload" tide_malloc malloc free calloc realloc posix_memalign _Znwm _ZdlPv

# Tide's own names have a version; those of the C library must have none, or a program's reference to
# malloc, which asks for the C library's version, would not be bound to it.
"$nm" --dynamic --defined-only --with-symbol-versions "$lib/libtide-preload.so" |
	sed 's/.* //' | grep -v '^TIDE_' >"$work/versions"
if grep '^tide_' "$work/versions" | grep -v '@@TIDE_[0-9.]*$' || grep -v '^tide_' "$work/versions" | grep '@'; then
	echo "libtide-preload.so: the above has a version and should not, or the other way round" >&2
	failed=1
fi
has "$work/versions" tide_malloc@@TIDE_0.1 malloc
readelf -d "$lib/libtide-preload.so" | grep -q 'SONAME.*\[libtide-preload\.so\.[0-9]*\]' ||
	{ echo "libtide-preload.so has no SONAME with a version" >&2; failed=1; }

# No lock anywhere, and the allocator does not allocate from another.
for library in core tide preload; do
	none "$library calls" "$locks" "$work/$library-undefined"
	none "$library calls" "$malloc|$twins|$cxx" "$work/$library-undefined"
done

# The store stands on what everybody may use: of its own names and those of the public headers.
names "$lib/libtide-store.a" --extern-only --defined-only >"$work/store"
names "$lib/libtide-store.a" --undefined-only | grep '^tide_' |
	grep -Fxv -f "$work/store" >"$work/store-undefined"
grep -oh 'tide_[a-z_]*' "$include"/tide/*.h | sort -u >"$work/public"
only "libtide-store.a defines" 'tide_.*' "$work/store"
has "$work/store" tide_store_create tide_store_put tide_store_get
has "$work/store-undefined" tide_heap_create tide_heap_malloc
if grep -Fxv -f "$work/public" "$work/store-undefined"; then
	echo "libtide-store.a leans on names that are not public" >&2
	failed=1
fi

# One member for all of C: whoever refers to free alone gets malloc too. The C++ operators are another,
# and nothing in the first one refers to it or to the C++ library.
[ "$(ar t "$lib/libtide.a" | tr '\n' ' ')" = "tide.o tide-new.o " ] ||
	{ echo "the members of libtide.a are not tide.o and tide-new.o" >&2; failed=1; }
(cd "$work" && ar x "$lib/libtide.a" tide.o)
if nm -u "$work/tide.o" | grep -E ' _Z'; then
	echo "tide.o refers to C++ names" >&2
	failed=1
fi

exit "$failed"
