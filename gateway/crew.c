/* gateway/crew.c - the parent's workers.
 *
 * A worker is forked with nothing but its end of a door; all there is to know
 * it is then told in frames, the same ones that tell of changes later. So a
 * worker that replaces a dead one needs no path of its own.
 *
 * The parent's end of a door blocks, for at most CREW_PATIENCE_S: a worker
 * that does not read is stuck, and is killed and replaced like a dead one.
 */

#include "gateway/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/log.h"
#include "gateway/approve.h"
#include "base/signals.h"
#include "gateway/orders.h"
#include "gateway/rules_fd.h"
#include "gateway/secrets.h"
#include "gateway/stats.h"

#define CREW_PATIENCE_S 5
#define CREW_RESPAWN_MS 1000 /* one that dies sooner is not replaced at once */

/* What a worker may not inherit: every descriptor but its door. */
static void crew_close_others(int door)
{
	if (door > 3)
		(void)close_range(3, (unsigned int)door - 1, 0);
	(void)close_range((unsigned int)door + 1, ~0u, 0);
}

/* In the child: become a worker. Never returns. */
static void crew_become(struct parent *p, uint32_t index, int door,
			pid_t parent)
{
	struct config_settings settings;
	struct worker_setup setup = {
		.tls = p->tls,
		.names = p->names,
		.quotas = p->quotas,
		.stats = &p->stats[index],
		.certgen_socket = p->certgen_socket,
		.spool_dir = p->spool_dir,
		.ca_pem = slice_of(p->ca_pem, p->ca_pem_len),
		.durations_ms = p->durations_ms,
		.writer = p->workers[index].writer,
		.door = door,
	};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	signals_none();
	(void)signal(SIGINT, SIG_IGN); /* a terminal's; the parent decides */
	(void)signal(SIGHUP, SIG_IGN);
	crew_close_others(door);
	config_settings(p->config, &settings);
	setup.dns = settings.upstream_dns;
	setup.dns_len = settings.upstream_dns_len;
	setup.count_lost = settings.audit_when_full_count;
	_exit(worker_run(&setup));
}

/* Numbers of no worker that lives: others may have been replaced more often
 * than there are numbers.
 */
static uint16_t crew_writer(struct parent *p)
{
	uint16_t writer;
	bool taken;

	static_assert(WORKERS_MAX < WRITERS, "there is always one left");
	do {
		writer = writers_next(&p->writers);
		taken = false;
		for (size_t i = 0; i < p->workers_len; i++)
			taken |= p->workers[i].pid &&
				 p->workers[i].writer == writer;
	} while (taken);
	return writer;
}

static int crew_fork(struct parent *p, uint32_t index)
{
	struct parent_worker *w = &p->workers[index];
	struct timeval patience = { .tv_sec = CREW_PATIENCE_S };
	struct loop_ref ref = { .kind = PARENT_WORKER, .index = index };
	pid_t self = getpid();
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	w->writer = crew_writer(p);
	w->pid = fork();
	if (w->pid == 0) {
		(void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
		crew_become(p, index, ends[1], self);
	}
	(void)close(ends[1]);
	if (w->pid < 0) {
		int rc = -errno;

		w->pid = 0;
		(void)close(ends[0]);
		return rc;
	}
	(void)setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &patience,
			 sizeof(patience));
	w->door = ends[0];
	w->started_ms = loop_now_ms(p->loop);
	w->gen = (w->gen + 1) & 0xffffff;
	ref.gen = w->gen & 0xffffff;
	return loop_add(p->loop, w->door, ref, LOOP_READ);
}

/* Send p->out to one worker; one that can't take it is killed. */
static void crew_tell(struct parent *p, uint32_t index, struct pending *op,
		      const int *fds, size_t fds_len)
{
	struct parent_worker *w = &p->workers[index];
	int rc;

	if (!w->pid)
		return;
	rc = frame_send(w->door, &p->out, fds, fds_len);
	if (rc == 1) {
		if (op)
			op->waiting[index]++;
		return;
	}
	log_error("worker %d does not listen (%s): it is replaced", w->pid,
		  rc ? err_str(rc) : "too slow");
	(void)kill(w->pid, SIGKILL);
}

static void crew_tell_all(struct parent *p, struct pending *op, const int *fds,
			  size_t fds_len)
{
	for (uint32_t i = 0; i < p->workers_len; i++)
		crew_tell(p, i, op, fds, fds_len);
}

static uint32_t crew_serial(const struct pending *op)
{
	return op ? op->serial : 0;
}

/* The frame that makes a sandbox known, and what goes beside it. */
static int crew_frame_sandbox(struct parent *p, const struct pending *op,
			      const struct member *m, int fds[FRAME_FDS_MAX],
			      size_t *ret_len)
{
	size_t n = (size_t)m->tcp + m->udp + m->dns;
	int memfd = rules_fd_write(m->rules);

	if (memfd < 0)
		return memfd;
	fds[0] = memfd;
	for (size_t i = 0; i < n; i++)
		fds[1 + i] = m->fds[i];
	*ret_len = 1 + n;
	frame_begin(&p->out, WORKER_SANDBOX);
	frame_put_u32(&p->out, crew_serial(op));
	frame_put_u32(&p->out, m->id);
	frame_put_u32(&p->out, m->slot);
	frame_put_str(&p->out, slice_str(m->name));
	frame_put_u32(&p->out, p->generation);
	frame_put_u8(&p->out, m->learn);
	frame_put_u8(&p->out, m->tcp);
	frame_put_u8(&p->out, m->udp);
	frame_put_u8(&p->out, m->dns);
	return 0;
}

int crew_send_sandbox(struct parent *p, struct pending *op,
		      const struct member *m)
{
	int fds[FRAME_FDS_MAX];
	size_t len;
	int rc = crew_frame_sandbox(p, op, m, fds, &len);

	if (rc < 0)
		return rc;
	crew_tell_all(p, op, fds, len);
	(void)close(fds[0]);
	return 0;
}

int crew_send_policy(struct parent *p, struct pending *op,
		     const struct member *m)
{
	int memfd = rules_fd_write(m->rules);

	if (memfd < 0)
		return memfd;
	frame_begin(&p->out, WORKER_POLICY);
	frame_put_u32(&p->out, crew_serial(op));
	frame_put_u32(&p->out, m->id);
	frame_put_u32(&p->out, p->generation);
	frame_put_u8(&p->out, m->learn);
	crew_tell_all(p, op, &memfd, 1);
	(void)close(memfd);
	return 0;
}

static void crew_frame_token(struct parent *p, const struct pending *op,
			     const struct member *m)
{
	frame_begin(&p->out, WORKER_TOKEN);
	frame_put_u32(&p->out, crew_serial(op));
	frame_put_u32(&p->out, m->id);
	frame_put_str(&p->out, slice_str(m->token));
}

void crew_send_token(struct parent *p, struct pending *op,
		     const struct member *m)
{
	crew_frame_token(p, op, m);
	crew_tell_all(p, op, NULL, 0);
	explicit_bzero(p->out.mem, sizeof(p->out.mem));
}

/* One secret, or that there is none. Who sends it wipes it. */
static void crew_frame_secret(struct parent *p, const struct pending *op,
			      size_t i)
{
	size_t len = secrets_len(p->secrets);

	frame_begin(&p->out, WORKER_SECRET);
	frame_put_u32(&p->out, crew_serial(op));
	frame_put_u16(&p->out, (uint16_t)i);
	frame_put_u16(&p->out, (uint16_t)len);
	if (len)
		secrets_put(p->secrets, i, &p->out);
}

void crew_send_secrets(struct parent *p, struct pending *op)
{
	size_t i = 0;

	do {
		crew_frame_secret(p, op, i);
		crew_tell_all(p, op, NULL, 0);
	} while (++i < secrets_len(p->secrets));
	explicit_bzero(p->out.mem, sizeof(p->out.mem));
}

/* Returns ERR_LIMIT when there are more prefixes than a frame holds. */
static int crew_frame_from(struct parent *p, const struct pending *op)
{
	uint16_t count = 0;

	for (const struct member *m = p->members; m; m = m->next)
		count = (uint16_t)(count + m->from_len);
	frame_begin(&p->out, WORKER_FROM);
	frame_put_u32(&p->out, crew_serial(op));
	frame_put_u16(&p->out, count);
	for (const struct member *m = p->members; m; m = m->next) {
		for (size_t i = 0; i < m->from_len; i++) {
			frame_put_u32(&p->out, m->id);
			frame_put_str(&p->out, slice_str(m->from[i]));
		}
	}
	return p->out.bad ? ERR_LIMIT : 0;
}

int crew_send_from(struct parent *p, struct pending *op)
{
	int rc = crew_frame_from(p, op);

	if (rc == 0)
		crew_tell_all(p, op, NULL, 0);
	return rc;
}

int crew_send_remove(struct parent *p, struct pending *op, uint32_t id)
{
	frame_begin(&p->out, WORKER_REMOVE);
	frame_put_u32(&p->out, crew_serial(op));
	frame_put_u32(&p->out, id);
	crew_tell_all(p, op, NULL, 0);
	return 0;
}

void crew_send_drain(struct parent *p)
{
	frame_begin(&p->out, WORKER_DRAIN);
	frame_put_u32(&p->out, 0);
	crew_tell_all(p, NULL, NULL, 0);
}

/* Tell a new worker all there is. */
static int crew_brief(struct parent *p, uint32_t index)
{
	int rc = 0;

	for (size_t i = 0; i < secrets_len(p->secrets); i++) {
		crew_frame_secret(p, NULL, i);
		crew_tell(p, index, NULL, NULL, 0);
	}
	explicit_bzero(p->out.mem, sizeof(p->out.mem));

	for (const struct member *m = p->members; rc == 0 && m; m = m->next) {
		int fds[FRAME_FDS_MAX];
		size_t len;

		rc = crew_frame_sandbox(p, NULL, m, fds, &len);
		if (rc == 0) {
			crew_tell(p, index, NULL, fds, len);
			(void)close(fds[0]);
		}
		if (rc == 0 && m->token[0]) {
			crew_frame_token(p, NULL, m);
			crew_tell(p, index, NULL, NULL, 0);
			explicit_bzero(p->out.mem, sizeof(p->out.mem));
		}
	}
	if (rc == 0)
		rc = crew_frame_from(p, NULL);
	if (rc == 0)
		crew_tell(p, index, NULL, NULL, 0);
	for (size_t i = 0; rc == 0 && i < p->listeners_len; i++) {
		frame_begin(&p->out, WORKER_LISTEN);
		frame_put_u32(&p->out, 0);
		frame_put_u8(&p->out, p->listeners[i].kind);
		crew_tell(p, index, NULL, &p->listeners[i].fd, 1);
	}
	return rc;
}

int crew_start(struct parent *p)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < p->workers_len; i++) {
		struct parent_worker *w = &p->workers[i];

		if (w->pid || p->stopping)
			continue;
		if (w->started_ms &&
		    loop_now_ms(p->loop) - w->started_ms < CREW_RESPAWN_MS)
			continue; /* the tick tries again */
		rc = crew_fork(p, i);
		if (rc == 0)
			rc = crew_brief(p, i);
	}
	return rc;
}

/* One confirmation: find the change it belongs to. */
static void crew_confirm(struct parent *p, uint32_t index, uint32_t serial,
			 uint32_t errors)
{
	for (struct pending *op = p->pending; op; op = op->next) {
		if (op->serial != serial)
			continue;
		if (op->waiting[index])
			op->waiting[index]--;
		op->errors += errors;
		parent_commit(p, op);
		return;
	}
}

static void crew_lost(struct parent *p, uint32_t index)
{
	struct parent_worker *w = &p->workers[index];
	struct pending *next;

	questions_drop_worker(&p->questions, index);

	if (w->door >= 0) {
		loop_remove(p->loop, w->door);
		(void)close(w->door);
	}
	w->door = -1;
	w->pid = 0;
	/* Its successor is told the state that includes every change. */
	for (struct pending *op = p->pending; op; op = next) {
		next = op->next;
		op->waiting[index] = 0;
		parent_commit(p, op);
	}
}

void crew_on_event(struct parent *p, struct loop_ref ref)
{
	struct parent_worker *w = &p->workers[ref.index];
	uint32_t serial, errors;
	int rc;

	if (!w->pid || w->door < 0 || ref.gen != (w->gen & 0xffffff))
		return;
	rc = frame_recv(w->door, &p->in);
	if (rc != 1) {
		(void)kill(w->pid, SIGKILL); /* its end is reaped */
		loop_remove(p->loop, w->door);
		return;
	}
	frame_close_fds(&p->in);
	if (p->in.type != WORKER_ACK) {
		approve_on_ask(p, ref.index);
		return;
	}
	serial = bytes_u32(&p->in.body);
	errors = bytes_u32(&p->in.body);
	if (serial && !p->in.body.bad)
		crew_confirm(p, ref.index, serial, errors);
}

void crew_send_answer(struct parent *p, const struct waiter *to,
		      enum verdict verdict, uint64_t until_s,
		      const char *phrase)
{
	frame_begin(&p->out, WORKER_ANSWER);
	frame_put_u32(&p->out, 0);
	frame_put_u32(&p->out, to->index);
	frame_put_u32(&p->out, to->gen);
	frame_put_u8(&p->out, (uint8_t)verdict);
	frame_put_u64(&p->out, until_s);
	frame_put_str(&p->out, slice_str(phrase));
	crew_tell(p, to->worker, NULL, NULL, 0);
}

void crew_reap(struct parent *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (uint32_t i = 0; i < p->workers_len; i++) {
			if (p->workers[i].pid != pid)
				continue;
			crew_lost(p, i);
			if (p->stopping)
				continue;
			p->respawns++;
			log_error("worker %d ended (%s %d): it is replaced",
				  pid,
				  WIFSIGNALED(status) ? "signal" : "status",
				  WIFSIGNALED(status) ? WTERMSIG(status)
						      : WEXITSTATUS(status));
		}
	}
	if (crew_start(p) < 0)
		log_error("a worker can't be started; trying again");
}

uint32_t crew_alive(const struct parent *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->workers_len; i++)
		n += p->workers[i].pid != 0;
	return n;
}

void crew_kill(struct parent *p)
{
	for (uint32_t i = 0; i < p->workers_len; i++) {
		if (p->workers[i].pid)
			(void)kill(p->workers[i].pid, SIGKILL);
	}
}
