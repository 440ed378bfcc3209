/* tests/fuzz/http_authority_fuzz.c - any octets as "host[:port]"; what is
 * accepted prints to what parses to the same, and holds no octet that a log, a
 * certificate or a resolver could trip over.
 */

#include <assert.h>
#include <stdio.h>

#include "http/authority.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct authority a, again;
	char text[HOST_MAX + 16];
	size_t safe;

	if (authority_parse(slice_of(data, len), &a))
		return 0;
	assert(a.host_len == strlen(a.host) && a.host_len);
	safe = strspn(a.host, "abcdefghijklmnopqrstuvwxyz0123456789-._:");
	assert(safe == a.host_len);
	assert((strchr(a.host, ':') != NULL) == (a.kind == HOST_IPV6));
	(void)snprintf(text, sizeof(text),
		       a.kind == HOST_IPV6 ? "[%s]:%u" : "%s:%u", a.host,
		       a.port ? a.port : 1u);
	assert(!authority_parse(slice_str(text), &again));
	assert(again.kind == a.kind && !strcmp(again.host, a.host));
	return 0;
}
