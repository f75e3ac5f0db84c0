#!/bin/sh
# sqlite3: tables, indexes, joins, windows, full-text search and JSON, in memory and then on disk.
name=sqlite
needs='sqlite3'
. "$(dirname "$0")/support/common.sh"

probe() {
	"$@" sqlite3 -batch :memory: 'SELECT 1;'
}

prepare() {
	sed "s/@ROWS@/$(pick 150000 3000)/g" "$support/sqlite.sql" >memory.sql
	sed "s/@ROWS@/$(pick 50000 1000)/g" "$support/sqlite.sql" >disk.sql
	for place in memory disk; do
		measured sqlite3 -batch -bail :memory: <"$place.sql"
	done >expected
}

# Both in one process: ATTACH can't share the script, so the second database is opened after the first.
run() {
	{
		cat "$home/memory.sql"
		echo ".open $PWD/disk.db"
		echo "PRAGMA cache_size = -4096;"
		cat "$home/disk.sql"
	} >work.sql
	measured sqlite3 -batch -bail :memory: <work.sql >out
	same "the output" "$home/expected" out
	result "$(pick 200000 4000)" rows
}

main "$@"
