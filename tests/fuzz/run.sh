#!/bin/sh
# run.sh SECONDS [TARGET...]: builds the fuzz targets and lets each one run so long.
set -eu
seconds=${1:?usage: run.sh SECONDS [TARGET...]}
shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/fuzz

(cd "$root" && cmake --preset fuzz >/dev/null && cmake --build "$build") >&2
[ $# -gt 0 ] || set -- $(ls "$here/corpus")
mkdir -p "$build/found"
cd "$build/found"
status=0
for name in "$@"; do
	printf '%s: ' "$name"
	sh "$here/one.sh" "$build/bin/fuzz_$name" "$here/corpus/$name" for "$seconds" || status=1
done
exit "$status"
