/* audit/upkeep.c - what the ledger's writer does between its passes.
 *
 * Each turn does one small piece of each that is due, so that the spools never
 * wait for long: sealing or pruning a batch of STORE_SEAL_ROWS takes some 5 ms.
 * What fails is tried again when it is next due; nothing waits for it.
 *
 * Sealing begins when a pass has found the spools empty: until then a row that
 * our predecessor left open may stand as interrupted although its writer lives
 * and is about to say open again (audit/main.c).
 */

#include "audit/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/drain.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"

#define SEAL_MS	      5000  /* between batches that are not full */
#define SIGN_MS	      60000 /* between checkpoints */
#define PRUNE_CALM_MS 10000 /* while nothing is too old or too big */
#define PRUNE_BUSY_MS 10
#define PRUNE_ROWS    2000 /* taken away at once */
#define SUM_BUSY_MS   500
#define SUM_MS	      10000 /* between looks for rows to sum up */
#define REQUEST_MS    200   /* between looks */
#define PATH_LEN_MAX  512

static void upkeep_warn(const struct upkeep *u, const char *doing)
{
	log_warn("ledger: %s: %s; trying again", doing, store_error(u->store));
}

/* Each returns 1 when there is more of it to do, 0, or the store's error. */
static int upkeep_seal(struct upkeep *u, uint64_t now_ms)
{
	int n;

	if (!u->seal_due_ms)
		u->seal_due_ms = now_ms + SEAL_MS;
	if (!u->caught_up || now_ms < u->seal_due_ms)
		return 0;
	n = store_seal(u->store, clock_us(CLOCK_REALTIME), STORE_SEAL_ROWS);
	if (n < 0)
		upkeep_warn(u, "sealing rows");
	if (n >= STORE_SEAL_ROWS)
		return 1;
	u->seal_due_ms = now_ms + SEAL_MS;
	return MIN(n, 0);
}

static int upkeep_sign(struct upkeep *u, uint64_t now_ms)
{
	int n;

	if (now_ms < u->sign_due_ms)
		return 0;
	n = store_checkpoint(u->store, clock_us(CLOCK_REALTIME));
	if (n < 0)
		upkeep_warn(u, "signing a checkpoint");
	u->sign_due_ms = now_ms + SIGN_MS;
	return MIN(n, 0);
}

void upkeep_shipped(const char *state_dir, struct store_limits *ret)
{
	char path[PATH_LEN_MAX], text[32];
	int err;

	if (snprintf(path, sizeof(path), "%s/" UPKEEP_SHIPPED, state_dir) >=
	    PATH_LEN_MAX)
		return;
	err = file_text(AT_FDCWD, path, O_NOFOLLOW | O_NONBLOCK, text,
			sizeof(text));
	ret->ships = err != -ENOENT;
	ret->shipped = err ? 0 : strtoull(text, NULL, 10);
}

/* The limits as configured; of a clock that is not believed, rows are kept for
 * as much longer as it is ahead.
 */
static struct store_limits upkeep_limits(struct upkeep *u)
{
	struct store_limits limits = u->limits;
	uint64_t wall_us = clock_us(CLOCK_REALTIME);
	uint64_t boot_ms = clock_ms(CLOCK_BOOTTIME);
	uint64_t before_us = wall_us - AGE_DOUBT_MS * 1000, last_us = 0,
		 ahead_s;

	if (!u->age.begun &&
	    store_sealed_us(u->store, before_us, &last_us) < 0) {
		limits.keep_s = UINT64_MAX;
		return limits;
	}
	if (!u->age.begun)
		age_begin(&u->age, last_us, wall_us, boot_ms);
	ahead_s = age_ahead_s(&u->age, limits.keep_s, wall_us, boot_ms);
	if (ahead_s && !u->doubts)
		log_warn("the clock is %llu days ahead of what was expected: "
			 "should it still be in an hour, rows go that are too "
			 "old then",
			 (unsigned long long)(ahead_s / 86400));
	u->doubts = ahead_s;
	limits.keep_s += MIN(ahead_s, UINT64_MAX - limits.keep_s);
	return limits;
}

static int upkeep_prune(struct upkeep *u, int entered, uint64_t now_ms)
{
	uint32_t rows = PRUNE_ROWS + 2 * (uint32_t)entered;
	struct store_limits limits;
	int n;

	if (now_ms < u->prune_due_ms)
		return 0;
	upkeep_shipped(u->state_dir, &u->limits);
	limits = upkeep_limits(u);
	n = store_prune(u->store, &limits, clock_us(CLOCK_REALTIME), rows);
	if (n < 0)
		upkeep_warn(u, "taking old rows away");
	/* Something went: more may have to, so stay at it between passes. */
	u->prune_due_ms = now_ms + (n > 0 ? PRUNE_BUSY_MS : PRUNE_CALM_MS);
	return MIN(n, 0);
}

static int upkeep_sum(struct upkeep *u, uint64_t now_ms)
{
	int n;

	if (!u->caught_up || now_ms < u->sum_due_ms)
		return 0;
	n = store_summarise(u->store, clock_us(CLOCK_REALTIME));
	if (n < 0)
		upkeep_warn(u, "summing up rows");
	u->sum_due_ms = now_ms + (n > 0 ? SUM_BUSY_MS : SUM_MS);
	return MIN(n, 0);
}

static void upkeep_answer(struct upkeep *u, const char *error)
{
	struct request_answer a = { .id = u->request.id,
				    .rows = u->request_rows };
	int err;

	(void)snprintf(a.error, sizeof(a.error), "%s", error);
	err = request_answer_write(u->state_dir, &a);
	if (err)
		log_warn("%s/" REQUEST_ANSWER ": %s", u->state_dir,
			 err_str(err));
	request_remove(u->state_dir);
	log_info("ledger: %llu rows taken away as asked",
		 (unsigned long long)u->request_rows);
	u->asked = false;
}

static bool upkeep_request_begin(struct upkeep *u, uint64_t now_ms)
{
	int err;

	if (u->asked)
		return true;
	if (now_ms < u->request_due_ms)
		return false;
	u->request_due_ms = now_ms + REQUEST_MS;
	err = request_read(u->state_dir, &u->request);
	if (err && err != -ENOENT) {
		log_warn("%s/" REQUEST_NAME ": %s; taken away", u->state_dir,
			 err_str(err));
		request_remove(u->state_dir);
	}
	u->asked = !err;
	u->request_rows = 0;
	return u->asked;
}

/* A piece of what an operator asked for. The limits that are configured hold
 * besides.
 */
static int upkeep_request(struct upkeep *u, uint64_t now_ms)
{
	struct store_limits limits;
	int n;

	if (!upkeep_request_begin(u, now_ms))
		return 0;
	upkeep_shipped(u->state_dir, &u->limits);
	limits = u->limits;
	limits.keep_s = u->request.keep_s;
	limits.bytes_max = u->request.bytes_max;
	n = store_prune(u->store, &limits, clock_us(CLOCK_REALTIME),
			PRUNE_ROWS);
	if (n > 0) {
		u->request_rows += (uint64_t)n;
		return 1;
	}
	upkeep_answer(u, n < 0 ? store_error(u->store) : "");
	return n;
}

int upkeep_turn(struct upkeep *u, int entered, uint64_t now_ms)
{
	struct spent *spent = store_spent(u->store);
	int n[5], more = 0;
	bool began;

	if (entered < DRAIN_BATCH)
		u->caught_up = true;
	began = spent_begin(spent);
	n[0] = upkeep_seal(u, now_ms);
	n[1] = upkeep_sign(u, now_ms);
	spent_end(spent, began, SPENT_SEAL);
	began = spent_begin(spent);
	n[2] = upkeep_prune(u, entered, now_ms);
	n[3] = upkeep_request(u, now_ms);
	spent_end(spent, began, SPENT_PRUNE);
	began = spent_begin(spent);
	n[4] = upkeep_sum(u, now_ms);
	spent_end(spent, began, SPENT_SUM);
	for (size_t i = 0; i < ARRAY_SIZE(n); i++) {
		if (n[i] < 0)
			return n[i];
		more |= n[i];
	}
	return more;
}

void upkeep_end(struct upkeep *u)
{
	uint64_t wall_us = clock_us(CLOCK_REALTIME);
	int n;

	if (!u->caught_up)
		return;
	/* What is finished is here: there is nothing to wait for. */
	do
		n = store_seal(u->store, wall_us, STORE_SEAL_ROWS);
	while (n >= STORE_SEAL_ROWS);
	if (n < 0 || store_checkpoint(u->store, wall_us) < 0)
		upkeep_warn(u, "sealing the last rows");
}
