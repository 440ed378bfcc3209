/* tests/fuzz/gateway_hello_fuzz.c - any octets as a ClientHello; the answer is
 * the same whether they come at once or one by one.
 */

#include <assert.h>
#include <stdint.h>

#include "gateway/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct hello whole, piece;
	int all = hello_parse(slice_of(data, len), &whole);
	int one = 0;

	for (size_t n = 0; n <= len && one == 0; n++)
		one = hello_parse(slice_of(data, n), &piece);
	assert(all == one);
	if (all != 1)
		return 0;
	assert(whole.has_name == piece.has_name);
	assert(!(whole.has_name && whole.bad_name));
	if (whole.has_name)
		assert(slice_eq(authority_host(&whole.name),
				authority_host(&piece.name)));
	return 0;
}
