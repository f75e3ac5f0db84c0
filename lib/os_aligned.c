/* Mappings at multiples of what the system does not know, and the ends that are cut off for it. */
#include "os.h"

#include "atomic.h"
#include "config.h"

/* A mapping that the system did not take back. */
struct discarded {
	struct discarded *next; /* plain: travels by os.discard */
	size_t bytes;
};

/* writers  every thread, by CAS and swap       readers  the same
 * order    cas-release, swap acq-rel           edges    os.discard: who pushed -> who takes all */
static _Atomic(struct discarded *) discarded;
/* writers every thread  readers statistics  order relaxed: a counter  edges none */
static _Atomic size_t discarded_bytes;

static void discarded_push(struct discarded *first, struct discarded *last)
{
	last->next = tide_load_relaxed(&discarded);
	while (!tide_cas_release(&discarded, &last->next, first)) /* os.discard */
		continue;
}

/* Up to the first that the system still refuses, so that it is one call too many and no more. */
static TIDE_COLD void discard_again(void)
{
	struct discarded *first = tide_swap_acq_rel(&discarded, NULL); /* os.discard */
	while (first != NULL) {
		struct discarded *next = first->next;
		size_t bytes = first->bytes;
		if (!tide_os_unmap(first, bytes))
			break;
		(void)tide_sub_relaxed(&discarded_bytes, bytes);
		first = next;
	}
	struct discarded *last = first;
	while (last != NULL && last->next != NULL)
		last = last->next;
	if (first != NULL)
		discarded_push(first, last);
}

TIDE_USUAL bool tide_os_discard(void *start, size_t bytes)
{
	if (TIDE_UNLIKELY(tide_load_relaxed(&discarded) != NULL))
		discard_again();
	if (TIDE_LIKELY(tide_os_unmap(start, bytes)))
		return true;
	struct discarded *piece = start;
	piece->bytes = bytes;
	/* After the note, or a whole huge page would come back for it; and before others know of
	 * it, who may unmap it and map something else there. */
	bool gone = bytes <= TIDE_PAGE_BYTES ||
	            tide_os_purge((char *)start + TIDE_PAGE_BYTES, bytes - TIDE_PAGE_BYTES);
	(void)tide_add_relaxed(&discarded_bytes, bytes);
	discarded_push(piece, piece);
	return gone;
}

void tide_os_discard_again(void)
{
	if (tide_load_relaxed(&discarded) != NULL)
		discard_again();
}

size_t tide_os_discarded_bytes_racy(void)
{
	return tide_load_relaxed(&discarded_bytes);
}

TIDE_USUAL void *tide_os_map_aligned(uintptr_t hint, size_t bytes, size_t align_bytes)
{
	uintptr_t mask = align_bytes - 1;
	if (TIDE_UNLIKELY(tide_load_relaxed(&discarded) != NULL))
		discard_again();
	char *start = tide_os_map(hint, bytes);
	if (start == NULL || ((uintptr_t)start & mask) == 0)
		return start;
	(void)tide_os_discard(start, bytes);
	if (bytes > SIZE_MAX - align_bytes)
		return NULL;

	/* Map more than is wanted and give both ends back. */
	size_t extra_bytes = align_bytes - TIDE_PAGE_BYTES;
	start = tide_os_map(0, bytes + extra_bytes);
	if (start == NULL)
		return NULL;
	char *aligned = start + ((align_bytes - ((uintptr_t)start & mask)) & mask);
	size_t head_bytes = (size_t)(aligned - start);
	if (head_bytes > 0)
		(void)tide_os_discard(start, head_bytes);
	if (head_bytes < extra_bytes)
		(void)tide_os_discard(aligned + bytes, extra_bytes - head_bytes);
	return aligned;
}
