/* base/id.c - request ids: unique, sortable by time, 63 bits. */

#include "base/id.h"

#include "base/base.h"
#include "base/err.h"

#define ID_EPOCH_US    1704067200000000ull /* 2024-01-01T00:00:00Z */
#define ID_US_END      (1ull << 51)	   /* first count that does not fit */
#define ID_WRITER_BITS 12
#define ID_EARLY_US    (1ull << 45) /* 407 days */

static_assert(ID_WRITERS == 1u << ID_WRITER_BITS, "the bits of a number");

/* Crockford's base 32: in ASCII order, without I, L, O and U. */
static const char id_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* A machine without a clock of its own starts before 2024, again and again:
 * what it counts from differs all the same.
 */
static uint64_t id_since_2024(uint64_t wall_us)
{
	return wall_us < ID_EPOCH_US ? wall_us % ID_EARLY_US
				     : wall_us - ID_EPOCH_US;
}

uint64_t id_next(struct id_source *src, uint64_t wall_us)
{
	uint64_t us = id_since_2024(wall_us);

	assert(src->writer <= ID_WRITERS - ID_TURNS && src->turn < ID_TURNS);
	/* A clock that stands still, went back a little, or is absurd. */
	if (us < src->last_us && src->last_us - us > ID_BACK_US &&
	    src->turn + 1 < ID_TURNS)
		src->turn++;
	else if (us <= src->last_us || us >= ID_US_END)
		us = src->last_us + 1;
	assert(us < ID_US_END);
	src->last_us = us;
	return us << ID_WRITER_BITS | (uint64_t)(src->writer + src->turn);
}

void id_print(uint64_t id, char ret[ID_TEXT])
{
	assert(!(id >> 63));
	for (int i = ID_TEXT - 2; i >= 0; i--) {
		ret[i] = id_digits[id & 31];
		id >>= 5;
	}
	ret[ID_TEXT - 1] = '\0';
}

int id_parse(struct slice text, uint64_t *ret)
{
	uint64_t id = 0;

	/* 13 digits have 65 bits: the first is 0 to 7. */
	if (text.len != ID_TEXT - 1 || text.ptr[0] < '0' || text.ptr[0] > '7')
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		const char *digit;

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		digit = memchr(id_digits, c, sizeof(id_digits) - 1);
		if (!digit)
			return ERR_SYNTAX;
		id = id << 5 | (uint64_t)(digit - id_digits);
	}
	*ret = id;
	return 0;
}

uint64_t id_wall_us(uint64_t id)
{
	return (id >> ID_WRITER_BITS) + ID_EPOCH_US;
}

uint64_t id_at(uint64_t wall_us)
{
	if (wall_us <= ID_EPOCH_US)
		return 0;
	return MIN(wall_us - ID_EPOCH_US, ID_US_END - 1) << ID_WRITER_BITS;
}
