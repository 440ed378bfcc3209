/* http/h1_message.c - what the fields of an HTTP/1 head mean. */

#include "http/h1_message.h"

#include "base/base.h"
#include "base/err.h"
#include "http/target.h"

/* Each option is compared with each field; nobody sends more than four. */
#define OPTIONS_MAX 16

/* What the Connection fields of one head say. */
struct hop {
	struct slice options[OPTIONS_MAX]; /* but close and keep-alive */
	size_t options_len;
	bool close;
	bool keep_alive;
};

#define NAME(text)                                                             \
	{                                                                      \
		.ptr = (text), .len = sizeof(text) - 1                         \
	}

/* Of this hop only (RFC 9110, section 7.6.1), or kept elsewhere in the head. */
static const struct slice hop_names[] = {
	NAME("connection"),
	NAME("content-length"),
	NAME("host"),
	NAME("http2-settings"),
	NAME("keep-alive"),
	NAME("proxy-authenticate"),
	NAME("proxy-authorization"),
	NAME("proxy-connection"),
	NAME("transfer-encoding"),
	NAME("upgrade"),
};

/* A Connection field that names one of these would have us take out what the
 * message is about.
 */
static const struct slice end_to_end_names[] = {
	NAME("authorization"),	NAME("cache-control"), NAME("content-encoding"),
	NAME("content-length"), NAME("content-range"), NAME("content-type"),
	NAME("cookie"),		NAME("expect"),	       NAME("host"),
	NAME("location"),	NAME("range"),	       NAME("set-cookie"),
};

/* Framing, routing, authentication, request modifiers, response control and
 * content format (RFC 9110, section 6.5.1).
 */
static const struct slice head_only_names[] = {
	NAME("age"),
	NAME("authorization"),
	NAME("cache-control"),
	NAME("connection"),
	NAME("content-encoding"),
	NAME("content-length"),
	NAME("content-location"),
	NAME("content-range"),
	NAME("content-type"),
	NAME("cookie"),
	NAME("date"),
	NAME("expect"),
	NAME("expires"),
	NAME("host"),
	NAME("http2-settings"),
	NAME("keep-alive"),
	NAME("location"),
	NAME("max-forwards"),
	NAME("proxy-authenticate"),
	NAME("proxy-authorization"),
	NAME("proxy-connection"),
	NAME("range"),
	NAME("retry-after"),
	NAME("set-cookie"),
	NAME("te"),
	NAME("trailer"),
	NAME("transfer-encoding"),
	NAME("upgrade"),
	NAME("vary"),
	NAME("www-authenticate"),
};

static bool is_among(const struct slice *names, size_t len, struct slice name)
{
	for (size_t i = 0; i < len; i++)
		if (slice_ieq(names[i], name))
			return true;
	return false;
}

bool h1_is_bodiless(struct slice method, unsigned int status)
{
	return status < 200 || status == 204 || status == 304 ||
	       slice_eq(method, SLICE("HEAD"));
}

static const char *add_option(struct hop *hop, struct slice option)
{
	if (!option.len)
		return NULL;
	if (!h1_is_token(option))
		return "malformed Connection";
	if (slice_ieq(option, SLICE("close"))) {
		hop->close = true;
		return NULL;
	}
	if (slice_ieq(option, SLICE("keep-alive"))) {
		hop->keep_alive = true;
		return NULL;
	}
	if (is_among(end_to_end_names, ARRAY_SIZE(end_to_end_names), option))
		return "Connection names an end-to-end field";
	if (hop->options_len == OPTIONS_MAX)
		return "too many Connection options";
	hop->options[hop->options_len++] = option;
	return NULL;
}

static const char *read_options(const struct http_head *head, struct hop *hop)
{
	for (uint32_t i = 0; i < head->fields_len; i++) {
		struct slice rest = head->fields[i].value;
		struct slice option;
		const char *why = NULL;
		bool more = true;

		if (!slice_eq(head->fields[i].name, SLICE("connection")))
			continue;
		while (more && !why) {
			more = slice_cut(rest, ',', &option, &rest);
			why = add_option(hop, slice_trim(option));
		}
		if (why)
			return why;
	}
	return NULL;
}

static bool has_member(struct slice list, struct slice member)
{
	struct slice item;
	bool more;

	do {
		more = slice_cut(list, ',', &item, &list);
		if (slice_ieq(slice_trim(item), member))
			return true;
	} while (more);
	return false;
}

/* Take out what is of this hop only. TE stays if it says that trailers are
 * welcome, which each hop may say anew, and says nothing else then.
 */
static void take_hop_fields(struct http_head *head, const struct hop *hop)
{
	uint32_t kept = 0;

	head->bytes = 0;
	for (uint32_t i = 0; i < head->fields_len; i++) {
		struct http_field f = head->fields[i];

		if (slice_eq(f.name, SLICE("te"))) {
			if (!has_member(f.value, SLICE("trailers")))
				continue;
			f.value = SLICE("trailers");
		} else if (is_among(hop_names, ARRAY_SIZE(hop_names), f.name) ||
			   is_among(hop->options, hop->options_len, f.name)) {
			continue;
		}
		head->fields[kept++] = f;
		head->bytes += (uint32_t)(f.name.len + f.value.len + 32);
	}
	head->fields_len = kept;
}

static struct slice value_of(const struct http_head *head, struct slice name)
{
	const struct http_field *f = http_head_find(head, name);

	return f ? f->value : slice_of(NULL, 0);
}

static uint16_t port_of(const struct authority *a, uint16_t otherwise)
{
	return a->port ? a->port : otherwise;
}

/* The authority of an absolute or CONNECT target, and Host if there is one,
 * must be the same. Host's spelling is the one kept: signatures cover it.
 */
static const char *agree(const struct target *t, struct slice scheme,
			 bool has_host, struct slice *authority)
{
	bool connect = t->form == TARGET_AUTHORITY;
	uint16_t otherwise = slice_ieq(scheme, SLICE("https")) ? 443 : 80;
	struct authority a, b;

	if (authority_parse(t->authority, &a))
		return "malformed authority in the target";
	if (!has_host) {
		*authority = t->authority;
		return NULL;
	}
	if (authority_parse(*authority, &b))
		return "malformed Host";
	if (connect)
		otherwise = a.port;
	if (!slice_eq(authority_host(&a), authority_host(&b)) ||
	    port_of(&a, otherwise) != port_of(&b, otherwise))
		return connect ? "CONNECT target and Host differ"
			       : "absolute-form target and Host differ";
	if (connect)
		*authority = t->authority;
	return NULL;
}

static const char *set_authority(struct http_head *head,
				 const struct h1_head *scan,
				 const struct target *t)
{
	struct slice host = value_of(head, SLICE("host"));
	const char *why = NULL;
	struct authority a;

	if (t->form == TARGET_ABSOLUTE && !slice_ieq(t->scheme, head->scheme))
		return "the target's scheme is not the connection's";
	if (t->form == TARGET_ABSOLUTE || t->form == TARGET_AUTHORITY)
		why = agree(t, head->scheme, scan->hosts > 0, &host);
	else if (!host.len)
		why = "no Host";
	else if (authority_parse(host, &a))
		why = "malformed Host";
	head->authority = host;
	return why;
}

static void set_length(struct http_head *head, const struct h1_head *scan)
{
	head->has_length = scan->has_length;
	head->content_length = scan->length;
	if (scan->chunked)
		head->framing = HTTP_STREAM;
	else if (scan->has_length)
		head->framing = HTTP_LENGTH;
	else
		head->framing = HTTP_NO_BODY;
}

static const char *read_request(struct http_head *head,
				const struct h1_head *scan, struct slice target,
				struct hop *hop)
{
	const char *why;
	struct target t;

	if (target_parse(head->method, target, &t, &why))
		return why;
	if (t.form == TARGET_AUTHORITY && (scan->chunked || scan->has_length))
		return "CONNECT with a body";
	head->path = t.path_query;
	why = set_authority(head, scan, &t);
	if (!why)
		why = read_options(head, hop);
	return why;
}

static bool may_keep(const struct h1_head *scan, const struct hop *hop)
{
	return !hop->close && (scan->v1_1 || hop->keep_alive);
}

/* Does the head ask for, or grant, a switch to WebSocket (RFC 6455, sections
 * 4.1 and 4.2)? Other protocols are not switched to; RFC 9110, section 7.8,
 * lets a server pass over the wish.
 */
static bool may_switch(const struct http_head *head, const struct hop *hop)
{
	return slice_ieq(value_of(head, SLICE("upgrade")),
			 SLICE("websocket")) &&
	       is_among(hop->options, hop->options_len, SLICE("upgrade"));
}

/* Only a GET of HTTP/1.1 without a body opens a WebSocket (RFC 6455, section
 * 4.1). The wish of any other request is passed over, so that a rule for
 * WebSockets lets nothing else through.
 */
static bool is_handshake(const struct http_head *head,
			 const struct h1_head *scan)
{
	return scan->v1_1 && slice_eq(head->method, SLICE("GET")) &&
	       !scan->has_length && !scan->chunked;
}

int h1_message_request(struct http_head *head, const struct h1_head *scan,
		       struct slice target, bool *ret_keep,
		       const char **ret_why)
{
	struct hop hop = { .options_len = 0 };
	const char *why = read_request(head, scan, target, &hop);

	if (why) {
		*ret_why = why;
		return ERR_SYNTAX;
	}
	set_length(head, scan);
	head->version = scan->v1_1 ? HTTP_1_1 : HTTP_1_0;
	head->upgrade = is_handshake(head, scan) && may_switch(head, &hop);
	head->proxy_authorization =
		value_of(head, SLICE("proxy-authorization"));
	/* RFC 9110, section 10.1.1: not from an HTTP/1.0 client. */
	head->expect_continue =
		scan->v1_1 && slice_ieq(value_of(head, SLICE("expect")),
					SLICE("100-continue"));
	take_hop_fields(head, &hop);
	*ret_keep = may_keep(scan, &hop);
	return 0;
}

static const char *check_status(const struct h1_head *scan)
{
	bool body = scan->chunked || scan->length > 0;

	if (scan->status < 200 && body)
		return "interim response with a body";
	return NULL;
}

int h1_message_response(struct http_head *head, const struct h1_head *scan,
			struct slice method, bool *ret_keep,
			const char **ret_why)
{
	struct hop hop = { .options_len = 0 };
	const char *why = check_status(scan);
	bool body = scan->chunked || scan->length > 0;

	if (!why)
		why = read_options(head, &hop);
	if (why) {
		*ret_why = why;
		return ERR_SYNTAX;
	}
	head->status = scan->status;
	head->version = scan->v1_1 ? HTTP_1_1 : HTTP_1_0;
	head->upgrade = scan->status == 101 && may_switch(head, &hop);
	set_length(head, scan);
	*ret_keep = may_keep(scan, &hop);
	if (h1_is_bodiless(method, scan->status)) {
		head->framing = HTTP_NO_BODY;
		/* A 204 that announces a body may well send it; what comes
		 * next on this connection is not to be trusted. */
		if (scan->status == 204 && body)
			*ret_keep = false;
		if (scan->status == 204 || scan->status < 200)
			head->has_length = false;
	} else if (head->framing == HTTP_NO_BODY) {
		head->framing = HTTP_CLOSE;
		*ret_keep = false;
	}
	take_hop_fields(head, &hop);
	return 0;
}

int h1_message_trailers(const struct http_head *trailers, const char **ret_why)
{
	for (uint32_t i = 0; i < trailers->fields_len; i++) {
		if (!is_among(head_only_names, ARRAY_SIZE(head_only_names),
			      trailers->fields[i].name))
			continue;
		*ret_why = "field not allowed in trailers";
		return ERR_SYNTAX;
	}
	return 0;
}
