/* tests/fuzz/gateway_dns_fuzz.c - any octets as a question; what is accepted
 * is answered, and the answer is never taken for a question.
 */

#include <assert.h>

#include "gateway/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct in6_addr v6 = IN6ADDR_LOOPBACK_INIT;
	struct dns_query q, again;
	uint8_t answer[DNS_MAX];
	size_t n;

	if (dns_parse(data, len, &q) == 0)
		return 0;
	for (int kind = DNS_ADDRESS; kind <= DNS_SERVFAIL; kind++) {
		n = dns_print(&q, (enum dns_answer)kind, (struct in_addr){ 1 },
			      &v6, slice_of(data, len), answer);
		assert(n <= 512 && dns_parse(answer, n, &again) == 0);
	}
	return 0;
}
