#!/bin/sh
# programs.sh PROGRAMS measure       tide-measure: what it reports, passes on, and ends.
# programs.sh PROGRAMS run NAME      one of the real programs, with small inputs, under Tide: its
#                                    report is complete, and what is wrong is noticed.
# PROGRAMS is the folder of the scripts; TIDE_PRELOAD names libtide-preload.so.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
programs=$1
preload=$(readlink -f "${TIDE_PRELOAD:?TIDE_PRELOAD must name libtide-preload.so}")
python=/usr/bin/python3
unset LD_PRELOAD TIDE_PRELOAD || true

work=$(mktemp -d "${TMPDIR:-/tmp}/tide-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
	echo "fail: $*" >&2
	[ ! -s "$work/err" ] || tail -n 20 "$work/err" >&2
	exit 1
}

# status EXPECTED COMMAND...: run it, output and errors to files; it must end so.
status() {
	expected=$1
	shift
	actual=0
	"$@" >"$work/out" 2>"$work/err" || actual=$?
	[ "$actual" = "$expected" ] || fail "$* ended with $actual, not $expected"
}

equal() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# check_json FILE CONDITION: of the object `r` in it
check_json() {
	"$python" -I -c '
import json, sys
r = json.loads(open(sys.argv[1]).read())
assert eval(sys.argv[2]), (sys.argv[2], r)' "$1" "$2" || fail "the report: $(cat "$1")"
}

# The process, which is no child of ours, is gone or nothing but a corpse.
is_gone() {
	! grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

measure() {
	"$work/measure" --report "$work/report" --limit 60 "$@"
}

# hold FILE MIB: a process that holds so much memory while the file is there
cat >"$work/hold.py" <<'END'
import os, sys, time
held = b"x" * (int(sys.argv[2]) << 20)
open(sys.argv[1] + ".ready", "w").close()
while os.path.exists(sys.argv[1]):
    time.sleep(0.05)
END

test_commands() {
	status 3 measure sh -c 'exit 3'
	check_json "$work/report" 'sorted(r) == ["cpu_s", "peak_rss_bytes", "wall_s"]'
	check_json "$work/report" 'r["wall_s"] > 0 and r["peak_rss_bytes"] > 4096'
	status 139 measure sh -c 'kill -SEGV $$'
	status 125 measure "$work/no such program"
	status 125 measure
	status 125 measure --limit never true
	status 124 measure --limit 0.2 sh -c 'echo $$; sleep 1000 & echo $!; wait'
	while read -r pid; do
		is_gone "$pid" || fail "$pid lives on when time is over"
	done <"$work/out"
}

test_preload() {
	status 0 measure --preload "$preload" sh -c 'echo "$LD_PRELOAD"; cat /proc/$$/maps'
	equal "LD_PRELOAD" "$preload" "$(head -n 1 "$work/out")"
	grep -qF "$preload" "$work/out" || fail "the preload is not mapped"
	export LD_PRELOAD=libm.so.6
	status 0 measure --preload '' sh -c 'echo "${LD_PRELOAD-none}"'
	unset LD_PRELOAD
	equal "LD_PRELOAD" none "$(cat "$work/out")"
}

test_peak() {
	status 0 measure "$python" -I -S -c 'b"x" * (100 << 20)'
	check_json "$work/report" '100 << 20 < r["peak_rss_bytes"] < 150 << 20'
	# A large parent's size is not its child's.
	status 0 "$python" -I -S -c '
import subprocess, sys
held = b"x" * (100 << 20)
sys.exit(subprocess.call(sys.argv[1:]))' "$work/measure" --report "$work/report" true
	check_json "$work/report" 'r["peak_rss_bytes"] < 20 << 20'
	# Two at the same time count together: the second look at them comes while both hold their memory.
	: >"$work/held"
	: >"$work/held2"
	cat >"$work/two.sh" <<'END'
"$1" -I -S "$2/hold.py" "$2/held" 60 &
"$1" -I -S "$2/hold.py" "$2/held2" 60 &
while [ ! -e "$2/held.ready" ] || [ ! -e "$2/held2.ready" ]; do sleep 0.1; done
sleep 1.5
rm "$2/held" "$2/held2"
wait
END
	status 0 measure sh "$work/two.sh" "$python" "$work"
	check_json "$work/report" '120 << 20 < r["peak_rss_bytes"] < 200 << 20'
}

test_servers() {
	port=$("$work/measure" --free-port)
	serve='import http.server, sys; http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()'
	status 0 measure --preload "$preload" --port "$port" --load \
		'echo "$PORT $SERVER_PID ${LD_PRELOAD-none}"; cat "/proc/$SERVER_PID/maps"' \
		"$python" -I -c "$serve" "$port"
	read -r seen pid loads_preload <"$work/out"
	equal "the port" "$port" "$seen"
	equal "LD_PRELOAD of the load" none "$loads_preload"
	grep -qF "$preload" "$work/out" || fail "the preload is not mapped in the server"
	is_gone "$pid" || fail "the server lives on"
	check_json "$work/report" 'r["cpu_s"] > 0 and r["peak_rss_bytes"] > 4 << 20'

	rm "$work/report"
	status 1 measure --port "$port" --load 'echo $SERVER_PID; exit 5' \
		"$python" -I -c "$serve" "$port"
	is_gone "$(cat "$work/out")" || fail "the server outlives a load that fails"
	status 1 measure --port "$port" --load 'kill -KILL $SERVER_PID; sleep 60' \
		"$python" -I -c "$serve" "$port"
	status 75 measure --port "$port" --load true "$python" -I -c 'import sys; sys.exit(0)'
	status 124 measure --limit 0.5 --port "$port" --load true sleep 1000
	[ ! -e "$work/report" ] || fail "there is a report of what failed"
}

test_measure() {
	cc -std=gnu11 -D_GNU_SOURCE -O2 -o "$work/measure" "$programs/measure.c"
	test_commands
	test_preload
	test_peak
	test_servers
}

# The library that is preloaded has to be what serves malloc; and output that differs from what was
# prepared must not pass.
test_program() {
	script=$programs/$1.sh
	TIDE_BENCH_SMALL=1 sh "$script" prepare "$work/dir" >"$work/out" 2>"$work/err" || {
		[ $? -eq 77 ] || fail "$1 can't be prepared"
		cat "$work/err" >&2
		exit 77
	}
	export TIDE_BENCH_PRELOAD="$preload"
	status 0 sh "$script" run "$work/dir"
	equal "lines" 1 "$(wc -l <"$work/out")"
	check_json "$work/out" 'sorted(r) == ["allocator", "cpu_s", "items", "peak_rss_bytes", "unit", "wall_s"]'
	check_json "$work/out" 'r["wall_s"] > 0 and r["peak_rss_bytes"] > 1 << 20 and r["items"] > 0 and r["unit"]'
	check_json "$work/out" "r['allocator'] == '${preload##*/}'"

	TIDE_BENCH_PRELOAD=
	status 0 sh "$script" run "$work/dir"
	check_json "$work/out" 'r["allocator"] == "libc.so.6"'

	TIDE_BENCH_PRELOAD=$(ldd "$python" | sed -n 's/.*libm\.so\.6 => \([^ ]*\).*/\1/p')
	status 1 sh "$script" run "$work/dir"
	grep -q 'malloc comes from .*, not from libm.so.6' "$work/err" ||
		fail "a preload without malloc fails for another reason"

	export TIDE_BENCH_PRELOAD="$preload"
	spoil "$1"
	status 1 sh "$script" run "$work/dir"
	grep -Eq ' is wrong$|, [1-9][0-9]* wrong$| found\)$' "$work/err" ||
		fail "spoilt, $1 fails for another reason"
}

# spoil NAME: what the output is compared with; or, where that is calculated, the program.
spoil() {
	mkdir "$work/bin"
	case $1 in
	memcached) cp "$here/wrong_memcached.py" "$work/bin/memcached" ;;
	rocksdb)
		printf '#!/bin/sh\n%s "$@" | sed "s/(\\([0-9]*\\) of/(1\\1 of/"\n' "$(command -v db_bench)" \
			>"$work/bin/db_bench"
		;;
	*)
		for file in "$work/dir/$1"/expected*; do
			[ -s "$file" ] || fail "$1 has nothing that can be spoilt"
			echo spoilt >>"$file"
		done
		;;
	esac
	chmod -R 755 "$work/bin"
	PATH=$work/bin:$PATH
}

case $2 in
measure) test_measure ;;
run) test_program "$3" ;;
*) fail "what is $2?" ;;
esac
