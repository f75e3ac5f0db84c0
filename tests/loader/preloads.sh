#!/bin/sh
# The preload together with others: a library that wraps malloc by dlsym, one that audits the loader, and
# both at once; in programs linked with Tide as well.
set -eu
: "${TIDE_PRELOAD:?the library to preload}" "${LOADER_LIBRARIES:?the folder of the libraries}"
: "${TIDE_BIN:?the folder of the programs}" "${CC:=cc}"
preload=$TIDE_PRELOAD
unset TIDE_PRELOAD LD_PRELOAD || true
bin=$TIDE_BIN
unset TIDE_BIN
wraps=$LOADER_LIBRARIES/library_wraps.so
audits=$LOADER_LIBRARIES/library_audits.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $1" >&2
	cat "$work/out" "$work/err" >&2
	exit 1
}

# says WHAT LINES COMMAND...: it ends well, with these lines on stderr, in any order, and no others.
says() {
	what=$1
	printf '%s' "$2" | sort >"$work/wanted"
	shift 2
	timeout -k 5 60 "$@" >"$work/out" 2>"$work/err" </dev/null || fail "$what: ended with $?"
	sort "$work/err" >"$work/said"
	cmp -s "$work/wanted" "$work/said" || fail "$what: says something else"
}

wrapped='wrapped much
'
audited='audited well
'
# One that leaves its stderr open to the end.
program="/usr/bin/python3 -I -S $work/program"
echo 'print(sum(len(str(n)) for n in [int(x) for x in map(str, range(20000))]))' >"$work/program"
says "a wrapper before Tide" "$wrapped" env LD_PRELOAD="$wraps:$preload" $program
# The loader takes the first malloc that it finds: behind Tide the wrapper is never called.
says "a wrapper behind Tide" 'wrapped little
' env LD_PRELOAD="$preload:$wraps" $program
says "a wrapper, all bound at once" "$wrapped" \
	env LD_BIND_NOW=1 LD_PRELOAD="$wraps:$preload" $program
says "an auditor" "$audited" env LD_AUDIT="$audits" LD_PRELOAD="$preload" $program
says "an auditor and a wrapper" "$audited$wrapped" \
	env LD_AUDIT="$audits" LD_PRELOAD="$wraps:$preload" $program
# Programs linked with Tide: a program's own malloc goes before that of any library.
says "an auditor of a program with Tide" "$audited" env LD_AUDIT="$audits" "$bin/test_small_stacks"
says "the preload under a program with Tide" '' env LD_PRELOAD="$preload" "$bin/test_small_stacks"
says "the preload twice" '' env LD_PRELOAD="$preload:$preload" $program
# A static program knows nothing of preloads.
says "the preload and a static program" '' env LD_PRELOAD="$preload" "$bin/test_small_stacks-static"

# That Tide is what is wrapped.
LD_DEBUG=bindings LD_BIND_NOW=1 LD_PRELOAD="$wraps:$preload" $program 2>"$work/err" >"$work/out" </dev/null
grep -q "binding file /usr/bin/python3 \[0\] to $wraps \[0\]: normal symbol .malloc'" "$work/err" ||
	fail "the program's malloc is not the wrapper's"
