/* tests/unit/gateway/leaf_test.c - leaves, with a certgen played by the test:
 * one that answers, refuses, talks nonsense, dies and is replaced.
 */

#include "gate_rig.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/frame.h"
#include "certgen/certgen.h"
#include "gateway/tls.h"

static struct {
	struct loop *loop;
	struct gate gate;
	struct stats stats;
	struct leaves *leaves;
	char dir[32];
	char path[64];
	int listener, door;
	struct frame_in in;
	struct frame_out out;
	uint8_t cert[2048], key[512];
	size_t cert_len, key_len;
	unsigned int posts[4]; /* of each waiter */
} c;

static struct loop_post posts[4];
static struct leaf_wait waits[4];

static void on_event(void *ctx, struct loop_ref ref, unsigned int events)
{
	(void)ctx;
	(void)events;
	assert_int_equal(ref.kind, GATE_CERTGEN);
	leaves_on_event(c.leaves);
}

static void on_timer(void *ctx, struct loop_ref ref, uint8_t name)
{
	(void)ctx;
	(void)ref;
	assert_int_equal(name, TIMER_LEAF);
	leaves_on_timer(c.leaves);
}

static void on_post(void *ctx, struct loop_ref ref)
{
	(void)ctx;
	c.posts[ref.index]++;
}

static void make_cert(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	uint8_t *p = c.cert;

	assert_int_equal(X509_set_pubkey(x, key), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	c.cert_len = (size_t)i2d_X509(x, &p);
	p = c.key;
	c.key_len = (size_t)i2d_PrivateKey(key, &p);
	X509_free(x);
	EVP_PKEY_free(key);
}

static int setup(void **state)
{
	static const struct loop_handlers handlers = { .event = on_event,
						       .timer = on_timer,
						       .post = on_post };
	static const uint32_t durations[GATE_TIMERS] = TIMER_DURATIONS;

	(void)state;
	memset(&rig, 0, sizeof(rig));
	memset(&c, 0, sizeof(c));
	memset(posts, 0, sizeof(posts));
	memset(waits, 0, sizeof(waits));
	(void)snprintf(c.dir, sizeof(c.dir), "/tmp/penstock-leaf-XXXXXX");
	assert_non_null(mkdtemp(c.dir));
	(void)snprintf(c.path, sizeof(c.path), "%s/c.sock", c.dir);
	c.listener = door_listen(c.path);
	assert_true(c.listener >= 0);
	c.door = -1;
	make_cert();
	assert_int_equal(
		loop_new(&handlers, NULL, durations, GATE_TIMERS, &c.loop), 0);
	rig.gate.loop = c.gate.loop = c.loop;
	c.gate.stats = &c.stats;
	for (uint32_t i = 0; i < 4; i++)
		waits[i] = (struct leaf_wait){ .post = &posts[i],
					       .ref = { .index = i } };
	return leaves_new(&c.gate, c.path, &c.leaves);
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		leaf_forget(&waits[i]);
	leaves_free(&c.leaves);
	assert_null(c.leaves);
	loop_free(&c.loop);
	if (c.door >= 0)
		(void)close(c.door);
	(void)close(c.listener);
	(void)unlink(c.path);
	(void)rmdir(c.dir);
	return 0;
}

static int ask(int i, const char *name)
{
	struct tls_cert *cert = NULL;
	int rc = leaf_ask(c.leaves, slice_str(name), &waits[i], &cert);

	assert_int_equal(rc == 1, cert != NULL);
	return rc;
}

static void hang_up(void)
{
	(void)close(c.door);
	c.door = -1;
}

static void serve(void)
{
	pid_t pid;

	if (c.door < 0)
		c.door = door_accept(c.listener, &pid);
	assert_true(c.door >= 0);
}

/* The next question; its number. */
static uint32_t question(const char *name)
{
	struct slice s;
	uint32_t number;

	serve();
	assert_int_equal(frame_recv(c.door, &c.in), 1);
	assert_int_equal(c.in.type, CERTGEN_LEAF);
	number = bytes_u32(&c.in.body);
	s = bytes_str(&c.in.body);
	assert_false(c.in.body.bad);
	assert_int_equal(s.len, strlen(name));
	assert_memory_equal(s.ptr, name, s.len);
	return number;
}

static void give(uint32_t number, uint64_t good_s)
{
	frame_begin(&c.out, CERTGEN_CERT);
	frame_put_u32(&c.out, number);
	frame_put_str(&c.out, slice_of(c.cert, c.cert_len));
	frame_put_str(&c.out, slice_of(c.key, c.key_len));
	frame_put_u64(&c.out, loop_wall_us(c.loop) / 1000000 + good_s);
	assert_int_equal(frame_send(c.door, &c.out, NULL, 0), 1);
	rig_turns(2);
}

static void test_one_question(void **state)
{
	uint32_t number;

	(void)state;
	assert_int_equal(ask(0, "a.example"), 0);
	assert_int_equal(ask(1, "a.example"), 0);
	number = question("a.example");
	assert_int_equal(frame_recv(c.door, &c.in), 0); /* one for both */
	give(number, 86400);
	assert_int_equal(c.posts[0], 1);
	assert_int_equal(c.posts[1], 1);
	assert_int_equal(ask(0, "a.example"), 1);
	assert_int_equal(ask(1, "a.example"), 1);
	assert_int_equal(c.stats.row.leaves_minted, 1);
	/* Kept until it is soon too old. */
	rig_pass((86400 - LEAF_RENEW_S - 10) * 1000ull);
	assert_int_equal(ask(0, "a.example"), 1);
	rig_pass(20 * 1000);
	assert_int_equal(ask(0, "a.example"), 0);
	(void)question("a.example");
}

static void test_answers_out_of_order(void **state)
{
	uint32_t a, b;

	(void)state;
	assert_int_equal(ask(0, "a.example"), 0);
	assert_int_equal(ask(1, "b.example"), 0);
	a = question("a.example");
	b = question("b.example");
	give(b, 86400);
	assert_int_equal(c.posts[0], 0);
	assert_int_equal(c.posts[1], 1);
	give(a, 86400);
	assert_int_equal(c.posts[0], 1);
	give(a, 86400); /* twice does no harm */
	assert_int_equal(ask(0, "a.example"), 1);
}

static void test_denied(void **state)
{
	uint32_t number;

	(void)state;
	assert_int_equal(ask(0, "a.example"), 0);
	assert_int_equal(ask(1, "a.example"), 0);
	number = question("a.example");
	frame_begin(&c.out, CERTGEN_NO);
	frame_put_u32(&c.out, number);
	frame_put_str(&c.out, SLICE("no such thing"));
	assert_int_equal(frame_send(c.door, &c.out, NULL, 0), 1);
	rig_turns(2);
	assert_int_equal(c.posts[0] + c.posts[1], 2);
	assert_int_equal(ask(0, "a.example"), ERR_DENIED);
	assert_int_equal(ask(1, "a.example"), ERR_DENIED);
	/* Not for ever. */
	rig_pass(2000);
	assert_int_equal(ask(0, "a.example"), 0);
}

/* A leaf of a clock that was a year ahead and is right again. */
static void test_clock_set_back(void **state)
{
	const uint64_t year_s = UINT64_C(365) * 86400;

	(void)state;
	assert_int_equal(ask(0, "a.example"), 0);
	give(question("a.example"), CERTGEN_LEAF_S);
	assert_int_equal(ask(0, "a.example"), 1);
	assert_int_equal(ask(0, "b.example"), 0);
	give(question("b.example"), year_s + CERTGEN_LEAF_S);
	assert_int_equal(ask(0, "b.example"), 0); /* asked again */
	give(question("b.example"), CERTGEN_LEAF_S);
	assert_int_equal(ask(0, "b.example"), 1);
}

/* Certgen dies with the question; its successor is asked. */
static void test_replaced(void **state)
{
	uint32_t number;

	(void)state;
	assert_int_equal(ask(0, "a.example"), 0);
	(void)question("a.example");
	hang_up();
	rig_turns(2);
	assert_int_equal(c.posts[0], 0);
	rig_pass(3000);
	number = question("a.example");
	give(number, 86400);
	assert_int_equal(ask(0, "a.example"), 1);
}

static void test_silent(void **state)
{
	(void)state;
	assert_int_equal(ask(0, "a.example"), 0);
	for (int i = 0; i < CERTGEN_RETRIES; i++) {
		assert_int_equal(c.posts[0], 0);
		rig_pass(3000);
	}
	assert_int_equal(c.posts[0], 1);
	assert_int_equal(ask(0, "a.example"), -ETIMEDOUT);
}

/* Nobody at the door when it is asked, then somebody. */
static void test_absent(void **state)
{
	uint32_t number;

	(void)state;
	(void)close(c.listener);
	(void)unlink(c.path);
	assert_int_equal(ask(0, "a.example"), 0);
	c.listener = door_listen(c.path);
	rig_pass(3000);
	number = question("a.example");
	give(number, 86400);
	assert_int_equal(ask(0, "a.example"), 1);
}

/* A leaf that can't be read ends the door; it is asked again. */
static void test_nonsense(void **state)
{
	uint32_t number;

	(void)state;
	assert_int_equal(ask(0, "a.example"), 0);
	number = question("a.example");
	c.cert[10] ^= 0xff;
	give(number, 86400);
	assert_int_equal(c.posts[0], 0);
	assert_int_equal(frame_recv(c.door, &c.in), ERR_CLOSED);
	hang_up();
	c.cert[10] ^= 0xff;
	rig_pass(3000);
	number = question("a.example");
	give(number, 86400);
	assert_int_equal(ask(0, "a.example"), 1);
}

/* Who goes away is not woken; the leaf is kept for the next. */
static void test_forget(void **state)
{
	uint32_t number;

	(void)state;
	assert_int_equal(ask(0, "a.example"), 0);
	assert_int_equal(ask(1, "a.example"), 0);
	assert_int_equal(ask(2, "a.example"), 0);
	leaf_forget(&waits[1]);
	leaf_forget(&waits[1]);
	number = question("a.example");
	give(number, 86400);
	assert_int_equal(c.posts[0], 1);
	assert_int_equal(c.posts[1], 0);
	assert_int_equal(c.posts[2], 1);
	assert_int_equal(ask(3, "a.example"), 1);
}

/* A certificate that is too old when it comes is not asked for in a circle. */
static void test_old_on_arrival(void **state)
{
	uint32_t number;

	(void)state;
	assert_int_equal(ask(0, "a.example"), 0);
	number = question("a.example");
	give(number, 60);
	assert_int_equal(c.posts[0], 1);
	assert_int_equal(ask(0, "a.example"), 1);
}

/* The oldest goes first; those that are waited for stay. */
static void test_evict(void **state)
{
	char name[32];

	(void)state;
	assert_int_equal(ask(0, "first.example"), 0);
	for (int i = 0; i < LEAVES_MAX + 10; i++) {
		(void)snprintf(name, sizeof(name), "n%d.example", i);
		assert_int_equal(ask(1, name), 0);
		leaf_forget(&waits[1]);
	}
	give(question("first.example"), 86400);
	assert_int_equal(c.posts[0], 1);
	assert_int_equal(ask(0, "first.example"), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_question),   TEST(test_answers_out_of_order),
		TEST(test_denied),	   TEST(test_replaced),
		TEST(test_silent),	   TEST(test_absent),
		TEST(test_nonsense),	   TEST(test_forget),
		TEST(test_old_on_arrival), TEST(test_evict),
		TEST(test_clock_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
