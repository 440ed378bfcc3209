/* certgen/leaf.h - mint a certificate for one name. */
#ifndef CERTGEN_LEAF_H
#define CERTGEN_LEAF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define LEAF_NAME_MAX 253  /* octets of a name */
#define LEAF_DER_MAX  4096 /* octets; an RSA-4096 CA and 253 octets need 1200 */
#define LEAF_KEY_MAX  256  /* octets of PKCS#8; P-256 needs 138 */
#define LEAF_POINT    65   /* octets of a P-256 point, uncompressed */

struct root;

/* The key that all leaves of one process share. It is never the CA's. Each
 * worker is given the key of each leaf it asks for, so a key per name would
 * protect nothing more against a worker that is taken over; one key costs less
 * to mint with and dies with this process.
 */
struct leaf_key {
	uint8_t point[LEAF_POINT]; /* the public half */
	uint8_t der[LEAF_KEY_MAX];
	uint16_t der_len;
};

/* Returns 0 or ERR_TLS; *ret is untouched then. */
int leaf_key_init(struct leaf_key *ret);

/* Wipes it. */
void leaf_key_done(struct leaf_key *key);

struct leaf {
	uint8_t der[LEAF_DER_MAX];
	uint16_t der_len;
	int64_t until_s; /* notAfter, seconds since 1970 */
};

/* Mint for a canonical name as http/authority.h prints them: lower-case LDH or
 * underscore labels, 253 octets, no wildcard; or an address. The gateway has
 * looked already; we do not take its word. Returns 0, ERR_SYNTAX (no good
 * name), ERR_STALE (the CA has expired), ERR_LIMIT (past LEAF_DER_MAX) or
 * ERR_TLS; *ret is untouched on failure.
 */
int leaf_mint(const struct root *root, const struct leaf_key *key,
	      struct slice name, int64_t now_s, struct leaf *ret);

#endif
