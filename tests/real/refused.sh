#!/bin/sh
# The system refuses one call, the n-th of its kind, for every n until the program gets by without:
# whole programs go on, or end by their own decision. None is killed by a fault, hangs, or is told of
# a misuse that is not there; and what goes on puts out what it always does.
#
# strace makes the calls fail, so that all of them do, those of the C library included. What the
# loader calls before Tide's first mapping is let through: a program that isn't loaded shows nothing.
# REFUSED_STEP=1 tries every n; the default leaves some out, others each time it grows.
. "$(dirname "$0")/common.sh"

need strace
step=${REFUSED_STEP:-3}
PYTHONMALLOC=malloc
PYTHONHASHSEED=0
export PYTHONMALLOC PYTHONHASHSEED
strace -f -o "$work/trace" true 2>/dev/null || skip "strace may not trace here"

# calls KIND LAST: how many calls of the kind are in the trace, up to the given line number.
calls() {
	head -n "$2" "$work/trace" | grep -c "^[0-9]* *$1(" || true
}

# run STRACE-OPTION...: $command under the preload and strace.
run() {
	status=0
	timeout -k 5 "$limit_s" strace -f --seccomp-bpf -o "$work/trace" \
		-e trace=mmap,munmap,mremap,madvise,mprotect "$@" \
		sh -c 'LD_PRELOAD=$0 exec "$@"' "$preload" $command \
		>"$work/out" 2>"$work/err" </dev/null || status=$?
}

# judge CALL N: of the last run. A mapping that is not Tide's, which all have MAP_NORESERVE, is the
# program's to answer for: redis reads from one that it did not get.
judge() {
	if [ "$1" = mmap ] && ! grep INJECTED "$work/trace" | grep -q MAP_NORESERVE; then
		others=$((others + 1))
		return
	fi
	grep '^tide: ' "$work/err" >&2 && fail "$name, $1 $2: a report"
	case $status in
	0)
		cmp -s "$work/wanted" "$work/out" || fail "$name, $1 $2: other output"
		through=$((through + 1))
		;;
	134) # its own abort, with a word for it
		grep -Eiq 'memory|alloc' "$work/err" "$work/out" || fail "$name, $1 $2: aborted"
		ended=$((ended + 1))
		;;
	124 | 137) fail "$name, $1 $2: hangs" ;;
	*)
		[ "$status" -lt 128 ] || fail "$name, $1 $2: ended with $status"
		ended=$((ended + 1))
		;;
	esac
}

# each NAME COMMAND: every call of it.
each() {
	name=$1
	command=$2
	through=0
	ended=0
	others=0
	run
	[ "$status" -eq 0 ] || fail "$name fails by itself with $status"
	cp "$work/out" "$work/wanted"
	first=$(grep -n 'mmap(NULL.*MAP_NORESERVE' "$work/trace" | head -n 1 | cut -d : -f 1)
	[ -n "$first" ] || fail "$name: no mapping of Tide's"
	cp "$work/trace" "$work/all"
	for call in mmap munmap mremap madvise mprotect; do
		cp "$work/all" "$work/trace"
		n=$(($(calls "$call" "$first") + 1))
		[ "$call" != mmap ] || n=$((n - 1)) # that one as well
		while :; do
			run -e inject="$call:error=ENOMEM:when=$n"
			grep -q INJECTED "$work/trace" || break
			judge "$call" "$n"
			n=$((n + step))
		done
	done
	echo "$name: went on after $through refusals, ended itself after $ended; $others not of Tide's calls"
	[ "$through" -gt 0 ] || fail "$name never went on"
}

each python "$python -I -S $here/refused_work.py"
each sort "sort -n $here/redis.sh"
if command -v redis-server >/dev/null; then
	# A short life; what it puts out is the digest of its data.
	mkdir "$work/data"
	cat >"$work/serve" <<-EOF
		redis-server --port 0 --enable-debug-command yes --unixsocket $work/socket --dir $work/data --save '' \
			--daemonize no --loglevel warning >$work/log 2>&1 &
		server=\$!
		unset LD_PRELOAD
		for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
			redis-cli -s $work/socket ping >/dev/null 2>&1 && break
			kill -0 \$server 2>/dev/null || break
			sleep 0.1
		done
		redis-cli -s $work/socket debug populate 3000 >/dev/null 2>&1
		redis-cli -s $work/socket debug digest 2>/dev/null
		redis-cli -s $work/socket shutdown nosave >/dev/null 2>&1
		status=0
		wait \$server || status=\$?
		cat $work/log >&2
		exit \$status
	EOF
	each redis "sh $work/serve"
fi
