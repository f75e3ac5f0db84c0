#!/bin/sh
# fuzz.sh [COUNT]: the reader takes no damaged trace, of either form, for more than it is.
. "$(dirname "$0")/common.sh"
count=${1-500}
parts=$SOURCES/stress/trace

# The sanitizers' halt is the test's failure.
${CC:-cc} -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-I "$SOURCES/stress" -o fuzz "$here/fuzz.c" "$parts/books.c" "$parts/chunks.c" \
	"$parts/reader.c" "$parts/sizes.c" "$parts/summary.c" "$parts/text.c" "$parts/writer.c" \
	>out 2>err || fail "fuzz.c"
expect 0 tide-record --out traces sqlite3 :memory: 'select 1'
trace=$(only traces sqlite3)
expect 0 tide-trace text "$trace" small.text
head -n 300 small.text >cut.text
expect 0 tide-trace binary cut.text small.trace
for form in "$trace" small.trace cut.text; do
	timeout -k 5 "$limit_s" ./fuzz "$form" damaged "$count" >out 2>err || fail "$form"
	# Some of the damage is in what nobody reads; much is not.
	refused=$(cat out)
	[ "$refused" -gt $((count / 10)) ] || fail "$form: only $refused of $count are refused"
done
