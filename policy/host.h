/* policy/host.h - the host of a rule. Private to policy/.
 *
 * As strict as the parser that reads the requests' authorities, and with the
 * same canonical form, so that a rule and a request compare octet by octet.
 */
#ifndef POLICY_HOST_H
#define POLICY_HOST_H

#include "policy/rule.h"

/* What host_read() found; name holds the canonical text. */
struct host {
	enum rule_host kind;
	char name[RULE_HOST_MAX + 1]; /* without wildcard and brackets */
	uint8_t name_len;
	uint8_t addr_len; /* 4 or 16 for addresses */
	uint8_t addr[16];
	uint8_t prefix_bits;
};

/* Read a host without port: "api.example.com", "*.example.com", "[::1]",
 * "10.0.0.0/8". Returns NULL, or a phrase that says what is wrong and
 * *ret_at, the octet of text where; *ret is then unspecified.
 */
const char *host_read(struct slice text, struct host *ret, size_t *ret_at);

/* An address in canonical text, IPv6 without brackets: its 4 or 16 octets.
 * Returns how many, or 0 when host is no address.
 */
uint8_t host_address(struct slice host, uint8_t ret[16]);

/* Does addr, addr_len octets, lie in net/bits, net_len octets? */
bool host_in_prefix(const uint8_t *addr, uint8_t addr_len, const uint8_t *net,
		    uint8_t net_len, uint8_t bits);

/* IPv6 in the one spelling that rules use, for comparing; other hosts as they
 * are. mem has HOST_TEXT octets.
 */
#define HOST_TEXT 48
struct slice host_canonical(struct slice host, char mem[HOST_TEXT]);

#endif
