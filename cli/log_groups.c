/* cli/log_groups.c - rows counted: penstock log --group-by. */

#include "cli/log_groups.h"

#include <errno.h>

#include "base/base.h"

enum group_field {
	GROUP_ROWS,
	GROUP_DENIED,
	GROUP_SHARE, /* of denied, in percent */
	GROUP_FAILED,
	GROUP_UP,
	GROUP_DOWN,
	GROUP_FIRST,
	GROUP_LAST,

	GROUP_FIELDS,
};

/* For people in few columns, for programs in full. */
static const char *const group_short[GROUP_FIELDS] = {
	"rows", "denied", "%",		"failed",
	"up",	"down",	  "first seen", "last seen",
};
static const char *const group_long[GROUP_FIELDS] = {
	"rows",	    "denied",	  "denied_percent", "failed",
	"bytes_up", "bytes_down", "first",	    "last",
};

const char *log_size(uint64_t bytes, char ret[LOG_SIZE_MAX])
{
	static const char *const units[] = {
		"B", "kB", "MB", "GB", "TB", "PB"
	};
	double n = (double)bytes;
	size_t i = 0;

	for (; n >= 999.5 && i + 1 < ARRAY_SIZE(units); i++)
		n /= 1000;
	(void)snprintf(ret, LOG_SIZE_MAX, i && n < 9.95 ? "%.1f %s" : "%.0f %s",
		       n, units[i]);
	return ret;
}

static struct cell cell_measure(const char *text)
{
	return (struct cell){ .kind = CELL_MEASURE, .text = slice_str(text) };
}

struct group_text {
	char share[16];
	char up[LOG_SIZE_MAX], down[LOG_SIZE_MAX];
	char first[40], last[40];
};

static struct cell group_time(uint64_t wall_us, bool table, char mem[40])
{
	struct tm tm = log_time(wall_us, !table);

	(void)strftime(mem, 40, table ? "%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%SZ",
		       &tm);
	return cell_text(slice_str(mem));
}

static void group_cells(const struct query_group *g, bool table,
			struct group_text *t, struct cell ret[GROUP_FIELDS])
{
	double share =
		g->rows ? 100.0 * (double)g->denied / (double)g->rows : 0;

	(void)snprintf(t->share, sizeof(t->share), "%.0f", share);
	ret[GROUP_ROWS] = cell_integer(g->rows);
	ret[GROUP_DENIED] = cell_integer(g->denied);
	ret[GROUP_SHARE] =
		(struct cell){ .kind = CELL_REAL,
			       .real = (double)(int)(share * 10) / 10 };
	ret[GROUP_FAILED] = cell_integer(g->failed);
	ret[GROUP_UP] = cell_integer(g->bytes_up);
	ret[GROUP_DOWN] = cell_integer(g->bytes_down);
	ret[GROUP_FIRST] = group_time(g->first_us, table, t->first);
	ret[GROUP_LAST] = group_time(g->last_us, table, t->last);
	if (!table)
		return;
	ret[GROUP_SHARE] = cell_integer((uint64_t)(share + 0.5));
	ret[GROUP_UP] = cell_measure(log_size(g->bytes_up, t->up));
	ret[GROUP_DOWN] = cell_measure(log_size(g->bytes_down, t->down));
}

/* For people the numbers first, as they are narrow; for programs the keys. */
static void group_print(struct cells *out, const struct query_group *g,
			const struct log_options *o)
{
	bool table = o->format == LOG_TABLE;
	struct cell row[QUERY_BY_MAX + GROUP_FIELDS];
	size_t keys_at = table ? GROUP_FIELDS : 0;
	struct group_text text;

	group_cells(g, table, &text, row + (table ? 0 : o->by_len));
	for (size_t i = 0; i < o->by_len; i++)
		row[keys_at + i] = cell_text(
			g->key[i].len || !table ? g->key[i] : SLICE("-"));
	cells_row(out, row);
}

static struct cells *group_begin(FILE *to, const struct log_options *o,
				 const char **names)
{
	bool table = o->format == LOG_TABLE;

	for (size_t i = 0; i < GROUP_FIELDS; i++)
		names[i + (table ? 0 : o->by_len)] =
			table ? group_short[i] : group_long[i];
	for (size_t i = 0; i < o->by_len; i++)
		names[i + (table ? GROUP_FIELDS : 0)] = query_key_str(o->by[i]);
	return cells_begin(to, log_cells_format(o->format), names,
			   GROUP_FIELDS + o->by_len, o->screen);
}

int log_groups(FILE *to, struct query *q, const struct log_options *o)
{
	const char *names[QUERY_BY_MAX + GROUP_FIELDS];
	uint32_t max = o->top ? o->top : o->filter.limit;
	uint32_t left = max ? max : UINT32_MAX;
	struct query_group g;
	struct cells *out;
	int total = query_group(q, &o->filter, o->by, o->by_len), n = 0, err;

	if (total < 0 || (!total && o->format == LOG_TABLE))
		return total;
	out = group_begin(to, o, names);
	if (!out)
		return -ENOMEM;
	while (left-- && (n = query_group_next(q, &g)) > 0)
		group_print(out, &g, o);
	err = cells_end(&out);
	if (n < 0 || err)
		return n < 0 ? n : err;
	if (max && (uint32_t)total > max && !o->top)
		(void)fprintf(stderr, "%u more; --limit 0 shows all\n",
			      (uint32_t)total - max);
	return total;
}
