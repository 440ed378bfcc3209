/* cli/log_har.c - rows as an HTTP Archive, version 1.2. */

#include "cli/log_har.h"

#include <inttypes.h>

#include "base/base.h"
#include "cli/cells.h"
#include "cli/line.h"
#include "cli/log_print.h"

void log_har_begin(FILE *to)
{
	(void)fputs("{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":"
		    "\"penstock\",\"version\":\"" PENSTOCK_VERSION
		    "\"},\"pages\":[],\"entries\":[",
		    to);
}

void log_har_end(FILE *to)
{
	(void)fputs("\n]}}\n", to);
}

static void har_member(FILE *to, const char *name, struct slice s)
{
	(void)fprintf(to, ",\"%s\":", name);
	cells_string(to, s);
}

/* [{"name":"User-Agent","value":"…"}], or empty. */
static void har_field(FILE *to, const char *name, struct slice value)
{
	(void)fputs(",\"headers\":[", to);
	if (value.len) {
		(void)fprintf(to, "{\"name\":\"%s\"", name);
		har_member(to, "value", value);
		(void)fputc('}', to);
	}
	(void)fputc(']', to);
}

static struct slice har_version(struct slice protocol)
{
	if (slice_eq(protocol, SLICE("h2")))
		return SLICE("HTTP/2.0");
	if (slice_eq(protocol, SLICE("http/1.0")))
		return SLICE("HTTP/1.0");
	return SLICE("HTTP/1.1");
}

static void har_query(FILE *to, struct slice query)
{
	bool first = true;

	(void)fputs(",\"queryString\":[", to);
	while (query.len) {
		struct slice pair, name, value;

		(void)slice_cut(query, '&', &pair, &query);
		(void)slice_cut(pair, '=', &name, &value);
		(void)fputs(first ? "{\"name\":" : ",{\"name\":", to);
		cells_string(to, name);
		har_member(to, "value", value);
		(void)fputc('}', to);
		first = false;
	}
	(void)fputc(']', to);
}

static void har_request(FILE *to, const struct query_row *row)
{
	struct line url = { .len = 0 };

	if (slice_eq(row->scheme, SLICE("https")))
		line_put(&url, SLICE("https://"));
	log_target(row, &url);
	(void)fputs(",\"request\":{\"method\":", to);
	cells_string(to, row->method);
	har_member(to, "url", line_text(&url));
	har_member(to, "httpVersion", har_version(row->protocol));
	(void)fputs(",\"cookies\":[]", to);
	har_field(to, "User-Agent", row->user_agent);
	har_query(to, row->query);
	(void)fprintf(to, ",\"headersSize\":-1,\"bodySize\":%" PRIu64 "}",
		      row->bytes_up);
}

static void har_response(FILE *to, const struct query_row *row)
{
	(void)fprintf(to, ",\"response\":{\"status\":%u,\"statusText\":\"\"",
		      row->status);
	har_member(to, "httpVersion", har_version(row->protocol));
	(void)fputs(",\"cookies\":[]", to);
	har_field(to, "Content-Type", row->content_type);
	(void)fprintf(to, ",\"content\":{\"size\":%" PRIu64, row->bytes_down);
	har_member(to, "mimeType", row->content_type);
	(void)fprintf(to,
		      "},\"redirectURL\":\"\",\"headersSize\":-1,"
		      "\"bodySize\":%" PRIu64 "}",
		      row->bytes_down);
}

/* "203.0.113.9" of "203.0.113.9:443", "2001:db8::1" of "[2001:db8::1]:443". */
static struct slice har_address(struct slice upstream)
{
	struct slice host, rest;

	if (upstream.len && upstream.ptr[0] == '[') {
		(void)slice_cut(slice_skip(upstream, 1), ']', &host, &rest);
		return host;
	}
	(void)slice_cut(upstream, ':', &host, &rest);
	return host;
}

static void har_comment(FILE *to, const struct query_row *row)
{
	struct line l = { .len = 0 };
	struct slice why = row->rule.len ? row->rule : row->reason;

	line_put(&l, SLICE("sandbox "));
	line_put(&l, row->sandbox);
	line_put(&l, SLICE(": "));
	line_put(&l, slice_str(log_word(row->verdict, row->outcome)));
	line_put(&l, why.len ? SLICE(" by ") : SLICE(""));
	line_put(&l, why);
	har_member(to, "comment", line_text(&l));
}

bool log_har_row(FILE *to, const struct query_row *row, bool first)
{
	struct cell cells[LOG_FIELDS];
	struct log_text text;
	double ms = (double)row->duration_us / 1000;

	if (row->kind != AUDIT_REQUEST || !row->method.len || !row->host.len)
		return false;
	log_cells(row, &text, cells);
	(void)fputs(first ? "\n{\"startedDateTime\":"
			  : ",\n{\"startedDateTime\":",
		    to);
	cells_string(to, slice_str(text.time));
	(void)fprintf(to, ",\"time\":%.3f", ms);
	har_request(to, row);
	har_response(to, row);
	(void)fprintf(to,
		      ",\"cache\":{},\"timings\":{\"blocked\":-1,\"dns\":-1,"
		      "\"connect\":-1,\"send\":0,\"wait\":%.3f,\"receive\":0,"
		      "\"ssl\":-1}",
		      ms);
	if (row->upstream.len)
		har_member(to, "serverIPAddress", har_address(row->upstream));
	har_comment(to, row);
	(void)fputc('}', to);
	return true;
}
