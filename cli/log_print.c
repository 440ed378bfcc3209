/* cli/log_print.c - rows of the ledger as lines. */

#include "cli/log_print.h"

#include <inttypes.h>
#include <time.h>

#include "base/base.h"
#include "base/id.h"

/* Widths of the table's columns; with the blanks between them LOG_COLUMNS. */
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

#define TEXT_MAX 4096

#define COLOUR_BAD  "\x1b[31m"
#define COLOUR_WARN "\x1b[33m"
#define COLOUR_OFF  "\x1b[0m"

/* A line being put together. Text beyond its end is left out. */
struct line {
	char mem[TEXT_MAX];
	size_t len;
};

/* May octet i of s go to a terminal? Not so the controls, of ASCII and of
 * Latin-1 (C2 80 to C2 9F).
 */
static bool octet_is_shown(struct slice s, size_t i)
{
	unsigned char c = (unsigned char)s.ptr[i];

	if (c == 0xc2)
		return i + 1 < s.len && (unsigned char)s.ptr[i + 1] >= 0xa0;
	if (c >= 0x80 && c < 0xa0)
		return i && (unsigned char)s.ptr[i - 1] != 0xc2;
	return c >= 0x20 && c != 0x7f;
}

static void line_put(struct line *l, struct slice s)
{
	for (size_t i = 0; i < s.len && l->len < sizeof(l->mem); i++)
		l->mem[l->len++] = octet_is_shown(s, i) ? s.ptr[i] : '?';
}

static bool octet_continues(char c)
{
	return (c & 0xc0) == 0x80;
}

/* Octets of s that fill at most width columns, one for each character. */
static size_t text_fit(struct slice s, size_t width, size_t *ret_columns)
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

/* s in exactly width columns, cut with an ellipsis or filled with blanks. */
static void line_column(struct line *l, struct slice s, size_t width)
{
	size_t columns, n = text_fit(s, width, &columns);

	if (n < s.len) {
		n = text_fit(s, width - 1, &columns);
		line_put(l, slice_of(s.ptr, n));
		line_put(l, SLICE("…"));
		columns = width;
	} else {
		line_put(l, s);
	}
	for (; columns <= width; columns++)
		line_put(l, SLICE(" "));
}

static void line_print(FILE *to, struct line *l)
{
	while (l->len && l->mem[l->len - 1] == ' ')
		l->len--;
	(void)fwrite(l->mem, 1, l->len, to);
	(void)fputc('\n', to);
}

void log_print_heading(FILE *to)
{
	struct line l = { .len = 0 };

	line_column(&l, SLICE("TIME"), WIDTH_TIME);
	line_column(&l, SLICE("SANDBOX"), WIDTH_SANDBOX);
	line_column(&l, SLICE("VERDICT"), WIDTH_VERDICT);
	line_column(&l, SLICE("ST"), WIDTH_STATUS);
	line_column(&l, SLICE("METHOD"), WIDTH_METHOD);
	line_column(&l, SLICE("TARGET"), WIDTH_TARGET);
	line_column(&l, SLICE("WHY"), WIDTH_WHY);
	line_print(to, &l);
}

/* One word on how it went. */
static const char *row_word(const struct query_row *row)
{
	switch (row->outcome) {
	case AUDIT_OPEN:
		return row->verdict == AUDIT_ASK ? "asking" : "open";
	case AUDIT_DONE:
		return row->verdict == AUDIT_DENY ? "denied" : "ok";
	case AUDIT_REFUSED:
		return row->verdict == AUDIT_DENY ? "denied" : "refused";
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

static struct slice row_method(const struct query_row *row)
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

/* As a rule would say it: https is not worth a word. */
static void row_target(const struct query_row *row, struct line *ret)
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

static struct tm row_time(const struct query_row *row, bool utc)
{
	time_t seconds = (time_t)(row->wall_us / 1000000);
	struct tm tm = { 0 };

	if (utc)
		(void)gmtime_r(&seconds, &tm);
	else
		(void)localtime_r(&seconds, &tm);
	return tm;
}

void log_print_line(FILE *to, const struct query_row *row, bool colour)
{
	const char *paint = colour ? row_colour(row) : NULL;
	struct line l = { .len = 0 }, target = { .len = 0 };
	struct tm tm = row_time(row, false);
	char text[64];

	(void)strftime(text, sizeof(text), "%m-%d %H:%M:%S", &tm);
	line_column(&l, slice_str(text), WIDTH_TIME);
	line_column(&l, row->sandbox, WIDTH_SANDBOX);
	if (paint) { /* the only escape, and of our own making */
		(void)fwrite(l.mem, 1, l.len, to);
		(void)fputs(paint, to);
		l.len = 0;
	}
	line_column(&l, slice_str(row_word(row)), WIDTH_VERDICT);
	if (paint) {
		(void)fwrite(l.mem, 1, l.len, to);
		(void)fputs(COLOUR_OFF, to);
		l.len = 0;
	}
	(void)snprintf(text, sizeof(text), "%u", row->status);
	line_column(&l, row->status ? slice_str(text) : SLICE("-"),
		    WIDTH_STATUS);
	line_column(&l, row_method(row), WIDTH_METHOD);
	row_target(row, &target);
	line_column(&l, slice_of(target.mem, target.len), WIDTH_TARGET);
	line_column(&l, row_why(row), WIDTH_WHY);
	line_print(to, &l);
}

static void json_text(FILE *to, struct slice s)
{
	(void)fputc('"', to);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '"' || c == '\\')
			(void)fprintf(to, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			(void)fprintf(to, "\\u%04x", c);
		else
			(void)fputc(octet_is_shown(s, i) ? c : '?', to);
	}
	(void)fputc('"', to);
}

static void json_field(FILE *to, const char *name, struct slice s)
{
	(void)fprintf(to, ",\"%s\":", name);
	if (s.len)
		json_text(to, s);
	else
		(void)fputs("null", to);
}

/* 0 is "not known" for ports and statuses. */
static void json_number(FILE *to, const char *name, uint64_t n, bool known)
{
	if (known)
		(void)fprintf(to, ",\"%s\":%" PRIu64, name, n);
	else
		(void)fprintf(to, ",\"%s\":null", name);
}

void log_print_json(FILE *to, const struct query_row *row)
{
	struct tm tm = row_time(row, true);
	char id[ID_TEXT], when[64];

	id_print(row->id, id);
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)fprintf(to, "{\"id\":\"%s\",\"time\":\"%s.%06uZ\"", id, when,
		      (unsigned int)(row->wall_us % 1000000));
	json_field(to, "instance", row->instance);
	json_field(to, "sandbox", row->sandbox);
	json_field(to, "client", row->client);
	json_number(to, "client_port", row->client_port, row->client_port);
	json_field(to, "kind", slice_str(audit_kind_str(row->kind)));
	json_field(to, "verdict", slice_str(audit_verdict_str(row->verdict)));
	json_field(to, "outcome", slice_str(audit_outcome_str(row->outcome)));
	json_number(to, "status", row->status, row->status);
	json_field(to, "method", row->method);
	json_field(to, "scheme", row->scheme);
	json_field(to, "host", row->host);
	json_number(to, "port", row->port, row->port);
	json_field(to, "path", row->path);
	json_field(to, "query", row->query);
	json_field(to, "reason", row->reason);
	json_field(to, "rule", row->rule);
	json_field(to, "rule_where", row->rule_where);
	json_number(to, "generation", row->generation, true);
	json_field(to, "detail", row->detail);
	json_number(to, "duration_us", row->duration_us, true);
	json_number(to, "bytes_up", row->bytes_up, true);
	json_number(to, "bytes_down", row->bytes_down, true);
	json_field(to, "content_type", row->content_type);
	json_field(to, "user_agent", row->user_agent);
	json_field(to, "protocol", row->protocol);
	json_field(to, "tls", row->tls);
	json_field(to, "upstream", row->upstream);
	json_field(to, "up_protocol", row->up_protocol);
	json_field(to, "up_tls", row->up_tls);
	(void)fprintf(to, ",\"cut\":%s}\n", row->cut ? "true" : "false");
}

static void print_field(FILE *to, const char *name, struct slice s)
{
	struct line l = { .len = 0 };

	if (!s.len)
		return;
	line_column(&l, slice_str(name), 13);
	line_put(&l, s);
	line_print(to, &l);
}

static void print_numbers(FILE *to, const struct query_row *row)
{
	(void)fprintf(to, "%-13s %" PRIu64 ".%03u ms\n", "duration",
		      row->duration_us / 1000,
		      (unsigned int)(row->duration_us % 1000));
	(void)fprintf(to, "%-13s %" PRIu64 " up, %" PRIu64 " down\n", "bytes",
		      row->bytes_up, row->bytes_down);
	if (row->status)
		(void)fprintf(to, "%-13s %u\n", "status", row->status);
	(void)fprintf(to, "%-13s %" PRIu32 "\n", "generation", row->generation);
	if (row->cut)
		(void)fprintf(to, "%-13s some text was too long\n", "cut");
}

void log_print_row(FILE *to, const struct query_row *row)
{
	char id[ID_TEXT], when[64], text[96];
	struct line target = { .len = 0 };
	struct tm tm = row_time(row, false);

	id_print(row->id, id);
	(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &tm);
	row_target(row, &target);
	(void)snprintf(text, sizeof(text), "%s, %s, %s",
		       audit_kind_str(row->kind),
		       audit_verdict_str(row->verdict),
		       audit_outcome_str(row->outcome));
	print_field(to, "id", slice_str(id));
	print_field(to, "time", slice_str(when));
	print_field(to, "what", slice_str(text));
	print_field(to, "instance", row->instance);
	print_field(to, "sandbox", row->sandbox);
	print_field(to, "client", row->client);
	print_field(to, "method", row_method(row));
	print_field(to, "target", slice_of(target.mem, target.len));
	print_field(to, "reason", row->reason);
	print_field(to, "rule", row->rule);
	print_field(to, "rule at", row->rule_where);
	print_field(to, "detail", row->detail);
	print_numbers(to, row);
	print_field(to, "content type", row->content_type);
	print_field(to, "user agent", row->user_agent);
	print_field(to, "protocol", row->protocol);
	print_field(to, "tls", row->tls);
	print_field(to, "upstream", row->upstream);
	print_field(to, "up protocol", row->up_protocol);
	print_field(to, "up tls", row->up_tls);
}
