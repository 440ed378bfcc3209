/* Tests of http/raw.c: a tunnel in the form of one exchange. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "http/codec.h"

/* One codec, one stream, two flows. */
struct tunnel {
	struct http_codec *codec;
	struct http_stream stream;
	struct http_flow in, out;
	struct arena arena;
	struct buf inbuf, outbuf;
	struct http_head answer;
	unsigned int news;
	bool refuse;
};

static struct http_stream *tunnel_open(void *ctx)
{
	struct tunnel *t = ctx;

	return t->refuse ? NULL : &t->stream;
}

static void tunnel_init(struct tunnel *t, enum http_role role)
{
	*t = (struct tunnel){ .answer = { .status = 200,
					  .version = HTTP_RAW } };
	arena_init(&t->arena, 65536);
	buf_init(&t->in.body, 262144);
	buf_init(&t->out.body, 262144);
	buf_init(&t->inbuf, 262144);
	buf_init(&t->outbuf, 65536);
	t->stream.in = &t->in;
	t->stream.out = &t->out;
	t->stream.arena = &t->arena;
	assert_int_equal(raw_new(role, "tcp", SLICE("h.example:22"),
				 role == HTTP_SERVER ? tunnel_open : NULL, t,
				 &t->codec),
			 0);
}

static void tunnel_done(struct tunnel *t)
{
	http_codec_free(&t->codec);
	buf_done(&t->in.body);
	buf_done(&t->out.body);
	buf_done(&t->inbuf);
	buf_done(&t->outbuf);
	arena_done(&t->arena);
}

static void tunnel_news(struct tunnel *t)
{
	unsigned int news;

	while (http_codec_next(t->codec, &news))
		t->news |= news;
}

static int tunnel_read(struct tunnel *t, const char *text)
{
	int rc;

	assert_int_equal(buf_append_slice(&t->inbuf, slice_str(text)), 0);
	rc = http_codec_read(t->codec, &t->inbuf);
	tunnel_news(t);
	return rc;
}

static int tunnel_write(struct tunnel *t)
{
	int rc = http_codec_write(t->codec, &t->outbuf);

	tunnel_news(t);
	return rc;
}

/* The exchange begins before an octet has come, and ends when both ends have.
 */
static void test_server(void **state)
{
	struct tunnel t;

	(void)state;
	tunnel_init(&t, HTTP_SERVER);
	assert_int_equal(tunnel_read(&t, ""), 0);
	assert_true(t.news & HTTP_NEWS_HEAD);
	assert_int_equal(t.in.head->version, HTTP_RAW);
	assert_string_equal(t.in.head->authority.ptr, "h.example:22");
	assert_int_equal(tunnel_read(&t, "up"), 0);
	assert_true(slice_eq(buf_slice(&t.in.body), SLICE("up")));
	assert_int_equal(t.in.passed, 2);

	t.out.head = &t.answer;
	assert_int_equal(buf_append(&t.out.body, "down", 4), 0);
	assert_int_equal(tunnel_write(&t), 0);
	assert_true(slice_eq(buf_slice(&t.outbuf), SLICE("down")));
	http_codec_read_end(t.codec);
	assert_int_equal(tunnel_read(&t, ""), 0);
	assert_true(t.in.end);
	assert_false(t.news & HTTP_NEWS_CLOSED);
	assert_false(http_codec_finished(t.codec));
	t.out.end = true;
	assert_int_equal(tunnel_write(&t), 0);
	assert_true(http_codec_finished(t.codec));
	/* Not before the client's octets have gone on. */
	assert_false(t.news & HTTP_NEWS_CLOSED);
	t.in.done = true;
	http_codec_resume(t.codec, &t.stream);
	tunnel_news(&t);
	assert_true(t.news & HTTP_NEWS_CLOSED);
	assert_true(http_codec_over(t.codec));
	tunnel_done(&t);
}

/* Refused: nothing is written, not even the text of the refusal. */
static void test_refused(void **state)
{
	struct tunnel t;

	(void)state;
	tunnel_init(&t, HTTP_SERVER);
	assert_int_equal(tunnel_read(&t, "x"), 0);
	t.answer.status = 403;
	t.out.head = &t.answer;
	assert_int_equal(buf_append(&t.out.body, "no", 2), 0);
	t.out.end = true;
	assert_true(tunnel_write(&t) < 0);
	assert_int_equal(buf_len(&t.outbuf), 0);
	assert_true(t.news & HTTP_NEWS_CLOSED);
	assert_true(http_codec_over(t.codec));
	tunnel_done(&t);

	tunnel_init(&t, HTTP_SERVER);
	t.refuse = true;
	assert_int_equal(tunnel_read(&t, ""), ERR_LIMIT);
	tunnel_done(&t);
}

static void test_client(void **state)
{
	struct tunnel t;
	struct http_head request = { .version = HTTP_RAW };

	(void)state;
	tunnel_init(&t, HTTP_CLIENT);
	assert_true(http_codec_ready(t.codec));
	t.out.head = &request;
	assert_int_equal(http_codec_submit(t.codec, &t.stream), 0);
	tunnel_news(&t);
	assert_true(t.news & HTTP_NEWS_HEAD);
	assert_int_equal(t.in.head->status, 200);
	assert_false(http_codec_ready(t.codec));
	assert_int_equal(http_codec_submit(t.codec, &t.stream), -EBUSY);
	assert_int_equal(tunnel_read(&t, "banner"), 0);
	assert_true(slice_eq(buf_slice(&t.in.body), SLICE("banner")));
	/* What came before the cut goes out, and then no end. */
	assert_int_equal(buf_append(&t.out.body, "last", 4), 0);
	t.out.cut = true;
	assert_int_equal(tunnel_write(&t), ERR_CUT);
	assert_true(slice_eq(buf_slice(&t.outbuf), SLICE("last")));
	assert_true(http_codec_cut(t.codec));
	assert_false(http_codec_finished(t.codec));
	http_codec_reset(t.codec, &t.stream, HTTP_FAULT_CUT);
	assert_false(t.stream.attached);
	tunnel_done(&t);
}

/* Octets that nobody asked for yet; more than the flow takes. */
static void test_bounds(void **state)
{
	static char many[100000];
	struct tunnel t;

	(void)state;
	tunnel_init(&t, HTTP_CLIENT);
	assert_int_equal(tunnel_read(&t, "early"), ERR_PROTO);
	tunnel_done(&t);

	memset(many, 'x', sizeof(many));
	tunnel_init(&t, HTTP_SERVER);
	assert_int_equal(buf_append(&t.inbuf, many, sizeof(many)), 0);
	assert_int_equal(tunnel_read(&t, ""), 0);
	assert_int_equal(buf_len(&t.in.body), 65536);
	assert_int_equal(buf_len(&t.inbuf), sizeof(many) - 65536);
	http_codec_read_end(t.codec);
	assert_int_equal(tunnel_read(&t, ""), 0);
	assert_false(t.in.end); /* what waits comes first */
	buf_consume(&t.in.body, 65536);
	assert_int_equal(tunnel_read(&t, ""), 0);
	assert_true(t.in.end);
	assert_int_equal(t.in.passed, sizeof(many));
	tunnel_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
