#!/bin/sh
# What tide-prof, google-pprof and a decoder of protocol buffers say of one profile, in which each
# allocation was sampled: the figures are exact.
. "$(dirname "$0")/common.sh"
small=$((1000 * 64)) large=$((3 * 4194304)) passing=$((4 * 5000 * 1024))

profiled "$work/work" >"$work/out" || fail "the program ended with $?"
shows '^done$'
head -n 1 "$work/heap" >"$work/out"
shows '^heap profile: [0-9]+: [0-9]+ \[[0-9]+: [0-9]+\] @ heap_v2/1$'

"$prof" top "$work/heap" >"$work/out" || fail "top"
shows "12\.0 MiB +[0-9.]+% +12\.0 MiB +[0-9.]+%  leak_large\$" "62\.5 KiB .*  leak_small\$" \
	" 0 B .* main\$"
lacks 'passing' 'malloc'
"$prof" leaks "$work/heap" >"$work/out" || fail "leaks"
shows '^12\.0 MiB in 3 blocks never freed, by 3 samples:$' \
	'^62\.5 KiB in 1000 blocks never freed, by 1000 samples:$' \
	'^    leak_large \(.*/work\.c:[0-9]+\)$'
# The stack below the leak, in its order, with all of a recursion.
awk '/^8.0 KiB in 1 block never freed/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' "$work/out" |
	tr '\n' ' ' >"$work/stack"
case $(cat "$work/stack") in
"deep deep deep deep deep deep nested main "*) ;;
*) fail "the stack is $(cat "$work/stack")" ;;
esac
"$prof" top --allocated "$work/heap" >"$work/out" || fail "top --allocated"
shows '19\.5 MiB .*  passing$'

# google-pprof, of the same file.
if command -v google-pprof >/dev/null; then
	google-pprof --text --show_bytes "$work/work" "$work/heap" >"$work/out" 2>/dev/null
	shows "^ *$large .* leak_large\$" "^ *$small .* leak_small\$"
	google-pprof --text --show_bytes --alloc_space "$work/work" "$work/heap" >"$work/out" 2>/dev/null
	shows "^ *$passing .* passing\$"
fi

# Protocol buffers: each sample's function and bytes.
"$prof" pprof --out "$work/heap.pb.gz" "$work/heap" || fail "pprof"
if command -v protoc >/dev/null; then
	gzip -dc "$work/heap.pb.gz" |
		protoc --decode=pprof.Profile --proto_path="$PROFILE_PROTO" profile.proto >"$work/decoded"
	/usr/bin/python3 - "$work/decoded" >"$work/out" <<-'END'
	import re, sys
	text = open(sys.argv[1]).read()
	strings = re.findall(r'^string_table: "(.*)"$', text, re.M)
	def records(name):
	    return re.findall(r'^%s \{\n(.*?)^\}$' % name, text, re.M | re.S)
	def number(record, name):
	    found = re.search(r'^\s*%s: (\d+)' % name, record, re.M)
	    return int(found.group(1)) if found else 0
	functions = {number(r, 'id'): strings[number(r, 'name')] for r in records('function')}
	lines = {number(r, 'id'): functions[number(r, 'function_id')] for r in records('location')}
	assert [strings[number(r, 'type')] for r in records('sample_type')] == ['inuse_objects', 'inuse_space']
	assert strings[0] == '' and number(text, 'period') == 1
	for record in records('sample'):
	    where = [lines[int(i)] for i in re.findall(r'location_id: (\d+)', record)]
	    blocks, size = re.findall(r'value: (\d+)', record)
	    print(where[0], blocks, size)
	END
	shows "^leak_large 3 $large\$" "^leak_small 1000 $small\$" '^deep 1 8192$'
fi
