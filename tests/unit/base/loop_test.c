/* tests/unit/base/loop_test.c - order of events, timers and posts. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/loop.h"

enum {
	SHORT,
	MIDDLE,
	LONG
};
static const uint32_t durations[] = {
	[SHORT] = 5, [MIDDLE] = 10, [LONG] = 60000
};

/* What happened, one word each: "e3" event for index 3, "t1" timer, "p2". */
struct world {
	struct loop *loop;
	char trace[65536];
	size_t len;
	unsigned int last_events;
	struct loop_ref last_ref;
	void (*act)(struct world *w, char what, struct loop_ref ref);
	struct timer timers[8];
	struct loop_post posts[8];
	unsigned int posted;
};

static void note(struct world *w, char what, struct loop_ref ref)
{
	w->last_ref = ref;
	if (w->len + 16 < sizeof(w->trace))
		w->len += (size_t)snprintf(w->trace + w->len, 16, "%c%u ", what,
					   ref.index);
	if (w->act)
		w->act(w, what, ref);
}

static void on_event(void *ctx, struct loop_ref ref, unsigned int events)
{
	struct world *w = ctx;

	w->last_events = events;
	note(w, 'e', ref);
}

static void on_timer(void *ctx, struct loop_ref ref, uint8_t name)
{
	(void)name;
	note(ctx, 't', ref);
}

static void on_post(void *ctx, struct loop_ref ref)
{
	struct world *w = ctx;

	w->posted++;
	note(w, 'p', ref);
}

static struct loop_ref ref_of(uint32_t index)
{
	return (struct loop_ref){ .kind = 9, .gen = 0xabcdef, .index = index };
}

static struct world the_world;

static int begin(void **state)
{
	static const struct loop_handlers handlers = { on_event, on_timer,
						       on_post };
	memset(&the_world, 0, sizeof(the_world));
	*state = &the_world;
	return loop_new(&handlers, &the_world, durations, ARRAY_SIZE(durations),
			&the_world.loop);
}

static int finish(void **state)
{
	struct world *w = *state;

	loop_free(&w->loop);
	assert_null(w->loop);
	loop_free(&w->loop);
	return 0;
}

static void turns_until(struct world *w, uint64_t ms)
{
	uint64_t end = loop_now_ms(w->loop) + ms;

	while (loop_now_ms(w->loop) < end)
		assert_int_equal(loop_turn(w->loop, 1), 0);
}

static void test_timers_in_order(void **state)
{
	struct world *w = *state;

	/* By time of death, and among those of one name by birth. */
	timer_start(w->loop, &w->timers[0], ref_of(0), MIDDLE);
	timer_start(w->loop, &w->timers[1], ref_of(1), SHORT);
	timer_start(w->loop, &w->timers[2], ref_of(2), MIDDLE);
	timer_start(w->loop, &w->timers[3], ref_of(3), SHORT);
	timer_start(w->loop, &w->timers[4], ref_of(4), LONG);
	turns_until(w, 20);
	assert_string_equal(w->trace, "t1 t3 t0 t2 ");
	assert_false(w->timers[0].running);
	assert_true(w->timers[4].running);
	timer_stop(w->loop, &w->timers[4]);
}

static void test_restart_moves_to_the_end(void **state)
{
	struct world *w = *state;

	for (unsigned int i = 0; i < 3; i++)
		timer_start(w->loop, &w->timers[i], ref_of(i), SHORT);
	timer_start(w->loop, &w->timers[0], ref_of(0), SHORT);
	timer_start(w->loop, &w->timers[1], ref_of(1), MIDDLE);
	turns_until(w, 15);
	assert_string_equal(w->trace, "t2 t0 t1 ");
}

static void stop_others(struct world *w, char what, struct loop_ref ref)
{
	if (what != 't')
		return;
	for (unsigned int i = 0; i < 4; i++)
		timer_stop(w->loop, &w->timers[i]);
	if (ref.index == 1)
		timer_start(w->loop, &w->timers[1], ref_of(7), SHORT);
}

/* All are due in one turn; the first to fire stops the rest. */
static void test_stop_in_handler(void **state)
{
	struct world *w = *state;

	w->act = stop_others;
	timer_start(w->loop, &w->timers[1], ref_of(1), SHORT);
	timer_start(w->loop, &w->timers[0], ref_of(0), SHORT);
	timer_start(w->loop, &w->timers[2], ref_of(2), SHORT);
	timer_start(w->loop, &w->timers[3], ref_of(3), MIDDLE);
	(void)nanosleep(&(struct timespec){ 0, 15000000 }, NULL);
	assert_int_equal(loop_turn(w->loop, 0), 0);
	assert_string_equal(w->trace, "t1 ");
	turns_until(w, 10);
	assert_string_equal(w->trace, "t1 t7 ");
	timer_stop(w->loop, &w->timers[1]);
}

static void test_sleeps_until_a_timer(void **state)
{
	struct world *w = *state;
	uint64_t from = loop_now_ms(w->loop);

	timer_start(w->loop, &w->timers[0], ref_of(0), SHORT);
	assert_int_equal(loop_turn(w->loop, -1), 0);
	assert_string_equal(w->trace, "t0 ");
	assert_true(loop_now_ms(w->loop) >= from + durations[SHORT]);
	assert_true(loop_now_ms(w->loop) < from + durations[LONG]);
	assert_true(loop_wall_us(w->loop) > 1700000000000000ull);
}

static void test_events_carry_the_reference(void **state)
{
	struct world *w = *state;
	int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(loop_add(w->loop, fd, ref_of(0xfffffffe), LOOP_READ),
			 0);
	assert_int_equal(loop_turn(w->loop, 0), 0);
	assert_int_equal(w->last_events, LOOP_READ);
	assert_int_equal(w->last_ref.kind, 9);
	assert_int_equal(w->last_ref.gen, 0xabcdef);
	assert_int_equal(w->last_ref.index, 0xfffffffe);

	assert_int_equal(loop_change(w->loop, fd, ref_of(3),
				     LOOP_READ | LOOP_WRITE | LOOP_EDGE),
			 0);
	assert_int_equal(loop_turn(w->loop, 0), 0);
	assert_int_equal(w->last_events, LOOP_READ | LOOP_WRITE);
	assert_int_equal(w->last_ref.index, 3);
	w->len = 0;
	w->trace[0] = '\0';
	assert_int_equal(loop_turn(w->loop, 0), 0);
	assert_string_equal(w->trace, ""); /* the edge has passed */

	loop_remove(w->loop, fd);
	assert_int_equal(loop_change(w->loop, fd, ref_of(3), LOOP_READ),
			 -ENOENT);
	(void)close(fd);
	assert_int_equal(loop_add(w->loop, fd, ref_of(3), LOOP_READ), -EBADF);
}

static void test_hangup(void **state)
{
	struct world *w = *state;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(loop_add(w->loop, fds[0], ref_of(1), LOOP_READ), 0);
	assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
	assert_int_equal(loop_turn(w->loop, 0), 0);
	assert_int_equal(w->last_events, LOOP_READ);
	(void)close(fds[1]);
	assert_int_equal(loop_turn(w->loop, 0), 0);
	assert_int_equal(w->last_events, LOOP_READ | LOOP_HANGUP);
	(void)close(fds[0]);
}

static void test_exclusive(void **state)
{
	struct world *w = *state;
	int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_int_equal(
		loop_add(w->loop, fd, ref_of(1), LOOP_READ | LOOP_EXCLUSIVE),
		0);
	assert_int_equal(loop_turn(w->loop, 0), 0);
	assert_string_equal(w->trace, "e1 ");
	(void)close(fd);
}

static void post_on_event(struct world *w, char what, struct loop_ref ref)
{
	if (what == 'e' || what == 't') {
		loop_post(w->loop, &w->posts[1], ref_of(1));
		loop_post(w->loop, &w->posts[2], ref_of(2));
		loop_post(w->loop, &w->posts[1], ref_of(5));
		loop_post(w->loop, &w->posts[3], ref_of(3));
		loop_unpost(w->loop, &w->posts[3]);
	}
	if (what == 'p' && ref.index == 1 && w->posted < 3)
		loop_post(w->loop, &w->posts[4], ref_of(4));
}

/* Descriptors, timers, posts; a post made by a post runs in the same turn. */
static void test_phases(void **state)
{
	struct world *w = *state;
	int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

	w->act = post_on_event;
	assert_int_equal(loop_add(w->loop, fd, ref_of(0), LOOP_READ), 0);
	timer_start(w->loop, &w->timers[0], ref_of(0), SHORT);
	(void)nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	assert_int_equal(loop_turn(w->loop, 0), 0);
	assert_string_equal(w->trace, "e0 t0 p1 p2 p4 ");
	(void)close(fd);
}

static void post_for_ever(struct world *w, char what, struct loop_ref ref)
{
	(void)ref;
	if (what == 'p')
		loop_post(w->loop, &w->posts[0], ref_of(0));
}

/* Posting without end neither hangs the turn nor lets the next one sleep. */
static void test_post_bound(void **state)
{
	struct world *w = *state;
	unsigned int first;

	w->act = post_for_ever;
	loop_post(w->loop, &w->posts[0], ref_of(0));
	assert_int_equal(loop_turn(w->loop, -1), 0);
	first = w->posted;
	assert_in_range(first, 1000, 100000);
	assert_int_equal(loop_turn(w->loop, -1), 0);
	assert_int_equal(w->posted, 2 * first);
	loop_unpost(w->loop, &w->posts[0]);
	loop_unpost(w->loop, &w->posts[0]);
}

static void stop_at_three(struct world *w, char what, struct loop_ref ref)
{
	(void)what;
	if (w->posted == 3)
		loop_stop(w->loop);
	else
		timer_start(w->loop, &w->timers[0], ref, SHORT);
	if (what == 't')
		loop_post(w->loop, &w->posts[0], ref);
}

static void test_run_and_stop(void **state)
{
	struct world *w = *state;

	w->act = stop_at_three;
	timer_start(w->loop, &w->timers[0], ref_of(0), SHORT);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->posted, 3);
	timer_stop(w->loop, &w->timers[0]);
	loop_unpost(w->loop, &w->posts[0]);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_timers_in_order),
		T(test_restart_moves_to_the_end),
		T(test_stop_in_handler),
		T(test_sleeps_until_a_timer),
		T(test_events_carry_the_reference),
		T(test_hangup),
		T(test_exclusive),
		T(test_phases),
		T(test_post_bound),
		T(test_run_and_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
