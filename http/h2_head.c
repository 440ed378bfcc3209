/* http/h2_head.c - a list of HTTP/2 fields becomes a head. */

#include "http/h2_head.h"

#include "base/base.h"
#include "http/authority.h"
#include "http/target.h"

#define FIELD_COST    32 /* octets beside name and value, RFC 9113, 6.5.2 */
#define LENGTH_DIGITS 19 /* of a content-length; always fits 64 bits */

void h2_head_begin(struct h2_head *h, enum h2_head_kind kind,
		   struct arena *arena, const struct http_limits *limits,
		   struct slice scheme)
{
	*h = (struct h2_head){
		.limits = limits,
		.arena = arena,
		.head = http_head_new(arena),
		.scheme = scheme,
		.kind = kind,
	};
	if (!h->head)
		h->fault = HTTP_FAULT_OURS;
	else
		h->head->version = HTTP_2;
}

static void head_fail(struct h2_head *h, enum http_fault fault,
		      struct slice detail)
{
	h->fault = fault;
	h->detail = detail;
	h->head = NULL;
}

static void head_bad(struct h2_head *h, struct slice detail)
{
	head_fail(h, HTTP_FAULT_SYNTAX, detail);
}

/* Returns text where it may stay, or NULL in ptr when memory is out. */
static struct slice head_keep(struct h2_head *h, struct slice text,
			      bool is_static)
{
	struct slice kept = { NULL, 0 };

	if (is_static)
		return text;
	if (arena_copy(h->arena, text, &kept))
		head_fail(h, HTTP_FAULT_OURS, SLICE("memory of the exchange"));
	return kept;
}

/* Three digits, 100 to 599. 101 has no meaning in HTTP/2 (RFC 9113, 8.6). */
static void head_status(struct h2_head *h, struct slice v)
{
	bool bad = v.len != 3;
	unsigned int status = 0;

	for (size_t i = 0; i < v.len && !bad; i++) {
		bad = v.ptr[i] < '0' || v.ptr[i] > '9';
		status = status * 10 + (unsigned int)(v.ptr[i] - '0');
	}
	if (bad || status < 100 || status > 599 || status == 101)
		head_bad(h, SLICE("status is not one of 100 to 599"));
	else
		h->head->status = (uint16_t)status;
}

static void head_pseudo(struct h2_head *h, const struct h2_field *f)
{
	struct slice *to = NULL;

	if (slice_eq(f->name, SLICE(":status")) &&
	    h->kind == H2_HEAD_RESPONSE) {
		head_status(h, f->value);
		return;
	}
	if (h->kind == H2_HEAD_REQUEST) {
		if (slice_eq(f->name, SLICE(":method")))
			to = &h->head->method;
		else if (slice_eq(f->name, SLICE(":scheme")))
			to = &h->head->scheme;
		else if (slice_eq(f->name, SLICE(":authority")))
			to = &h->head->authority;
		else if (slice_eq(f->name, SLICE(":path")))
			to = &h->head->path;
	}
	if (!to || to->ptr) {
		head_bad(h, SLICE("pseudo-field out of place"));
		return;
	}
	if (to == &h->head->path && f->value.len > h->limits->target_bytes)
		head_fail(h, HTTP_FAULT_URI_LONG, SLICE(":path too long"));
	else
		*to = head_keep(h, f->value, f->value_static);
}

static void head_length(struct h2_head *h, struct slice v)
{
	uint64_t length = 0;
	bool bad = !v.len || v.len > LENGTH_DIGITS || h->head->has_length;

	for (size_t i = 0; i < v.len && !bad; i++) {
		bad = v.ptr[i] < '0' || v.ptr[i] > '9';
		length = length * 10 + (uint64_t)(v.ptr[i] - '0');
	}
	if (bad) {
		head_bad(h, SLICE("content-length is not one number"));
		return;
	}
	h->head->has_length = true;
	h->head->content_length = length;
}

/* Fields that frame, route or authenticate a message come before its body or
 * not at all (RFC 9110, 6.5.1).
 */
static bool head_forbids(struct slice name)
{
	static const struct slice forbidden[] = {
		{ "host", 4 },
		{ "content-length", 14 },
		{ "te", 2 },
		{ "trailer", 7 },
		{ "expect", 6 },
		{ "authorization", 13 },
		{ "cookie", 6 },
		{ "set-cookie", 10 },
		{ "content-range", 13 },
		{ "content-encoding", 16 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
		if (slice_eq(name, forbidden[i]))
			return true;
	return false;
}

/* Takes out, or notes, the fields that mean something to a codec. Returns true
 * if the field is to be kept.
 */
static bool head_special(struct h2_head *h, const struct h2_field *f,
			 struct slice value)
{
	switch (f->name.len) {
	case 4:
		if (h->kind != H2_HEAD_REQUEST ||
		    !slice_eq(f->name, SLICE("host")))
			return true;
		if (h->host.ptr || !value.len)
			head_bad(h, SLICE("host is empty or double"));
		else
			h->host = head_keep(h, value, false);
		return false;
	case 6:
		if (slice_eq(f->name, SLICE("cookie"))) {
			h->cookies++;
			h->cookie_bytes += (uint32_t)value.len + 2;
		} else if (slice_eq(f->name, SLICE("expect")) &&
			   slice_ieq(value, SLICE("100-continue")))
			h->head->expect_continue = true;
		return true;
	case 14:
		if (!slice_eq(f->name, SLICE("content-length")))
			return true;
		head_length(h, value);
		return false;
	case 19: /* for the proxy alone (RFC 9110, section 11.7.2) */
		if (h->kind != H2_HEAD_REQUEST ||
		    !slice_eq(f->name, SLICE("proxy-authorization")))
			return true;
		h->head->proxy_authorization = head_keep(h, value, false);
		return false;
	}
	return true;
}

static void head_regular(struct h2_head *h, const struct h2_field *f)
{
	struct http_head *head = h->head;
	struct slice value = slice_trim(f->value);
	struct slice name;

	if (http_is_framing_twin(f->name)) {
		head_bad(h, SLICE("underscore in the name of a framing field"));
		return;
	}
	if (h->kind == H2_HEAD_TRAILERS && head_forbids(f->name)) {
		head_bad(h, SLICE("field not allowed in trailers"));
		return;
	}
	if (h->kind != H2_HEAD_TRAILERS && !head_special(h, f, value))
		return;
	name = head_keep(h, f->name, f->name_static);
	if (h->fault)
		return;
	value = head_keep(h, value, f->value_static);
	if (h->fault)
		return;
	if (http_head_add(h->arena, head, name, value))
		head_fail(h, HTTP_FAULT_OURS, SLICE("memory of the exchange"));
	else
		head->fields[head->fields_len - 1].sensitive = f->sensitive;
}

void h2_head_field(struct h2_head *h, const struct h2_field *f)
{
	uint64_t bytes =
		(uint64_t)h->bytes + f->name.len + f->value.len + FIELD_COST;

	if (h->fault)
		return;
	if (bytes > h->limits->head_bytes || h->fields == h->limits->fields) {
		head_fail(h, HTTP_FAULT_HEAD_LONG, SLICE("too many fields"));
		return;
	}
	h->bytes = (uint32_t)bytes;
	h->fields++;
	if (f->name.len && f->name.ptr[0] == ':')
		head_pseudo(h, f);
	else
		head_regular(h, f);
}

/* Cookie crumbs, which HPACK likes apart, are one field everywhere else
 * (RFC 9113, 8.2.3). They go where the first one stood. An empty one is left
 * out: at the end, the blank of its joint would make the field malformed.
 */
static void head_join_cookies(struct h2_head *h)
{
	struct http_head *head = h->head;
	struct http_field *first = NULL;
	uint32_t kept = 0;
	size_t len = 0;
	char *text = arena_alloc(h->arena, h->cookie_bytes);

	if (!text) {
		head_fail(h, HTTP_FAULT_OURS, SLICE("memory of the exchange"));
		return;
	}
	for (uint32_t i = 0; i < head->fields_len; i++) {
		struct http_field *f = &head->fields[i];

		if (!slice_eq(f->name, SLICE("cookie"))) {
			head->fields[kept++] = *f;
			continue;
		}
		if (len && f->value.len) {
			text[len++] = ';';
			text[len++] = ' ';
		}
		if (f->value.len)
			memcpy(text + len, f->value.ptr, f->value.len);
		len += f->value.len;
		if (!first) {
			first = &head->fields[kept++];
			*first = *f;
		}
		first->sensitive |= f->sensitive;
	}
	assert(first); /* there were two crumbs at least */
	first->value = slice_of(text, len);
	head->fields_len = kept;
	/* cookie_bytes counts a joint with each crumb. */
	head->bytes -= (h->cookies - 1) * (FIELD_COST + 6);
	head->bytes -= h->cookie_bytes - 2 * h->cookies - (uint32_t)len;
}

/* Both name the same host and port. A port may be left out where it is the
 * scheme's own.
 */
static bool head_same(const struct authority *a, const struct authority *b,
		      struct slice scheme)
{
	uint16_t usual = slice_eq(scheme, SLICE("https")) ? 443 : 80;

	return slice_eq(authority_host(a), authority_host(b)) &&
	       (a->port ? a->port : usual) == (b->port ? b->port : usual);
}

/* :authority says where to; host, where it is there too, must say the same
 * (RFC 9113, 8.3.1).
 */
static void head_authority(struct h2_head *h)
{
	struct http_head *head = h->head;
	struct authority to, host;

	if (!head->authority.ptr)
		head->authority = h->host;
	if (authority_parse(head->authority, &to))
		head_bad(h, SLICE(":authority is not host[:port]"));
	else if (h->host.ptr && authority_parse(h->host, &host))
		head_bad(h, SLICE("host is not host[:port]"));
	else if (h->host.ptr && !head_same(&to, &host, h->scheme))
		head_bad(h, SLICE(":authority and host differ"));
	else if (slice_eq(head->method, SLICE("CONNECT")) && !to.port)
		head_bad(h, SLICE("CONNECT without a port"));
}

static bool head_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if ((ascii_lower(c) < 'a' || ascii_lower(c) > 'z') &&
		    (c < '0' || c > '9') &&
		    (!c || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return s.len != 0;
}

/* Methods are case-sensitive, but many frameworks make them upper case before
 * they look: "delete" must not pass where DELETE is denied. No registered one
 * has a lower-case letter, and over HTTP/1 none gets in.
 */
static bool head_method(struct slice method)
{
	for (size_t i = 0; i < method.len; i++)
		if (method.ptr[i] >= 'a' && method.ptr[i] <= 'z')
			return false;
	return true;
}

static void head_target(struct h2_head *h)
{
	struct http_head *head = h->head;
	const char *why = NULL;
	struct target t;

	if (!slice_eq(head->scheme, h->scheme))
		head_bad(h, SLICE(":scheme is not the connection's"));
	else if (target_parse(head->method, head->path, &t, &why))
		head_bad(h, slice_str(why));
	else if (t.form != TARGET_ORIGIN && t.form != TARGET_ASTERISK)
		head_bad(h, SLICE(":path is not a path"));
}

static void head_request(struct h2_head *h, bool over)
{
	struct http_head *head = h->head;

	if (!head_token(head->method)) {
		head_bad(h, SLICE(":method is not a token"));
		return;
	}
	if (!head_method(head->method)) {
		head_fail(h, HTTP_FAULT_METHOD, SLICE("unknown method"));
		return;
	}
	head_authority(h);
	if (!h->fault && !slice_eq(head->method, SLICE("CONNECT")))
		head_target(h);
	else if (!h->fault && (head->scheme.ptr || head->path.ptr))
		head_bad(h, SLICE("CONNECT with :scheme or :path"));
	if (h->fault)
		return;
	if (head->has_length)
		head->framing = HTTP_LENGTH;
	else
		head->framing = over ? HTTP_NO_BODY : HTTP_STREAM;
}

static void head_response(struct h2_head *h, bool over, bool bodyless)
{
	struct http_head *head = h->head;

	if (!head->status)
		head_bad(h, SLICE("no :status"));
	else if (head->status < 200 && over)
		head_bad(h, SLICE("an interim response that ends"));
	else if (bodyless || head->status < 200 || head->status == 204 ||
		 head->status == 304)
		head->framing = HTTP_NO_BODY;
	else if (head->has_length || over)
		head->framing = HTTP_LENGTH;
	else
		head->framing = HTTP_STREAM;
}

struct http_head *h2_head_end(struct h2_head *h, bool over, bool bodyless)
{
	if (!h->fault && h->cookies > 1)
		head_join_cookies(h);
	if (h->fault)
		return NULL;
	if (h->kind == H2_HEAD_REQUEST)
		head_request(h, over);
	else if (h->kind == H2_HEAD_RESPONSE)
		head_response(h, over, bodyless);
	return h->head;
}

static void extra_add(struct h2_extra *x, struct slice name, struct slice value)
{
	assert(x->len < H2_EXTRA_MAX);
	x->fields[x->len++] =
		(struct http_field){ .name = name, .value = value };
}

/* Decimal digits of n, flush right in text. */
static struct slice extra_digits(char *text, size_t size, uint64_t n)
{
	size_t at = size;

	do {
		text[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n && at);
	return slice_of(text + at, size - at);
}

void h2_head_extra(const struct http_head *head, struct slice scheme,
		   struct h2_extra *x)
{
	bool interim = head->status && head->status < 200;

	x->len = 0;
	if (head->status) {
		extra_add(x, SLICE(":status"),
			  extra_digits(x->status, sizeof(x->status),
				       head->status));
	} else {
		extra_add(x, SLICE(":method"), head->method);
		if (!slice_eq(head->method, SLICE("CONNECT"))) {
			extra_add(x, SLICE(":scheme"), scheme);
			extra_add(x, SLICE(":path"), head->path);
		}
		extra_add(x, SLICE(":authority"), head->authority);
	}
	x->pseudo = x->len;
	/* RFC 9110, 8.6: not in 1xx and 204. */
	if (head->has_length && !interim && head->status != 204)
		extra_add(x, SLICE("content-length"),
			  extra_digits(x->length, sizeof(x->length),
				       head->content_length));
}
