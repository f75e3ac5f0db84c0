/* What the fuzz targets share: numbers out of the fuzzer's bytes, and an end that it notices. Of
 * bytes that are used up, the rest is 0. */
#ifndef TIDE_TESTS_FUZZ_INPUT_H
#define TIDE_TESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input {
	const uint8_t *at;
	size_t left;
};

static inline unsigned input_byte(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

static inline unsigned input_word(struct input *input)
{
	unsigned low = input_byte(input);
	return low | input_byte(input) << 8;
}

/* What must hold; in every build. */
#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,          \
			        #condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerInitialize(int *count, char ***arguments);

#endif
