/* base/frame.c - messages between processes, over SOCK_SEQPACKET sockets. */

#include "base/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"

#define FRAME_HEAD  4	/* octets: magic and type */
#define DOOR_QUEUE  128 /* connections that may wait to be accepted */
#define DOOR_SOCKET (SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK)

/* Ancillary data, aligned as the kernel wants it. */
union frame_ctl {
	char mem[CMSG_SPACE(sizeof(int) * FRAME_FDS_MAX)];
	struct cmsghdr align;
};

static void frame_put(struct frame_out *out, const void *data, size_t len)
{
	if (out->bad || len > sizeof(out->mem) - out->len) {
		out->bad = true;
		return;
	}
	if (len)
		memcpy(out->mem + out->len, data, len);
	out->len += len;
}

void frame_begin(struct frame_out *out, uint16_t type)
{
	out->len = 0;
	out->bad = false;
	frame_put_u16(out, FRAME_MAGIC);
	frame_put_u16(out, type);
}

void frame_put_u8(struct frame_out *out, uint8_t v)
{
	frame_put(out, &v, 1);
}

void frame_put_u16(struct frame_out *out, uint16_t v)
{
	uint8_t octets[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	frame_put(out, octets, sizeof(octets));
}

void frame_put_u32(struct frame_out *out, uint32_t v)
{
	frame_put_u16(out, (uint16_t)(v >> 16));
	frame_put_u16(out, (uint16_t)v);
}

void frame_put_u64(struct frame_out *out, uint64_t v)
{
	frame_put_u32(out, (uint32_t)(v >> 32));
	frame_put_u32(out, (uint32_t)v);
}

void frame_put_str(struct frame_out *out, struct slice s)
{
	if (s.len > UINT16_MAX) {
		out->bad = true;
		return;
	}
	frame_put_u16(out, (uint16_t)s.len);
	frame_put(out, s.ptr, s.len);
}

static void frame_attach(struct msghdr *msg, union frame_ctl *ctl,
			 const int *fds, size_t fds_len)
{
	struct cmsghdr *cmsg;

	memset(ctl, 0, sizeof(*ctl));
	msg->msg_control = ctl->mem;
	msg->msg_controllen = CMSG_SPACE(sizeof(int) * fds_len);
	cmsg = CMSG_FIRSTHDR(msg);
	assert(cmsg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fds_len);
	memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * fds_len);
}

int frame_send(int sock, const struct frame_out *out, const int *fds,
	       size_t fds_len)
{
	struct iovec iov = { .iov_base = (void *)out->mem,
			     .iov_len = out->len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union frame_ctl ctl;

	assert(fds_len <= FRAME_FDS_MAX);
	assert(out->bad || out->len >= FRAME_HEAD);
	if (out->bad)
		return ERR_LIMIT;
	if (fds_len)
		frame_attach(&msg, &ctl, fds, fds_len);
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) >= 0)
		return 1;
	if (errno == EAGAIN)
		return 0;
	if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
		return ERR_CLOSED;
	return -errno;
}

/* Collect what came beside the packet. The control buffer is as large as
 * FRAME_FDS_MAX descriptors, so there can be no more.
 */
static void frame_detach(struct msghdr *msg, struct frame_in *in)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		assert(n <= FRAME_FDS_MAX - in->fds_len);
		memcpy(in->fds + in->fds_len, CMSG_DATA(c), n * sizeof(int));
		in->fds_len += n;
	}
}

/* Is a packet of len octets a frame? A packet or a set of descriptors that
 * was cut is none: what is left of it must not be taken for the whole.
 */
static int frame_check(struct frame_in *in, size_t len, int flags)
{
	if (flags & (MSG_TRUNC | MSG_CTRUNC))
		return ERR_PROTO;
	in->body = bytes_of(in->mem, len);
	if (bytes_u16(&in->body) != FRAME_MAGIC)
		return ERR_PROTO;
	in->type = bytes_u16(&in->body);
	return in->body.bad ? ERR_PROTO : 1;
}

int frame_recv(int sock, struct frame_in *ret)
{
	struct iovec iov = { .iov_base = ret->mem,
			     .iov_len = sizeof(ret->mem) };
	union frame_ctl ctl;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = ctl.mem,
			      .msg_controllen = sizeof(ctl.mem) };
	ssize_t n;
	int err;

	ret->fds_len = 0;
	n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0)
		return errno == ECONNRESET ? ERR_CLOSED : -errno;

	frame_detach(&msg, ret);
	/* The end reads as an empty packet; an empty packet is no frame. */
	err = n ? frame_check(ret, (size_t)n, msg.msg_flags) : ERR_CLOSED;
	if (err < 0)
		frame_close_fds(ret);
	return err;
}

void frame_close_fds(struct frame_in *in)
{
	for (size_t i = 0; i < in->fds_len; i++)
		if (in->fds[i] >= 0)
			(void)close(in->fds[i]);
	in->fds_len = 0;
}

static int door_addr(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	if (!len || len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, len);
	return 0;
}

/* Take a socket file away that nobody listens on. Anything else at its place
 * stays and makes bind() fail: a wrong path must not cost somebody a file.
 */
static int door_clear(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = door_connect(path);
	if (fd >= 0)
		(void)close(fd);
	if (fd != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int door_listen(const char *path)
{
	struct sockaddr_un addr;
	int err = door_addr(path, &addr);
	int fd;

	if (err >= 0)
		err = door_clear(path);
	if (err < 0)
		return err;
	fd = socket(AF_UNIX, DOOR_SOCKET, 0);
	if (fd < 0)
		return -errno;
	/* Before bind(): the file takes its mode from the socket, so there is
	 * no moment at which others may connect.
	 */
	if (fchmod(fd, 0600) < 0 ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, DOOR_QUEUE) < 0) {
		err = -errno;
		(void)close(fd);
		return err;
	}
	return fd;
}

int door_connect(const char *path)
{
	struct sockaddr_un addr;
	int err = door_addr(path, &addr);
	int fd;

	if (err < 0)
		return err;
	fd = socket(AF_UNIX, DOOR_SOCKET, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		(void)close(fd);
		return err;
	}
	return fd;
}

int door_accept(int listener, pid_t *ret_pid)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    (peer.uid != geteuid() && peer.uid != 0)) {
		(void)close(fd);
		return -EPERM;
	}
	*ret_pid = peer.pid;
	return fd;
}
