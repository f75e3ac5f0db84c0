#!/bin/sh
# readmes.sh ROOT: each folder has a README.md of one screen, which says what lives there and what does
# not. A screen is 40 lines of text; the rows of a table are not counted.
set -eu
cd "$1"
[ -f CMakeLists.txt ] || { echo "$1 is not the tree" >&2; exit 1; }

# complaints FOLDER...: what is wrong, a line each.
complaints() {
	for folder; do
		file=$folder/README.md
		if [ ! -s "$file" ]; then
			echo "$folder: no README.md"
			continue
		fi
		lines=$(grep -cv '^|' "$file")
		[ "$lines" -le 40 ] || echo "$file: $lines lines are more than a screen"
		for part in 'Here' 'Not here'; do
			grep -q "^\*\*$part:\*\* [^ ]" "$file" || echo "$file: no **$part:**"
		done
	done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Folders that have files of their own. A build, wherever it lies, is none of them.
find cmake gc include lib man stress tests -type f ! -name '.*' ! -name README.md ! -path '*/__pycache__/*' |
	sed 's|/[^/]*$||' | sort -u | grep -vx 'include/tide' >"$work/folders"
echo include >>"$work/folders"
# Names of folders have no blanks.
# shellcheck disable=SC2046
complaints $(cat "$work/folders") >"$work/found"
cat "$work/found" >&2
[ ! -s "$work/found" ] || exit 1
# Other folders at the top than those above would go unseen.
for folder in */; do
	case ${folder%/} in
	build | tide-*-report | tide-bench-work) ;;
	*) grep -qE "^${folder%/}(/|\$)" "$work/folders" || { echo "$folder is not looked at" >&2; exit 1; } ;;
	esac
done

# That this can fail.
mkdir "$work/empty" "$work/long" "$work/half"
{ printf '**Here:** a\n**Not here:** b\n'; seq 40; } >"$work/long/README.md"
echo '**Here:** a' >"$work/half/README.md"
[ "$(complaints "$work/empty" "$work/long" "$work/half" | wc -l)" -eq 3 ] || {
	echo "a missing, a long or a silent README.md was not noticed" >&2
	exit 1
}
