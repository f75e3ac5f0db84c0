#!/bin/sh
# debs.sh: the Debian packages of TIDE_BUILD (or those in DEBS) satisfy lintian, install into an
# empty system, work there, are built against there, and leave nothing behind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for command in dpkg-shlibdeps dpkg lintian; do
	command -v $command >/dev/null || { echo "skip: no $command"; exit 77; }
done
# Installing gives files to root: for others, a name space where they are root.
if [ "$(id -u)" -ne 0 ]; then
	unshare -r true 2>/dev/null || { echo "skip: neither root nor user name spaces"; exit 77; }
	exec unshare -r sh "$0"
fi
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

fail() {
	echo "$*" >&2
	exit 1
}

debs=${DEBS:-$work/debs}
if [ -z "${DEBS:-}" ]; then
	# Debian has libraries in a folder that names the machine's kind.
	libdir=lib/$(${CC:-cc} -print-multiarch)
	grep -qx "CMAKE_INSTALL_LIBDIR:.*=$libdir" "$TIDE_BUILD/CMakeCache.txt" ||
		{ echo "skip: $TIDE_BUILD is configured without -DCMAKE_INSTALL_LIBDIR=$libdir"; exit 77; }
	cpack --config "$TIDE_BUILD/CPackConfig.cmake" -B "$debs" >"$work/log" 2>&1 ||
		{ cat "$work/log" >&2; fail "cpack failed"; }
fi
names='libtide-dev libtide-preload0 tide-tools'
[ "$(for deb in "$debs"/*.deb; do dpkg-deb -f "$deb" Package; done | sort | tr '\n' ' ')" = "$names " ] ||
	fail "not the packages $names: $(ls "$debs")"

# It has been seen to stand still for minutes, once in a while: then it is asked again, and in case
# the machine was only slow, with more time.
status=124
for limit_s in 60 120 240; do
	[ "$status" -eq 124 ] || break
	status=0
	timeout "$limit_s" lintian --fail-on error,warning --tag-display-limit 0 "$debs"/*.deb \
		>"$work/lintian" 2>"$work/lintian.err" || status=$?
done
[ "$status" -eq 0 ] || {
	cat "$work/lintian" "$work/lintian.err" >&2
	fail "lintian ended with $status ($limit_s s)"
}

# An empty system. What the packages depend on is this machine's: that is not dpkg's business here.
root=$work/root
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/triggers"
: >"$root/var/lib/dpkg/status"
in_root() {
	PATH=$PATH:/usr/sbin:/sbin dpkg --root="$root" --log="$work/dpkg.log" --force-depends "$@" \
		>"$work/log" 2>&1 || { cat "$work/log" >&2; fail "dpkg $1 failed"; }
}
files() {
	(cd "$root" && find . ! -path './var/*' ! -type d | sort)
}
in_root -i "$debs"/*.deb
installed=$(files | wc -l)

# Every program tells what it is, from where it lies.
programs=0
for program in "$root"/usr/bin/*; do
	"$program" --help >"$work/out" 2>&1 || { cat "$work/out" >&2; fail "$program --help ended with $?"; }
	grep -qi usage "$work/out" || fail "$program --help does not say how it is used"
	programs=$((programs + 1))
done
[ "$programs" -ge 5 ] || fail "only $programs programs"
# Those that need files beside themselves find them.
cd "$work"
bin=$root/usr/bin
"$bin/tide-record" --out recorded ls / >out 2>&1 || { cat out >&2; fail "tide-record failed"; }
trace=$(find recorded -name 'ls-*.trace')
[ -n "$trace" ] || fail "tide-record recorded nothing"
"$bin/tide-trace" summary "$trace" >out 2>&1 || { cat out >&2; fail "tide-trace failed"; }
grep -qx 'program ls' out || { cat out >&2; fail "tide-trace: not a trace of ls"; }
"$bin/tide-replay" --allocator tide --rounds 1 --idle 0 --report replayed "$trace" >out 2>&1 ||
	{ cat out >&2; fail "tide-replay failed"; }
grep -q '^tide  *[0-9]' out || { cat out >&2; fail "nothing was replayed"; }
"$bin/tide-run" true 2>out || { cat out >&2; fail "tide-run true ended with $?"; }
grep -q '^tide-run: true: done in ' out || { cat out >&2; fail "tide-run tells nothing"; }
"$bin/tide-run" git --version >out 2>&1 || { cat out >&2; fail "tide-run git failed"; }
grep -q '^  advice:' out || { cat out >&2; fail "git ran without Tide under tide-run"; }
"$bin/tide-tune" --runs 40 --parameters retain_bytes -- git --version >out 2>&1 ||
	{ cat out >&2; fail "tide-tune failed"; }
[ -e tide-tune-report/tide-tune.env ] || fail "tide-tune chose nothing"
"$bin/tide-bench" --list >out 2>&1 || { cat out >&2; fail "tide-bench --list failed"; }
grep -q '^ *micro/' out || fail "tide-bench has no loads"
grep -q '^ *program/' out || fail "tide-bench has no programs"
"$bin/tide-stress" --scenario mixed --seconds 1 --threads 2 --report report >out 2>&1 ||
	{ cat out >&2; fail "tide-stress failed"; }
preload=$(echo "$root"/usr/lib/*/libtide-preload.so.0)
LD_PRELOAD=$preload TIDE_STATS=file:stats git --version >out 2>&1 || { cat out >&2; fail "preloaded git failed"; }
grep -q '^Tide' stats || fail "git ran without Tide"
LD_PRELOAD=$preload TIDE_PROFILE=1 TIDE_PROFILE_BYTES=1 TIDE_PROFILE_FILE=profile \
	git --version >out 2>&1 || { cat out >&2; fail "git with a profile failed"; }
"$bin/tide-prof" top profile >out 2>&1 || { cat out >&2; fail "tide-prof top failed"; }
grep -q '^profile: .* live$' out || { cat out >&2; fail "tide-prof shows nothing"; }
"$bin/tide-prof" run --rate 1 git --version >out 2>&1 || { cat out >&2; fail "tide-prof run failed"; }
grep -q ' never freed$' out || { cat out >&2; fail "tide-prof run shows nothing"; }

# Programs are built against it, and the manual is found.
INSTALLED=$root/usr sh "$here/../consume/pkg_config.sh"
if command -v man >/dev/null; then
	for page in "tide 7" "tide_malloc 3" "tide_profile 3" "tide-stress 1" "tide-run 1"; do
		# Name and section.
		# shellcheck disable=SC2086
		set -- $page
		found=$(man -M "$root/usr/share/man" -w "$2" "$1") || fail "no page $1($2)"
		[ "${found#"$root"}" != "$found" ] || fail "$1($2) is another's: $found"
	done
fi

# shellcheck disable=SC2086
in_root -P $names
left=$(files)
[ -z "$left" ] || fail "left behind: $left"
echo "$installed files installed and gone again"
