/* tests/fuzz/http_h1_response_fuzz.c - any octets as an HTTP/1 response, whole
 * and one by one: both must read the same. Inputs of even length answer a
 * handshake.
 */

#include "tests/fuzz/h1_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct h1_fuzz whole, pieces;
	bool ok;

	if (!len || len > H1_FUZZ_MAX)
		return 0;
	h1_fuzz_init(&whole, HTTP_CLIENT, &h1_fuzz_limits);
	h1_fuzz_init(&pieces, HTTP_CLIENT, &h1_fuzz_limits);
	whole.out.head->upgrade = pieces.out.head->upgrade = len % 2 == 0;
	ok = h1_fuzz_read(&whole, data, len, len);
	assert(h1_fuzz_read(&pieces, data, len, 1) == ok);
	assert(whole.stream.fault == pieces.stream.fault);
	if (ok)
		h1_fuzz_same(&whole, &pieces);
	h1_fuzz_done(&whole);
	h1_fuzz_done(&pieces);
	return 0;
}
