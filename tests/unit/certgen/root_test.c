/* tests/unit/certgen/root_test.c - the CA: made, loaded, refused, recovered. */

#include "tests/unit/certgen/state.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "base/err.h"
#include "certgen/certgen.h"
#include "certgen/root.h"

#define NOW_S INT64_C(1800000000) /* 2027-01-15 */

static int open_as(const struct state *s, enum root_key key, int64_t now_s,
		   struct root **ret, struct root_error *err)
{
	struct root_options o = { .state_dir = s->dir,
				  .key = key,
				  .now_s = now_s };

	return root_open(&o, ret, err);
}

static struct root *must_open(const struct state *s)
{
	struct root_error err = { .text = "" };
	struct root *root = NULL;
	int code = open_as(s, ROOT_P256, NOW_S, &root, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(code, 0);
	return root;
}

/* Refused with this code, in one line with these words, nothing returned. */
static void must_refuse(const struct state *s, int64_t now_s, int code,
			const char *words)
{
	struct root_error err = { .text = "" };
	struct root *root = (struct root *)0x1;

	assert_int_equal(open_as(s, ROOT_P256, now_s, &root, &err), code);
	assert_ptr_equal(root, (struct root *)0x1);
	if (!strstr(err.text, words))
		fail_msg("'%s' lacks '%s'", err.text, words);
	assert_null(strchr(err.text, '\n'));
}

static void makes_a_ca(void **ctx)
{
	const struct state *s = *ctx;
	CLEANUP(root_free) struct root *root = must_open(s);
	X509 *cert = root_cert(root);
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	time_t day_before = (time_t)(NOW_S - CERTGEN_BACKDATE_S);
	time_t end = (time_t)(NOW_S + ROOT_LIFE_S);
	char cn[128];

	assert_int_equal(state_mode(s, "ca.pem"), 0644);
	assert_int_equal(state_mode(s, "certgen"), 0700);
	assert_int_equal(state_mode(s, "certgen/ca.key"), 0600);
	assert_false(state_has(s, "ca.pem.new"));
	assert_false(state_has(s, "certgen/ca.key.new"));
	assert_null(strstr(state_read(s, "ca.pem"), "PRIVATE"));

	assert_int_equal(X509_get_version(cert), X509_VERSION_3);
	assert_int_equal(X509_check_ca(cert), 1);
	assert_int_equal(X509_get_pathlen(cert), 0);
	assert_int_equal(X509_get_key_usage(cert),
			 KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_non_null(X509_get0_subject_key_id(cert));
	assert_in_range(ASN1_STRING_length(serial), 14, 16);
	assert_int_equal(X509_verify(cert, root_private_key(root)), 1);
	assert_int_equal(
		ASN1_TIME_cmp_time_t(X509_get0_notBefore(cert), day_before), 0);
	assert_int_equal(ASN1_TIME_cmp_time_t(X509_get0_notAfter(cert), end),
			 0);
	assert_int_equal(root_until_s(root), NOW_S + ROOT_LIFE_S);
	assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(cert),
					      NID_commonName, cn,
					      sizeof(cn)) <= 64);
	assert_memory_equal(cn, "Penstock CA (", 13);
	assert_non_null(strstr(cn, ", 2027-01-15)"));
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(cert),
				       X509_get_issuer_name(cert)),
			 0);
}

static void critical(const X509 *cert, int nid, int want)
{
	int at = X509_get_ext_by_NID(cert, nid, -1);

	assert_true(at >= 0);
	assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(cert, at)),
			 want);
	assert_int_equal(X509_get_ext_by_NID(cert, nid, at), -1);
}

static void marks_what_is_critical(void **ctx)
{
	CLEANUP(root_free) struct root *root = must_open(*ctx);

	critical(root_cert(root), NID_basic_constraints, 1);
	critical(root_cert(root), NID_key_usage, 1);
	critical(root_cert(root), NID_subject_key_identifier, 0);
	assert_int_equal(X509_get_ext_count(root_cert(root)), 3);
}

static void loads_what_it_made(void **ctx)
{
	CLEANUP(root_free) struct root *first = must_open(*ctx);
	CLEANUP(root_free) struct root *second = must_open(*ctx);

	assert_int_equal(X509_cmp(root_cert(first), root_cert(second)), 0);
	assert_int_equal(
		EVP_PKEY_eq(root_private_key(first), root_private_key(second)),
		1);
}

static void makes_rsa_when_asked(void **ctx)
{
	struct root_error err = { .text = "" };
	CLEANUP(root_free) struct root *root = NULL;

	assert_int_equal(open_as(*ctx, ROOT_RSA, NOW_S, &root, &err), 0);
	assert_int_equal(EVP_PKEY_get_base_id(root_private_key(root)),
			 EVP_PKEY_RSA);
	assert_int_equal(EVP_PKEY_get_bits(root_private_key(root)), 3072);
	root_free(&root);
	assert_null(root);
	root = must_open(*ctx); /* and keeps it */
	assert_int_equal(EVP_PKEY_get_base_id(root_private_key(root)),
			 EVP_PKEY_RSA);
}

static void refuses_open_permissions(void **ctx)
{
	static const struct {
		const char *name;
		mode_t bad, good;
	} cases[] = {
		{ "certgen/ca.key", 0640, 0600 },
		{ "certgen/ca.key", 0604, 0600 },
		{ "certgen/ca.key", 0620, 0600 },
		{ "certgen", 0750, 0700 },
		{ "certgen", 0701, 0700 },
		{ "ca.pem", 0664, 0644 },
		{ "ca.pem", 0646, 0644 },
		{ ".", 0770, 0700 },
		{ ".", 01777, 0700 },
	};
	const struct state *s = *ctx;
	struct root *root = must_open(s);

	root_free(&root);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(
			chmod(state_path(s, cases[i].name), cases[i].bad), 0);
		must_refuse(s, NOW_S, ERR_DENIED, "chmod g");
		assert_int_equal(
			chmod(state_path(s, cases[i].name), cases[i].good), 0);
	}
	root = must_open(s);
	root_free(&root);
}

static void refuses_another_owner(void **ctx)
{
	static const char *const names[] = { "certgen/ca.key", "certgen",
					     "ca.pem", "." };
	const struct state *s = *ctx;
	struct root *root = must_open(s);

	root_free(&root);
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(chown(state_path(s, names[i]), 12345, 0), 0);
		must_refuse(s, NOW_S, ERR_DENIED, "chown 0 ");
		assert_int_equal(chown(state_path(s, names[i]), 0, 0), 0);
	}
}

static void refuses_what_is_no_file(void **ctx)
{
	const struct state *s = *ctx;
	struct root *root = must_open(s);
	const char *key = state_path(s, "certgen/ca.key");
	const char *moved = state_path(s, "certgen/moved");

	root_free(&root);
	assert_int_equal(rename(key, moved), 0);
	assert_int_equal(symlink("moved", key), 0);
	must_refuse(s, NOW_S, -ELOOP, "certgen/ca.key");
	assert_int_equal(unlink(key), 0);
	assert_int_equal(mkfifo(key, 0600), 0);
	must_refuse(s, NOW_S, ERR_DENIED, "no regular file");
	assert_int_equal(unlink(key), 0);
	assert_int_equal(rename(moved, key), 0);
	root = must_open(s);
	root_free(&root);
}

static void refuses_garbage(void **ctx)
{
	static const char encrypted[] =
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
		"MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhR\n"
		"-----END ENCRYPTED PRIVATE KEY-----\n";
	const struct state *s = *ctx;
	struct root *root = must_open(s);
	char cert[4096], key[4096];
	char *large = calloc(1, 20000);

	root_free(&root);
	(void)snprintf(cert, sizeof(cert), "%s", state_read(s, "ca.pem"));
	(void)snprintf(key, sizeof(key), "%s", state_read(s, "certgen/ca.key"));

	state_write(s, "ca.pem", "no certificate\n", 0644);
	must_refuse(s, NOW_S, ERR_SYNTAX, "holds no certificate");
	state_write(s, "ca.pem", "", 0644);
	must_refuse(s, NOW_S, ERR_SYNTAX, "holds no certificate");
	state_write(s, "ca.pem", cert, 0644);

	state_write(s, "certgen/ca.key", "", 0600);
	must_refuse(s, NOW_S, ERR_SYNTAX, "holds no private key");
	state_write(s, "certgen/ca.key", cert, 0600);
	must_refuse(s, NOW_S, ERR_SYNTAX, "holds no private key");
	state_write(s, "certgen/ca.key", encrypted, 0600);
	must_refuse(s, NOW_S, ERR_SYNTAX, "without password");
	assert_non_null(large);
	memset(large, 'A', 19999);
	state_write(s, "certgen/ca.key", large, 0600);
	must_refuse(s, NOW_S, ERR_LIMIT, "certgen/ca.key");
	free(large);

	state_write(s, "certgen/ca.key", key, 0600);
	root = must_open(s);
	root_free(&root);
}

static void refuses_a_weak_key(void **ctx)
{
	const struct state *s = *ctx;
	struct root *root = must_open(s);
	EVP_PKEY *weak = EVP_RSA_gen(1024);
	FILE *f = fopen(state_path(s, "certgen/ca.key"), "w");

	root_free(&root);
	assert_non_null(weak);
	assert_non_null(f);
	assert_int_equal(
		PEM_write_PKCS8PrivateKey(f, weak, NULL, NULL, 0, NULL, NULL),
		1);
	(void)fclose(f);
	EVP_PKEY_free(weak);
	must_refuse(s, NOW_S, ERR_DENIED, "too weak");
}

static void refuses_another_cas_certificate(void **ctx)
{
	const struct state *s = *ctx;
	struct root *root = must_open(s);
	char cert[4096];

	root_free(&root);
	(void)snprintf(cert, sizeof(cert), "%s", state_read(s, "ca.pem"));
	assert_int_equal(unlink(state_path(s, "ca.pem")), 0);
	assert_int_equal(unlink(state_path(s, "certgen/ca.key")), 0);
	root = must_open(s);
	root_free(&root);
	state_write(s, "ca.pem", cert, 0644);
	must_refuse(s, NOW_S, ERR_DENIED, "is not the certificate of");
}

static void refuses_out_of_date(void **ctx)
{
	const struct state *s = *ctx;
	struct root *root = must_open(s);
	int64_t end = root_until_s(root);
	struct root_error err = { .text = "" };

	root_free(&root);
	must_refuse(s, end + 1, ERR_STALE, "has expired; remove it");
	must_refuse(s, NOW_S - 2 * 86400, ERR_STALE, "clock");
	assert_int_equal(open_as(s, ROOT_P256, end - 1, &root, &err), 0);
	root_free(&root);
}

static void finishes_a_half_made_ca(void **ctx)
{
	const struct state *s = *ctx;
	CLEANUP(root_free) struct root *first = must_open(s);
	CLEANUP(root_free) struct root *second = NULL;

	/* Killed between the renames, with the second file being written. */
	assert_int_equal(unlink(state_path(s, "ca.pem")), 0);
	state_write(s, "ca.pem.new", "-----BEGIN CERTI", 0600);
	second = must_open(s);
	assert_int_equal(
		EVP_PKEY_eq(root_private_key(first), root_private_key(second)),
		1);
	assert_int_equal(state_mode(s, "ca.pem"), 0644);
	assert_false(state_has(s, "ca.pem.new"));
}

static void begins_anew_after_an_early_kill(void **ctx)
{
	const struct state *s = *ctx;
	struct root *root;

	assert_int_equal(mkdir(state_path(s, "certgen"), 0700), 0);
	state_write(s, "certgen/ca.key.new", "-----BEGIN PRI", 0600);
	root = must_open(s);
	assert_false(state_has(s, "certgen/ca.key.new"));
	root_free(&root);
}

static void refuses_a_certificate_alone(void **ctx)
{
	const struct state *s = *ctx;
	struct root *root = must_open(s);

	root_free(&root);
	assert_int_equal(unlink(state_path(s, "certgen/ca.key")), 0);
	must_refuse(s, NOW_S, ERR_DENIED, "has lost its key");
	assert_false(state_has(s, "certgen/ca.key"));
}

static void says_where_there_is_no_directory(void **ctx)
{
	const struct state *s = *ctx;
	struct state missing;

	(void)snprintf(missing.dir, sizeof(missing.dir), "%.32s/none", s->dir);
	must_refuse(&missing, NOW_S, -ENOENT, "/none: No such file");
}

/* Kill a maker at any moment: the next start has a CA that works. */
static void survives_kills(void **ctx)
{
	const struct state *s = *ctx;

	for (long wait_us = 0; wait_us < 6000; wait_us += 200) {
		struct timespec pause = { .tv_nsec = wait_us * 1000 };
		CLEANUP(root_free) struct root *root = NULL;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			struct root_error err;

			(void)open_as(s, ROOT_P256, NOW_S, &root, &err);
			_exit(0);
		}
		(void)nanosleep(&pause, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		root = must_open(s);
		assert_int_equal(
			X509_verify(root_cert(root), root_private_key(root)),
			1);
		state_empty(s->dir);
	}
}

/* Several at once on an empty directory agree on one CA. */
static void makes_one_for_many(void **ctx)
{
	const struct state *s = *ctx;
	enum {
		MANY = 4
	};
	pid_t pids[MANY];
	int out[2];
	unsigned char first[EVP_MAX_MD_SIZE], other[EVP_MAX_MD_SIZE];

	assert_int_equal(pipe(out), 0);
	for (int i = 0; i < MANY; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct root_error err;
			struct root *root = NULL;
			unsigned char md[EVP_MAX_MD_SIZE] = { 0 };

			if (open_as(s, ROOT_P256, NOW_S, &root, &err) == 0)
				(void)X509_digest(root_cert(root), EVP_sha256(),
						  md, NULL);
			_exit(write(out[1], md, sizeof(md)) != sizeof(md));
		}
	}
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
		assert_int_equal(read(out[0], i ? other : first, sizeof(other)),
				 sizeof(other));
		if (i)
			assert_memory_equal(first, other, sizeof(other));
	}
	assert_true(first[0] | first[1] | first[2] | first[3]);
	(void)close(out[0]);
	(void)close(out[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, state_setup, state_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(makes_a_ca),
		TEST(marks_what_is_critical),
		TEST(loads_what_it_made),
		TEST(makes_rsa_when_asked),
		TEST(refuses_open_permissions),
		TEST(refuses_another_owner),
		TEST(refuses_what_is_no_file),
		TEST(refuses_garbage),
		TEST(refuses_a_weak_key),
		TEST(refuses_another_cas_certificate),
		TEST(refuses_out_of_date),
		TEST(finishes_a_half_made_ca),
		TEST(begins_anew_after_an_early_kill),
		TEST(refuses_a_certificate_alone),
		TEST(says_where_there_is_no_directory),
		TEST(survives_kills),
		TEST(makes_one_for_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
