/* audit/chain_key.h - signed statements about the chain.
 *
 * Private to audit/. A checkpoint says: at this time the ledger of this
 * instance ended in this batch with this hash. "Pruned" says: the rows up to
 * this batch were taken away by retention. Whoever holds an old checkpoint can
 * tell whether a ledger is still a continuation of it.
 *
 * The private key (Ed25519, PEM, 0600) belongs to penstock-audit alone.
 */
#ifndef AUDIT_CHAIN_KEY_H
#define AUDIT_CHAIN_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/chain.h"

#define CHAIN_KEY	    32	 /* octets of a public key */
#define CHAIN_SIGNATURE	    64	 /* octets */
#define CHAIN_STATEMENT_MAX 1024 /* octets of its text */

enum chain_kind {
	CHAIN_CHECKPOINT,
	CHAIN_PRUNED,
};

struct chain_statement {
	enum chain_kind kind;
	int64_t batch;
	int64_t last;  /* id of the batch */
	int64_t total; /* rows of it and all before */
	int64_t signed_us;
	uint8_t hash[CHAIN_HASH];
	uint8_t key[CHAIN_KEY]; /* whose it claims to be */
	uint8_t signature[CHAIN_SIGNATURE];
};

struct chain_key;

/* Load the private key at path; when nothing is there, make one. Returns 0,
 * -ENOENT when nothing is there and nothing is to be made, -EPERM when others
 * may read it, ERR_SYNTAX when it is no Ed25519 key, or -errno.
 */
int chain_key_open(const char *path, bool make, struct chain_key **ret);
void chain_key_free(struct chain_key **k);

/* Fill in key and signature. Returns 0 or -EIO. */
int chain_key_sign(const struct chain_key *k, const char *instance,
		   struct chain_statement *statement);

/* Is the signature the one of statement->key? */
bool chain_statement_is_signed(const struct chain_statement *statement,
			       const char *instance);

#endif
