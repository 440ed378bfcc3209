/* gateway/questions.h - what waits for the operator.
 *
 * The parent's part of verdict ask: requests that ask the same are one
 * question, questions are few, and each is answered in time, if only by saying
 * that nobody did. Pure but for memory; who gets an answer is called back.
 */
#ifndef GATEWAY_QUESTIONS_H
#define GATEWAY_QUESTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "gateway/orders.h"

#define QUESTIONS_SANDBOX 20 /* that wait, of one sandbox */
#define WAITERS_MAX	  64 /* requests behind one question */

/* One request that waits: an exchange of a worker. */
struct waiter {
	uint32_t worker, index, gen;
};

struct question {
	uint32_t id; /* never given twice */
	uint32_t sandbox;
	uint64_t asked_s;	 /* since 1970 */
	char line[ASK_LINE_MAX]; /* the rule that would allow it */
	char query[ASK_QUERY_MAX + 1];
	char rule[256]; /* that asks; cut to fit */
	struct waiter waiters[WAITERS_MAX];
	uint32_t waiters_len;
	struct question *next;
};

struct questions {
	struct question *first; /* oldest first */
	uint32_t last_id;
};

/* What is compared: the line, and '?' and the query if there is one. Two
 * requests with the same text are the same question.
 */
#define QUESTION_TEXT_MAX (ASK_LINE_MAX + ASK_QUERY_MAX + 2)
void question_text(struct slice line, struct slice query,
		   char ret[QUESTION_TEXT_MAX]);

/* What a worker asks. */
struct asking {
	uint32_t sandbox;
	struct slice line, query, rule;
	struct waiter who;
};

/* Let one more wait. Returns 1 for a new question, 0 for one that was there,
 * ERR_LIMIT (too many wait), ERR_SYNTAX (too long) or -ENOMEM.
 */
int questions_ask(struct questions *q, const struct asking *a, uint64_t now_s);

/* These wait no more: one request, all of a worker, all of a sandbox. A
 * question without a request behind it goes.
 */
void questions_drop(struct questions *q, const struct waiter *who);
void questions_drop_worker(struct questions *q, uint32_t worker);
void questions_drop_sandbox(struct questions *q, uint32_t sandbox);

/* Take a question out, or one that was asked before then; NULL if there is
 * none. The caller tells its waiters and frees it.
 */
struct question *questions_take(struct questions *q, uint32_t id);
struct question *questions_take_old(struct questions *q, uint64_t before_s);

/* How many wait. */
uint32_t questions_waiting(const struct questions *q);

void questions_done(struct questions *q);

#endif
