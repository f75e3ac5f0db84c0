/* See fault.h. */
#include "fault.h"

bool fault_parse(struct faults *faults, const char *text)
{
	(void)faults;
	fprintf(stderr, "tide-stress: --fault=%s: there are no faults yet\n", text);
	return false;
}

void fault_help(FILE *out)
{
	(void)out;
}

bool fault_start(struct faults *faults, struct run *run)
{
	(void)faults;
	(void)run;
	return true;
}

void fault_tick(struct faults *faults, uint64_t elapsed_ms)
{
	(void)faults;
	(void)elapsed_ms;
}

void fault_lift(struct faults *faults)
{
	(void)faults;
}

bool fault_is_frozen(const struct faults *faults, uint32_t worker)
{
	(void)faults;
	(void)worker;
	return false;
}

bool fault_may_refuse(const struct faults *faults)
{
	(void)faults;
	return false;
}

bool fault_verdict(struct faults *faults)
{
	(void)faults;
	return true;
}

uint32_t fault_consumer_delay_us(const struct faults *faults)
{
	(void)faults;
	return 0;
}

void fault_beat(uint32_t worker)
{
	(void)worker;
}

void fault_shelter_begin(void)
{
}

void fault_shelter_end(void)
{
}
