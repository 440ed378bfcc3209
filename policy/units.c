/* policy/units.c - numbers with a unit. */

#include "policy/units.h"

#include "base/base.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Digits, then the name of a unit; the product is at most max. */
static bool read_number(struct slice text, const struct unit *units, size_t len,
			uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
		n = n * 10 + (uint64_t)(text.ptr[i] - '0');
		if (n > max)
			return false;
	}
	if (!i)
		return false;
	text = slice_skip(text, i);
	for (i = 0; i < len; i++) {
		if (!slice_eq(text, slice_str(units[i].name)))
			continue;
		if (n > max / units[i].factor)
			return false;
		*ret = n * units[i].factor;
		return true;
	}
	return false;
}

bool units_duration(struct slice text, uint32_t *ret_s)
{
	static const struct unit units[] = {
		{ "s", 1 },	{ "m", 60 },	 { "h", 3600 },
		{ "d", 86400 }, { "w", 604800 },
	};
	uint64_t n;

	if (!read_number(text, units, ARRAY_SIZE(units), UINT32_MAX, &n))
		return false;
	*ret_s = (uint32_t)n;
	return true;
}

bool units_size(struct slice text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{ "KiB", 1u << 10 },
		{ "MiB", 1u << 20 },
		{ "GiB", 1u << 30 },
		{ "TiB", UINT64_C(1) << 40 },
	};

	return read_number(text, units, ARRAY_SIZE(units), INT64_MAX,
			   ret_bytes);
}

bool units_count(struct slice text, uint32_t max, uint32_t *ret)
{
	static const struct unit one[] = { { "", 1 } };
	uint64_t n;

	if (!read_number(text, one, 1, max, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}
