#!/bin/sh
# scenario.sh NAME: a built-in scenario runs for a moment, and does what it is for. By steps, which are
# the same on a busy machine; those with several phases also by time.
. "$(dirname "$0")/common.sh"
name=$1

case $name in
churn) set -- ;; # until its threads were started
forks) set -- --steps 1000 ;;
large | realloc) set -- --steps 4000 ;;
mixed | phases | rests) set -- --seconds 2 ;;
*) set -- --steps 50000 ;;
esac
stress 0 --scenario "$name" "$@" --quiet
said "passed: all contents were right"

case $name in
churn) at_least "threads started" 100000 ;;
forks) at_least "processes forked" 5 ;;
heaps)
	at_least "heaps made and destroyed" 12
	at_least "by the limit of a heap" 1
	;;
mixed | phases | rests) at_least "blocks made" 1 ;;
aligned | fixed | stack | own | redis | python | cxx | sqlite) at_least "blocks made" 10000 ;;
realloc) at_least "blocks resized" 10000 ;;
*) at_least "blocks handed to other threads" 100 ;;
esac
