/* gateway/wire.c - one socket, clear or inside TLS. */

#include "gateway/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/loop.h"
#include "gateway/tls.h"

#define WIRE_READ 16384 /* octets: the data of one TLS record */

void wire_init(struct wire *w, int fd)
{
	int on = 1;

	/* Without it Nagle and delayed ACK cost 45 ms a request. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*w = (struct wire){ .fd = fd };
}

void wire_done(struct wire *w)
{
	tls_free(&w->tls);
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = -1;
	w->readable = w->writable = false;
}

void wire_ready(struct wire *w, unsigned int events)
{
	if (events & (LOOP_READ | LOOP_HANGUP))
		w->readable = true;
	if (events & (LOOP_WRITE | LOOP_HANGUP))
		w->writable = true;
	/* A read may have stopped because the library had to write first: a
	 * key update of TLS 1.3 is answered from within it.
	 */
	if (events & LOOP_WRITE && w->tls)
		w->readable = true;
}

int wire_shake(struct wire *w)
{
	int rc = tls_handshake(w->tls);

	if (rc == 1)
		w->readable = true;
	return rc;
}

static ssize_t wire_recv(struct wire *w, void *to, size_t len)
{
	ssize_t n;

	do {
		n = recv(w->fd, to, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0)
		return w->reset ? ERR_CUT : ERR_CLOSED;
	return errno == EAGAIN ? 0 : ERR_CUT;
}

int wire_read(struct wire *w, struct buf *in)
{
	size_t len = MIN(buf_room(in), (size_t)WIRE_READ);
	uint8_t *to;
	ssize_t n;

	if (!w->readable || w->ended || !len)
		return 0;
	to = buf_reserve(in, len);
	if (!to) { /* out of memory: this connection ends */
		w->ended = true;
		return ERR_CUT;
	}
	n = w->tls ? tls_read(w->tls, to, len) : wire_recv(w, to, len);
	if (n > 0)
		buf_commit(in, (size_t)n);
	else
		buf_release(in);
	if (n == 0)
		w->readable = false;
	if (n < 0)
		w->ended = true;
	return (int)n;
}

static ssize_t wire_send(struct wire *w, const void *from, size_t len)
{
	ssize_t n;

	do {
		n = send(w->fd, from, len, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN)
		return 0;
	/* Sending has taken the socket's error, and a read would find a good
	 * end. EPIPE alone says that the peer's end came before its reset.
	 */
	w->reset = errno != EPIPE;
	return ERR_CUT;
}

int wire_write(struct wire *w, struct buf *out)
{
	while (buf_len(out)) {
		ssize_t n;

		if (!w->writable)
			return 0;
		n = w->tls ? tls_write(w->tls, buf_data(out), buf_len(out))
			   : wire_send(w, buf_data(out), buf_len(out));
		if (n == ERR_CUT)
			w->broken = w->readable = true;
		if (n < 0)
			return (int)n;
		if (n == 0)
			w->writable = false;
		buf_consume(out, (size_t)n);
	}
	buf_release(out);
	return 1;
}

void wire_abort(struct wire *w)
{
	const struct linger none = { .l_onoff = 1 };

	(void)setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

void wire_shut(struct wire *w)
{
	(void)shutdown(w->fd, SHUT_WR);
}

bool wire_finish(struct wire *w)
{
	if (w->tls && !tls_close(w->tls)) {
		w->writable = false;
		return false;
	}
	wire_shut(w);
	return true;
}
