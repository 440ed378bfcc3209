/* capture/netlink.h - talk to the kernel over netlink, with acknowledgements.
 *
 * A request is a batch of messages that each ask for an acknowledgement; the
 * exchange ends with the last of them or with the first error.
 */
#ifndef CAPTURE_NETLINK_H
#define CAPTURE_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#define NETLINK_BATCH_MAX (168 * 1024) /* bytes; a sandbox takes 4 KiB */
#define NETLINK_DUMP_MAX  (64u << 20)  /* bytes; some 100,000 rules */

struct netlink {
	struct mnl_socket *sock; /* owned */
	uint32_t seq;		 /* of the last message */
};

/* bus: NETLINK_ROUTE or NETLINK_NETFILTER. Returns 0 or -errno. */
int netlink_open(int bus, struct netlink *ret);
void netlink_close(struct netlink *nl);

/* Send len bytes of messages, and wait for the acknowledgement of the one
 * with number last. Returns 0, or the -errno of the first that failed.
 */
int netlink_ask(struct netlink *nl, const void *messages, size_t len,
		uint32_t last);

/* Send a dump request and call fn with each message of the answer; fn returns
 * MNL_CB_OK, or MNL_CB_ERROR with errno set. What changes meanwhile makes the
 * kernel's answer a torn one: it is asked again. Returns 0, -errno or
 * ERR_LIMIT; -EINTR when each answer was torn: fn has had the last of them.
 */
int netlink_dump(struct netlink *nl, const struct nlmsghdr *request,
		 mnl_cb_t fn, void *ctx);

#endif
