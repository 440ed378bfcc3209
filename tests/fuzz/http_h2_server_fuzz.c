/* tests/fuzz/http_h2_server_fuzz.c - frames from a hostile client. */

#include "tests/fuzz/h2_owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct owner *o = owner_new(HTTP_SERVER);
	struct bytes b = bytes_of(data, size);
	struct buf in;

	buf_init(&in, 64);
	(void)buf_append_slice(&in, SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
					  "\0\0\0\4\0\0\0\0\0"));
	(void)http_codec_read(o->codec, &in);
	buf_done(&in);
	owner_run(o, &b);
	return 0;
}
