/* certgen/fields.h - what the root's certificate and a leaf's have in common.
 *
 * For root.c and leaf.c. Extensions are built from objects; no text is ever
 * parsed into a certificate, so a name cannot bring a field of its own.
 */
#ifndef CERTGEN_FIELDS_H
#define CERTGEN_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/slice.h"

#define FIELDS_CN_MAX 64 /* octets; ub-common-name, RFC 5280, appendix A.1 */

/* For CLEANUP(). */
void fields_free(X509 **cert);

/* A version 3 certificate with a random serial of 128 bits, valid from from_s
 * until until_s (seconds since 1970). Returns 0 or ERR_TLS.
 */
int fields_begin(int64_t from_s, int64_t until_s, X509 **ret);

/* Add an entry to a name; at most FIELDS_CN_MAX octets of printable ASCII.
 * Returns 0 or ERR_TLS, as all below.
 */
int fields_set_cn(X509_NAME *name, struct slice cn);

/* basicConstraints, critical: a CA that may sign leaves only, or no CA. */
int fields_add_basic(X509 *cert, bool ca);

/* keyUsage, critical: the bits of RFC 5280, section 4.2.1.3, by number. */
int fields_add_usage(X509 *cert, const int *bits, size_t bits_len);

/* subjectKeyIdentifier by RFC 7093, section 2, method 1. The public key must
 * be set.
 */
int fields_add_ski(X509 *cert);

/* When the certificate ends, seconds since 1970. */
int fields_until(const X509 *cert, int64_t *ret);

#endif
