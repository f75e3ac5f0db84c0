#!/bin/sh
# Many short processes: 500 that do nothing, one after the other, then several at a time under
# xargs and under make.
# Birth and death of a process are most of what these do with memory.
. "$(dirname "$0")/common.sh"

need make xargs /bin/true
check_bound sh sh -c 'x=$(echo tide); echo "$x"'
check_bound make make --version

with_tide sh -c '
	i=0
	while [ $i -lt 500 ]; do
		/bin/true || { echo "/bin/true number $i ended with $?"; exit 1; }
		i=$((i + 1))
	done
	echo "$i ended well"' >"$work/out" || fail "$(cat "$work/out")"
equal "/bin/true" "500 ended well" "$(cat "$work/out")"

seq 1 400 >"$work/numbers"
with_tide xargs -P 4 -n 1 sh -c '(echo "$1" | sed "s/^/number /")' sh <"$work/numbers" \
	>"$work/out" || fail "xargs ended with $?"
sed 's/^/number /' "$work/numbers" | sort >"$work/expected"
sort "$work/out" >"$work/sorted"
same "the output of xargs" "$work/expected" "$work/sorted"

# Four chains of targets, each target a shell with three children.
awk 'BEGIN {
	print "all: t196 t197 t198 t199"
	for (i = 0; i < 200; i++) {
		printf "t%d:%s\n", i, i < 4 ? "" : " t" i - 4
		printf "\t@x=$$(echo %d | sed s/$$/./); echo \"made $$x\"; /bin/true\n", i
	}
}' >"$work/Makefile"
with_tide make -j 4 -C "$work" --no-print-directory >"$work/out" || fail "make ended with $?"
awk 'BEGIN { for (i = 0; i < 200; i++) print "made " i "." }' | sort >"$work/expected"
sort "$work/out" >"$work/sorted"
same "the output of make" "$work/expected" "$work/sorted"
finish
