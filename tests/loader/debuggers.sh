#!/bin/sh
# valgrind and gdb in their usual use, on a program under the preload, one linked with Tide and a static
# one.
#
#   valgrind   takes malloc for itself wherever it is, so it finds what it always finds; with
#              nouserintercepts it leaves it to Tide, all of which then runs under valgrind
#   gdb        stops in malloc and free, calls malloc while all threads stand still, goes on to the end;
#              attaches to a running program, and lets go of it
set -eu
: "${TIDE_PRELOAD:?the library to preload}" "${CC:=cc}"
preload=$TIDE_PRELOAD
lib=$(dirname "$TIDE_PRELOAD")
unset TIDE_PRELOAD TIDE_BIN LOADER_LIBRARIES || true
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $1" >&2
	cat "$work/out" "$work/err" >&2
	exit 1
}

for program in valgrind gdb; do
	command -v $program >/dev/null || { echo "skipped: no $program" >&2; exit 77; }
done

cat >"$work/program.c" <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
volatile int stay;
static void *work(void *unused)
{
	void *block[64] = { 0 };
	for (unsigned i = 0; i < 20000 || stay; i++) {
		free(block[i % 64]);
		block[i % 64] = malloc(i * 37 % 3000 + 1);
		memset(block[i % 64], 1, i * 37 % 3000 + 1);
	}
	for (unsigned i = 0; i < 64; i++)
		free(block[i]);
	return unused;
}
void *landmark(void)
{
	return malloc(777);
}
int main(int count, char **argument)
{
	pthread_t thread;
	stay = count > 1 && argument[1][0] == 's';
	pthread_create(&thread, NULL, work, NULL);
	if (stay)
		puts("ready"), fflush(stdout);
	work(NULL);
	pthread_join(thread, NULL);
	char *volatile block = landmark();
	block[0] = 1;
	if (count > 1 && argument[1][0] == 'l')
		block = NULL; /* lost */
	if (count > 1 && argument[1][0] == 'o')
		block[777] = 1;
	if (count > 1 && argument[1][0] == 'f') {
		free(block);
		block[0] = 1;
		block = NULL;
	}
	free(block);
	puts("done");
	return 0;
}
END
"$CC" -g -O1 -fno-builtin -o "$work/preload" "$work/program.c" -pthread
"$CC" -g -O1 -fno-builtin -o "$work/linked" "$work/program.c" "$lib/libtide.a" -pthread
"$CC" -g -O1 -fno-builtin -static -o "$work/static" "$work/program.c" "$lib/libtide.a" -pthread

"$CC" -g -O1 -fno-builtin -static -o "$work/bare" "$work/program.c" -pthread

# under KIND: what goes into the environment for that program.
under() {
	[ "$1" != preload ] || echo "LD_PRELOAD=$preload"
}

# check KIND WHAT ARGUMENT LINE OPTION...: valgrind's report has the line.
check() {
	kind=$1 what=$2 argument=$3 line=$4
	shift 4
	timeout -k 5 100 env $(under "$kind") valgrind --leak-check=full --error-exitcode=9 "$@" \
		"$work/$kind" $argument >"$work/out" 2>"$work/err" || [ $? -eq 9 ] ||
		fail "valgrind, $kind, $what: the program failed"
	grep -qx done "$work/out" || fail "valgrind, $kind, $what: not to the end"
	grep -q "$line" "$work/err" || fail "valgrind, $kind, $what: no '$line'"
}

for kind in preload linked; do
	check $kind "nothing wrong" "" 'ERROR SUMMARY: 0 errors'
done
check preload "a leak" leak '777 bytes in 1 blocks are definitely lost'
check preload "past the end" over 'Address 0x[0-9a-f]* is 0 bytes after a block of size 777 alloc'
check linked "after free" free 'Address 0x[0-9a-f]* is 0 bytes inside a block of size 777 free'
# Tide itself, its GC thread and all: it uses no memory wrongly that valgrind knows of. (Not the static
# program: there valgrind complains of the C library's own functions, also without Tide.)
check bare "the C library itself" "" 'ERROR SUMMARY: [1-9]'
! grep -q 'tide_' "$work/err" || fail "valgrind, bare: there is Tide in it"
for kind in preload linked; do
	check $kind "Tide itself" "" 'ERROR SUMMARY: 0 errors' \
		--soname-synonyms=somalloc=nouserintercepts
	! grep -q 'unhandled\|Warning: noted but' "$work/err" || fail "valgrind, $kind: a call it does not know"
done

# gdb. What it calls while all stand still is no miss of another thread's.
cat >"$work/commands" <<'END'
set pagination off
set breakpoint pending on
set debuginfod enabled off
set startup-with-shell off
break landmark
run
break malloc
continue
delete
finish
printf "finished\n"
set var $a = (char *)((void *(*)(unsigned long))malloc)(100)
set var $b = (char *)((void *(*)(unsigned long))malloc)(100)
set var $a[99] = 5
printf "called %d\n", $a != 0 && $b != 0 && $a != $b && $a[99] == 5
print ((void (*)(void *))free)($a)
print ((void (*)(void *))free)($b)
info threads
printf "going on\n"
continue
END
for kind in preload linked static; do
	set_environment=
	[ $kind != preload ] || set_environment="set environment LD_PRELOAD $preload"
	timeout -k 5 100 gdb -q -nx -batch -ex "$set_environment" -x "$work/commands" "$work/$kind" \
		>"$work/out" 2>"$work/err" </dev/null || fail "gdb, $kind: ended with $?"
	for line in 'finished' 'called 1' 'going on' 'done' '.*exited normally.*'; do
		grep -qx "$line" "$work/out" || fail "gdb, $kind: no '$line'"
	done
	grep -q '"tide-gc"' "$work/out" || fail "gdb, $kind: no GC thread among the threads"
done

# A running program: attach to it at any instant, look, let go; it goes on.
env LD_PRELOAD="$preload" "$work/preload" stay >"$work/ready" 2>"$work/err" &
pid=$!
tries=0
until grep -q ready "$work/ready"; do
	tries=$((tries + 1))
	[ $tries -lt 200 ] || fail "gdb: the program does not start"
	sleep 0.1
done
for round in 1 2 3; do
	timeout -k 5 60 gdb -q -nx -batch -p "$pid" -ex 'thread apply all backtrace 3' -ex detach \
		>"$work/out" 2>"$work/err" </dev/null || fail "gdb: attaching, $round: $?"
	[ "$(grep -c '^Thread ' "$work/out")" -ge 2 ] || fail "gdb: attaching: no threads"
done
timeout -k 5 60 gdb -q -nx -batch -p "$pid" -ex 'set var stay = 0' -ex detach \
	>"$work/out" 2>"$work/err" </dev/null || fail "gdb: letting go: $?"
wait "$pid" || fail "gdb: the program ended with $?"
pid=
grep -q done "$work/ready" || fail "gdb: the program does not end as it should"
