/* ship/secret.h - what no message may show. Private to ship/. */
#ifndef SHIP_SECRET_H
#define SHIP_SECRET_H

#include <stddef.h>

#define SECRET_MAX 4096 /* octets of a file of secrets */

/* The text of a file, without the line's end at its end. Returns 0, -errno,
 * ERR_LIMIT (larger than SECRET_MAX) or ERR_SYNTAX (empty, or octets that are
 * no text). NULL gives the empty text.
 */
int secret_read(const char *path, char ret[SECRET_MAX + 1]);

/* Put what, a receiver's words, into ret: at most size - 1 octets of one line,
 * what is not printable ASCII as '?', and each of the secrets (NULL-
 * terminated; those shorter than 4 octets are no secrets) as "***".
 */
void secret_phrase(const char *what, const char *const *secrets, char *ret,
		   size_t size);

#endif
