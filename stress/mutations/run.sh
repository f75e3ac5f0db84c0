#!/bin/sh
# run.sh [NAME...]: plant bugs in a copy of the tree and see tide-stress find each: all of them (a
# quarter of an hour), or these. --list names them, --check sees that all still have their places.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/mutations.py" "$@"
