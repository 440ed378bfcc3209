/* tests/fuzz/http_h1_request_fuzz.c - any octets as an HTTP/1 request; what is
 * accepted is written by a client's codec, and a server's must read the same
 * from that.
 */

#include "tests/fuzz/h1_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct h1_fuzz first, again;

	h1_fuzz_init(&first, HTTP_SERVER, &h1_fuzz_limits);
	/* Writing adds fields. */
	h1_fuzz_init(&again, HTTP_SERVER, &http_limits_server);
	if (len <= H1_FUZZ_MAX && h1_fuzz_read(&first, data, len, len) &&
	    !slice_eq(first.in.head->method, SLICE("CONNECT"))) {
		struct buf wire;

		buf_init(&wire, 4 * H1_FUZZ_MAX);
		h1_fuzz_rewrite(&first.in, &wire);
		assert(h1_fuzz_read(&again, buf_data(&wire), buf_len(&wire),
				    1));
		assert(buf_len(&again.inbuf) == 0);
		h1_fuzz_same(&first, &again);
		buf_done(&wire);
	}
	h1_fuzz_done(&first);
	h1_fuzz_done(&again);
	return 0;
}
