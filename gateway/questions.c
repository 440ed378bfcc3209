/* gateway/questions.c - what waits for the operator. */

#include "gateway/questions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"

void question_text(struct slice line, struct slice query,
		   char ret[QUESTION_TEXT_MAX])
{
	(void)snprintf(ret, QUESTION_TEXT_MAX, "%.*s%s%.*s", (int)line.len,
		       line.ptr, query.len ? "?" : "", (int)query.len,
		       query.ptr);
}

/* As a C string; what does not fit is cut. */
static void question_copy(struct slice s, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%.*s", (int)s.len, s.ptr);
}

/* The one that asks the same, or NULL; and how many its sandbox has. */
static struct question *questions_find(struct questions *q,
				       const struct asking *a,
				       uint32_t *ret_count)
{
	struct question *found = NULL;

	*ret_count = 0;
	for (struct question *at = q->first; at; at = at->next) {
		if (at->sandbox != a->sandbox)
			continue;
		++*ret_count;
		if (slice_eq(slice_str(at->line), a->line) &&
		    slice_eq(slice_str(at->query), a->query))
			found = at;
	}
	return found;
}

static int questions_new(struct questions *q, struct question **ret)
{
	struct question **at = &q->first;
	struct question *fresh = calloc(1, sizeof(*fresh));

	if (!fresh)
		return -ENOMEM;
	while (*at)
		at = &(*at)->next;
	*at = fresh;
	fresh->id = ++q->last_id;
	*ret = fresh;
	return 0;
}

int questions_ask(struct questions *q, const struct asking *a, uint64_t now_s)
{
	uint32_t count;
	struct question *at;

	if (a->line.len >= ASK_LINE_MAX || a->query.len > ASK_QUERY_MAX)
		return ERR_SYNTAX;
	at = questions_find(q, a, &count);
	if (at) {
		if (at->waiters_len == WAITERS_MAX)
			return ERR_LIMIT;
		at->waiters[at->waiters_len++] = a->who;
		return 0;
	}
	if (count >= QUESTIONS_SANDBOX)
		return ERR_LIMIT;
	if (questions_new(q, &at) < 0)
		return -ENOMEM;
	at->sandbox = a->sandbox;
	at->asked_s = now_s;
	question_copy(a->line, at->line, sizeof(at->line));
	question_copy(a->query, at->query, sizeof(at->query));
	question_copy(a->rule, at->rule, sizeof(at->rule));
	at->waiters[at->waiters_len++] = a->who;
	return 1;
}

/* Take one waiter out, or (NULL) all of the worker's. True: none is left. */
static bool question_leave(struct question *at, uint32_t worker,
			   const struct waiter *one)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < at->waiters_len; i++) {
		const struct waiter *w = &at->waiters[i];

		if (w->worker != worker ||
		    (one && (w->index != one->index || w->gen != one->gen)))
			at->waiters[kept++] = *w;
	}
	at->waiters_len = kept;
	return !kept;
}

static void questions_leave(struct questions *q, uint32_t worker,
			    const struct waiter *one)
{
	for (struct question **at = &q->first; *at;) {
		struct question *gone = *at;

		if (!question_leave(gone, worker, one)) {
			at = &gone->next;
			continue;
		}
		*at = gone->next;
		free(gone);
	}
}

void questions_drop(struct questions *q, const struct waiter *who)
{
	questions_leave(q, who->worker, who);
}

void questions_drop_worker(struct questions *q, uint32_t worker)
{
	questions_leave(q, worker, NULL);
}

void questions_drop_sandbox(struct questions *q, uint32_t sandbox)
{
	for (struct question **at = &q->first; *at;) {
		struct question *gone = *at;

		if (gone->sandbox != sandbox) {
			at = &gone->next;
			continue;
		}
		*at = gone->next;
		free(gone);
	}
}

struct question *questions_take(struct questions *q, uint32_t id)
{
	struct question **at = &q->first;
	struct question *found;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	found = *at;
	if (found)
		*at = found->next;
	return found;
}

struct question *questions_take_old(struct questions *q, uint64_t before_s)
{
	struct question *found = q->first; /* the oldest */

	if (!found || found->asked_s >= before_s)
		return NULL;
	q->first = found->next;
	return found;
}

uint32_t questions_waiting(const struct questions *q)
{
	uint32_t n = 0;

	for (const struct question *at = q->first; at; at = at->next)
		n++;
	return n;
}

void questions_done(struct questions *q)
{
	while (q->first) {
		struct question *next = q->first->next;

		free(q->first);
		q->first = next;
	}
}
