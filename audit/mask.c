/* audit/mask.c - which octets of a text are a secret.
 *
 * When in doubt it is one: a ledger that lacks the page token of a listing is
 * a small loss, one that holds a password is not. But what a person looks for
 * in a ledger, as hashes, versions and names of packages, stays.
 */

#include "audit/mask.h"

#include <stdint.h>

#include "base/base.h"

#define KEY_MAX 64 /* octets of a key, normalised; longer ones are masked */

/* Names of secrets, in lower case and without punctuation: the whole key, its
 * end, or anything within it.
 */
static const struct slice key_whole[] = {
	SLICE("auth"),	     SLICE("sig"),  SLICE("code"), SLICE("sid"),
	SLICE("pwd"),	     SLICE("pass"), SLICE("hmac"), SLICE("pin"),
	SLICE("cred"),	     SLICE("otp"),  SLICE("totp"), SLICE("authcode"),
	SLICE("devicecode"),
};
static const struct slice key_end = SLICE("key");
static const struct slice key_within[] = {
	SLICE("token"),	     SLICE("secret"),	SLICE("passw"),
	SLICE("passphrase"), SLICE("passcode"), SLICE("signature"),
	SLICE("credential"), SLICE("session"),	SLICE("sessid"),
	SLICE("assertion"),  SLICE("bearer"),	SLICE("authorization"),
	SLICE("jwt"),	     SLICE("saml"),	SLICE("codeverifier"),
};

/* Does any of key_within stand in s? */
static bool key_has_any(struct slice s)
{
	for (; s.len >= 3; s = slice_skip(s, 1))
		for (size_t i = 0; i < ARRAY_SIZE(key_within); i++)
			if (s.ptr[0] == key_within[i].ptr[0] &&
			    slice_starts(s, key_within[i]))
				return true;
	return false;
}

bool mask_key(struct slice key)
{
	char mem[KEY_MAX];
	struct slice s;
	size_t len = 0;
	char c;

	for (size_t i = 0; i < key.len;) {
		i += mask_octet(key, i, &c);
		if (!ascii_is_alnum(c))
			continue;
		if (len == sizeof(mem))
			return true;
		mem[len++] = ascii_lower(c);
	}
	s = slice_of(mem, len);
	for (size_t i = 0; i < ARRAY_SIZE(key_whole); i++)
		if (slice_eq(s, key_whole[i]))
			return true;
	return slice_ends(s, key_end) || key_has_any(s);
}

size_t mask_userinfo(struct slice s)
{
	size_t len = 0;
	char c;

	for (size_t i = 0; i < s.len;) {
		size_t n = mask_octet(s, i, &c);

		if (c == '@')
			len = i;
		if (c == '/' || c == '?' || c == '#' || c == '&' || c == ' ')
			break;
		i += n;
	}
	return len;
}

/* What widespread issuers give out: what stands in front, and behind it least
 * octets of letters and digits, also '-' and '_' (WEB). Words of lower-case
 * letters alone are none; of what begins like an ordinary word both a digit
 * and a capital are asked for (ODD). In front, '#' is one or more digits, '*'
 * letters and digits. By their first octet; of two that fit the first counts.
 */
enum alphabet {
	WORD,
	WEB,
	ODD, /* WEB, with a digit and a capital */
};

struct shape {
	char front[20];
	uint8_t alphabet;
	uint8_t least;
};

#define SHAPES(c, ...)                                                         \
	[(c) - 'A'] = (const struct shape[])                                   \
	{                                                                      \
		__VA_ARGS__,                                                   \
		{                                                              \
			.least = 0                                             \
		}                                                              \
	}
static const struct shape *const shapes['z' - 'A' + 1] = {
	SHAPES('A', { "AGE-SECRET-KEY-1", WORD, 40 }, { "AIza", WEB, 30 },
	       { "AKIA", WORD, 16 }, { "ASIA", WORD, 16 },
	       { "ATATT3", WEB, 20 }, { "ATBB", WORD, 20 }),
	SHAPES('G', { "GOCSPX-", WEB, 20 }),
	SHAPES('I', { "IncomingWebhook/", WORD, 20 }),
	SHAPES('S', { "SG.", ODD, 20 }),
	SHAPES('b', { "bot#:", WEB, 30 }),
	SHAPES('d', { "dapi", WORD, 32 }, { "dckr_oat_", WEB, 16 },
	       { "dckr_pat_", WEB, 16 }, { "doo_v1_", WORD, 32 },
	       { "dop_v1_", WORD, 32 }, { "dor_v1_", WORD, 32 }),
	SHAPES('e', { "eyJ", WEB, 16 }),
	SHAPES('f', { "figd_", WEB, 20 }),
	SHAPES('g', { "gho_", WEB, 16 }, { "ghp_", WEB, 16 },
	       { "ghr_", WEB, 16 }, { "ghs_", WEB, 16 }, { "ghu_", WEB, 16 },
	       { "github_pat_", WEB, 16 }, { "glagent-", WEB, 16 },
	       { "glcbt-", WEB, 16 }, { "gldt-", WEB, 16 },
	       { "glft-", WEB, 16 }, { "glpat-", WEB, 16 },
	       { "glptt-", WEB, 16 }, { "glrt-", WEB, 16 },
	       { "glsa_", WEB, 20 }, { "glsoat-", WEB, 16 },
	       { "gsk_", WORD, 30 }),
	SHAPES('h', { "hf_", WORD, 30 }, { "hvs.", WEB, 20 }),
	SHAPES('l', { "lin_api_", WORD, 20 }),
	SHAPES('n', { "npm_", WORD, 30 }, { "ntn_", WORD, 30 },
	       { "nvapi-", WEB, 30 }),
	SHAPES('p', { "pplx-", WORD, 30 }, { "pypi-AgE", WEB, 16 }),
	SHAPES('r', { "r8_", WORD, 30 }, { "rk_live_", WORD, 16 },
	       { "rk_test_", WORD, 16 }, { "rubygems_", WORD, 30 }),
	SHAPES('s', { "sbp_", WORD, 30 }, { "secret_", WORD, 40 },
	       { "services/T*/B*/", WORD, 20 }, { "shpat_", WORD, 30 },
	       { "sk-ant-", WEB, 16 }, { "sk-or-v1-", WORD, 16 },
	       { "sk-proj-", WEB, 16 }, { "sk-", WORD, 20 }, { "sk-", ODD, 20 },
	       { "sk_live_", WORD, 16 }, { "sk_test_", WORD, 16 },
	       { "sntrys_", WEB, 20 }),
	SHAPES('t', { "triggers/T*/#/", WEB, 20 }, { "tskey-", WEB, 16 },
	       { "tvly-", WEB, 20 }),
	SHAPES('w', { "webhooks/#/", WEB, 40 }, { "whsec_", WEB, 16 },
	       { "with/key/", WEB, 20 }, { "workflows/T*/A*/#/", WORD, 20 }),
	SHAPES('x', { "xai-", WORD, 40 }, { "xapp-#-", WEB, 16 },
	       { "xoxa-", WEB, 16 }, { "xoxb-", WEB, 16 }, { "xoxc-", WEB, 16 },
	       { "xoxd-", WEB, 16 }, { "xoxe-", WEB, 16 }, { "xoxe.", WEB, 20 },
	       { "xoxp-", WEB, 16 }, { "xoxr-", WEB, 16 },
	       { "xoxs-", WEB, 16 }),
	SHAPES('y', { "ya29.", WEB, 20 }),
};

/* How many octets of s from i on are what c stands for in a front. */
static size_t shape_class(char class, struct slice s, size_t i)
{
	size_t start = i;
	char c;

	while (i < s.len) {
		size_t n = mask_octet(s, i, &c);

		if (!ascii_is_digit(c) && (class == '#' || !ascii_is_alnum(c)))
			break;
		i += n;
	}
	return i - start;
}

/* How many octets of s are the front, 0 if it does not begin so. */
static size_t shape_front(const struct shape *sh, struct slice s)
{
	size_t len = 0, n;
	char c;

	for (const char *p = sh->front; *p; p++) {
		if (len == s.len)
			return 0;
		if (*p == '#' || *p == '*') {
			n = shape_class(*p, s, len);
		} else {
			n = mask_octet(s, len, &c);
			n = c == *p ? n : 0;
		}
		if (!n)
			return 0;
		len += n;
	}
	return len;
}

/* How many octets of s are the secret itself, 0 if it is none. What still
 * belongs to it is more than what it is known by: JWTs have dots, Base64 has
 * '+' and '='.
 */
static size_t shape_body(const struct shape *sh, struct slice s)
{
	bool web = sh->alphabet != WORD, digit = false, capital = false;
	size_t seen = 0, n, len;
	char c;

	for (len = 0; len < s.len; len += n, seen++) {
		n = mask_octet(s, len, &c);
		if (!ascii_is_alnum(c) && !(web && (c == '-' || c == '_')))
			break;
		digit |= ascii_is_digit(c);
		capital |= c >= 'A' && c <= 'Z';
	}
	if (seen < sh->least ||
	    !(sh->alphabet == ODD ? digit && capital : digit || capital))
		return 0;
	for (; len < s.len; len += n) {
		n = mask_octet(s, len, &c);
		if (!ascii_is_alnum(c) && (!c || !strchr("-_.~+=", c)))
			break;
	}
	return len;
}

/* Can a token begin at i, behind a letter or a digit? In doubt, as behind
 * %252F, it can.
 */
static bool token_begins_within(struct slice s, size_t i)
{
	return (i >= 3 && s.ptr[i - 3] == '%') ||
	       (i >= 4 && s.ptr[i - 4] == '2' && s.ptr[i - 3] == '5');
}

static inline bool token_first(char c)
{
	return c >= 'A' && c <= 'z' && shapes[c - 'A'];
}

/* The octets of s, which begins with c, that are a token, or 0. */
static size_t token_len(struct slice s, char c, size_t *ret_front)
{
	for (const struct shape *sh = shapes[c - 'A']; sh->least; sh++) {
		size_t front = shape_front(sh, s);
		size_t body = front ? shape_body(sh, slice_skip(s, front)) : 0;

		if (body) {
			*ret_front = front;
			return front + body;
		}
	}
	return 0;
}

size_t mask_token(struct slice s, size_t from, size_t *ret_front,
		  size_t *ret_len)
{
	bool within = from && ascii_is_alnum(s.ptr[from - 1]);
	size_t i = from, n;
	char c;

	for (; i < s.len; i += n) {
		bool behind = within;

		n = mask_octet(s, i, &c);
		within = ascii_is_alnum(s.ptr[i + n - 1]);
		if ((behind && !token_begins_within(s, i)) || !token_first(c))
			continue;
		*ret_len = token_len(slice_skip(s, i), c, ret_front);
		if (*ret_len)
			break;
	}
	return i;
}
