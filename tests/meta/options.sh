#!/bin/sh
# options.sh TIDE-OPTIONS ROOT MANUAL: the table of the options is the only one: README, the manual page
# and what programs print are made from it, and nothing is left out.
set -eu
options=$1 root=$2 manual=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

sh "$root/stress/options/readme.sh" "$options" "$root/README.md" check || failed=1

# Every row, by its identifier, in each form.
sed -n 's/^	X(\([A-Z_]*\), ".*/\1/p' "$root/include/tide/options.h" >"$work/ids"
[ "$(wc -l <"$work/ids")" -ge 20 ] || { echo "no rows found" >&2; failed=1; }
"$options" >"$work/text"
while read -r id; do
	grep -q "^TIDE_$id=" "$work/text" || { echo "$id is not in the text" >&2; failed=1; }
	grep -q "^| .TIDE_$id. |" "$root/README.md" || { echo "$id is not in README" >&2; failed=1; }
	grep -qx "\.B TIDE_$id" "$manual" || { echo "$id is not in tide(7)" >&2; failed=1; }
done <"$work/ids"
[ "$(grep -c '^\.B TIDE_' "$manual")" = "$(wc -l <"$work/ids")" ] || {
	echo "tide(7) has other options than the table" >&2
	failed=1
}
awk 'length($0) > 100 { exit 1 }' "$work/text" || { echo "a line of the text is too long" >&2; failed=1; }

# What the project's own scripts have in the environment is no option, and no mistake either: a Tide
# that is preloaded there is silent.
find "$root/tests" "$root/stress" "$root/cmake" -name '*.sh' -exec grep -hoE '\$\{?TIDE_[A-Z_]+' {} + |
	sed 's/.*TIDE_//' | sort -u >"$work/used"
[ "$(wc -l <"$work/used")" -ge 5 ] || { echo "no variables found" >&2; failed=1; }
sed -n '/option_foreign\[\] = {/,/};/p' "$root/lib/options.c" | grep -o '"[A-Z_]*"' |
	tr -d '"' >"$work/foreign"
while read -r id; do
	grep -qxF "$id" "$work/ids" "$work/foreign" || {
		echo "a script has TIDE_$id, which lib/options.c takes for a mistake" >&2
		failed=1
	}
done <"$work/used"

# That the check can fail.
sed 's/^| .TIDE_GC. .*/| changed |/' "$root/README.md" >"$work/README.md"
if sh "$root/stress/options/readme.sh" "$options" "$work/README.md" check 2>/dev/null; then
	echo "a changed table was not noticed" >&2
	failed=1
fi
sh "$root/stress/options/readme.sh" "$options" "$work/README.md" write
cmp "$work/README.md" "$root/README.md" || failed=1

# The page as a formatter sees it.
if command -v groff >/dev/null; then
	groff -man -Tascii -ww -rLL=78n "$manual" 2>"$work/warnings" | sed "s/.\x08//g" >"$work/page"
	[ ! -s "$work/warnings" ] || { cat "$work/warnings" >&2; failed=1; }
	grep -q 'TIDE_DECAY_MS' "$work/page" || { echo "the page shows no option" >&2; failed=1; }
fi
exit "$failed"
