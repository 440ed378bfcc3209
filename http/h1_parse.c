/* http/h1_parse.c - the parser library behind a narrow door.
 *
 * llhttp reads each octet of a message, but is never trusted with the
 * decisions that matter:
 *
 *   - It gets a head only whole and after h1_head_scan(), in one call, so that
 *     each name and value it reports is one run of octets.
 *   - It is set up anew for each message, and pauses where the message ends; no
 *     state and no octet passes from one message to the next.
 *   - Upgrade and CONNECT would have it stop parsing for good. It is told that
 *     there was none; what switches protocols is decided elsewhere.
 *   - Trailers are a second head: it pauses before them, they are scanned, and
 *     are then parsed in one call like the first.
 *
 * The only file that includes llhttp.h.
 */

#include "http/h1_parse.h"

#include <errno.h>
#include <stdlib.h>

#include <llhttp.h>

#include "base/base.h"
#include "base/err.h"
#include "http/h1_message.h"

#if LLHTTP_VERSION_MAJOR < 9 &&                                                \
	(!defined(LLHTTP_STRICT_MODE) || LLHTTP_STRICT_MODE != 1)
#error "llhttp before version 9 must be built with LLHTTP_STRICT_MODE=1"
#endif

struct h1_parse {
	llhttp_t lib;
	enum http_role role;
	struct slice method; /* borrowed; response: of what it answers */
	char *text;	     /* borrowed; the head being parsed */
	struct http_head *head;
	struct slice url, name, value; /* seen so far, within text */
	struct buf *body;	       /* borrowed, during h1_parse_body() */
	uint16_t flags;	 /* the library's, when the head was whole */
	uint64_t length; /* its content length, then */
	bool whole;	 /* the head was */
	bool trailers;	 /* the last chunk's size was read */
	bool over;	 /* the message has ended */
	bool oom;
	enum http_fault fault;
	const char *why; /* static */
};

/* Lengthen *s by what follows it directly. */
static int extend(struct slice *s, const char *at, size_t len)
{
	if (s->ptr && s->ptr + s->len != at)
		return -1;
	if (!s->ptr)
		s->ptr = at;
	s->len += len;
	return 0;
}

static int on_url(llhttp_t *lib, const char *at, size_t len)
{
	struct h1_parse *p = lib->data;

	return extend(&p->url, at, len);
}

static int on_header_field(llhttp_t *lib, const char *at, size_t len)
{
	struct h1_parse *p = lib->data;

	return extend(&p->name, at, len);
}

static int on_header_value(llhttp_t *lib, const char *at, size_t len)
{
	struct h1_parse *p = lib->data;

	return extend(&p->value, at, len);
}

static int on_header_value_complete(llhttp_t *lib)
{
	struct h1_parse *p = lib->data;
	char *name = p->text + (p->name.ptr - p->text);

	if (!p->name.len || p->head->fields_len == p->head->fields_cap)
		return -1;
	for (size_t i = 0; i < p->name.len; i++)
		name[i] = ascii_lower(name[i]);
	/* There is room, so nothing is allocated. */
	(void)http_head_add(NULL, p->head, p->name, slice_trim(p->value));
	p->name = p->value = slice_of(NULL, 0);
	return 0;
}

static int on_headers_complete(llhttp_t *lib)
{
	struct h1_parse *p = lib->data;

	p->whole = true;
	p->flags = lib->flags;
	p->length = lib->content_length;
	lib->upgrade = 0;
	return p->role == HTTP_CLIENT &&
	       h1_is_bodiless(p->method, lib->status_code);
}

static int on_body(llhttp_t *lib, const char *at, size_t len)
{
	struct h1_parse *p = lib->data;

	if (!p->body)
		return -1;
	if (buf_append(p->body, at, len)) {
		p->oom = true;
		return -1;
	}
	return 0;
}

static int on_chunk_header(llhttp_t *lib)
{
	struct h1_parse *p = lib->data;

	if (lib->content_length)
		return 0;
	p->trailers = true;
	return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *lib)
{
	struct h1_parse *p = lib->data;

	p->over = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_header_value_complete = on_header_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_chunk_header = on_chunk_header,
	.on_message_complete = on_message_complete,
};

int h1_parse_new(enum http_role role, struct h1_parse **ret)
{
	struct h1_parse *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->role = role;
	*ret = p;
	return 0;
}

void h1_parse_free(struct h1_parse **p)
{
	free(*p);
	*p = NULL;
}

static int fail(struct h1_parse *p, enum http_fault fault, const char *why)
{
	p->fault = fault;
	p->why = why ? why : "malformed message";
	return ERR_SYNTAX;
}

/* Run the library over text. Returns 0 with *ret_used, or ERR_SYNTAX. */
static int feed(struct h1_parse *p, struct slice text, size_t *ret_used)
{
	llhttp_errno_t err = llhttp_execute(&p->lib, text.ptr, text.len);

	if (err == HPE_OK) {
		*ret_used = text.len;
		return 0;
	}
	if (err == HPE_PAUSED) {
		*ret_used = (size_t)(llhttp_get_error_pos(&p->lib) - text.ptr);
		llhttp_resume(&p->lib);
		return 0;
	}
	if (err == HPE_INVALID_METHOD)
		return fail(p, HTTP_FAULT_METHOD, "unknown method");
	return fail(p, HTTP_FAULT_SYNTAX, llhttp_get_error_reason(&p->lib));
}

/* Does a message with this head end with it? */
static bool ends_with_head(const struct h1_parse *p, const struct h1_head *scan)
{
	if (p->role == HTTP_CLIENT && h1_is_bodiless(p->method, scan->status))
		return true;
	if (p->role == HTTP_CLIENT && !scan->chunked && !scan->has_length)
		return false;
	return !scan->chunked && scan->length == 0;
}

/* Did the library see the head that the scan saw? */
static bool agrees(const struct h1_parse *p, const struct h1_head *scan)
{
	const llhttp_t *lib = &p->lib;
	struct slice method = slice_of(p->text, scan->method_len);
	struct slice url =
		slice_of(p->text + scan->method_len + 1, scan->target_len);

	if (!p->whole || lib->http_major != 1 ||
	    (lib->http_minor == 1) != scan->v1_1 ||
	    p->head->fields_len != scan->fields)
		return false;
	if (((p->flags & F_CHUNKED) != 0) != scan->chunked ||
	    ((p->flags & F_CONTENT_LENGTH) != 0) != scan->has_length ||
	    (scan->has_length && p->length != scan->length) ||
	    p->over != ends_with_head(p, scan))
		return false;
	if (scan->kind == H1_RESPONSE)
		return lib->status_code == scan->status;
	return slice_eq(p->url, url) &&
	       slice_eq(method, slice_str(llhttp_method_name(
					(llhttp_method_t)lib->method)));
}

static void begin(struct h1_parse *p, char *text, struct http_head *head)
{
	p->text = text;
	p->head = head;
	p->url = p->name = p->value = slice_of(NULL, 0);
	p->trailers = p->over = false;
}

int h1_parse_head(struct h1_parse *p, const struct h1_head *scan, char *text,
		  struct slice method, struct http_head *ret)
{
	bool server = p->role == HTTP_SERVER;
	size_t used;

	begin(p, text, ret);
	p->method = method;
	p->whole = p->oom = false;
	llhttp_init(&p->lib, server ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	p->lib.data = p;
	if (feed(p, slice_of(text, scan->seen), &used))
		return ERR_SYNTAX;
	if (used != scan->seen || !agrees(p, scan))
		return fail(p, HTTP_FAULT_SYNTAX, "ambiguous head");
	return 0;
}

int h1_parse_body(struct h1_parse *p, struct slice text, struct buf *body,
		  size_t *ret_used)
{
	int err;

	p->body = body;
	err = feed(p, text, ret_used);
	p->body = NULL;
	if (p->oom)
		return -ENOMEM;
	if (err)
		return err;
	if (p->over)
		return H1_PARSED_OVER;
	return p->trailers ? H1_PARSED_TRAILERS : H1_PARSED_MORE;
}

int h1_parse_trailers(struct h1_parse *p, const struct h1_head *scan,
		      char *text, struct http_head *ret)
{
	size_t used;

	begin(p, text, ret);
	if (feed(p, slice_of(text, scan->seen), &used))
		return ERR_SYNTAX;
	if (used != scan->seen || !p->over || ret->fields_len != scan->fields)
		return fail(p, HTTP_FAULT_SYNTAX, "ambiguous trailers");
	return 0;
}

enum http_fault h1_parse_fault(const struct h1_parse *p, const char **ret_why)
{
	*ret_why = p->why;
	return p->fault;
}

/* What only a lenient build of the library accepts. */
static const char *const lenient_only[] = {
	"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
	"GET / HTTP/1.1\r\nX:\rContent-Length: 9\r\n\r\n",
	"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	"4\r\nABCDXX0\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 1\r\n"
	"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nA",
};

int h1_parse_self_test(void)
{
	static const llhttp_settings_t none;

	for (size_t i = 0; i < ARRAY_SIZE(lenient_only); i++) {
		struct slice text = slice_str(lenient_only[i]);
		llhttp_t lib;

		llhttp_init(&lib, HTTP_REQUEST, &none);
		if (llhttp_execute(&lib, text.ptr, text.len) == HPE_OK)
			return ERR_PROTO;
	}
	return 0;
}
