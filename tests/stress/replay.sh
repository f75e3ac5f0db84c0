#!/bin/sh
# replay.sh: the same seed and steps ask for the same blocks, whatever allocator is there; another
# seed asks for others. A thread on its own does so beside others too.
. "$(dirname "$0")/common.sh"

for name in mixed exchange stack realloc redis churn forks; do
	case $name in
	churn) steps=300 ;; # each starts a thread
	forks) steps=1000 ;;
	*) steps=10000 ;;
	esac
	first=$(trace --scenario "$name" --threads 1 --steps $steps --seed 7)
	made=$(figure "blocks made")
	[ "$first" = "$(trace --scenario "$name" --threads 1 --steps $steps --seed 7)" ] ||
		fail "$name: the same seed gave another trace"
	[ "$made" = "$(figure "blocks made")" ] || fail "$name: the same seed made other counts"
done

mixed=$(trace --threads 1 --steps 10000 --seed 7)
[ "$mixed" != "$(trace --threads 1 --steps 10000 --seed 8)" ] || fail "another seed: same trace"
[ "$mixed" != "$(trace --threads 1 --steps 10064 --seed 7)" ] || fail "more steps: same trace"

own=$(trace --scenario own --threads 4 --steps 10000 --seed 7)
[ "$own" = "$(trace --scenario own --threads 4 --steps 10000 --seed 7)" ] ||
	fail "four threads of their own: another trace"

timeout -k 5 "$limit_s" "$bin/tide-stress-external" --threads 1 --steps 10000 --seed 7 --quiet \
	>out 2>err || fail "tide-stress-external failed"
said "trace $mixed"
