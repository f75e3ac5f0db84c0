#!/bin/sh
# Profiles where the process has little: few descriptors, no /proc; on a signal stack; and at the exit
# of one that is writing another.
. "$(dirname "$0")/common.sh"

# leaks MESSAGE: what the profile shows of the program.
leaks() {
	"$prof" leaks "$work/heap" >"$work/out" 2>"$work/err" || fail "$1: leaks: $(cat "$work/err")"
	shows '^12\.0 MiB in 3 blocks never freed' '    leak_large ' '    nested '
}

# Whoever runs this may have left descriptors open.
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
# Descriptors 0 to 2, one for the file and one for the list of what is mapped.
(ulimit -n 5 && profiled "$work/work") >/dev/null || fail "few descriptors: $?"
leaks "few descriptors"
[ ! -s "$work/err" ] || fail "few descriptors: $(cat "$work/err")"
rm "$work/heap"

# None for that list.
(ulimit -n 4 && profiled "$work/work") >/dev/null || fail "no descriptor: $?"
leaks "no descriptor"
grep -q '/proc/self/maps: error 24; files are those that the loader knows' "$work/err" ||
	fail "no descriptor: $(cat "$work/err")"
rm "$work/heap"

# In a root of its own, without /proc, at the places where all is outside, so that tide-prof finds it.
root=$work/root
mkdir "$root"
in_root() {
	if [ "$(id -u)" -eq 0 ]; then
		chroot "$root" "$@"
	else
		unshare --user --map-root-user chroot "$root" "$@"
	fi
}
{
	ldd "$work/work" "$preload" | sed -n 's/.*[ \t]\(\/[^ ]*\) (0x.*/\1/p'
	ldconfig -p 2>/dev/null | sed -n 's/.*libgcc_s\.so\.1 (libc6,x86-64) => //p'
	printf '%s\n' "$work/work" "$preload"
} | sort -u | while read -r file; do
	mkdir -p "$root$(dirname "$file")"
	cp -L "$file" "$root$file"
done
if ! in_root "$work/work" >"$work/out" 2>&1; then
	echo "no root of its own can be had here: $(cat "$work/out")"
else
	mkdir -p "$root$work"
	LD_PRELOAD="$preload" TIDE_PROFILE=1 TIDE_PROFILE_BYTES=1 TIDE_PROFILE_FILE="$work/heap" \
		in_root "$work/work" >"$work/out" 2>&1 || fail "without /proc: $?"
	mv "$root$work/heap" "$work/heap" || fail "without /proc: no profile"
	leaks "without /proc"
	grep -q '/proc/self/maps: error 2; files' "$work/err" || fail "without /proc: $(cat "$work/err")"
	rm "$work/heap"
fi

# At the exit of a process of which a thread writes profiles without end.
profiled "$work/work" writing "$work/other" >/dev/null || fail "writing at exit: $?"
leaks "writing at exit"
rm "$work/heap"

# On the stack for signals, where the thread has one.
profiled TIDE_PROFILE_SIGNAL=12 "$work/work" stack >"$work/out" || fail "signal stack: $?"
shows '^on its own stack$'
[ -s "$work/heap.1" ] || fail "signal stack: no profile"
