/* policy/import.c - the lists of pen and pent, and what all readers share.
 *
 * pen: a line is HOST:PORT, for its proxy, or ADDRESS:PORT, past it; '#' begins
 * a comment that is a line of its own.
 *
 * pent: TOML. The strings of the array domain_allowlist in [proxy] are names,
 * "*.NAME" for one label below and "**.NAME" for any depth; network in
 * [sandbox] may lift all bounds.
 */

#include "policy/import.h"

#include <errno.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/host.h"
#include "policy/importer.h"
#include "policy/suffix.h"
#include "policy/text.h"

const char *import_format_str(enum import_format format)
{
	static const char *const names[] = {
		[IMPORT_PEN] = "pen",
		[IMPORT_PENT] = "pent",
		[IMPORT_AGENT_SANDBOX] = "agent-sandbox",
		[IMPORT_SQUID] = "squid",
	};

	static_assert(ARRAY_SIZE(names) == IMPORT_FORMATS, "no name");
	return names[format];
}

void import_say(struct importer *im, const struct import_at *at,
		enum import_kind kind, struct slice line, const char *why)
{
	const struct import_item item = { .kind = kind,
					  .line = line,
					  .number = at->line,
					  .column = at->column,
					  .text = at->text,
					  .why = why };

	im->fn(im->ctx, &item);
}

void import_left(struct importer *im, const struct import_at *at,
		 const char *why)
{
	import_say(im, at, IMPORT_LEFT, SLICE(""), why);
}

int import_fail(struct importer *im, const struct import_at *at,
		const char *what)
{
	doc_error(&im->src, at->line - 1, at->column - 1, what, im->err);
	return ERR_SYNTAX;
}

static const char *check_suffix(const struct rule *rule)
{
	if (rule->verdict == VERDICT_DENY ||
	    (rule->host_kind != RULE_BELOW && rule->host_kind != RULE_TREE) ||
	    !suffix_is_public(rule_slice(rule, rule->host)))
		return NULL;
	return "anybody can have a name below this public suffix";
}

bool import_rule(struct importer *im, const struct import_at *at,
		 enum verdict verdict, struct slice line, const char *how)
{
	const struct rule_source source = { .verdict = verdict };
	struct rule *rule = NULL;
	struct rule_error err = { .column = 0 };
	int rc = rule_new(&source, line, &rule, &err);
	const char *why = rc < 0 ? err.text : check_suffix(rule);

	if (rc == -ENOMEM)
		im->no_memory = true;
	else if (why)
		import_left(im, at, why);
	if (rc == 0 && !why) {
		const struct import_item item = { .kind = IMPORT_RULE,
						  .verdict = verdict,
						  .line = rule_text(rule),
						  .number = at->line,
						  .column = at->column,
						  .text = at->text,
						  .why = how };

		im->fn(im->ctx, &item);
	}
	rule_free(&rule);
	return rc == 0 && !why;
}

bool import_line(struct slice *rest, uint32_t *number, struct slice *ret)
{
	if (!rest->len)
		return false;
	(void)slice_cut(*rest, '\n', ret, rest);
	if (ret->len && ret->ptr[ret->len - 1] == '\r')
		ret->len--;
	++*number;
	return true;
}

static void pen_line(struct importer *im, const struct import_at *at)
{
	char mem[IMPORT_LINE_MAX + 32];
	struct text t = text_in(mem, sizeof(mem));
	struct slice host = at->text, port;
	uint8_t address[16];
	size_t colon = at->text.len;
	const char *how = NULL;

	while (colon && at->text.ptr[colon - 1] != ':')
		colon--;
	if (!colon || at->text.len > IMPORT_LINE_MAX) {
		import_left(im, at, "expected HOST:PORT");
		return;
	}
	host.len = colon - 1;
	port = slice_skip(at->text, colon);
	if (host_address(host, address) || slice_starts(host, SLICE("["))) {
		text_put_str(&t, "tcp://");
	} else if (slice_eq(port, SLICE("80"))) {
		text_put_str(&t, "any http://");
	} else if (slice_eq(port, SLICE("443"))) {
		text_put_str(&t, "any https://");
	} else {
		text_put_str(&t, "tcp://");
		how = "a tunnel that nobody looks into; if it is HTTPS, say "
		      "https:// instead";
	}
	text_put(&t, at->text);
	(void)import_rule(im, at, VERDICT_ALLOW, text_since(&t, 0), how);
}

static int import_pen(struct importer *im, struct slice text)
{
	struct import_at at = { .line = 0 };
	struct slice line;

	while (import_line(&text, &at.line, &line)) {
		at.text = slice_trim(line);
		at.column = (uint32_t)(at.text.ptr - line.ptr) + 1;
		if (at.text.len && at.text.ptr[0] != '#')
			pen_line(im, &at);
	}
	return 0;
}

static void pent_name(struct importer *im, const struct import_at *at)
{
	char mem[IMPORT_LINE_MAX + 32];
	struct text t = text_in(mem, sizeof(mem));
	struct slice name = at->text;
	const char *how = NULL;

	if (slice_eq(name, SLICE("*"))) {
		import_left(im, at,
			    "names without a dot cannot be meant all "
			    "at once; name them");
		return;
	}
	if (name.len > IMPORT_LINE_MAX) {
		import_left(im, at, "too long for a name");
		return;
	}
	if (slice_starts(name, SLICE("**.")))
		name = slice_skip(name, 1);
	else if (slice_starts(name, SLICE("*.")))
		how = "wider: names of any depth, where it meant one label";
	text_put_str(&t, "any https://");
	text_put(&t, name);
	(void)import_rule(im, at, VERDICT_ALLOW, text_since(&t, 0), how);
}

struct pent {
	struct importer *im;
	bool proxy; /* within [proxy] */
	bool array; /* within domain_allowlist = [ */
	struct import_at at;
};

/* The strings of an array up to its end, or that of the line. */
static int pent_array(struct pent *p, struct slice line, size_t from)
{
	for (size_t i = from; i < line.len; i++) {
		char c = line.ptr[i];
		size_t end = i + 1;

		p->at.column = (uint32_t)i + 1;
		if (c == '#')
			return 0;
		if (c == ']') {
			p->array = false;
			return 0;
		}
		if (c == ' ' || c == '\t' || c == ',')
			continue;
		if (c != '"' && c != '\'')
			return import_fail(p->im, &p->at, "expected a string");
		while (end < line.len && line.ptr[end] != c)
			end++;
		if (end == line.len)
			return import_fail(p->im, &p->at,
					   "a string without an end");
		p->at.text = slice_of(line.ptr + i + 1, end - i - 1);
		pent_name(p->im, &p->at);
		i = end;
	}
	return 0;
}

static void pent_mode(struct pent *p, struct slice line)
{
	for (size_t i = 0; i < line.len; i++)
		if (slice_starts(slice_skip(line, i), SLICE("unrestricted")))
			import_left(p->im, &p->at,
				    "it allows everything; name what is meant, "
				    "or say default: allow");
}

static int pent_line(struct pent *p, struct slice line)
{
	struct slice key, value, text = slice_trim(line);

	p->at.column = (uint32_t)(text.ptr - line.ptr) + 1;
	p->at.text = text;
	if (!text.len || text.ptr[0] == '#')
		return 0;
	if (text.ptr[0] == '[') {
		p->proxy = slice_starts(text, SLICE("[proxy]"));
		return 0;
	}
	if (!slice_cut(text, '=', &key, &value))
		return 0;
	key = slice_trim(key);
	if (slice_eq(key, SLICE("mode")) || slice_eq(key, SLICE("network")))
		pent_mode(p, text);
	if (!(p->proxy && slice_eq(key, SLICE("domain_allowlist"))) &&
	    !slice_eq(key, SLICE("proxy.domain_allowlist")))
		return 0;
	value = slice_trim(value);
	p->at.column = (uint32_t)(value.ptr - line.ptr) + 1;
	if (!value.len || value.ptr[0] != '[')
		return import_fail(p->im, &p->at,
				   "expected a list: [\"NAME\"]");
	p->array = true;
	return pent_array(p, line, (size_t)(value.ptr - line.ptr) + 1);
}

static int import_pent(struct importer *im, struct slice text)
{
	struct pent p = { .im = im };
	struct slice line;
	int rc = 0;

	while (rc == 0 && import_line(&text, &p.at.line, &line))
		rc = p.array ? pent_array(&p, line, 0) : pent_line(&p, line);
	if (rc == 0 && p.array)
		return import_fail(im, &p.at, "a list without an end");
	return rc;
}

/* What no such file holds: it would only make for confusion. */
static int check_text(struct importer *im, struct slice text)
{
	struct import_at at = { .line = 1, .column = 1 };

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') ||
		    c == 0x7f)
			return import_fail(im, &at, "a control octet");
		at.column++;
		if (c == '\n') {
			at.line++;
			at.column = 1;
		}
	}
	return 0;
}

int import_text(const struct import_source *source, import_fn *fn, void *ctx,
		struct config_error *ret_err)
{
	struct importer im = { .src = { source->name, source->text },
			       .fn = fn,
			       .ctx = ctx,
			       .err = ret_err };
	int rc = check_text(&im, source->text);

	if (rc < 0)
		return rc;
	switch (source->format) {
	case IMPORT_PEN:
		rc = import_pen(&im, source->text);
		break;
	case IMPORT_PENT:
		rc = import_pent(&im, source->text);
		break;
	case IMPORT_AGENT_SANDBOX:
		rc = import_agent_sandbox(&im);
		break;
	default:
		rc = import_squid(&im);
	}
	return im.no_memory ? -ENOMEM : rc;
}
