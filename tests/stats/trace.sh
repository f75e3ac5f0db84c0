#!/bin/sh
# TIDE_TRACE: a trace viewer's JSON that agrees with the statistics, and the probes at the same places.
set -eu
: "${TIDE_PRELOAD:?the library to preload}"
: "${CC:=cc}" "${PROBES:=0}"
preload=$TIDE_PRELOAD
unset TIDE_PRELOAD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/churn.c" <<'EOF'
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void *churn(void *unused)
{
	static __thread void *block[4000];
	unsigned random = 1;
	for (unsigned i = 0; i < 200000; i++) {
		random = random * 1103515245 + 12345;
		unsigned at = (random >> 16) % 4000;
		free(block[at]);
		block[at] = malloc(16 + (random >> 8) % 3000);
	}
	for (unsigned i = 0; i < 4000; i++)
		free(block[i]);
	return unused;
}
int main(int count, char **argument)
{
	pthread_t thread[2];
	int status = 0;
	if (strcmp(argument[count - 1], "alone") == 0)
		return churn(NULL) != NULL;
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, churn, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	if (strcmp(argument[count - 1], "killed") == 0) {
		sleep(1);
		_exit(0);
	}
	if (strcmp(argument[count - 1], "fork") == 0) {
		if (fork() == 0) {
			churn(NULL);
			exit(0);
		}
		wait(&status);
	}
	/* The GC thread has something to return. */
	usleep(1200000);
	return status;
}
EOF
$CC -O1 -fno-builtin -o "$work/churn" "$work/churn.c" -pthread

cat >"$work/check.py" <<'EOF'
import collections, json, sys
def check(condition, what):
    if not condition:
        sys.exit("FAIL: " + what)
events = json.load(open(sys.argv[1]))
wanted = sys.argv[2].split(",")
count = collections.Counter(event["name"] for event in events)
for name in wanted:
    check(count[name] > 0, "no event '%s': %s" % (name, dict(count)))
dropped = count["events dropped"] > 0
spans = collections.defaultdict(list)
for event in events:
    check(event["ph"] in ("X", "i", "M"), "a phase of its own: %s" % event)
    if event["ph"] == "X":
        check(event["dur"] > 0 and event["ts"] > 0, "no time: %s" % event)
        spans[event["tid"]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
# On each thread one thing is either within another one or after it.
for of_thread in spans.values():
    open_until = []
    for begin, end, name in sorted(of_thread, key=lambda span: (span[0], -span[1])):
        while open_until and open_until[-1] <= begin + 1e-3:
            open_until.pop()
        check(not open_until or end <= open_until[-1] + 1e-3, "'%s' overlaps" % name)
        open_until.append(end)
if len(sys.argv) > 3:
    total = json.load(open(sys.argv[3]))["all"]
    purged = sum(event["args"]["bytes"] for event in events
                 if event["name"] == "unmap" or event["name"] == "purge" and event["args"]["done"])
    check(purged <= total["gc_returned_bytes"], "more returned than counted")
    if not dropped:
        check(count["tick"] == total["gc_ticks"], "ticks")
        check(count["purge"] == total["gc_purges"] + total["gc_refusals"], "purges")
        check(count["unmap"] == total["regions_unmapped"], "unmapped")
        check(count["level"] == total["level_grows"] + total["level_settles"], "levels")
    gc = [event["tid"] for event in events if event["name"] == "thread_name"]
    check(len(gc) == 1, "the GC thread has its name")
    check(all(event["tid"] == gc[0] for event in events
              if event["name"] in ("round", "sleep")), "rounds are the GC thread's")
EOF

TIDE_TRACE=$work/%p.trace TIDE_STATS=file:$work/stats.json LD_PRELOAD=$preload "$work/churn" threads
set -- "$work"/*.trace
[ $# = 1 ] && [ "$(stat -c %a "$1")" = 600 ]
python3 "$work/check.py" "$1" process_name,thread_name,round,sleep,tick,purge,level "$work/stats.json"
rm "$1"

# Without a GC thread; a child writes its own, or none where it would be its parent's; one that ends
# without notice leaves all but the bracket.
TIDE_GC=0 TIDE_TRACE=$work/one.trace LD_PRELOAD=$preload "$work/churn" alone
python3 "$work/check.py" "$work/one.trace" "process_name,inline step,drain"
TIDE_TRACE=$work/%p.child LD_PRELOAD=$preload "$work/churn" fork
[ "$(find "$work" -name '*.child' | wc -l)" = 2 ]
for file in "$work"/*.child; do
	python3 "$work/check.py" "$file" "process_name,inline step"
done
TIDE_TRACE=$work/same.trace LD_PRELOAD=$preload "$work/churn" fork
python3 "$work/check.py" "$work/same.trace" "process_name,round"
TIDE_TRACE=$work/killed.trace LD_PRELOAD=$preload "$work/churn" killed
[ "$(tail -n 1 "$work/killed.trace")" != "]" ]
echo "]" >>"$work/killed.trace"
python3 "$work/check.py" "$work/killed.trace" "process_name,round"

TIDE_TRACE=$work/none/trace LD_PRELOAD=$preload "$work/churn" alone 2>"$work/err"
grep -q "^tide: TIDE_TRACE: cannot write $work/none/trace: error 2$" "$work/err"

if [ "$PROBES" = 1 ] && command -v readelf >/dev/null; then
	readelf -n "$preload" >"$work/notes" 2>/dev/null
	grep -q 'Provider: tide' "$work/notes"
	for probe in gc_round gc_sleep gc_awake inline_step help drain level tick purge unmap; do
		grep -q "Name: $probe$" "$work/notes" || { echo "no probe $probe"; exit 1; }
	done
fi
