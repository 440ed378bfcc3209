/* audit/spent.c - what the ledger's writer spends its CPU on. */

#include "audit/spent.h"

#include "base/base.h"
#include "base/clock.h"

static uint64_t spent_now_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

bool spent_begin(struct spent *s)
{
	if (s->busy)
		return false;
	s->busy = true;
	s->since_ns = spent_now_ns();
	return true;
}

void spent_end(struct spent *s, bool began, enum spent_work work)
{
	assert(work < SPENT_OTHER);
	if (!began)
		return;
	s->ns[work] += spent_now_ns() - s->since_ns;
	s->busy = false;
}

uint64_t spent_ns(const struct spent *s, enum spent_work work)
{
	uint64_t rest;

	if (work < SPENT_OTHER)
		return s->ns[work];
	rest = spent_now_ns();
	for (int i = 0; i < SPENT_OTHER; i++)
		rest -= MIN(rest, s->ns[i]);
	return rest;
}

const char *spent_work_str(enum spent_work work)
{
	static const char *const name[] = {
		[SPENT_INSERT] = "insert", [SPENT_SEAL] = "seal",
		[SPENT_SUM] = "sum",	   [SPENT_PRUNE] = "prune",
		[SPENT_OTHER] = "other",
	};

	static_assert(ARRAY_SIZE(name) == SPENT_WORKS, "a name for each");
	return name[work];
}
