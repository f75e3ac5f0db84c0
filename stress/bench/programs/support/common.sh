# Real programs as benchmarks. Sourced by the scripts one folder up, not run. They are run as
#
#   NAME.sh prepare DIR   make the inputs, and what the right output is, in DIR/NAME; once
#   NAME.sh run DIR       do the work once, with TIDE_BENCH_PRELOAD as LD_PRELOAD of the measured
#                         program alone, check what comes out, and print one line of JSON:
#                         what tide-measure reports (see measure.c), and "allocator", "items", "unit"
#
# Exit of both: 0 done, 77 a program is not installed, 1 something is wrong (the reason on stderr).
# TIDE_BENCH_SMALL=1 at "prepare" makes inputs that take a fraction of a second, for tests.
#
# A script NAME.sh sets `name` and `needs` and defines prepare, run and probe, and load for a server:
#   prepare   makes what it wants in the current folder, which is empty but for tide-measure
#   run       is called in the folder run/ within it, which is empty; ends with `result`
#   probe     runs the measured program in the shortest way that loads all it loads when measured,
#             with "$@" before the command (an env that makes the loader tell its bindings)
#   load      does what is measured, with the server at 127.0.0.1:$PORT, in the folder of `run`
#
# That the preload is what serves the program is read off the loader: whom it bound every `malloc`
# to. A program linked with another allocator, or with one inside, would show here.

set -eu
LC_ALL=C
TZ=UTC
export LC_ALL TZ

programs=$(cd "$(dirname "$0")" && pwd)
support=$programs/support
limit_s=300
is_small=${TIDE_BENCH_SMALL:-0}
case ${TIDE_BENCH_PRELOAD:-} in
'' | /*) preload=${TIDE_BENCH_PRELOAD:-} ;;
*) preload=$PWD/$TIDE_BENCH_PRELOAD ;;
esac
# TIDE_* in the environment are options of Tide; these are not.
unset LD_PRELOAD TIDE_BENCH_PRELOAD TIDE_BENCH_SMALL || true

fail() {
	echo "$name: $*" >&2
	for output in stderr server.out load.out; do
		[ -s "$output" ] || continue
		echo "--- $output, last lines" >&2
		tail -n 10 "$output" >&2
	done
	exit 1
}

# pick FULL SMALL: the number that fits the size of the inputs.
pick() {
	if [ -e "$home/small" ]; then echo "$2"; else echo "$1"; fi
}

# compile C_OR_CXX_SOURCE PROGRAM [OPTION...]: with what compiles here.
compile() {
	source=$1 program=$2
	shift 2
	case $source in
	*.c) ${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O2 -o "$program" "$source" "$@" ;;
	*) ${CXX:-c++} -std=c++17 -O2 -o "$program" "$source" "$@" ;;
	esac || fail "$source does not compile"
}

# What to preload when nothing is to be tried: a script of a program that is linked with another
# allocator says what gives it the C library's.
default_preload() {
	:
}

# measured COMMAND...: run it to its end under the preload; its standard error goes to the file
# stderr, its report to the file report.
measured() {
	"$home/tide-measure" --preload "$preload" --report report --limit "$limit_s" "$@" 2>>stderr ||
		fail "$1 ended with $?"
}

# measured_server COMMAND...: run it as a server under the preload, and this script's `load` as its
# work. To be called by what `serve` calls.
measured_server() {
	"$home/tide-measure" --preload "$preload" --report report --limit "$limit_s" --port "$port" \
		--load "exec sh '$programs/$name.sh' load '${home%/*}'" "$@" >server.out 2>>stderr
}

# serve FUNCTION: let it run a measured_server that listens on 127.0.0.1:$port. Where the server can't
# listen, somebody else may have got the port meanwhile: only that is worth another try.
serve() {
	for try in 1 2 3; do
		port=$("$home/tide-measure" --free-port) || fail "no port of 127.0.0.1 can be had"
		status=0
		"$1" || status=$?
		case $status in
		0) return ;;
		75) ;;
		*) fail "the server or its load failed" ;;
		esac
	done
	fail "the server does not listen (try $try)"
}

# same WHAT EXPECTED ACTUAL: the two files are equal, and not empty.
same() {
	[ -s "$2" ] || fail "$1: nothing to compare with"
	cmp -s "$2" "$3" || {
		diff -a "$2" "$3" | head -n 10 >&2 || true
		fail "$1 is wrong"
	}
}

# equal WHAT EXPECTED ACTUAL: the two strings are equal.
equal() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# The file names of all that the loader bound somebody's malloc to, joined by "+". One detour is left
# out: a program that is not position independent and takes the address of malloc has an entry of its
# own that stands for it everywhere; what that entry leads to counts.
bound_allocators() {
	rm -rf bindings
	mkdir bindings
	probe env LD_BIND_NOW=1 LD_DEBUG=bindings LD_DEBUG_OUTPUT="$PWD/bindings/of" \
		${preload:+LD_PRELOAD="$preload"} </dev/null >bindings.out 2>&1 ||
		fail "the program fails while its bindings are traced: $(tail -n 3 bindings.out)"
	path='\([^ ]*\) \[0\]'
	# A line: "  123: binding file WHO [0] to WHOM [0]: normal symbol `malloc' [VERSION]"
	cat bindings/of.* |
		sed -n "s/.*binding file $path to $path: .* symbol \`malloc'.*/\1 \2/p" | awk '
		{ to[$2] = 1 }
		$1 !~ /\.so/ && $1 != $2 { leads[$1] = 1 }
		END { for (whom in to) if (!(whom in leads)) { sub(/.*\//, "", whom); print whom } }' |
		sort -u | paste -s -d + -
	rm -rf bindings bindings.out
}

# Sets `allocator`. The same program and the same preload are bound alike, so it is looked up once.
find_allocator() {
	[ -z "$preload" ] || [ -r "$preload" ] || fail "$preload is not there"
	id=$(
		for program in $needs $preload; do
			stat -L -c '%n %s %Y %i' "$(command -v "$program" || echo "$program")"
		done | cksum | tr ' ' -
	)
	known=$home/allocator.$id
	[ -s "$known" ] || bound_allocators >"$known"
	allocator=$(cat "$known")
	[ -n "$allocator" ] || fail "nobody's malloc is bound to anything"
	[ -z "$preload" ] || [ "$allocator" = "${preload##*/}" ] ||
		fail "malloc comes from $allocator, not from ${preload##*/}"
}

# result ITEMS UNIT: the last thing that a run does.
result() {
	sed "s/}\$/,\"allocator\":\"$allocator\",\"items\":$1,\"unit\":\"$2\"}/" report
}

# What the prepared folder was made from: made anew when that changes.
fingerprint() {
	cat "$support"/* "$programs/measure.c" "$programs/$name.sh" | cksum
	echo "small $is_small"
}

main() {
	if [ $# -ne 2 ]; then
		echo "usage: $0 prepare|run DIR" >&2
		exit 2
	fi
	for program in $needs; do
		command -v "$program" >/dev/null || {
			echo "skip: $program is not installed" >&2
			exit 77
		}
	done
	mkdir -p "$2/$name"
	home=$(cd "$2/$name" && pwd)
	cd "$home"
	case $1 in
	prepare)
		[ "$(cat fingerprint 2>/dev/null)" != "$(fingerprint)" ] || exit 0
		# Only what was made here is deleted.
		[ -e made-by-tide-bench ] || rmdir "$home" 2>/dev/null ||
			fail "$home is there already, and was not made by this script"
		mkdir -p "$home"
		cd "$home"
		: >made-by-tide-bench
		find . -mindepth 1 ! -name made-by-tide-bench -delete
		[ "$is_small" = 0 ] || : >small
		preload=
		compile "$programs/measure.c" tide-measure
		prepare
		fingerprint >fingerprint
		;;
	run)
		[ -s fingerprint ] || fail "not prepared: $0 prepare $2"
		rm -rf run
		mkdir run
		cd run
		[ -n "$preload" ] || preload=$(default_preload)
		find_allocator
		run
		cd ..
		rm -rf run
		;;
	load) # by measured_server
		cd run
		load
		;;
	*)
		echo "usage: $0 prepare|run DIR" >&2
		exit 2
		;;
	esac
}
