#!/bin/sh
# The first process of the machine that machine.sh starts: what a whole machine may have comes to its
# end. Its root is the host's, read-only; each result is a line "result NAME STATUS", the last is "end".
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
fill=$TIDE_FILL
unset TIDE_FILL
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 none /sys/fs/cgroup
echo "machine $(uname -r)"

# result NAME COMMAND...
result() {
	name=$1
	shift
	status=0
	timeout -k 5 60 "$@" 2>&1 || status=$?
	echo "result $name $status"
}

# No promise of memory that there is not: half of what is there, and no swap.
echo 2 >/proc/sys/vm/overcommit_memory
echo 50 >/proc/sys/vm/overcommit_ratio
result overcommit "$fill" all
result overcommit-threads env TIDE_GC=2 "$fill" all
echo 0 >/proc/sys/vm/overcommit_memory

# A container of 100 MiB, of which 64 are used twice, by blocks that cannot use each other's memory
# before it went back: nothing gives it back but what watches the container.
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
container() {
	mkdir "/sys/fs/cgroup/$1"
	echo 100M >"/sys/fs/cgroup/$1/memory.max"
	result "$1" sh -c 'echo $$ >"/sys/fs/cgroup/$0/cgroup.procs"; shift; exec "$@"' "$@"
	echo "kills $1 $(sed -n 's/^oom_kill //p' "/sys/fs/cgroup/$1/memory.events")"
}
container watched - env TIDE_GC=2 TIDE_DECAY_MS=3600000 TIDE_RETAIN_BYTES=256m TIDE_CONTAINER_MS=50 \
	TIDE_CONTAINER_PERCENT=50 "$fill" two 64
container unwatched - env TIDE_GC=2 TIDE_DECAY_MS=3600000 TIDE_RETAIN_BYTES=256m TIDE_CONTAINER_MS=0 \
	"$fill" two 64
container too-small - env TIDE_GC=2 "$fill" two 160
echo end
echo o >/proc/sysrq-trigger
sleep 60
