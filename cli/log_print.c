/* cli/log_print.c - rows of the ledger as lines and cells. */

#include "cli/log_print.h"

#include <time.h>

#include "base/base.h"
#include "base/id.h"
#include "cli/line.h"

/* Widths of the table's columns; with the blanks between them LOG_COLUMNS. What
 * a terminal has more or less is shared out.
 */
#define WIDTH_TIME    14
#define WIDTH_SANDBOX 10
#define WIDTH_VERDICT 7
#define WIDTH_STATUS  3
#define WIDTH_METHOD  7
#define WIDTH_TARGET  34
#define WIDTH_WHY     19
static_assert(WIDTH_TIME + WIDTH_SANDBOX + WIDTH_VERDICT + WIDTH_STATUS +
			      WIDTH_METHOD + WIDTH_TARGET + WIDTH_WHY + 6 ==
		      LOG_COLUMNS,
	      "the table is as wide as it says");

#define WIDTH_ID	   (ID_TEXT - 1)
#define WIDTH_SANDBOX_MORE 14 /* names made by penstock run fit */

#define COLOUR_BAD  "\x1b[31m"
#define COLOUR_WARN "\x1b[33m"
#define COLOUR_OFF  "\x1b[0m"

struct widths {
	size_t id; /* 0: not shown */
	size_t sandbox;
	size_t target;
	size_t why;
};

static struct widths widths_of(size_t columns)
{
	struct widths w = { 0, WIDTH_SANDBOX, WIDTH_TARGET, WIDTH_WHY };
	size_t more, less;

	assert(columns >= LOG_COLUMNS_MIN && columns <= LOG_COLUMNS_MAX);
	if (columns < LOG_COLUMNS) {
		less = LOG_COLUMNS - columns;
		w.why -= less * 2 / 5;
		w.target -= less - less * 2 / 5;
		return w;
	}
	more = columns - LOG_COLUMNS;
	if (more > WIDTH_ID) {
		w.id = WIDTH_ID;
		more -= WIDTH_ID + 1;
	}
	w.sandbox += MIN(more / 4, WIDTH_SANDBOX_MORE);
	more -= w.sandbox - WIDTH_SANDBOX;
	w.why += more * 2 / 5;
	w.target += more - more * 2 / 5;
	return w;
}

void log_print_heading(FILE *to, size_t columns)
{
	struct widths w = widths_of(columns);
	struct line l = { .len = 0 };

	line_column(&l, SLICE("TIME"), WIDTH_TIME);
	line_column(&l, SLICE("SANDBOX"), w.sandbox);
	line_column(&l, SLICE("VERDICT"), WIDTH_VERDICT);
	line_column(&l, SLICE("ST"), WIDTH_STATUS);
	line_column(&l, SLICE("METHOD"), WIDTH_METHOD);
	line_column(&l, SLICE("TARGET"), w.target);
	line_column(&l, SLICE("WHY"), w.why);
	if (w.id)
		line_column(&l, SLICE("ID"), w.id);
	line_print(to, &l);
}

const char *log_word(enum audit_verdict verdict, enum audit_outcome outcome)
{
	switch (outcome) {
	case AUDIT_OPEN:
		return verdict == AUDIT_ASK ? "asking" : "open";
	case AUDIT_DONE:
		return verdict == AUDIT_DENY ? "denied" : "ok";
	case AUDIT_REFUSED:
		return verdict == AUDIT_DENY ? "denied" : "refused";
	case AUDIT_FAILED:
		return "failed";
	case AUDIT_CUT:
		return "cut";
	case AUDIT_INTERRUPTED:
		return "broken";
	default:
		return "?";
	}
}

static const char *row_colour(const struct query_row *row)
{
	if (row->verdict == AUDIT_DENY || row->outcome == AUDIT_REFUSED)
		return COLOUR_BAD;
	if (row->outcome == AUDIT_FAILED || row->outcome == AUDIT_INTERRUPTED)
		return COLOUR_WARN;
	return NULL;
}

struct slice log_method(const struct query_row *row)
{
	if (row->method.len)
		return row->method;
	switch (row->kind) {
	case AUDIT_TUNNEL:
		return SLICE("tunnel");
	case AUDIT_DNS:
		return SLICE("dns");
	case AUDIT_HANDSHAKE:
		return SLICE("tls");
	default:
		return SLICE("-");
	}
}

static bool port_is_usual(const struct query_row *row)
{
	if (!row->port || row->kind == AUDIT_DNS)
		return true;
	if (slice_eq(row->scheme, SLICE("http")) ||
	    slice_eq(row->scheme, SLICE("ws")))
		return row->port == 80;
	if (slice_eq(row->scheme, SLICE("tcp")))
		return false;
	return row->port == 443;
}

void log_target(const struct query_row *row, struct line *ret)
{
	bool v6 = slice_find(row->host, ':') >= 0;
	char port[8];

	if (row->scheme.len && !slice_eq(row->scheme, SLICE("https"))) {
		line_put(ret, row->scheme);
		line_put(ret, SLICE("://"));
	}
	line_put(ret, v6 ? SLICE("[") : SLICE(""));
	line_put(ret, row->host.len ? row->host : SLICE("-"));
	line_put(ret, v6 ? SLICE("]") : SLICE(""));
	if (!port_is_usual(row)) {
		(void)snprintf(port, sizeof(port), ":%u", row->port);
		line_put(ret, slice_str(port));
	}
	line_put(ret, row->path);
	if (row->query.len) {
		line_put(ret, SLICE("?"));
		line_put(ret, row->query);
	}
}

/* What a person asks first: which rule, or else why. */
static struct slice row_why(const struct query_row *row)
{
	if (row->outcome == AUDIT_FAILED && row->detail.len)
		return row->detail;
	if (row->outcome == AUDIT_FAILED && row->reason.len)
		return row->reason;
	if (row->rule.len)
		return row->rule;
	return row->reason.len ? row->reason : row->detail;
}

struct tm log_time(uint64_t wall_us, bool utc)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	struct tm tm = { 0 };

	if (utc)
		(void)gmtime_r(&seconds, &tm);
	else
		(void)localtime_r(&seconds, &tm);
	return tm;
}

void log_print_line(FILE *to, const struct query_row *row, size_t columns,
		    bool colour)
{
	struct widths w = widths_of(columns);
	const char *paint = colour ? row_colour(row) : NULL;
	struct line l = { .len = 0 }, target = { .len = 0 };
	struct tm tm = log_time(row->wall_us, false);
	char text[64];

	(void)strftime(text, sizeof(text), "%m-%d %H:%M:%S", &tm);
	line_column(&l, slice_str(text), WIDTH_TIME);
	line_column(&l, row->sandbox, w.sandbox);
	if (paint) { /* the only escape, and of our own making */
		(void)fwrite(l.mem, 1, l.len, to);
		(void)fputs(paint, to);
		l.len = 0;
	}
	line_column(&l, slice_str(log_word(row->verdict, row->outcome)),
		    WIDTH_VERDICT);
	if (paint) {
		(void)fwrite(l.mem, 1, l.len, to);
		(void)fputs(COLOUR_OFF, to);
		l.len = 0;
	}
	(void)snprintf(text, sizeof(text), "%u", row->status);
	line_column(&l, row->status ? slice_str(text) : SLICE("-"),
		    WIDTH_STATUS);
	line_column(&l, log_method(row), WIDTH_METHOD);
	log_target(row, &target);
	line_column(&l, line_text(&target), w.target);
	line_column(&l, row_why(row), w.why);
	if (w.id) {
		id_print(row->id, text);
		line_column(&l, slice_str(text), w.id);
	}
	line_print(to, &l);
}

const char *const log_fields[LOG_FIELDS + 1] = {
	"id",	       "time",	      "instance", "sandbox",	"client",
	"client_port", "kind",	      "verdict",  "outcome",	"status",
	"method",      "scheme",      "host",	  "port",	"path",
	"query",       "reason",      "rule",	  "rule_where", "generation",
	"detail",      "duration_us", "bytes_up", "bytes_down", "content_type",
	"user_agent",  "protocol",    "tls",	  "upstream",	"up_protocol",
	"up_tls",      "cut",
};

/* 0 is "not known" for ports and statuses. */
static struct cell cell_known(uint64_t n)
{
	return n ? cell_integer(n) : (struct cell){ .kind = CELL_NULL };
}

static struct slice log_id(const struct query_row *row, struct log_text *text)
{
	id_print(row->id, text->id);
	return slice_str(text->id);
}

static struct slice log_utc(const struct query_row *row, struct log_text *text)
{
	struct tm tm = log_time(row->wall_us, true);
	size_t len = strftime(text->time, sizeof(text->time),
			      "%Y-%m-%dT%H:%M:%S", &tm);

	(void)snprintf(text->time + len, sizeof(text->time) - len, ".%06uZ",
		       (unsigned int)(row->wall_us % 1000000));
	return slice_str(text->time);
}

void log_cells(const struct query_row *row, struct log_text *text,
	       struct cell ret[LOG_FIELDS])
{
	const struct cell cells[] = {
		cell_text(log_id(row, text)),
		cell_text(log_utc(row, text)),
		cell_text(row->instance),
		cell_text(row->sandbox),
		cell_text(row->client),
		cell_known(row->client_port),
		cell_text(slice_str(audit_kind_str(row->kind))),
		cell_text(slice_str(audit_verdict_str(row->verdict))),
		cell_text(slice_str(audit_outcome_str(row->outcome))),
		cell_known(row->status),
		cell_text(row->method),
		cell_text(row->scheme),
		cell_text(row->host),
		cell_known(row->port),
		cell_text(row->path),
		cell_text(row->query),
		cell_text(row->reason),
		cell_text(row->rule),
		cell_text(row->rule_where),
		cell_integer(row->generation),
		cell_text(row->detail),
		cell_integer(row->duration_us),
		cell_integer(row->bytes_up),
		cell_integer(row->bytes_down),
		cell_text(row->content_type),
		cell_text(row->user_agent),
		cell_text(row->protocol),
		cell_text(row->tls),
		cell_text(row->upstream),
		cell_text(row->up_protocol),
		cell_text(row->up_tls),
		{ .kind = CELL_BOOL, .integer = row->cut },
	};

	static_assert(ARRAY_SIZE(cells) == LOG_FIELDS, "a cell for each name");
	memcpy(ret, cells, sizeof(cells));
}
