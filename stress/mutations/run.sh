#!/bin/sh
# run.sh [NAME...]: plant bugs in a copy of the tree and see tide-stress find each: all of them (an hour on
# two cores), or these. run.sh --list names them, --check sees that all still have their places.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/mutations.py" "$@"
