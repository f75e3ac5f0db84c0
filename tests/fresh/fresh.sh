#!/bin/sh
# fresh.sh [FOLDER]: what a newcomer does, on a machine that has nothing: a minimal Debian is made in a
# folder (debootstrap), and there, as root of it, the tree is cloned, put under load by cmake/run.sh,
# packaged, the packages installed, looked at, built against and purged; then all of it is built,
# installed into a prefix and built against there, as README has it.
#
#   FOLDER              where the system is made (a new folder in TMPDIR); it goes away at the end
#   FRESH_QUICK=1  cmake/test.sh --quick in it as well: long
#
# What is cloned is what is committed. Packages come from where this machine has its own from. Skipped
# (77) when this is not root, may not mount, or packages can't be had. Nothing of this machine is
# mounted into the system: /proc and /dev/pts are its own, in name spaces that end with this script.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)

skip() {
	echo "skip: $*"
	exit 77
}

if [ "${1-}" != --inside ]; then
	[ "$(id -u)" -eq 0 ] || skip "not root"
	command -v debootstrap >/dev/null || skip "no debootstrap"
	unshare --mount --pid --fork --kill-child true 2>/dev/null || skip "no name spaces"
	git -C "$root" rev-parse HEAD >/dev/null 2>&1 || skip "not a clone: nothing to be cloned again"
	if [ -n "${1-}" ]; then
		mkdir -p "$1"
		folder=$(mktemp -d "$1/tide-fresh.XXXXXX")
	else
		folder=$(mktemp -d)
	fi
	# The mounts are gone with the name space; should one not be, it is not entered.
	trap 'rm -rf --one-file-system "$folder"' EXIT
	trap 'exit 1' HUP INT TERM
	status=0
	unshare --mount --propagation private --pid --fork --kill-child \
		sh "$0" --inside "$folder" || status=$?
	exit "$status"
fi

folder=$2
system=$folder/system

# This machine's release, and where its packages are from.
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" \
	"Codename: $VERSION_CODENAME" 2>/dev/null | head -n 1)
[ -n "$mirror" ] || skip "apt has no list of packages"

step() {
	echo "== $(date +%T) $*"
}

step "a minimal $ID $VERSION_CODENAME"
debootstrap --variant=minbase "$VERSION_CODENAME" "$system" "$mirror" >"$folder/log" 2>&1 || {
	tail -n 5 "$folder/log" >&2
	skip "debootstrap could not make a system"
}
# The same sources, settings and names as here; copied, so that nothing is written to this machine's.
rm -f "$system/etc/apt/sources.list"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
	/etc/resolv.conf /etc/hosts /usr/share/keyrings/*; do
	[ ! -f "$file" ] || { mkdir -p "$system${file%/*}" && cp -L "$file" "$system$file"; }
done
apt-config dump | grep -iE '^Acquire::(https?::|Check|Allow|By-Hash|Retries)' \
	>"$system/etc/apt/apt.conf.d/00as-here" || true
mount -t proc proc "$system/proc"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$system/dev/pts" ||
	skip "may not mount terminals of its own"

step "a clone of $(git -C "$root" rev-parse --short HEAD)"
mkdir -p "$system/src"
git clone -q --no-hardlinks "$root" "$system/src/tide"
[ -z "$(git -C "$root" status --porcelain)" ] || echo "note: what is not committed is not cloned"
cp "$root/tests/fresh/inside.sh" "$system/src/inside.sh"

env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
	FRESH_QUICK="${FRESH_QUICK:-0}" \
	chroot "$system" sh /src/inside.sh /src/tide
