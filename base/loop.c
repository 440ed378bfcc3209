/* base/loop.c - wait for descriptors and time, and finish what a turn began.
 *
 * Comes in: descriptors (epoll), starts and stops of timers, posts. A turn
 * sleeps in epoll_wait() until the first of them is due, reads the clocks
 * once, and runs its three phases.
 *
 * Timers of one name run equally long and start at a clock that never goes
 * back, so a list in order of birth is a list in order of death; the next one
 * to fire is among the heads. A handler may stop any timer, also one that is
 * due in this very turn: the walk looks at the heads afresh each time. As no
 * duration is 0, a timer started by a handler is never due in the same turn,
 * and the walk ends.
 */

#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"

#define LOOP_EVENTS_MAX 256  /* taken from the kernel in a turn */
#define LOOP_POSTS_MAX	4096 /* looked at in a turn, before descriptors again */
#define LOOP_NAMES_MAX	256  /* timer names: they are one octet */

struct loop {
	struct loop_handlers handlers;
	void *ctx;		   /* borrowed: the handlers' */
	const uint32_t *durations; /* [ms] borrowed, names_len of them */
	struct timer *heads;	   /* owned: one sentinel for each name */
	size_t names_len;
	struct loop_post posts; /* sentinel */
	uint64_t now_ms;
	uint64_t wall_us;
	int epoll;
	bool stopping;
};

static void loop_read_clocks(struct loop *loop)
{
	loop->now_ms = clock_ms(CLOCK_MONOTONIC);
	loop->wall_us = clock_us(CLOCK_REALTIME);
}

int loop_new(const struct loop_handlers *handlers, void *ctx,
	     const uint32_t *durations_ms, size_t durations_len,
	     struct loop **ret)
{
	struct loop *loop;
	int err;

	assert(durations_len <= LOOP_NAMES_MAX);
	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	loop->epoll = -1;
	loop->heads =
		calloc(MAX(durations_len, (size_t)1), sizeof(*loop->heads));
	if (!loop->heads) {
		loop_free(&loop);
		return -ENOMEM;
	}
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		err = -errno;
		loop_free(&loop);
		return err;
	}

	loop->handlers = *handlers;
	loop->ctx = ctx;
	loop->durations = durations_ms;
	loop->names_len = durations_len;
	for (size_t i = 0; i < durations_len; i++)
		loop->heads[i].next = loop->heads[i].prev = &loop->heads[i];
	loop->posts.next = loop->posts.prev = &loop->posts;
	loop_read_clocks(loop);
	*ret = loop;
	return 0;
}

void loop_free(struct loop **loop)
{
	if (!*loop)
		return;
	if ((*loop)->epoll >= 0)
		(void)close((*loop)->epoll);
	free((*loop)->heads);
	free(*loop);
	*loop = NULL;
}

/* A reference in the 64 bits that epoll keeps for us:
 * kind 63..56, gen 55..32, index 31..0.
 */
static uint64_t loop_pack(struct loop_ref ref)
{
	return (uint64_t)ref.kind << 56 | (uint64_t)ref.gen << 32 | ref.index;
}

static struct loop_ref loop_unpack(uint64_t v)
{
	return (struct loop_ref){
		.kind = (uint8_t)(v >> 56),
		.gen = (uint32_t)(v >> 32) & 0xffffff,
		.index = (uint32_t)v,
	};
}

static int loop_ctl(struct loop *loop, int op, int fd, struct loop_ref ref,
		    unsigned int events)
{
	struct epoll_event ev = { .data.u64 = loop_pack(ref) };

	if (events & LOOP_READ)
		ev.events |= EPOLLIN;
	if (events & LOOP_WRITE)
		ev.events |= EPOLLOUT;
	if (events & LOOP_EDGE)
		ev.events |= EPOLLET;
	/* EPOLLEXCLUSIVE is for listeners and goes with EPOLLIN alone. */
	if (events & LOOP_EXCLUSIVE)
		ev.events |= EPOLLEXCLUSIVE;
	else if (events & LOOP_READ)
		ev.events |= EPOLLRDHUP;
	return epoll_ctl(loop->epoll, op, fd, &ev) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, int fd, struct loop_ref ref,
	     unsigned int events)
{
	return loop_ctl(loop, EPOLL_CTL_ADD, fd, ref, events);
}

int loop_change(struct loop *loop, int fd, struct loop_ref ref,
		unsigned int events)
{
	return loop_ctl(loop, EPOLL_CTL_MOD, fd, ref, events);
}

void loop_remove(struct loop *loop, int fd)
{
	/* Fails only for a descriptor that is not watched, which is the wish.
	 */
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void timer_stop(struct loop *loop, struct timer *t)
{
	(void)loop;
	if (!t->running)
		return;
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->next = t->prev = NULL;
	t->running = false;
}

void timer_start(struct loop *loop, struct timer *t, struct loop_ref ref,
		 uint8_t name)
{
	struct timer *head;

	assert(name < loop->names_len && loop->durations[name] > 0);
	timer_stop(loop, t);
	head = &loop->heads[name];
	t->ref = ref;
	t->name = name;
	t->due_ms = loop->now_ms + loop->durations[name];
	t->running = true;
	t->prev = head->prev;
	t->next = head;
	head->prev->next = t;
	head->prev = t;
}

/* The timer to fire next, of any name, or NULL when none runs. */
static struct timer *loop_next_timer(const struct loop *loop)
{
	struct timer *next = NULL;

	for (size_t i = 0; i < loop->names_len; i++) {
		struct timer *t = loop->heads[i].next;

		if (t != &loop->heads[i] && (!next || t->due_ms < next->due_ms))
			next = t;
	}
	return next;
}

void loop_post(struct loop *loop, struct loop_post *post, struct loop_ref ref)
{
	if (post->queued)
		return;
	post->ref = ref;
	post->queued = true;
	post->next = &loop->posts;
	post->prev = loop->posts.prev;
	post->prev->next = post;
	loop->posts.prev = post;
}

void loop_unpost(struct loop *loop, struct loop_post *post)
{
	(void)loop;
	if (!post->queued)
		return;
	post->prev->next = post->next;
	post->next->prev = post->prev;
	post->next = post->prev = NULL;
	post->queued = false;
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

uint64_t loop_wall_us(const struct loop *loop)
{
	return loop->wall_us;
}

/* How long this turn may sleep, in ms; -1 without end. The clock is read
 * afresh, as the last turn's work took time.
 */
static int loop_sleep_ms(const struct loop *loop, int max_ms)
{
	struct timer *t = loop_next_timer(loop);
	uint64_t now_ms, wait_ms;

	if (loop->posts.next != &loop->posts)
		return 0;
	if (!t)
		return max_ms;
	now_ms = clock_ms(CLOCK_MONOTONIC);
	wait_ms = t->due_ms > now_ms ? t->due_ms - now_ms : 0;
	if (max_ms >= 0 && wait_ms > (uint64_t)max_ms)
		return max_ms;
	return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

static unsigned int loop_events(uint32_t got)
{
	unsigned int events = 0;

	if (got & (EPOLLIN | EPOLLRDHUP))
		events |= LOOP_READ;
	if (got & EPOLLOUT)
		events |= LOOP_WRITE;
	if (got & (EPOLLERR | EPOLLHUP))
		events |= LOOP_HANGUP;
	return events;
}

static void loop_fire_timers(struct loop *loop)
{
	struct timer *t = loop_next_timer(loop);

	while (t && t->due_ms <= loop->now_ms) {
		timer_stop(loop, t);
		loop->handlers.timer(loop->ctx, t->ref, t->name);
		t = loop_next_timer(loop);
	}
}

static void loop_run_posts(struct loop *loop)
{
	for (int i = 0; i < LOOP_POSTS_MAX; i++) {
		struct loop_post *post = loop->posts.next;

		if (post == &loop->posts)
			return;
		loop_unpost(loop, post);
		loop->handlers.post(loop->ctx, post->ref);
	}
}

int loop_turn(struct loop *loop, int max_ms)
{
	struct epoll_event got[LOOP_EVENTS_MAX];
	int n = epoll_wait(loop->epoll, got, LOOP_EVENTS_MAX,
			   loop_sleep_ms(loop, max_ms));

	if (n < 0 && errno != EINTR)
		return -errno;
	loop_read_clocks(loop);
	for (int i = 0; i < n; i++)
		loop->handlers.event(loop->ctx, loop_unpack(got[i].data.u64),
				     loop_events(got[i].events));
	loop_fire_timers(loop);
	loop_run_posts(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int err = 0;

	while (!loop->stopping && err >= 0)
		err = loop_turn(loop, -1);
	loop->stopping = false;
	return err;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}
