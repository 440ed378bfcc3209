/* tests/fuzz/http_h2_fuzz.c - any octets as a client's HTTP/2. */

#include "tests/fuzz/codec_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return codec_fuzz_run(h2_new, data, len);
}
