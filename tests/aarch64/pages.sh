#!/bin/sh
# pages.sh EMULATOR PROGRAM: on a system whose pages are longer than those Tide is built for, a process
# that uses it ends at once and says why.
set -eu
wanted='tide: pages of 65536 bytes: this allocator is built for pages of 4096'

status=0
told=$("$1" -p 65536 "$2" 2>&1 >/dev/null) || status=$?
told=$(printf '%s\n' "$told" | grep '^tide: ') || true
[ "$told" = "$wanted" ] || {
	printf 'told:   %s\nwanted: %s\n' "$told" "$wanted"
	exit 1
}
[ "$status" -eq 134 ] || { # SIGABRT
	echo "ended with $status"
	exit 1
}
