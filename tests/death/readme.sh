#!/bin/sh
# readme.sh TABLE README check|write: README's figures of what is found in which mode are those of
# the table of misuses.
set -eu
table=$1 readme=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# "misuse | mode | outcome: message", a line for each pair.
awk -F ' [|] ' '
BEGIN {
	modes = split("TIDE_CHECK=0 TIDE_CHECK=1 TIDE_CHECK=2 TIDE_GUARD_EVERY=1", mode, " ")
	outcomes = split("at once,at its free,by the GC,by the GC%c after it was given out twice," \
		"fault,harmless,missed", outcome, ",")
	sub("%c", ",", outcome[4])
}
{
	sub(/:.*/, "", $3)
	count[$2, $3]++
	of_mode[$2]++
}
END {
	line = "| of " of_mode[mode[1]] " misuses"
	rule = "| ---"
	for (i = 1; i <= outcomes; i++) {
		line = line " | " outcome[i]
		rule = rule " | ---:"
	}
	print line " |"
	print rule " |"
	for (m = 1; m <= modes; m++) {
		line = "| `" mode[m] "`" (m == 1 ? " (default)" : "")
		sum = 0
		for (i = 1; i <= outcomes; i++) {
			line = line " | " count[mode[m], outcome[i]] + 0
			sum += count[mode[m], outcome[i]]
		}
		if (sum != of_mode[mode[1]] || of_mode[mode[m]] != sum) {
			print "an outcome or a mode is missing: " mode[m] > "/dev/stderr"
			exit 1
		}
		print line " |"
	}
}' "$table" >"$work/figures"

# The marks, and what is between them, anew.
awk -v figures="$work/figures" '
/^<!-- misuses -->$/ { print; print ""; while ((getline line < figures) > 0) print line; print ""; within = 1; found++ }
/^<!-- end of misuses -->$/ { within = 0 }
!within { print }
END { if (found != 1 || within) exit 1 }' "$readme" >"$work/README.md" ||
	{ echo "$readme lacks the marks" >&2; exit 1; }
if [ "$3" = write ]; then
	cp "$work/README.md" "$readme"
elif ! cmp -s "$work/README.md" "$readme"; then
	echo "README's figures are not the table's; sh tests/death/readme.sh TABLE README.md write" >&2
	diff "$readme" "$work/README.md" >&2 || true
	exit 1
fi
