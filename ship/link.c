#include "ship/link.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"

static const char *const link_states[] = {
	[LINK_FRESH] = "ok",
	[LINK_OK] = "ok",
	[LINK_RETRYING] = "retrying",
	[LINK_REFUSED] = "refused",
};
static_assert(ARRAY_SIZE(link_states) == LINK_STATES, "a state, no name");

const char *link_state_str(enum link_state s)
{
	return s < LINK_STATES ? link_states[s] : "retrying";
}

int link_open(struct link *ret)
{
	void *rows = mmap(NULL, LINK_OCTETS_MAX, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fds[2];

	if (rows == MAP_FAILED)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		int err = -errno;

		(void)munmap(rows, LINK_OCTETS_MAX);
		return err;
	}
	*ret = (struct link){ fds[0], fds[1], rows };
	return 0;
}

void link_forget(struct link *l)
{
	(void)munmap(l->rows, LINK_OCTETS_MAX);
	l->rows = NULL;
}

static int link_read(int fd, int wait_ms, void *ret, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, wait_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	if (!p.revents)
		return 0;
	n = recv(fd, ret, size, MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0
		       : errno == ECONNRESET		 ? ERR_CLOSED
							 : -errno;
	if (!n)
		return ERR_CLOSED;
	return (size_t)n == size ? 1 : ERR_PROTO;
}

static int link_write(int fd, const void *message, size_t size)
{
	ssize_t n = send(fd, message, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED
							     : -errno;
	return 1;
}

int link_read_ask(const struct link *l, struct link_ask *ret)
{
	return link_read(l->reader, 0, ret, sizeof(*ret));
}

int link_read_give(const struct link *l, int wait_ms, struct link_give *ret)
{
	return link_read(l->sender, wait_ms, ret, sizeof(*ret));
}

int link_write_ask(const struct link *l, const struct link_ask *ask)
{
	return link_write(l->sender, ask, sizeof(*ask));
}

int link_write_give(const struct link *l, const struct link_give *give)
{
	return link_write(l->reader, give, sizeof(*give));
}
