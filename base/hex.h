/* base/hex.h - octets as hexadecimal digits, two each. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define HEX_TEXT(octets) (2 * (octets) + 1) /* of hex_print(), with its NUL */

/* What the digit means, of either case; -1: it is none. */
static inline int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The digit of the low four bits, lower-case. */
static inline char hex_digit(unsigned int v)
{
	return "0123456789abcdef"[v & 15];
}

/* Lower-case digits and a NUL. */
void hex_print(const uint8_t *octets, size_t len, char *ret);

/* Exactly len octets. Returns false for anything else, ret untouched. */
bool hex_parse(struct slice text, uint8_t *ret, size_t len);

#endif
