/* cli/line.c - a line of text, safe for a terminal. */

#include "cli/line.h"

#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/base.h"

bool line_shows(struct slice s, size_t i)
{
	unsigned char c = (unsigned char)s.ptr[i];

	if (c == 0xc2)
		return i + 1 < s.len && (unsigned char)s.ptr[i + 1] >= 0xa0;
	if (c >= 0x80 && c < 0xa0)
		return i && (unsigned char)s.ptr[i - 1] != 0xc2;
	return c >= 0x20 && c != 0x7f;
}

void line_put(struct line *l, struct slice s)
{
	for (size_t i = 0; i < s.len && l->len < sizeof(l->mem); i++)
		l->mem[l->len++] = line_shows(s, i) ? s.ptr[i] : '?';
}

static bool octet_continues(char c)
{
	return (c & 0xc0) == 0x80;
}

/* Octets of s that fill at most width columns. */
static size_t line_fit(struct slice s, size_t width, size_t *ret_columns)
{
	size_t columns = 0, i = 0;

	while (i < s.len) {
		if (!octet_continues(s.ptr[i]) && columns++ == width) {
			*ret_columns = width;
			return i;
		}
		i++;
	}
	*ret_columns = columns;
	return s.len;
}

size_t line_width(struct slice s)
{
	size_t columns;

	(void)line_fit(s, SIZE_MAX, &columns);
	return columns;
}

static void line_blanks(struct line *l, size_t n)
{
	while (n--)
		line_put(l, SLICE(" "));
}

/* As much of s as fits; returns its columns. */
static size_t line_put_fit(struct line *l, struct slice s, size_t width)
{
	size_t columns, n = line_fit(s, width, &columns);

	if (n == s.len) {
		line_put(l, s);
		return columns;
	}
	n = line_fit(s, width - 1, &columns);
	line_put(l, slice_of(s.ptr, n));
	line_put(l, SLICE("…"));
	return width;
}

void line_column(struct line *l, struct slice s, size_t width)
{
	size_t columns = line_put_fit(l, s, width);

	line_blanks(l, width + 1 - columns);
}

void line_right(struct line *l, struct slice s, size_t width)
{
	size_t columns = line_width(s);

	if (columns < width)
		line_blanks(l, width - columns);
	(void)line_put_fit(l, s, width);
	line_blanks(l, 1);
}

void line_print(FILE *to, struct line *l)
{
	while (l->len && l->mem[l->len - 1] == ' ')
		l->len--;
	(void)fwrite(l->mem, 1, l->len, to);
	(void)fputc('\n', to);
	l->len = 0;
}

size_t line_screen(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 0;
	return size.ws_col;
}
