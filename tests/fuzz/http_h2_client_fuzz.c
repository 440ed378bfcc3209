/* tests/fuzz/http_h2_client_fuzz.c - frames from a hostile origin. */

#include "tests/fuzz/h2_owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Requests of each kind wait for answers on streams 1, 3, 5 and 7. */
static void ask(struct owner *o)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT" };

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		struct end *e = owner_end(o);

		e->out.head = http_head_new(&e->arena);
		assert(e->out.head);
		e->out.head->method = slice_str(methods[i]);
		e->out.head->authority = SLICE("a.example");
		e->out.head->path = SLICE("/");
		e->out.head->framing = i < 2 ? HTTP_NO_BODY : HTTP_STREAM;
		e->out.end = i < 2;
		if (http_codec_submit(o->codec, &e->s))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owner *o = owner_new(HTTP_CLIENT);
	struct bytes b = bytes_of(data, size);
	struct buf in;

	ask(o);
	buf_init(&in, 64);
	(void)buf_append_slice(&in, SLICE("\0\0\0\4\0\0\0\0\0"));
	(void)http_codec_read(o->codec, &in);
	buf_done(&in);
	(void)owner_turn(o, 0);
	owner_run(o, &b);
	return 0;
}
