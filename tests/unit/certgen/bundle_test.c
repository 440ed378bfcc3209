/* tests/unit/certgen/bundle_test.c - the trust store of a sandbox. */

#include "tests/unit/certgen/state.h"

#include "base/base.h"
#include "base/err.h"
#include "certgen/bundle.h"

static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
			  "MIIBszCCAVmgAwIBAgIQFXH3iG/0YxrJPPBLo8oSvTAKBggq\n"
			  "hkjOPQQDAjAnMSUwIwYDVQQDDBw=\n"
			  "-----END CERTIFICATE-----\n";

static void checks_pem(void **ctx)
{
	static const char *const good[] = {
		"-----BEGIN CERTIFICATE-----\nAA==\n"
		"-----END CERTIFICATE-----",
		"\r\n-----BEGIN CERTIFICATE-----\r\nAA==\r\n"
		"-----END CERTIFICATE-----\r\n\r\n",
	};
	static const char *const bad[] = {
		"",
		"\n",
		"hello\n",
		"-----BEGIN CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nAA==\n",
		"-----BEGIN CERTIFICATE-----\n\nAA==\n"
		"-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nA A\n"
		"-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nAA==\n"
		"-----END CERTIFICATE-----\n"
		"-----BEGIN PRIVATE KEY-----\nAA==\n"
		"-----END PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nAA==\n"
		"-----END PRIVATE KEY-----\n",
		"-----BEGIN CERTIFICATE-----\nAA==\n"
		"-----END CERTIFICATE-----\n"
		"-----BEGIN CERTIFICATE-----\nAA==\n"
		"-----END CERTIFICATE-----\n",
	};

	(void)ctx;
	assert_int_equal(bundle_check(slice_str(pem)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(bundle_check(slice_str(good[i])), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(bundle_check(slice_str(bad[i])), ERR_SYNTAX);
	/* No part of it is the whole; but its last newline may be missing. */
	for (size_t n = 0; n < sizeof(pem) - 2; n++)
		assert_int_equal(bundle_check(slice_of(pem, n)), ERR_SYNTAX);
}

static void joins_both(void **ctx)
{
	const struct state *s = *ctx;
	char want[512];

	state_write(s, "system", "# the system's, last line open", 0644);
	state_write(s, "ca.pem", pem, 0644);
	assert_int_equal(bundle_join(state_path(s, "system"),
				     state_path(s, "ca.pem"),
				     state_path(s, "out")),
			 0);
	(void)snprintf(want, sizeof(want), "# the system's, last line open\n%s",
		       pem);
	assert_string_equal(state_read(s, "out"), want);
	assert_int_equal(state_mode(s, "out"), 0644);
}

static void stands_alone_without_a_system(void **ctx)
{
	const struct state *s = *ctx;

	state_write(s, "ca.pem", pem, 0644);
	assert_int_equal(bundle_join(NULL, state_path(s, "ca.pem"),
				     state_path(s, "out")),
			 0);
	assert_string_equal(state_read(s, "out"), pem);
}

static void leaves_the_old_on_failure(void **ctx)
{
	const struct state *s = *ctx;
	const char *out = state_path(s, "out");

	state_write(s, "out", "old", 0644);
	state_write(s, "ca.pem", "-----BEGIN PRIVATE KEY-----\nAA==\n", 0644);
	assert_int_equal(bundle_join(NULL, state_path(s, "ca.pem"), out),
			 ERR_SYNTAX);
	assert_int_equal(bundle_join(NULL, state_path(s, "none"), out),
			 -ENOENT);
	state_write(s, "ca.pem", pem, 0644);
	assert_int_equal(bundle_join(state_path(s, "none"),
				     state_path(s, "ca.pem"), out),
			 -ENOENT);
	assert_string_equal(state_read(s, "out"), "old");
}

static void refuses_large_files(void **ctx)
{
	const struct state *s = *ctx;

	state_write(s, "ca.pem", pem, 0644);
	state_write(s, "system", "", 0644);
	assert_int_equal(truncate(state_path(s, "system"), 5 << 20), 0);
	assert_int_equal(bundle_join(state_path(s, "system"),
				     state_path(s, "ca.pem"),
				     state_path(s, "out")),
			 ERR_LIMIT);
	assert_int_equal(truncate(state_path(s, "ca.pem"), 20000), 0);
	assert_int_equal(bundle_join(NULL, state_path(s, "ca.pem"),
				     state_path(s, "out")),
			 ERR_LIMIT);
	assert_false(state_has(s, "out"));
}

static void writes_with_this_systems(void **ctx)
{
	const struct state *s = *ctx;
	const char *system_pem = bundle_system_path();
	struct stat with, alone;

	state_write(s, "ca.pem", pem, 0644);
	assert_int_equal(
		bundle_write(state_path(s, "ca.pem"), state_path(s, "out")), 0);
	assert_int_equal(stat(state_path(s, "out"), &with), 0);
	if (!system_pem)
		skip();
	assert_int_equal(stat(system_pem, &alone), 0);
	assert_in_range(with.st_size, (size_t)alone.st_size + sizeof(pem) - 1,
			(size_t)alone.st_size + sizeof(pem));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, state_setup, state_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_pem),
		TEST(joins_both),
		TEST(stands_alone_without_a_system),
		TEST(leaves_the_old_on_failure),
		TEST(refuses_large_files),
		TEST(writes_with_this_systems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
