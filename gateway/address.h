/* gateway/address.h - socket addresses as text. */
#ifndef GATEWAY_ADDRESS_H
#define GATEWAY_ADDRESS_H

#include <stdbool.h>

#include "gateway/resolve.h"
#include "http/authority.h"

#define ADDRESS_MAX 64 /* "[v6]:port" */

/* "1.2.3.4:80", "[::1]:80". */
void address_print(const union resolve_addr *a, char ret[ADDRESS_MAX]);

/* "ADDR:PORT" as above. Returns 0 or ERR_SYNTAX. */
int address_parse(struct slice text, union resolve_addr *ret);

/* The address as an authority: kind, canonical text, port. */
void address_authority(const union resolve_addr *a, struct authority *ret);

uint16_t address_port(const union resolve_addr *a);
bool address_eq(const union resolve_addr *a, const union resolve_addr *b);

#endif
