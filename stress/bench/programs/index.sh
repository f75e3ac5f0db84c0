#!/bin/sh
# A C++ program full of maps and strings: a text index and order books in several threads, with
# documents made by one thread and freed by others. See support/index.cpp.
name=index
needs='c++'
. "$(dirname "$0")/support/common.sh"

probe() {
	"$@" "$home/index" 1 1
}

# What is right does not depend on the number of threads.
prepare() {
	pick 5000 300 >documents
	compile "$support/index.cpp" index -pthread
	measured ./index "$(cat documents)" 1 >expected
}

run() {
	measured "$home/index" "$(cat ../documents)" 4 >out
	same "the output" "$home/expected" out
	result "$(cat ../documents)" documents
}

main "$@"
