#!/bin/sh
# Traces of real programs: as text and back they stay what they are, a reader that is made from the
# description alone reads the same, and replays do what they did.
. "$(dirname "$0")/common.sh"

cat >work.py <<'PYTHON'
import threading
def work(n):
    kept = {}
    for i in range(6000):
        kept[i % 500] = str(i) * (n + i % 40)
threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 4)]
for t in threads: t.start()
for t in threads: t.join()
PYTHON
PYTHONMALLOC=malloc expect 0 tide-record --out traces "$python" work.py
expect 0 tide-record --out traces sqlite3 :memory: \
	"create table t (n integer primary key, s text); with recursive c(x) as
	(select 1 union all select x+1 from c where x < 5000) insert into t select x, hex(x*x) from c;
	select count(*), sum(length(s)) from t;"

# The same numbers but for the sizes of the files.
numbers() {
	"$bin/tide-trace" summary "$1" | grep -v '_bytes [0-9]*$' >"$2"
	"$bin/tide-trace" summary "$1" | grep -E '^(peak|end)_bytes' >>"$2"
}
for program in python3 sqlite3; do
	trace=$(only traces "$program")
	is "$trace" lost 0
	is "$trace" ended 1
	[ "$(number "$trace" calls)" -gt 5000 ] || fail "$program: too few calls"
	# What a call takes in the file is what makes long recordings possible.
	[ "$(number "$trace" call_bytes)" -lt $((8 * $(number "$trace" calls))) ] ||
		fail "$program: more than 8 bytes a call"
	expect 0 tide-trace text "$trace" one.text
	"$python" "$here/reader.py" "$trace" >other.text || fail "reader.py"
	grep -v '^#' one.text | cmp - other.text || fail "$program: the description tells otherwise"
	expect 0 tide-trace binary one.text one.trace
	expect 0 tide-trace text one.trace two.text
	expect 0 tide-trace binary two.text two.trace
	cmp one.text two.text || fail "$program: text that went through binary differs"
	cmp one.trace two.trace || fail "$program: binary that went through text differs"
	numbers "$trace" one.numbers
	numbers two.trace two.numbers
	diff one.numbers two.numbers || fail "$program: another trace came back"
	replays "$trace"
	expect 0 tide-replay --allocator glibc --rounds 1 --idle 0 --quiet --report text one.text
done
