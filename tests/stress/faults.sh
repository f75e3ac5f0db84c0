#!/bin/sh
# faults.sh [long] [WORD]: the allocator under each fault, and under several at once. After each run all
# blocks were right, none is missing, every thread went on, and in an audit build the books balance.
# long (or TIDE_STRESS_LONG=1): more plans, more seeds, longer runs. WORD: only cases that have it in
# their faults or scenario. Faults that need an audit build are shown to be refused elsewhere.
. "$(dirname "$0")/common.sh"

long=${TIDE_STRESS_LONG:-0}
if [ "${1-}" = long ]; then
	long=1
	shift
fi
word=${1-}
seconds=1 seeds=1
[ "$long" -eq 0 ] || seconds=5 seeds=5
ran=0
space=$here/space.scenario

# Whether the build has faults that need one.
internals=1
"$bin/tide-stress" --fault syscall:call=mmap --help >out 2>err || internals=0

# once SECONDS SCENARIO FAULT...
once() {
	run_s=$1 scenario=$2
	shift 2
	arguments="--quiet --scenario $scenario --seconds $run_s"
	for fault; do
		arguments="$arguments --fault $fault"
	done
	# No blank in any of them.
	# shellcheck disable=SC2086
	stress 0 $arguments
	said "passed: all contents were right"
	[ "$internals" -eq 0 ] || said "audit: "
}

# under SCENARIO FAULT...: with a seed of its own each time; a failure prints it. A fault that found no
# occasion on a busy machine gets more time.
under() {
	case "$*" in
	*"$word"*) ;;
	*) return 0 ;;
	esac
	for repetition in $(seq "$seeds"); do
		if (once "$seconds" "$@") 2>tried; then
			ran=$((ran + 1))
		elif grep -q "never struck" tried err; then
			once $((seconds * 8)) "$@"
			ran=$((ran + 1))
		else
			cat tried >&2
			fail "$*, repetition $repetition"
		fi
	done
}

system_calls() {
	for call in mmap munmap madvise mremap mprotect; do
		under "$space" syscall:call=$call,sweep=30
		under "$space" syscall:call=$call,random=30
	done
	under "$space" syscall:call=mmap,nth=10,count=1000000000
	under "$space" syscall:call=munmap,random=100
	under "$space" syscall:call=madvise+munmap,random=100,after=200
	under mixed syscall:call=mmap,every=3
	under realloc syscall:call=mremap+mmap,every=3
	under mixed syscall:call=clone,every=2 gc-switch
	under mixed syscall:call=clone+mmap,random=60 gc-switch:gap=1000,threads=2
	under mixed syscall:call=futex,random=50 gc-switch
	under heaps syscall:call=mmap+munmap+madvise+mremap+mprotect,random=20 gc-switch
	under forks syscall:call=mmap+munmap+madvise+clone,random=20
	under "$space" syscall:call=mmap+munmap+madvise+mremap+clone+futex+mprotect,random=20 \
		gc-switch
	[ "$long" -eq 1 ] || return 0
	for call in mmap munmap madvise mremap mprotect mmap+munmap+madvise+mremap; do
		# Little is protected: guards of metadata.
		nths="1 2 3 5 8 13"
		[ $call = mprotect ] || nths="$nths 21 34 55 89"
		for nth in $nths; do
			under "$space" syscall:call=$call,nth=$nth
			under "$space" syscall:call=$call,nth=$nth,count=10,after=300
		done
		for every in 2 3 5 7 20; do
			under mixed syscall:call=$call,every=$every
			under "$space" syscall:call=$call,every=$every
		done
		# Its blocks are small: nothing of it is moved or protected.
		case $call in
		mremap | mprotect) ;;
		*) under exchange syscall:call=$call,random=50 ;;
		esac
	done
}

address_space() {
	under mixed address-limit:room=4
	under "$space" address-limit:room=8,period=200
	under "$space" map-limit:period=400
	under mixed map-limit:room=10,after=0
	under heaps address-limit:room=0,period=200
	[ "$long" -eq 1 ] || return 0
	for room in 0 1 4 16 64; do
		under "$space" address-limit:room=$room,period=300
		under realloc map-limit:room=$room,period=600
		under exchange map-limit:room=$room
	done
}

gc_thread() {
	under mixed gc-freeze
	under mixed gc-freeze:at=work
	[ "$internals" -eq 0 ] || under mixed gc-freeze:at=token
	under "$space" gc-freeze:at=work,ms=30,gap=10
	under mixed gc-starve
	under exchange gc-switch:gap=1000
	under "$space" gc-switch:gap=300,threads=3
	[ "$long" -eq 1 ] || return 0
	under heaps gc-freeze:at=work,ms=5,gap=3 # not for ever: to end a heap is to wait for the GC
	under heaps gc-switch:gap=100,threads=4
	for scenario in "$space" mixed exchange churn forks many-to-one; do
		under "$scenario" gc-freeze:at=work
		under "$scenario" gc-freeze:at=work,ms=5,gap=3
		under "$scenario" gc-starve:hogs=4
		under "$scenario" gc-switch:gap=100,threads=4
	done
}

app_threads() {
	under mixed app-freeze:threads=3
	under mixed app-freeze:threads=3,gap=30,at=allocator
	under "$space" app-freeze:threads=2,gap=30,at=allocator
	under "$space" app-freeze:threads=3,gap=30,at=allocator,thaw=1
	under exchange app-freeze:threads=1,at=allocator,thaw=1
	under mixed signals
	under "$space" signals:rate=20000
	under mixed slow-consumers
	under mixed stall
	under churn stall:at=lock,rate=20000
	under heaps stall:at=lock signals
	[ "$long" -eq 1 ] || return 0
	for scenario in "$space" mixed exchange many-to-one pipeline realloc; do
		# realloc has three threads, and one has to go on.
		frozen="1 2"
		[ "$scenario" = realloc ] || frozen="$frozen 3"
		for threads in $frozen; do
			for thaw in 0 1; do
				under "$scenario" \
					app-freeze:threads=$threads,gap=30,at=allocator,thaw=$thaw
				under "$scenario" app-freeze:threads=$threads,gap=300,thaw=$thaw
			done
		done
		under "$scenario" signals:rate=50000
	done
	under many-to-one slow-consumers:delay_us=50000
	under forks signals
	under churn signals
}

several_at_once() {
	under mixed app-freeze:threads=2,gap=30,at=allocator gc-freeze:at=work
	under "$space" app-freeze:threads=2,at=allocator,thaw=1 gc-switch signals
	under mixed slow-consumers address-limit:room=1,period=200 signals
	[ "$internals" -eq 1 ] || return 0
	under "$space" app-freeze:threads=2,at=allocator,thaw=1 \
		syscall:call=mmap+munmap+madvise,random=20
	under "$space" gc-freeze:at=token,ms=20,gap=10 signals \
		syscall:call=mmap+munmap+madvise,random=20,after=300
}

# What can't be had must say so.
refusals() {
	stress 2 --fault nonsense
	said "no such fault; there are syscall, address-limit"
	stress 2 --fault gc-switch:gap=x
	said "gap=x: not 0 to 10000000"
	stress 2 --fault signals:speed=1
	said "its keys are rate"
	stress 2 --fault signals --fault signals
	said "given twice"
	stress 2 --quiet --scenario mixed --threads 2 --fault app-freeze:threads=2
	said "of 2 threads, not all"
	stress 2 --fault app-freeze:at=nowhere
	said "not any+allocator"
	# A fault that finds no occasion must not pass for a test.
	stress 1 --quiet --scenario own --seconds 1 --fault slow-consumers
	said "it never struck"
	if [ "$internals" -eq 0 ]; then
		stress 2 --fault syscall:call=mmap
		said "needs a debug or audit build"
	fi
}

# Other allocators meet the faults that have nothing to do with Tide.
external() {
	for fault in signals address-limit:room=0 slow-consumers; do
		timeout -k 5 "$limit_s" "$bin/tide-stress-external" --quiet --scenario "$space" --seconds 2 \
			--fault "$fault" >out 2>err || fail "tide-stress-external: $fault"
		ran=$((ran + 1))
	done
	status=0
	"$bin/tide-stress-external" --fault gc-switch >out 2>err || status=$?
	[ "$status" -eq 2 ] || fail "tide-stress-external: gc-switch: status $status"
	said "needs Tide linked in"
}

[ -n "$word" ] || refusals
[ -n "$word" ] || external
[ "$internals" -eq 0 ] || system_calls
address_space
gc_thread
app_threads
several_at_once
[ "$ran" -gt 0 ] || fail "no case has '$word'"
echo "$ran runs under faults"
