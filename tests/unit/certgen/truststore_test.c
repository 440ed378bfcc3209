/* tests/unit/certgen/truststore_test.c - a trust store in Java's format. */

#include "tests/unit/certgen/state.h"

#include <time.h>

#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "base/base.h"
#include "base/err.h"
#include "certgen/facts.h"
#include "certgen/root.h"
#include "certgen/truststore.h"

static void make_ca(const struct state *s)
{
	struct root_options options = { .state_dir = s->dir,
					.now_s = (int64_t)time(NULL) };
	struct root_error err;
	struct root *root;

	assert_int_equal(root_open(&options, &root, &err), 0);
	root_free(&root);
}

/* Every bag is a certificate with a name of its own that Java trusts. */
static int check_bags(const STACK_OF(PKCS12_SAFEBAG) * bags)
{
	static const char oracle[] = "2.16.840.1.113894.746875.1.1";
	int usage = OBJ_txt2nid(oracle);

	if (usage == NID_undef)
		usage = OBJ_create(oracle, NULL, NULL);

	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++) {
		PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
		const ASN1_TYPE *attr;
		char oid[32], *name;
		X509 *cert = PKCS12_SAFEBAG_get1_cert(bag);

		assert_non_null(cert);
		X509_free(cert);
		name = PKCS12_get_friendlyname(bag);
		assert_non_null(name);
		assert_int_equal(strtol(name, NULL, 10), i + 1);
		OPENSSL_free(name);
		attr = PKCS12_get_attr_gen(PKCS12_SAFEBAG_get0_attrs(bag),
					   usage);
		assert_non_null(attr);
		assert_int_equal(attr->type, V_ASN1_OBJECT);
		(void)OBJ_obj2txt(oid, sizeof(oid), attr->value.object, 1);
		assert_string_equal(oid, "2.5.29.37.0");
	}
	return sk_PKCS12_SAFEBAG_num(bags);
}

static int count(const char *path)
{
	FILE *f = fopen(path, "rb");
	PKCS12 *p12;
	STACK_OF(PKCS7) * safes;
	STACK_OF(PKCS12_SAFEBAG) * bags;
	int n;

	assert_non_null(f);
	p12 = d2i_PKCS12_fp(f, NULL);
	(void)fclose(f);
	assert_non_null(p12);
	assert_int_equal(PKCS12_mac_present(p12), 0);
	safes = PKCS12_unpack_authsafes(p12);
	assert_int_equal(sk_PKCS7_num(safes), 1);
	bags = PKCS12_unpack_p7data(sk_PKCS7_value(safes, 0));
	n = check_bags(bags);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	PKCS12_free(p12);
	return n;
}

static void test_write(void **ctx)
{
	const struct state *s = *ctx;

	make_ca(s);
	assert_int_equal(truststore_write(state_path(s, "ca.pem"),
					  state_path(s, "out.p12")),
			 0);
	assert_int_equal(count(state_path(s, "out.p12")), 1);
	assert_int_equal(state_mode(s, "out.p12"), 0644);
}

static void test_bundle(void **ctx)
{
	const struct state *s = *ctx;
	static char text[32768];
	const char *ca;

	make_ca(s);
	ca = state_read(s, "ca.pem");
	(void)snprintf(text, sizeof(text), "# words between\n%s\n%s%s", ca, ca,
		       ca);
	state_write(s, "many.pem", text, 0644);
	assert_int_equal(truststore_write(state_path(s, "many.pem"),
					  state_path(s, "out.p12")),
			 0);
	assert_int_equal(count(state_path(s, "out.p12")), 3);
}

static void test_refused(void **ctx)
{
	const struct state *s = *ctx;

	state_write(s, "empty.pem", "", 0644);
	assert_int_equal(truststore_write(state_path(s, "empty.pem"),
					  state_path(s, "out.p12")),
			 ERR_SYNTAX);
	assert_int_equal(truststore_write(state_path(s, "none.pem"),
					  state_path(s, "out.p12")),
			 -ENOENT);
	assert_false(state_has(s, "out.p12"));
	make_ca(s);
	assert_int_equal(truststore_write(state_path(s, "ca.pem"),
					  state_path(s, "none/out.p12")),
			 -ENOENT);
}

/* The words of `penstock ca show`, against those of the openssl program. */
static void test_facts(void **ctx)
{
	const struct state *s = *ctx;
	struct facts facts = { .key = "untouched" };
	uint8_t der[4096];
	size_t len = 7;

	assert_int_equal(facts_read(state_path(s, "ca.pem"), &facts), -ENOENT);
	assert_string_equal(facts.key, "untouched");
	assert_int_equal(
		facts_der(state_path(s, "ca.pem"), der, sizeof(der), &len),
		-ENOENT);
	assert_int_equal(len, 7);
	make_ca(s);
	assert_int_equal(facts_read(state_path(s, "ca.pem"), &facts), 0);
	assert_int_equal(strncmp(facts.subject, "Penstock CA (", 13), 0);
	assert_int_equal(strlen(facts.sha256), 95);
	assert_string_equal(facts.key, "P-256");
	assert_true(facts.until_s - facts.from_s > ROOT_LIFE_S);
	assert_int_equal(facts_der(state_path(s, "ca.pem"), der, 16, &len),
			 ERR_LIMIT);
	assert_int_equal(
		facts_der(state_path(s, "ca.pem"), der, sizeof(der), &len), 0);
	assert_int_equal(der[0], 0x30);
	state_write(s, "bad.pem", "nothing\n", 0644);
	assert_int_equal(facts_read(state_path(s, "bad.pem"), &facts),
			 ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write, state_setup,
						state_teardown),
		cmocka_unit_test_setup_teardown(test_bundle, state_setup,
						state_teardown),
		cmocka_unit_test_setup_teardown(test_facts, state_setup,
						state_teardown),
		cmocka_unit_test_setup_teardown(test_refused, state_setup,
						state_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
