/* gateway/address.c - socket addresses as text. */

#include "gateway/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"

uint16_t address_port(const union resolve_addr *a)
{
	return ntohs(a->sa.sa_family == AF_INET ? a->v4.sin_port
						: a->v6.sin6_port);
}

void address_print(const union resolve_addr *a, char ret[ADDRESS_MAX])
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (a->sa.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof(text));
		(void)snprintf(ret, ADDRESS_MAX, "%s:%u", text,
			       address_port(a));
	} else {
		(void)inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof(text));
		(void)snprintf(ret, ADDRESS_MAX, "[%s]:%u", text,
			       address_port(a));
	}
}

int address_parse(struct slice text, union resolve_addr *ret)
{
	struct authority a;
	union resolve_addr addr = { 0 };

	if (authority_parse(text, &a) < 0 || a.kind == HOST_NAME || !a.port)
		return ERR_SYNTAX;
	if (a.kind == HOST_IPV4) {
		addr.v4.sin_family = AF_INET;
		addr.v4.sin_port = htons(a.port);
		if (inet_pton(AF_INET, a.host, &addr.v4.sin_addr) != 1)
			return ERR_SYNTAX;
	} else {
		addr.v6.sin6_family = AF_INET6;
		addr.v6.sin6_port = htons(a.port);
		if (inet_pton(AF_INET6, a.host, &addr.v6.sin6_addr) != 1)
			return ERR_SYNTAX;
	}
	*ret = addr;
	return 0;
}

void address_authority(const union resolve_addr *a, struct authority *ret)
{
	const void *bits = a->sa.sa_family == AF_INET
				   ? (const void *)&a->v4.sin_addr
				   : (const void *)&a->v6.sin6_addr;

	*ret = (struct authority){ .kind = a->sa.sa_family == AF_INET
						   ? HOST_IPV4
						   : HOST_IPV6,
				   .port = address_port(a) };
	(void)inet_ntop(a->sa.sa_family, bits, ret->host, sizeof(ret->host));
	ret->host_len = (uint8_t)strlen(ret->host);
}

bool address_eq(const union resolve_addr *a, const union resolve_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family ||
	    address_port(a) != address_port(b))
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
}
