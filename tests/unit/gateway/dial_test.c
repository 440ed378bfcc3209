/* tests/unit/gateway/dial_test.c - which address is dialled, and which beside
 * it. The clock goes in whole seconds, so each of them begins one address.
 */

#include "asker.h"

#include "gateway/uplink.h"

/* Nobody at the first one: the second is dialled beside it and wins. */
static void test_silent_first(void **state)
{
	struct silence silence;
	struct asker a;
	int origin;

	(void)state;
	rig_addrs(2, 0);
	silence_begin(&silence, 0);
	ask(&a);
	rig_turns(5);
	assert_int_equal(rig.dialled[0], 1);
	assert_int_equal(rig.dialled[1], 0);
	rig_pass(1000);
	origin = rig_accept();
	assert_int_equal(rig.gate.links.count, 1);
	answer(origin);
	until(&a, UP_OVER);
	assert_string_equal(a.up.address, "93.184.216.2:80");
	assert_int_equal(rig.dialled[0], 1);
	assert_int_equal(rig.dialled[1], 1);
	asker_done(&a);
	(void)close(origin);
	silence_end(&silence);
}

/* It has heard from the address and is in the handshake: one more wait, and no
 * third.
 */
static void test_handshake(void **state)
{
	struct silence silence[2];
	struct uplink *u;
	struct asker a;

	(void)state;
	rig_addrs(2, 0);
	silence_begin(&silence[0], 0);
	silence_begin(&silence[1], 1);
	ask(&a);
	rig_turns(3);
	u = table_at(&rig.gate.links, 0);
	assert_int_equal(u->state, UPLINK_DIAL);
	u->state = UPLINK_SHAKE;
	rig_pass(1000);
	assert_int_equal(rig.dialled[1], 0);
	rig_pass(1000);
	assert_int_equal(rig.dialled[1], 1);
	u->state = UPLINK_DIAL;
	asker_done(&a);
	rig_pass(11 * 1000);
	silence_end(&silence[0]);
	silence_end(&silence[1]);
}

/* One that refuses is no reason to wait. */
static void test_refused_beside(void **state)
{
	struct silence silence;
	struct asker a;
	int origin;

	(void)state;
	rig_addrs(3, 0);
	silence_begin(&silence, 0);
	rig.port[1] = 0;
	ask(&a);
	rig_pass(1000);
	origin = rig_accept();
	answer(origin);
	until(&a, UP_OVER);
	assert_string_equal(a.up.address, "93.184.216.3:80");
	asker_done(&a);
	(void)close(origin);
	silence_end(&silence);
}

/* Told once, of all of them, soon after the first ran out of time. */
static void test_all_silent(void **state)
{
	struct silence silence[3];
	struct asker a;

	(void)state;
	rig_addrs(4, 0);
	for (size_t i = 0; i < 3; i++)
		silence_begin(&silence[i], i);
	rig.port[3] = 0;
	ask(&a);
	rig_turns(3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(a.up.state, UP_WAITING);
		rig_pass(1000);
	}
	assert_int_equal(rig.gate.links.count, 3);
	rig_pass(10 * 1000);
	until(&a, UP_FAILED);
	assert_int_equal(a.up.why, REFUSAL_CONNECT_TIMEOUT);
	assert_string_equal(a.up.address, "93.184.216.3:80");
	assert_string_equal(a.up.detail,
			    "connect to 93.184.216.3:80: no answer in time; "
			    "connect to 93.184.216.2:80: no answer in time; "
			    "connect to 93.184.216.1:80: no answer in time; "
			    "connect to 93.184.216.4:80: Connection refused");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(rig.dialled[i], 1);
	assert_int_equal(rig.gate.links.count, 0);
	asker_done(&a);
	for (size_t i = 0; i < 3; i++)
		silence_end(&silence[i]);
}

/* However many wait, the others cost one connection each; they are dialled
 * where somebody is.
 */
static void test_many_wait(void **state)
{
	struct silence silence;
	struct asker a[6];
	int origin[6];

	(void)state;
	rig_addrs(2, 0);
	silence_begin(&silence, 0);
	for (int i = 0; i < 6; i++)
		ask(&a[i]);
	rig_turns(5);
	assert_int_equal(rig.dialled[0], 6);
	rig_pass(1000);
	for (int i = 0; i < 6; i++)
		origin[i] = rig_accept();
	assert_int_equal(rig.dialled[0], 6);
	assert_int_equal(rig.dialled[1], 6);
	rig_turns(5);
	assert_int_equal(rig.gate.links.count, 6);
	for (int i = 0; i < 6; i++)
		answer(origin[i]);
	for (int i = 0; i < 6; i++) {
		until(&a[i], UP_OVER);
		asker_done(&a[i]);
		(void)close(origin[i]);
	}
	silence_end(&silence);
}

/* Places are scarce: one after the other, as fast as they fail. */
static void test_crowded(void **state)
{
	struct silence silence[2];
	struct asker a;

	(void)state;
	rig_addrs(2, 0);
	rig.gate.links.max = 2;
	silence_begin(&silence[0], 0);
	silence_begin(&silence[1], 1);
	ask(&a);
	rig_turns(3);
	rig_pass(9 * 1000);
	assert_int_equal(rig.dialled[1], 0);
	rig_pass(1000);
	assert_int_equal(rig.dialled[1], 1);
	assert_int_equal(a.up.state, UP_WAITING);
	rig_pass(10 * 1000);
	until(&a, UP_FAILED);
	asker_done(&a);
	silence_end(&silence[0]);
	silence_end(&silence[1]);
}

/* While one connection is made beside another, a request that comes gets its
 * own.
 */
static void test_comes_meanwhile(void **state)
{
	struct silence silence[2];
	struct asker a, b;

	(void)state;
	rig_addrs(2, 0);
	silence_begin(&silence[0], 0);
	silence_begin(&silence[1], 1);
	ask(&a);
	rig_turns(3);
	rig_pass(1000);
	assert_int_equal(rig.gate.links.count, 2);
	ask(&b);
	rig_turns(3);
	assert_int_equal(rig.dialled[0], 1);
	assert_int_equal(rig.dialled[1], 2);
	asker_done(&a);
	asker_done(&b);
	rig_pass(11 * 1000);
	assert_int_equal(rig.gate.links.count, 0);
	silence_end(&silence[0]);
	silence_end(&silence[1]);
}

static void ask_and_close(const char *address)
{
	struct asker a;
	int origin;

	ask(&a);
	rig_pass(1000);
	origin = rig_accept();
	answer(origin);
	until(&a, UP_OVER);
	assert_string_equal(a.up.address, address);
	asker_done(&a);
	(void)close(origin);
	rig_turns(5);
	assert_int_equal(rig.gate.links.count, 0);
}

/* Of two addresses the first is silent, and the second one stands. Returns the
 * port of that.
 */
static uint16_t second_stands(struct silence *silence)
{
	uint16_t good;

	rig_addrs(2, 0);
	good = rig.port[1];
	silence_begin(silence, 0);
	ask_and_close("93.184.216.2:80");
	return good;
}

/* What stood is dialled first, until it fails, and not for ever. */
static void test_remembered(void **state)
{
	struct silence silence;
	uint16_t good = second_stands(&silence);

	(void)state;
	ask_and_close("93.184.216.2:80");
	assert_int_equal(rig.dialled[0], 1);
	rig_pass(11 * 60 * 1000);
	ask_and_close("93.184.216.2:80");
	assert_int_equal(rig.dialled[0], 2);
	silence_end(&silence);
	rig.port[0] = good;
	rig.port[1] = 0;
	ask_and_close("93.184.216.1:80");
	assert_int_equal(rig.dialled[0], 3);
}

/* It is not among the good ones any more. */
static void test_remembered_is_gone(void **state)
{
	struct silence silence;
	uint16_t good = second_stands(&silence);

	(void)state;
	silence_end(&silence);
	rig.port[0] = good;
	rig_addrs(1, 0);
	ask_and_close("93.184.216.1:80");
	assert_int_equal(rig.dialled[1], 1);
}

/* Connections are made without a pause: where the name leads to now is asked
 * all the same.
 */
static void test_name_moves(void **state)
{
	const struct origin_key key = { .sandbox = 1, .port = 22, .raw = true };
	struct asker a[15];

	(void)state;
	rig_addrs(2, 0);
	rig.answer.addrs_len = 1;
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		ask_by(&a[i], key);
		rig_turns(1);
		rig.answer.addrs[0].v4.sin_addr.s_addr =
			rig.answer.addrs[1].v4.sin_addr.s_addr;
		rig.ahead_ms += 1000;
	}
	assert_in_range(rig.dialled[0], 1, 11);
	assert_in_range(rig.dialled[1], 4, 14);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		until(&a[i], UP_SENT);
		asker_done(&a[i]);
	}
}

/* For nobody no address is begun; who comes later need not wait for the first
 * one to run out of time.
 */
static void test_taken_back(void **state)
{
	struct silence silence;
	struct asker a, b;
	int origin;

	(void)state;
	rig_addrs(2, 0);
	silence_begin(&silence, 0);
	ask(&a);
	rig_turns(3);
	asker_done(&a);
	rig_pass(3000);
	assert_int_equal(rig.dialled[1], 0);
	ask(&b);
	rig_pass(1000);
	origin = rig_accept();
	answer(origin);
	until(&b, UP_OVER);
	assert_int_equal(rig.dialled[0], 1);
	asker_done(&b);
	(void)close(origin);
	silence_end(&silence);
}

/* Who came before the last address was begun has seen them all fail; who came
 * later gets another round.
 */
static void test_who_is_told(void **state)
{
	const struct origin_key key = { .sandbox = 1,
					.port = 443,
					.tls = true };
	struct silence silence[2];
	struct asker a, b, c;

	(void)state;
	rig_addrs(2, 0);
	silence_begin(&silence[0], 0);
	silence_begin(&silence[1], 1);
	ask_by(&a, key);
	rig_turns(3);
	ask_by(&b, key);
	rig_pass(1000);
	assert_int_equal(rig.dialled[1], 1);
	ask_by(&c, key);
	rig_pass(9 * 1000);
	assert_int_equal(a.up.state, UP_WAITING);
	rig_pass(1000);
	until(&a, UP_FAILED);
	until(&b, UP_FAILED);
	assert_int_equal(c.up.state, UP_WAITING);
	assert_int_equal(rig.dialled[0], 2);
	asker_done(&a);
	asker_done(&b);
	asker_done(&c);
	silence_end(&silence[0]);
	silence_end(&silence[1]);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_silent_first),       TEST(test_handshake),
		TEST(test_refused_beside),     TEST(test_all_silent),
		TEST(test_many_wait),	       TEST(test_crowded),
		TEST(test_comes_meanwhile),    TEST(test_remembered),
		TEST(test_remembered_is_gone), TEST(test_taken_back),
		TEST(test_who_is_told),	       TEST(test_name_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
