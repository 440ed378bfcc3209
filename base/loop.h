/* base/loop.h - wait for descriptors and time, and finish what a turn began.
 *
 * A turn has three phases: the descriptors that are ready, the timers that are
 * due, and the post phase, which empties the list of objects that asked to be
 * looked at again. Nothing acts on the object that called it; it marks the
 * other one with loop_post() and the post phase does the rest.
 *
 * An event names an object by kind, index and generation, never by pointer,
 * so an event for an object that has gone finds nobody.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

/* The name of an object: kind and index are the owner's, gen tells a new
 * tenant of an index from an old one (see base/table.h).
 */
struct loop_ref {
	uint8_t kind;
	uint32_t gen : 24;
	uint32_t index;
};

enum loop_events {
	LOOP_READ = 1,	    /* readable, or the peer has closed */
	LOOP_WRITE = 2,	    /* writable */
	LOOP_HANGUP = 4,    /* error or both directions closed; only reported */
	LOOP_EDGE = 8,	    /* edge-triggered; only asked for */
	LOOP_EXCLUSIVE = 16 /* wake one process of many; only asked for */
};

/* A wait with a name. Lives inside the object that waits; all zero is "not
 * running".
 */
struct timer {
	struct timer *next, *prev;
	uint64_t due_ms; /* loop_now_ms() at which it fires */
	struct loop_ref ref;
	uint8_t name; /* index into the durations given to loop_new() */
	bool running;
};

/* Membership in the post list. Lives inside the object; all zero is "not in
 * it".
 */
struct loop_post {
	struct loop_post *next, *prev;
	struct loop_ref ref;
	bool queued;
};

/* How the owner is called. Each may start and stop timers, post, add and
 * remove descriptors; none may free the loop.
 */
struct loop_handlers {
	void (*event)(void *ctx, struct loop_ref ref, unsigned int events);
	void (*timer)(void *ctx, struct loop_ref ref, uint8_t name);
	void (*post)(void *ctx, struct loop_ref ref);
};

/* durations_ms[name] is how long a timer of that name runs; the array is
 * borrowed for the loop's life. Timers of one name all run equally long, so
 * each name keeps one list in order of birth: starting, stopping and
 * expiring cost the same at any number of them.
 *
 * Returns 0, -ENOMEM, or what epoll_create1() said.
 */
int loop_new(const struct loop_handlers *handlers, void *ctx,
	     const uint32_t *durations_ms, size_t durations_len,
	     struct loop **ret);
void loop_free(struct loop **loop);

/* Watch fd for events (LOOP_*). The descriptor stays the caller's. Returns 0
 * or -errno.
 */
int loop_add(struct loop *loop, int fd, struct loop_ref ref,
	     unsigned int events);
int loop_change(struct loop *loop, int fd, struct loop_ref ref,
		unsigned int events);
void loop_remove(struct loop *loop, int fd);

/* (Re)start t under this name; it fires once, unless stopped before. */
void timer_start(struct loop *loop, struct timer *t, struct loop_ref ref,
		 uint8_t name);
void timer_stop(struct loop *loop, struct timer *t);

/* Look at ref again in this turn's post phase; once, however often asked. An
 * object posted by the post phase itself is looked at in the same phase, up to
 * a bound that keeps the descriptors served; the rest waits for the next turn,
 * which then does not sleep.
 */
void loop_post(struct loop *loop, struct loop_post *post, struct loop_ref ref);
void loop_unpost(struct loop *loop, struct loop_post *post);

/* Time as of the start of this turn: monotonic milliseconds, and wall-clock
 * microseconds since 1970.
 */
uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_wall_us(const struct loop *loop);

/* One turn, sleeping at most max_ms (-1: until something happens). Returns 0
 * or -errno.
 */
int loop_turn(struct loop *loop, int max_ms);

/* Turns until loop_stop(). Returns 0 or -errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
