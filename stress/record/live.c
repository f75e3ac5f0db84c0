/* See live.h. */
#include "live.h"

#include "../order.h"

#include <stddef.h>
#include <sys/mman.h>

enum {
	LIVE_SHIFT = 24,  /* entries; their pages are touched only where blocks are */
	LIVE_PROBES = 64, /* entries looked at, from the place of the address on */
	LIVE_RANGE_BITS = 16,
};

struct entry {
	/* 0: free.
	 * writers  who puts, by CAS; who takes         readers  every thread
	 * order    acquire and release by these        edges    live.slot */
	_Atomic uint64_t address;
	uint64_t what; /* plain: of who won the address */
};

/* The table, mapped by the first who needs it; it stays.
 * writers  every thread, by CAS                        readers  every thread
 * order    acquire, release                            edges    none: fresh memory is zero */
static struct entry *_Atomic table;

static struct entry *table_get(void)
{
	struct entry *now = load_acquire(&table);
	size_t bytes = sizeof *now << LIVE_SHIFT;

	if (now != NULL)
		return now;
	void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapped == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong_explicit(&table, &now, mapped, memory_order_acq_rel,
	                                            memory_order_acquire))
		return mapped;
	munmap(mapped, bytes); /* another thread was faster */
	return now;
}

static uint64_t place_of(uint64_t address)
{
	return (address >> 4) * 0x9e3779b97f4a7c15u >> (64 - LIVE_SHIFT);
}

static struct entry *entry_at(struct entry *entries, uint64_t place)
{
	return &entries[place & ((1u << LIVE_SHIFT) - 1)];
}

bool live_put(const void *block, const struct live *live)
{
	struct entry *entries = table_get();
	uint64_t address = (uintptr_t)block;

	for (uint64_t i = 0; entries != NULL && i < LIVE_PROBES; i++) {
		struct entry *entry = entry_at(entries, place_of(address) + i);
		uint64_t none = 0;

		if (load_relaxed(&entry->address) != 0 ||
		    !cas_acquire(&entry->address, &none, address)) /* live.slot */
			continue;
		entry->what = live->birth << LIVE_RANGE_BITS | live->range;
		return true;
	}
	return false;
}

bool live_take(const void *block, struct live *live)
{
	struct entry *entries = table_get();
	uint64_t address = (uintptr_t)block;

	for (uint64_t i = 0; entries != NULL && i < LIVE_PROBES; i++) {
		struct entry *entry = entry_at(entries, place_of(address) + i);

		if (load_relaxed(&entry->address) != address)
			continue;
		live->birth = entry->what >> LIVE_RANGE_BITS;
		live->range = (uint32_t)(entry->what & ((1u << LIVE_RANGE_BITS) - 1));
		store_release(&entry->address, 0); /* live.slot */
		return true;
	}
	return false;
}
