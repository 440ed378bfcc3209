/* audit/outbox.h - the ledger as an outbox: finished rows in the order in which
 * they were sealed, for those who carry them on.
 *
 * A row is sealed once, when it is final, into a batch of the hash chain
 * (audit/chain.h), and batches are numbered in the order in which they come to
 * be. So a position in that order is all that a carrier has to remember: behind
 * it nothing is missing, however long a request took or a spool lay about.
 *
 * A read-only connection, which holds no view of the ledger between two calls:
 * a carrier that waits for a receiver does not keep the writer from emptying
 * its log.
 */
#ifndef AUDIT_OUTBOX_H
#define AUDIT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a row looks like: a JSON object of these members, in this order. */
enum outbox_form {
	OUTBOX_BARE,  /* the columns of view `requests` but for time */
	OUTBOX_TIMED, /* with it */
	OUTBOX_KEYED, /* key and time before them; key is unique as text */

	OUTBOX_FORMS,
};

/* The members' names, "instance, id, …"; of a keyed row without the key. */
const char *outbox_columns(enum outbox_form form);

/* Batches up to and with `batch` are behind; and of batch + 1, rows up to and
 * with `entry`.
 */
struct outbox_at {
	uint64_t batch;
	uint64_t entry; /* 0: none of it */
};

struct outbox_load {
	char *mem; /* the caller's */
	size_t cap;
	uint32_t rows_max;
	/* Out: */
	size_t len; /* a line of JSON for each row */
	uint32_t rows;
	uint64_t first_id; /* of the first row, and the last, in that order */
	uint64_t last_id;
	uint64_t skipped; /* batches behind *at that have been taken away */
};

struct outbox_lag {
	uint64_t rows;	   /* sealed and not behind */
	uint64_t since_us; /* wall clock at which the first of them was
			    * sealed; 0: there is none */
};

#define OUTBOX_HASH_LEN 32

struct outbox;

/* instance takes the place of the ledger's own name for itself. Returns 0,
 * -ENOENT (no ledger yet, or one of an older version, which penstock-audit
 * brings up to date), ERR_STALE, ERR_PROTO, -EACCES, -ENOMEM or -EIO.
 */
int outbox_open(const char *ledger_path, const char *instance,
		struct outbox **ret);
void outbox_free(struct outbox **o);

/* What the last failure was; never NULL. */
const char *outbox_error(const struct outbox *o);

/* Rows behind *at, as many as fit, and move it. A row larger than load->cap
 * stops it for good (ERR_LIMIT). Returns how many rows, 0 for none, or -EIO.
 */
int outbox_read(struct outbox *o, enum outbox_form form, struct outbox_at *at,
		struct outbox_load *load);

/* Returns 0 or -EIO. */
int outbox_lag(struct outbox *o, const struct outbox_at *at,
	       struct outbox_lag *ret);

/* The number of the last batch that the ledger has or had; 0: none yet. Returns
 * 0 or -EIO.
 */
int outbox_last(struct outbox *o, uint64_t *ret);

/* What a batch is known by: its hash tells this ledger from another that has
 * taken its place; last is the end of its range, an entry. Returns 1, 0 when
 * there is no such batch, or -EIO.
 */
struct outbox_mark {
	uint8_t hash[OUTBOX_HASH_LEN];
	uint64_t last;
};
int outbox_mark(struct outbox *o, uint64_t batch, struct outbox_mark *ret);

#endif
