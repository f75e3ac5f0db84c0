#!/bin/sh
# sqlite3: 100,000 rows, indexes, updates, deletes, a vacuum and the integrity check; the results
# and the database file itself are equal to those without Tide.
. "$(dirname "$0")/common.sh"

need sqlite3 cmp
check_bound "sqlite3 libsqlite3.so.0" sqlite3 :memory: 'select 1;'

without_tide sqlite3 -batch "$work/plain.db" <"$here/sqlite_work.sql" >"$work/plain" ||
	fail "sqlite3 fails without Tide"
with_tide sqlite3 -batch "$work/tide.db" <"$here/sqlite_work.sql" >"$work/tide" ||
	fail "sqlite3 ended with $?"
same "the output of sqlite3" "$work/plain" "$work/tide"
same "the database" "$work/plain.db" "$work/tide.db"
grep -qx 'integrity|ok' "$work/tide" || fail "the integrity check did not say ok"

# A dump, read in again, gives the same dump.
with_tide sqlite3 "$work/tide.db" .dump >"$work/dump" || fail ".dump ended with $?"
with_tide sqlite3 "$work/again.db" <"$work/dump" || fail "reading the dump ended with $?"
with_tide sqlite3 "$work/again.db" .dump >"$work/dump.again" || fail ".dump ended with $?"
same "the dump of a dump" "$work/dump" "$work/dump.again"
finish
