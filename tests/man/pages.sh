#!/bin/sh
# pages.sh: what is installed has its manual. Each program has a page in section 1, each public
# function one in section 3, with the prototype of its header; a program's --help and its page have the
# same options; formatters have no objections. TIDE_BUILD is installed first; INSTALLED: it is there already.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

complain() {
	echo "$*" >&2
	failed=1
}

# A tool that is not there lets a check out; none of them lets out all.
command -v man >/dev/null || { echo "skip: no man"; exit 77; }
command -v mandoc >/dev/null || { echo "skip: no mandoc"; exit 77; }

prefix=${INSTALLED:-$work/prefix}
if [ -z "${INSTALLED:-}" ]; then
	cmake --install "$TIDE_BUILD" --prefix "$prefix" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
fi
pages=$prefix/share/man
LC_ALL=C.UTF-8 MANWIDTH=78
export LC_ALL MANWIDTH

# has_page SECTION NAME: man finds it, here.
has_page() {
	found=$(man -M "$pages" -w "$1" "$2" 2>/dev/null) || return 1
	[ "${found#"$pages/"}" != "$found" ]
}

# options: the options in the text of standard input, one a line: -o or --option after a blank, "[", "|"
# or the beginning of a line.
options() {
	grep -oE '(^|[][ |(])-(-[a-z][a-z0-9-]*|[A-Za-z0-9])([] ,=|).:]|$)' |
		sed 's/[^A-Za-z0-9-]//g' | sort -u
}

# same_options HELP PAGE: and there are some.
same_options() {
	options <"$1" >"$work/of-help"
	options <"$2" >"$work/of-page"
	[ -s "$work/of-help" ] || return 1
	diff "$work/of-help" "$work/of-page" >"$work/differ"
}

programs=0
for program in "$prefix"/bin/tide-*; do
	name=${program##*/}
	programs=$((programs + 1))
	if ! has_page 1 "$name"; then
		complain "$name is installed and has no page: man/$name.1.in"
		continue
	fi
	# A page that speaks of itself in examples and of others' options there is read up to them.
	man -M "$pages" 1 "$name" 2>/dev/null | col -bx |
		sed -n '/^SYNOPSIS/,/^EXAMPLES\|^SEE ALSO/p' >"$work/page"
	"$program" --help >"$work/help" 2>&1 || complain "$name --help ended with $?"
	# Nobody is told of --help by itself.
	echo ' --help ' | tee -a "$work/help" >>"$work/page"
	same_options "$work/help" "$work/page" || {
		complain "$name: --help (<) and its page (>) differ:"
		cat "$work/differ" >&2
	}
done
[ "$programs" -ge 5 ] || complain "only $programs programs in $prefix/bin"
for page in "$pages"/man1/tide*; do
	name=${page##*/}
	[ -x "$prefix/bin/${name%%.1*}" ] || complain "$name is about a program that is not installed"
done

# That this can fail.
printf ' --one \n --two \n' >"$work/help"
printf ' --one \n' >"$work/page"
if same_options "$work/help" "$work/page"; then complain "an option more in --help was not noticed"; fi
if same_options "$work/page" "$work/help"; then complain "an option more in the page was not noticed"; fi
if has_page 1 tide-nothing; then complain "a page was found that is not there"; fi

# Prototypes without blanks, one a line: of the headers, and of the synopses.
cat "$prefix"/include/tide/*.h | grep -v '^#' | tr -d '\n' | grep -o 'TIDE_API [^;]*;' |
	sed 's/^TIDE_API//' | tr -d ' \t' | sort >"$work/prototypes"
sed 's/(.*//; s/.*tide_/tide_/' "$work/prototypes" | sort -u >"$work/functions"
[ "$(wc -l <"$work/functions")" -ge 50 ] || complain "the functions were not found in the headers"
while read -r function; do
	has_page 3 "$function" || complain "$function has no page in section 3"
done <"$work/functions"
# (With compressed pages each that only refers to another is shown as that one: once more, no matter.)
for page in "$pages"/man3/tide*; do
	! grep -q '^\.so ' "$page" || continue
	man -P cat -l "$page" 2>/dev/null | col -bx | sed -n '/^SYNOPSIS/,/^DESCRIPTION/p' |
		grep -v '^SYNOPSIS\|#include\|^DESCRIPTION' | tr -d ' \n' | tr ';' '\n' | sed 's/$/;/'
done | sort -u >"$work/synopses"
diff "$work/prototypes" "$work/synopses" >"$work/differ" || {
	complain "the prototypes in the headers (<) and in section 3 (>) differ:"
	cat "$work/differ" >&2
}
has_page 7 tide || complain "tide(7) is missing"

# Formatters. A page that only refers to another has nothing to format.
for page in "$pages"/man[137]/tide*; do
	file=$work/${page##*/}
	case $page in
	*.gz) gzip -dc "$page" ;;
	*) cat "$page" ;;
	esac >"$file"
	if grep -q '^\.so ' "$file"; then
		[ "$(wc -l <"$file")" -eq 1 ] || complain "$file refers to another page, and has more"
		continue
	fi
	mandoc -T lint -W warning "$file" >"$work/lint" 2>&1 ||
		{ complain "mandoc on ${page##*/}:"; cat "$work/lint" >&2; }
	man --warnings=all -l "$file" 2>"$work/lint" >/dev/null
	[ ! -s "$work/lint" ] || { complain "man on ${page##*/}:"; cat "$work/lint" >&2; }
done
exit "$failed"
