#!/bin/sh
# rocksdb's db_bench: fills, overwrites, reads and scans with compaction beside them.
name=rocksdb
needs='db_bench ldb'
. "$(dirname "$0")/support/common.sh"

probe() {
	"$@" db_bench --benchmarks= --db="$PWD/probe"
}

prepare() {
	pick 35000 2000 >keys
}

# In memory where there is such a place, so that the allocator is compared and not the disk.
make_folder() {
	place=/dev/shm
	[ -w "$place" ] || place=$PWD
	db=$(mktemp -d "$place/tide-bench.XXXXXX") || fail "no folder for the data base"
	trap 'rm -rf "$db"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

run() {
	n=$(cat ../keys)
	make_folder
	measured db_bench --db="$db" --seed=7 --num="$n" --threads=2 --value_size=180 --key_size=20 \
		--compression_type=none --write_buffer_size=8388608 --target_file_size_base=8388608 \
		--max_background_jobs=2 --cache_size=16777216 --bloom_bits=10 --statistics=0 \
		--benchmarks="fillseq,overwrite[X2],readrandom,seekrandom,multireadrandom,readwhilewriting,deleterandom,compact,verifychecksum" \
		--seek_nexts=20 --verify_checksum=1 >out
	# Every key has been written, so every read finds one.
	for test in readrandom readwhilewriting; do
		grep "^$test " out >line || fail "no result of $test"
		grep -Eq "\(([0-9]+) of \1 found\)" line || fail "$test: $(cat line)"
	done
	ldb --db="$db" checkconsistency >consistent 2>&1 || fail "$(cat consistent)"
	grep -q '^OK$' consistent || fail "ldb says: $(cat consistent)"
	result "$n" keys
}

main "$@"
