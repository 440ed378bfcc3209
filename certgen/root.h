/* certgen/root.h - the certificate authority: made at first start, then loaded.
 *
 * Owns the CA's key for the life of certgen; nothing outside this room may
 * see it. Two files below the state directory (names in certgen/certgen.h):
 * the key, which no other user may reach, and the certificate, which all may
 * read.
 */
#ifndef CERTGEN_ROOT_H
#define CERTGEN_ROOT_H

#include <stdint.h>

#include <openssl/types.h>

/* Ten years. The operator replaces a CA by removing its two files. */
#define ROOT_LIFE_S (3652 * INT64_C(86400))

enum root_key {
	ROOT_P256, /* the default: small, and fast to sign with */
	ROOT_RSA,  /* 3072 bits, for clients that know nothing else */
};

struct root_options {
	const char *state_dir; /* borrowed for the call */
	enum root_key key;     /* for a new CA; an existing one is kept */
	int64_t now_s;	       /* seconds since 1970 */
};

/* Why there is no CA: one line that says what to do; no newline. */
struct root_error {
	char text[512];
};

struct root;

/* Load the CA, or make it if there is none. A key without a certificate is
 * what a kill in the middle of making leaves; it gets its certificate. All
 * else that is odd (permissions, owner, a certificate of another key, expired,
 * garbage) is refused.
 *
 * Returns 0; or ERR_SYNTAX, ERR_DENIED, ERR_STALE, ERR_TLS or -errno with
 * *ret_err filled and *ret untouched.
 */
int root_open(const struct root_options *options, struct root **ret,
	      struct root_error *ret_err);
void root_free(struct root **root);

/* Both borrowed. */
X509 *root_cert(const struct root *root);
EVP_PKEY *root_private_key(const struct root *root);

/* When the CA's certificate ends, seconds since 1970. */
int64_t root_until_s(const struct root *root);

#endif
