/* gateway/grants.c - what the operator decided at run time.
 *
 * The file is text, a grant a line, fields between tabs:
 *
 *   VERDICT  rule|answer  kept|-  SANDBOX  MADE  UNTIL  LINE
 *
 * It is written to a second file that takes the place of the first, so there is
 * always a whole one. A line that can't be read is an error and not skipped: it
 * may be a deny.
 */

#include "gateway/grants.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/limits.h"

#define GRANT_FIELDS   7
#define GRANT_WHERE    "penstock allow"
#define GRANT_LINE_MAX 4096 /* octets of a line in the file */

static void grant_free(struct grant **g)
{
	free((*g)->line);
	free(*g);
	*g = NULL;
}

void grants_done(struct grants *g)
{
	while (g->first) {
		struct grant *next = g->first->next;

		grant_free(&g->first);
		g->first = next;
	}
	g->len = 0;
}

/* At the end. *ret (which may be NULL) is the new one. */
static int grants_append(struct grants *g, const struct grant *what,
			 struct slice line, struct grant **ret)
{
	struct grant **at = &g->first;
	struct grant *fresh;

	if (g->len >= GRANTS_ALL_MAX)
		return ERR_LIMIT;
	fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	*fresh = *what;
	fresh->next = NULL;
	fresh->id = ++g->last_id;
	fresh->line = strndup(line.ptr, line.len);
	if (!fresh->line) {
		free(fresh);
		return -ENOMEM;
	}
	while (*at)
		at = &(*at)->next;
	*at = fresh;
	g->len++;
	if (ret)
		*ret = fresh;
	return 0;
}

/* Take one out that is in the list. */
static void grants_unlink(struct grants *g, struct grant *gone)
{
	struct grant **at = &g->first;

	while (*at && *at != gone)
		at = &(*at)->next;
	assert(*at);
	*at = gone->next;
	g->len--;
	grant_free(&gone);
}

/* The file. */

static int grants_print(const struct grants *g, FILE *to)
{
	for (const struct grant *at = g->first; at; at = at->next)
		(void)fprintf(
			to, "%s\t%s\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%s\n",
			verdict_str(at->verdict),
			at->answer ? "answer" : "rule", at->kept ? "kept" : "-",
			at->sandbox, at->made_s, at->until_s, at->line);
	if (fflush(to) != 0 || fsync(fileno(to)) < 0)
		return -errno;
	return 0;
}

static int grants_write(const struct grants *g)
{
	char fresh[PATH_MAX];
	FILE *to;
	int fd, rc;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", g->path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	to = fdopen(fd, "w");
	if (!to) {
		(void)close(fd);
		return -ENOMEM;
	}
	rc = grants_print(g, to);
	(void)fclose(to);
	if (rc == 0 && rename(fresh, g->path) < 0)
		rc = -errno;
	return rc;
}

static bool grants_verdict(struct slice s, enum verdict *ret)
{
	for (int v = VERDICT_DENY; v <= VERDICT_ALLOW; v++) {
		if (slice_eq(s, slice_str(verdict_str((enum verdict)v)))) {
			*ret = (enum verdict)v;
			return true;
		}
	}
	return false;
}

/* Parse a rule; *ret_rs holds it alone. */
static int grants_parse(enum verdict verdict, struct slice line, uint64_t now_s,
			struct ruleset **ret_rs, struct rule_error *ret_err)
{
	struct ruleset *rs;
	int rc = ruleset_new(&rs);

	if (rc < 0)
		return rc;
	ruleset_set_clock(rs, now_s);
	rc = ruleset_add(rs, verdict, line, SLICE(GRANT_WHERE), ret_err);
	if (rc < 0)
		ruleset_free(&rs);
	else
		*ret_rs = rs;
	return rc;
}

/* One line without its end. */
static int grants_read_line(struct grants *g, struct slice text,
			    struct rule_error *ret_err)
{
	struct ruleset *rs = NULL;
	struct slice field[GRANT_FIELDS];
	struct grant got = { 0 };
	size_t n = 0;
	int rc = 0;

	while (n < GRANT_FIELDS - 1 && slice_cut(text, '\t', &field[n], &text))
		n++;
	field[GRANT_FIELDS - 1] = text;
	if (n != GRANT_FIELDS - 1 || !grants_verdict(field[0], &got.verdict) ||
	    !field[3].len || field[3].len > SANDBOX_NAME_MAX ||
	    !slice_number(field[4], UINT64_MAX, &got.made_s) ||
	    !slice_number(field[5], UINT64_MAX, &got.until_s) || !text.len)
		return ERR_SYNTAX;
	got.answer = slice_eq(field[1], SLICE("answer"));
	got.kept = slice_eq(field[2], SLICE("kept"));
	if ((!got.answer && !slice_eq(field[1], SLICE("rule"))) ||
	    (!got.kept && !slice_eq(field[2], SLICE("-"))))
		return ERR_SYNTAX;
	memcpy(got.sandbox, field[3].ptr, field[3].len);
	if (!got.answer)
		rc = grants_parse(got.verdict, text, 0, &rs, ret_err);
	ruleset_free(&rs);
	return rc < 0 ? rc : grants_append(g, &got, text, NULL);
}

static int grants_read(struct grants *g, FILE *from,
		       struct config_error *ret_err)
{
	struct rule_error err = {
		.text = "it is not as this program wrote it"
	};
	char line[GRANT_LINE_MAX];
	unsigned int number = 0;
	int rc = 0;

	while (rc == 0 && fgets(line, sizeof(line), from)) {
		size_t len = strlen(line);

		number++;
		rc = len && line[len - 1] == '\n'
			     ? grants_read_line(g, slice_of(line, len - 1),
						&err)
			     : ERR_SYNTAX;
	}
	if (rc == 0 && ferror(from))
		rc = -EIO;
	if (rc == ERR_SYNTAX)
		(void)snprintf(ret_err->text, sizeof(ret_err->text),
			       "%s:%u: %s; mend or remove that line", g->path,
			       number, err.text);
	return rc;
}

int grants_open(struct grants *g, const char *path,
		struct config_error *ret_err)
{
	FILE *from = fopen(path, "re");
	int rc;

	*g = (struct grants){ .path = path };
	if (!from)
		return errno == ENOENT ? 0 : -errno;
	rc = grants_read(g, from, ret_err);
	(void)fclose(from);
	if (rc < 0)
		grants_done(g);
	return rc;
}

/* Changes. Each is in the file before it is in force. */

/* The rule's text, with until= before the note, which is the last option. A
 * rule that says itself when it ends sets what->until_s.
 */
static int grants_line(struct grant *what, uint64_t now_s, char *ret,
		       size_t size, struct rule_error *ret_err)
{
	struct slice line = slice_str(what->line);
	struct ruleset *rs = NULL;
	char until[32] = "";
	struct rule_options o;
	size_t note;
	time_t t = (time_t)what->until_s;
	struct tm tm;
	int rc = grants_parse(what->verdict, line, now_s, &rs, ret_err);

	if (rc < 0)
		return rc;
	line = rule_text(ruleset_at(rs, 0));
	o = rule_options(ruleset_at(rs, 0));
	note = o.note.len ? o.note.len + strlen(" note=") : 0;
	if (what->until_s && o.until_s) {
		(void)snprintf(ret_err->text, sizeof(ret_err->text),
			       "the rule says itself when it ends");
		ret_err->column = 1;
		rc = ERR_SYNTAX;
	} else if (what->until_s && gmtime_r(&t, &tm)) {
		(void)strftime(until, sizeof(until),
			       " until=%Y-%m-%dT%H:%M:%SZ", &tm);
	}
	if (rc == 0 &&
	    (size_t)snprintf(ret, size, "%.*s%s%.*s", (int)(line.len - note),
			     line.ptr, until, (int)note,
			     line.ptr + line.len - note) >= size)
		rc = ERR_LIMIT;
	what->until_s = MAX(what->until_s, o.until_s);
	ruleset_free(&rs);
	return rc;
}

/* How the error looks to who wrote the rule. */
static void grants_caret(const char *line, const struct rule_error *err,
			 struct config_error *ret)
{
	(void)snprintf(ret->text, sizeof(ret->text),
		       "the rule has an error: %s\n  %s\n  %*s^", err->text,
		       line, (int)(err->column ? err->column - 1 : 0), "");
}

static size_t grants_of(const struct grants *g, const char *sandbox)
{
	size_t n = 0;

	for (const struct grant *at = g->first; at; at = at->next)
		n += !strcmp(at->sandbox, sandbox);
	return n;
}

int grants_add(struct grants *g, const struct grant *what, uint64_t now_s,
	       uint32_t *ret_id, struct config_error *ret_err)
{
	char line[GRANT_LINE_MAX / 2];
	struct rule_error err = { 0 };
	struct grant *last = NULL;
	struct grant got = *what;
	int rc = 0;

	ret_err->text[0] = '\0';
	if (grants_of(g, what->sandbox) >= GRANTS_MAX)
		return ERR_LIMIT;
	if (what->answer)
		(void)snprintf(line, sizeof(line), "%s", what->line);
	else
		rc = grants_line(&got, now_s, line, sizeof(line), &err);
	if (rc == ERR_SYNTAX)
		grants_caret(what->line, &err, ret_err);
	if (rc == 0)
		rc = grants_append(g, &got, slice_str(line), &last);
	if (rc < 0)
		return rc;
	assert(last);
	rc = grants_write(g);
	if (rc < 0)
		grants_unlink(g, last);
	else if (ret_id)
		*ret_id = last->id;
	return rc;
}

int grants_remove(struct grants *g, uint32_t id,
		  char ret_sandbox[SANDBOX_NAME_MAX + 1])
{
	struct grant **at = &g->first;
	struct grant *gone;
	int rc;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	gone = *at;
	if (!gone)
		return ERR_UNKNOWN;
	*at = gone->next;
	rc = grants_write(g);
	*at = gone;
	if (rc < 0)
		return rc;
	memcpy(ret_sandbox, gone->sandbox, sizeof(gone->sandbox));
	grants_unlink(g, gone);
	return 0;
}

/* Take away those that are not to stay. What has ended stays so, whether the
 * file can be written or not.
 */
static bool grants_sift(struct grants *g,
			bool (*stays)(const struct grant *, const void *),
			const void *ctx)
{
	struct grant *next;
	bool any = false;

	for (struct grant *at = g->first; at; at = next) {
		next = at->next;
		if (stays(at, ctx))
			continue;
		grants_unlink(g, at);
		any = true;
	}
	if (any)
		(void)grants_write(g);
	return any;
}

struct grants_now {
	uint64_t s, ms;
};

static bool grant_in_time(const struct grant *g, const void *ctx)
{
	const struct grants_now *now = ctx;
	bool by_clock = g->until_s > now->s, by_count = g->ends_ms > now->ms;

	if (!g->until_s)
		return true;
	return g->verdict == VERDICT_ALLOW ? by_clock && by_count
					   : by_clock || by_count;
}

/* It never counts longer than it was given for, whatever the clock says. */
static void grant_count(struct grant *g, const struct grants_now *now)
{
	uint64_t left_s = g->until_s > now->s ? g->until_s - now->s : 0;

	if (g->until_s > g->made_s)
		left_s = MIN(left_s, g->until_s - g->made_s);
	g->ends_ms = now->ms + left_s * 1000;
}

bool grants_expire(struct grants *g, uint64_t now_s, uint64_t now_ms)
{
	struct grants_now now = { .s = now_s, .ms = now_ms };

	for (struct grant *at = g->first; at; at = at->next)
		if (at->until_s && !at->ends_ms)
			grant_count(at, &now);
	return grants_sift(g, grant_in_time, &now);
}

static bool grant_outlives(const struct grant *g, const void *sandbox)
{
	return g->kept ||
	       !slice_eq(slice_str(g->sandbox), *(const struct slice *)sandbox);
}

bool grants_leave(struct grants *g, struct slice sandbox)
{
	return grants_sift(g, grant_outlives, &sandbox);
}

int grants_rules(const struct grants *g, struct slice sandbox,
		 struct ruleset **ret)
{
	struct rule_error err;
	struct ruleset *rs;
	int rc = ruleset_new(&rs);

	for (const struct grant *at = g->first; rc == 0 && at; at = at->next) {
		if (at->answer || !slice_eq(slice_str(at->sandbox), sandbox))
			continue;
		rc = ruleset_add(rs, at->verdict, slice_str(at->line),
				 SLICE(GRANT_WHERE), &err);
	}
	if (rc == 0)
		*ret = rs;
	else
		ruleset_free(&rs);
	return rc;
}

const struct grant *grants_answer(const struct grants *g, struct slice sandbox,
				  struct slice line, uint64_t now_s)
{
	const struct grant *found = NULL;

	for (const struct grant *at = g->first; at; at = at->next) {
		if (at->answer && slice_eq(slice_str(at->sandbox), sandbox) &&
		    slice_eq(slice_str(at->line), line) &&
		    (!at->until_s || at->until_s > now_s))
			found = at; /* the last word counts */
	}
	return found;
}
