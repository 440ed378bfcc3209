/* gateway/login.h - who a proxy's client says that it is.
 *
 * Pure. A sandbox's name is the user, its token the password. What is read
 * here is a secret: it stays in one struct, which is zeroed when it is done
 * with, and is never part of a message.
 */
#ifndef GATEWAY_LOGIN_H
#define GATEWAY_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define TOKEN_MIN 16  /* octets; shorter ones can be tried out */
#define TOKEN_MAX 255 /* the longest password of SOCKS5 (RFC 1929) */
#define USER_MAX  255

struct login {
	char user[USER_MAX];
	char token[TOKEN_MAX];
	size_t user_len;
	size_t token_len;
};

/* The value of Proxy-Authorization, scheme Basic (RFC 7617). Returns false for
 * anything else; *ret holds nothing then.
 */
bool login_basic(struct slice value, struct login *ret);

/* From two parts. Returns false if one is too long. */
bool login_set(struct slice user, struct slice token, struct login *ret);

/* Forget it. */
void login_done(struct login *l);

/* Is this the token? Takes as long for every login, right or wrong. token has
 * TOKEN_MAX octets, zeros behind its len. An empty token is nobody's.
 */
bool login_proves(const struct login *l, const char token[TOKEN_MAX],
		  size_t len);

#endif
