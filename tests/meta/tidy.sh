#!/bin/sh
# tidy.sh ROOT [deep]: clang-tidy finds nothing in the allocator and the store, by the checks in
# .clang-tidy; with `deep` its analyzer follows paths through the functions as well, which takes
# minutes. The assertions are compiled in: they tell the analyzer what holds.
#
# First, that it can find something.
set -eu
cd "$1"
deep=${2-}
command -v clang-tidy-14 >/dev/null || { echo "clang-tidy-14 is not here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/settings" <<'END'
-std=c11 -D_GNU_SOURCE= -Ilib -Igc -Iinclude -DTIDE_DEBUG=1 -DTIDE_AUDITED=1 -DTIDE_OVERRIDE=1
-DTIDE_TLS_MODEL="initial-exec"
END
[ "$(uname -m)" != x86_64 ] || echo -mcx16 >>"$work/settings"

# tidy FILE...: by one process.
cat >"$work/tidy.sh" <<'END'
settings=$1 checks=$2
shift 2
exec clang-tidy-14 --quiet ${checks:+"--checks=$checks"} "$@" -- $(cat "$settings")
END
tidy() {
	xargs -n "$files_each" -P 2 sh "$work/tidy.sh" "$work/settings" "$checks" 2>"$work/noise"
}

checks=-clang-analyzer-* files_each=8
[ -z "$deep" ] || checks='' files_each=4

# finds CHECK CODE
finds() {
	printf '%s\n' "$2" >"$work/wrong.c"
	cp .clang-tidy "$work"
	if echo "$work/wrong.c" | tidy >"$work/found" || ! grep -qF "$1" "$work/found"; then
		echo "$1 was not found" >&2
		cat "$work/found" "$work/noise" >&2
		exit 1
	fi
}
finds bugprone-sizeof-expression 'int size_of(char *a); int size_of(char *a) { return sizeof(sizeof *a); }'
finds readability-non-const-parameter 'int at(int *a); int at(int *a) { return *a; }'
[ -z "$deep" ] || finds clang-analyzer-core.NullDereference \
	'int at(int *a); int at(int *a) { int b = 1; if (!a) b = *a; *a = b; return b; }'

printf '%s\n' lib/*.c gc/*.c lib/store/*.c | tidy >"$work/found" || {
	cat "$work/found" >&2
	exit 1
}
