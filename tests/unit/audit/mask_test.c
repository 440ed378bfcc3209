/* Tokens are known by their shape wherever they stand; what people look for in
 * a ledger stays.
 */

#include "audit/mask.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "audit/text.h"
#include "base/base.h"

/* In front of each secret what is shown of it, and its length; none of them was
 * ever given to anybody.
 */
static const struct {
	const char *front;
	size_t len;
} known[] = {
	{ "AGE-SECRET-KEY-1", 58 },
	{ "AIza", 35 },
	{ "AKIA", 16 },
	{ "ASIA", 16 },
	{ "ATATT3", 180 },
	{ "ATBB", 28 },
	{ "GOCSPX-", 28 },
	{ "IncomingWebhook/", 32 },
	{ "SG.", 66 },
	{ "bot7012345678:", 35 },
	{ "dapi", 32 },
	{ "dckr_oat_", 32 },
	{ "dckr_pat_", 27 },
	{ "doo_v1_", 64 },
	{ "dop_v1_", 64 },
	{ "dor_v1_", 64 },
	{ "eyJ", 90 },
	{ "figd_", 40 },
	{ "gho_", 36 },
	{ "ghp_", 36 },
	{ "ghr_", 76 },
	{ "ghs_", 36 },
	{ "ghu_", 36 },
	{ "github_pat_", 82 },
	{ "glagent-", 50 },
	{ "glcbt-", 23 },
	{ "gldt-", 20 },
	{ "glft-", 20 },
	{ "glpat-", 20 },
	{ "glptt-", 40 },
	{ "glrt-", 20 },
	{ "glsa_", 41 },
	{ "glsoat-", 20 },
	{ "gsk_", 52 },
	{ "hf_", 34 },
	{ "hvs.", 90 },
	{ "lin_api_", 40 },
	{ "npm_", 36 },
	{ "ntn_", 46 },
	{ "nvapi-", 64 },
	{ "pplx-", 48 },
	{ "pypi-AgE", 150 },
	{ "r8_", 37 },
	{ "rk_live_", 24 },
	{ "rk_test_", 24 },
	{ "rubygems_", 48 },
	{ "sbp_", 40 },
	{ "secret_", 43 },
	{ "services/T0123456/B01234567/", 24 },
	{ "shpat_", 32 },
	{ "sk-", 48 },
	{ "sk-ant-", 100 },
	{ "sk-or-v1-", 64 },
	{ "sk-proj-", 156 },
	{ "sk_live_", 24 },
	{ "sk_test_", 24 },
	{ "sntrys_", 100 },
	{ "triggers/T0123456/7012345678/", 32 },
	{ "tskey-", 30 },
	{ "tvly-", 32 },
	{ "webhooks/1234567890123456789/", 68 },
	{ "whsec_", 32 },
	{ "with/key/", 43 },
	{ "workflows/T0123456/A01234567/123456789/", 24 },
	{ "xai-", 80 },
	{ "xapp-1-", 90 },
	{ "xoxa-", 50 },
	{ "xoxb-", 50 },
	{ "xoxc-", 50 },
	{ "xoxd-", 50 },
	{ "xoxe-", 50 },
	{ "xoxe.", 150 },
	{ "xoxp-", 70 },
	{ "xoxr-", 50 },
	{ "xoxs-", 50 },
	{ "ya29.", 150 },
};

/* Made of letters and digits, with none of the fronts in it. */
static void secret(size_t len, char ret[256])
{
	static const char some[] = "7Kq2vXz9Lm4Tj8Rw3Nc6Pb1Hd5";

	for (size_t i = 0; i < len; i++)
		ret[i] = some[i % (sizeof(some) - 1)];
	ret[len] = '\0';
}

static void expect(enum text_kind kind, const char *in, const char *want)
{
	char got[4096];
	bool cut = false;
	size_t n = text_copy(kind, slice_str(in), got, sizeof(got) - 1, &cut);

	got[n] = '\0';
	assert_false(cut);
	assert_string_equal(got, want);
	if (strcmp(in, want) != 0)
		assert_true(text_needs_mask(slice_str(in)));
}

/* Where tokens stand: %s is front and secret. */
static const struct {
	enum text_kind kind;
	const char *around;
} places[] = {
	{ TEXT_PATH, "%s%s" },
	{ TEXT_PATH, "/%s%s" },
	{ TEXT_PATH, "/a/%s%s/b" },
	{ TEXT_PATH, "/a;%s%s/b" },
	{ TEXT_PATH, "/a%%2F%s%s%%2fb" },
	{ TEXT_PATH, "/a%%252F%s%s%%252fb" },
	{ TEXT_PATH, "agent/1 (%s%s; x11)" },
	{ TEXT_PATH, "No rule allows GET https://h.test/%s%s (why)" },
	{ TEXT_QUERY, "%s%s" },
	{ TEXT_QUERY, "q=%s%s&a=b" },
	{ TEXT_QUERY, "u=https://h.test/%s%s?a=b" },
	{ TEXT_QUERY, "u=https%%3A%%2F%%2Fh.test%%2F%s%s%%3Fa%%3Db" },
};

static void put_place(char ret[4096], size_t place, const char *front,
		      const char *body)
{
	static const char *const parts = "%s%s";
	const char *around = places[place].around;
	const char *at = strstr(around, parts);
	size_t len = 0;

	for (const char *p = around; *p; p++) {
		if (p == at) {
			len += (size_t)snprintf(ret + len, 4096 - len, "%s%s",
						front, body);
			p += 3;
			continue;
		}
		if (p[0] == '%' && p[1] == '%')
			p++;
		ret[len++] = *p;
	}
	ret[len] = '\0';
}

static void masks_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		char body[256], in[4096], want[4096];

		secret(known[i].len, body);
		for (size_t k = 0; k < ARRAY_SIZE(places); k++) {
			put_place(in, k, known[i].front, body);
			put_place(want, k, known[i].front, TEXT_MASK);
			expect(places[k].kind, in, want);
		}
	}
}

/* Every octet of it may be percent-encoded. */
static void masks_encoded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		char body[256], in[4096] = "/", want[4096] = "/";
		const char *front = known[i].front;
		size_t n = 1, len = strlen(front);

		secret(known[i].len, body);
		for (const char *p = front; *p; p++)
			n += (size_t)snprintf(in + n, sizeof(in) - n, "%%%02x",
					      (unsigned)*p);
		memcpy(want, in, n);
		(void)snprintf(want + n, sizeof(want) - n, "***");
		for (const char *p = body; *p; p++)
			n += (size_t)snprintf(in + n, sizeof(in) - n, "%%%02X",
					      (unsigned)*p);
		assert_int_equal(n, 1 + 3 * (len + known[i].len));
		expect(TEXT_PATH, in, want);
	}
}

/* What belongs to a token is masked with it, and nothing more. */
static void masks_to_its_end(void **state)
{
	(void)state;
	expect(TEXT_PATH, "/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-_/x",
	       "/eyJ***/x");
	expect(TEXT_PATH, "/ghp_7Kq2vXz9Lm4Tj8Rw3Nc6,ghp_7Kq2vXz9Lm4Tj8Rw3Nc6",
	       "/ghp_***,ghp_***");
	expect(TEXT_QUERY, "q=eyJhbGciOiJIUzI1NiJ9aa==&b=1", "q=eyJ***&b=1");
	expect(TEXT_PATH, "/ghp_7Kq2vXz9Lm4Tj8Rw3Nc6\n/x", "/ghp_***\\x0a/x");
	expect(TEXT_PATH, "/https://x:glpat-7Kq2vXz9Lm4Tj8Rw3Nc6@h.test/",
	       "/https://***@h.test/");
	expect(TEXT_PATH, "/sk-7Kq2vXz9_Lm4-Tj8Rw3Nc6Q", "/sk-***");
	expect(TEXT_QUERY, "token=ghp_7Kq2vXz9Lm4Tj8Rw3Nc6/x&b=1",
	       "token=***&b=1");
}

/* Ordinary texts, some of which begin as a token would. */
static const char *const ordinary[] = {
	"/",
	"/repos/acme/site/commits/3f786850e387550fdab836ed7e6dc881de23001b",
	"/acme/site/commit/3F786850E387550FDAB836ED7E6DC881DE23001B",
	"/v2/app/blobs/sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd1"
	"5d6c15b0f00a08",
	"/files/550e8400-e29b-41d4-a716-446655440000/x",
	"/by-hash/SHA256/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c",
	"/@typescript-eslint/eslint-plugin/-/eslint-plugin-8.1.0.tgz",
	"/@scope%2feslint-plugin-react-hooks",
	"/packages/hf_transfer-0.1.9-cp38-abi3-manylinux_2_17_x86_64.whl",
	"/packages/hf_xet-1.1.0-cp37-abi3-manylinux_2_17_x86_64.whl",
	"/simple/pypi-server-with-a-long-name-2/",
	"/npm_config_registry_of_somebody_else_0123456789",
	"/github.com/!burnt!sushi/toml/@v/v1.3.2.mod",
	"/sk-SK/produkty/dlhy-nazov-jedneho-produktu-2024",
	"/simple/sk-learn-internationalization-helpers-of-2024/",
	"/pool/main/x/xapp/xapp-sn-watcher-of-cinnamon_2.4_amd64.deb",
	"/disk-3f786850e387550fdab836ed7e6dc881de23001b",
	"/perf_3f786850e387550fdab836ed7e6dc881de23001bab",
	"/bot/3f786850e387550fdab836ed7e6dc881de23001b",
	"/robot123:3f786850e387550fdab836ed7e6dc881de23001b",
	"/bot123/3f786850e387550fdab836ed7e6dc881de23001b",
	"/services/3f786850e387550fdab836ed7e6dc881de23001b",
	"/services/Teams/Boards/retrospective",
	"/repos/acme/site/hooks/123456789/deliveries",
	"/api/webhooks/1234567890/deliveries/12345678901234567890",
	"/reference/react/hooks/useIsomorphicLayoutEffect",
	"/crates/secret_service/secret_service-3.0.1.crate",
	"/ghp_tooshort1",
	"/gho_st_stories_for_the_evening",
	"/glpat-of-some-gallery-of-paintings",
	"/eyJhbGciOiJI",
	"/AKIASOMETHING",
	"/ASIAN-cuisine-of-the-2024-season",
	"/reg/v2/eyjafjallajokull-volcano-2010/",
	"/a/webhooks/discord-integration-of-2024",
	"npm/10.8.2 node/v20.19.2 linux x64 workspaces/false",
	"pip/24.3.1 {\"ci\":null,\"cpu\":\"x86_64\",\"implementation\":{\"name\""
	":\"CPython\",\"version\":\"3.11.2\"},\"setuptools_version\":\"66.1.1\"}",
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/131.0.0.0 Safari/537.36",
	"docker/24.0.7 go/go1.20.10 git-commit/311b9ff0aa93aa55880e1e5f8871c4fb6"
	"9583426 kernel/6.1 os/linux arch/amd64",
	"aws-cli/2.15.30 md/installer#exe md/prompt#off cfg/retry-mode#standard",
	"git:read https://github.com/acme/* max-body=1M note=of the team",
	"GET https://h.test/x?service=git-upload-pack",
};

static void leaves_ordinary(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ordinary); i++) {
		expect(TEXT_PATH, ordinary[i], ordinary[i]);
		expect(TEXT_QUERY, ordinary[i], ordinary[i]);
	}
	expect(TEXT_QUERY, "q=keyword+of+3f786850e387550fdab836ed7e6dc881de23",
	       "q=keyword+of+3f786850e387550fdab836ed7e6dc881de23");
}

/* What is cut off has no say: all that fits is as it would be without bound. */
static void masks_before_it_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		char body[256], in[4096], whole[512], got[512];
		bool cut = false;
		size_t len, n;

		secret(known[i].len, body);
		put_place(in, 2, known[i].front, body);
		len = text_copy(TEXT_PATH, slice_str(in), whole, sizeof(whole),
				&cut);
		assert_false(cut);
		for (size_t max = 0; max < len; max++) {
			n = text_copy(TEXT_PATH, slice_str(in), got, max, &cut);
			assert_true(cut && n <= max);
			assert_memory_equal(got, whole, n);
		}
	}
}

/* Keys, in the spelling of those who send them. */
static void knows_keys(void **state)
{
	static const char *const secrets[] = {
		"PHPSESSID=",	   "JSESSIONID",      "passcode", "X-Api-Key",
		"device_code",	   "id_token",	      "totp",	  "sig",
		"client%5Fsecret", "X-Amz-Signature",
	};
	static const char *const others[] = {
		"",	  "page",      "code_of_country", "design", "keyword",
		"author", "passenger", "pinned",	  "side",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		assert_true(mask_key(slice_str(secrets[i])));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(mask_key(slice_str(others[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masks_known),
		cmocka_unit_test(masks_encoded),
		cmocka_unit_test(masks_to_its_end),
		cmocka_unit_test(leaves_ordinary),
		cmocka_unit_test(masks_before_it_cuts),
		cmocka_unit_test(knows_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
