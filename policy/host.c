/* policy/host.c - the host of a rule: a name, a wildcard, an address. */

#include "policy/host.h"

#include <arpa/inet.h>

#include "base/base.h"
#include "base/uri.h"
#include "policy/idn.h"

#define LABEL_MAX 63 /* octets, RFC 1035 */

/* inet_pton() is strict: four decimal octets without leading zeros. */
static bool read_address(int family, struct slice text, struct host *ret)
{
	char copy[HOST_TEXT];

	if (!text.len || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (inet_pton(family, copy, ret->addr) != 1)
		return false;
	ret->addr_len = family == AF_INET ? 4 : 16;
	if (!inet_ntop(family, ret->addr, ret->name, sizeof(ret->name)))
		return false;
	ret->name_len = (uint8_t)strlen(ret->name);
	return true;
}

static const char *check_address(const struct host *h)
{
	static const uint8_t zero[16];
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (h->addr_len == 4)
		return h->addr[0] == 127 || h->addr[0] == 0
			       ? "loopback and unspecified addresses are never "
				 "reached; for a server on the gateway's host use "
				 "host.penstock.internal"
			       : NULL;
	if (!memcmp(h->addr, mapped, sizeof(mapped)))
		return "write an IPv4 address as four numbers";
	if (!memcmp(h->addr, zero, 15) && h->addr[15] <= 1)
		return "loopback and unspecified addresses are never reached";
	return NULL;
}

/* "/8" behind an address; bits below the prefix must be zero, so that the
 * line says what it does.
 */
static const char *read_prefix(struct slice text, struct host *ret)
{
	unsigned int bits = 0;
	size_t i;

	for (i = 0; i < text.len && i < 3 && ascii_is_digit(text.ptr[i]); i++)
		bits = bits * 10 + (unsigned int)(text.ptr[i] - '0');
	if (!text.len || i < text.len || (text.len > 1 && text.ptr[0] == '0') ||
	    bits > ret->addr_len * 8u)
		return "expected a prefix length";
	for (unsigned int bit = bits; bit < ret->addr_len * 8u; bit++)
		if (ret->addr[bit / 8] & 0x80 >> bit % 8)
			return "the address has bits below the prefix length";
	ret->kind = RULE_CIDR;
	ret->prefix_bits = (uint8_t)bits;
	return NULL;
}

static const char *read_numbers(int family, struct slice text, struct host *ret,
				size_t *ret_at)
{
	struct slice addr, prefix;
	bool has_prefix = slice_cut(text, '/', &addr, &prefix);

	if (!read_address(family, addr, ret))
		return family == AF_INET
			       ? "not an address of four decimal numbers"
			       : "not an IPv6 address";
	ret->kind = RULE_IP;
	if (has_prefix) {
		*ret_at += addr.len + 1;
		return read_prefix(prefix, ret);
	}
	return check_address(ret);
}

static const char *bad_octet(char c)
{
	if (c == '*')
		return "a wildcard stands for whole labels in front: "
		       "*.example.com";
	if (c == '@')
		return "a user name has no place in a rule";
	return "not a character of a host name";
}

/* One label of a name, lower-cased into ret. */
static const char *read_label(struct slice label, struct host *ret,
			      size_t *ret_at)
{
	if (!label.len)
		return "a label of the name is empty";
	for (size_t i = 0; i < label.len; i++) {
		char c = label.ptr[i];

		if (!ascii_is_alnum(c) && c != '-' && c != '_') {
			*ret_at += i;
			return bad_octet(c);
		}
		if (ret->name_len >= RULE_HOST_MAX)
			return "the name is longer than 253 octets";
		ret->name[ret->name_len++] = ascii_lower(c);
	}
	if (label.len > LABEL_MAX)
		return "a label is longer than 63 octets";
	if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
		return "a label begins or ends with a hyphen";
	return NULL;
}

static const char *check_loopback(const struct host *h)
{
	struct slice name = slice_of(h->name, h->name_len);

	if (slice_eq(name, SLICE("localhost")) ||
	    slice_ends(name, SLICE(".localhost")) ||
	    slice_eq(name, SLICE("localhost.localdomain")))
		return "loopback is never reached; for a server on the "
		       "gateway's host use host.penstock.internal";
	return NULL;
}

static const char *read_name(struct slice text, struct host *ret,
			     size_t *ret_at)
{
	size_t start = *ret_at;
	struct slice rest = text, label;
	const char *why;
	bool more = true;

	if (rest.len > 1 && rest.ptr[rest.len - 1] == '.')
		rest.len--;
	while (more) {
		*ret_at = start + (size_t)(rest.ptr - text.ptr);
		more = slice_cut(rest, '.', &label, &rest);
		if (ret->name_len) {
			if (ret->name_len >= RULE_HOST_MAX)
				return "the name is longer than 253 octets";
			ret->name[ret->name_len++] = '.';
		}
		why = read_label(label, ret, ret_at);
		if (why)
			return why;
	}
	*ret_at = start;
	ret->name[ret->name_len] = '\0';
	return check_loopback(ret);
}

/* The last label, a trailing dot taken off; of "10.0.0.0/8" it is "0". */
static struct slice last_label(struct slice text)
{
	ptrdiff_t slash = slice_find(text, '/');

	if (slash >= 0)
		text.len = (size_t)slash;
	if (text.len > 1 && text.ptr[text.len - 1] == '.')
		text.len--;
	for (size_t i = text.len; i; i--)
		if (text.ptr[i - 1] == '.')
			return slice_skip(text, i);
	return text;
}

static const char *read_ascii(struct slice text, struct host *ret,
			      size_t *ret_at)
{
	if (!text.len || !uri_is_number(last_label(text)))
		return read_name(text, ret, ret_at);
	if (ret->kind != RULE_NAME)
		return "a wildcard needs a name, not an address";
	return read_numbers(AF_INET, text, ret, ret_at);
}

static bool is_ascii(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] >= 0x80)
			return false;
	return true;
}

/* The mapping may turn wide digits, stops and slashes into plain ones, so its
 * result is read like any other text. Where that is wrong, all of the name is.
 */
static const char *read_idn(struct slice text, struct host *ret, size_t *ret_at)
{
	char ascii[RULE_HOST_MAX + 2];
	size_t len = 0, at = *ret_at;
	const char *why = idn_to_ascii(text, ascii, sizeof(ascii), &len);

	if (!why)
		why = read_ascii(slice_of(ascii, len), ret, &at);
	if (!why && ret->kind != RULE_NAME && ret->kind != RULE_BELOW &&
	    ret->kind != RULE_TREE)
		why = "write an address in plain digits";
	return why;
}

const char *host_read(struct slice text, struct host *ret, size_t *ret_at)
{
	*ret = (struct host){ .kind = RULE_NAME };
	*ret_at = 0;
	if (!text.len)
		return "expected a host";
	if (slice_eq(text, SLICE("*"))) {
		ret->kind = RULE_ANY_HOST;
		return NULL;
	}
	if (text.ptr[0] == '[') {
		if (text.ptr[text.len - 1] != ']')
			return "expected ] at the end of the IPv6 address";
		*ret_at = 1;
		return read_numbers(AF_INET6,
				    slice_of(text.ptr + 1, text.len - 2), ret,
				    ret_at);
	}
	if (slice_starts(text, SLICE("*."))) {
		ret->kind = RULE_BELOW;
		*ret_at = 2;
	} else if (text.ptr[0] == '.') {
		ret->kind = RULE_TREE;
		*ret_at = 1;
	}
	text = slice_skip(text, *ret_at);
	return is_ascii(text) ? read_ascii(text, ret, ret_at)
			      : read_idn(text, ret, ret_at);
}

uint8_t host_address(struct slice host, uint8_t ret[16])
{
	struct host h;
	int family = slice_find(host, ':') >= 0 ? AF_INET6 : AF_INET;

	if (!read_address(family, host, &h))
		return 0;
	memcpy(ret, h.addr, sizeof(h.addr));
	return h.addr_len;
}

bool host_in_prefix(const uint8_t *addr, uint8_t addr_len, const uint8_t *net,
		    uint8_t net_len, uint8_t bits)
{
	size_t whole = bits / 8;

	if (addr_len != net_len || memcmp(addr, net, whole) != 0)
		return false;
	return bits % 8 == 0 ||
	       !((addr[whole] ^ net[whole]) & 0xff00 >> bits % 8);
}

struct slice host_canonical(struct slice host, char mem[HOST_TEXT])
{
	struct host h;

	if (slice_find(host, ':') < 0 || !read_address(AF_INET6, host, &h))
		return host;
	memcpy(mem, h.name, h.name_len);
	return slice_of(mem, h.name_len);
}
