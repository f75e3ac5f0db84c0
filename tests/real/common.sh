# Real programs under libtide-preload.so. Sourced by the scripts of this folder, not run.
#
# A script runs one family of programs with LD_PRELOAD="$TIDE_PRELOAD", the absolute path of the
# library, and judges what they put out, most often against the same run without Tide.
# Exit  0 pass, 77 skip (the reason on stderr), else fail (the reason on stderr).
#
# A preload that silently did nothing would pass everything, so each script also shows that the
# loader bound the program's allocations to Tide (check_bound), or that a running server has the
# library mapped (start_server).

set -eu
LC_ALL=C
TZ=UTC
export LC_ALL TZ

# No command may take longer than this, so that a hang fails instead of blocking the suite.
limit_s=50
here=$(cd "$(dirname "$0")" && pwd)
# By full path: a wrapper found first on PATH would be a different program under the preload.
python=/usr/bin/python3
servers=

skip() {
	echo "skip: $*" >&2
	exit 77
}

fail() {
	echo "fail: $*" >&2
	for output in stderr server.out; do
		[ -s "$work/$output" ] || continue
		echo "--- $output of the programs, last lines" >&2
		tail -n 20 "$work/$output" >&2
	done
	exit 1
}

cleanup() {
	# Servers that were not waited for: their ids can't have been reused.
	for pid in $servers; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	rm -rf "$work"
}

work=$(mktemp -d "${TMPDIR:-/tmp}/tide-real.XXXXXX")
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The loader reports bindings by the path it was given, /proc by the resolved one: use one for both.
preload=$(readlink -f "${TIDE_PRELOAD:?TIDE_PRELOAD must name libtide-preload.so}") || preload=
[ -r "$preload" ] || fail "TIDE_PRELOAD=$TIDE_PRELOAD is not there"
case $preload in
*[:\ ]*) fail "LD_PRELOAD can't hold a path with a blank or a colon: $preload" ;;
esac
# TIDE_* in the environment are options; this one is not. And nothing is preloaded by accident.
unset TIDE_PRELOAD LD_PRELOAD || true

# need PROGRAM...: skip unless all are installed.
need() {
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

need timeout setpriv "$python"

# with_tide COMMAND...: under the preload, for a bounded time. Stderr is kept for `finish`.
with_tide() {
	timeout -k 5 "$limit_s" env LD_PRELOAD="$preload" "$@" 2>>"$work/stderr"
}

# without_tide COMMAND...: the run to compare with.
without_tide() {
	timeout -k 5 "$limit_s" "$@" 2>>"$work/stderr.plain"
}

# same WHAT EXPECTED ACTUAL: the two files are equal, and not empty.
same() {
	[ -s "$2" ] || fail "$1: nothing to compare with in $2"
	cmp -s "$2" "$3" || {
		diff -a "$2" "$3" | head -n 10 >&2 || true
		fail "$1 differs under Tide"
	}
}

# equal WHAT EXPECTED ACTUAL: the two strings are equal.
equal() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# check_bound "NAME..." COMMAND...: run COMMAND with every symbol bound at once and look at what the
# loader did. Each NAME, a program or library by its file name, must have had malloc or operator new
# bound to Tide, and no name of the malloc family may be bound to anything else, by anyone. One
# detour is right: a program that is not position independent and takes the address of malloc has
# an entry of its own that stands for it everywhere; that entry must lead to Tide.
# All that was bound stays in $work/bindings.all, as lines "WHO WHOM SYMBOL".
check_bound() {
	names=$1
	shift
	rm -rf "$work/bindings"
	mkdir "$work/bindings"
	with_tide env LD_BIND_NOW=1 LD_DEBUG=bindings LD_DEBUG_OUTPUT="$work/bindings/of" "$@" \
		</dev/null >"$work/bindings.out" || fail "$* failed while its bindings were traced"
	path='\([^ ]*\) \[0\]'
	# A line: "  123: binding file WHO [0] to WHOM [0]: normal symbol `NAME' [VERSION]"
	cat "$work"/bindings/of.* |
		sed -n "s/.*binding file $path to $path: .* symbol \`\([^']*\)'.*/\1 \2 \3/p" |
		sort -u >"$work/bindings.all"
	awk -v tide="$preload" -v names="$names" '
	function base(path) { sub(/.*\//, "", path); return path }
	$3 ~ /^(malloc|calloc|realloc|reallocarray|free|cfree|memalign|aligned_alloc)$/ ||
	$3 ~ /^(posix_memalign|valloc|pvalloc|malloc_usable_size|_Zn[wa].*|_Zd[la].*)$/ {
		if ($2 == tide)
			direct[$1, $3] = 1
		else
			other[$1 " " $2 " " $3] = 1
		if ($3 == "malloc" || $3 ~ /^_Zn/)
			bound[base($1)] = 1
	}
	END {
		for (line in other) {
			split(line, part, " ")
			if (!((part[2], part[3]) in direct)) {
				print part[3] " of " part[1] " is bound to " part[2]
				bad = 1
			}
		}
		count = split(names, wanted, " ")
		for (i = 1; i <= count; i++)
			if (!(wanted[i] in bound)) {
				print "no malloc of " wanted[i] " is bound to anything"
				bad = 1
			}
		exit bad
	}' "$work/bindings.all" >"$work/bindings.bad" ||
		fail "$1: $(head -n 5 "$work/bindings.bad")"
}

# make_tree FOLDER COUNT: so many text files in 20 folders, of 0 to 40,000 bytes, most of them
# short, many alike. The same every time.
make_tree() {
	for folder in 0 1; do
		for number in 0 1 2 3 4 5 6 7 8 9; do
			mkdir -p "$1/$folder$number"
		done
	done
	awk -v root="$1" -v count="$2" 'BEGIN {
		for (i = 0; i < count; i++) {
			file = sprintf("%s/%02d/%d.txt", root, i % 20, i)
			lines = i % 97 == 0 ? 1200 : i * 7919 % 150
			printf "" > file
			for (line = 0; line < lines; line++)
				printf "%d of %d: %x %x\n", line, i % 50, line * i * 2903 % 65536, \
					line * 40503 % 65536 > file
			close(file)
		}
	}'
}

# serve COMMAND...: start a server that should listen on 127.0.0.1:$port; its process id is $server.
# It dies with this script, even if that is killed.
serve() {
	setpriv --pdeathsig KILL env ${server_preload:+LD_PRELOAD="$server_preload"} "$@" \
		</dev/null >>"$work/server.out" 2>>"$work/stderr" &
	server=$!
	servers="$servers $server"
}

# start_server FUNCTION: FUNCTION calls `serve` with a command that uses $port. Returns when the
# server listens and has Tide mapped. Only a port lost to somebody else is worth another try.
start_server() {
	server_preload=$preload
	start_any_server "$1"
	grep -qF "$preload" "/proc/$server/maps" || fail "Tide is not mapped in $1"
}

start_plain_server() {
	server_preload=
	start_any_server "$1"
}

start_any_server() {
	for try in 1 2 3; do
		port=$("$python" "$here/port.py" free) || skip "no port on 127.0.0.1 can be had"
		"$1"
		found=0
		"$python" "$here/port.py" wait "$server" "$port" 20 || found=$?
		case $found in
		0) return 0 ;;
		3) reap_server ;;
		*) fail "$1: the server died or does not listen (try $try)" ;;
		esac
	done
	fail "$1: every port was taken by somebody else"
}

# Collect the exit status of the server, which is ending.
reap_server() {
	server_status=0
	wait "$server" || server_status=$?
	servers=
}

# await_end SECONDS: the server becomes a zombie or is gone.
await_end() {
	tenths=$(($1 * 10))
	while grep -q '^State:.[^ZX]' "/proc/$server/status" 2>/dev/null; do
		[ "$tenths" -gt 0 ] || return 1
		tenths=$((tenths - 1))
		sleep 0.1
	done
}

# end_server [SIGNAL]: send it and wait for the end; without, the server has been told already.
# Its exit status is $server_status.
end_server() {
	[ $# -eq 0 ] || kill -"$1" "$server" || fail "the server had died already"
	await_end 20 || fail "the server does not end"
	reap_server
}

# The last line of each script: no program was without Tide, Tide had nothing to complain about, and
# no server is left.
finish() {
	for complaint in 'cannot be preloaded' 'tide:'; do
		if grep -aF "$complaint" "$work/stderr" >"$work/complaints" 2>/dev/null; then
			fail "a program said '$complaint': $(head -n 5 "$work/complaints")"
		fi
	done
	[ -z "$servers" ] || fail "a server was not ended: $servers"
}
