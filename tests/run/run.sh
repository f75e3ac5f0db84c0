#!/bin/sh
# tide-run: what it tells, passes on and refuses.
. "$(dirname "$0")/../bench/common.sh"
TMPDIR=$work/temporary
export TMPDIR
mkdir "$TMPDIR"
run() {
	wanted=$1
	shift
	expect "$wanted" tide-run "$@"
}

# ---- a program of several threads, whose figures are known

cat >"$work/load.c" <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void *work(void *unused)
{
	enum { BLOCKS = 20000, BYTES = 1000 };
	static __thread char *block[BLOCKS];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < BLOCKS; i++)
			memset(block[i] = malloc(BYTES), 1, BYTES);
		for (int i = 0; i < BLOCKS; i++)
			free(block[i]);
	}
	return unused;
}
int main(int count, char **argument)
{
	pthread_t thread[2];
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, work, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	puts("done");
	fflush(stdout);
	if (count > 1 && strcmp(argument[1], "wait") == 0)
		sleep(100);
	if (count > 1 && strcmp(argument[1], "leave") == 0) {
		sleep(1);
		_exit(3);
	}
	if (count > 1 && strcmp(argument[1], "fork") == 0) {
		if (fork() == 0)
			exit(0);
		wait(NULL);
	}
	return 0;
}
C
"${CC:-cc}" -O1 -fno-builtin -o "$work/load" "$work/load.c" -pthread
run 0 --json "$work/json" "$work/load"
[ "$(cat "$work/out")" = "done" ] || fail "something else on the command's output"
said "tide-run: $work/load: done in"
for line in '  peak  *[0-9.]* MiB resident' '  returned  [0-9.]* [KMG]*i*B to the system' \
	'  GC  *\(at most \)\{0,1\}[0-9.]* s, [0-9.]* % of the processor time; [0-9]* steps' \
	'  top classes, by memory held:' '  advice:' '  - '; do
	grep -q "^$line" "$work/err" || fail "no line: $line"
done
check "$work/json" <<'PYTHON'
assert d["status"] == 0 and d["signal"] == 0 and d["error"] is None
assert d["served"] is True and d["complete"] is True and d["why_not"] is None
assert d["processes"] == 1
# 20 million bytes of each thread, if not at the same time.
assert d["peak_rss_bytes"] > 20e6
assert d["cpu_s"] > 0 and close(d["cpu_s"], d["user_s"] + d["system_s"])
assert d["gc_cpu_s"] > 0 and 0 < d["gc_share"] <= 1 and close(d["gc_share"], d["gc_cpu_s"] / d["cpu_s"])
a = d["statistics"]["all"]
assert a["gc_returned_bytes"] == d["returned_bytes"]
c = [c for c in d["statistics"]["classes"] if c["block_bytes"] == 1024][0]
assert c["from_queue"] + c["from_gc"] + c["from_frontier"] > 1000, c
PYTHON

# Both processes of a fork tell; options come through, the flags before the file before the environment.
run 0 --json "$work/json" "$work/load" fork
said "2 processes told statistics"
printf '# a comment\n\nTIDE_DECAY_MS=60\nTIDE_WAKE_BYTES=2m\n' >"$work/env"
TIDE_DECAY_MS=50 TIDE_WAKE_BYTES=1m TIDE_BIN_BLOCKS=4 run 0 --quiet --decay-ms=70 --env "$work/env" \
	-- env
for line in TIDE_DECAY_MS=70 TIDE_WAKE_BYTES=2m TIDE_BIN_BLOCKS=4; do
	grep -qx "$line" "$work/out" || fail "no $line"
done
[ ! -s "$work/err" ] || fail "--quiet is not"
echo 'int nothing;' >"$work/other.c"
"${CC:-cc}" -shared -fPIC -o "$work/other.so" "$work/other.c"
LD_PRELOAD=$work/other.so run 0 --quiet env
grep -q '^LD_PRELOAD=.*/libtide-preload.so:.*/other.so$' "$work/out" || fail "the caller's preload is lost"

# Every option of the table is a flag.
run 0 --help
"$bin/tide-options" | sed -n 's/^TIDE_\([A-Z_]*\)=.*/\1/p' | tr 'A-Z_' 'a-z-' >"$work/flags"
[ "$(wc -l <"$work/flags")" -ge 20 ] || fail "no options found"
while read -r flag; do
	grep -q "^  --$flag " "$work/out" || fail "--$flag is not in --help"
done <"$work/flags"

# ---- ends and signals

run 3 sh -c 'exit 3'
said "sh: exit status 3 after"
run 127 "$work/none"
said "tide-run: $work/none: No such file or directory"
run 126 "$work/env"
said "Permission denied"

# By a signal, so that a shell sees it; the page tells what the process could not.
cat >"$work/ends.py" <<'PYTHON'
import subprocess, sys, time, os, signal
how, tide_run, load = sys.argv[1:]
if how == "itself":
    p = subprocess.run([tide_run, "sh", "-c", "kill -9 $$"], stderr=subprocess.PIPE, text=True)
    assert p.returncode == -9, p
    assert "ended by signal 9 (Killed)" in p.stderr, p.stderr
    assert "No statistics: it ended by a signal, before its exit" in " ".join(p.stderr.split()), p.stderr
else:
    p = subprocess.Popen([tide_run, load, "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True)
    assert p.stdout.readline() == "done\n"
    time.sleep(1)  # for a look at the page; nothing is timed
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=60)
    assert p.returncode == -signal.SIGTERM, p.returncode
    assert "ended by signal 15 (Terminated)" in err, err
    assert "told nothing at its end: details are as last seen on its page" in err, err
    assert "seen at most" in err and "top classes" in err, err
PYTHON
for how in itself sent; do
	"$python" "$work/ends.py" $how "$bin/tide-run" "$work/load" || fail "ended by a signal: $how"
done

# What _exit leaves tells nothing either, and the page is there.
run 3 --json "$work/json" "$work/load" leave
said "told nothing at its end: details are as last seen on its page"
check "$work/json" <<'PYTHON'
assert d["status"] == 3 and d["served"] is True and d["complete"] is False, d
assert d["statistics"]["all"]["gc_cycles"] > 0 and d["statistics"]["classes"]
PYTHON
# Without a GC thread there is no page.
cat >"$work/left.c" <<'C'
#include <unistd.h>
int main(void) { sleep(1); _exit(0); }
C
"${CC:-cc}" -o "$work/left" "$work/left.c"
run 0 "$work/left"
tr -s ' \n' '  ' <"$work/err" | grep -q 'It was left by _exit, .* has a GC thread (--gc 2 starts one)' ||
	fail "why there are no statistics"

# A handler of the command's own gets what is sent to tide-run, and its status comes back.
cat >"$work/handler" <<'SH'
#!/bin/sh
trap 'echo got; exit 7' USR1
echo ready
while :; do sleep 0.05; done
SH
chmod +x "$work/handler"
"$bin/tide-run" --quiet "$work/handler" >"$work/out" 2>"$work/err" &
pid=$!
for _ in $(seq 100); do
	! grep -q ready "$work/out" || break
	sleep 0.1
done
kill -USR1 $pid
status=0
wait $pid || status=$?
[ $status -eq 7 ] && grep -q got "$work/out" || fail "the signal was not passed on: $status"

# ---- where a preload has no effect

printf 'int main(void){return 0;}\n' >"$work/static.c"
"${CC:-cc}" -static -o "$work/static" "$work/static.c"
run 0 --json "$work/json" "$work/static"
said "$work/static is statically linked: nothing can be preloaded into it"
said "The preload had no effect"
check "$work/json" <<'PYTHON'
assert d["served"] is False and d["statistics"] is None and d["gc_share"] is None
assert "statically linked" in d["why_not"]
PYTHON
# A script of a static interpreter.
printf '#!%s\n' "$work/static" >"$work/script"
chmod +x "$work/script"
run 0 "$work/script"
said "$work/static is statically linked"
if [ "$(id -u)" -eq 0 ]; then
	"${CC:-cc}" -o "$work/privileged" "$work/static.c"
	chown nobody "$work/privileged"
	chmod u+s "$work/privileged"
	run 0 "$work/privileged"
	said "runs with more rights than its caller (set-user-id)"
fi
run 0 --stats exit "$python" -c 0
said "TIDE_STATS was set to something of its own"

# ---- not used so

run 125
said "COMMAND: missing"
run 125 --frobnicate true
said "--frobnicate: no such option"
run 125 --decay-ms 99999999 true
said "--decay-ms: '99999999' is not a number of ms from 0 to 3600000"
run 125 --decay-ms
said "lacks its value"
echo TIDE_DECAY_MS=x >"$work/env"
run 125 --env "$work/env" true
said "line 1: 'x' is not a number of ms"
run 125 --env "$work/none" true
run 125 --env "$work" true
said "Is a directory"
{ printf 'TIDE_TRACE=' && head -c 2000 /dev/zero | tr '\0' x; } >"$work/env"
run 125 --env "$work/env" true
said "line 1: too long"
run 125 --cgroup here true
said "--cgroup: 'here' is not a path from /"
run 125 --library "$work/none.so" true
# Before the work, not after it.
run 125 --json "$work/none/json" touch "$work/touched"
[ ! -e "$work/touched" ] || fail "it ran, and its summary can't be written"
TMPDIR=$work/none run 0 "$python" -S -c 0
said "No statistics: there was no folder for them"

# Nothing is left behind, also by what was ended.
rmdir "$TMPDIR" || fail "$(ls "$TMPDIR")"
