/* http/authority.c - the one parser of "host[:port]". */

#include "http/authority.h"

#include <arpa/inet.h>

#include "base/base.h"
#include "base/err.h"
#include "base/uri.h"

#define LABEL_MAX  63 /* octets, RFC 1035, section 2.3.4 */
#define PORT_CHARS 5  /* of 65535 */

static bool is_label_char(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_';
}

/* One to five digits without a leading zero, 1 to 65535. */
static int port_parse(struct slice text, uint16_t *ret)
{
	uint32_t port = 0;

	if (!text.len || text.len > PORT_CHARS || text.ptr[0] == '0')
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_digit(text.ptr[i]))
			return ERR_SYNTAX;
		port = port * 10 + (uint32_t)(text.ptr[i] - '0');
	}
	if (port > UINT16_MAX)
		return ERR_SYNTAX;
	*ret = (uint16_t)port;
	return 0;
}

static bool label_ok(struct slice label)
{
	if (!label.len || label.len > LABEL_MAX)
		return false;
	if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!is_label_char(label.ptr[i]))
			return false;
	return true;
}

static bool octet_ok(struct slice part)
{
	unsigned int value = 0;

	if (!part.len || part.len > 3 || (part.len > 1 && part.ptr[0] == '0'))
		return false;
	for (size_t i = 0; i < part.len; i++)
		value = value * 10 + (unsigned int)(part.ptr[i] - '0');
	return value <= UINT8_MAX;
}

/* Four decimal octets, nothing left out and no leading zeros; the characters
 * were checked before.
 */
static bool quad_ok(struct slice text)
{
	struct slice part;
	int parts = 0;

	do {
		(void)slice_cut(text, '.', &part, &text);
		if (!uri_is_number(part) || !octet_ok(part))
			return false;
		parts++;
	} while (text.len && parts < 4);
	return parts == 4 && !text.len;
}

/* A name or a dotted quad; neither port nor brackets. */
static int name_parse(struct slice text, struct authority *ret)
{
	struct slice rest, label;

	if (text.len && text.ptr[text.len - 1] == '.')
		text.len--;
	if (!text.len || text.len > HOST_MAX)
		return ERR_SYNTAX;
	for (rest = text;;) {
		bool more = slice_cut(rest, '.', &label, &rest);

		if (!label_ok(label))
			return ERR_SYNTAX;
		if (!more)
			break;
	}
	if (uri_is_number(label) && !quad_ok(text))
		return ERR_SYNTAX;

	ret->kind = uri_is_number(label) ? HOST_IPV4 : HOST_NAME;
	for (size_t i = 0; i < text.len; i++)
		ret->host[i] = ascii_lower(text.ptr[i]);
	ret->host[text.len] = '\0';
	ret->host_len = (uint8_t)text.len;
	return 0;
}

/* What stands between the brackets. */
static int ipv6_parse(struct slice text, struct authority *ret)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr addr;

	if (text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len))
		return ERR_SYNTAX;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (inet_pton(AF_INET6, copy, &addr) != 1)
		return ERR_SYNTAX;
	if (!inet_ntop(AF_INET6, &addr, ret->host, sizeof(ret->host)))
		return ERR_SYNTAX;
	ret->host_len = (uint8_t)strlen(ret->host);
	ret->kind = HOST_IPV6;
	return 0;
}

int authority_parse(struct slice text, struct authority *ret)
{
	struct authority a = { .port = 0 };
	bool bracket = text.len && text.ptr[0] == '[';
	struct slice host, rest;
	bool has_port;
	int err;

	if (bracket) {
		if (!slice_cut(slice_skip(text, 1), ']', &host, &rest))
			return ERR_SYNTAX;
		has_port = rest.len > 0;
		if (has_port && rest.ptr[0] != ':')
			return ERR_SYNTAX;
		if (has_port)
			rest = slice_skip(rest, 1);
		err = ipv6_parse(host, &a);
	} else {
		has_port = slice_cut(text, ':', &host, &rest);
		err = name_parse(host, &a);
	}
	if (!err && has_port)
		err = port_parse(rest, &a.port);
	if (!err)
		*ret = a;
	return err;
}

int host_parse(struct slice text, struct authority *ret)
{
	struct authority a = { .port = 0 };
	int err = name_parse(text, &a);

	if (!err && a.kind != HOST_NAME)
		err = ERR_SYNTAX;
	if (!err)
		*ret = a;
	return err;
}
