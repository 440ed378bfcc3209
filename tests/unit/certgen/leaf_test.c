/* tests/unit/certgen/leaf_test.c - what a leaf says, and who believes it. */

#include "tests/unit/certgen/state.h"

#include <sys/wait.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "base/err.h"
#include "certgen/certgen.h"
#include "certgen/leaf.h"
#include "certgen/root.h"

struct bench {
	struct state *state;
	struct root *root;
	struct leaf_key key;
	int64_t now_s;
};

static int setup_with(void **ctx, enum root_key kind)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct root_options o = { .key = kind };
	struct root_error err;

	assert_non_null(b);
	(void)state_setup((void **)&b->state);
	b->now_s = (int64_t)time(NULL);
	o.state_dir = b->state->dir;
	o.now_s = b->now_s;
	assert_int_equal(root_open(&o, &b->root, &err), 0);
	assert_int_equal(leaf_key_init(&b->key), 0);
	*ctx = b;
	return 0;
}

static int setup(void **ctx)
{
	return setup_with(ctx, ROOT_P256);
}

static int setup_rsa(void **ctx)
{
	return setup_with(ctx, ROOT_RSA);
}

static int teardown(void **ctx)
{
	struct bench *b = *ctx;

	leaf_key_done(&b->key);
	root_free(&b->root);
	(void)state_teardown((void **)&b->state);
	free(b);
	return 0;
}

static X509 *minted(const struct bench *b, const char *name)
{
	struct leaf leaf;
	const unsigned char *p = leaf.der;
	X509 *cert;

	assert_int_equal(
		leaf_mint(b->root, &b->key, slice_str(name), b->now_s, &leaf),
		0);
	cert = d2i_X509(NULL, &p, leaf.der_len);
	assert_non_null(cert);
	assert_ptr_equal(p, leaf.der + leaf.der_len);
	return cert;
}

/* The one name that the certificate has, as it stands in the SAN. */
static void only_name(X509 *cert, int type, const void *want, size_t len)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	ASN1_STRING *value;
	int got;

	assert_non_null(names);
	assert_int_equal(sk_GENERAL_NAME_num(names), 1);
	value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &got);
	assert_int_equal(got, type);
	assert_int_equal(ASN1_STRING_length(value), len);
	assert_memory_equal(ASN1_STRING_get0_data(value), want, len);
	GENERAL_NAMES_free(names);
}

/* 1 when a strict verifier with only our root in its store takes cert. */
static int verifies(const struct bench *b, X509 *cert, const char *host,
		    const char *ip)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *vctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int ok;

	assert_int_equal(X509_STORE_add_cert(store, root_cert(b->root)), 1);
	assert_int_equal(X509_STORE_CTX_init(vctx, store, cert, NULL), 1);
	param = X509_STORE_CTX_get0_param(vctx);
	assert_int_equal(
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT), 1);
	assert_int_equal(
		X509_STORE_CTX_set_purpose(vctx, X509_PURPOSE_SSL_SERVER), 1);
	if (host)
		assert_int_equal(X509_VERIFY_PARAM_set1_host(param, host, 0),
				 1);
	if (ip)
		assert_int_equal(X509_VERIFY_PARAM_set1_ip_asc(param, ip), 1);
	ok = X509_verify_cert(vctx) == 1;
	X509_STORE_CTX_free(vctx);
	X509_STORE_free(store);
	return ok;
}

static void has_the_fields(void **ctx)
{
	const struct bench *b = *ctx;
	X509 *cert = minted(b, "api.example.com");
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(cert);
	const ASN1_OCTET_STRING *aki = X509_get0_authority_key_id(cert);
	char cn[80];

	assert_int_equal(X509_get_version(cert), X509_VERSION_3);
	assert_int_equal(X509_check_ca(cert), 0);
	assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(cert), XKU_SSL_SERVER);
	assert_int_equal(
		ASN1_OCTET_STRING_cmp(
			aki, X509_get0_subject_key_id(root_cert(b->root))),
		0);
	assert_int_not_equal(ASN1_OCTET_STRING_cmp(aki, ski), 0);
	assert_int_equal(X509_get_ext_count(cert), 6);
	assert_int_equal(
		X509_NAME_cmp(X509_get_issuer_name(cert),
			      X509_get_subject_name(root_cert(b->root))),
		0);
	assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(cert),
					      NID_commonName, cn,
					      sizeof(cn)) > 0);
	assert_string_equal(cn, "api.example.com");
	only_name(cert, GEN_DNS, "api.example.com", 15);
	assert_int_equal(
		ASN1_TIME_cmp_time_t(X509_get0_notBefore(cert),
				     (time_t)(b->now_s - CERTGEN_BACKDATE_S)),
		0);
	assert_int_equal(
		ASN1_TIME_cmp_time_t(X509_get0_notAfter(cert),
				     (time_t)(b->now_s + CERTGEN_LEAF_S)),
		0);
	X509_free(cert);
}

static void keeps_the_keys_apart(void **ctx)
{
	const struct bench *b = *ctx;
	X509 *cert = minted(b, "a.test");
	const unsigned char *p = b->key.der;
	EVP_PKEY *sent = d2i_AutoPrivateKey(NULL, &p, b->key.der_len);
	struct leaf_key other;

	assert_non_null(sent);
	assert_int_equal(X509_check_private_key(cert, sent), 1);
	assert_int_not_equal(EVP_PKEY_eq(sent, root_private_key(b->root)), 1);
	assert_int_equal(EVP_PKEY_get_base_id(sent), EVP_PKEY_EC);
	assert_int_equal(EVP_PKEY_get_bits(sent), 256);

	assert_int_equal(leaf_key_init(&other), 0);
	assert_memory_not_equal(other.point, b->key.point, LEAF_POINT);
	leaf_key_done(&other);
	assert_int_equal(other.der_len, 0);
	EVP_PKEY_free(sent);
	X509_free(cert);
}

static void gives_each_its_serial(void **ctx)
{
	const struct bench *b = *ctx;
	X509 *first = minted(b, "a.test");
	X509 *second = minted(b, "a.test");
	const ASN1_INTEGER *one = X509_get0_serialNumber(first);
	const ASN1_INTEGER *two = X509_get0_serialNumber(second);

	assert_int_not_equal(ASN1_INTEGER_cmp(one, two), 0);
	assert_in_range(ASN1_STRING_length(one), 13, 16);
	assert_in_range(ASN1_STRING_length(two), 13, 16);
	assert_int_equal(ASN1_STRING_type(one), V_ASN1_INTEGER); /* positive */
	X509_free(first);
	X509_free(second);
}

static void verifies_for_its_name_only(void **ctx)
{
	static const char *const names[] = {
		"example.com",	  "a.b-c.example.com", "xn--bcher-kva.example",
		"_dmarc.x.test",  "intranet",	       "3com.test",
		"r3---sn-x.test",
	};
	const struct bench *b = *ctx;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		X509 *cert = minted(b, names[i]);

		assert_true(verifies(b, cert, names[i], NULL));
		assert_false(verifies(b, cert, "other.test", NULL));
		assert_false(verifies(b, cert, NULL, "127.0.0.1"));
		X509_free(cert);
	}
}

static void verifies_for_an_address(void **ctx)
{
	static const uint8_t v4[] = { 192, 0, 2, 7 };
	static const uint8_t v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	const struct bench *b = *ctx;
	X509 *cert = minted(b, "192.0.2.7");

	only_name(cert, GEN_IPADD, v4, sizeof(v4));
	assert_true(verifies(b, cert, NULL, "192.0.2.7"));
	assert_false(verifies(b, cert, NULL, "192.0.2.8"));
	X509_free(cert);

	cert = minted(b, "2001:db8::1");
	only_name(cert, GEN_IPADD, v6, sizeof(v6));
	assert_true(verifies(b, cert, NULL, "2001:db8::1"));
	X509_free(cert);
}

/* len octets of 63-octet labels. */
static void long_name(char *ret, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ret[i] = i % 64 == 63 ? '.' : 'a';
	ret[len] = '\0';
}

static int san_is_critical(X509 *cert)
{
	int at = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1);

	return X509_EXTENSION_get_critical(X509_get_ext(cert, at));
}

/* At 65 octets the subject is empty, and then the SAN must be critical. */
static void fits_long_names(void **ctx)
{
	static const size_t lens[] = { 63, 62 + 2, 66, 127, 253 };
	const struct bench *b = *ctx;
	char name[300];

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		X509 *cert;
		int entries;

		long_name(name, lens[i]);
		if (name[lens[i] - 1] == '.')
			name[lens[i] - 2] = '.', name[lens[i] - 1] = 'a';
		cert = minted(b, name);
		entries = X509_NAME_entry_count(X509_get_subject_name(cert));
		assert_int_equal(entries, lens[i] <= 64 ? 1 : 0);
		assert_int_equal(san_is_critical(cert), lens[i] > 64);
		only_name(cert, GEN_DNS, name, lens[i]);
		assert_true(verifies(b, cert, name, NULL));
		X509_free(cert);
	}
}

static bool mints(const struct bench *b, struct slice name)
{
	struct leaf leaf;

	return leaf_mint(b->root, &b->key, name, b->now_s, &leaf) == 0;
}

static void refuses_bad_names(void **ctx)
{
	static const struct slice bad[] = {
		SLICE(""),
		SLICE("."),
		SLICE("a."),
		SLICE(".a"),
		SLICE("a..b"),
		SLICE("a.com,DNS:bank.com"),
		SLICE("a.com\nDNS:bank.com"),
		SLICE("a.com\r\nX: y"),
		SLICE("a.com\0.bank.com"),
		SLICE("\0"),
		SLICE("a.com/CN=bank.com"),
		SLICE("../../etc/passwd"),
		SLICE("<script>alert(1)</script>"),
		SLICE("*.example.com"),
		SLICE("*"),
		SLICE("A.example"),
		SLICE("a b"),
		SLICE("a@b"),
		SLICE("a:443"),
		SLICE("[::1]"),
		SLICE("fe80::1%eth0"),
		SLICE("b\xc3\xbc"
		      "cher.example"),
		SLICE("127.1"),
		SLICE("2130706433"),
		SLICE("0x7f000001"),
		SLICE("0x7f.1"),
		SLICE("1.0x7f"),
		SLICE("0177.0.0.1"),
		SLICE("1.2.3.4.5"),
		SLICE("256.1.1.1"),
		SLICE("DNS:a.com"),
		SLICE("a\\.b"),
		SLICE("a\x7f"),
	};
	const struct bench *b = *ctx;
	char label[80];
	struct leaf leaf, before;

	memset(&leaf, 0x5a, sizeof(leaf));
	before = leaf;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(
			leaf_mint(b->root, &b->key, bad[i], b->now_s, &leaf),
			ERR_SYNTAX);
		assert_memory_equal(&leaf, &before, sizeof(leaf));
	}
	memset(label, 'a', sizeof(label));
	assert_true(mints(b, slice_of(label, 63)));
	assert_false(mints(b, slice_of(label, 64)));
}

static void refuses_names_over_253(void **ctx)
{
	char name[300];

	long_name(name, 253);
	assert_true(mints(*ctx, slice_of(name, 253)));
	long_name(name, 254);
	assert_false(mints(*ctx, slice_of(name, 254)));
}

/* Every octet, alone in a label: only those that can be in a name. */
static void takes_only_ldh(void **ctx)
{
	for (int c = 0; c < 256; c++) {
		char name[] = { 'x', (char)c, 'x', '.', 't' };
		bool want = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '_' || c == '.';

		assert_int_equal(mints(*ctx, slice_of(name, sizeof(name))),
				 want);
	}
}

static void never_outlives_the_ca(void **ctx)
{
	const struct bench *b = *ctx;
	int64_t end = root_until_s(b->root);
	struct leaf leaf;

	assert_int_equal(
		leaf_mint(b->root, &b->key, SLICE("a.test"), end - 3600, &leaf),
		0);
	assert_int_equal(leaf.until_s, end);
	leaf.until_s = 0;
	assert_int_equal(
		leaf_mint(b->root, &b->key, SLICE("a.test"), end, &leaf),
		ERR_STALE);
	assert_int_equal(leaf.until_s, 0);
}

static int run_verify(const struct state *s, const char *leaf)
{
	char ca[128], path[128];
	pid_t pid;
	int status = -1;

	(void)snprintf(ca, sizeof(ca), "%s", state_path(s, "ca.pem"));
	(void)snprintf(path, sizeof(path), "%s", state_path(s, leaf));
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		(void)dup2(null, STDOUT_FILENO);
		(void)execlp("openssl", "openssl", "verify", "-x509_strict",
			     "-purpose", "sslserver", "-verify_hostname",
			     "api.example.com", "-no-CApath", "-no-CAstore",
			     "-CAfile", ca, path, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void satisfies_openssl_verify(void **ctx)
{
	const struct bench *b = *ctx;
	X509 *cert = minted(b, "api.example.com");
	FILE *f = fopen(state_path(b->state, "leaf.pem"), "w");
	int status;

	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, cert), 1);
	(void)fclose(f);
	X509_free(cert);
	status = run_verify(b->state, "leaf.pem");
	if (status == 127)
		skip();
	assert_int_equal(status, 0);
}

static void verifies_under_rsa(void **ctx)
{
	const struct bench *b = *ctx;
	X509 *cert = minted(b, "example.com");

	assert_true(verifies(b, cert, "example.com", NULL));
	X509_free(cert);
}

static void prints_its_cost(void **ctx)
{
	enum {
		ROUNDS = 500
	};
	const struct bench *b = *ctx;
	struct timespec from, to;
	struct leaf leaf;
	double us;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(leaf_mint(b->root, &b->key,
					   SLICE("api.example.com"), b->now_s,
					   &leaf),
				 0);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	us = ((double)(to.tv_sec - from.tv_sec) * 1e9 +
	      (double)(to.tv_nsec - from.tv_nsec)) /
	     1e3 / ROUNDS;
	print_message("# minting: %.0f us of CPU, %u octets\n", us,
		      leaf.der_len);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(has_the_fields),
		TEST(keeps_the_keys_apart),
		TEST(gives_each_its_serial),
		TEST(verifies_for_its_name_only),
		TEST(verifies_for_an_address),
		TEST(fits_long_names),
		TEST(refuses_bad_names),
		TEST(never_outlives_the_ca),
		TEST(satisfies_openssl_verify),
		TEST(prints_its_cost),
		cmocka_unit_test_setup_teardown(verifies_under_rsa, setup_rsa,
						teardown),
		TEST(refuses_names_over_253),
		TEST(takes_only_ldh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
