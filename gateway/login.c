/* gateway/login.c - who a proxy's client says that it is. */

#include "gateway/login.h"

#include <string.h>
#include <sys/types.h>

#include "base/base.h"

static int login_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Base64 (RFC 4648, section 4) with its padding. Returns the length or -1. */
static ssize_t login_decode(struct slice s, char *ret, size_t max)
{
	size_t len = 0;
	uint32_t bits = 0;
	unsigned int have = 0, pad = 0;

	if (s.len % 4)
		return -1;
	while (pad < 2 && s.len && s.ptr[s.len - 1] == '=') {
		s.len--;
		pad++;
	}
	for (size_t i = 0; i < s.len; i++) {
		int digit = login_digit(s.ptr[i]);

		if (digit < 0 || (have >= 2 && len == max))
			return -1;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have < 8)
			continue;
		if (len == max)
			return -1;
		have -= 8;
		ret[len++] = (char)(bits >> have & 0xff);
	}
	return have == pad * 2 ? (ssize_t)len : -1;
}

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
		len = login_decode(code, text, sizeof(text));
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
