#!/bin/sh
# scenario.sh NAME: a built-in scenario runs for a moment, and does what it is for.
. "$(dirname "$0")/common.sh"
name=$1

case $name in
churn) set -- ;; # until its threads were started
*) set -- --seconds 1 ;;
esac
stress 0 --scenario "$name" "$@" --quiet
said "passed: all contents were right"
at_least "blocks made" 1000

case $name in
churn) at_least "threads started" 100000 ;;
forks) at_least "processes forked" 5 ;;
aligned | fixed | stack | own | phases | redis | python | cxx | sqlite) : ;;
realloc) at_least "blocks resized" 1000 ;;
*) at_least "blocks handed to other threads" 50 ;;
esac
