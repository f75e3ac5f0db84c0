#!/bin/sh
# clang++: a large C++ source to an object with optimisation and debug information.
name=clang
needs='clang++-14'
. "$(dirname "$0")/support/common.sh"

compiler() {
	"$@" clang++-14 -std=c++17 -O2 -g -c -o object.o ../source.cpp
}

probe() {
	echo 'int main() { return 0; }' >probe.cpp
	"$@" clang++-14 -O2 -c -o probe.o probe.cpp
}

# The object names the folder it was made in, so it is made in the same one as later.
prepare() {
	awk -v classes="$(pick 3 0)" -f "$support/compiler_source.awk" >source.cpp
	mkdir run
	cd run
	compiler measured
	mv object.o ../expected.o
	cd ..
}

run() {
	compiler measured
	same "the object" "$home/expected.o" object.o
	result "$(wc -l <"$home/source.cpp")" lines
}

main "$@"
