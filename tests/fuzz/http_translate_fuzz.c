/* tests/fuzz/http_translate_fuzz.c - any fields as an HTTP/2 request; what is
 * accepted is written as HTTP/1, and must read as that one request again.
 *
 * The input is a list of names and values, each with its length in front (one
 * octet); what is left behind an empty name is the body.
 */

#include "tests/fuzz/h1_fuzz.h"
#include "tests/fuzz/h2_owner.h"

#define LITERAL_MAX 127 /* octets that HPACK counts in one */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_string(struct buf *to, struct slice s)
{
	uint8_t len = (uint8_t)s.len;

	(void)buf_append(to, &len, 1);
	(void)buf_append_slice(to, s);
}

static struct slice take_string(struct bytes *b)
{
	size_t len = bytes_u8(b) % (LITERAL_MAX + 1);

	len = MIN(len, bytes_left(b));
	return slice_of(bytes_take(b, len), len);
}

static void put_frame(struct buf *to, uint8_t type, uint8_t flags,
		      struct slice load)
{
	uint8_t head[9] = { [1] = (uint8_t)(load.len >> 8),
			    [2] = (uint8_t)load.len,
			    [3] = type,
			    [4] = flags,
			    [8] = 1 };

	(void)buf_append(to, head, sizeof(head));
	(void)buf_append_slice(to, load);
}

/* HEADERS and DATA of stream 1, fields without any compression. */
static void put_request(struct buf *to, struct bytes *b)
{
	struct buf block;
	struct slice body;

	buf_init(&block, 16384);
	while (bytes_left(b) && buf_room(&block) > 2 * LITERAL_MAX + 3) {
		struct slice name = take_string(b);

		if (!name.len)
			break;
		(void)buf_append(&block, "", 1);
		put_string(&block, name);
		put_string(&block, take_string(b));
	}
	body = slice_of(b->pos, MIN(bytes_left(b), (size_t)8192));
	put_frame(to, 1, body.len ? 4 : 5, h1_fuzz_slice(&block));
	if (body.len)
		put_frame(to, 0, 1, body);
	buf_done(&block);
}

static void translate(const struct end *e)
{
	struct h1_fuzz again;
	struct buf wire;

	h1_fuzz_init(&again, HTTP_SERVER, &http_limits_server);
	buf_init(&wire, 4 * H1_FUZZ_MAX);
	h1_fuzz_rewrite(&e->in, &wire);
	if (h1_fuzz_read(&again, buf_data(&wire), buf_len(&wire), 1)) {
		struct h1_fuzz first = { .in = e->in };

		assert(buf_len(&again.inbuf) == 0);
		h1_fuzz_same(&first, &again);
	} else { /* HTTP/1 knows fewer methods */
		assert(again.stream.fault == HTTP_FAULT_METHOD);
	}
	h1_fuzz_done(&again);
	buf_done(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owner *o = owner_new(HTTP_SERVER);
	struct bytes b = bytes_of(data, size), none = bytes_of(data, 0);
	const struct end *e = &o->ends[0];
	struct buf in;

	buf_init(&in, 1u << 16);
	(void)buf_append_slice(&in, SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
					  "\0\0\0\4\0\0\0\0\0"));
	put_request(&in, &b);
	(void)http_codec_read(o->codec, &in);
	if (e->in.end && !slice_eq(e->in.head->method, SLICE("CONNECT")))
		translate(e);
	buf_done(&in);
	owner_run(o, &none);
	return 0;
}
