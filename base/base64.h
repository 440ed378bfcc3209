/* base/base64.h - Base64 (RFC 4648, section 4), with its padding. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>
#include <sys/types.h>

#include "base/slice.h"

/* What base64_encode() writes of len octets. */
#define BASE64_LEN(len) (((len) + 2) / 3 * 4)

/* Into ret, which has room for max octets. Returns how many, or -1: it is not
 * canonical Base64, or does not fit.
 */
ssize_t base64_decode(struct slice s, char *ret, size_t max);

/* Into ret, which has room for BASE64_LEN(s.len) octets; no NUL. */
void base64_encode(struct slice s, char *ret);

#endif
