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

	for (; i < text.len && ascii_is_digit(text.ptr[i]); i++) {
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

bool units_octets(struct slice text, uint64_t *ret)
{
	static const struct unit units[] = {
		{ "", 1 },	   { "k", 1u << 10 }, { "K", 1u << 10 },
		{ "M", 1u << 20 }, { "G", 1u << 30 },
	};

	return units_size(text, ret) ||
	       read_number(text, units, ARRAY_SIZE(units), INT64_MAX, ret);
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

/* Exactly len digits at *text, which moves on; -1 without. */
static int take_digits(struct slice *text, size_t len)
{
	int n = 0;

	if (text->len < len)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text->ptr[i] < '0' || text->ptr[i] > '9')
			return -1;
		n = n * 10 + (text->ptr[i] - '0');
	}
	*text = slice_skip(*text, len);
	return n;
}

static bool take_char(struct slice *text, char c)
{
	if (!text->len || text->ptr[0] != c)
		return false;
	*text = slice_skip(*text, 1);
	return true;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
					31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970 to the first of January of the year. */
static int64_t year_days(int year)
{
	int before = year - 1;

	return 365 * (int64_t)(year - 1970) + (before / 4 - 1969 / 4) -
	       (before / 100 - 1969 / 100) + (before / 400 - 1969 / 400);
}

static bool read_date(struct slice *text, int64_t *ret_days)
{
	int year, month, day;

	year = take_digits(text, 4);
	if (year < 1970 || !take_char(text, '-'))
		return false;
	month = take_digits(text, 2);
	if (month < 1 || month > 12 || !take_char(text, '-'))
		return false;
	day = take_digits(text, 2);
	if (day < 1 || day > month_days(year, month))
		return false;
	*ret_days = year_days(year) + day - 1;
	for (int m = 1; m < month; m++)
		*ret_days += month_days(year, m);
	return true;
}

bool units_time(struct slice text, uint64_t *ret_s)
{
	int64_t days;
	int hour = 0, minute = 0, second = 0;

	if (!read_date(&text, &days))
		return false;
	if (text.len) {
		if (!take_char(&text, 'T'))
			return false;
		hour = take_digits(&text, 2);
		if (hour < 0 || hour > 23 || !take_char(&text, ':'))
			return false;
		minute = take_digits(&text, 2);
		if (minute < 0 || minute > 59 || !take_char(&text, ':'))
			return false;
		second = take_digits(&text, 2);
		if (second < 0 || second > 59 || !take_char(&text, 'Z') ||
		    text.len)
			return false;
	}
	*ret_s = (uint64_t)(days * 86400 + hour * 3600 + minute * 60 + second);
	return true;
}

static char *put_digits(char *at, int n, int len)
{
	for (int i = len; i--; n /= 10)
		at[i] = (char)('0' + n % 10);
	return at + len;
}

void units_print_time(uint64_t s, char ret[UNITS_TIME])
{
	int64_t days = (int64_t)(s / 86400);
	int rest = (int)(s % 86400), month = 1;
	int year = 1970 + (int)(days / 366);
	char *at = ret;

	assert(s < UNITS_TIME_END);
	while (year_days(year + 1) <= days)
		year++;
	days -= year_days(year);
	for (; days >= month_days(year, month); month++)
		days -= month_days(year, month);
	at = put_digits(at, year, 4);
	*at++ = '-';
	at = put_digits(at, month, 2);
	*at++ = '-';
	at = put_digits(at, (int)days + 1, 2);
	*at++ = 'T';
	at = put_digits(at, rest / 3600, 2);
	*at++ = ':';
	at = put_digits(at, rest / 60 % 60, 2);
	*at++ = ':';
	at = put_digits(at, rest % 60, 2);
	*at++ = 'Z';
	*at = '\0';
}
