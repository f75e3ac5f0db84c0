#!/bin/sh
# truncated.sh ROOT: a search of the models that was cut short is no success, nor is one that finds
# another fault than the one that is wanted.
set -eu
models=$1/stress/models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# fails WHAT TEXT: with TEXT in what the check said.
fails() {
	[ "$status" -ne 77 ] || exit 77
	if [ "$status" -ne 1 ] || ! grep -qF "$2" "$work/said"; then
		echo "$1: ended with $status" >&2
		cat "$work/said" >&2
		failed=1
	fi
}

# check [VARIABLE=VALUE]: the model named small.
check() {
	status=0
	env "$@" sh "$work/check.sh" small >"$work/said" 2>&1 || status=$?
}

cp "$models/check.sh" "$work"
# model EXPECTED: a counter that is found out after 100 steps.
model() {
	cat >"$work/small.pml" <<END
/* A model.
 * @check it safety $1
 */
active proctype it()
{
	byte n;
	do
	:: n < 100 -> n++
	:: n == 100 -> break
	od;
	assert(n < LIMIT)
}
END
}

model 'holds -DLIMIT=101'
check
[ "$status" -ne 77 ] || exit 77
[ "$status" -eq 0 ] || fails "a model that holds" holds
check TIDE_MODEL_DEPTH=50
fails "too small a depth" "cut short"
check TIDE_MODEL_MEGABYTES=1
fails "too little memory" "cut short"
model 'holds -DLIMIT=100'
check
fails "a fault" "FAULT: assertion violated"
model 'breaks(assertion violated) -DLIMIT=101'
check
fails "no fault" "NOT FOUND"
model 'breaks(invalid end state) -DLIMIT=100'
check
fails "another fault" "ANOTHER FAULT"
model 'breaks(assertion violated) -DLIMIT='
check
fails "not a model" "no result"
exit "$failed"
