/* capture/netlink.c - talk to the kernel over netlink. */

#include "capture/netlink.h"

#include <errno.h>
#include <stdbool.h>

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

int netlink_dump(struct netlink *nl, const struct nlmsghdr *request,
		 mnl_cb_t fn, void *ctx)
{
	unsigned int port = mnl_socket_get_portid(nl->sock);
	char buf[16384];
	int rc = MNL_CB_OK;

	if (mnl_socket_sendto(nl->sock, request, request->nlmsg_len) < 0)
		return -errno;
	while (rc == MNL_CB_OK) {
		ssize_t n = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		rc = mnl_cb_run(buf, (size_t)n, request->nlmsg_seq, port, fn,
				ctx);
	}
	return rc < 0 ? -errno : 0;
}
