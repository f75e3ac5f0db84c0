# SMT problems with known answers, for z3: -v scale=0 small, 1 full. A comment before each says what
# z3 must answer.
function random(n) {
	state = (state * 69069 + 12345) % 4294967296
	return int(state / 65536) % n
}

function expect(answer) {
	print "; expected: " answer
}

# Is there a factorisation of a product of two primes into factors of so many bits: one bit more than
# the product is calculated with, so nothing is lost.
function factors(product, bits, answer,    wide) {
	wide = bits * 2
	print "(push)\n(declare-const p (_ BitVec " wide "))\n(declare-const q (_ BitVec " wide "))"
	print "(assert (= (bvmul p q) (_ bv" product " " wide ")))"
	print "(assert (bvult (_ bv1 " wide ") p))\n(assert (bvule p q))"
	print "(assert (bvult q (_ bv" 2 ^ bits " " wide ")))"
	expect(answer)
	print "(check-sat)\n(pop)"
}

# Pigeons that do not fit: propositional.
function pigeons(count, holes,    i, j, k) {
	print "(push)"
	for (i = 0; i < count; i++)
		for (j = 0; j < holes; j++)
			print "(declare-const in_" i "_" j " Bool)"
	for (i = 0; i < count; i++) {
		printf "(assert (or"
		for (j = 0; j < holes; j++)
			printf " in_%d_%d", i, j
		print "))"
		for (k = 0; k < i; k++)
			for (j = 0; j < holes; j++)
				print "(assert (or (not in_" i "_" j ") (not in_" k "_" j ")))"
	}
	expect(count > holes ? "unsat" : "sat")
	print "(check-sat)\n(pop)"
}

# Tasks with durations on machines, one at a time on each: difference logic with many choices. There
# is room when the span is the sum of all durations.
function schedule(tasks, machines, span,    i, j) {
	print "(push)"
	for (i = 0; i < tasks; i++) {
		length_of[i] = 1 + random(9)
		print "(declare-const t" i " Int)\n(assert (and (>= t" i " 0) (<= (+ t" i " " length_of[i] ") " span ")))"
		if (i >= machines)
			print "(assert (>= t" i " (+ t" i - machines " " length_of[i - machines] ")))"
	}
	for (i = 0; i < tasks; i++)
		for (j = 0; j < i; j++)
			if ((i * 7) % machines == (j * 7) % machines || random(4) == 0)
				print "(assert (or (>= t" i " (+ t" j " " length_of[j] ")) (>= t" j " (+ t" i " " length_of[i] "))))"
	expect(span >= tasks * 9 ? "sat" : "unsat")
	print "(check-sat)\n(pop)"
}

# Stores at different places commute: arrays, with many equalities of terms.
function arrays(count,    i, left, right) {
	print "(push)\n(declare-const a (Array Int Int))"
	left = right = "a"
	for (i = 0; i < count; i++) {
		print "(declare-const i" i " Int)\n(declare-const v" i " Int)"
		if (i > 0)
			print "(assert (< i" i - 1 " i" i "))"
	}
	for (i = 0; i < count; i++)
		left = "(store " left " i" i " v" i ")"
	for (i = count - 1; i >= 0; i--)
		right = "(store " right " i" i " v" i ")"
	print "(assert (not (= " left " " right ")))"
	expect("unsat")
	print "(check-sat)\n(pop)"
}

# Axioms with quantifiers: a chain of function symbols, instantiated by pattern.
function axioms(depth,    i) {
	print "(push)\n(declare-sort T)\n(declare-fun le (T T) Bool)\n(declare-fun f (T) T)"
	print "(assert (forall ((x T) (y T) (z T)) (! (=> (and (le x y) (le y z)) (le x z)) :pattern ((le x y) (le y z)))))"
	print "(assert (forall ((x T)) (! (le x (f x)) :pattern ((f x)))))"
	print "(declare-const c0 T)"
	for (i = 1; i <= depth; i++)
		print "(declare-const c" i " T)\n(assert (= c" i " (f c" i - 1 ")))"
	print "(assert (not (le c0 c" depth ")))"
	expect("unsat")
	print "(check-sat)\n(pop)"
}

BEGIN {
	state = 7
	factors(scale ? "1040399" : "3599", scale ? 11 : 7, "sat") # 1019 * 1021, 59 * 61
	factors(scale ? "1046527" : "4093", scale ? 11 : 7, "unsat") # primes
	pigeons(scale ? 9 : 6, scale ? 8 : 5)
	schedule(scale ? 200 : 12, 4, 9 * (scale ? 200 : 12))
	arrays(scale ? 150 : 6)
	axioms(scale ? 200 : 10)
}
