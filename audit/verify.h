/* audit/verify.h - is the ledger, or an export of it, what was written?
 *
 * For the command line. Reads only, also beside a running penstock-audit: what
 * it sees is the ledger as of one moment. What a proof is made of stands in
 * audit/chain.h and audit/chain_key.h.
 */
#ifndef AUDIT_VERIFY_H
#define AUDIT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#define VERIFY_WHY_MAX 256
#define VERIFY_KEY_HEX 65 /* a public key as text, and a NUL */

enum verify_verdict {
	VERIFY_INTACT,
	VERIFY_BROKEN, /* `why` says where first */
	VERIFY_UNSURE, /* it could not be looked at; `why` says why */
};

struct verify_report {
	enum verify_verdict verdict;
	char why[VERIFY_WHY_MAX];
	int64_t bad_batch; /* 0: none, or not to be told */
	uint64_t bad_row;  /* id; 0: as above */

	int64_t batches;       /* looked at */
	int64_t rows;	       /* in them */
	int64_t late;	       /* of these: sealed after their range */
	int64_t unsealed;      /* finished, in no batch yet */
	int64_t open;	       /* not finished */
	int64_t unsigned_rows; /* in batches after the last checkpoint */
	int64_t pruned_rows;   /* taken away by retention, signed */
	uint64_t pruned_id;    /* up to this id */
	int64_t checkpoints;   /* whose signature is good */
	int64_t last_batch;
	int64_t signed_us; /* when the last checkpoint was made; 0: none */
	char key[VERIFY_KEY_HEX]; /* that signed it; "": none */
	bool other_keys;	  /* earlier ones are of another key */
	bool filtered;		  /* an export of some rows: proves nothing */
};

struct verify_pins {
	const char *key;	/* public key, as text or in a file; or NULL */
	const char *checkpoint; /* a file with one kept elsewhere; or NULL */
};

/* Fill *ret. */
void verify_ledger(const char *path, const struct verify_pins *pins,
		   struct verify_report *ret);

#endif
