/* tests/unit/gateway/origin_test.c - the pools: connections made, kept, shared
 * and given up. The requests are made by hand.
 */

#include "asker.h"

#include <sys/resource.h>

#include "gateway/link.h"
#include "gateway/uplink.h"

static void test_second_address(void **state)
{
	struct asker a;
	int origin;

	(void)state;
	rig_addrs(2, 1);
	ask(&a);
	origin = rig_accept();
	answer(origin);
	until(&a, UP_OVER);
	assert_int_equal(rig.dialled[0], 1);
	assert_int_equal(rig.dialled[1], 1);
	assert_string_equal(a.up.address, "93.184.216.2:80");
	assert_int_equal(a.rsp.head->status, 200);
	asker_done(&a);
	(void)close(origin);
}

/* Several connections fail at the first address; the second is still tried. */
static void test_second_address_for_many(void **state)
{
	struct asker a[3];
	int origin[3];

	(void)state;
	rig_addrs(2, 1);
	for (int i = 0; i < 3; i++)
		ask(&a[i]);
	for (int i = 0; i < 3; i++) {
		origin[i] = rig_accept();
		answer(origin[i]);
	}
	for (int i = 0; i < 3; i++) {
		until(&a[i], UP_OVER);
		asker_done(&a[i]);
		(void)close(origin[i]);
	}
}

static void test_no_address_answers(void **state)
{
	struct asker a[2];

	(void)state;
	rig_addrs(3, 3);
	ask(&a[0]);
	ask(&a[1]);
	for (int i = 0; i < 2; i++) {
		until(&a[i], UP_FAILED);
		assert_int_equal(a[i].up.why, REFUSAL_CONNECT);
		assert_string_equal(a[i].up.address, "93.184.216.3:80");
		asker_done(&a[i]);
	}
	for (int i = 0; i < 3; i++)
		assert_true(rig.dialled[i] > 0);
}

/* A connection is used again, by the same sandbox only. */
static void test_reuse(void **state)
{
	struct asker a, b, c;
	int origin, other;

	(void)state;
	ask(&a);
	origin = rig_accept();
	answer(origin);
	until(&a, UP_OVER);
	assert_false(a.up.reused);
	asker_done(&a);
	ask(&b);
	answer(origin);
	until(&b, UP_OVER);
	assert_true(b.up.reused);
	assert_int_equal(rig.dialled[0], 1);
	asker_done(&b);
	ask_as(&c, 2);
	other = rig_accept();
	answer(other);
	until(&c, UP_OVER);
	assert_false(c.up.reused);
	asker_done(&c);
	(void)close(origin);
	(void)close(other);
}

/* Taken back: in the queue, while it is dialled, and when it was sent. */
static void test_cancel(void **state)
{
	struct asker a;
	int origin;

	(void)state;
	rig.resolve_later = true;
	ask(&a);
	rig_turns(2);
	assert_int_equal(a.up.state, UP_WAITING);
	asker_done(&a);
	assert_int_equal(a.up.state, UP_NONE);
	rig_resolved();
	rig_turns(2);
	assert_int_equal(rig.dialled[0], 0);
	ask(&a);
	origin = rig_accept();
	rig_expect(origin, "\r\n\r\n");
	assert_int_equal(a.up.state, UP_SENT);
	asker_done(&a);
	rig_expect_end(origin);
	assert_int_equal(rig.gate.links.count, 0);
	(void)close(origin);
}

static void test_dial_timeout(void **state)
{
	struct silence silence;
	struct asker a;

	(void)state;
	silence_begin(&silence, 0);
	ask(&a);
	rig_turns(5);
	assert_int_equal(a.up.state, UP_WAITING);
	rig_pass(11 * 1000);
	until(&a, UP_FAILED);
	assert_int_equal(a.up.why, REFUSAL_CONNECT_TIMEOUT);
	asker_done(&a);
	silence_end(&silence);
}

/* Dials overlap, and none succeeds: each request is told in the end, also while
 * others come.
 */
static void test_dials_overlap(void **state)
{
	struct silence silence;
	struct asker a[8];

	(void)state;
	silence_begin(&silence, 0);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		ask(&a[i]);
		rig_pass(7 * 1000);
	}
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(a[i].up.state, UP_FAILED);
	rig_pass(11 * 1000);
	rig_pass(11 * 1000);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		until(&a[i], UP_FAILED);
		asker_done(&a[i]);
	}
	silence_end(&silence);
}

/* It came while a dial that fails was under way: it gets one of its own. */
static void test_dial_of_another(void **state)
{
	const struct origin_key key = { .sandbox = 1,
					.port = 443,
					.tls = true };
	struct silence silence;
	struct asker a, b;

	(void)state;
	silence_begin(&silence, 0);
	ask_by(&a, key);
	rig_turns(3);
	ask_by(&b, key);
	rig_pass(11 * 1000);
	until(&a, UP_FAILED);
	assert_string_equal(a.up.address, "93.184.216.1:443");
	assert_int_equal(b.up.state, UP_WAITING);
	assert_int_equal(rig.dialled[0], 2);
	asker_done(&a);
	asker_done(&b);
	silence_end(&silence);
}

/* A dial fails while a connection stands: who waits is served by that, or by
 * the next dial; and the dead address is not hammered.
 */
static void test_dial_beside_living(void **state)
{
	uint16_t port = rig.port[0];
	struct asker a, b, c;
	int origin, other;

	(void)state;
	ask(&a);
	origin = rig_accept();
	rig_expect(origin, "\r\n\r\n");
	rig.port[0] = 0;
	ask(&b);
	ask(&c);
	rig_turns(20);
	assert_int_equal(b.up.state, UP_WAITING);
	assert_int_equal(c.up.state, UP_WAITING);
	assert_in_range(rig.dialled[0], 2, 4);
	rig_send(origin, OK_5);
	until(&a, UP_OVER);
	until(&b, UP_SENT);
	assert_int_equal(c.up.state, UP_WAITING);
	rig.port[0] = port;
	rig_pass(1000);
	other = rig_accept();
	answer(other);
	until(&c, UP_OVER);
	answer(origin);
	until(&b, UP_OVER);
	asker_done(&a);
	asker_done(&b);
	asker_done(&c);
	(void)close(origin);
	(void)close(other);
}

/* The connection that it waited for goes, and there is no other. */
static void test_living_dies(void **state)
{
	struct asker a, b;
	int origin;

	(void)state;
	ask(&a);
	origin = rig_accept();
	rig_expect(origin, "\r\n\r\n");
	rig.port[0] = 0;
	ask(&b);
	rig_turns(5);
	assert_int_equal(b.up.state, UP_WAITING);
	(void)close(origin);
	rig_pass(1000);
	until(&b, UP_FAILED);
	assert_int_equal(b.up.why, REFUSAL_CONNECT);
	asker_done(&a);
	asker_done(&b);
}

/* A tunnel's connection that nobody waits for any more is not kept. */
static void test_tunnel_not_kept(void **state)
{
	const struct origin_key key = { .sandbox = 1, .port = 22, .raw = true };
	struct asker a;
	int origin;

	(void)state;
	ask_by(&a, key);
	while (!rig.dialled[0])
		rig_turns(1);
	assert_int_equal(a.up.state, UP_WAITING);
	asker_done(&a);
	origin = rig_accept();
	rig_expect_end(origin);
	assert_int_equal(rig.gate.links.count, 0);
	(void)close(origin);
}

/* A tunnel serves nobody else. */
static void test_dial_beside_tunnel(void **state)
{
	const struct origin_key key = { .sandbox = 1, .port = 22, .raw = true };
	struct asker a, b;
	int origin;

	(void)state;
	ask_by(&a, key);
	origin = rig_accept();
	until(&a, UP_SENT);
	rig.port[0] = 0;
	ask_by(&b, key);
	until(&b, UP_FAILED);
	asker_done(&a);
	asker_done(&b);
	(void)close(origin);
}

/* Who asked has gone before its name was known: the answer is let go of. */
static void test_resolved_for_nobody(void **state)
{
	struct resolve_wait *wait;
	struct asker a;

	(void)state;
	rig.resolve_later = true;
	ask(&a);
	rig_turns(2);
	wait = rig.asking;
	asker_done(&a);
	rig_resolved();
	rig_turns(2);
	assert_null(wait->query);
}

/* The table of connections is full: told, and nothing is left behind. */
static void test_links_full(void **state)
{
	struct asker a;

	(void)state;
	rig.gate.links.max = 0;
	ask(&a);
	until(&a, UP_FAILED);
	assert_int_equal(rig.gate.links.count, 0);
	asker_done(&a);
}

/* Octets before the request was sent, and no HTTP: both are faults. */
static void test_nonsense(void **state)
{
	struct asker a;
	int origin;

	(void)state;
	ask(&a);
	origin = rig_accept();
	rig_expect(origin, "\r\n\r\n");
	rig_send(origin, "SSH-2.0-x\r\n\r\n");
	until(&a, UP_OVER);
	assert_true(a.up.news & HTTP_NEWS_FAULT);
	assert_null(a.rsp.head);
	asker_done(&a);
	(void)close(origin);
}

/* More connections than are kept. */
static void test_idle_links(void **state)
{
	static struct asker a[ORIGIN_IDLE_LINKS + 6];
	static int origin[ARRAY_SIZE(a)];

	(void)state;
	rig.gate.links.max = ARRAY_SIZE(a);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		ask(&a[i]);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		origin[i] = rig_accept();
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		answer(origin[i]);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		until(&a[i], UP_OVER);
		asker_done(&a[i]);
	}
	rig_turns(3);
	assert_int_equal(rig.gate.links.count, ORIGIN_IDLE_LINKS);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		(void)close(origin[i]);
}

/* A sandbox goes: its connections go with it. */
static void test_forget(void **state)
{
	struct asker a;
	int origin;

	(void)state;
	ask(&a);
	origin = rig_accept();
	answer(origin);
	until(&a, UP_OVER);
	asker_done(&a);
	assert_int_equal(rig.gate.links.count, 1);
	origins_forget(&rig.gate, 2);
	rig_turns(3);
	assert_int_equal(rig.gate.links.count, 1);
	origins_forget(&rig.gate, 1);
	rig_turns(3);
	assert_int_equal(rig.gate.links.count, 0);
	(void)close(origin);
}

/* One sandbox has been everywhere, and its connections are kept: there is a
 * place for another one.
 */
static void test_all_kept(void **state)
{
	static struct asker a[100]; /* the listener queues no more */
	static int origin[ORIGINS_MAX + 1];
	struct rlimit many;
	size_t last = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &many), 0);
	many.rlim_cur = many.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &many), 0);
	rig.gate.links.max = ARRAY_SIZE(origin);
	for (size_t i = 0; i < ARRAY_SIZE(origin); i = last) {
		last = MIN(i + ARRAY_SIZE(a), ARRAY_SIZE(origin));
		for (size_t k = i; k < last; k++)
			ask_by(&a[k - i],
			       (struct origin_key){
				       .sandbox = k < ORIGINS_MAX ? 1 : 2,
				       .port = (uint16_t)(k + 1) });
		for (size_t k = i; k < last; k++)
			origin[k] = rig_accept();
		for (size_t k = i; k < last; k++) {
			rig_expect(origin[k], "\r\n\r\n");
			(void)send(origin[k], OK_5, strlen(OK_5), MSG_NOSIGNAL);
		}
		for (size_t k = i; k < last; k++) {
			until(&a[k - i], UP_OVER);
			asker_done(&a[k - i]);
		}
	}
	assert_int_equal(rig.gate.links.count, ORIGINS_MAX);
	rig_expect_end(origin[0]);
	for (size_t i = 0; i < ARRAY_SIZE(origin); i++)
		(void)close(origin[i]);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_second_address),
		TEST(test_second_address_for_many),
		TEST(test_no_address_answers),
		TEST(test_reuse),
		TEST(test_cancel),
		TEST(test_dial_timeout),
		TEST(test_dials_overlap),
		TEST(test_dial_of_another),
		TEST(test_dial_beside_living),
		TEST(test_living_dies),
		TEST(test_dial_beside_tunnel),
		TEST(test_tunnel_not_kept),
		TEST(test_resolved_for_nobody),
		TEST(test_links_full),
		TEST(test_nonsense),
		TEST(test_idle_links),
		TEST(test_forget),
		TEST(test_all_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
