/* gateway/leaf.c - leaves: asked of certgen, kept while they are good.
 *
 * A leaf is ASKED (a question is at certgen's door, or must be put there
 * again), READY, or FAILED (for a second, so that all who wait hear it). Leaves
 * hang in a hash by name and in one list, most recently used first; when
 * LEAVES_MAX is reached the last one that nobody waits for goes.
 *
 * What was settled under a clock that was ahead, and is right now, is asked
 * again: clients would find such a leaf not valid yet.
 *
 * Certgen may die and be replaced at any time. The door is opened when there is
 * something to ask, closed at the first fault, and while questions are open a
 * timer asks them all again.
 */

#include "gateway/leaf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM	 1
#define uthash_nonfatal_oom(elt) ((elt)->unhashed = true)
#include <uthash.h>

#include "base/base.h"
#include "base/err.h"
#include "base/frame.h"
#include "base/log.h"
#include "certgen/certgen.h"
#include "gateway/tls.h"

/* From so long before its end on a leaf is good also for a client whose clock
 * is half a day behind ours.
 */
#define LEAF_BACK_S (CERTGEN_LEAF_S + CERTGEN_BACKDATE_S / 2)

enum leaf_state {
	LEAF_ASKED,
	LEAF_READY,
	LEAF_FAILED,
};

struct leaf {
	UT_hash_handle hh;
	struct leaf *newer, *older;
	struct leaf_wait *waits;
	struct tls_cert *cert; /* owned; with LEAF_READY */
	uint64_t from_s;       /* wall clock: too new before */
	uint64_t renew_s;      /* too old from here on */
	enum leaf_state state;
	int err; /* with LEAF_FAILED */
	unsigned int tries;
	uint32_t number; /* of the question */
	bool unhashed;	 /* there was no memory to hash it */
	size_t name_len;
	char name[];
};

struct leaves {
	struct gate *gate;
	const char *socket_path;
	struct leaf *by_name;
	struct leaf *newest, *oldest;
	size_t len;
	size_t asked; /* leaves in LEAF_ASKED */
	size_t waiting;
	uint32_t number; /* last given */
	int door;	 /* -1: closed */
	struct timer timer;
};

static const struct loop_ref leaves_ref = { .kind = GATE_CERTGEN };

int leaves_new(struct gate *gate, const char *socket_path, struct leaves **ret)
{
	struct leaves *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->gate = gate;
	l->socket_path = socket_path;
	l->door = -1;
	*ret = l;
	return 0;
}

static void leaf_unlist(struct leaves *l, struct leaf *leaf)
{
	if (leaf->newer)
		leaf->newer->older = leaf->older;
	else
		l->newest = leaf->older;
	if (leaf->older)
		leaf->older->newer = leaf->newer;
	else
		l->oldest = leaf->newer;
	leaf->newer = leaf->older = NULL;
}

static void leaf_list(struct leaves *l, struct leaf *leaf)
{
	leaf->older = l->newest;
	if (l->newest)
		l->newest->newer = leaf;
	else
		l->oldest = leaf;
	l->newest = leaf;
}

static void leaf_free(struct leaves *l, struct leaf *leaf)
{
	assert(!leaf->waits);
	if (leaf->state == LEAF_ASKED)
		l->asked--;
	HASH_DEL(l->by_name, leaf);
	leaf_unlist(l, leaf);
	tls_cert_free(&leaf->cert);
	free(leaf);
	l->len--;
}

static void leaves_close(struct leaves *l)
{
	if (l->door < 0)
		return;
	loop_remove(l->gate->loop, l->door);
	(void)close(l->door);
	l->door = -1;
}

void leaves_free(struct leaves **l)
{
	if (!*l)
		return;
	while ((*l)->newest) {
		(*l)->newest->waits = NULL;
		leaf_free(*l, (*l)->newest);
	}
	timer_stop((*l)->gate->loop, &(*l)->timer);
	leaves_close(*l);
	free(*l);
	*l = NULL;
}

/* Make room for one more. False when every leaf is waited for. */
static bool leaves_evict(struct leaves *l)
{
	struct leaf *leaf = l->oldest;

	if (l->len < LEAVES_MAX)
		return true;
	while (leaf && leaf->waits)
		leaf = leaf->newer;
	if (!leaf)
		return false;
	leaf_free(l, leaf);
	return true;
}

static struct leaf *leaf_new(struct leaves *l, struct slice name)
{
	struct leaf *leaf;

	if (!leaves_evict(l))
		return NULL;
	leaf = calloc(1, sizeof(*leaf) + name.len + 1);
	if (!leaf)
		return NULL;
	leaf->name_len = name.len;
	memcpy(leaf->name, name.ptr, name.len);
	HASH_ADD_KEYPTR(hh, l->by_name, leaf->name, leaf->name_len, leaf);
	if (leaf->unhashed) {
		free(leaf);
		return NULL;
	}
	leaf->state = LEAF_ASKED;
	l->asked++;
	leaf_list(l, leaf);
	l->len++;
	return leaf;
}

/* Wake all who wait for leaf; they ask again. */
static void leaf_wake(struct leaves *l, struct leaf *leaf)
{
	while (leaf->waits) {
		struct leaf_wait *wait = leaf->waits;

		leaf->waits = wait->next;
		if (wait->next)
			wait->next->prev = NULL;
		wait->next = wait->prev = NULL;
		wait->leaf = NULL;
		l->waiting--;
		loop_post(l->gate->loop, wait->post, wait->ref);
	}
}

static void leaf_settle(struct leaves *l, struct leaf *leaf,
			enum leaf_state state, int err)
{
	assert(leaf->state == LEAF_ASKED);
	l->asked--;
	leaf->state = state;
	leaf->err = err;
	if (state == LEAF_FAILED) { /* all who wait hear the same */
		leaf->from_s = loop_wall_us(l->gate->loop) / 1000000;
		leaf->renew_s = leaf->from_s + 1;
	}
	leaf_wake(l, leaf);
	if (!l->asked)
		timer_stop(l->gate->loop, &l->timer);
}

/* Put one question; a door that fails is closed and the timer tries again. */
static void leaf_question(struct leaves *l, struct leaf *leaf)
{
	static struct frame_out out;

	if (l->door < 0)
		return;
	leaf->number = ++l->number;
	frame_begin(&out, CERTGEN_LEAF);
	frame_put_u32(&out, leaf->number);
	frame_put_str(&out, slice_of(leaf->name, leaf->name_len));
	if (frame_send(l->door, &out, NULL, 0) < 0)
		leaves_close(l);
}

static void leaves_open(struct leaves *l)
{
	int fd;

	if (l->door >= 0)
		return;
	fd = door_connect(l->socket_path);
	if (fd < 0) {
		log_warn("certgen does not answer: %s", err_str(fd));
		return;
	}
	if (loop_add(l->gate->loop, fd, leaves_ref, LOOP_READ) < 0) {
		(void)close(fd);
		return;
	}
	l->door = fd;
}

static void leaf_enlist(struct leaves *l, struct leaf *leaf,
			struct leaf_wait *wait)
{
	wait->leaves = l;
	wait->leaf = leaf;
	wait->prev = NULL;
	wait->next = leaf->waits;
	if (leaf->waits)
		leaf->waits->prev = wait;
	leaf->waits = wait;
	l->waiting++;
	if (!l->timer.running)
		timer_start(l->gate->loop, &l->timer, leaves_ref, TIMER_LEAF);
}

int leaf_ask(struct leaves *l, struct slice name, struct leaf_wait *wait,
	     struct tls_cert **ret)
{
	uint64_t now_s = loop_wall_us(l->gate->loop) / 1000000;
	struct leaf *leaf;

	HASH_FIND(hh, l->by_name, name.ptr, name.len, leaf);
	if (leaf && leaf->state != LEAF_ASKED &&
	    (now_s < leaf->from_s || now_s >= leaf->renew_s)) {
		leaf_free(l, leaf);
		leaf = NULL;
	}
	if (leaf && leaf->state == LEAF_FAILED)
		return leaf->err;
	if (leaf && leaf->state == LEAF_READY) {
		leaf_unlist(l, leaf);
		leaf_list(l, leaf);
		*ret = leaf->cert;
		return 1;
	}
	if (l->waiting >= LEAF_WAITS_MAX)
		return -ENOBUFS;
	if (!leaf) {
		leaf = leaf_new(l, name);
		if (!leaf)
			return -ENOBUFS;
		leaves_open(l);
		leaf_question(l, leaf);
	}
	leaf_enlist(l, leaf, wait);
	return 0;
}

void leaf_forget(struct leaf_wait *wait)
{
	if (!wait->leaf)
		return;
	if (wait->prev)
		wait->prev->next = wait->next;
	else
		wait->leaf->waits = wait->next;
	if (wait->next)
		wait->next->prev = wait->prev;
	wait->next = wait->prev = NULL;
	wait->leaf = NULL;
	wait->leaves->waiting--;
}

static struct leaf *leaf_by_number(struct leaves *l, uint32_t number)
{
	for (struct leaf *leaf = l->newest; leaf; leaf = leaf->older) {
		if (leaf->state == LEAF_ASKED && leaf->number == number)
			return leaf;
	}
	return NULL;
}

/* One answer. False when the door speaks nonsense. */
static bool leaves_answer(struct leaves *l, struct frame_in *in)
{
	uint32_t number = bytes_u32(&in->body);
	struct slice first = bytes_str(&in->body);
	struct leaf *leaf = leaf_by_number(l, number);
	uint64_t soon_s = loop_wall_us(l->gate->loop) / 1000000 + 1;
	struct slice key;
	uint64_t until_s;

	if (in->type == CERTGEN_NO) {
		if (leaf)
			log_warn(
				"certgen makes no leaf for %s: %s",
				log_slice(slice_of(leaf->name, leaf->name_len)),
				log_slice(first));
		if (leaf)
			leaf_settle(l, leaf, LEAF_FAILED, ERR_DENIED);
		return !in->body.bad;
	}
	key = bytes_str(&in->body);
	until_s = bytes_u64(&in->body);
	if (in->type != CERTGEN_CERT || in->body.bad)
		return false;
	if (!leaf)
		return true; /* asked twice, and answered already */
	if (tls_cert_new(first, key, &leaf->cert) < 0)
		return false;
	leaf->from_s = until_s > LEAF_BACK_S ? until_s - LEAF_BACK_S : 0;
	leaf->renew_s = until_s > LEAF_RENEW_S ? until_s - LEAF_RENEW_S : 0;
	if (leaf->renew_s < soon_s)
		leaf->renew_s = soon_s; /* all who wait get it */
	l->gate->stats->row.leaves_minted++;
	leaf_settle(l, leaf, LEAF_READY, 0);
	return true;
}

void leaves_on_event(struct leaves *l)
{
	static struct frame_in in;

	while (l->door >= 0) {
		int rc = frame_recv(l->door, &in);

		if (rc == 0)
			break;
		if (rc == 1)
			frame_close_fds(&in);
		if (rc < 0 || !leaves_answer(l, &in))
			leaves_close(l);
	}
	explicit_bzero(in.mem, sizeof(in.mem)); /* it held a key */
}

/* What is still open is asked again, at a new door if need be. */
void leaves_on_timer(struct leaves *l)
{
	struct leaf *leaf, *older;

	leaves_close(l);
	leaves_open(l);
	for (leaf = l->newest; leaf; leaf = older) {
		older = leaf->older;
		if (leaf->state != LEAF_ASKED)
			continue;
		if (++leaf->tries >= CERTGEN_RETRIES)
			leaf_settle(l, leaf, LEAF_FAILED, -ETIMEDOUT);
		else
			leaf_question(l, leaf);
	}
	if (l->asked)
		timer_start(l->gate->loop, &l->timer, leaves_ref, TIMER_LEAF);
}
