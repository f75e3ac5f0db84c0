/* Faults that a run meets on purpose. Placeholder: there are none. */
#ifndef STRESS_FAULT_H
#define STRESS_FAULT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct run;

struct faults {
	uint32_t count;
};

bool fault_parse(struct faults *faults, const char *text);
void fault_help(FILE *out);
bool fault_start(struct faults *faults, struct run *run);
void fault_tick(struct faults *faults, uint64_t elapsed_ms);
void fault_lift(struct faults *faults);
bool fault_is_frozen(const struct faults *faults, uint32_t worker);
bool fault_may_refuse(const struct faults *faults);
bool fault_verdict(struct faults *faults);
uint32_t fault_consumer_delay_us(const struct faults *faults);

enum { FAULT_IN_HANDS = 2 };

void fault_beat(uint32_t worker);
void fault_shelter_begin(void);
void fault_shelter_end(void);

#endif
