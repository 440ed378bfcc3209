/* cli/log_stats.c - a summary of rows: penstock log --stats.
 *
 * Each part is a count of its own, so between them rows may come; the numbers
 * of one part always fit together.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "cli/log_groups.h"
#include "cli/log_story.h"

#define STATS_TOP	  10
#define STATS_DENIED_READ 200 /* groups looked through for rules to add */
#define STATS_LATENCIES	  200000
#define STATS_SANDBOX	  16 /* columns */

/* What the parts have in common. */
struct stats {
	FILE *to;
	struct query *q;
	const struct log_options *o;
	struct query_filter filter;
	bool json;
};

struct stats_word {
	const char *word;
	uint64_t rows;
};

/* Rows for each word of column VERDICT, in the order of their first. */
struct stats_words {
	struct stats_word word[(size_t)AUDIT_VERDICTS * AUDIT_OUTCOMES];
	size_t len;
	struct query_group all;
};

static enum audit_verdict stats_verdict(struct slice name)
{
	unsigned int i = 0;

	while (i < AUDIT_VERDICTS - 1 &&
	       !slice_eq(name, slice_str(audit_verdict_str(i))))
		i++;
	return (enum audit_verdict)i;
}

static enum audit_outcome stats_outcome(struct slice name)
{
	unsigned int i = 0;

	while (i < AUDIT_OUTCOMES - 1 &&
	       !slice_eq(name, slice_str(audit_outcome_str(i))))
		i++;
	return (enum audit_outcome)i;
}

static void stats_add(struct stats_words *w, const struct query_group *g)
{
	const char *word =
		log_word(stats_verdict(g->key[0]), stats_outcome(g->key[1]));
	size_t i = 0;

	while (i < w->len && strcmp(w->word[i].word, word) != 0)
		i++;
	if (i == w->len)
		w->word[w->len++] = (struct stats_word){ .word = word };
	w->word[i].rows += g->rows;
	w->all.first_us =
		w->all.rows ? MIN(w->all.first_us, g->first_us) : g->first_us;
	w->all.last_us = MAX(w->all.last_us, g->last_us);
	w->all.rows += g->rows;
	w->all.bytes_up += g->bytes_up;
	w->all.bytes_down += g->bytes_down;
}

static int stats_count(struct stats *s, struct stats_words *ret)
{
	static const enum query_key by[] = { QUERY_VERDICT, QUERY_OUTCOME };
	struct query_group g;
	int n = query_group(s->q, &s->filter, by, ARRAY_SIZE(by));

	*ret = (struct stats_words){ .len = 0 };
	if (n < 0)
		return n;
	while ((n = query_group_next(s->q, &g)) > 0)
		stats_add(ret, &g);
	return n;
}

/* For people, or for programs. */
static void stats_when(bool utc, uint64_t us, char ret[40])
{
	struct tm tm = log_time(us, utc);

	if (utc)
		(void)strftime(ret, 40, "%Y-%m-%dT%H:%M:%SZ", &tm);
	else
		(void)strftime(ret, 40, "%Y-%m-%d %H:%M:%S", &tm);
}

static void stats_print_all(struct stats *s, const struct stats_words *w)
{
	char first[40], last[40], up[LOG_SIZE_MAX], down[LOG_SIZE_MAX];

	stats_when(false, w->all.first_us, first);
	stats_when(false, w->all.last_us, last);
	(void)fprintf(s->to, "%" PRIu64 " rows, from %s to %s\n\n", w->all.rows,
		      first, last);
	for (size_t i = 0; i < w->len; i++)
		(void)fprintf(
			s->to, "%10" PRIu64 "  %5.1f %%  %s\n", w->word[i].rows,
			100.0 * (double)w->word[i].rows / (double)w->all.rows,
			w->word[i].word);
	(void)fprintf(s->to, "\nbytes     %s up, %s down\n",
		      log_size(w->all.bytes_up, up),
		      log_size(w->all.bytes_down, down));
}

static void stats_json_all(struct stats *s, const struct stats_words *w)
{
	char first[40], last[40];

	stats_when(true, w->all.first_us, first);
	stats_when(true, w->all.last_us, last);
	(void)fprintf(s->to,
		      "{\"rows\":%" PRIu64 ",\"first\":\"%s\",\"last\":\"%s\","
		      "\"bytes_up\":%" PRIu64 ",\"bytes_down\":%" PRIu64
		      ",\"words\":{",
		      w->all.rows, first, last, w->all.bytes_up,
		      w->all.bytes_down);
	for (size_t i = 0; i < w->len; i++)
		(void)fprintf(s->to, "%s\"%s\":%" PRIu64, i ? "," : "",
			      w->word[i].word, w->word[i].rows);
	(void)fputc('}', s->to);
}

static const char *stats_ms(uint64_t us, char ret[32])
{
	double ms = (double)us / 1000;

	if (ms >= 9999.5)
		(void)snprintf(ret, 32, "%.1f s", ms / 1000);
	else
		(void)snprintf(ret, 32, ms < 9.95 ? "%.1f ms" : "%.0f ms", ms);
	return ret;
}

/* Percentiles of the newest rows that an origin answered in full. */
static int stats_latency(struct stats *s)
{
	static const unsigned int percent[] = { 50, 90, 99, 100 };
	const uint32_t answered = QUERY_END(AUDIT_ALLOW, AUDIT_DONE);
	struct query_filter f = s->filter;
	uint64_t *us;
	char text[32];
	int n;

	f.ends = f.ends ? f.ends & answered : answered;
	if (!f.ends) /* which would ask for all */
		return 0;
	us = calloc(STATS_LATENCIES, sizeof(*us));
	if (!us)
		return -ENOMEM;
	n = query_durations(s->q, &f, us, STATS_LATENCIES);
	if (n > 0)
		(void)fputs(s->json ? ",\"latency_us\":{" : "latency   ",
			    s->to);
	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(percent); i++) {
		uint64_t at = us[((size_t)n - 1) * percent[i] / 100];

		if (s->json)
			(void)fprintf(s->to, "%s\"p%u\":%" PRIu64, i ? "," : "",
				      percent[i], at);
		else
			(void)fprintf(s->to, "%s%u %% %s", i ? ", " : "",
				      percent[i], stats_ms(at, text));
	}
	if (n > 0 && s->json)
		(void)fprintf(s->to, ",\"of\":%d}", n);
	else if (n > 0)
		(void)fprintf(s->to, " (the newest %d that were answered)\n",
			      n);
	free(us);
	return MIN(n, 0);
}

/* A table or an array of the largest groups. */
static int stats_top(struct stats *s, enum query_key key, const char *heading)
{
	struct log_options o = *s->o;
	int n;

	o.filter = s->filter;
	o.filter.limit = 0;
	o.by[0] = key;
	o.by_len = 1;
	if (s->json) {
		(void)fprintf(s->to, ",\"%s\":", query_key_str(key));
		o.format = LOG_JSON;
	} else {
		(void)fprintf(s->to, "\n%s\n", heading);
	}
	o.top = STATS_TOP;
	n = log_groups(s->to, s->q, &o);
	return MIN(n, 0);
}

/* A group of sandbox, host, method, scheme, port as a denied row. */
static void stats_row(const struct query_group *g, struct query_row *ret)
{
	char port[8];

	(void)snprintf(port, sizeof(port), "%.*s", (int)MIN(g->key[4].len, 5),
		       g->key[4].len ? g->key[4].ptr : "");
	*ret = (struct query_row){
		.verdict = AUDIT_DENY,
		.outcome = AUDIT_REFUSED,
		.sandbox = g->key[0],
		.host = g->key[1],
		.method = g->key[2],
		.scheme = g->key[3],
		.port = (uint16_t)strtoul(port, NULL, 10),
	};
}

/* A rule that some sandbox lacks. */
struct stats_rule {
	uint64_t rows;
	char sandbox[64];
	char rule[STORY_RULE_MAX];
};

struct stats_rules {
	struct stats_rule rule[STATS_TOP];
	size_t len;
};

/* Several groups may come to the same rule: queries for A and AAAA do. */
static void stats_add_rule(struct stats_rules *rules,
			   const struct stats_rule *one)
{
	size_t i = 0;

	while (i < rules->len &&
	       (strcmp(rules->rule[i].rule, one->rule) != 0 ||
		strcmp(rules->rule[i].sandbox, one->sandbox) != 0))
		i++;
	if (i < rules->len)
		rules->rule[i].rows += one->rows;
	else if (i < STATS_TOP)
		rules->rule[rules->len++] = *one;
}

/* Of the largest groups. Returns 0, or as query_group(). */
static int stats_rules(struct stats *s, const struct query_filter *f,
		       struct stats_rules *ret)
{
	static const enum query_key by[] = { QUERY_SANDBOX, QUERY_HOST,
					     QUERY_METHOD, QUERY_SCHEME,
					     QUERY_PORT };
	int n = query_group(s->q, f, by, ARRAY_SIZE(by));
	struct query_group g;

	*ret = (struct stats_rules){ .len = 0 };
	for (int i = 0; n >= 0 && i < STATS_DENIED_READ; i++) {
		struct stats_rule one;
		struct query_row row;

		n = query_group_next(s->q, &g);
		if (n <= 0)
			break;
		stats_row(&g, &row);
		one.rows = g.rows;
		(void)snprintf(one.sandbox, sizeof(one.sandbox), "%.*s",
			       (int)row.sandbox.len,
			       row.sandbox.len ? row.sandbox.ptr : "");
		log_story_rule(&row, true, one.rule);
		if (one.rule[0])
			stats_add_rule(ret, &one);
	}
	return MIN(n, 0);
}

static void stats_print_rule(struct stats *s, const struct stats_rule *one)
{
	struct line l = { .len = 0 };

	(void)fprintf(s->to, "%10" PRIu64 "  ", one->rows);
	line_column(&l, slice_str(one->sandbox), STATS_SANDBOX);
	line_put(&l, slice_str(one->rule));
	line_print(s->to, &l);
}

static void stats_json_rule(struct stats *s, const struct stats_rule *one)
{
	static const char *const names[] = { "rows", "sandbox", "rule" };
	const struct cell row[] = {
		cell_integer(one->rows),
		cell_text(slice_str(one->sandbox)),
		cell_text(slice_str(one->rule)),
	};

	cells_object(s->to, names, row, ARRAY_SIZE(row));
}

static void stats_print_rules(struct stats *s, const struct stats_rules *rules)
{
	if (rules->len)
		(void)fputs("\nMost denied for want of a rule, and the rule "
			    "that would allow it\n",
			    s->to);
	for (size_t i = 0; i < rules->len; i++)
		stats_print_rule(s, &rules->rule[i]);
}

static void stats_json_rules(struct stats *s, const struct stats_rules *rules)
{
	(void)fputs(",\"to_allow\":[", s->to);
	for (size_t i = 0; i < rules->len; i++) {
		(void)fputs(i ? ",\n" : "\n", s->to);
		stats_json_rule(s, &rules->rule[i]);
	}
	(void)fputc(']', s->to);
}

static int stats_denied(struct stats *s)
{
	const struct slice reason = SLICE("no-rule");
	struct query_filter f = s->filter;
	struct stats_rules rules;
	int n;

	if (f.rule.len || (f.reason.len && !slice_eq(f.reason, reason)))
		return 0;
	f.what = QUERY_DENIED;
	f.reason = reason;
	n = stats_rules(s, &f, &rules);
	if (n < 0)
		return n;
	if (s->json)
		stats_json_rules(s, &rules);
	else
		stats_print_rules(s, &rules);
	return 0;
}

int log_stats(FILE *to, struct query *q, const struct log_options *o)
{
	struct stats s = {
		.to = to,
		.q = q,
		.o = o,
		.filter = o->filter,
		.json = o->format != LOG_TABLE,
	};
	struct stats_words words;
	int n;

	s.filter.limit = 0;
	n = stats_count(&s, &words);
	if (n < 0 || !words.all.rows)
		return n;
	if (s.json)
		stats_json_all(&s, &words);
	else
		stats_print_all(&s, &words);
	n = stats_latency(&s);
	if (!n)
		n = stats_top(&s, QUERY_HOST, "Hosts");
	if (!n)
		n = stats_top(&s, QUERY_SANDBOX, "Sandboxes");
	if (!n)
		n = stats_denied(&s);
	if (s.json)
		(void)fputs("}\n", to);
	return n ? n : 1;
}
