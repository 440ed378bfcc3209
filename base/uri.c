#include "base/uri.h"

size_t uri_decode(struct slice text, char *ret)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		int value = uri_escape(slice_skip(text, i));

		if (value >= 0)
			i += 2;
		ret[len++] = value >= 0 ? (char)value : text.ptr[i];
	}
	return len;
}

/* One pass, whatever the depth: whenever the last three octets of the result
 * are an escape, they become what it means. Escapes can't overlap, so the order
 * of decoding makes no difference.
 */
size_t uri_decode_fully(struct slice text, char *ret)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		ret[len++] = text.ptr[i];
		while (len >= 3) {
			int value = uri_escape(slice_of(ret + len - 3, 3));

			if (value < 0)
				break;
			len -= 2;
			ret[len - 1] = (char)value;
		}
	}
	return len;
}

bool uri_has_dots(struct slice path)
{
	size_t start = 0;

	for (size_t i = 0; i <= path.len; i++) {
		if (i < path.len && path.ptr[i] != '/' && path.ptr[i] != '\\')
			continue;
		if (uri_is_dots(slice_of(path.ptr + start, i - start)))
			return true;
		start = i + 1;
	}
	return false;
}

bool uri_is_number(struct slice label)
{
	bool hex = label.len >= 2 && label.ptr[0] == '0' &&
		   ascii_lower(label.ptr[1]) == 'x';

	for (size_t i = hex ? 2 : 0; i < label.len; i++)
		if (hex ? hex_value(label.ptr[i]) < 0
			: !ascii_is_digit(label.ptr[i]))
			return false;
	return label.len > 0;
}

/* Does the octet there, with those before it, spell one of them? */
static bool uri_is_overlong(const unsigned char *text, size_t at)
{
	unsigned int lead = at > 0 ? text[at - 1] : 0;
	bool two = lead == 0xc0 || lead == 0xc1;
	bool three = at > 1 && text[at - 2] == 0xe0;
	bool four = at > 2 && text[at - 2] == 0x80 && text[at - 3] == 0xf0;
	char c = (char)((lead & 1) << 6 | (text[at] & 0x3f));

	if ((text[at] & 0xc0) != 0x80)
		return false;
	if (!two && !((lead == 0x80 || lead == 0x81) && (three || four)))
		return false;
	return c == '\0' || c == '.' || c == '/' || c == '\\';
}

bool uri_has_overlong(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (uri_is_overlong((const unsigned char *)text.ptr, i))
			return true;
	return false;
}
