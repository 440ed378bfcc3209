/* ship/sender.c - one destination: asks the reader for rows, sends them.
 *
 *   ask ─▶ send ─▶ taken: ask for the next, saying "delivered"
 *            │
 *            ├──▶ later:   wait (ship/backoff.h), send the same again
 *            ├──▶ smaller: ask for half as many; what was sent counts for
 *            │	          nothing
 *            └──▶ never:   say so loudly, wait long, send the same again
 *
 * Nothing is given up: what nobody takes stays in the ledger. A receiver that
 * refuses is tried about once a minute, as somebody may have mended it.
 *
 * Files (passwords, trust, resolver) are read when a sender starts. So that a
 * change is seen, one that fails for long ends, and the supervisor starts it
 * anew.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/jail.h"
#include "base/log.h"
#include "ship/backoff.h"
#include "ship/ship.h"
#include "ship/sink.h"

#define SENDER_FILL_MS	 1000 /* after a load that was not full: gather */
#define SENDER_TRIES_MAX 10   /* in a row, some five minutes; then anew */
#define SENDER_REPORT_MS 5000 /* between two reports while nothing comes */

struct sender {
	const struct ship *ship;
	const struct ship_dest *dest;
	struct sink *sink; /* owned */
	struct link_ask ask;
	uint32_t rows_max;
};

static const char *sender_name(const struct sender *s)
{
	return s->dest->config->name;
}

static void sender_sleep(uint32_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
			      .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) < 0)
		;
}

static uint32_t sender_random(void)
{
	uint32_t n = 0;

	(void)!getrandom(&n, sizeof(n), GRND_NONBLOCK);
	return n;
}

static void sender_say(struct sender *s, uint32_t rows_max, bool delivered)
{
	int n;

	s->ask.rows_max = rows_max;
	s->ask.delivered = delivered;
	n = link_write_ask(&s->dest->link, &s->ask);
	/* Full: a report may be lost, a question may not. */
	while (n == -EAGAIN && (rows_max || delivered)) {
		sender_sleep(BACKOFF_FIRST_MS);
		n = link_write_ask(&s->dest->link, &s->ask);
	}
	if (n == ERR_CLOSED)
		_exit(0);
}

/* Until the reader gives something. Answers to a predecessor are dropped. */
static void sender_wait(struct sender *s, struct link_give *ret)
{
	for (;;) {
		int n = link_read_give(&s->dest->link, SENDER_REPORT_MS, ret);

		if (n < 0)
			_exit(0); /* the reader has gone */
		if (n == 1 && ret->generation == s->ask.generation &&
		    ret->len && ret->len <= LINK_OCTETS_MAX)
			return;
	}
}

static void sender_failed(struct sender *s, const struct sink_result *result)
{
	struct link_report *r = &s->ask.report;
	enum link_state state =
		result->answer == SINK_NEVER ? LINK_REFUSED : LINK_RETRYING;
	bool news = r->state != state || strcmp(r->error, result->phrase) != 0;

	r->state = state;
	r->tries++;
	r->failures++;
	(void)snprintf(r->error, sizeof(r->error), "%s", result->phrase);
	if (news && state == LINK_REFUSED)
		log_error("%s: %s (rows stay in the ledger; tried once a "
			  "minute)",
			  sender_name(s), r->error);
	else if (news)
		log_warn("%s: %s; trying again", sender_name(s), r->error);
	sender_say(s, 0, false);
}

static void sender_pause(struct sender *s, const struct sink_result *result)
{
	uint32_t tries = s->ask.report.tries;
	uint32_t ms =
		backoff_ms(result->answer == SINK_NEVER ? UINT32_MAX : tries,
			   sender_random());

	sender_sleep(MAX(ms, result->wait_ms));
	if (tries >= SENDER_TRIES_MAX || result->answer == SINK_NEVER)
		_exit(0); /* with fresh files, from the same row */
}

/* Send one load until it is taken, or known to be too large (false). */
static bool sender_send(struct sender *s, const struct link_give *give)
{
	struct link_report *r = &s->ask.report;
	char key[CURSOR_INSTANCE_MAX + 64];
	struct sink_load load = {
		.key = key,
		.text = slice_of(s->dest->link.rows, give->len),
		.rows = give->rows,
	};
	struct sink_result result;

	(void)snprintf(key, sizeof(key), "%s/%llu-%llu/%u", s->ship->instance,
		       (unsigned long long)give->first_id,
		       (unsigned long long)give->last_id, give->rows);
	for (;;) {
		r->requests++;
		sink_send(s->sink, &load, &result);
		if (result.answer == SINK_TAKEN)
			break;
		if (result.answer == SINK_SMALLER && give->rows > 1)
			return false;
		if (result.answer == SINK_SMALLER)
			result.answer = SINK_NEVER;
		sender_failed(s, &result);
		sender_pause(s, &result);
	}
	if (r->state != LINK_OK)
		log_info("%s: rows are taken", sender_name(s));
	r->state = LINK_OK;
	r->tries = 0;
	r->error[0] = '\0';
	return true;
}

static void sender_loop(struct sender *s)
{
	struct link_give give;
	bool delivered = false;

	for (;;) {
		sender_say(s, s->rows_max, delivered);
		sender_wait(s, &give);
		delivered = sender_send(s, &give);
		if (!delivered) {
			s->rows_max = MAX(give.rows / 2, 1);
			log_info("%s: at most %u rows at once from now on",
				 sender_name(s), s->rows_max);
			continue;
		}
		if (give.rows < s->rows_max && give.len < LINK_OCTETS_MAX / 2) {
			sender_say(s, 0, true);
			sender_sleep(SENDER_FILL_MS);
			delivered = false;
		}
	}
}

/* What a resolver and a TLS library read, and what the sink names. */
static int sender_jail(const struct sender *s)
{
	static const char *const files[] = {
		"/etc/resolv.conf",
		"/etc/hosts",
		"/etc/nsswitch.conf",
		"/etc/host.conf",
		"/etc/gai.conf",
		"/etc/services",
		"/etc/localtime",
		"/etc/ssl",
		"/etc/passwd",
		"/usr/share/ca-certificates",
		"/usr/local/share/ca-certificates",
		"/run/systemd/resolve",
		"/run/resolvconf",
		"/run/NetworkManager",
		"/usr/share/zoneinfo",
		"/dev/urandom",
	};
	const char *paths[ARRAY_SIZE(files) + SINK_FILES_MAX];
	const char *own[SINK_FILES_MAX] = { NULL };
	size_t n = 0;

	memcpy(paths, files, sizeof(files));
	sink_files(s->sink, own);
	while (n < SINK_FILES_MAX - 1 && own[n]) {
		paths[ARRAY_SIZE(files) + n] = own[n];
		n++;
	}
	paths[ARRAY_SIZE(files) + n] = NULL;
	return jail_ship_sender(paths);
}

/* What a person has to mend before anything can be sent. */
static void sender_stuck(struct sender *s, const char *what, int err)
{
	struct sink_result result = { .answer = SINK_NEVER };

	(void)snprintf(result.phrase, sizeof(result.phrase), "%s: %s",
		       what ? what : "its files", err_str(err));
	sender_failed(s, &result);
	sender_pause(s, &result);
}

_Noreturn void sender_run(const struct ship *s, const struct ship_dest *d,
			  uint32_t generation)
{
	static struct sender sender;
	const char *what = NULL;
	int err;

	sender.ship = s;
	sender.dest = d;
	sender.rows_max = LINK_ROWS_MAX;
	sender.ask.generation = generation;
	err = sink_open(d->config, &sender.sink, &what);
	if (err) {
		sender_stuck(&sender, what, err);
		_exit(0);
	}
	err = sender_jail(&sender);
	if (err < 0) {
		sender_stuck(&sender, "cannot give up privileges", err);
		_exit(EXIT_FAILURE);
	}
	sender_loop(&sender);
	_exit(0);
}
