/* A configuration file. */

#include "policy/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_error err;
	struct config *c = NULL;

	(void)config_parse("t.yaml", slice_of(data, size), &c, &err);
	config_free(&c);
	return 0;
}
