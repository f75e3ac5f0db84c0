#!/bin/sh
# files.sh: scenario files and recorded distributions: what is right is taken, what is wrong is
# refused with file, line, key and what would be right.
. "$(dirname "$0")/common.sh"

# A built-in scenario, written out, is the same scenario.
for name in mixed redis; do
	"$bin/tide-stress" --print $name >$name.scenario
	cmp -s $name.scenario "$here/../../stress/scenarios/$name.scenario" ||
		fail "--print $name is not the file it was built from"
	of_name=$(trace --scenario $name --threads 1 --steps 5000 --seed 3)
	[ "$of_name" = "$(trace --scenario ./$name.scenario --threads 1 --steps 5000 --seed 3)" ] ||
		fail "$name from a file does something else"
done

stress 0 --list
for file in "$here"/../../stress/scenarios/*.scenario; do
	grep -q "^$(basename "$file" .scenario) *[A-Z]" out || fail "--list lacks $file"
done

good='[phase a]
kind grow
sizes fixed 64
[crew b]
slots 100'
echo "$good" >good
stress 0 --scenario good --threads 1 --steps 1000 --quiet

# refused TEXT: the scenario in the file bad is refused, with TEXT on stderr.
refused() {
	stress 2 --scenario bad --seconds 1 --quiet
	[ ! -s out ] || fail "a refused scenario was begun"
	grep -aqF -- "$1" err || fail "'$1' is not in the message"
}

# with LINE TEXT: the good scenario and this line, its sixth, is refused.
with() {
	printf '%s\n%s\n' "$good" "$1" >bad
	refused "$2"
}

with 'slots 0' "bad:6: key 'slots': '0' is not a number from 1 to 100000000"
with 'slots -1' "bad:6: key 'slots': '-1' is not a number from 1"
with 'slots 12x' "bad:6: key 'slots': '12x' is not"
with 'slots 99999999999999999999' "bad:6: key 'slots'"
with 'slots' "bad:6: key 'slots': '' is not"
with 'align_max_bytes 48' "bad:6: key 'align_max_bytes': '48' is not a power of two from 16 to"
with 'pattern circle' "bad:6: key 'pattern': 'circle' is none of: own exchange pairs"
with 'heaps 0' "bad:6: key 'heaps': '0' is not a number from 1 to 256"
with 'colour red' "bad:6: there is no key 'colour' in a crew; there are: share pattern"
with 'sizes odd 3' "bad:6: key 'sizes': 'odd 3' is not 'fixed SIZE'"
with 'sizes uniform 9 3' "bad:6: key 'sizes': sizes are from 1 to 1G"
with 'sizes power 0 3' "bad:6: key 'sizes': sizes are from 1 to 1G"
with 'sizes fixed 3 4' "bad:6: key 'sizes': 'fixed' takes one size"
with 'sizes recorded nobody' "bad:6: key 'sizes': nobody: No such file or directory; built in are:"
with 'lifetime recorded' "bad: crew b: 'lifetime recorded' needs 'sizes recorded'"
with '[crow c]' "bad:6: there is no section 'crow'"
with '[crew]' "bad:6: '[crew]' is not [phase NAME] or [crew NAME]"
with '[phase c]
kind drop
fill_percent 101' "bad:8: key 'fill_percent': '101' is not a number from 0 to 100"
with "about $(printf '%0200d' 0)" "bad:6: there is no key 'about' in a crew"
with "$(printf '%0600d' 0)" "bad:6: longer than 511 characters"
with 'pattern pairs
lifetime oldest' "bad: crew b: 'lifetime' is for 'pattern own' only"

echo "about $(printf '%0200d' 0)" >bad
refused "bad:1: key 'about': longer than 127 characters"
: >bad
refused "bad: no [phase NAME] of 'kind grow'"
printf '[phase a]\nkind grow\nsizes fixed 64\n' >bad
refused "bad: no [crew NAME]"
printf '[phase a]\nkind grow\n[crew b]\n' >bad
refused "bad: crew b has no sizes in phase a"
for i in 1 2 3 4 5 6 7 8 9; do echo "[crew c$i]"; done >bad
refused "bad:9: more than 8 crews"
rm bad
refused "bad: No such file or directory"
mkdir bad
refused "bad: not a file"
rmdir bad

# Recorded distributions.
# distribution LINE TEXT
distribution() {
	printf 'program x\n%s\n' "$1" >dist
	printf '%s\nsizes recorded dist\n' "$good" >bad
	refused "bad:6: key 'sizes': $2"
}
distribution 'size 1 8' "dist:2: not a line 'size MIN MAX COUNT LIFE:COUNT...'"
distribution 'size 9 8 3' "dist:2: not a line"
distribution 'size 1 8 3 0:4' "dist:2: not a line" # more ended than there were
distribution 'size 1 8 3 31:1' "dist:2: not a line"
distribution 'size 1 8 3 soon' "dist:2: not a line"
distribution '' "dist: no line 'size MIN MAX COUNT ...'"

printf 'size 24 24 10 0:4 3:6\nsize 100 120 1\n' >dist
printf '%s\nsizes recorded dist\nlifetime recorded\n' "$good" >right
stress 0 --scenario right --threads 1 --steps 1000 --quiet
