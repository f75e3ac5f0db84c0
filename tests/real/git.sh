#!/bin/sh
# git: 2,000 files added and committed, changed, committed, repacked by threads, checked and cloned.
# With fixed dates the commits, which are hashes over everything, are those made without Tide.
. "$(dirname "$0")/common.sh"

need git
# Nothing of the user's or the system's git settings.
HOME=$work
GIT_CONFIG_NOSYSTEM=1
GIT_CONFIG_GLOBAL=/dev/null
GIT_AUTHOR_NAME=tide GIT_AUTHOR_EMAIL=tide@example.org GIT_AUTHOR_DATE='2001-01-01T00:00:00Z'
GIT_COMMITTER_NAME=tide GIT_COMMITTER_EMAIL=tide@example.org GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
export HOME GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE
export GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE || true

make_tree "$work/files" 2000

# What is done with and without Tide. Two threads even if there is one processor; and no work is
# left behind in the background, nor waited for in the disk's queue.
cat >"$work/history" <<'END'
cp -R "$1" "$2"
git init -q -b main "$2"
cd "$2"
git config pack.threads 2
git config gc.auto 0
git config core.fsync none
git add -A
git commit -q -m 'All files'
for number in 1 2 3; do
	for file in */*"$number.txt"; do
		echo "change $number of $file" >>"$file"
	done
	rm -r "0$number"
	git add -A
	git commit -q -m "Change $number"
done
git gc -q --prune=now
END

check_bound git git init -q "$work/tiny"
without_tide sh -eu "$work/history" "$work/files" "$work/plain" || fail "git fails without Tide"
with_tide sh -eu "$work/history" "$work/files" "$work/tide" || fail "git ended with $?"
git -C "$work/plain" log --format='%H %T %s' --stat >"$work/plain.log"
with_tide git -C "$work/tide" log --format='%H %T %s' --stat >"$work/tide.log" ||
	fail "git log ended with $?"
same "the history" "$work/plain.log" "$work/tide.log"

with_tide git -C "$work/tide" fsck --full --strict >"$work/fsck" || fail "git fsck ended with $?"
[ ! -s "$work/fsck" ] || fail "git fsck: $(head -n 3 "$work/fsck")"
with_tide git clone -q --no-local "$work/tide" "$work/clone" || fail "git clone ended with $?"
equal "the head of the clone" "$(git -C "$work/plain" rev-parse HEAD)" \
	"$(git -C "$work/clone" rev-parse HEAD)"
diff -r -x .git "$work/plain" "$work/clone" >"$work/diff" ||
	fail "the clone: $(head -n 3 "$work/diff")"
finish
