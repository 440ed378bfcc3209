#include "ship/backoff.h"

#include "base/base.h"

uint32_t backoff_ms(uint32_t tries, uint32_t random)
{
	uint32_t whole = BACKOFF_MAX_MS;

	assert(tries);
	if (tries < 16)
		whole = MIN(BACKOFF_FIRST_MS << (tries - 1), BACKOFF_MAX_MS);
	return whole / 2 + random % (whole / 2 + 1);
}
