#!/bin/sh
# What tide-top says of processes that it can't watch, and of its arguments.
set -eu
: "${TIDE_PRELOAD:?the library to preload}" "${TIDE_BIN:?where tide-top is}"
# (TIDE_* in the environment of what is run are options.)
preload=$TIDE_PRELOAD top=$TIDE_BIN/tide-top
unset TIDE_PRELOAD TIDE_BIN
[ -x "$top" ] || { echo "tide-top was not built"; exit 77; }
work=$(mktemp -d)
other=
trap '[ -z "$other" ] || kill "$other" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 129' HUP INT TERM

# says STATUS PATTERN ARGUMENT...
says() {
	status=$1 pattern=$2 got=0
	shift 2
	"$top" "$@" >"$work/out" 2>&1 </dev/null || got=$?
	if [ "$got" != "$status" ] || ! grep -Eq -e "$pattern" "$work/out"; then
		echo "FAIL: tide-top $* ended with $got, not $status, or without '$pattern':" >&2
		head -n 5 "$work/out" >&2
		exit 1
	fi
}

# as PROGRAM...: another process, until it says that it is ready.
as() {
	mkfifo "$work/ready"
	"$@" >"$work/ready" &
	other=$!
	read -r _ <"$work/ready"
	rm "$work/ready"
}
over() {
	kill "$other"
	wait "$other" 2>/dev/null || true
	other=
}

# A page of another layout, of no Tide at all, and one that never comes to rest.
cat >"$work/fake.py" <<'EOF'
import os, struct, sys, time
layout, magic, sequence, size = (int(word, 0) for word in sys.argv[1:5])
page = os.memfd_create("tide-stats")
head = struct.pack("=5Q", magic, layout, size, sequence, 7 << 32 | 8 << 16 | 9)
os.write(page, head + bytes(size - len(head)))
print("ready", flush=True)
time.sleep(60)
EOF
magic=0x5441545345444954
"$top" --help >"$work/out"
as /usr/bin/python3 "$work/fake.py" 99 $magic 2 60000
says 1 "process $other runs Tide 7\.8\.9, whose page has layout 99; this tide-top reads layout [0-9]+" "$other"
says 0 "^ *$other  \(another version of Tide" --list
over
as /usr/bin/python3 "$work/fake.py" 1 0x1234 2 60000
says 1 "page of process $other is empty or broken" "$other"
over
as /usr/bin/python3 "$work/fake.py" 1 $magic 2 4000
says 1 "process $other runs Tide 7\.8\.9, whose page has layout 1" "$other"
over

# No page: why.
as sh -c 'echo ready; exec sleep 60'
says 1 "process $other has no page: it does not run Tide" "$other"
over
as env LD_PRELOAD="$preload" /usr/bin/python3 -c '
import time
print("ready", flush=True)
time.sleep(60)'
says 1 "process $other runs Tide without a GC thread .*TIDE_GC=2" "$other"
over
as env LD_PRELOAD="$preload" TIDE_GC=2 /usr/bin/python3 -c '
import time
time.sleep(1.5)
print("ready", flush=True)
time.sleep(60)'
says 0 "process $other, 1 thread" --once text "$other"
says 0 '^tide_build_info\{version="[0-9.]+"\} 1$' --once openmetrics "$other"
over
as env LD_PRELOAD="$preload" TIDE_GC=2 TIDE_STATS_PAGE=0 /usr/bin/python3 -c '
import time
time.sleep(1)
print("ready", flush=True)
time.sleep(60)'
says 1 "has a GC thread but no page .*TIDE_STATS_PAGE is 0" "$other"
over
says 1 "no process 'there-is-none' with Tide's page" there-is-none

# Arguments.
says 0 '^usage: tide-top' --help
says 0 '^TIDE_DECAY_MS=500 \(ms, 0 to 3600000\)' --help options
says 2 "'nonsense': there is --help, and --help options" --help nonsense
says 2 "'0': wants seconds from 0.1 to 60" -d 0
says 2 "'nan': wants seconds from 0.1 to 60" -d nan
says 2 "'': wants seconds" -d
says 2 "'xml': wants text, json or openmetrics" --once xml
says 2 "option '-x': there is no such one" -x
says 2 "process '2': one at a time" 1 2
says 1 "process '99999999999': its number is from 1 to 4194304" 99999999999
says 1 "process '12x': its number is" 12x
