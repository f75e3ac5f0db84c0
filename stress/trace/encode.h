/* From calls to bytes, in the line: the recorder does it within each call of the program. */
#ifndef TRACE_ENCODE_H
#define TRACE_ENCODE_H

#include "format.h"

static inline unsigned char *trace_put_number(unsigned char *at, uint64_t number)
{
	while (number >= 0x80) {
		*at++ = (unsigned char)(number | 0x80);
		number >>= 7;
	}
	*at++ = (unsigned char)number;
	return at;
}

static inline unsigned char *trace_put_address(unsigned char *at, struct trace_last *last,
                                               uint64_t address, unsigned shift)
{
	if (address == 0)
		return trace_put_number(at, 0);
	int64_t distance = (int64_t)(address - last->address) >> shift;
	uint64_t zigzag = (uint64_t)distance << 1 ^ (uint64_t)(distance >> 63);

	last->address = address;
	return trace_put_number(at, zigzag + 1);
}

static inline uint64_t trace_odd_bits(const struct trace_last *last, uint64_t address)
{
	return address == 0 ? 0 : (address - last->address) & ((1u << TRACE_UNIT_SHIFT) - 1);
}

/* At most TRACE_EVENT_MAX_BYTES; returns the end. `event->function` is known where this is inlined,
 * as a rule, and then so is what there is to write. */
static inline __attribute__((always_inline)) unsigned char *
trace_encode(unsigned char *at, struct trace_last *last, const struct trace_event *event)
{
	unsigned parts = trace_parts(event->function), shift = TRACE_UNIT_SHIFT;
	unsigned head = event->function;

	/* Both count from the same place when both are whole units from there. */
	if ((trace_odd_bits(last, event->old) | trace_odd_bits(last, event->result)) != 0) {
		head |= TRACE_IN_BYTES;
		shift = 0;
	}
	*at++ = (unsigned char)head;
	at = trace_put_number(at, event->time_ns - last->time_ns);
	if ((parts & TRACE_OLD) != 0)
		at = trace_put_address(at, last, event->old, shift);
	if ((parts & TRACE_ALIGN) != 0)
		at = trace_put_number(at, event->align);
	if ((parts & TRACE_COUNT) != 0)
		at = trace_put_number(at, event->count);
	if ((parts & TRACE_SIZE) != 0)
		at = trace_put_number(at, event->size);
	if ((parts & TRACE_RESULT) != 0)
		at = trace_put_address(at, last, event->result, shift);
	if ((parts & TRACE_TOOK) != 0)
		at = trace_put_number(at, event->took_ns);
	last->time_ns = event->time_ns + event->took_ns;
	return at;
}

#endif
