/* gateway/login.c - who a proxy's client says that it is. */

#include "gateway/login.h"

#include <string.h>
#include <sys/types.h>

#include "base/base.h"
#include "base/base64.h"

bool login_set(struct slice user, struct slice token, struct login *ret)
{
	*ret = (struct login){ .user_len = 0 };
	if (user.len > USER_MAX || token.len > TOKEN_MAX)
		return false;
	if (user.len)
		memcpy(ret->user, user.ptr, user.len);
	if (token.len)
		memcpy(ret->token, token.ptr, token.len);
	ret->user_len = user.len;
	ret->token_len = token.len;
	return true;
}

bool login_basic(struct slice value, struct login *ret)
{
	char text[USER_MAX + 1 + TOKEN_MAX];
	struct slice scheme, code, user, token;
	ssize_t len = -1;
	bool good = false;

	*ret = (struct login){ .user_len = 0 };
	if (slice_cut(value, ' ', &scheme, &code) &&
	    slice_ieq(scheme, SLICE("Basic")))
		len = base64_decode(code, text, sizeof(text));
	if (len > 0 &&
	    slice_cut(slice_of(text, (size_t)len), ':', &user, &token))
		good = login_set(user, token, ret);
	explicit_bzero(text, sizeof(text));
	return good;
}

void login_done(struct login *l)
{
	explicit_bzero(l, sizeof(*l));
}

bool login_proves(const struct login *l, const char token[TOKEN_MAX],
		  size_t len)
{
	volatile unsigned char differ = 0;

	for (size_t i = 0; i < TOKEN_MAX; i++)
		differ = (unsigned char)(differ | (l->token[i] ^ token[i]));
	return len > 0 && l->token_len == len && !differ;
}
