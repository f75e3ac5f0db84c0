#!/bin/sh
# points.sh ROOT MET_DIR: every yield point of the core was met in some schedule of the tests.
set -eu
root=$1 met=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

grep -rhoE 'TIDE_YIELD\("[^"]*"' "$root/lib" "$root/gc" --include='*.[ch]' |
	sed 's/.*"\(.*\)"/\1/' | grep -v '^file\.window$' | sort >"$work/named"
[ -s "$work/named" ] || { echo "no yield points in $root" >&2; exit 1; }
if [ -n "$(uniq -d "$work/named")" ]; then
	echo "two points of one name: $(uniq -d "$work/named")" >&2
	exit 1
fi
set -- "$met"/*
[ -e "$1" ] || { echo "the programs have not run yet"; exit 77; }
sort -u "$met"/* >"$work/met"
comm -23 "$work/named" "$work/met" >"$work/unmet"
if [ -s "$work/unmet" ]; then
	sed 's/^/never met: /' "$work/unmet" >&2
	exit 1
fi
echo "$(wc -l <"$work/named") points, all of them met"
