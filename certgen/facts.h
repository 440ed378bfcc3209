/* certgen/facts.h - what a CA's certificate says, for people.
 *
 * Reads the certificate, never the key.
 */
#ifndef CERTGEN_FACTS_H
#define CERTGEN_FACTS_H

#include <stddef.h>
#include <stdint.h>

struct facts {
	char subject[128]; /* its common name, printable ASCII */
	char sha256[96];   /* the fingerprint, "AB:CD:…" */
	char key[16];	   /* "P-256", "RSA-3072" */
	int64_t from_s;	   /* valid, seconds since 1970 */
	int64_t until_s;
};

/* The first certificate in the PEM file at path. Returns 0, ERR_SYNTAX (there
 * is none), ERR_TLS or -errno; *ret is untouched on failure.
 */
int facts_read(const char *path, struct facts *ret);

/* The same certificate in DER. Returns as above, or ERR_LIMIT when it has more
 * than cap octets.
 */
int facts_der(const char *path, uint8_t *mem, size_t cap, size_t *ret_len);

#endif
