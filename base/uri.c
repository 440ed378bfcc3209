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
