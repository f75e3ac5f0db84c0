# What the scripts of C++ compilers have in common: an object of a large source, the same each time.
# Sourced by them after `name`, `needs` and `compiler`, the command with its options, are set.
. "$(dirname "$0")/support/common.sh"

# Its words are separate arguments.
# shellcheck disable=SC2086,SC2154
compile_object() {
	"$@" $compiler -c -o object.o ../source.cpp
}

# shellcheck disable=SC2086
probe() {
	echo 'int main() { return 0; }' >probe.cpp
	"$@" $compiler -c -o probe.o probe.cpp
}

# The object names the folder it was made in, so it is made in the same one as later.
prepare() {
	awk -v classes="$(pick 3 0)" -f "$support/compiler_source.awk" >source.cpp
	mkdir run
	cd run
	compile_object measured
	mv object.o ../expected.o
	cd ..
}

run() {
	compile_object measured
	same "the object" "$home/expected.o" object.o
	result "$(wc -l <"$home/source.cpp")" lines
}
