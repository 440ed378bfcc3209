/* tests/fuzz/http_target_fuzz.c - any octets as an authority and a target;
 * what is accepted is canonical: it parses to itself.
 */

#include <assert.h>

#include "base/err.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void authority(struct slice text)
{
	struct authority a, again;

	if (host_parse(text, &a) == 0) {
		assert(a.kind == HOST_NAME && a.host_len <= HOST_MAX);
		assert(host_parse(authority_host(&a), &again) == 0);
		assert(slice_eq(authority_host(&a), authority_host(&again)));
	}
	if (authority_parse(text, &a) == 0 && a.kind != HOST_IPV6) {
		assert(authority_parse(authority_host(&a), &again) == 0);
		assert(slice_eq(authority_host(&a), authority_host(&again)));
		assert(again.port == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *why = NULL;
	struct slice text = slice_of(data, len);
	struct target t;

	authority(text);
	if (target_parse(SLICE("GET"), text, &t, &why) != 0) {
		assert(why);
		return 0;
	}
	assert(t.form == TARGET_ORIGIN || t.form == TARGET_ABSOLUTE);
	assert(t.path.len && !target_check_path(t.path));
	return 0;
}
