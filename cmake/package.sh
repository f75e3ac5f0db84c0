#!/bin/sh
# package.sh [FOLDER]: Debian packages of this tree, in FOLDER (build/package/packages).
#
# They are the same to the byte for the same sources and compiler. Their files are dated with
# SOURCE_DATE_EPOCH; when it is not set, with the last commit's date, and without git with today's.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/package
out=${1:-$build/packages}

sh "$root/cmake/setup.sh" package
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
	SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)
fi
export SOURCE_DATE_EPOCH
cd "$root"
# Under /usr, libraries go where Debian has them for each kind of machine.
cmake --preset release -B "$build" -DTIDE_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr >/dev/null
cmake --build "$build"
mkdir -p "$out"
cpack --config "$build/CPackConfig.cmake" -B "$out" >"$build/cpack.log" 2>&1 || {
	cat "$build/cpack.log" >&2
	exit 1
}
rm -rf "$out/_CPack_Packages"
ls "$out"/*.deb
