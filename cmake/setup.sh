#!/bin/sh
# setup.sh build|test|bench|package: install what building needs; with the others, what testing,
# measuring or making packages needs as well. For Debian; elsewhere it tells what is missing. Does
# nothing, and needs no root, when all is there.
set -eu

# A package, and what shows that it is there: a command, or a file (a pattern) with its full path.
needs_build='
gcc                 gcc
g++                 g++
libc6-dev           /usr/include/stdlib.h
binutils            ld
cmake               cmake
ninja-build         ninja
libck-dev           /usr/include/ck_pr.h
liburcu-dev         /usr/include/*/urcu.h
libjansson-dev      /usr/include/jansson.h
zlib1g-dev          /usr/include/zlib.h
gnuplot-nox         gnuplot
libncurses-dev      /usr/include/curses.h
systemtap-sdt-dev   /usr/include/*/sys/sdt.h
libdw-dev           /usr/include/elfutils/libdwfl.h
libprotobuf-c-dev   /usr/include/protobuf-c/protobuf-c.h
protobuf-c-compiler protoc-c
'
needs_test="$needs_build"'
clang-14            clang-14
clang-tidy-14       clang-tidy-14
cppcheck            cppcheck
libclang-rt-14-dev  /usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.tsan-*.a
libcriterion-dev    /usr/include/criterion/criterion.h
gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc
g++-aarch64-linux-gnu aarch64-linux-gnu-g++
libc6-dev-arm64-cross /usr/aarch64-linux-gnu/include/stdlib.h
qemu-user           qemu-aarch64
valgrind            valgrind
gdb                 gdb
strace              strace
libcap2-bin         setcap
user-mode-linux     linux.uml
spin                spin
git                 git
perl                perl
python3             /usr/bin/python3
sqlite3             sqlite3
procps              pgrep
redis-server        redis-server
redis-tools         redis-cli
memcached           memcached
beanstalkd          beanstalkd
tmux                tmux
prometheus          promtool
chromium            chromium
google-perftools    google-pprof
protobuf-compiler   protoc
dpkg-dev            dpkg-shlibdeps
file                file
lintian             lintian
man-db              man
mandoc              mandoc
musl-tools          musl-gcc
pkg-config          pkg-config
debootstrap         debootstrap
'
needs_package="$needs_build"'
dpkg-dev            dpkg-shlibdeps
file                file
git                 git
'
needs_bench="$needs_build"'
libjemalloc2         /usr/lib/*/libjemalloc.so.2
libmimalloc2.0       /usr/lib/*/libmimalloc.so.2
libtcmalloc-minimal4 /usr/lib/*/libtcmalloc_minimal.so.4
libtbbmalloc2        /usr/lib/*/libtbbmalloc_proxy.so.2
'

case ${1-} in
build) needs=$needs_build ;;
package) needs=$needs_package ;;
test) needs=$needs_test ;;
bench) needs=$needs_bench$(cat "$(dirname "$0")/../stress/bench/programs/packages.txt") ;;
*)
	echo "usage: setup.sh build|test|bench|package" >&2
	exit 2
	;;
esac

is_there() {
	case $1 in
	/*)
		for file in $1; do
			[ ! -e "$file" ] || return 0
		done
		return 1
		;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# The missing packages, each after a blank.
missing() {
	echo "$needs" | while read -r package sign; do
		[ -z "$package" ] || is_there "$sign" || printf ' %s' "$package"
	done
}

give_up() {
	echo "setup: $1; missing:$packages" >&2
	exit 1
}

packages=$(missing)
[ -n "$packages" ] || exit 0

command -v apt-get >/dev/null || give_up "there is no apt-get here"
as_root=
if [ "$(id -u)" -ne 0 ]; then
	sudo -n true 2>/dev/null || give_up "installing needs root"
	as_root='sudo -n'
fi

# Servers are installed for the tests, which start their own: none is to run as a service. A policy
# that is there already is its owner's decision and stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap '$as_root rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
	$as_root chmod 755 "$policy"
fi

log=$(mktemp)
echo "setup: installing$packages (log: $log)"
$as_root apt-get -qq update >"$log" 2>&1 || true # an old list may do
# Package names have no blanks.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
	install --no-install-recommends $packages >>"$log" 2>&1 || {
	tail -n 10 "$log" >&2
	give_up "apt-get failed"
}
packages=$(missing)
[ -z "$packages" ] || give_up "installed, and yet not there"
rm -f "$log"
