#!/bin/sh
# inside.sh TREE: the part of fresh.sh that is done inside of the new system.
set -eu
cd "$1"

step() {
	echo "== $(date +%T) $*"
}

fail() {
	echo "$*" >&2
	exit 1
}

apt-get -qq update

step "the first command: cmake/run.sh"
sh cmake/run.sh --seconds 10 >/src/log 2>&1 || {
	tail -n 30 /src/log >&2
	fail "cmake/run.sh failed"
}
tail -n 1 /src/log

step "packages: cmake/package.sh"
sh cmake/package.sh /src/debs >/src/log 2>&1 || {
	tail -n 30 /src/log >&2
	fail "cmake/package.sh failed"
}

step "installed by apt"
# What checking them needs is installed first, so that the packages' own leave nothing else to see.
apt-get -qq -y install --no-install-recommends g++ pkg-config liburcu-dev man-db mandoc bsdextrautils \
	musl-tools lintian procps >/src/log 2>&1 || { tail -n 5 /src/log >&2; fail "apt-get failed"; }
# A minimal system may leave out manuals; here they are looked for.
rm -f /etc/dpkg/dpkg.cfg.d/docker /etc/dpkg/dpkg.cfg.d/excludes
system_files() {
	find / -xdev \( -path /proc -o -path /src -o -path /tmp -o -path /var -o -path /root \) -prune -o \
		! -type d ! -path '/etc/ld.so.cache' -print | sort
}
# With what they depend on left installed afterwards, it is not counted: first once for that.
apt-get -qq -y install --no-install-recommends /src/debs/*.deb >/src/log 2>&1 ||
	{ tail -n 5 /src/log >&2; fail "the packages can't be installed"; }
apt-get -qq -y purge libtide-dev libtide-preload0 tide-tools >/src/log 2>&1
system_files >/src/before
apt-get -qq -y install --no-install-recommends /src/debs/*.deb >/src/log 2>&1
ldconfig -p | grep -q libtide-preload.so.0 || fail "the loader does not know the library"
LD_PRELOAD=libtide-preload.so.0 TIDE_STATS=file:/src/stats git --version >/dev/null
grep -q '^Tide' /src/stats || fail "git ran without Tide"
tide-stress --seconds 2 --report /src/report >/src/log 2>&1 || { tail -n 20 /src/log >&2; fail "tide-stress"; }
tide-bench --list | grep -q '^micro/' || fail "tide-bench has no loads"
man -w 3 tide_heap_create >/dev/null || fail "man does not find the pages"
INSTALLED=/usr sh tests/man/pages.sh || fail "the manual"
INSTALLED=/usr sh tests/consume/pkg_config.sh || fail "programs by pkg-config"
INSTALLED=/usr sh tests/consume/find_package.sh || fail "programs by find_package"

step "purged"
apt-get -qq -y purge libtide-dev libtide-preload0 tide-tools >/src/log 2>&1 || fail "purging failed"
system_files >/src/after
diff /src/before /src/after || fail "the packages left something behind, or took it away"

step "lintian, and an empty system"
DEBS=/src/debs sh tests/package/debs.sh

step "built whole, and installed into a prefix"
cmake --build build/release >/src/log 2>&1 || { tail -n 30 /src/log >&2; fail "the whole can't be built"; }
TIDE_BUILD=$PWD/build/release
export TIDE_BUILD
sh tests/consume/readme.sh
sh tests/consume/find_package.sh
sh tests/consume/pkg_config.sh
sh tests/man/pages.sh

if [ "$FRESH_QUICK" = 1 ]; then
	step "the second command: cmake/test.sh --quick"
	sh cmake/test.sh --quick
fi
step "done"
