/* http/h1_head.c - the check of a raw HTTP/1 head.
 *
 *   head    = start-line *field-line CRLF
 *   request = method SP target SP version CRLF
 *   status  = version SP 3DIGIT [ SP reason ] CRLF
 *   field   = token ":" OWS value OWS CRLF
 *
 * Works line by line: a line is looked at once it is whole, so the cost is the
 * same whether the head comes at once or octet by octet. Each limit is tested
 * before the syntax of what exceeds it, so the verdict is the same too.
 */

#include "http/h1_head.h"

#include "base/base.h"
#include "base/err.h"

/* Octets of a request line beside its target: a method as long as any that is
 * registered, two spaces, the version.
 */
#define REQUEST_LINE_REST 64

#define LENGTH_DIGITS 18 /* a uint64_t holds any number of so many digits */

enum octet_class {
	TOKEN = 1,  /* of names and methods */
	VALUE = 2,  /* of field values and reasons: no controls but TAB */
	TARGET = 4, /* visible ASCII but '#' */
};

#define A (VALUE | TARGET | TOKEN)
#define D (VALUE | TARGET)

static const uint8_t octet_class[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = A,
	['"'] = D,
	['#'] = VALUE | TOKEN,
	['$' ... '\''] = A,
	['(' ... ')'] = D,
	['*' ... '+'] = A,
	[','] = D,
	['-' ... '.'] = A,
	['/'] = D,
	['0' ... '9'] = A,
	[':' ... '@'] = D,
	['A' ... 'Z'] = A,
	['[' ... ']'] = D,
	['^' ... 'z'] = A,
	['{'] = D,
	['|'] = A,
	['}'] = D,
	['~'] = A,
	[0x80 ... 0xff] = VALUE, /* obs-text, passed on as it is */
};

#undef A
#undef D

/* How many octets of s, from its beginning, are of the class. */
static size_t span(struct slice s, uint8_t class)
{
	size_t i = 0;

	while (i < s.len && octet_class[(uint8_t)s.ptr[i]] & class)
		i++;
	return i;
}

bool h1_is_token(struct slice s)
{
	return s.len && span(s, TOKEN) == s.len;
}

static int fail(struct h1_head *h, enum http_fault fault, const char *why)
{
	h->fault = fault;
	h->why = why;
	return ERR_SYNTAX;
}

static int scan_version(struct h1_head *h, struct slice version)
{
	const char *p = version.ptr;

	if (version.len != 8 || !slice_starts(version, SLICE("HTTP/")) ||
	    !ascii_is_digit(p[5]) || p[6] != '.' || !ascii_is_digit(p[7]))
		return fail(h, HTTP_FAULT_SYNTAX, "malformed start line");
	if (p[5] != '1' || p[7] > '1')
		return fail(h, HTTP_FAULT_VERSION,
			    "neither HTTP/1.0 nor HTTP/1.1");
	h->v1_1 = p[7] == '1';
	return 0;
}

static int scan_request_line(struct h1_head *h, struct slice line)
{
	struct slice method, target, rest;

	(void)slice_cut(line, ' ', &method, &rest);
	(void)slice_cut(rest, ' ', &target, &rest);
	if (!h1_is_token(method))
		return fail(h, HTTP_FAULT_SYNTAX, "malformed method");
	if (!target.len || span(target, TARGET) != target.len)
		return fail(h, HTTP_FAULT_SYNTAX,
			    "octet not allowed in the request target");
	if (target.len > h->limits->target_bytes)
		return fail(h, HTTP_FAULT_URI_LONG, "request target too long");
	h->method_len = method.len;
	h->target_len = target.len;
	return scan_version(h, rest);
}

static int scan_status_line(struct h1_head *h, struct slice line)
{
	struct slice version, code, reason;
	unsigned int status = 0;

	(void)slice_cut(line, ' ', &version, &code);
	if (scan_version(h, version))
		return ERR_SYNTAX;
	(void)slice_cut(code, ' ', &code, &reason);
	for (size_t i = 0; i < code.len && ascii_is_digit(code.ptr[i]); i++)
		status = status * 10 + (unsigned int)(code.ptr[i] - '0');
	if (code.len != 3 || status < 100 || status > 599)
		return fail(h, HTTP_FAULT_SYNTAX, "malformed status");
	if (span(reason, VALUE) != reason.len)
		return fail(h, HTTP_FAULT_SYNTAX, "malformed reason phrase");
	h->status = (uint16_t)status;
	return 0;
}

static int scan_length(struct h1_head *h, struct slice value)
{
	uint64_t length = 0;

	if (h->has_length)
		return fail(h, HTTP_FAULT_SYNTAX, "two Content-Lengths");
	if (!value.len || value.len > LENGTH_DIGITS)
		return fail(h, HTTP_FAULT_SYNTAX, "malformed Content-Length");
	for (size_t i = 0; i < value.len; i++) {
		if (!ascii_is_digit(value.ptr[i]))
			return fail(h, HTTP_FAULT_SYNTAX,
				    "malformed Content-Length");
		length = length * 10 + (uint64_t)(value.ptr[i] - '0');
	}
	h->has_length = true;
	h->length = length;
	return 0;
}

/* The fields that decide where a message ends and whom it is for. */
static int scan_known_field(struct h1_head *h, struct slice name,
			    struct slice value)
{
	if (h->kind == H1_TRAILER)
		return 0;
	if (slice_ieq(name, SLICE("host"))) {
		h->hosts++;
	} else if (slice_ieq(name, SLICE("content-length"))) {
		return scan_length(h, slice_trim(value));
	} else if (slice_ieq(name, SLICE("transfer-encoding"))) {
		if (h->chunked)
			return fail(h, HTTP_FAULT_SYNTAX,
				    "two Transfer-Encodings");
		if (!slice_ieq(slice_trim(value), SLICE("chunked")))
			return fail(h, HTTP_FAULT_SYNTAX,
				    "Transfer-Encoding other than chunked");
		h->chunked = true;
	}
	return 0;
}

static int scan_field(struct h1_head *h, struct slice line)
{
	size_t len = span(line, TOKEN);
	struct slice name = slice_of(line.ptr, len);
	struct slice value;

	if (++h->fields > h->limits->fields)
		return fail(h, HTTP_FAULT_HEAD_LONG, "too many fields");
	if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
		return fail(h, HTTP_FAULT_SYNTAX, "folded field line");
	if (!len || len == line.len || line.ptr[len] != ':')
		return fail(h, HTTP_FAULT_SYNTAX, "malformed field name");
	if (http_is_framing_twin(name))
		return fail(h, HTTP_FAULT_SYNTAX,
			    "underscore in the name of a framing field");
	value = slice_skip(line, len + 1);
	if (span(value, VALUE) != value.len)
		return fail(h, HTTP_FAULT_SYNTAX,
			    "control octet in a field value");
	return scan_known_field(h, name, value);
}

/* The empty line was read: does the whole make sense? */
static int scan_end(struct h1_head *h)
{
	if (h->kind != H1_TRAILER && !h->started)
		return fail(h, HTTP_FAULT_SYNTAX, "malformed start line");
	if (h->kind == H1_REQUEST && h->v1_1 && h->hosts == 0)
		return fail(h, HTTP_FAULT_SYNTAX, "no Host");
	if (h->kind == H1_REQUEST && h->hosts > 1)
		return fail(h, HTTP_FAULT_SYNTAX, "more than one Host");
	if (h->chunked && h->has_length)
		return fail(h, HTTP_FAULT_SYNTAX,
			    "Content-Length and Transfer-Encoding");
	if (h->chunked && !h->v1_1)
		return fail(h, HTTP_FAULT_SYNTAX,
			    "Transfer-Encoding in HTTP/1.0");
	return 1;
}

/* line is whole and without its CRLF. Returns 1 if it ends the head. */
static int scan_line(struct h1_head *h, struct slice line)
{
	if (!line.len)
		return scan_end(h);
	if (h->started || h->kind == H1_TRAILER)
		return scan_field(h, line);
	h->started = true;
	return h->kind == H1_REQUEST ? scan_request_line(h, line)
				     : scan_status_line(h, line);
}

/* Is what we hold, of which end octets are known to belong to the head, too
 * much of it?
 */
static int scan_limits(struct h1_head *h, size_t end)
{
	if (h->kind == H1_REQUEST && !h->started &&
	    end > h->limits->target_bytes + REQUEST_LINE_REST)
		return fail(h, HTTP_FAULT_URI_LONG, "request line too long");
	if (end > h->limits->head_bytes)
		return fail(h, HTTP_FAULT_HEAD_LONG, "head too long");
	return 0;
}

void h1_head_init(struct h1_head *h, enum h1_head_kind kind,
		  const struct http_limits *limits)
{
	*h = (struct h1_head){ .kind = kind, .limits = limits };
}

int h1_head_scan(struct h1_head *h, struct slice text, size_t *ret_len)
{
	while (h->seen < text.len) {
		struct slice line = slice_skip(text, h->line);
		ptrdiff_t at = slice_find(slice_skip(text, h->seen), '\n');
		size_t end = at < 0 ? text.len : h->seen + (size_t)at + 1;
		int done;

		if (scan_limits(h, end))
			return ERR_SYNTAX;
		h->seen = end;
		if (at < 0)
			return 0;
		line.len = end - h->line - 1;
		if (!line.len || line.ptr[line.len - 1] != '\r')
			return fail(h, HTTP_FAULT_SYNTAX, "LF without CR");
		line.len--;
		h->line = end;
		done = scan_line(h, line);
		if (done < 0)
			return done;
		if (done) {
			*ret_len = end;
			return 1;
		}
	}
	return 0;
}
