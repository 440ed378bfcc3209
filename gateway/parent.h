/* gateway/parent.h - the parent: sandboxes, workers, the control door.
 *
 * It reads no octet that a sandbox or an origin sent. It holds the listeners,
 * tells the workers what to do (crew.c), and answers the operator's tools
 * (desk.c). A change is in force in every worker before it is called done.
 */
#ifndef GATEWAY_PARENT_H
#define GATEWAY_PARENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/frame.h"
#include "base/loop.h"
#include "base/table.h"
#include "gateway/grants.h"
#include "gateway/limits.h"
#include "gateway/member.h"
#include "gateway/portal.h"
#include "gateway/questions.h"
#include "gateway/stats.h"
#include "gateway/worker.h"
#include "gateway/writers.h"

#define DOORS_MAX	       1100 /* control connections: one per `run`, and tools */
#define INSTANCE_LISTENERS_MAX 16

enum parent_kind {
	PARENT_CONTROL, /* the control door: accept */
	PARENT_DOOR,	/* one connection at it */
	PARENT_WORKER,	/* a worker's door; index is the worker's */
	PARENT_SIGNAL,
	PARENT_TICK,
};

enum parent_timer {
	PARENT_TIMER_TICK, /* 1 s */

	PARENT_TIMERS,
};

struct parent_worker {
	pid_t pid; /* 0: none */
	int door;  /* -1: none */
	uint64_t started_ms;
	uint16_t writer; /* its first number */
	uint32_t gen;	 /* of its door's events */
};

/* One of the instance itself. */
struct parent_listener {
	int fd;
	uint8_t kind; /* enum listen_kind */
};

/* A change that the workers have not all confirmed. */
struct pending {
	uint32_t serial;
	uint32_t waiting[WORKERS_MAX]; /* frames not confirmed */
	uint32_t errors;
	bool has_door;
	uint32_t door_index, door_gen; /* who asked, with has_door */
	char phrase[160];	       /* the answer when all went well */
	struct pending *next;
};

struct parent {
	struct loop *loop;
	/* What the command line said; borrowed. */
	const char *config_path;
	const char *good_path; /* where a copy of it is kept while in force */
	const char *certgen_socket;
	const char *ca_path;
	const char *spool_dir;
	const char *grants_path;
	uint32_t idle_exit_s; /* 0: never */
	/* What was read and made. */
	struct config *config;
	struct tls_ctx *tls;
	struct names *names;
	struct quotas *quotas;
	struct secrets *secrets; /* owned */
	struct grants grants;
	struct questions questions;
	char ca_pem[PORTAL_CA_MAX]; /* for the portal */
	size_t ca_pem_len;
	struct stats *stats; /* WORKERS_MAX of them, shared */
	uint32_t durations_ms[GATE_TIMERS];
	int control; /* listening */
	int signals;
	struct parent_listener listeners[INSTANCE_LISTENERS_MAX];
	size_t listeners_len;
	struct parent_worker workers[WORKERS_MAX];
	uint32_t workers_len;
	struct writers writers;
	struct member *members;
	uint32_t member_id;	   /* last given */
	uint32_t generation;	   /* of the policies */
	bool slots[SANDBOXES_MAX]; /* in use */
	struct table doors;
	struct pending *pending;
	uint32_t serial;     /* last given */
	uint32_t idle_s;     /* for so long there has been nobody */
	uint32_t respawns;   /* workers replaced */
	uint64_t started_ms; /* by the loop */
	bool claimed; /* grants of sandboxes that did not come back went */
	bool stopping;
	uint32_t stopping_s;
	struct timer tick;
	struct frame_in in;
	struct frame_out out;
};

/* crew.c: the workers. */

/* Fork workers until there are as many as there should be, and tell each all
 * there is. Returns 0 or -errno.
 */
int crew_start(struct parent *p);

/* Tell all workers; each of these counts into pending. */
int crew_send_sandbox(struct parent *p, struct pending *op,
		      const struct member *m);
int crew_send_policy(struct parent *p, struct pending *op,
		     const struct member *m);
void crew_send_token(struct parent *p, struct pending *op,
		     const struct member *m);
int crew_send_from(struct parent *p, struct pending *op);
int crew_send_remove(struct parent *p, struct pending *op, uint32_t id);
void crew_send_secrets(struct parent *p, struct pending *op);
void crew_send_drain(struct parent *p);

/* The answer to a worker's ASK. VERDICT_ASK: there is none. */
void crew_send_answer(struct parent *p, const struct waiter *to,
		      enum verdict verdict, uint64_t until_s,
		      const char *phrase);

/* A worker says something; children have ended. */
void crew_on_event(struct parent *p, struct loop_ref ref);
void crew_reap(struct parent *p);
uint32_t crew_alive(const struct parent *p);
void crew_kill(struct parent *p);

/* desk.c: the control door. */
struct desk_door;

/* A small frame to a tool; one that does not read loses it, and waits. */
void desk_say(struct parent *p, const struct desk_door *d,
	      enum control_frame type, const char *text);

/* Send p->out to a tool. False: it does not read, or has gone. */
bool desk_send(struct parent *p, const struct desk_door *d);

/* Begin a change whose end the tool is told. NULL when memory is out. */
struct pending *desk_begin(struct parent *p, const struct desk_door *d,
			   const char *phrase);

void desk_on_control(struct parent *p);
void desk_on_door(struct parent *p, struct loop_ref ref);

/* A change is in force everywhere (or failed): answer who asked. */
void desk_settled(struct parent *p, const struct pending *op);

/* parent.c: what desk.c asks for. */

/* Begin a change. NULL when memory is out. */
struct pending *parent_begin(struct parent *p, const char *phrase);

/* All frames of it are sent; it may be settled already. */
void parent_commit(struct parent *p, struct pending *op);

/* Read the configuration again; on failure nothing has changed. */
int parent_reload(struct parent *p, struct pending *op,
		  struct config_error *ret_err);

/* Keep a copy of the configuration that is in force, for a successor. */
void parent_keep(const struct parent *p);

int parent_add(struct parent *p, struct member *m);
void parent_remove(struct parent *p, struct member *m);
struct member *parent_find(struct parent *p, struct slice name);

#endif
