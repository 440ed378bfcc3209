/* gateway/hello.c - read a ClientHello, before any SSL object exists.
 *
 * Theory of operation
 *
 * A hello is one handshake message in one or more TLS records. First the
 * records are only walked, which tells early what is no hello and how many
 * octets are wanted; only when all are there is the message laid out in one
 * piece (in place if one record holds it) and read with a cursor.
 *
 * OpenSSL reads the same octets afterwards and has the last word on whether
 * the handshake is sound. What matters here is that nothing can mean one name
 * to us and another to it, so whatever is said twice, or leaves octets over,
 * is refused.
 */

#include "gateway/hello.h"

#include <stdint.h>
#include <string.h>

#include "base/base.h"
#include "base/bytes.h"
#include "base/err.h"

#define HELLO_RECORD_HEAD 5	/* type, version, length */
#define HELLO_RECORD_MAX  16384 /* octets of plaintext, RFC 8446, 5.1 */
#define HELLO_MESSAGE_MAX 16384 /* octets with the handshake header */
#define HELLO_HEAD	  4	/* type, length */
#define HELLO_RANDOM	  32
#define HELLO_SESSION_MAX 32
#define HELLO_METHOD_MAX  24 /* the longest registered one has 17 */

enum hello_code {
	RECORD_HANDSHAKE = 22,
	HANDSHAKE_CLIENT_HELLO = 1,
	EXT_SERVER_NAME = 0,
	EXT_ALPN = 16,
	EXT_ECH = 0xfe0d, /* encrypted_client_hello */
	NAME_HOST = 0,
};

static const struct slice hello_preface =
	SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/* As methods are registered (RFC 9110, section 16.1). Narrower than token, so
 * that an SSH banner, which has digits and dots, is not taken for HTTP.
 */
static bool hello_method_octet(char c)
{
	return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static int hello_kind_http(struct slice octets, enum hello_kind *ret)
{
	size_t n = MIN(octets.len, hello_preface.len);
	size_t i = 0;

	if (!memcmp(octets.ptr, hello_preface.ptr, n)) {
		if (n < hello_preface.len)
			return 0;
		*ret = HELLO_H2;
		return 1;
	}
	while (i < octets.len && i < HELLO_METHOD_MAX &&
	       hello_method_octet(octets.ptr[i]))
		i++;
	if (i == octets.len)
		return 0;
	*ret = i && octets.ptr[i] == ' ' ? HELLO_HTTP1 : HELLO_OTHER;
	return 1;
}

int hello_kind(struct slice octets, enum hello_kind *ret)
{
	if (!octets.len)
		return 0;
	if (octets.ptr[0] != RECORD_HANDSHAKE)
		return hello_kind_http(octets, ret);
	if (octets.len < 2)
		return 0;
	*ret = octets.ptr[1] == 3 ? HELLO_TLS : HELLO_OTHER;
	return 1;
}

/* The message as the records carry it. */
struct hello_walk {
	uint8_t head[HELLO_HEAD]; /* of the message, as far as it is there */
	size_t have;		  /* octets of the message so far */
	size_t want;		  /* octets in all; 0 until the head is whole */
	size_t records;
};

/* Note what a record's payload says about the message. */
static int hello_walk_payload(struct hello_walk *w, const uint8_t *data,
			      size_t len)
{
	for (size_t i = 0; i < len && w->have + i < HELLO_HEAD; i++)
		w->head[w->have + i] = data[i];
	w->have += len;
	if (w->have && w->head[0] != HANDSHAKE_CLIENT_HELLO)
		return ERR_SYNTAX;
	if (w->have < HELLO_HEAD)
		return 0;
	w->want = HELLO_HEAD + ((size_t)w->head[1] << 16 |
				(size_t)w->head[2] << 8 | w->head[3]);
	if (w->want > HELLO_MESSAGE_MAX)
		return ERR_LIMIT;
	/* Nothing may follow a ClientHello before an answer. */
	return w->have > w->want ? ERR_SYNTAX : 0;
}

/* One record. Returns 1 with its payload (cut where octets end), 0 if its head
 * is not whole, ERR_SYNTAX.
 */
static int hello_record(struct bytes *in, size_t *ret_len, struct bytes *ret)
{
	uint16_t version;
	size_t len, here;

	if (bytes_left(in) && in->pos[0] != RECORD_HANDSHAKE)
		return ERR_SYNTAX;
	if (bytes_left(in) < HELLO_RECORD_HEAD)
		return 0;
	(void)bytes_u8(in);
	version = bytes_u16(in);
	len = bytes_u16(in);
	if (version >> 8 != 3 || len == 0 || len > HELLO_RECORD_MAX)
		return ERR_SYNTAX;
	here = MIN(len, bytes_left(in));
	*ret_len = len;
	*ret = bytes_of(bytes_take(in, here), here);
	return 1;
}

/* Returns 1 when the message is whole, 0 when octets are missing, < 0. */
static int hello_walk(struct slice octets, struct hello_walk *ret)
{
	struct bytes in = bytes_of(octets.ptr, octets.len);
	struct hello_walk w = { .want = 0 };

	while (!w.want || w.have < w.want) {
		struct bytes payload;
		size_t len;
		int err = hello_record(&in, &len, &payload);

		if (err <= 0)
			return err;
		err = hello_walk_payload(&w, payload.pos, bytes_left(&payload));
		if (err < 0)
			return err;
		/* More announced than the message has: refuse before waiting */
		if (w.want && w.have - bytes_left(&payload) + len > w.want)
			return ERR_SYNTAX;
		if (bytes_left(&payload) < len)
			return 0;
		w.records++;
	}
	*ret = w;
	return 1;
}

/* The message in one piece; copied into room unless one record holds it. The
 * walk has checked all that is used here.
 */
static struct bytes hello_gather(struct slice octets,
				 const struct hello_walk *w,
				 uint8_t room[HELLO_MESSAGE_MAX])
{
	struct bytes in = bytes_of(octets.ptr, octets.len);
	size_t have = 0;

	if (w->records == 1)
		return bytes_of(in.pos + HELLO_RECORD_HEAD, w->want);
	for (size_t i = 0; i < w->records; i++) {
		struct bytes payload;
		size_t len;
		int err = hello_record(&in, &len, &payload);

		assert(err == 1 && have + len <= w->want);
		memcpy(room + have, payload.pos, len);
		have += len;
	}
	assert(have == w->want);
	return bytes_of(room, have);
}

/* The next len octets as a cursor of their own. Where they do not fit the error
 * sticks in both.
 */
static struct bytes hello_vector(struct bytes *in, size_t len)
{
	const uint8_t *p = bytes_take(in, len);

	if (!p)
		return (struct bytes){ in->end, in->end, true };
	return bytes_of(p, len);
}

/* A vector with its length in front, in one octet or in two. */
static struct bytes hello_vector8(struct bytes *in)
{
	return hello_vector(in, bytes_u8(in));
}

static struct bytes hello_vector16(struct bytes *in)
{
	return hello_vector(in, bytes_u16(in));
}

/* RFC 6066, section 3: one list, and in it one host_name. */
static int hello_server_name(struct bytes ext, struct hello *h)
{
	struct bytes list = hello_vector16(&ext);
	uint8_t type = bytes_u8(&list);
	struct slice text = bytes_str(&list);
	struct authority name;

	if (list.bad || bytes_left(&ext) || bytes_left(&list) ||
	    type != NAME_HOST || !text.len)
		return ERR_SYNTAX;
	if (host_parse(text, &name) < 0 || name.kind != HOST_NAME) {
		h->bad_name = true;
		return 0;
	}
	name.port = 0;
	h->name = name;
	h->has_name = true;
	return 0;
}

/* RFC 7301, section 3.1: no empty list, no empty name. */
static int hello_alpn(struct bytes ext, struct hello *h)
{
	struct bytes list = hello_vector16(&ext);

	if (!bytes_left(&list) || bytes_left(&ext))
		return ERR_SYNTAX;
	while (bytes_left(&list)) {
		struct bytes v = hello_vector8(&list);
		struct slice name = slice_of(v.pos, bytes_left(&v));

		if (v.bad || !name.len)
			return ERR_SYNTAX;
		h->alpn_h2 = h->alpn_h2 || slice_eq(name, SLICE("h2"));
		h->alpn_h1 = h->alpn_h1 || slice_eq(name, SLICE("http/1.1"));
	}
	return list.bad ? ERR_SYNTAX : 0;
}

/* Which of the extensions that we read have been there. */
struct hello_seen {
	bool server_name;
	bool alpn;
	bool ech;
};

/* No type may come twice (RFC 8446, section 4.2). OpenSSL looks after those
 * that only it reads.
 */
static int hello_once(bool *seen)
{
	if (*seen)
		return ERR_SYNTAX;
	*seen = true;
	return 0;
}

static int hello_extension(struct bytes *in, struct hello_seen *seen,
			   struct hello *h)
{
	uint16_t type = bytes_u16(in);
	struct bytes ext = hello_vector16(in);
	int err = in->bad ? ERR_SYNTAX : 0;

	if (err < 0)
		return err;
	switch (type) {
	case EXT_SERVER_NAME:
		err = hello_once(&seen->server_name);
		return err < 0 ? err : hello_server_name(ext, h);
	case EXT_ALPN:
		err = hello_once(&seen->alpn);
		return err < 0 ? err : hello_alpn(ext, h);
	case EXT_ECH:
		h->has_ech = true;
		return hello_once(&seen->ech);
	default: /* others, unknown and GREASE (RFC 8701) are not for us */
		return 0;
	}
}

static int hello_extensions(struct bytes in, struct hello *h)
{
	struct hello_seen seen = { .server_name = false };
	int err = 0;

	while (err == 0 && bytes_left(&in))
		err = hello_extension(&in, &seen, h);
	return err;
}

/* RFC 8446, section 4.1.2, from the handshake header on. */
static int hello_message(struct bytes in, struct hello *h)
{
	uint16_t version;
	struct bytes session, suites, compression, extensions;

	(void)bytes_take(&in, HELLO_HEAD);
	version = bytes_u16(&in);
	(void)bytes_take(&in, HELLO_RANDOM);
	session = hello_vector8(&in);
	suites = hello_vector16(&in);
	compression = hello_vector8(&in);
	if (in.bad || version >> 8 != 3 ||
	    bytes_left(&session) > HELLO_SESSION_MAX || !bytes_left(&suites) ||
	    bytes_left(&suites) % 2 || !bytes_left(&compression))
		return ERR_SYNTAX;
	if (!bytes_left(&in)) /* TLS 1.2 without extensions */
		return 0;
	extensions = hello_vector16(&in);
	if (in.bad || bytes_left(&in))
		return ERR_SYNTAX;
	return hello_extensions(extensions, h);
}

int hello_parse(struct slice octets, struct hello *ret)
{
	uint8_t room[HELLO_MESSAGE_MAX];
	struct hello h = { .has_name = false };
	struct hello_walk walk;
	/* Those past the bound can only belong to what follows the hello. */
	struct slice in = slice_of(octets.ptr, MIN(octets.len, HELLO_MAX));
	int err = octets.len ? hello_walk(in, &walk) : 0;

	if (err < 0)
		return err;
	if (err == 0)
		return octets.len >= HELLO_MAX ? ERR_LIMIT : 0;
	err = hello_message(hello_gather(in, &walk, room), &h);
	if (err < 0)
		return err;
	*ret = h;
	return 1;
}
