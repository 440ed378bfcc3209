/* tests/unit/base/frame_test.c - frames, whole or not at all. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "base/frame.h"

static int door[2];
static struct frame_out out;
static struct frame_in in;

static int begin(void **state)
{
	(void)state;
	memset(&in, 0xee, sizeof(in));
	return socketpair(AF_UNIX,
			  SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			  door);
}

static int finish(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		if (door[i] >= 0)
			(void)close(door[i]);
	return 0;
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_round_trip(void **state)
{
	(void)state;
	frame_begin(&out, 0x1234);
	frame_put_u8(&out, 0xff);
	frame_put_u16(&out, 0x0102);
	frame_put_u32(&out, 0xdeadbeef);
	frame_put_u64(&out, 0x0123456789abcdefull);
	frame_put_str(&out, SLICE("a\0b"));
	frame_put_str(&out, slice_of(NULL, 0));
	assert_memory_equal(out.mem, "PS\x12\x34\xff\x01\x02\xde\xad\xbe\xef",
			    11);
	assert_int_equal(frame_send(door[0], &out, NULL, 0), 1);

	assert_int_equal(frame_recv(door[1], &in), 1);
	assert_int_equal(in.type, 0x1234);
	assert_int_equal(bytes_u8(&in.body), 0xff);
	assert_int_equal(bytes_u16(&in.body), 0x0102);
	assert_int_equal(bytes_u32(&in.body), 0xdeadbeef);
	assert_true(bytes_u64(&in.body) == 0x0123456789abcdefull);
	assert_true(slice_eq(bytes_str(&in.body), SLICE("a\0b")));
	assert_int_equal(bytes_str(&in.body).len, 0);
	assert_int_equal(bytes_left(&in.body), 0);
	assert_false(in.body.bad);
	assert_int_equal(in.fds_len, 0);
	assert_int_equal(frame_recv(door[1], &in), 0);
}

static void test_largest(void **state)
{
	static char text[FRAME_MAX];

	(void)state;
	frame_begin(&out, 1);
	frame_put_str(&out, slice_of(text, FRAME_MAX - 6));
	assert_int_equal(out.len, FRAME_MAX);
	assert_int_equal(frame_send(door[0], &out, NULL, 0), 1);
	assert_int_equal(frame_recv(door[1], &in), 1);
	assert_int_equal(bytes_str(&in.body).len, FRAME_MAX - 6);

	frame_begin(&out, 1);
	frame_put_str(&out, slice_of(text, FRAME_MAX - 5));
	frame_put_u8(&out, 1);
	assert_int_equal(frame_send(door[0], &out, NULL, 0), ERR_LIMIT);
	frame_begin(&out, 1);
	frame_put_str(&out, slice_of(text, UINT16_MAX + 1));
	assert_int_equal(frame_send(door[0], &out, NULL, 0), ERR_LIMIT);
	frame_begin(&out, 1);
	assert_int_equal(frame_send(door[0], &out, NULL, 0), 1);
}

static void test_descriptors(void **state)
{
	int fds[FRAME_FDS_MAX], before;
	struct stat sent, got;

	(void)state;
	for (int i = 0; i < FRAME_FDS_MAX; i++)
		fds[i] = open("/dev/null", O_RDONLY);
	before = open_fds();
	frame_begin(&out, 7);
	frame_put_u8(&out, FRAME_FDS_MAX);
	assert_int_equal(frame_send(door[0], &out, fds, FRAME_FDS_MAX), 1);
	assert_int_equal(frame_recv(door[1], &in), 1);
	assert_int_equal(in.fds_len, FRAME_FDS_MAX);
	assert_int_equal(open_fds(), before + FRAME_FDS_MAX);
	for (int i = 0; i < FRAME_FDS_MAX; i++) {
		assert_int_equal(fcntl(in.fds[i], F_GETFD), FD_CLOEXEC);
		assert_int_equal(fstat(fds[i], &sent), 0);
		assert_int_equal(fstat(in.fds[i], &got), 0);
		assert_true(sent.st_rdev == got.st_rdev);
	}
	(void)close(in.fds[3]);
	in.fds[3] = -1; /* taken */
	frame_close_fds(&in);
	assert_int_equal(open_fds(), before);
	for (int i = 0; i < FRAME_FDS_MAX; i++)
		(void)close(fds[i]);
}

/* Send len octets of any kind, with fds_len descriptors beside them. */
static void send_raw(const void *data, size_t len, size_t fds_len)
{
	char ctl[CMSG_SPACE(sizeof(int) * 64)]
		__attribute__((aligned(16))) = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fds_len) {
		struct cmsghdr *c;

		msg.msg_control = ctl;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds_len);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fds_len);
		memset(CMSG_DATA(c), 0, sizeof(int) * fds_len);
	}
	assert_int_equal(sendmsg(door[0], &msg, 0), len);
}

/* What is no frame gives ERR_PROTO, and no descriptor stays open. */
static void test_foreign(void **state)
{
	static const struct {
		const char *octets;
		size_t len, fds_len;
	} bad[] = {
		{ "P", 1, 0 },
		{ "PS", 2, 0 },
		{ "PS\0", 3, 0 },
		{ "SP\0\1", 4, 0 },
		{ "SP\0\1", 4, 2 },
		{ "PS\0", 3, 8 },
		{ "PS\0\1", 4, 9 },
		{ "PS\0\1body", 8, 64 },
		{ "GET / HTTP/1.1", 14, 1 },
	};
	static char large[FRAME_MAX + 1] = "PS\0\1";
	int before = open_fds();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		send_raw(bad[i].octets, bad[i].len, bad[i].fds_len);
		assert_int_equal(frame_recv(door[1], &in), ERR_PROTO);
		assert_int_equal(in.fds_len, 0);
		assert_int_equal(open_fds(), before);
	}
	send_raw(large, sizeof(large), 3);
	assert_int_equal(frame_recv(door[1], &in), ERR_PROTO);
	assert_int_equal(open_fds(), before);

	/* The door itself is still good. */
	send_raw("PS\0\1", 4, 0);
	assert_int_equal(frame_recv(door[1], &in), 1);
	assert_int_equal(in.type, 1);
	assert_int_equal(bytes_left(&in.body), 0);
}

static void test_ends(void **state)
{
	(void)state;
	frame_begin(&out, 1);
	assert_int_equal(frame_send(door[0], &out, NULL, 0), 1);
	(void)close(door[0]);
	door[0] = -1;
	assert_int_equal(frame_recv(door[1], &in), 1);
	assert_int_equal(frame_recv(door[1], &in), ERR_CLOSED);
	assert_int_equal(frame_send(door[1], &out, NULL, 0), ERR_CLOSED);
}

static void test_full(void **state)
{
	int sent = 0, got = 0, err;

	(void)state;
	frame_begin(&out, 1);
	frame_put_u64(&out, 0);
	while ((err = frame_send(door[0], &out, NULL, 0)) == 1)
		sent++;
	assert_int_equal(err, 0);
	assert_true(sent > 0);
	while (frame_recv(door[1], &in) == 1)
		got++;
	assert_int_equal(got, sent);
	assert_int_equal(frame_send(door[0], &out, NULL, 0), 1);
}

static void test_door(void **state)
{
	char dir[] = "/tmp/frame_test.XXXXXX";
	char path[64];
	int listener, a, b;
	struct stat st;
	pid_t pid = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/d", dir);
	assert_int_equal(door_connect(path), -ENOENT);
	listener = door_listen(path);
	assert_true(listener >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
	assert_int_equal(door_accept(listener, &pid), -EAGAIN);
	assert_int_equal(pid, 0);

	a = door_connect(path);
	assert_true(a >= 0);
	b = door_accept(listener, &pid);
	assert_true(b >= 0);
	assert_int_equal(pid, getpid());
	assert_true(fcntl(b, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(b, F_GETFD), FD_CLOEXEC);
	frame_begin(&out, 3);
	assert_int_equal(frame_send(a, &out, NULL, 0), 1);
	assert_int_equal(frame_recv(b, &in), 1);
	(void)close(a);
	(void)close(b);

	/* A living door is not pushed aside, a dead one is replaced. */
	assert_int_equal(door_listen(path), -EADDRINUSE);
	(void)close(listener);
	listener = door_listen(path);
	assert_true(listener >= 0);
	(void)close(listener);
	assert_int_equal(unlink(path), 0);

	/* A file that is no socket is nobody's to remove. */
	a = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(door_listen(path), -EADDRINUSE);
	assert_int_equal(access(path, F_OK), 0);
	(void)close(a);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void test_door_path(void **state)
{
	char path[200];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[108] = '\0';
	assert_int_equal(door_listen(path), -ENAMETOOLONG);
	assert_int_equal(door_connect(path), -ENAMETOOLONG);
	assert_int_equal(door_connect(""), -ENAMETOOLONG);
	path[107] = '\0';
	assert_int_equal(door_connect(path), -ENOENT);
}

/* Root may come in; others may not. Needs root to become another. */
static void test_door_foreign_uid(void **state)
{
	char dir[] = "/tmp/frame_test.XXXXXX";
	char path[64];
	pid_t child, pid = 0;
	int listener;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/d", dir);
	listener = door_listen(path);
	assert_true(listener >= 0);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (setuid(65534) < 0 || door_connect(path) < 0)
			_exit(1);
		_exit(0);
	}
	while (door_accept(listener, &pid) != -EPERM)
		(void)usleep(1000);
	assert_int_equal(pid, 0);
	(void)close(listener);
	(void)unlink(path);
	(void)rmdir(dir);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_round_trip),
		T(test_largest),
		T(test_descriptors),
		T(test_foreign),
		T(test_ends),
		T(test_full),
		cmocka_unit_test(test_door),
		cmocka_unit_test(test_door_path),
		cmocka_unit_test(test_door_foreign_uid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
