/* tests/unit/gateway/origin_test.c - the pools: addresses tried in turn,
 * connections kept, shared and given up. The requests are made by hand.
 */

#include "gate_rig.h"

#include "gateway/link.h"
#include "gateway/uplink.h"

#define OK_5 "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"

/* A request and who waits for it. */
struct asker {
	struct up_request up;
	struct http_flow req, rsp;
	struct arena arena;
	struct loop_post post;
};

static void asker_init(struct asker *a)
{
	struct http_head *head;

	*a = (struct asker){ 0 };
	arena_init(&a->arena, EXCHANGE_ARENA_MAX);
	buf_init(&a->req.body, http_limits_server.body_bytes);
	buf_init(&a->rsp.body, http_limits_client.body_bytes);
	head = http_head_new(&a->arena);
	assert_non_null(head);
	head->method = SLICE("GET");
	head->scheme = SLICE("http");
	head->authority = SLICE("good.example");
	head->path = SLICE("/");
	a->req.head = head;
	a->req.end = true;
	a->up.stream = (struct http_stream){
		.in = &a->rsp, .out = &a->req, .arena = &a->arena, .owner = a
	};
	a->up.post = &a->post;
	/* Nobody has this index: the post finds no exchange. */
	a->up.ref = (struct loop_ref){ .kind = GATE_EXCHANGE, .index = 60 };
}

static void asker_done(struct asker *a)
{
	up_cancel(&rig.gate, &a->up, HTTP_FAULT_CANCEL);
	loop_unpost(rig.gate.loop, &a->post);
	buf_done(&a->req.body);
	buf_done(&a->rsp.body);
	arena_done(&a->arena);
}

static int ask_as(struct asker *a, uint32_t sandbox)
{
	struct origin_key key = { .sandbox = sandbox, .port = 80 };

	asker_init(a);
	assert_int_equal(host_parse(SLICE("good.example"), &key.host), 0);
	return up_begin(&rig.gate, &key, &a->up);
}

static void ask(struct asker *a)
{
	assert_int_equal(ask_as(a, 1), 0);
}

static void until(const struct asker *a, enum up_state state)
{
	for (int i = 0; i < 500 && a->up.state != state; i++)
		rig_turns(1);
	assert_int_equal(a->up.state, state);
}

static void answer(int origin)
{
	rig_expect(origin, "\r\n\r\n");
	rig_send(origin, OK_5);
}

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
	assert_int_equal(ask_as(&c, 2), 0);
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
	struct asker a;
	uint16_t port;
	int full = rig_listen(&port);
	int queue[2];

	(void)state;
	/* A listener whose queue is full does not answer. */
	assert_int_equal(listen(full, 0), 0);
	rig.port[0] = port;
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in to = rig.answer.addrs[0].v4;

		to.sin_port = htons(port);
		queue[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(queue[i], (struct sockaddr *)&to, sizeof(to));
	}
	ask(&a);
	rig_turns(5);
	assert_int_equal(a.up.state, UP_WAITING);
	rig_pass(11 * 1000);
	until(&a, UP_FAILED);
	assert_int_equal(a.up.why, REFUSAL_CONNECT_TIMEOUT);
	asker_done(&a);
	for (int i = 0; i < 2; i++)
		(void)close(queue[i]);
	(void)close(full);
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
		TEST(test_links_full),
		TEST(test_nonsense),
		TEST(test_idle_links),
		TEST(test_forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
