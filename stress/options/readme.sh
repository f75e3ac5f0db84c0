#!/bin/sh
# readme.sh TIDE-OPTIONS README write|check: put the table of the options between the two marks in
# README, or say whether it is there already.
set -eu
options=$1 readme=$2 what=$3
from='<!-- options -->' to='<!-- end of options -->'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ "$(grep -cxF -e "$from" "$readme")" != 1 ] || [ "$(grep -cxF -e "$to" "$readme")" != 1 ]; then
	echo "$readme: no '$from' and '$to', once each" >&2
	exit 1
fi
{
	sed "/^$from\$/q" "$readme"
	"$options" markdown
	sed -n "/^$to\$/,\$p" "$readme"
} >"$work/new"
if cmp -s "$work/new" "$readme"; then
	exit 0
fi
if [ "$what" = write ]; then
	cat "$work/new" >"$readme"
	exit 0
fi
diff -u "$readme" "$work/new" >&2 || true
echo "README's table of the options is old: cmake --build build/release --target readme-options" >&2
exit 1
