/* base/base64.c - Base64 (RFC 4648, section 4), with its padding. */

#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz"
			     "0123456789+/";

static int base64_digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

ssize_t base64_decode(struct slice s, char *ret, size_t max)
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
		int digit = base64_digit(s.ptr[i]);

		if (digit < 0)
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
	/* What is left of the last digit says nothing, so it must be zero. */
	if (have != pad * 2 || bits & ((1u << have) - 1))
		return -1;
	return (ssize_t)len;
}

void base64_encode(struct slice s, char *ret)
{
	for (size_t i = 0; i < s.len; i += 3) {
		size_t n = s.len - i < 3 ? s.len - i : 3;
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 |
			       (k < n ? (unsigned char)s.ptr[i + k] : 0u);
		for (size_t k = 0; k < 4; k++)
			*ret++ = k <= n ? digits[bits >> (18 - 6 * k) & 63]
					: '=';
	}
}
