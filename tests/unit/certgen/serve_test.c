/* tests/unit/certgen/serve_test.c - the door, with the real program behind. */

#include "tests/unit/certgen/state.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "base/err.h"
#include "base/frame.h"
#include "certgen/certgen.h"
#include "certgen/serve.h"

#define WAIT_MS 10000

struct world {
	struct state *state;
	char program[PATH_MAX];
	pid_t pid;
	struct frame_out out;
	struct frame_in in;
};

/* build/bin/penstock-certgen, seen from build/tests/certgen_serve_test. */
static void find_program(char ret[PATH_MAX])
{
	char self[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	assert_true(n > 0);
	self[n] = '\0';
	slash = strrchr(self, '/');
	assert_non_null(slash);
	*slash = '\0';
	(void)snprintf(ret, PATH_MAX, "%s/../bin/penstock-certgen", self);
	if (access(ret, X_OK) < 0)
		fail_msg("build the target penstock-certgen first");
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, WAIT_MS) == 1;
}

/* Start certgen and wait until it says that it listens. */
static void start(struct world *w)
{
	int ready[2];
	char fd[16], octet = 0;

	assert_int_equal(pipe(ready), 0);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (w->pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		(void)close(ready[0]);
		(void)dup2(null, STDERR_FILENO);
		(void)snprintf(fd, sizeof(fd), "%d", ready[1]);
		(void)execl(w->program, w->program, "--state", w->state->dir,
			    "--socket", state_path(w->state, "door"),
			    "--ready-fd", fd, (char *)NULL);
		_exit(127);
	}
	(void)close(ready[1]);
	assert_true(readable(ready[0]));
	assert_int_equal(read(ready[0], &octet, 1), 1);
	assert_int_equal(read(ready[0], &octet, 1), 0); /* and closes it */
	(void)close(ready[0]);
}

static int stop(struct world *w, int sig)
{
	int status = -1;

	assert_int_equal(kill(w->pid, sig), 0);
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	w->pid = 0;
	return status;
}

static int setup(void **ctx)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	(void)state_setup((void **)&w->state);
	find_program(w->program);
	start(w);
	*ctx = w;
	return 0;
}

static int teardown(void **ctx)
{
	struct world *w = *ctx;

	if (w->pid)
		(void)stop(w, SIGKILL);
	(void)state_teardown((void **)&w->state);
	free(w);
	return 0;
}

static int dial(const struct world *w)
{
	int fd = door_connect(state_path(w->state, "door"));

	assert_true(fd >= 0);
	return fd;
}

static void ask(struct world *w, int fd, uint32_t number, struct slice name)
{
	frame_begin(&w->out, CERTGEN_LEAF);
	frame_put_u32(&w->out, number);
	frame_put_str(&w->out, name);
	assert_int_equal(frame_send(fd, &w->out, NULL, 0), 1);
}

/* The next frame into w->in; what frame_recv() said. */
static int answer(struct world *w, int fd)
{
	assert_true(readable(fd));
	return frame_recv(fd, &w->in);
}

static void is_cert(struct world *w, uint32_t number, const char *name)
{
	struct slice der, key;
	const unsigned char *p;
	X509 *cert;
	EVP_PKEY *pkey;

	assert_int_equal(w->in.type, CERTGEN_CERT);
	assert_int_equal(bytes_u32(&w->in.body), number);
	der = bytes_str(&w->in.body);
	key = bytes_str(&w->in.body);
	assert_true(bytes_u64(&w->in.body) > 1700000000);
	assert_false(w->in.body.bad);
	assert_int_equal(bytes_left(&w->in.body), 0);
	p = (const unsigned char *)der.ptr;
	cert = d2i_X509(NULL, &p, (long)der.len);
	p = (const unsigned char *)key.ptr;
	pkey = d2i_AutoPrivateKey(NULL, &p, (long)key.len);
	assert_non_null(cert);
	assert_non_null(pkey);
	assert_int_equal(X509_check_host(cert, name, 0, 0, NULL), 1);
	assert_int_equal(X509_check_private_key(cert, pkey), 1);
	EVP_PKEY_free(pkey);
	X509_free(cert);
}

static void works(struct world *w, int fd, uint32_t number)
{
	ask(w, fd, number, SLICE("api.example.com"));
	assert_int_equal(answer(w, fd), 1);
	is_cert(w, number, "api.example.com");
}

static void answers_with_a_leaf(void **ctx)
{
	struct world *w = *ctx;
	int fd = dial(w);

	works(w, fd, 7);
	works(w, fd, 0xffffffff);
	(void)close(fd);
}

static void says_no_to_bad_names(void **ctx)
{
	static const struct slice bad[] = {
		SLICE(""),     SLICE("a.com,DNS:bank.com"),
		SLICE("a\0b"), SLICE("*.com"),
		SLICE("a\nb"),
	};
	struct world *w = *ctx;
	int fd = dial(w);

	for (uint32_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ask(w, fd, i, bad[i]);
		assert_int_equal(answer(w, fd), 1);
		assert_int_equal(w->in.type, CERTGEN_NO);
		assert_int_equal(bytes_u32(&w->in.body), i);
		assert_true(bytes_str(&w->in.body).len > 0);
		assert_false(w->in.body.bad);
		assert_int_equal(bytes_left(&w->in.body), 0);
	}
	works(w, fd, 99);
	(void)close(fd);
}

/* Send raw octets; the connection must be closed, and another one must not
 * notice.
 */
static void must_hang_up(struct world *w, const void *data, size_t len)
{
	int other = dial(w);
	int fd = dial(w);

	works(w, other, 1);
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
	assert_int_equal(answer(w, fd), ERR_CLOSED);
	works(w, other, 2);
	(void)close(fd);
	(void)close(other);
}

static void hangs_up_on_what_is_no_question(void **ctx)
{
	static const char huge[FRAME_MAX + 100] = { 'P', 'S', 0, 1 };
	struct world *w = *ctx;

	must_hang_up(w, "P", 1);
	must_hang_up(w, "XX\0\1\0\0\0\1\0\1a", 11);   /* magic */
	must_hang_up(w, "PS\0\2\0\0\0\1\0\1a", 11);   /* an answer's type */
	must_hang_up(w, "PS\0\x63\0\0\0\1\0\1a", 11); /* unknown type */
	must_hang_up(w, "PS\0\1\0\0\0", 7);	      /* cut number */
	must_hang_up(w, "PS\0\1\0\0\0\1\0\2a", 11);   /* cut name */
	must_hang_up(w, "PS\0\1\0\0\0\1\0\1ab", 12);  /* one too many */
	must_hang_up(w, "PS\0\1\0\0\0\1\xff\xff", 10);
	must_hang_up(w, huge, sizeof(huge));
}

static void hangs_up_on_descriptors(void **ctx)
{
	struct world *w = *ctx;
	int fd = dial(w);
	int other = dial(w);
	int pair[2];
	char octet;

	assert_int_equal(pipe(pair), 0);
	frame_begin(&w->out, CERTGEN_LEAF);
	frame_put_u32(&w->out, 1);
	frame_put_str(&w->out, SLICE("a.test"));
	assert_int_equal(frame_send(fd, &w->out, &pair[1], 1), 1);
	(void)close(pair[1]);
	assert_int_equal(answer(w, fd), ERR_CLOSED);
	assert_int_equal(read(pair[0], &octet, 1), 0); /* it kept none */
	works(w, other, 2);
	(void)close(pair[0]);
	(void)close(fd);
	(void)close(other);
}

/* A worker that asks and does not read is kept waiting; the others are served,
 * and in the end it gets every answer.
 */
static void waits_for_slow_readers(void **ctx)
{
	struct world *w = *ctx;
	int slow = dial(w);
	int other = dial(w);
	uint32_t asked = 0;

	frame_begin(&w->out, CERTGEN_LEAF);
	frame_put_u32(&w->out, 0);
	frame_put_str(&w->out, SLICE("slow.test"));
	for (int idle = 0; idle < 20 && asked < 20000;) {
		struct pollfd p = { .fd = slow, .events = POLLOUT };

		if (frame_send(slow, &w->out, NULL, 0) == 1) {
			asked++;
			idle = 0;
		} else if (poll(&p, 1, 10) == 0) {
			idle++;
		}
	}
	assert_in_range(asked, 100, 19999); /* it was stopped at some point */
	for (uint32_t i = 0; i < 50; i++)
		works(w, other, i);
	for (uint32_t i = 0; i < asked; i++) {
		assert_int_equal(answer(w, slow), 1);
		assert_int_equal(w->in.type, CERTGEN_CERT);
	}
	works(w, slow, 5);
	(void)close(slow);
	(void)close(other);
}

/* More connections than it takes: the rest wait, and come in when one goes. */
static void bounds_its_connections(void **ctx)
{
	struct world *w = *ctx;
	struct pollfd p = { .events = POLLIN };
	int fds[SERVE_CONNS_MAX];
	int late;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial(w);
		works(w, fds[i], (uint32_t)i);
	}
	late = dial(w);
	ask(w, late, 1, SLICE("late.test"));
	p.fd = late;
	assert_int_equal(poll(&p, 1, 100), 0);
	works(w, fds[0], 3);
	(void)close(fds[0]);
	assert_int_equal(answer(w, late), 1);
	is_cert(w, 1, "late.test");
	for (size_t i = 1; i < ARRAY_SIZE(fds); i++)
		(void)close(fds[i]);
	(void)close(late);
}

/* In a child with another uid: 0 when the door was shut in its face. */
static int try_as_stranger(struct world *w)
{
	struct pollfd p = { .events = POLLIN };

	if (setuid(65534) < 0)
		return 2;
	p.fd = door_connect(state_path(w->state, "door"));
	if (p.fd < 0)
		return 3;
	frame_begin(&w->out, CERTGEN_LEAF);
	frame_put_u32(&w->out, 1);
	frame_put_str(&w->out, SLICE("a.test"));
	(void)frame_send(p.fd, &w->out, NULL, 0);
	if (poll(&p, 1, WAIT_MS) != 1)
		return 4;
	return frame_recv(p.fd, &w->in) == ERR_CLOSED ? 0 : 5;
}

static void turns_strangers_away(void **ctx)
{
	struct world *w = *ctx;
	int status = -1;
	int fd = dial(w);
	pid_t pid;

	if (geteuid() != 0)
		skip();
	/* Even where the file system would let them in. */
	assert_int_equal(chmod(w->state->dir, 0711), 0);
	assert_int_equal(chmod(state_path(w->state, "door"), 0666), 0);
	pid = fork();
	if (pid == 0)
		_exit(try_as_stranger(w));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	works(w, fd, 1);
	(void)close(fd);
}

static void keeps_its_ca_through_kills(void **ctx)
{
	struct world *w = *ctx;
	char before[8192];
	int fd = dial(w);

	works(w, fd, 1);
	(void)snprintf(before, sizeof(before), "%s",
		       state_read(w->state, "ca.pem"));
	assert_int_equal(stop(w, SIGKILL), SIGKILL);
	assert_int_equal(answer(w, fd), ERR_CLOSED);
	(void)close(fd);
	start(w);
	assert_string_equal(state_read(w->state, "ca.pem"), before);
	fd = dial(w);
	works(w, fd, 2);
	(void)close(fd);
}

static void ends_in_good_order(void **ctx)
{
	struct world *w = *ctx;
	int fd = dial(w);

	works(w, fd, 1);
	assert_int_equal(stop(w, SIGTERM), 0);
	(void)close(fd);
}

/* Who started it has gone before it is ready. */
static void starts_with_nobody_waiting(void **ctx)
{
	struct world *w = *ctx;
	int ready[2];
	char fd[16];
	int conn = -1;

	assert_int_equal(stop(w, SIGTERM), 0);
	assert_int_equal(pipe(ready), 0);
	(void)close(ready[0]);
	(void)snprintf(fd, sizeof(fd), "%d", ready[1]);
	w->pid = fork();
	if (w->pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		(void)dup2(null, STDERR_FILENO);
		(void)execl(w->program, w->program, "--state", w->state->dir,
			    "--socket", state_path(w->state, "door"),
			    "--ready-fd", fd, (char *)NULL);
		_exit(127);
	}
	(void)close(ready[1]);
	for (int i = 0; i < WAIT_MS / 10 && conn < 0; i++) {
		(void)poll(NULL, 0, 10);
		conn = door_connect(state_path(w->state, "door"));
	}
	assert_true(conn >= 0);
	works(w, conn, 1);
	(void)close(conn);
}

static int run(struct world *w, const char *a, const char *b, const char *c,
	       const char *d)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		(void)dup2(null, STDERR_FILENO);
		(void)execl(w->program, w->program, a, b, c, d, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void refuses_odd_arguments(void **ctx)
{
	struct world *w = *ctx;
	const char *dir = w->state->dir;

	assert_int_equal(run(w, NULL, NULL, NULL, NULL), 2);
	assert_int_equal(run(w, "--state", dir, NULL, NULL), 2);
	assert_int_equal(run(w, "--socket", "/x", NULL, NULL), 2);
	assert_int_equal(run(w, "--state", dir, "--listen-fd", "3x"), 2);
	assert_int_equal(run(w, "--state", dir, "--nonsense", NULL), 2);
	/* Not a listening socket. */
	assert_int_equal(run(w, "--state", dir, "--listen-fd", "2"), 1);
	/* One certgen per socket. */
	assert_int_equal(run(w, "--state", dir, "--socket",
			     state_path(w->state, "door")),
			 1);
}

static void takes_an_inherited_socket(void **ctx)
{
	struct world *w = *ctx;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	char number[16];
	pid_t pid;
	int fd;

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s",
		       state_path(w->state, "inherited"));
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	assert_int_equal(listen(listener, 8), 0);
	pid = fork();
	if (pid == 0) {
		(void)snprintf(number, sizeof(number), "%d", listener);
		(void)execl(w->program, w->program, "--state", w->state->dir,
			    "--listen-fd", number, (char *)NULL);
		_exit(127);
	}
	(void)close(listener);
	fd = door_connect(state_path(w->state, "inherited"));
	assert_true(fd >= 0);
	works(w, fd, 1);
	(void)close(fd);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_with_a_leaf),
		TEST(says_no_to_bad_names),
		TEST(hangs_up_on_what_is_no_question),
		TEST(hangs_up_on_descriptors),
		TEST(waits_for_slow_readers),
		TEST(bounds_its_connections),
		TEST(turns_strangers_away),
		TEST(keeps_its_ca_through_kills),
		TEST(ends_in_good_order),
		TEST(starts_with_nobody_waiting),
		TEST(refuses_odd_arguments),
		TEST(takes_an_inherited_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
