/* gateway/socks.c - SOCKS5 (RFC 1928), as far as a gateway needs it. */

#include "gateway/socks.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/base.h"
#include "base/bytes.h"
#include "base/err.h"

#define SOCKS_NO_AUTH	    0
#define SOCKS_PASSWORD	    2
#define SOCKS_NO_METHOD	    0xff
#define SOCKS_LOGIN_VERSION 1
#define SOCKS_CONNECT	    1
#define SOCKS_IPV4	    1
#define SOCKS_NAME	    3
#define SOCKS_IPV6	    4

/* Section 3: version, number of methods, methods. */
static int socks_greet(struct socks *s, struct buf *in, struct buf *out)
{
	struct bytes b = bytes_of(buf_data(in), buf_len(in));
	uint8_t answer[2] = { SOCKS_VERSION, SOCKS_NO_METHOD };
	uint8_t version = bytes_u8(&b);
	uint8_t count = bytes_u8(&b);
	const uint8_t *methods = bytes_take(&b, count);

	if (b.bad)
		return 0;
	if (version != SOCKS_VERSION)
		return ERR_SYNTAX;
	if (count && !s->must_login && memchr(methods, SOCKS_NO_AUTH, count))
		answer[1] = SOCKS_NO_AUTH;
	else if (count && memchr(methods, SOCKS_PASSWORD, count))
		answer[1] = SOCKS_PASSWORD;
	s->login = answer[1] == SOCKS_PASSWORD;
	buf_consume(in, 2u + count);
	if (buf_append(out, answer, sizeof(answer)) < 0)
		return ERR_LIMIT;
	s->greeted = true;
	return answer[1] == SOCKS_NO_METHOD ? ERR_PROTO : 1;
}

/* RFC 1929, section 2: version, name, token. What was read is zeroed. */
static int socks_login(struct buf *in, struct login *ret)
{
	struct bytes b = bytes_of(buf_data(in), buf_len(in));
	uint8_t version = bytes_u8(&b);
	uint8_t user_len = bytes_u8(&b);
	const uint8_t *user = bytes_take(&b, user_len);
	uint8_t token_len = bytes_u8(&b);
	const uint8_t *token = bytes_take(&b, token_len);

	if (buf_len(in) && version != SOCKS_LOGIN_VERSION)
		return ERR_SYNTAX;
	if (b.bad)
		return 0;
	(void)login_set(slice_of(user, user_len), slice_of(token, token_len),
			ret);
	explicit_bzero(in->mem + in->pos, 3u + user_len + token_len);
	buf_consume(in, 3u + user_len + token_len);
	return SOCKS_LOGIN;
}

int socks_admit(struct socks *s, struct buf *out, bool good)
{
	const uint8_t answer[2] = { SOCKS_LOGIN_VERSION, good ? 0 : 1 };

	s->login = false;
	return buf_append(out, answer, sizeof(answer));
}

/* The address of a request, by its type. False: it is none. */
static bool socks_address(struct bytes *b, uint8_t type, struct authority *ret)
{
	char text[INET6_ADDRSTRLEN + 2];
	const uint8_t *octets;
	uint8_t len;

	switch (type) {
	case SOCKS_IPV4:
		octets = bytes_take(b, 4);
		return octets &&
		       inet_ntop(AF_INET, octets, text, sizeof(text)) &&
		       authority_parse(slice_str(text), ret) == 0;
	case SOCKS_IPV6:
		octets = bytes_take(b, 16);
		text[0] = '[';
		if (!octets ||
		    !inet_ntop(AF_INET6, octets, text + 1, INET6_ADDRSTRLEN))
			return false;
		memcpy(text + strlen(text), "]", 2);
		return authority_parse(slice_str(text), ret) == 0;
	case SOCKS_NAME:
		len = bytes_u8(b);
		octets = bytes_take(b, len);
		return octets &&
		       authority_parse(slice_of(octets, len), ret) == 0 &&
		       !ret->port;
	default:
		return false;
	}
}

/* Octets that a request of this type has, or 0 when that is not known yet. */
static size_t socks_size(const struct buf *in)
{
	const uint8_t *p = buf_data(in);

	if (buf_len(in) < 5)
		return 0;
	switch (p[3]) {
	case SOCKS_IPV4:
		return 4 + 4 + 2;
	case SOCKS_IPV6:
		return 4 + 16 + 2;
	default: /* a name, or what is refused once it is looked at */
		return 4 + 1 + (size_t)p[4] + 2;
	}
}

static int socks_refuse(struct buf *out, enum socks_code code)
{
	(void)socks_reply(out, code);
	return ERR_PROTO;
}

/* Section 4: version, command, reserved, address, port. */
static int socks_request(struct buf *in, struct buf *out, struct authority *ret)
{
	size_t size = socks_size(in);
	struct bytes b = bytes_of(buf_data(in), buf_len(in));
	struct authority a;
	uint8_t version, command, type;

	if (!size || buf_len(in) < size)
		return 0;
	version = bytes_u8(&b);
	command = bytes_u8(&b);
	(void)bytes_u8(&b);
	type = bytes_u8(&b);
	if (version != SOCKS_VERSION)
		return ERR_SYNTAX;
	if (command != SOCKS_CONNECT)
		return socks_refuse(out, SOCKS_NO_COMMAND);
	if (!socks_address(&b, type, &a))
		return socks_refuse(out, SOCKS_NO_ADDRESS);
	a.port = bytes_u16(&b);
	if (b.bad || !a.port)
		return socks_refuse(out, SOCKS_FAILED);
	buf_consume(in, size);
	*ret = a;
	return 1;
}

int socks_read(struct socks *s, struct buf *in, struct buf *out,
	       struct login *login, struct authority *ret)
{
	if (!s->greeted) {
		int rc = socks_greet(s, in, out);

		if (rc <= 0)
			return rc;
	}
	if (s->login)
		return socks_login(in, login);
	return socks_request(in, out, ret);
}

int socks_reply(struct buf *out, enum socks_code code)
{
	const uint8_t reply[10] = { SOCKS_VERSION, (uint8_t)code, 0,
				    SOCKS_IPV4 };

	return buf_append(out, reply, sizeof(reply));
}
