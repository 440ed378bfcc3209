/* certgen/serve.c - answer the door of certgen/certgen.h.
 *
 * Theory of operation
 *
 * A turn waits with poll() for the listener, the stop descriptor and all
 * connections, then takes at most SERVE_BURST questions of each. An answer
 * that does not fit into a socket is kept; until it has gone, that connection
 * is asked nothing more, so a worker that does not read costs us one frame.
 *
 * Frames that break the contract, and frames with descriptors beside them,
 * end their connection and no other. A name that can't be minted is answered
 * NO: hostile names are the ordinary case here, not an error of the worker.
 */

#include "certgen/serve.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "base/frame.h"
#include "base/log.h"
#include "certgen/certgen.h"
#include "certgen/leaf.h"

/* How long the listener is left alone when we are out of descriptors or
 * memory; without it the loop would spin on a connection it can't accept.
 */
#define SERVE_ACCEPT_PAUSE_MS 100

struct serve_conn {
	int fd;
	struct frame_out *stuck; /* owned: an answer that did not fit */
};

struct serve {
	const struct root *root;
	const struct leaf_key *key;
	int listener;
	struct serve_conn conns[SERVE_CONNS_MAX];
	size_t conns_len;
	bool accept_paused;
	struct frame_in in;   /* the question being read */
	struct frame_out out; /* the answer being written */
	struct leaf leaf;
};

static void serve_conn_close(struct serve_conn *c)
{
	file_close(&c->fd);
	free(c->stuck);
	c->stuck = NULL;
}

/* Drop the closed ones. */
static void serve_sweep(struct serve *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->conns_len; i++) {
		if (s->conns[i].fd >= 0)
			s->conns[kept++] = s->conns[i];
	}
	s->conns_len = kept;
}

static const char *serve_why(int err)
{
	switch (err) {
	case ERR_SYNTAX:
		return "not a name that a certificate can hold";
	case ERR_STALE:
		return "the CA has expired";
	default:
		return "minting failed";
	}
}

/* Fill s->out with the answer for name. */
static void serve_answer(struct serve *s, uint32_t number, struct slice name)
{
	int err =
		leaf_mint(s->root, s->key, name, (int64_t)time(NULL), &s->leaf);

	if (err < 0) {
		log_warn("no leaf for '%s': %s", log_slice(name),
			 serve_why(err));
		frame_begin(&s->out, CERTGEN_NO);
		frame_put_u32(&s->out, number);
		frame_put_str(&s->out, slice_str(serve_why(err)));
		return;
	}
	frame_begin(&s->out, CERTGEN_CERT);
	frame_put_u32(&s->out, number);
	frame_put_str(&s->out, slice_of(s->leaf.der, s->leaf.der_len));
	frame_put_str(&s->out, slice_of(s->key->der, s->key->der_len));
	frame_put_u64(&s->out, (uint64_t)s->leaf.until_s);
}

/* Returns 1 and the question, or ERR_PROTO. */
static int serve_parse(struct frame_in *in, uint32_t *ret_number,
		       struct slice *ret_name)
{
	uint32_t number = bytes_u32(&in->body);
	struct slice name = bytes_str(&in->body);

	if (in->type != CERTGEN_LEAF || in->body.bad || bytes_left(&in->body))
		return ERR_PROTO;
	*ret_number = number;
	*ret_name = name;
	return 1;
}

/* One question and its answer. Returns 1 answered, 0 none there or the answer
 * is stuck, < 0 the connection is over.
 */
static int serve_one(struct serve *s, struct serve_conn *c)
{
	struct slice name;
	uint32_t number;
	int err = frame_recv(c->fd, &s->in);

	if (err <= 0)
		return err;
	if (s->in.fds_len) {
		frame_close_fds(&s->in);
		return ERR_PROTO;
	}
	err = serve_parse(&s->in, &number, &name);
	if (err < 0)
		return err;
	serve_answer(s, number, name);
	err = frame_send(c->fd, &s->out, NULL, 0);
	if (err != 0)
		return err;
	c->stuck = malloc(sizeof(*c->stuck));
	if (!c->stuck)
		return -ENOMEM;
	*c->stuck = s->out;
	return 0;
}

static void serve_conn_turn(struct serve *s, struct serve_conn *c)
{
	int err = 1;

	if (c->stuck) {
		err = frame_send(c->fd, c->stuck, NULL, 0);
		if (err > 0) {
			free(c->stuck);
			c->stuck = NULL;
		}
	}
	for (int i = 0; err > 0 && i < SERVE_BURST; i++)
		err = serve_one(s, c);
	if (err < 0 && err != ERR_CLOSED)
		log_warn("closing a connection: %s", err_str(err));
	if (err < 0)
		serve_conn_close(c);
}

/* Returns true when another one may be waiting. */
static bool serve_accept_one(struct serve *s)
{
	pid_t pid = 0;
	int fd = door_accept(s->listener, &pid);

	if (fd >= 0) {
		s->conns[s->conns_len++] = (struct serve_conn){ .fd = fd };
		log_debug("process %d at the door", (int)pid);
		return true;
	}
	switch (fd) {
	case -EPERM:
		log_warn("turned away a process of another user");
		return true;
	case -EINTR:
	case -ECONNABORTED:
		return true;
	case -EAGAIN:
		return false;
	default:
		log_warn("cannot accept: %s", err_str(fd));
		s->accept_paused = true;
		return false;
	}
}

static void serve_accept(struct serve *s)
{
	bool more = true;

	while (more && s->conns_len < SERVE_CONNS_MAX)
		more = serve_accept_one(s);
}

/* Connections first: fds[i] is conns[i]. Then the listener and stop. */
static size_t serve_interest(struct serve *s, int stop_fd, struct pollfd *fds)
{
	bool accepting = !s->accept_paused && s->conns_len < SERVE_CONNS_MAX;
	size_t n = s->conns_len;

	for (size_t i = 0; i < n; i++) {
		fds[i] = (struct pollfd){
			.fd = s->conns[i].fd,
			.events = s->conns[i].stuck ? POLLOUT : POLLIN,
		};
	}
	fds[n++] = (struct pollfd){ .fd = accepting ? s->listener : -1,
				    .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
	return n;
}

/* Returns 1 to go on, 0 to stop, or -errno. */
static int serve_turn(struct serve *s, int stop_fd)
{
	struct pollfd fds[SERVE_CONNS_MAX + 2];
	size_t n = serve_interest(s, stop_fd, fds);
	int wait_ms = s->accept_paused ? SERVE_ACCEPT_PAUSE_MS : -1;

	if (poll(fds, (nfds_t)n, wait_ms) < 0)
		return errno == EINTR ? 1 : -errno;
	s->accept_paused = false;
	if (fds[n - 1].revents)
		return 0;
	for (size_t i = 0; i + 2 < n; i++) {
		if (fds[i].revents)
			serve_conn_turn(s, &s->conns[i]);
	}
	serve_sweep(s);
	if (fds[n - 2].revents)
		serve_accept(s);
	return 1;
}

int serve_run(const struct root *root, const struct leaf_key *key, int listener,
	      int stop_fd)
{
	struct serve *s = calloc(1, sizeof(*s));
	int err = 1;

	if (!s)
		return -ENOMEM;
	s->root = root;
	s->key = key;
	s->listener = listener;
	while (err > 0)
		err = serve_turn(s, stop_fd);
	for (size_t i = 0; i < s->conns_len; i++)
		serve_conn_close(&s->conns[i]);
	free(s);
	return err;
}
