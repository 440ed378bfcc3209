/* audit/cover.c - which stretches of the ledger need not be read to find a
 * path.
 *
 * What was learnt of a summary is kept until an entry of another one is asked
 * for; as those who ask go through the ledger in order, each is read once.
 */

#include "audit/cover.h"

#include "audit/query_private.h"
#include "base/base.h"

#define COVER_FEW 8 /* parts, of 64: some 2 ms to read */

/* What a path's pattern says for sure. It ends before the first octet that is
 * not ASCII: what SQLite takes for the same letter may be other octets.
 */
static struct slice cover_literal(struct slice path)
{
	size_t len = 0;

	while (len < path.len && (unsigned char)path.ptr[len] < 0x80 &&
	       path.ptr[len] != '*' && path.ptr[len] != '?')
		len++;
	return slice_of(path.ptr, len);
}

int cover_begin(struct cover *c, struct slice path)
{
	int err;

	if (!c->q->summaries)
		return 0;
	paths_key(cover_literal(path), &c->key);
	if (!c->key.len)
		return 0;
	err = query_prepare(c->q,
			    "SELECT first, last, paths FROM summary"
			    " WHERE first <= ?1"
			    " ORDER BY first DESC LIMIT 1",
			    &c->within);
	if (err)
		return err;
	return query_prepare(c->q,
			     "SELECT first FROM summary WHERE first > ?1"
			     " ORDER BY first LIMIT 1",
			     &c->behind);
}

void cover_done(struct cover *c)
{
	(void)sqlite3_finalize(c->within);
	(void)sqlite3_finalize(c->behind);
}

static void cover_parts(struct cover *c)
{
	const void *octets = sqlite3_column_blob(c->within, 2);
	size_t len = (size_t)sqlite3_column_bytes(c->within, 2);

	c->parted =
		paths_look(slice_of(octets, len), c->last, &c->key, &c->at) &&
		c->at.first[0] >= c->first;
	if (c->parted)
		c->at.first[0] = c->first; /* nothing is before its first row */
}

/* The summary that the entry is in, or the end of the one before. */
static int cover_within(struct cover *c, uint64_t entry)
{
	(void)sqlite3_bind_int64(c->within, 1, (int64_t)entry);
	c->first = 0;
	c->last = INT64_MAX;
	c->parted = false;
	if (sqlite3_step(c->within) == SQLITE_ROW) {
		uint64_t last = (uint64_t)sqlite3_column_int64(c->within, 1);

		c->known = entry <= last;
		if (c->known) {
			c->first = (uint64_t)sqlite3_column_int64(c->within, 0);
			c->last = last;
			cover_parts(c);
		} else {
			c->first = last + 1;
		}
	}
	return sqlite3_reset(c->within) == SQLITE_OK ? 0 : query_fail(c->q);
}

/* The entry is in none: up to the next. */
static int cover_behind(struct cover *c, uint64_t entry)
{
	(void)sqlite3_bind_int64(c->behind, 1, (int64_t)entry);
	if (sqlite3_step(c->behind) == SQLITE_ROW)
		c->last = (uint64_t)sqlite3_column_int64(c->behind, 0) - 1;
	c->known = true;
	return sqlite3_reset(c->behind) == SQLITE_OK ? 0 : query_fail(c->q);
}

static int cover_learn(struct cover *c, uint64_t entry)
{
	int err;

	if (c->known && entry >= c->first && entry <= c->last)
		return 0;
	c->known = false;
	err = cover_within(c, entry);
	if (!err && !c->known)
		err = cover_behind(c, entry);
	if (err)
		c->known = false;
	return err;
}

int cover_piece(struct cover *c, uint64_t entry, struct cover_piece *ret)
{
	size_t low = 0, high = PATHS_PARTS;
	int err = cover_learn(c, entry);

	if (err)
		return err;
	*ret = (struct cover_piece){ c->first, c->last, true };
	if (!c->parted)
		return 0;
	/* The last part that does not begin behind it. */
	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (c->at.first[middle] <= entry)
			low = middle;
		else
			high = middle;
	}
	*ret = (struct cover_piece){ c->at.first[low], c->at.first[low + 1] - 1,
				     c->at.mask >> low & 1 };
	return 0;
}

int cover_stretch(struct cover *c, uint64_t entry, struct cover_piece *ret)
{
	int err = cover_learn(c, entry);

	if (err)
		return err;
	*ret = (struct cover_piece){
		c->first, c->last,
		!c->parted || __builtin_popcountll(c->at.mask) > COVER_FEW
	};
	return 0;
}
