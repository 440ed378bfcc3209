/* tests/fuzz/audit_text_fuzz.c - any octets, around a secret, as a text of a
 * record: what comes out is clean and fits, and the secret is not in it.
 *
 * The first two octets of the input are the bound and where the secret stands.
 */

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audit/text.h"
#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char secret[] = "Zkq2vXz9Lm4Tj8Rw3Nc6Pb1Hd5ZKq2vXz9Lm4Tj8Rw3Nc6";
static const char *const before[] = {
	"/ghp_",      "?a=sk-ant-",	" glpat-",
	"&password=", "/bot123456789:", "/services/T01/B02/",
};

static void copy(enum text_kind kind, struct slice s, size_t max)
{
	char *out = malloc(max + 1); /* for the sanitizer to see its end */
	bool cut = false;
	size_t n;

	assert(out);
	n = text_copy(kind, s, out, max, &cut);
	assert(n <= max && text_is_clean(slice_of(out, n)));
	assert(kind == TEXT_PLAIN ||
	       !memmem(out, n, secret, sizeof(secret) / 2));
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *front;
	size_t at, max, n;
	char *in, *p;

	/* A fuzzer that sees what is looked for soon sends it. */
	if (len < 2 || memmem(data, len, secret, sizeof(secret) / 2))
		return 0;
	max = data[0] * 16u;
	front = before[data[1] % ARRAY_SIZE(before)];
	data += 2;
	len -= 2;
	at = len / 2;
	n = len + strlen(front) + sizeof(secret);
	in = malloc(n);
	assert(in);
	p = mempcpy(in, data, at);
	p = mempcpy(p, front, strlen(front));
	p = mempcpy(p, secret, sizeof(secret) - 1);
	*p++ = '/';
	(void)mempcpy(p, data + at, len - at);
	for (int kind = TEXT_PLAIN; kind <= TEXT_QUERY; kind++)
		copy((enum text_kind)kind, slice_of(in, n), max);
	free(in);
	return 0;
}
