#include "base/hex.h"

void hex_print(const uint8_t *octets, size_t len, char *ret)
{
	for (size_t i = 0; i < len; i++) {
		*ret++ = hex_digit(octets[i] >> 4);
		*ret++ = hex_digit(octets[i]);
	}
	*ret = '\0';
}

bool hex_parse(struct slice text, uint8_t *ret, size_t len)
{
	if (text.len != 2 * len)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (hex_value(text.ptr[i]) < 0)
			return false;
	for (size_t i = 0; i < len; i++)
		ret[i] = (uint8_t)(16 * hex_value(text.ptr[2 * i]) +
				   hex_value(text.ptr[2 * i + 1]));
	return true;
}
