#!/bin/sh
# Programs that run with more rights than their caller, linked with Tide: what the caller puts into the
# environment changes nothing. Every option is tried, by its row in the table: those that would weaken a
# check, write a file or open a socket are seen to have no effect, and the same ones are seen to have it
# in the same program without more rights. Set-user-id, set-group-id and file capabilities.
set -eu
: "${TIDE_PRELOAD:?the library to preload}" "${TIDE_BIN:?the folder of the programs}" "${CC:=cc}"
[ "$(id -u)" = 0 ] || { echo "skipped: not root: no program can be made set-user-id" >&2; exit 77; }
command -v setpriv >/dev/null || { echo "skipped: no setpriv" >&2; exit 77; }
lib=$(dirname "$TIDE_PRELOAD")
preload=$TIDE_PRELOAD
options=$TIDE_BIN/tide-options
unset TIDE_PRELOAD TIDE_BIN LOADER_LIBRARIES || true
work=$(mktemp -d "${TMPDIR:-/tmp}/tide-setuid.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -m 1777 "$work/open"

fail() {
	echo "FAIL: $1" >&2
	head -n 20 "$work/err" >&2
	exit 1
}

cat >"$work/program.c" <<'END'
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <tide/stats.h>
#include <tide/tide.h>
static void *work(void *unused)
{
	for (unsigned i = 0; i < 100000; i++)
		free(malloc(i % 5000));
	return unused;
}
/* What can be seen of the options: the level of checking by what a block has, the rest by statistics. */
int main(int count, char **argument)
{
	static struct tide_stats_snapshot seen;
	pthread_t thread;
	pthread_create(&thread, NULL, work, NULL);
	work(NULL);
	pthread_join(thread, NULL);
	char *block = malloc(64);
	struct timespec while_ns = { 0, 400000000 };
	if (count > 1 && argument[1][0] == 'w')
		nanosleep(&while_ns, NULL);
	tide_stats_take_snapshot(&seen);
	printf("secure %d, decay %llu, usable %zu, gc %d\n", getauxval(AT_SECURE) != 0,
	       (unsigned long long)seen.decay_ms, tide_malloc_usable_size(block),
	       (int)seen.all.gc_thread_runs);
	fflush(stdout);
	if (count > 1 && argument[1][0] == 'd') {
		free(block);
		free(block);
	}
	return 0;
}
END
"$CC" -O1 -fno-builtin -I "$(dirname "$0")/../../include" -o "$work/static" "$work/program.c" \
	"$lib/libtide.a" -pthread -static
"$CC" -O1 -fno-builtin -I "$(dirname "$0")/../../include" -o "$work/dynamic" "$work/program.c" \
	"$lib/libtide.a" -pthread

as_nobody() {
	timeout -k 5 60 setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# Every numeric option at the end of its range that is not its default; texts that leave traces.
"$options" >"$work/options"
sed -n 's/^	X(\([A-Z_]*\), "[a-z_]*", *"[a-z]*", *\([^,]*\),.*/\1 \2/p' \
	"$(dirname "$0")/../../include/tide/options.h" >"$work/rows"
[ "$(wc -l <"$work/rows")" -ge 15 ] || fail "no rows of options found"
set -- TIDE_STATS="file:$work/open/stats" TIDE_TRACE="$work/open/trace" TIDE_CGROUP="$work/open" \
	TIDE_NO_SUCH=1
while read -r name _; do
	case $name in
	DECAY_MS) value=7 ;;
	GC | CHECK) value=2 ;;
	FATAL) value=0 ;;
	*) value=1 ;;
	esac
	set -- "$@" "TIDE_$name=$value"
done <"$work/rows"

for kind in static dynamic; do
	program=$work/$kind
	chmod 755 "$program"
	rm -f "$work"/open/*
	# With the caller's own rights all of it counts.
	as_nobody env "$@" "$program" wait >"$work/out" 2>"$work/err" || fail "$kind: $?"
	grep -q '^secure 0, decay 7, ' "$work/out" || fail "$kind: options have no effect: $(cat "$work/out")"
	grep -q '^tide: TIDE_NO_SUCH: no such option$' "$work/err" || fail "$kind: no complaint"
	[ -s "$work/open/stats" ] && [ -s "$work/open/trace" ] || fail "$kind: files are not written"
	as_nobody env TIDE_FATAL=0 "$program" double >"$work/out" 2>"$work/err" ||
		fail "$kind: TIDE_FATAL=0 is not heeded"

	for way in user group capability; do
		rm -f "$work"/open/*
		cp "$program" "$work/raised"
		case $way in
		user) chmod 4755 "$work/raised" ;;
		group) chmod 2755 "$work/raised" ;;
		capability)
			command -v setcap >/dev/null || continue
			setcap cap_net_bind_service=ep "$work/raised" 2>/dev/null || continue
			;;
		esac
		as_nobody env "$@" "$work/raised" wait >"$work/out" 2>"$work/err" ||
			fail "$kind, $way: ended with $?"
		grep -q '^secure 1, decay 500, ' "$work/out" ||
			fail "$kind, $way: $(cat "$work/out")"
		[ ! -s "$work/err" ] || fail "$kind, $way: listens to the environment"
		[ -z "$(ls "$work/open")" ] || fail "$kind, $way: wrote $(ls "$work/open")"
		status=0
		as_nobody env TIDE_FATAL=0 "$work/raised" double >"$work/out" 2>"$work/err" || status=$?
		[ "$status" -eq 134 ] || fail "$kind, $way: a double free goes on: $status"
		grep -q '^tide: free(0x[0-9a-f]*): double free (class 4, 64-byte blocks) in thread [0-9]*$' \
			"$work/err" || fail "$kind, $way: no report"
	done
done

# The loader does not preload a library named by a path into such a program.
printf '%s\n' '#include <stdio.h>' '#include <stdlib.h>' '#include <string.h>' \
	'int main(void) { char line[4096]; FILE *f = fopen("/proc/self/maps", "r"); int n = 0;' \
	'while (fgets(line, sizeof line, f)) n |= strstr(line, "libtide") != NULL;' \
	'free(malloc(1)); printf("tide %d\n", n); return 0; }' >"$work/plain.c"
"$CC" -O1 -o "$work/plain" "$work/plain.c"
cp "$preload" "$work/libtide-preload.so"
chmod 755 "$work/libtide-preload.so"
[ "$(as_nobody env LD_PRELOAD="$work/libtide-preload.so" "$work/plain")" = "tide 1" ] ||
	fail "the preload is not there"
chmod 4755 "$work/plain"
[ "$(as_nobody env LD_PRELOAD="$work/libtide-preload.so" "$work/plain" 2>"$work/err")" = "tide 0" ] ||
	fail "the preload is in a set-user-id program"
