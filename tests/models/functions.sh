#!/bin/sh
# functions.sh ROOT: the functions that the models stand for are still where the models say, and
# each model searches all of its mutations, of which there are two at least.
set -eu
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# named MODEL: lines of "file function" out of the list under "Stands for" in its header.
named() {
	awk '
	/^ \* Stands for/ { list = 1; next }
	list && /^ \*$/ { exit }
	list {
		gsub(/^ \*|,/, " ")
		for (i = 1; i <= NF; i++) {
			if ($i ~ /:$/)
				file = substr($i, 1, length($i) - 1)
			else
				print file, $i
		}
	}' "$1"
}

# defines FILE FUNCTION: a line that begins a definition, not a declaration or a call.
defines() {
	grep -E "^[A-Za-z_][A-Za-z0-9_ *]*[ *]$2\(" "$1" 2>/dev/null | grep -qv ';$'
}

# check TREE MODEL: what is wrong with it, nothing when all is well.
check() {
	named "$2" >"$work/named"
	[ -s "$work/named" ] || echo "$2: stands for nothing"
	while read -r file function; do
		defines "$1/$file" "$function" || echo "$2: no $function in $file"
	done <"$work/named"
	grep -oE 'MUTATE_[a-z_]+' "$2" | sort | uniq -c >"$work/mutations"
	[ "$(grep -c . "$work/mutations")" -ge 2 ] || echo "$2: fewer than two mutations"
	for mutation in $(awk '{ print $2 }' "$work/mutations"); do
		grep -qE "^ \* @check .*-D$mutation( |\$)" "$2" || echo "$2: $mutation is not searched"
		grep -qE "^#.*\b$mutation\b" "$2" || echo "$2: $mutation changes nothing"
	done
}

# The check itself finds what it is for.
mkdir "$work/lib"
cat >"$work/lib/it.c" <<'END'
static int declared(int x);
static int *there(int x)
{
	return gone(declared(x));
}
END
cat >"$work/it.pml" <<'END'
/* Stands for nothing here, but below:
 *
 * Stands for
 *   lib/it.c: there, gone,
 *             declared
 *   lib/no.c: there
 *
 * @check it safety breaks(it) -DMUTATE_one
 * @check it safety breaks(it) -DMUTATE_nowhere
 */
#ifdef MUTATE_one
#elif defined(MUTATE_two)
END
check "$work" "$work/it.pml" | sed "s|^$work/||" >"$work/found"
diff "$work/found" - <<'END'
it.pml: no gone in lib/it.c
it.pml: no declared in lib/it.c
it.pml: no there in lib/no.c
it.pml: MUTATE_nowhere changes nothing
it.pml: MUTATE_two is not searched
END

cd "$root"
for model in stress/models/*.pml; do
	check . "$model"
	name=$(basename "$model" .pml)
	grep -q "^| $name " stress/models/README.md || echo "$model: not in README.md"
done >"$work/found"
cat "$work/found" >&2
[ ! -s "$work/found" ]
