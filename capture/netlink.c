/* capture/netlink.c - talk to the kernel over netlink. */

#include "capture/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/base.h"
#include "base/err.h"

#define NETLINK_PART   16384 /* bytes; what the kernel puts into one part */
#define NETLINK_TRIES  10    /* at a whole answer */
#define NETLINK_NAP_MS 30    /* between them; changes come in bursts */

int netlink_open(int bus, struct netlink *ret)
{
	struct mnl_socket *sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	int rc;

	if (!sock)
		return -errno;
	if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		rc = -errno;
		(void)mnl_socket_close(sock);
		return rc;
	}
	*ret = (struct netlink){ .sock = sock };
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (nl->sock)
		(void)mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

struct netlink_wait {
	uint32_t last;
	bool done;
};

/* The kernel answers an error or an acknowledgement with the same message. */
static int netlink_on_answer(const struct nlmsghdr *nlh, void *ctx)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	struct netlink_wait *wait = ctx;

	if (nlh->nlmsg_len < mnl_nlmsg_size(sizeof(*err))) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	if (err->error) {
		errno = err->error < 0 ? -err->error : EBADMSG;
		return MNL_CB_ERROR;
	}
	wait->done = nlh->nlmsg_seq == wait->last;
	return MNL_CB_OK;
}

int netlink_ask(struct netlink *nl, const void *messages, size_t len,
		uint32_t last)
{
	mnl_cb_t on_control[NLMSG_MIN_TYPE] = {
		[NLMSG_ERROR] = netlink_on_answer,
	};
	unsigned int port = mnl_socket_get_portid(nl->sock);
	struct netlink_wait wait = { .last = last };
	char buf[8192];

	if (mnl_socket_sendto(nl->sock, messages, len) < 0)
		return -errno;
	while (!wait.done) {
		ssize_t n = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || mnl_cb_run2(buf, (size_t)n, 0, port, NULL, &wait,
					 on_control, NLMSG_MIN_TYPE) < 0)
			return -errno;
	}
	return 0;
}

/* The answer to a dump, whole before anybody looks at it. */
struct netlink_answer {
	unsigned char *ptr; /* owned */
	size_t len, cap;
	bool torn; /* something changed while it was made */
	bool done;
};

/* Room for one more part. */
static int netlink_grow(struct netlink_answer *a)
{
	size_t cap = a->cap ? a->cap * 2 : (size_t)NETLINK_PART * 2;
	unsigned char *ptr;

	if (a->cap - a->len >= NETLINK_PART)
		return 0;
	if (cap > NETLINK_DUMP_MAX)
		return ERR_LIMIT;
	ptr = realloc(a->ptr, cap);
	if (!ptr)
		return -ENOMEM;
	a->ptr = ptr;
	a->cap = cap;
	return 0;
}

/* One part: libmnl refuses torn ones, so the mark is noted and taken off. */
static void netlink_look(struct netlink_answer *a, size_t from)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)(a->ptr + from);
	int len = (int)(a->len - from);

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		a->torn = a->torn || nlh->nlmsg_flags & NLM_F_DUMP_INTR;
		nlh->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
		a->done = a->done || nlh->nlmsg_type == NLMSG_DONE ||
			  nlh->nlmsg_type == NLMSG_ERROR;
	}
}

static int netlink_gather(struct netlink *nl, const struct nlmsghdr *request,
			  struct netlink_answer *a)
{
	if (mnl_socket_sendto(nl->sock, request, request->nlmsg_len) < 0)
		return -errno;
	a->len = 0;
	a->torn = a->done = false;
	while (!a->done) {
		int rc = netlink_grow(a);
		ssize_t n;

		if (rc)
			return rc;
		n = mnl_socket_recvfrom(nl->sock, a->ptr + a->len,
					NETLINK_PART);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EPROTO;
		a->len += (size_t)n;
		netlink_look(a, a->len - (size_t)n);
	}
	return 0;
}

int netlink_dump(struct netlink *nl, const struct nlmsghdr *request,
		 mnl_cb_t fn, void *ctx)
{
	const struct timespec nap = { .tv_nsec = NETLINK_NAP_MS * 1000000L };
	unsigned int port = mnl_socket_get_portid(nl->sock);
	struct netlink_answer a = { .torn = true };
	int rc = 0;

	for (int i = 0; !rc && a.torn && i < NETLINK_TRIES; i++) {
		if (i)
			(void)nanosleep(&nap, NULL);
		rc = netlink_gather(nl, request, &a);
	}
	if (!rc &&
	    mnl_cb_run(a.ptr, a.len, request->nlmsg_seq, port, fn, ctx) < 0)
		rc = -errno;
	free(a.ptr);
	return rc ? rc : a.torn ? -EINTR : 0;
}
