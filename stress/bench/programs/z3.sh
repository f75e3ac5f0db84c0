#!/bin/sh
# z3: problems of different theories with known answers, one after the other in one process.
name=z3
needs='z3'
. "$(dirname "$0")/support/common.sh"

probe() {
	"$@" z3 --version
}

prepare() {
	awk -v scale="$(pick 1 0)" -f "$support/smt.awk" >work.smt2
	sed -n 's/^; expected: //p' work.smt2 >expected
}

run() {
	measured z3 sat.random_seed=1 smt.random_seed=1 nlsat.seed=1 -smt2 "$home/work.smt2" >out
	same "the answers" "$home/expected" out
	result "$(wc -l <"$home/expected")" answers
}

main "$@"
