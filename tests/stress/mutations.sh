#!/bin/sh
# mutations.sh: the bugs that are planted on purpose still have their places, and the README tells
# of each; two of them are planted and found. All: sh stress/mutations/run.sh.
. "$(dirname "$0")/common.sh"

folder=$here/../../stress/mutations
run=$folder/run.sh
sh "$run" --check >out 2>err || fail "a mutation has lost its place"
for name in $(sh "$run" --list); do
	grep -q "^| $name | .* s |\$" "$folder/README.md" || fail "stress/mutations/README.md lacks $name"
done
! grep -q '^|.*NOBODY' "$folder/README.md" || fail "stress/mutations/README.md: one was not found"

# Kept, so that the next time is quicker.
found=$TIDE_BUILD/mutations
timeout -k 5 800 sh "$run" --work "$found" realloc-copies-too-little freed-a-granule-too-many \
	>out 2>err || fail "not found, or found where it is not"
said "2 of 2 found"
said "without them all runs pass"

# A bug whose place has changed, or that is no C there any more, is told, not skipped.
mkdir tree
cp -R "$folder/../../lib" tree
mkdir -p tree/stress/mutations
cp "$folder/mutations.py" "$folder/mutations.txt" tree/stress/mutations
cp -R "$folder/../../gc" "$folder/../../include" tree
python3 tree/stress/mutations/mutations.py --check >out 2>err || fail "the copy has not all places"
sed -i 's/copy_bytes);/copy_bytes );/' tree/lib/realloc.c
! python3 tree/stress/mutations/mutations.py --check >out 2>err || fail "a lost place was not told"
said "realloc-copies-too-little: its lines are in lib/realloc.c 0 times"

sed -i 's/copy_bytes );/copy_bytes);/' tree/lib/realloc.c
sed -i 's/(size_t)63/(size_t)nothing/' tree/stress/mutations/mutations.txt
! python3 tree/stress/mutations/mutations.py --check >out 2>err || fail "what is no C was not told"
said "realloc-copies-too-little: lib/realloc.c does not compile with it"
