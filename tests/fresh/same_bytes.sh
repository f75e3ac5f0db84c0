#!/bin/sh
# same_bytes.sh: two builds of the same sources, in folders of different names and at different times,
# give the same libraries, programs and packages, to the byte.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v dpkg-shlibdeps >/dev/null || { echo "skip: no dpkg-shlibdeps"; exit 77; }
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null) || { echo "skip: not a clone"; exit 77; }
export SOURCE_DATE_EPOCH

# What is there, committed or not; but no builds.
for copy in one another/and-deeper; do
	mkdir -p "$work/$copy"
	(cd "$root" && git ls-files -z --cached --others --exclude-standard |
		xargs -0 tar -cf - --ignore-failed-read) | tar -xf - -C "$work/$copy"
	sh "$work/$copy/cmake/package.sh" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
done
one=$work/one/build/package another=$work/another/and-deeper/build/package
compared=0 failed=0
for file in lib/libtide.a lib/libtide-core.a lib/libtide-store.a lib/libtide-preload.so \
	$(cd "$one" && echo bin/tide-* packages/*.deb); do
	compared=$((compared + 1))
	cmp "$one/$file" "$another/$file" || failed=1
	if grep -qF "$work" "$one/$file"; then
		echo "$file says where it was built" >&2
		failed=1
	fi
done
echo "$compared files compared"
exit "$failed"
