#!/bin/sh
# perl: hashes, sorts, strings, closures, trees that die; the output is equal to that without Tide.
. "$(dirname "$0")/common.sh"

need perl
PERL_HASH_SEED=0
PERL_PERTURB_KEYS=0
export PERL_HASH_SEED PERL_PERTURB_KEYS
check_bound perl perl -e 'my %h = (a => 1); print %h'

without_tide perl "$here/perl_work.pl" >"$work/plain" || fail "perl fails without Tide"
with_tide perl "$here/perl_work.pl" >"$work/tide" || fail "perl ended with $?"
same "the output of perl" "$work/plain" "$work/tide"
finish
