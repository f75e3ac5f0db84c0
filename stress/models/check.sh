#!/bin/sh
# check.sh [MODEL...]: search the models, all by default, and print a table of what came out.
#
# Each .pml has its checks in its header, one a line:
#
#   @check NAME safety|progress|ltl:FORMULA holds|breaks(FAULT)|open(FAULT) [-DNAME[=VALUE]...]
#
#   safety    assertions and invalid end states     progress  cycles in which nothing is completed,
#   ltl       the formula, with weak fairness                 with no fairness: a thread may freeze
#   holds     no fault in the whole state space; a search that was cut short fails
#   breaks    the fault, whose message has FAULT in it, is found: a mutation
#   open      likewise, but in what the code does today: see the model's header
#
# TIDE_MODEL_DEPTH and TIDE_MODEL_MEGABYTES are the limits of a search. Exits with 77 without spin.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
depth=${TIDE_MODEL_DEPTH:-100000}
megabytes=${TIDE_MODEL_MEGABYTES:-3000}
limit_s=300
cc=${CC:-cc}

for tool in spin "$cc"; do
	command -v "$tool" >/dev/null || { echo "check: there is no $tool" >&2; exit 77; }
done
[ $# -gt 0 ] || set -- $(cd "$here" && ls -- *.pml)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

# search MODEL MODE EXPECTED DEFINITIONS: into the file out, one blank where there were more.
search() {
	model=$1 mode=$2
	# A fault is found before the compiler's pains would pay.
	[ "$3" = holds ] && level=-O1 || level=-O0
	shift 3
	rm -f ./pan* ./*.trail _spin_nvr.tmp
	case $mode in
	safety) compile=-DSAFETY options= ;;
	progress) compile=-DNP options=-l ;;
	ltl:*) compile= options="-a -f -N ${mode#ltl:}" ;;
	*)
		echo "an unknown search: $mode" >out
		return
		;;
	esac
	if ! spin -a "$@" "$here/$model.pml" >out 2>&1 ||
		! "$cc" "$level" -w $compile -DMEMLIM="$megabytes" -o pan pan.c >>out 2>&1; then
		echo "not a model" >>out
		return
	fi
	timeout "$limit_s" ./pan -n -m"$depth" $options >raw 2>&1 || echo "pan: ended with $?" >>raw
	tr -s ' ' <raw >out
}

# judge EXPECTED: what came of it, on one line; false when it is not that.
judge() {
	fault=$(sed -n 's/^pan:1: \(.*\) (at depth [0-9]*)$/\1/p' out)
	if grep -qE 'max search depth too small|MEMLIM|out of memory|^pan: ended with' out; then
		echo "cut short"
		return 1
	fi
	if ! grep -q 'errors: [01]$' out; then
		echo "no result"
		return 1
	fi
	case $1 in
	holds)
		if [ -n "$fault" ] || ! grep -q 'errors: 0$' out ||
			grep -q 'Search not completed' out; then
			echo "FAULT: $fault"
			return 1
		fi
		echo holds
		;;
	*)
		wanted=${1#*(}
		wanted=${wanted%)}
		case $fault in
		*'invalid array index'*) echo "FAULT OF THE MODEL: $fault" && return 1 ;;
		*"$wanted"*) echo "${1%%(*}: $fault" ;;
		'') echo "NOT FOUND: $wanted" && return 1 ;;
		*) echo "ANOTHER FAULT: $fault" && return 1 ;;
		esac
		;;
	esac
}

printf '%-9s %-13s %-13s %10s %6s  %s\n' model check search states depth result
for model; do
	model=$(basename "$model" .pml)
	sed -n 's/^ \* @check  *//p' "$here/$model.pml" >checks
	if [ ! -s checks ]; then
		echo "$model: no checks" >&2
		failed=1
		continue
	fi
	while read -r name mode rest; do
		# The definitions are the words at the end that begin with -D.
		expected=$(echo "$rest" | sed -e ':more' -e 's/  *-D[^ ]*$//' -e 'tmore')
		definitions=${rest#"$expected"}
		# Definitions have no blanks.
		# shellcheck disable=SC2086
		search "$model" "$mode" "$expected" $definitions
		ok=0
		result=$(judge "$expected") || ok=1
		states=$(sed -n 's/^ *\([0-9][0-9.e+]*\) states, stored.*/\1/p' out)
		deep=$(sed -n 's/.*depth reached \([0-9]*\),.*/\1/p' out)
		printf '%-9s %-13s %-13s %10s %6s  %s\n' \
			"$model" "$name" "$mode" "${states:--}" "${deep:--}" "$result" | cut -c1-150
		if [ "$ok" -ne 0 ]; then
			failed=1
			tail -n 20 out >&2
		fi
	done <checks
done
exit "$failed"
