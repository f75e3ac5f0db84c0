#!/bin/sh
# lua: tables, closures, strings; an interpreter that allocates one small block after the other.
name=lua
needs='lua5.4'
. "$(dirname "$0")/support/common.sh"

probe() {
	"$@" lua5.4 -e 'print(1)'
}

prepare() {
	measured lua5.4 "$support/lua.lua" "$(pick 8 1)" >expected
}

run() {
	measured lua5.4 "$support/lua.lua" "$(pick 8 1)" >out
	same "the output" "$home/expected" out
	result "$(pick 8 1)" rounds
}

main "$@"
