#include "token.h"

#include "config.h"
#include "os.h"
#include "yield.h"

TIDE_OWN_LINE _Atomic uint32_t tide_token;
TIDE_OWN_LINE _Atomic uint32_t tide_token_waiters;
_Atomic bool tide_token_owed;
int tide_token_cancel;
_Atomic uint64_t tide_token_holder;
TIDE_THREAD_LOCAL uint32_t tide_token_own_id;

TIDE_USUAL void tide_token_release(void)
{
	int cancel = tide_token_cancel;
	uint64_t holder = tide_load_relaxed(&tide_token_holder);
	tide_store_relaxed(&tide_token_holder, holder & ~(uint64_t)UINT32_MAX);
	uint32_t before =
	    tide_swap_acq_rel(&tide_token, (uint32_t)TIDE_TOKEN_FREE); /* token.pass */
	TIDE_YIELD("token.release");
	if (before == TIDE_TOKEN_AWAITED)
		tide_os_futex_wake(&tide_token, 1);
	tide_os_cancel_restore(cancel);
}

static bool await(uint64_t start_ns, uint64_t timeout_ns)
{
	/* Having waited once, take it as AWAITED: others may be waiting too, and a wake too many is
	 * cheaper than one too few. */
	while (tide_swap_acq_rel(&tide_token, (uint32_t)TIDE_TOKEN_AWAITED) !=
	       TIDE_TOKEN_FREE) { /* token.pass */
		uint32_t seen = TIDE_TOKEN_FREE;
		TIDE_YIELD("token.wait");
		tide_os_futex_wait(&tide_token, TIDE_TOKEN_AWAITED, 10000000);
		if (timeout_ns != 0 && tide_os_clock_ns() - start_ns > timeout_ns)
			return tide_cas_acquire(&tide_token, &seen, TIDE_TOKEN_HELD);
	}
	return true;
}

bool tide_token_wait(uint64_t timeout_ns)
{
	uint64_t start_ns = tide_os_clock_ns();
	if (tide_token_try())
		return true;
	TIDE_YIELD("token.busy");
	int cancel = tide_os_cancel_defer(); /* nor may a waiter go without a word */
	(void)tide_add_relaxed(&tide_token_waiters, 1u);
	TIDE_YIELD("token.marked");
	bool got = await(start_ns, timeout_ns);
	(void)tide_sub_relaxed(&tide_token_waiters, 1u);
	if (got) {
		tide_token_cancel = cancel;
		tide_token_sign();
		tide_store_relaxed(&tide_token_owed, true);
	} else {
		tide_os_cancel_restore(cancel);
	}
	return got;
}

void tide_token_forget_waiters(void)
{
	tide_store_relaxed(&tide_token_waiters, 0u);
}
