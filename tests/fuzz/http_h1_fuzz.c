/* tests/fuzz/http_h1_fuzz.c - any octets as a client's HTTP/1. */

#include "tests/fuzz/codec_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return codec_fuzz_run(h1_new, data, len);
}
