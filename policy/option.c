/* policy/option.c - what stands behind the target of a rule.
 *
 * Options are read in any order, each at most once, and printed in one. One
 * that could have no effect on this rule is an error: a limit that nobody
 * keeps is worse than none.
 */

#include "policy/option.h"

#include "base/base.h"
#include "base/err.h"
#include "policy/units.h"

#define HTTP   (BIT(RULE_HTTPS) | BIT(RULE_HTTP))
#define SOCKET (BIT(RULE_WSS) | BIT(RULE_WS))
#define TUNNEL (BIT(RULE_TCP) | BIT(RULE_TLS))

enum option {
	OPTION_PRIVATE,
	OPTION_MAX_BODY,
	OPTION_MAX_RESPONSE,
	OPTION_RATE,
	OPTION_UNTIL,
	OPTION_FOR,
	OPTION_INJECT,
	OPTION_NOTE,

	OPTIONS,
};

struct reading {
	struct option_reader *r;
	unsigned int seen; /* bits of enum option */
	struct slice rate; /* as written, like the others */
	struct slice inject;
	struct slice note;
};

/* Returns NULL or what was expected. */
typedef const char *read_fn(struct reading *in, struct slice value);

struct kind {
	const char *name;
	read_fn *read;
	unsigned int schemes; /* it has a meaning for: bits of rule_scheme */
	bool permits;	      /* it has no meaning for a deny */
	const char *elsewhere;
};

static const char *read_private(struct reading *in, struct slice value)
{
	(void)value;
	in->r->rule->is_private = true;
	return NULL;
}

static const char *read_max_body(struct reading *in, struct slice value)
{
	return units_octets(value, &in->r->rule->max_body)
		       ? NULL
		       : "expected a size, as 10MiB or 512k";
}

static const char *read_max_response(struct reading *in, struct slice value)
{
	return units_octets(value, &in->r->rule->max_response)
		       ? NULL
		       : "expected a size, as 10MiB or 512k";
}

static const char *read_rate(struct reading *in, struct slice value)
{
	static const struct {
		struct slice name;
		uint32_t seconds;
	} units[] = {
		{ SLICE("s"), 1 },
		{ SLICE("min"), 60 },
		{ SLICE("h"), 3600 },
		{ SLICE("d"), 86400 },
	};
	struct rule *rule = in->r->rule;
	struct slice count, unit;

	in->rate = value;
	if (!slice_cut(value, '/', &count, &unit) ||
	    !units_count(count, UINT32_MAX, &rule->rate) || !rule->rate ||
	    count.ptr[0] == '0')
		return "expected a rate, as 30/min, 5/s, 1000/h or 2000/d";
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!slice_eq(unit, units[i].name))
			continue;
		rule->rate_s = units[i].seconds;
		return NULL;
	}
	return "expected a rate, as 30/min, 5/s, 1000/h or 2000/d";
}

static const char *read_until(struct reading *in, struct slice value)
{
	return units_time(value, &in->r->rule->until_s) && in->r->rule->until_s
		       ? NULL
		       : "expected a time in UTC, as 2026-12-01T00:00:00Z or "
			 "2026-12-01";
}

static const char *read_for(struct reading *in, struct slice value)
{
	uint32_t s = 0;

	if (!units_duration(value, &s) || !s)
		return "expected a duration, as 1h or 30m";
	if (!in->r->now_s)
		return "for= counts from when a rule is given, which a file "
		       "does not tell; write until=, as "
		       "until=2026-12-01T00:00:00Z";
	in->r->rule->until_s = MIN(in->r->now_s + s, UNITS_TIME_END - 1);
	return NULL;
}

static const char *read_inject(struct reading *in, struct slice value)
{
	in->inject = value;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (!ascii_is_alnum(c) && !(i && memchr("-_.", c, 3)))
			return "expected the name of a secret";
	}
	if (in->r->rule->host_kind != RULE_NAME)
		return "inject= needs a rule of one host by name: a secret "
		       "goes nowhere else";
	return value.len ? NULL : "expected the name of a secret";
}

static const char *read_note(struct reading *in, struct slice value)
{
	in->note = value;
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.ptr[i] >= 0x80)
			return "a note is plain ASCII";
	return value.len ? NULL : "expected a text after note=";
}

static const struct kind kinds[] = {
	[OPTION_PRIVATE] = { "private", read_private, HTTP | SOCKET | TUNNEL,
			     false, NULL },
	[OPTION_MAX_BODY] = { "max-body=", read_max_body, HTTP, true,
			      "only https and http rules take max-body=" },
	[OPTION_MAX_RESPONSE] = { "max-response=", read_max_response, HTTP,
				  true,
				  "only https and http rules take "
				  "max-response=" },
	[OPTION_RATE] = { "rate=", read_rate, HTTP | SOCKET, true,
			  "tcp and tls rules take no rate=: there are no "
			  "requests to count" },
	[OPTION_UNTIL] = { "until=", read_until, HTTP | SOCKET | TUNNEL, false,
			   NULL },
	[OPTION_FOR] = { "for=", read_for, HTTP | SOCKET | TUNNEL, false,
			 NULL },
	[OPTION_INJECT] = { "inject=", read_inject,
			    BIT(RULE_HTTPS) | BIT(RULE_WSS), true,
			    "only https and wss rules take inject=" },
	[OPTION_NOTE] = { "note=", read_note, HTTP | SOCKET | TUNNEL, false,
			  NULL },
};
static_assert(ARRAY_SIZE(kinds) == OPTIONS, "an option without a row");

static int fail(const struct reading *in, size_t at, const char *what)
{
	return rule_fail(in->r->err, at, what, SLICE(""));
}

static enum option find(struct slice word)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		struct slice name = slice_str(kinds[i].name);

		if (slice_ends(name, SLICE("=")) ? slice_starts(word, name)
						 : slice_eq(word, name))
			return (enum option)i;
	}
	return OPTIONS;
}

/* Is the option new, and for such a rule? */
static const char *check(const struct reading *in, enum option which)
{
	const struct rule *rule = in->r->rule;
	const struct kind *kind = &kinds[which];
	unsigned int times = BIT(OPTION_UNTIL) | BIT(OPTION_FOR);

	if (in->seen & BIT(which))
		return "the option stands twice";
	if (BIT(which) & times && in->seen & times)
		return "until= and for= say the same; one will do";
	if (!(kind->schemes & BIT(rule->scheme)))
		return kind->elsewhere;
	if (kind->permits && rule->verdict == VERDICT_DENY)
		return "a deny has no such option: what it refuses is refused";
	return NULL;
}

static int read_one(struct reading *in, struct slice word)
{
	enum option which = find(word);
	const char *why;
	struct slice value;

	if (which == OPTIONS)
		return fail(in, in->r->pos,
			    "expected an option: private, max-body=, "
			    "max-response=, rate=, until=, for=, inject= or "
			    "note=");
	why = check(in, which);
	if (why)
		return fail(in, in->r->pos, why);
	if (which == OPTION_NOTE) /* takes the rest of the line */
		word = slice_skip(in->r->line, in->r->pos);
	in->seen |= BIT(which);
	value = slice_trim(slice_skip(word, strlen(kinds[which].name)));
	why = kinds[which].read(in, value);
	if (why)
		return fail(in, (size_t)(value.ptr - in->r->line.ptr), why);
	in->r->pos += word.len;
	return 0;
}

/* In the largest unit that divides it. */
static void put_size(struct text *t, const char *name, uint64_t n)
{
	static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;

	while (n && n % 1024 == 0 && i + 1 < ARRAY_SIZE(units)) {
		n /= 1024;
		i++;
	}
	text_put_str(t, name);
	text_put_number(t, n);
	text_put_str(t, units[i]);
}

static struct rule_part put_part(struct text *t, const char *name,
				 struct slice value)
{
	size_t from;

	text_put_str(t, name);
	from = t->len;
	text_put(t, value);
	return (struct rule_part){ (uint16_t)from, (uint16_t)value.len };
}

static void print(struct reading *in)
{
	struct rule *rule = in->r->rule;
	struct text *t = in->r->out;
	char time[UNITS_TIME];

	if (rule->is_private)
		text_put_str(t, " private");
	if (in->seen & BIT(OPTION_MAX_BODY))
		put_size(t, " max-body=", rule->max_body);
	if (in->seen & BIT(OPTION_MAX_RESPONSE))
		put_size(t, " max-response=", rule->max_response);
	if (rule->rate_s)
		(void)put_part(t, " rate=", in->rate);
	if (rule->until_s) {
		units_print_time(rule->until_s, time);
		text_put_str(t, " until=");
		text_put_str(t, time);
	}
	if (in->inject.len)
		rule->inject = put_part(t, " inject=", in->inject);
	if (in->note.len)
		rule->note = put_part(t, " note=", in->note);
}

int option_read_all(struct option_reader *r)
{
	struct reading in = { .r = r };
	struct slice word;
	int rc = 0;

	r->rule->max_body = UINT64_MAX;
	r->rule->max_response = UINT64_MAX;
	for (word = rule_word(r->line, &r->pos); word.len && rc == 0;
	     word = rule_word(r->line, &r->pos))
		rc = read_one(&in, word);
	if (rc == 0)
		print(&in);
	return rc;
}
