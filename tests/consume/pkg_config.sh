#!/bin/sh
# pkg_config.sh: compilers with what pkg-config says of the installed Tide, in C and C++, dynamic and
# static, with -flto, and with musl's C library. (See common.sh.)
. "$(dirname "$0")/common.sh"
command -v pkg-config >/dev/null || { echo "skip: no pkg-config"; exit 77; }
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name tide.pc)")
export PKG_CONFIG_PATH

# program NAME SAYS PACKAGES COMPILER [ARGUMENT...]: it compiles without a warning, and says that.
program() {
	name=$1 says=$2 packages=$3
	shift 3
	# The words that pkg-config gives are arguments.
	# shellcheck disable=SC2046,SC2086
	quiet "$@" -Wall -Wextra -Werror -O2 $(pkg-config --cflags $packages) -o "$work/$name" \
		"$source" $(pkg-config $static --libs $packages)
	said=$("$work/$name") || fail "$name ended with $?"
	[ "$said" = "$says" ] || fail "$name says '$said', not '$says'"
}

static=
source=$here/replaced.c
program c replaced tide "$cc"
program c-lto replaced tide "$cc" -flto
program c-nopie replaced tide "$cc" -fno-pie -no-pie
source=$here/replaced.cpp
program cxx replaced tide "$cxx" -std=c++17
program cxx-lto replaced tide "$cxx" -std=c++17 -flto
source=$here/silent.c
program silent silent tide "$cc"
source=$here/beside.c
program beside beside tide-core "$cc"
source=$here/store.c
program store store "tide-store tide" "$cc"
program store-other-order store "tide tide-store" "$cc"
program store-beside store "tide-store tide-core" "$cc"

static=--static
source=$here/replaced.c
program c-static replaced tide "$cc" -static
program c-static-lto replaced tide "$cc" -static -flto
program c-static-pie replaced tide "$cc" -fPIE -static-pie
source=$here/replaced.cpp
program cxx-static replaced tide "$cxx" -std=c++17 -static
source=$here/silent.c
program silent-static silent tide "$cc" -static
source=$here/store.c
program store-static store "tide-store tide" "$cc" -static

# Those that are to be without the loader are: no program interpreter.
for name in c-static c-static-pie cxx-static store-static; do
	if readelf -lW "$work/$name" | grep -q INTERP; then fail "$name is not static"; fi
done

# With another C library, whose compiler keeps away from what is installed beside the first one.
if [ "$prefix" != /usr ] && command -v musl-gcc >/dev/null; then
	source=$here/replaced.c
	static=
	program musl replaced tide musl-gcc
	static=--static
	program musl-static replaced tide musl-gcc -static
	source=$here/silent.c
	program musl-silent silent tide musl-gcc -static
else
	echo "without musl-gcc"
fi

# What can't be done is refused by the linker, as the manual says: its thread-local variables lie at
# fixed places of the program.
for library in tide tide-core; do
	# shellcheck disable=SC2046
	if "$cc" -shared -fPIC $(pkg-config --cflags $library) -o "$work/shared.so" "$here/shared.c" \
		$(pkg-config --libs $library) 2>"$work/log"; then
		fail "lib$library.a went into a shared object"
	fi
	grep -q 'TPOFF32.*can not be used when making a shared object' "$work/log" || {
		cat "$work/log" >&2
		fail "lib$library.a was refused for another reason"
	}
done
