/* tests/unit/gateway/permit_test.c - may an exchange go on: what the operator
 * is asked, what a rule's options bound, and what a change of policy ends.
 */

#include "gate_rig.h"

#define GET    "GET / HTTP/1.1\r\nhost: good.example\r\n\r\n"
#define HEAD_5 "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
#define OK_5   HEAD_5 "hello"

/* The sandbox's rules are these from now on. */
static void rules(const char *const *lines)
{
	struct policy *p = rig_policy(lines);

	sandbox_set_policy(rig.sb, &p, 2);
	conn_recheck(&rig.gate, rig.sb);
	rig_turns(2);
}

static void rule(const char *line)
{
	const char *lines[] = { line, NULL };

	rules(lines);
}

/* What the worker tells its parent; the exchange's place is kept. */
struct asked {
	uint32_t index, gen;
	char line[256], query[64], rule[256];
};

static void parent_hears(uint16_t type, struct asked *ret)
{
	struct bytes *b = &rig.in.body;

	for (int i = 0; frame_recv(rig.parent, &rig.in) != 1; i++) {
		assert_true(i < 200);
		rig_turns(1);
	}
	assert_int_equal(rig.in.type, type);
	ret->index = bytes_u32(b);
	ret->gen = bytes_u32(b);
	if (type == WORKER_UNASK)
		return;
	assert_int_equal(bytes_u32(b), rig.sb->id);
	rig_copy(ret->line, sizeof(ret->line), bytes_str(b));
	rig_copy(ret->query, sizeof(ret->query), bytes_str(b));
	rig_copy(ret->rule, sizeof(ret->rule), bytes_str(b));
	assert_false(b->bad);
}

static void parent_is_silent(void)
{
	rig_turns(5);
	assert_int_equal(frame_recv(rig.parent, &rig.in), 0);
}

static void operator_says(const struct asked *a, enum verdict verdict,
			  uint64_t until_s)
{
	struct exchange_answer answer = { .verdict = verdict,
					  .until_s = until_s,
					  .phrase = SLICE("As said.") };

	exchange_on_answer(&rig.gate, a->index, a->gen, &answer);
	rig_turns(2);
}

static int answered(const char *reply, int client)
{
	int origin = rig_accept();

	rig_expect(origin, "\r\n\r\n");
	rig_send(origin, reply);
	rig_expect(client, "\r\n\r\n");
	return origin;
}

static void test_ask_allow(void **state)
{
	int client = rig_client();
	struct asked a;
	int origin;

	(void)state;
	rule("?any http://good.example/**");
	rig_send(client, "GET /x?a=1 HTTP/1.1\r\nhost: good.example\r\n\r\n");
	parent_hears(WORKER_ASK, &a);
	assert_string_equal(a.line, "GET http://good.example/x");
	assert_string_equal(a.query, "a=1");
	assert_string_equal(a.rule, "any http://good.example/**");
	assert_int_equal(rig.rows[0].verdict, AUDIT_ASK);
	assert_int_equal(rig.questions, 0);
	operator_says(&a, VERDICT_ALLOW, 0);
	assert_int_equal(rig.rows[0].verdict, AUDIT_ALLOW);
	origin = answered(OK_5, client);
	rig_row(0, AUDIT_DONE, 200, "rule");
	assert_string_equal(rig.rows[0].detail, "As said.");
	parent_is_silent();
	/* The next one is asked again. */
	rig_send(client, GET);
	parent_hears(WORKER_ASK, &a);
	conn_end_all(&rig.gate, NULL);
	parent_hears(WORKER_UNASK, &a);
	(void)close(client);
	(void)close(origin);
	rig_row(1, AUDIT_CUT, 0, "client-gone");
}

static void test_ask_deny(void **state)
{
	int client = rig_client();
	struct asked a;

	(void)state;
	rule("?any http://good.example/**");
	rig_send(client, GET);
	parent_hears(WORKER_ASK, &a);
	operator_says(&a, VERDICT_DENY, 0);
	rig_expect(client, "As said.");
	assert_memory_equal(rig.seen, "HTTP/1.1 403", 12);
	rig_row(0, AUDIT_REFUSED, 403, "operator");
	assert_int_equal(rig.rows[0].verdict, AUDIT_DENY);
	/* Too late, and for nobody. */
	operator_says(&a, VERDICT_ALLOW, 0);
	assert_int_equal(rig.questions, 0);
	(void)close(client);
}

/* Nobody answers: the parent says so, or not even that. */
static void test_ask_silence(void **state)
{
	int client = rig_client();
	struct asked a;

	(void)state;
	rule("?any http://good.example/**");
	rig_send(client, GET);
	parent_hears(WORKER_ASK, &a);
	operator_says(&a, VERDICT_ASK, 0);
	rig_expect(client, "HTTP/1.1 403");
	rig_row(0, AUDIT_REFUSED, 403, "unanswered");
	assert_int_equal(rig.rows[0].verdict, AUDIT_ASK);
	rig_send(client, GET);
	parent_hears(WORKER_ASK, &a);
	rig_pass(3701 * 1000);
	rig_expect(client, "HTTP/1.1 403");
	rig_row(1, AUDIT_REFUSED, 403, "unanswered");
	assert_int_equal(rig.questions, 0);
	(void)close(client);
}

/* The parent does not read: refused, not waited for. */
static void test_ask_busy(void **state)
{
	int client = rig_client();

	(void)state;
	rule("?any http://good.example/**");
	frame_begin(&rig.out, WORKER_ACK);
	while (frame_send(rig.gate.parent, &rig.out, NULL, 0) == 1)
		continue;
	rig_send(client, GET);
	rig_expect(client, "HTTP/1.1 403");
	rig_row(0, AUDIT_REFUSED, 403, "unanswered");
	(void)close(client);
}

/* A URL that can't be shown whole is not asked about. */
static void test_ask_long(void **state)
{
	int client = rig_client();
	char text[ASK_LINE_MAX + 128];
	char path[ASK_LINE_MAX + 1];

	(void)state;
	rule("?any http://good.example/**");
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	(void)snprintf(text, sizeof(text),
		       "GET /%s HTTP/1.1\r\nhost: good.example\r\n\r\n", path);
	rig_send(client, text);
	rig_expect(client, "too long to be shown");
	rig_row(0, AUDIT_REFUSED, 403, "unanswered");
	parent_is_silent();
	(void)close(client);
}

/* While it waits the policy changes: it goes on, or ends. */
static void test_ask_recheck(void **state)
{
	int client = rig_client();
	struct asked a;
	int origin;

	(void)state;
	rule("?any http://good.example/**");
	rig_send(client, GET);
	parent_hears(WORKER_ASK, &a);
	rule("?any http://good.example"); /* as before */
	parent_is_silent();
	rule("any http://good.example/**");
	parent_hears(WORKER_UNASK, &a);
	assert_int_equal(rig.rows[0].verdict, AUDIT_ALLOW);
	origin = answered(OK_5, client);
	rig_row(0, AUDIT_DONE, 200, "rule");
	rule("?any http://good.example/**");
	rig_send(client, GET);
	parent_hears(WORKER_ASK, &a);
	rule("!any http://good.example/**");
	parent_hears(WORKER_UNASK, &a);
	rig_expect(client, "HTTP/1.1 403");
	rig_row(1, AUDIT_REFUSED, 403, "policy-changed");
	(void)close(client);
	(void)close(origin);
}

/* An answer that holds for a time ends with it, also in the middle. */
static void test_ask_until(void **state)
{
	uint64_t now_s = gate_now_s(&rig.gate);
	int client = rig_client();
	struct asked a;
	int origin;

	(void)state;
	rule("?any http://good.example/**");
	rig_send(client, GET);
	parent_hears(WORKER_ASK, &a);
	operator_says(&a, VERDICT_ALLOW, now_s + 100);
	assert_int_equal(rig.sb->expires_s, now_s + 100);
	origin = answered(HEAD_5, client);
	/* Another look, for whatever reason, does not forget it. */
	rig.sb->expires_s = 0;
	conn_recheck(&rig.gate, rig.sb);
	rig_turns(2);
	assert_false(rig.rows[0].ended);
	assert_int_equal(rig.sb->expires_s, now_s + 100);
	rig.ahead_ms += 101 * 1000;
	rig_turns(2);
	conn_recheck(&rig.gate, rig.sb);
	rig_expect_end(client);
	rig_row(0, AUDIT_CUT, 200, "policy-changed");
	(void)close(client);
	(void)close(origin);
}

/* Under way when the policy changes: what stays allowed is not touched. */
static void test_recheck_relay(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rig_send(client, GET);
	origin = answered(HEAD_5, client);
	rule("GET http://good.example");
	rig_send(origin, "he");
	rig_expect(client, "he");
	rule("any http://other.example");
	rig_expect_end(client);
	rig_row(0, AUDIT_CUT, 200, "policy-changed");
	rig_expect_end(origin);
	(void)close(client);
	(void)close(origin);
}

static void test_recheck_dial(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rig_send(client, GET);
	origin = rig_accept();
	rig_expect(origin, "\r\n\r\n");
	rule("any http://other.example");
	rig_expect(client, "The policy changed");
	assert_memory_equal(rig.seen, "HTTP/1.1 403", 12);
	rig_row(0, AUDIT_REFUSED, 403, "policy-changed");
	rig_expect_end(origin);
	(void)close(client);
	(void)close(origin);
}

/* A rule ends by the clock. */
static void test_recheck_until(void **state)
{
	uint64_t now_s = gate_now_s(&rig.gate);
	int client = rig_client();
	char line[96];
	time_t end = (time_t)now_s + 50;
	int origin;

	(void)state;
	(void)strftime(line, sizeof(line),
		       "any http://good.example until=%Y-%m-%dT%H:%M:%SZ",
		       gmtime(&end));
	rule(line);
	assert_int_equal(policy_next_expiry(rig.sb->policy, now_s), now_s + 50);
	rig_send(client, GET);
	origin = answered(HEAD_5, client);
	rig.ahead_ms += 51 * 1000;
	rig_turns(2);
	conn_recheck(&rig.gate, rig.sb);
	rig_row(0, AUDIT_CUT, 200, "policy-changed");
	(void)close(client);
	client = rig_client();
	rig_send(client, GET);
	rig_expect(client, "HTTP/1.1 403");
	rig_row(1, AUDIT_REFUSED, 403, "no-rule");
	(void)close(client);
	(void)close(origin);
}

/* What a private rule began needs a private one to go on. */
static void test_recheck_private(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rule("any http://good.example private");
	rig_send(client, GET);
	origin = answered(HEAD_5, client);
	rule("GET http://good.example private");
	assert_false(rig.rows[0].ended);
	rule("any http://good.example");
	rig_row(0, AUDIT_CUT, 200, "policy-changed");
	(void)close(client);
	(void)close(origin);
}

static void test_max_body(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rule("any http://good.example max-body=10");
	rig_send(client, "POST / HTTP/1.1\r\nhost: good.example\r\n"
			 "content-length: 11\r\n\r\n01234567890");
	rig_expect(client, "max-body");
	assert_memory_equal(rig.seen, "HTTP/1.1 413", 12);
	rig_row(0, AUDIT_REFUSED, 413, "too-large");
	assert_int_equal(rig.questions, 0);
	(void)close(client);
	client = rig_client();
	rig_send(client, "POST / HTTP/1.1\r\nhost: good.example\r\n"
			 "content-length: 10\r\n\r\n0123456789");
	origin = answered(OK_5, client);
	rig_row(1, AUDIT_DONE, 200, "rule");
	(void)close(origin);
	(void)close(client);
}

/* A body of unknown length is counted as it comes. */
static void test_max_body_chunked(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rule("any http://good.example max-body=10");
	rig_send(client, "POST / HTTP/1.1\r\nhost: good.example\r\n"
			 "transfer-encoding: chunked\r\n\r\n"
			 "6\r\n012345\r\n");
	origin = rig_accept();
	rig_expect(origin, "012345");
	rig_send(client, "6\r\n012345\r\n");
	rig_expect(client, "HTTP/1.1 413");
	rig_row(0, AUDIT_REFUSED, 413, "too-large");
	rig_expect_end(origin);
	(void)close(client);
	(void)close(origin);
	/* The answer has begun: only the line can be cut. */
	client = rig_client();
	rig_send(client, "POST / HTTP/1.1\r\nhost: good.example\r\n"
			 "transfer-encoding: chunked\r\n\r\n"
			 "6\r\n012345\r\n");
	origin = answered(HEAD_5, client);
	rig_send(client, "6\r\n012345\r\n");
	rig_row(1, AUDIT_CUT, 200, "too-large");
	(void)close(client);
	(void)close(origin);
}

/* What must stop an answer comes in one turn with it, and behind it. */
static void test_at_once(void **state)
{
	static const char post[] = "POST / HTTP/1.1\r\nhost: good.example\r\n"
				   "transfer-encoding: chunked\r\n\r\n";
	static const struct {
		const char *rule, *more, *status, *reason;
	} cases[] = {
		{ "any http://good.example max-response=4", "1\r\nx\r\n",
		  "HTTP/1.1 502", "response-too-large" },
		{ "any http://good.example max-body=4", "5\r\nxxxxx\r\n",
		  "HTTP/1.1 413", "too-large" },
		{ "any http://good.example", "zz\r\n", "HTTP/1.1 400",
		  "malformed" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int client = rig_client();
		int origin;

		rule(cases[i].rule);
		rig_send(client, post);
		origin = rig_accept();
		rig_expect(origin, "\r\n\r\n");
		assert_int_equal(send(origin, OK_5, strlen(OK_5), MSG_NOSIGNAL),
				 (ssize_t)strlen(OK_5));
		rig_send(client, cases[i].more);
		rig_expect_end(client);
		assert_memory_equal(rig.seen, cases[i].status, 12);
		assert_null(strstr(rig.seen, "hello"));
		assert_int_equal(rig.rows_len, i + 1);
		assert_string_equal(rig.rows[i].reason, cases[i].reason);
		(void)close(client);
		(void)close(origin);
	}
}

static void test_max_response(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rule("any http://good.example max-response=4");
	rig_send(client, GET);
	origin = rig_accept();
	rig_expect(origin, "\r\n\r\n");
	rig_send(origin, OK_5);
	rig_expect(client, "max-response");
	assert_memory_equal(rig.seen, "HTTP/1.1 502", 12);
	rig_row(0, AUDIT_FAILED, 502, "response-too-large");
	(void)close(origin);
	/* What HEAD is told of is not sent. */
	rig_send(client, "HEAD / HTTP/1.1\r\nhost: good.example\r\n\r\n");
	origin = answered(HEAD_5, client);
	assert_memory_equal(rig.seen, "HTTP/1.1 200", 12);
	(void)close(client);
	(void)close(origin);
	client = rig_client();
	rig_send(client, GET);
	origin = answered("HTTP/1.1 200 OK\r\n"
			  "transfer-encoding: chunked\r\n\r\n4\r\n0123\r\n",
			  client);
	rig_send(origin, "1\r\n4\r\n");
	rig_expect_end(client);
	assert_null(strstr(rig.seen, "\r\n0\r\n\r\n"));
	rig_row(2, AUDIT_CUT, 200, "response-too-large");
	(void)close(client);
	(void)close(origin);
}

static void test_rate(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rule("any http://good.example rate=2/min");
	rig_send(client, GET);
	origin = answered(OK_5, client);
	rig_send(client, GET);
	rig_expect(origin, "\r\n\r\n");
	rig_send(origin, OK_5);
	rig_row(1, AUDIT_DONE, 200, "rule");
	rig_send(client, GET);
	rig_expect(client, "HTTP/1.1 429");
	assert_non_null(strstr(rig.seen, "retry-after: "));
	rig_row(2, AUDIT_REFUSED, 429, "rate");
	rig_pass(31 * 1000);
	rig_send(client, GET);
	rig_expect(origin, "\r\n\r\n");
	rig_send(origin, OK_5);
	rig_row(3, AUDIT_DONE, 200, "rule");
	(void)close(client);
	(void)close(origin);
}

/* What would be denied goes through, and says so; what has no safe reading
 * does not.
 */
static void test_learn(void **state)
{
	int client = rig_client();
	int origin;

	(void)state;
	rig.sb->learn = true;
	rig_send(client, "GET /no HTTP/1.1\r\nhost: good.example\r\n\r\n");
	origin = answered(OK_5, client);
	rig_row(0, AUDIT_DONE, 200, "would-deny");
	assert_int_equal(rig.rows[0].verdict, AUDIT_ALLOW);
	assert_string_equal(rig.rows[0].rule, "any http://good.example/no");
	(void)close(origin);
	rig_send(client, "GET /x HTTP/1.1\r\nhost: other.example\r\n\r\n");
	origin = answered(HEAD_5, client);
	/* It goes on when the policy changes, and ends with the mode. */
	rule("any http://good.example");
	assert_false(rig.rows[1].ended);
	rig.sb->learn = false;
	rule("any http://good.example");
	rig_row(1, AUDIT_CUT, 200, "would-deny");
	assert_string_equal(rig.rows[1].detail,
			    "the policy no longer allows it");
	(void)close(client);
	(void)close(origin);
	client = rig_client();
	rig.sb->learn = true;
	rig_send(client,
		 "GET /%2e%2e/x HTTP/1.1\r\nhost: good.example\r\n\r\n");
	rig_expect(client, "HTTP/1.1 400");
	assert_int_equal(rig.rows[2].outcome, AUDIT_REFUSED);
	(void)close(client);
}

/* The worker has one secret, as its parent gave it. */
static void give_secret(void)
{
	struct bytes b;

	frame_begin(&rig.out, WORKER_SECRET);
	frame_put_str(&rig.out, SLICE("token"));
	frame_put_str(&rig.out, SLICE("x-key"));
	frame_put_str(&rig.out, SLICE(""));
	frame_put_str(&rig.out, SLICE("PLACEHOLDER-0123456789"));
	frame_put_str(&rig.out, SLICE("hunter2"));
	frame_put_u8(&rig.out, 1);
	frame_put_str(&rig.out, SLICE("good.example"));
	b = bytes_of(rig.out.mem + 4, rig.out.len - 4);
	assert_int_equal(secrets_take(rig.gate.secrets, &b), 0);
}

/* A placeholder goes nowhere but by a rule that puts its secret in. */
static void test_placeholder(void **state)
{
	int client = rig_client();

	(void)state;
	give_secret();
	rig_send(client, "GET /?k=PLACEHOLDER-0123456789 HTTP/1.1\r\n"
			 "host: good.example\r\n\r\n");
	rig_expect(client, "placeholder of the credential");
	assert_memory_equal(rig.seen, "HTTP/1.1 403", 12);
	assert_null(strstr(rig.seen, "hunter2"));
	rig_row(0, AUDIT_REFUSED, 403, "placeholder");
	assert_int_equal(rig.rows[0].verdict, AUDIT_DENY);
	assert_int_equal(rig.questions, 0);
	(void)close(client);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(test_##name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ask_allow),
		TEST(ask_deny),
		TEST(ask_silence),
		TEST(ask_busy),
		TEST(ask_long),
		TEST(ask_recheck),
		TEST(ask_until),
		TEST(recheck_relay),
		TEST(recheck_dial),
		TEST(recheck_until),
		TEST(recheck_private),
		TEST(max_body),
		TEST(max_body_chunked),
		TEST(at_once),
		TEST(max_response),
		TEST(placeholder),
		TEST(rate),
		TEST(learn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
