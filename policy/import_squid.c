/* policy/import_squid.c - access lists of squid.
 *
 *   acl NAME TYPE VALUE...
 *   http_access allow|deny [!]NAME...
 *
 * A line of http_access matches when all its names do, a name when one of its
 * values does; the first line that matches decides there. Here the strictest
 * rule decides, so a deny that stands behind an allow of the same is stricter
 * here, and said to be.
 *
 * Imported are names (dstdomain; ".NAME" is the name and all below it),
 * addresses (dst), ports, methods and protocols. Who asks (src) is no matter of
 * a policy but of the sandbox that has it. Everything else is left out.
 */

#include <errno.h>

#include "base/base.h"
#include "policy/importer.h"
#include "policy/text.h"

#define ACLS_MAX  1000
#define WORK_MAX  10000000 /* comparisons of names; beyond, a doubt is a yes */
#define TERMS_MAX 16	   /* names in a line of http_access */
#define RULES_OF  10000	   /* rules that one line may become */

struct value {
	struct slice text;
	struct value *next;
};

struct acl {
	struct slice name;
	struct slice type;
	struct value *values;
	struct value **tail;
};

/* What a line of http_access asks for. */
struct wants {
	const struct acl *hosts;
	const struct acl *ports;
	const struct acl *methods;
	bool connect;
	bool http;
	bool https;
	bool clients;	 /* says who asks */
	bool narrows;	 /* says more than who asks */
	const char *why; /* it cannot be said here */
	bool but_ports;	 /* denied but these ports */
	const char *needless;
};

/* A line of http_access. */
struct access {
	struct import_at at;
	enum verdict verdict;
	struct slice terms[TERMS_MAX];
	size_t len;
	bool too_long;
	struct wants wants;
	struct access *next;
};

struct squid {
	struct importer *im;
	struct arena arena;
	struct acl acls[ACLS_MAX];
	size_t len;
	struct acl *open; /* being read, as the line before went on */
	struct access *lines;
	struct access **tail;
	struct access *open_access;
	bool bumps; /* looks into HTTPS */
	uint64_t work;
	bool no_memory;
};

static const struct acl *find(const struct squid *s, struct slice name)
{
	for (size_t i = 0; i < s->len; i++)
		if (slice_eq(s->acls[i].name, name))
			return &s->acls[i];
	return NULL;
}

static struct slice next_word(struct slice *rest)
{
	struct slice word;

	*rest = slice_trim(*rest);
	word = *rest;
	for (word.len = 0; word.len < rest->len; word.len++)
		if (word.ptr[word.len] == ' ' || word.ptr[word.len] == '\t')
			break;
	*rest = slice_skip(*rest, word.len);
	return word;
}

static void add_values(struct squid *s, struct slice rest)
{
	for (struct slice w = next_word(&rest); w.len; w = next_word(&rest)) {
		struct value *v;

		if (w.ptr[0] == '#')
			return;
		v = arena_zalloc(&s->arena, sizeof(*v));
		if (!v) {
			s->no_memory = true;
			return;
		}
		v->text = w;
		*s->open->tail = v;
		s->open->tail = &v->next;
	}
}

static void read_acl(struct squid *s, const struct import_at *at,
		     struct slice rest)
{
	struct slice name = next_word(&rest), type = next_word(&rest);
	struct acl *acl = (struct acl *)(uintptr_t)find(s, name);

	if (!type.len) {
		import_left(s->im, at, "expected acl NAME TYPE VALUE...");
		return;
	}
	if (!acl && s->len == ACLS_MAX) {
		import_left(s->im, at, "more than 1000 access lists");
		return;
	}
	if (!acl) {
		acl = &s->acls[s->len++];
		acl->name = name;
		acl->type = type;
		acl->tail = &acl->values;
	}
	s->open = acl;
	add_values(s, rest);
}

static void add_terms(struct access *a, struct slice rest)
{
	for (struct slice w = next_word(&rest); w.len; w = next_word(&rest)) {
		if (w.ptr[0] == '#')
			return;
		if (a->len == TERMS_MAX)
			a->too_long = true;
		else
			a->terms[a->len++] = w;
	}
}

static void read_access(struct squid *s, const struct import_at *at,
			struct slice rest)
{
	struct slice verdict = next_word(&rest);
	struct access *a;

	if (!slice_eq(verdict, SLICE("allow")) &&
	    !slice_eq(verdict, SLICE("deny"))) {
		import_left(s->im, at, "expected allow or deny");
		return;
	}
	a = arena_zalloc(&s->arena, sizeof(*a));
	if (!a) {
		s->no_memory = true;
		return;
	}
	a->at = *at;
	a->verdict = verdict.ptr[0] == 'a' ? VERDICT_ALLOW : VERDICT_DENY;
	*s->tail = a;
	s->tail = &a->next;
	s->open_access = a;
	add_terms(a, rest);
}

/* The lines about anything but access are squid's own affair. */
static void read_line(struct squid *s, const struct import_at *at)
{
	struct slice rest = at->text, word = next_word(&rest);

	if (slice_eq(word, SLICE("acl")))
		read_acl(s, at, rest);
	else if (slice_eq(word, SLICE("http_access")))
		read_access(s, at, rest);
	else if (slice_eq(word, SLICE("ssl_bump")))
		s->bumps = true;
	else if (slice_eq(word, SLICE("include")))
		import_left(s->im, at, "another file; import that one too");
}

static void read_lines(struct squid *s)
{
	struct slice text = s->im->src.text, line;
	struct import_at at = { .line = 0 };
	bool goes_on = false;

	while (import_line(&text, &at.line, &line)) {
		bool more = slice_ends(line, SLICE("\\"));

		line.len -= more;
		at.text = slice_trim(line);
		at.column = (uint32_t)(at.text.ptr - line.ptr) + 1;
		if (!goes_on) {
			s->open = NULL;
			s->open_access = NULL;
			if (at.text.len && at.text.ptr[0] != '#')
				read_line(s, &at);
		} else if (s->open) {
			add_values(s, at.text);
		} else if (s->open_access) {
			add_terms(s->open_access, at.text);
		}
		goes_on = more;
	}
}

static bool is_one_of(struct slice word, const char *const *list, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (slice_eq(word, slice_str(list[i])))
			return true;
	return false;
}

static void want_list(const struct acl **to, const struct acl *acl,
		      struct wants *w)
{
	if (*to)
		w->why = "two lists of one kind, of which both must match";
	*to = acl;
	w->narrows = true;
}

static void want_proto(const struct acl *acl, struct wants *w)
{
	bool http = false, https = false;

	for (const struct value *v = acl->values; v; v = v->next) {
		http = http || slice_ieq(v->text, SLICE("HTTP"));
		https = https || slice_ieq(v->text, SLICE("HTTPS"));
		if (!slice_ieq(v->text, SLICE("HTTP")) &&
		    !slice_ieq(v->text, SLICE("HTTPS")))
			w->why = "another protocol than HTTP and HTTPS";
	}
	w->http = w->http && http;
	w->https = w->https && https;
	w->narrows = true;
}

static bool is_connect(const struct acl *acl)
{
	return acl->values && !acl->values->next &&
	       slice_eq(acl->values->text, SLICE("CONNECT"));
}

static void want_acl(const struct acl *acl, struct wants *w)
{
	static const char *const clients[] = { "src",	     "localip",
					       "myip",	     "myport",
					       "myportname", "localport" };

	if (is_one_of(acl->type, clients, ARRAY_SIZE(clients)))
		w->clients = true;
	else if (slice_eq(acl->type, SLICE("dstdomain")) ||
		 slice_eq(acl->type, SLICE("dst")))
		want_list(&w->hosts, acl, w);
	else if (slice_eq(acl->type, SLICE("port")))
		want_list(&w->ports, acl, w);
	else if (slice_eq(acl->type, SLICE("proto")))
		want_proto(acl, w);
	else if (!slice_eq(acl->type, SLICE("method")))
		w->why = "a list of a type that rules do not have";
	else if (is_connect(acl))
		w->connect = w->narrows = true;
	else
		want_list(&w->methods, acl, w);
}

/* Names that squid knows by itself, unless the file says them anew. */
static bool want_known(struct slice name, struct wants *w)
{
	static const char *const own[] = { "manager", "to_localhost",
					   "to_linklocal" };

	if (slice_eq(name, SLICE("all")))
		return true;
	if (slice_eq(name, SLICE("localhost")))
		return w->clients = true;
	if (slice_eq(name, SLICE("CONNECT")))
		return w->connect = w->narrows = true;
	if (is_one_of(name, own, ARRAY_SIZE(own))) {
		w->needless = "the gateway's own machine is never reached";
		return true;
	}
	return false;
}

static void read_wants(const struct squid *s, const struct access *a,
		       struct wants *ret)
{
	*ret = (struct wants){ .http = true, .https = true };
	for (size_t i = 0; i < a->len; i++) {
		struct slice term = a->terms[i];
		const struct acl *acl = find(s, term);

		if (term.ptr[0] == '!' && a->verdict == VERDICT_DENY &&
		    i + 1 == a->len) {
			acl = find(s, slice_skip(term, 1));
			if (acl && slice_eq(acl->type, SLICE("port"))) {
				ret->but_ports = true;
				continue;
			}
		}
		if (term.ptr[0] == '!')
			ret->why = "what is not in a list cannot be meant";
		else if (acl)
			want_acl(acl, ret);
		else if (!want_known(term, ret))
			ret->why = "a list that this file does not have";
	}
	if (a->too_long)
		ret->why = "more than 16 lists on one line";
	if (!a->len)
		ret->why = "a line without a list";
}

/* Do the hosts of two lists meet? Text alone tells; a doubt is a yes. */
static bool names_meet(struct slice a, struct slice b)
{
	struct slice tail_a =
		slice_starts(a, SLICE(".")) ? slice_skip(a, 1) : a;
	struct slice tail_b =
		slice_starts(b, SLICE(".")) ? slice_skip(b, 1) : b;

	if (slice_ieq(tail_a, tail_b))
		return true;
	if (tail_a.len < tail_b.len)
		return tail_a.ptr != a.ptr &&
		       slice_ieq(slice_skip(tail_b, tail_b.len - a.len), a);
	return tail_b.ptr != b.ptr && tail_a.len >= b.len &&
	       slice_ieq(slice_skip(tail_a, tail_a.len - b.len), b);
}

static bool lists_meet(struct squid *s, const struct acl *a,
		       const struct acl *b)
{
	if (!a || !b || !slice_eq(a->type, b->type) ||
	    !slice_eq(a->type, SLICE("dstdomain")))
		return true;
	for (const struct value *x = a->values; x; x = x->next)
		for (const struct value *y = b->values; y; y = y->next)
			if (++s->work > WORK_MAX ||
			    names_meet(x->text, y->text))
				return true;
	return false;
}

/* Does a line before a, or behind it, allow something of the same? */
static bool allows_too(struct squid *s, const struct access *a, bool before)
{
	bool behind = false;

	for (const struct access *b = s->lines; b; b = b->next) {
		if (b == a && before)
			return false;
		behind = behind || b == a;
		if (b->wants.needless || (before && b->wants.why))
			continue; /* nothing comes of it */
		if (b != a && b->verdict == VERDICT_ALLOW && before != behind &&
		    lists_meet(s, a->wants.hosts, b->wants.hosts))
			return true;
	}
	return false;
}

/* "deny !Safe_ports" says nothing that rules do not say by their ports, unless
 * some line allows ports of its own.
 */
static bool ports_matter(const struct squid *s)
{
	for (const struct access *b = s->lines; b; b = b->next)
		if (b->verdict == VERDICT_ALLOW && b->wants.ports)
			return true;
	return false;
}

struct spelling {
	struct squid *s;
	const struct access *a;
	const struct wants *w;
	const char *how;
	unsigned int rules;
	const char *why; /* the last rule could not be said */
};

static void put_methods(struct text *t, const struct wants *w)
{
	bool any = !w->methods;

	for (const struct value *v = w->methods ? w->methods->values : NULL; v;
	     v = v->next) {
		if (v != w->methods->values)
			text_put_char(t, ',');
		text_put(t, v->text);
	}
	text_put_str(t, any ? "any " : " ");
}

static void say_rule(struct spelling *sp, const char *scheme, struct slice host,
		     struct slice port)
{
	char mem[IMPORT_LINE_MAX];
	struct text t = text_in(mem, sizeof(mem));
	bool v6 = slice_find(host, ':') >= 0;

	if (sp->rules++ >= RULES_OF) {
		sp->why = "more than 10000 rules of one line";
		return;
	}
	put_methods(&t, sp->w);
	text_put_str(&t, scheme);
	text_put_str(&t, v6 ? "://[" : "://");
	text_put(&t, host);
	text_put_str(&t, v6 ? "]" : "");
	if (port.len) {
		text_put_char(&t, ':');
		text_put(&t, port);
	}
	(void)import_rule(sp->s->im, &sp->a->at, sp->a->verdict,
			  text_since(&t, 0), sp->how);
}

static void say_port(struct spelling *sp, struct slice host, struct slice port)
{
	const struct wants *w = sp->w;
	bool seen = !w->methods || sp->s->bumps;

	if (slice_find(port, '-') >= 0) {
		import_left(sp->s->im, &sp->a->at,
			    "a range of ports; a rule names one");
		return;
	}
	if (w->https && seen && !slice_eq(port, SLICE("80")))
		say_rule(sp, "https", host, port);
	if (w->http && !w->connect && !slice_eq(port, SLICE("443")))
		say_rule(sp, "http", host, port);
}

static void say_host(struct spelling *sp, struct slice host)
{
	const struct acl *ports = sp->w->ports;

	if (host.ptr[0] == '"' || host.ptr[0] == '-' || host.ptr[0] == '+') {
		import_left(sp->s->im, &sp->a->at,
			    "a list in another file, or an option of one; "
			    "write the names here");
		return;
	}
	if (!ports)
		say_port(sp, host, SLICE(""));
	for (const struct value *v = ports ? ports->values : NULL; v;
	     v = v->next)
		say_port(sp, host, v->text);
}

static void say_rules(struct squid *s, const struct access *a,
		      const struct wants *w, const char *how)
{
	struct spelling sp = { .s = s, .a = a, .w = w, .how = how };

	if (!w->hosts)
		say_host(&sp, SLICE("*"));
	for (const struct value *v = w->hosts ? w->hosts->values : NULL;
	     v && !sp.why; v = v->next)
		say_host(&sp, v->text);
	if (sp.why)
		import_left(s->im, &a->at, sp.why);
}

/* NULL, or why nothing is lost with the line. */
static const char *is_needless(struct squid *s, const struct access *a)
{
	const struct wants *w = &a->wants;

	if (w->needless)
		return w->needless;
	if (w->but_ports && !ports_matter(s))
		return "each rule names its port, 443 or 80 if none was said";
	if (a->verdict == VERDICT_ALLOW || w->but_ports)
		return NULL;
	if (!w->narrows)
		return "what no rule allows is denied";
	if (!w->clients && !allows_too(s, a, false))
		return "no line behind it allows any of this";
	return NULL;
}

static void say_access(struct squid *s, const struct access *a)
{
	bool deny = a->verdict == VERDICT_DENY;
	const struct wants *w = &a->wants;
	const char *needless = w->why ? NULL : is_needless(s, a);
	const char *how = NULL;

	if (w->clients)
		how = "wider: for whoever has this policy; who that is, "
		      "from: of a sandbox says";
	if (deny && !needless && !w->why && allows_too(s, a, true))
		how = "stricter: a line before it allows some of this first; "
		      "here a deny always wins";
	if (w->why)
		import_left(s->im, &a->at, w->why);
	else if (needless)
		import_say(s->im, &a->at, IMPORT_NEEDLESS, SLICE(""), needless);
	else if (w->but_ports)
		import_left(s->im, &a->at,
			    "what is not in a list cannot be meant");
	else if (deny && w->clients)
		import_left(s->im, &a->at,
			    "denied to some clients only; give their sandbox "
			    "a policy of its own");
	else if (!w->narrows)
		import_say(s->im, &a->at, IMPORT_DEFAULT, SLICE(""), how);
	else
		say_rules(s, a, w, how);
}

static int squid_run(struct squid *s)
{
	uint64_t lines = 0;

	arena_init(&s->arena, SIZE_MAX);
	s->tail = &s->lines;
	read_lines(s);
	for (struct access *a = s->lines; a && lines++ < ACLS_MAX; a = a->next)
		read_wants(s, a, &a->wants);
	lines = 0;
	for (const struct access *a = s->lines; a && !s->no_memory;
	     a = a->next) {
		if (++lines > ACLS_MAX) {
			import_left(s->im, &a->at,
				    "more than 1000 lines of http_access; this "
				    "and what follows is not looked at");
			break;
		}
		say_access(s, a);
	}
	arena_done(&s->arena);
	return s->no_memory ? -ENOMEM : 0;
}

int import_squid(struct importer *im)
{
	struct arena arena;
	struct squid *s;
	int rc = -ENOMEM;

	arena_init(&arena, SIZE_MAX);
	s = arena_zalloc(&arena, sizeof(*s));
	if (s) {
		s->im = im;
		rc = squid_run(s);
	}
	arena_done(&arena);
	return rc;
}
