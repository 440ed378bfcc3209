/* Each allocation of the codecs failing in turn: a fault or the connection's
 * end, never a crash, never a message that looks whole and is not.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "http/codec.h"
#include "tests/unit/nomem.h"

#define REQUEST                                                                \
	"POST /a HTTP/1.1\r\nHost: h.example\r\nX-A: b\r\n"                    \
	"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\nX-T: 1\r\n\r\n"

/* One end of a connection with one stream. */
struct end {
	struct http_codec *codec;
	struct http_stream stream;
	struct http_flow in, out;
	struct arena arena;
	struct buf inbuf, outbuf;
};

static struct http_stream *end_open(void *ctx)
{
	return &((struct end *)ctx)->stream;
}

static void end_init(struct end *e)
{
	*e = (struct end){ 0 };
	arena_init(&e->arena, 262144);
	buf_init(&e->inbuf, 131072);
	buf_init(&e->outbuf, 131072);
	buf_init(&e->in.body, http_limits_client.body_bytes);
	buf_init(&e->out.body, http_limits_client.body_bytes);
	e->stream.in = &e->in;
	e->stream.out = &e->out;
	e->stream.arena = &e->arena;
}

static void end_done(struct end *e)
{
	http_codec_free(&e->codec);
	buf_done(&e->inbuf);
	buf_done(&e->outbuf);
	buf_done(&e->in.body);
	buf_done(&e->out.body);
	arena_done(&e->arena);
}

static void end_news(struct end *e)
{
	unsigned int news;

	while (http_codec_next(e->codec, &news))
		;
}

static void test_h1(void **state)
{
	struct http_head answer = { .status = 200, .framing = HTTP_STREAM };
	bool failed;
	long n = 0;

	(void)state;
	do {
		struct end e;
		int rc;

		end_init(&e);
		assert_int_equal(
			buf_append(&e.inbuf, REQUEST, sizeof(REQUEST) - 1), 0);
		nomem_at(n++);
		rc = h1_new(HTTP_SERVER, "http", &http_limits_server, end_open,
			    &e, &e.codec);
		if (rc == 0) {
			(void)http_codec_read(e.codec, &e.inbuf);
			end_news(&e);
			e.out.head = &answer;
			e.out.end = true;
			(void)http_codec_write(e.codec, &e.outbuf);
			end_news(&e);
		}
		failed = nomem_end();
		assert_true(failed || e.in.end);
		assert_true(!e.in.end || e.in.passed == 4);
		end_done(&e);
	} while (failed);
	assert_true(n > 3);
}

/* Move what one end has written to the other. */
static void pass(struct end *from, struct end *to)
{
	(void)http_codec_write(from->codec, &from->outbuf);
	if (buf_append_slice(&to->inbuf, buf_slice(&from->outbuf)) == 0)
		buf_consume(&from->outbuf, buf_len(&from->outbuf));
	(void)http_codec_read(to->codec, &to->inbuf);
	end_news(from);
	end_news(to);
}

static void talk(struct end *client, struct end *server,
		 struct http_head *request, struct http_head *answer)
{
	client->out.head = request;
	if (buf_append(&client->out.body, "abcd", 4) < 0)
		return;
	client->out.end = true;
	(void)http_codec_submit(client->codec, &client->stream);
	for (int i = 0; i < 4; i++) {
		pass(client, server);
		server->out.head = answer;
		server->out.end = true;
		if (server->stream.attached)
			http_codec_resume(server->codec, &server->stream);
		pass(server, client);
	}
}

static void test_h2(void **state)
{
	struct http_head answer = { .status = 200, .framing = HTTP_STREAM };
	struct http_head request = { .method = SLICE("POST"),
				     .scheme = SLICE("http"),
				     .authority = SLICE("h.example"),
				     .path = SLICE("/"),
				     .framing = HTTP_STREAM };
	bool failed;
	long n = 0;

	(void)state;
	do {
		struct end client, server;
		int rc;

		end_init(&client);
		end_init(&server);
		nomem_at(n++);
		rc = h2_new(HTTP_CLIENT, "http", &http_limits_client, NULL,
			    NULL, &client.codec);
		if (rc == 0)
			rc = h2_new(HTTP_SERVER, "http", &http_limits_server,
				    end_open, &server, &server.codec);
		if (rc == 0)
			talk(&client, &server, &request, &answer);
		failed = nomem_end();
		assert_true(failed || (server.in.end && client.in.end));
		assert_true(!server.in.end || server.in.passed == 4);
		end_done(&client);
		end_done(&server);
	} while (failed);
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_h1),
		cmocka_unit_test(test_h2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
