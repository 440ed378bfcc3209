/* Tests of http/h1.c and what it is made of, by vectors: what must be accepted
 * and as what, what must be refused and why; whole and in pieces, with the same
 * result. What was accepted is written again by the other role's codec and must
 * then be read as the same.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/http/rig.h"
#include "tests/unit/http/vectors.h"

static const size_t pieces[] = { 0, 1, 2, 3, 7 };

static const char *fault_word(enum http_fault fault)
{
	switch (fault) {
	case HTTP_OK:
		return "accept";
	case HTTP_FAULT_SYNTAX:
		return "syntax";
	case HTTP_FAULT_URI_LONG:
		return "uri";
	case HTTP_FAULT_HEAD_LONG:
		return "head";
	case HTTP_FAULT_VERSION:
		return "version";
	case HTTP_FAULT_METHOD:
		return "method";
	case HTTP_FAULT_CUT:
		return "cut";
	case HTTP_FAULT_FLOOD:
		return "flood";
	default:
		return "?";
	}
}

static void check(const struct vector *v, const struct rig *r, size_t piece)
{
	size_t verdict = strcspn(v->verdict, "-");
	const char *word = fault_word(r->fault);

	if (strlen(word) != verdict || strncmp(word, v->verdict, verdict))
		fail_msg("line %d, pieces of %zu: %s (%s), not %s", v->line,
			 piece, word, r->fault ? r->detail : "", v->verdict);
	if (r->fault && !v->expected_len)
		return;
	if (r->text_len != v->expected_len ||
	    memcmp(r->text, v->expected, v->expected_len))
		fail_msg("line %d, pieces of %zu: read as %s", v->line, piece,
			 r->text);
}

static void run_request(const struct vector *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct rig r;

		rig_init(&r, HTTP_SERVER);
		rig_feed(&r, slice_of(v->input, v->input_len), pieces[i]);
		rig_feed_end(&r);
		check(v, &r, pieces[i]);
		assert_int_equal(r.opened, r.closed);
		rig_done(&r);
	}
}

static void test_requests(void **state)
{
	(void)state;
	vectors_run(TEST_DIR "/unit/http/data/h1_request.tsv", run_request);
}

static void run_response(const struct vector *v)
{
	const char *method = strchr(v->verdict, '-');

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct rig r;

		rig_init(&r, HTTP_CLIENT);
		assert_int_equal(
			rig_submit(&r, method ? method + 1 : "GET", NULL), 0);
		rig_turn(&r);
		rig_feed(&r, slice_of(v->input, v->input_len), pieces[i]);
		rig_feed_end(&r);
		check(v, &r, pieces[i]);
		assert_int_equal(r.closed, 1);
		assert_false(http_codec_ready(r.codec));
		rig_done(&r);
	}
}

static void test_responses(void **state)
{
	(void)state;
	vectors_run(TEST_DIR "/unit/http/data/h1_response.tsv", run_response);
}

/* Let client write what server has just read; returns what was written. */
static char *rewrite(struct rig *server, struct rig *client)
{
	rig_renew(client);
	client->out = server->in;
	server->in.body = (struct buf){ .max = 65536 };
	if (http_codec_submit(client->codec, &client->stream))
		fail_msg("the client is not ready");
	rig_turn(client);
	assert_true(client->out.done);
	return rig_take_written(client);
}

/* Read text as a server that does not answer. */
static void read_one(struct rig *r, struct slice text)
{
	rig_init(r, HTTP_SERVER);
	r->answer = false;
	rig_feed(r, text, 0);
	assert_int_equal(r->fault, 0);
	assert_true(r->in.end);
	rig_note_message(r, &r->in);
}

/* A body of length 0 and none at all mean the same. */
static void same_notes(const struct rig *a, const struct rig *b, int line)
{
	if (!strcmp(a->text, b->text))
		return;
	if (strstr(a->text, "|- \n") && strstr(b->text, "|#0 \n") &&
	    a->text_len + 1 == b->text_len)
		return;
	fail_msg("line %d: %s became %s", line, a->text, b->text);
}

static void run_round_trip(const struct vector *v)
{
	struct rig first, client, second;
	char *text;

	if (!vector_accepts(v) || !memcmp(v->input, "CONNECT", 7))
		return;
	read_one(&first, slice_of(v->input, v->input_len));
	rig_init(&client, HTTP_CLIENT);
	text = rewrite(&first, &client);
	read_one(&second, slice_str(text));
	assert_int_equal(buf_len(&second.inbuf), 0);
	same_notes(&first, &second, v->line);
	free(text);
	rig_done(&first);
	rig_done(&client);
	rig_done(&second);
}

static void test_round_trip(void **state)
{
	(void)state;
	vectors_run(TEST_DIR "/unit/http/data/h1_request.tsv", run_round_trip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
