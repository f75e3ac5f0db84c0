#!/bin/sh
# OpenMetrics as Prometheus's own tool reads it.
set -eu
: "${TIDE_PRELOAD:?the library to preload}"
command -v promtool >/dev/null || { echo "there is no promtool"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

TIDE_STATS=file:$work/stats.prom LD_PRELOAD=$TIDE_PRELOAD \
	/usr/bin/python3 -c 'x = [str(i) * 5 for i in range(20000)]'
[ "$(tail -n 1 "$work/stats.prom")" = "# EOF" ]

# Its OpenMetrics parser is behind the import of blocks, which wants a time at each sample.
awk '/^#/ { print; next } { print $0, 1700000000 }' "$work/stats.prom" >"$work/timed.prom"
promtool tsdb create-blocks-from openmetrics "$work/timed.prom" "$work/blocks" >"$work/log" 2>&1 || {
	cat "$work/log"
	exit 1
}
mkdir "$work/blocks/wal" # or it can't be read
samples=$(grep -vc '^#' "$work/stats.prom")
imported=$(promtool tsdb dump "$work/blocks" 2>/dev/null | wc -l)
[ "$samples" = "$imported" ] || { echo "$samples samples, $imported arrived"; exit 1; }
promtool tsdb dump "$work/blocks" 2>/dev/null | grep -q 'tide_class_live_blocks.*block_bytes="64"'

# The same as plain text: 3 means that it is well-formed, and that it has better style to offer.
status=0
promtool check metrics <"$work/stats.prom" >"$work/log" 2>&1 || status=$?
if [ "$status" != 0 ] && [ "$status" != 3 ]; then
	cat "$work/log"
	exit 1
fi

# That the parser can refuse: a unit that is not at the end of its name.
sed 's/^# UNIT tide_mapped_bytes bytes$/# UNIT tide_mapped_bytes seconds/' "$work/timed.prom" >"$work/bad.prom"
! promtool tsdb create-blocks-from openmetrics "$work/bad.prom" "$work/bad" >/dev/null 2>&1 ||
	{ echo "the parser accepts everything"; exit 1; }
