/* cli/log_story.c - one request's story, for people. */

#include "cli/log_story.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/base.h"
#include "cli/log_print.h"
#include "cli/policy_rows.h"
#include "policy/policy.h"

#define STORY_NAME 10 /* columns of a name */

/* "name      what", where there is a what. */
static void story_line(FILE *to, const char *name, struct slice what)
{
	struct line l = { .len = 0 };

	if (!what.len)
		return;
	line_column(&l, slice_str(name), STORY_NAME - 1);
	line_put(&l, what);
	line_print(to, &l);
}

__attribute__((format(printf, 2, 3))) static void story_add(struct line *l,
							    const char *fmt,
							    ...)
{
	char text[64];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line_put(l, slice_str(text));
}

/* before, s, after; nothing if s is empty. */
static void story_part(struct line *l, const char *before, struct slice s,
		       const char *after)
{
	if (!s.len)
		return;
	line_put(l, slice_str(before));
	line_put(l, s);
	line_put(l, slice_str(after));
}

static void story_flush(FILE *to, const char *name, struct line *l)
{
	story_line(to, name, line_text(l));
	l->len = 0;
}

static void story_when(FILE *to, const struct query_row *row, struct line *l)
{
	struct tm tm = log_time(row->wall_us, false);
	char text[64];

	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	story_add(l, "%s.%03u", text,
		  (unsigned int)(row->wall_us / 1000 % 1000));
	(void)strftime(text, sizeof(text), " %z", &tm);
	line_put(l, slice_str(text));
	if (row->outcome != AUDIT_OPEN)
		story_add(l, ", took %" PRIu64 ".%03u ms",
			  row->duration_us / 1000,
			  (unsigned int)(row->duration_us % 1000));
	story_flush(to, "when", l);
}

static void story_who(FILE *to, const struct query_row *row, struct line *l)
{
	story_part(l, "sandbox ", row->sandbox, ", ");
	story_part(l, "from ", row->client, "");
	if (row->client_port)
		story_add(l, " port %u", row->client_port);
	story_part(l, ", by ", row->protocol, "");
	story_part(l, " over ", row->tls, "");
	story_flush(to, "who", l);
	story_line(to, "agent", row->user_agent);
}

static void story_verdict(FILE *to, const struct query_row *row, struct line *l)
{
	line_put(l, slice_str(audit_verdict_str(row->verdict)));
	if (row->verdict == AUDIT_NONE)
		line_put(l, SLICE(": it never came to a judgement"));
	story_part(l, ", ", row->reason, "");
	if (row->generation)
		story_add(l, " (generation %" PRIu32 " of the policies)",
			  row->generation);
	story_flush(to, "verdict", l);
	line_put(l, row->rule);
	if (row->rule.len)
		story_part(l, "  at ", row->rule_where, "");
	story_flush(to, "rule", l);
}

static void story_dialled(FILE *to, const struct query_row *row, struct line *l)
{
	story_part(l, "", row->upstream, "");
	story_part(l, ", by ", row->up_protocol, "");
	story_part(l, " over ", row->up_tls, "");
	if (!row->upstream.len)
		line_put(l, SLICE("nothing: it did not leave the gateway"));
	story_flush(to, "dialled", l);
}

static const char *story_end(const struct query_row *row)
{
	switch (row->outcome) {
	case AUDIT_OPEN:
		return row->verdict == AUDIT_ASK ? "it waits for an answer"
						 : "not yet: it is in work";
	case AUDIT_DONE:
		return "answered in full";
	case AUDIT_REFUSED:
		return "answered by the gateway itself";
	case AUDIT_FAILED:
		return "the origin could not be reached or did not answer well";
	case AUDIT_CUT:
		return "client or origin went away in the middle";
	default:
		return "the gateway's own process ended in the middle";
	}
}

static void story_answer(FILE *to, const struct query_row *row, struct line *l)
{
	if (row->status) {
		story_add(l, "%u", row->status);
		story_part(l, ", ", row->content_type, "");
	}
	story_flush(to, "answer", l);
	story_add(l, "%" PRIu64 " up, %" PRIu64 " down", row->bytes_up,
		  row->bytes_down);
	story_flush(to, "bytes", l);
	line_put(l, slice_str(story_end(row)));
	story_part(l, ": ", row->detail, "");
	story_flush(to, "ended", l);
}

static bool story_scheme(struct slice name, enum rule_scheme *ret)
{
	for (unsigned int i = 0; i < RULE_SCHEMES; i++) {
		if (!slice_eq(name, slice_str(rule_scheme_str(i))))
			continue;
		*ret = (enum rule_scheme)i;
		return true;
	}
	return false;
}

/* A tunnel; or, to 443, what carries requests for a site. */
static void story_connect(struct policy_question *q)
{
	q->scheme = q->port == 443 ? RULE_HTTPS : RULE_TCP;
	q->method = SLICE("GET");
}

/* No request yet. A method is then the type of a DNS query, and who asks for a
 * name will want to speak to it.
 */
static void story_name(struct policy_question *q)
{
	q->scheme = RULE_HTTPS;
	q->port = 443;
	q->method = slice_of(NULL, 0);
}

void log_story_rule(const struct query_row *row, bool whole,
		    char ret[STORY_RULE_MAX])
{
	struct policy_question q = {
		.method = row->method,
		.host = row->host,
		.port = row->port,
		.path = whole || !row->path.len ? SLICE("/") : row->path,
	};
	size_t len;

	ret[0] = '\0';
	/* A text that was cut would be another rule. */
	if (row->verdict != AUDIT_DENY || row->rule.len || !row->host.len ||
	    (row->cut && !whole))
		return;
	if (slice_eq(row->method, SLICE("CONNECT")))
		story_connect(&q);
	else if (!story_scheme(row->scheme, &q.scheme))
		story_name(&q);
	policy_suggest(&q, ret, STORY_RULE_MAX);
	policy_rows_unmask(ret);
	len = strlen(ret);
	if (len && ret[len - 1] == '/' && (whole || !row->path.len))
		ret[len - 1] = '\0';
}

/* s between single quotes, as a shell reads it back. */
static void story_quoted(struct line *l, const char *s)
{
	line_put(l, SLICE("'"));
	for (; *s; s++) {
		if (*s == '\'')
			line_put(l, SLICE("'\\''"));
		else
			line_put(l, slice_of(s, 1));
	}
	line_put(l, SLICE("'"));
}

static void story_allow(FILE *to, const struct query_row *row, struct line *l)
{
	char rule[STORY_RULE_MAX];

	log_story_rule(row, false, rule);
	if (rule[0] && row->sandbox.len) {
		line_put(l, SLICE("penstock allow "));
		line_put(l, row->sandbox);
		line_put(l, SLICE(" "));
		story_quoted(l, rule);
	} else if (row->verdict == AUDIT_DENY && row->rule.len) {
		line_put(l, SLICE("only by changing the rule above: no other "
				  "rule undoes a deny"));
	}
	story_flush(to, "to allow", l);
}

void log_story(FILE *to, const struct query_row *row)
{
	struct line l = { .len = 0 };
	char id[ID_TEXT];

	id_print(row->id, id);
	line_put(&l, slice_str(id));
	story_part(&l, ", a ", slice_str(audit_kind_str(row->kind)), ": ");
	line_put(&l, slice_str(log_word(row->verdict, row->outcome)));
	story_flush(to, "request", &l);
	line_put(&l, log_method(row));
	line_put(&l, SLICE(" "));
	log_target(row, &l);
	if (row->cut)
		line_put(&l, SLICE(" (a text was too long, and cut)"));
	story_flush(to, "asked", &l);
	story_when(to, row, &l);
	story_who(to, row, &l);
	story_verdict(to, row, &l);
	story_dialled(to, row, &l);
	story_answer(to, row, &l);
	story_allow(to, row, &l);
	story_line(to, "instance", row->instance);
}
