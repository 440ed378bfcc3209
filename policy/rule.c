/* policy/rule.c - one line of the rule language: parsed, printed, kept.
 *
 * Parsing goes from left to right and stops at the first octet that is wrong.
 * Each step reads the line and appends the canonical spelling of what it read,
 * so a rule's text is printed by the parser itself, and parsing that text
 * again prints the same.
 */

#include "policy/rule.h"

#include <errno.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/glob.h"
#include "policy/host.h"
#include "policy/option.h"
#include "policy/text.h"

struct scheme {
	const char *name;
	uint16_t port; /* default; 0: the rule must say */
	bool http;     /* takes methods and git */
	bool path;
};

static const struct scheme schemes[] = {
	[RULE_HTTPS] = { "https", 443, true, true },
	[RULE_HTTP] = { "http", 80, true, true },
	[RULE_WSS] = { "wss", 443, false, true },
	[RULE_WS] = { "ws", 80, false, true },
	[RULE_TCP] = { "tcp", 0, false, false },
	[RULE_TLS] = { "tls", 443, false, false },
};
static_assert(ARRAY_SIZE(schemes) == RULE_SCHEMES, "a scheme without a row");

/* "any https://", an until= for a short for=, a name in A-labels. */
#define RULE_GROWTH_MAX 512

struct parse {
	struct slice line;
	size_t pos; /* next octet of line */
	struct text out;
	uint64_t now_s;
	bool has_methods;
	bool any;
	struct rule_error *err;
	struct rule rule; /* without its memory, which would follow */
};

int rule_fail(struct rule_error *ret, size_t at, const char *what,
	      struct slice detail)
{
	struct text t = text_in(ret->text, sizeof(ret->text));

	ret->column = (unsigned int)at + 1;
	text_put_str(&t, what);
	text_put(&t, detail);
	return ERR_SYNTAX;
}

static int fail(struct parse *p, size_t at, const char *what)
{
	return rule_fail(p->err, at, what, SLICE(""));
}

uint16_t rule_default_port(enum rule_scheme scheme)
{
	return schemes[scheme].port;
}

const char *rule_scheme_str(enum rule_scheme s)
{
	assert(s < RULE_SCHEMES);
	return schemes[s].name;
}

static struct rule_part part_since(const struct parse *p, size_t from)
{
	return (struct rule_part){ (uint16_t)from,
				   (uint16_t)(p->out.len - from) };
}

struct slice rule_word(struct slice line, size_t *pos)
{
	size_t end;

	while (*pos < line.len && line.ptr[*pos] == ' ')
		(*pos)++;
	end = *pos;
	while (end < line.len && line.ptr[end] != ' ')
		end++;
	return slice_of(line.ptr + *pos, end - *pos);
}

static struct slice peek_word(struct parse *p)
{
	return rule_word(p->line, &p->pos);
}

static int check_line(struct parse *p)
{
	if (p->line.len > RULE_LINE_MAX)
		return fail(p, RULE_LINE_MAX, "a rule has at most 2048 octets");
	for (size_t i = 0; i < p->line.len; i++) {
		unsigned char c = (unsigned char)p->line.ptr[i];

		if (c < ' ' || c == 0x7f)
			return fail(p, i,
				    "a control octet; words are "
				    "separated by blanks");
	}
	if (!peek_word(p).len)
		return fail(p, 0, "expected a rule");
	return 0;
}

bool rule_is_method(struct slice word)
{
	for (size_t i = 0; i < word.len; i++) {
		char c = word.ptr[i];
		bool inner = c == '-' || c == '_' || ascii_is_digit(c);

		if (!(c >= 'A' && c <= 'Z') && !(i && inner))
			return false;
	}
	return word.len > 0;
}

/* Does the word list methods, if only with mistakes? A target that is more
 * than a lower-case label holds a dot, colon, slash or wildcard before any
 * comma.
 */
static bool looks_like_methods(struct slice word)
{
	struct slice first, rest;
	bool listed = slice_cut(word, ',', &first, &rest);

	for (size_t i = 0; i < first.len; i++)
		if (memchr(".:/*[", first.ptr[i], 5))
			return false;
	return listed || rule_is_method(first);
}

static int read_method_list(struct parse *p, struct slice word)
{
	struct slice rest = word, name;
	size_t from = p->out.len, at = 0;
	bool more = true;

	while (more) {
		more = slice_cut(rest, ',', &name, &rest);
		if (!rule_is_method(name))
			return fail(p, p->pos + at,
				    "expected a method in capitals");
		if (slice_lists(slice_of(word.ptr, at), ',', name))
			return fail(p, p->pos + at, "the method stands twice");
		at += name.len + 1;
	}
	text_put(&p->out, word);
	p->rule.methods = part_since(p, from);
	return 0;
}

/* A word that is no method, with a target behind it. */
static bool is_lower_method(struct slice word, struct slice line)
{
	static const char *const common[] = { "get",	"head",	 "post",
					      "put",	"patch", "delete",
					      "options" };

	if (word.len == line.len)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		if (slice_ieq(word, slice_str(common[i])))
			return true;
	return false;
}

static int read_methods(struct parse *p)
{
	struct slice word = peek_word(p);
	int rc = 0;

	p->has_methods = true;
	if (slice_eq(word, SLICE("any")))
		p->any = true;
	else if (slice_eq(word, SLICE("git:read")))
		p->rule.git = RULE_GIT_READ;
	else if (slice_eq(word, SLICE("git:write")))
		p->rule.git = RULE_GIT_WRITE;
	else if (slice_starts(word, SLICE("git:")))
		return fail(p, p->pos, "expected git:read or git:write");
	else if (looks_like_methods(word))
		rc = read_method_list(p, word);
	else if (is_lower_method(word, slice_skip(p->line, p->pos)))
		return fail(p, p->pos, "methods are written in capitals");
	else
		p->has_methods = false;
	if (rc < 0 || !p->has_methods)
		return rc;
	p->pos += word.len;
	if (!peek_word(p).len)
		return fail(p, p->pos, "expected a target after the method");
	return 0;
}

/* "https://": takes it from *target. Without one the default holds, but for
 * an address and a port, which are a tunnel.
 */
static int read_scheme(struct parse *p, struct slice *target, bool *ret_given)
{
	size_t colon = 0;
	struct slice name;

	while (colon + 2 < target->len &&
	       memcmp(target->ptr + colon, "://", 3) != 0)
		colon++;
	*ret_given = colon + 2 < target->len &&
		     slice_find(slice_of(target->ptr, colon), '/') < 0 &&
		     slice_find(slice_of(target->ptr, colon), '?') < 0;
	p->rule.scheme = RULE_HTTPS;
	if (!*ret_given)
		return 0;
	name = slice_of(target->ptr, colon);
	for (size_t i = 0; i < RULE_SCHEMES; i++) {
		if (!slice_ieq(name, slice_str(schemes[i].name)))
			continue;
		p->rule.scheme = (enum rule_scheme)i;
		p->pos += colon + 3;
		*target = slice_skip(*target, colon + 3);
		return 0;
	}
	return fail(p, p->pos,
		    "expected a scheme: https, http, wss, ws, tcp or tls");
}

/* Where the host ends: at ':', '/' or '?', but in brackets nothing counts. */
static size_t host_end(struct slice target, bool slash_ends)
{
	size_t i = 0;

	if (target.len && target.ptr[0] == '[') {
		ptrdiff_t close = slice_find(target, ']');

		return close < 0 ? target.len : (size_t)close + 1;
	}
	while (i < target.len && target.ptr[i] != ':' && target.ptr[i] != '?' &&
	       !(slash_ends && target.ptr[i] == '/'))
		i++;
	return i;
}

static int read_port(struct parse *p, struct slice digits)
{
	unsigned int port = 0;

	if (!digits.len || digits.len > 5 || digits.ptr[0] == '0')
		return fail(p, p->pos, "expected a port, 1 to 65535");
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
			return fail(p, p->pos + i,
				    "expected a port, 1 to 65535");
		port = port * 10 + (unsigned int)(digits.ptr[i] - '0');
	}
	if (port > 65535)
		return fail(p, p->pos, "expected a port, 1 to 65535");
	p->rule.port = (uint16_t)port;
	p->pos += digits.len;
	return 0;
}

/* "10.0.0.0/8:22" without a scheme would be a path of https. */
static bool is_bare_prefix(const struct host *h, struct slice path)
{
	struct slice bits = path.len ? slice_skip(path, 1) : path;
	size_t i = 0;

	while (i < bits.len && ascii_is_digit(bits.ptr[i]))
		i++;
	return h->kind == RULE_IP && i && (i == bits.len || bits.ptr[i] == ':');
}

/* "host[:port]"; what stands behind stays in *target. */
static int read_host(struct parse *p, struct slice *target, struct host *h)
{
	bool raw = p->rule.scheme == RULE_TCP; /* 10.0.0.0/8 */
	size_t end = host_end(*target, !raw), at = 0;
	const char *why = host_read(slice_of(target->ptr, end), h, &at);
	int rc;

	if (why)
		return fail(p, p->pos + at, why);
	if (h->kind == RULE_CIDR && p->rule.scheme != RULE_TCP)
		return fail(p, p->pos, "address ranges are for tcp:// only");
	p->pos += end;
	*target = slice_skip(*target, end);
	if (target->len && target->ptr[0] == ':') {
		p->pos++;
		*target = slice_skip(*target, 1);
		end = host_end(*target, true);
		rc = read_port(p, slice_of(target->ptr, end));
		if (rc < 0)
			return rc;
		*target = slice_skip(*target, end);
	}
	p->rule.host_kind = h->kind;
	p->rule.addr_len = h->addr_len;
	p->rule.prefix_bits = h->prefix_bits;
	memcpy(p->rule.addr, h->addr, sizeof(h->addr));
	return 0;
}

/* What the scheme, once known for certain, asks of methods and port. */
static int check_scheme(struct parse *p, size_t start)
{
	const struct scheme *s = &schemes[p->rule.scheme];

	if (!s->http && p->has_methods && !p->any)
		return fail(p, start, "only https and http rules take methods");
	if (!p->rule.port && !s->port)
		return fail(p, p->pos, "expected a port, as in :22");
	if (!p->rule.port)
		p->rule.port = s->port;
	return 0;
}

/* Methods are printed before the scheme is known, so "any" comes here. */
static void print_target(struct parse *p, const struct host *h)
{
	const struct scheme *s = &schemes[p->rule.scheme];
	bool v6 = h->addr_len == 16;
	size_t from;

	if (p->rule.git)
		text_put_str(&p->out, p->rule.git == RULE_GIT_READ
					      ? "git:read"
					      : "git:write");
	else if (s->http && !p->rule.methods.len)
		text_put_str(&p->out, "any");
	if (s->http)
		text_put_char(&p->out, ' ');
	text_put_str(&p->out, s->name);
	text_put_str(&p->out, "://");
	if (v6)
		text_put_char(&p->out, '[');
	if (h->kind == RULE_ANY_HOST || h->kind == RULE_BELOW)
		text_put_char(&p->out, '*');
	if (h->kind == RULE_TREE || h->kind == RULE_BELOW)
		text_put_char(&p->out, '.');
	from = p->out.len;
	text_put(&p->out, slice_of(h->name, h->name_len));
	p->rule.host = part_since(p, from);
	if (h->kind == RULE_CIDR) {
		text_put_char(&p->out, '/');
		text_put_number(&p->out, h->prefix_bits);
	}
	if (v6)
		text_put_char(&p->out, ']');
	if (p->rule.port != s->port) {
		text_put_char(&p->out, ':');
		text_put_number(&p->out, p->rule.port);
	}
}

static int read_path(struct parse *p, struct slice *target)
{
	size_t from = p->out.len, at = 0;
	struct slice path, query;
	const char *why;

	(void)slice_cut(*target, '?', &path, &query);
	if (!path.len) {
		path = SLICE("/**");
	} else {
		why = glob_check_path(path, &at);
		if (why)
			return fail(p, p->pos + at, why);
		p->pos += path.len;
		*target = slice_skip(*target, path.len);
	}
	if (p->rule.git)
		while (path.len > 1 && path.ptr[path.len - 1] == '/')
			path.len--;
	text_put(&p->out, path);
	p->rule.path = part_since(p, from);
	return 0;
}

static int read_query(struct parse *p, struct slice target)
{
	size_t from, at = 0;
	const char *why;

	if (p->rule.git)
		return fail(p, p->pos, "a git rule takes no query");
	p->pos++;
	target = slice_skip(target, 1);
	why = glob_check_query(target, &at);
	if (why)
		return fail(p, p->pos + at, why);
	text_put_char(&p->out, '?');
	from = p->out.len;
	text_put(&p->out, target);
	p->rule.query = part_since(p, from);
	p->pos += target.len;
	return 0;
}

static int read_target(struct parse *p, size_t start)
{
	struct slice target = peek_word(p);
	struct host h = { .kind = RULE_NAME };
	bool given;
	int rc;

	rc = read_scheme(p, &target, &given);
	if (rc == 0)
		rc = read_host(p, &target, &h);
	if (rc < 0)
		return rc;
	if (!given && is_bare_prefix(&h, target))
		return fail(p, p->pos,
			    "an address range needs tcp:// in "
			    "front and a port behind");
	if (!given && !p->has_methods && h.kind == RULE_IP && p->rule.port &&
	    !target.len)
		p->rule.scheme = RULE_TCP;
	rc = check_scheme(p, start);
	if (rc < 0)
		return rc;

	if (target.len && !schemes[p->rule.scheme].path)
		return fail(p, p->pos, "tcp and tls rules have no path");
	if (target.len && target.ptr[0] != '/' && target.ptr[0] != '?')
		return fail(p, p->pos, "expected a port, a path or a blank");
	print_target(p, &h);
	if (!schemes[p->rule.scheme].path)
		return 0;
	rc = read_path(p, &target);
	if (rc == 0 && target.len)
		rc = read_query(p, target);
	return rc;
}

static int read_options(struct parse *p)
{
	struct option_reader r = {
		.line = p->line,
		.pos = p->pos,
		.now_s = p->now_s,
		.rule = &p->rule,
		.out = &p->out,
		.err = p->err,
	};

	return option_read_all(&r);
}

static int parse_line(struct parse *p)
{
	size_t start;
	int rc;

	rc = check_line(p);
	if (rc < 0)
		return rc;
	start = p->pos;
	rc = read_methods(p);
	if (rc == 0)
		rc = read_target(p, start);
	if (rc == 0)
		rc = read_options(p);
	if (rc == 0 && p->out.len > RULE_LINE_MAX)
		return fail(p, 0, "a rule has at most 2048 octets");
	return rc;
}

static size_t rule_size(const struct rule *rule)
{
	return sizeof(*rule) + rule->text_len + rule->where_len;
}

int rule_new(const struct rule_source *source, struct slice line,
	     struct rule **ret, struct rule_error *ret_err)
{
	char mem[RULE_LINE_MAX + RULE_GROWTH_MAX];
	struct parse p = { .line = line,
			   .now_s = source->now_s,
			   .err = ret_err };
	struct slice where = source->where;
	struct rule *rule;
	int rc;

	p.out = text_in(mem, sizeof(mem));
	p.rule.verdict = source->verdict;
	rc = parse_line(&p);
	if (rc < 0)
		return rc;
	assert(!p.out.cut);

	p.rule.text_len = (uint16_t)p.out.len;
	p.rule.where_len = (uint16_t)MIN(where.len, (size_t)RULE_WHERE_MAX);
	rule = malloc(rule_size(&p.rule));
	if (!rule)
		return -ENOMEM;
	*rule = p.rule;
	memcpy(rule->mem, mem, p.out.len);
	for (size_t i = 0; i < rule->where_len; i++)
		rule->mem[p.out.len + i] =
			where.ptr[i] < ' ' ? '?' : where.ptr[i];
	*ret = rule;
	return 0;
}

void rule_free(struct rule **rule)
{
	free(*rule);
	*rule = NULL;
}

struct rule *rule_copy(const struct rule *rule, struct arena *arena)
{
	size_t size = rule_size(rule);
	struct rule *copy = arena ? arena_alloc(arena, size) : malloc(size);

	return copy ? memcpy(copy, rule, size) : NULL;
}

struct slice rule_text(const struct rule *rule)
{
	return slice_of(rule->mem, rule->text_len);
}

struct slice rule_where(const struct rule *rule)
{
	return slice_of(rule->mem + rule->text_len, rule->where_len);
}

enum verdict rule_verdict(const struct rule *rule)
{
	return rule->verdict;
}

/* An address that the operator wrote out is its own permission. */
bool rule_private(const struct rule *rule)
{
	return rule->is_private || rule->host_kind == RULE_IP;
}

struct rule_options rule_options(const struct rule *rule)
{
	if (!rule)
		return (struct rule_options){ .max_body = UINT64_MAX,
					      .max_response = UINT64_MAX };
	return (struct rule_options){
		.private = rule_private(rule),
		.max_body = rule->max_body,
		.max_response = rule->max_response,
		.rate = rule->rate,
		.rate_s = rule->rate_s,
		.until_s = rule->until_s,
		.inject = rule_slice(rule, rule->inject),
		.note = rule_slice(rule, rule->note),
	};
}
