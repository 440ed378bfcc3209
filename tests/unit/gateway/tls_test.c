/* tests/unit/gateway/tls_test.c - both sides of the gateway against each other,
 * with certificates of a CA made here.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "base/err.h"
#include "base/loop.h"
#include "gateway/tls.h"
#include "gateway/wire.h"

static struct {
	EVP_PKEY *ca_key, *key;
	X509 *ca;
	char ca_file[64];
	struct tls_ctx *ctx;	 /* trusts the CA */
	struct tls_ctx *strange; /* does not */
} w;

static X509 *mint(X509 *issuer, EVP_PKEY *issuer_key, EVP_PKEY *key,
		  const char *san, long from_s, long until_s)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 7), 1);
	assert_int_equal(
		X509_NAME_add_entry_by_txt(
			name, "CN", MBSTRING_ASC,
			(const unsigned char *)(issuer ? "leaf" : "test CA"),
			-1, -1, 0),
		1);
	assert_int_equal(
		X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer)
					       : name),
		1);
	(void)X509_gmtime_adj(X509_getm_notBefore(x), from_s);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), until_s);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	X509V3_set_ctx(&ctx, issuer ? issuer : x, x, NULL, NULL, 0);
	ext = issuer ? X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name,
					   san)
		     : X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints,
					   "critical,CA:TRUE");
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(x, ext, -1), 1);
	X509_EXTENSION_free(ext);
	assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
	return x;
}

static struct tls_cert *leaf(const char *san, long from_s, long until_s)
{
	X509 *x = mint(w.ca, w.ca_key, w.key, san, from_s, until_s);
	uint8_t *cert = NULL, *key = NULL;
	int cert_len = i2d_X509(x, &cert);
	int key_len = i2d_PrivateKey(w.key, &key);
	struct tls_cert *ret = NULL;

	assert_true(cert_len > 0 && key_len > 0);
	assert_int_equal(tls_cert_new(slice_of(cert, (size_t)cert_len),
				      slice_of(key, (size_t)key_len), &ret),
			 0);
	OPENSSL_free(cert);
	OPENSSL_free(key);
	X509_free(x);
	return ret;
}

static int group_setup(void **state)
{
	const char *files[] = { w.ca_file };
	char err[TLS_ERR_MAX];
	FILE *f;
	int fd;

	(void)state;
	w.ca_key = EVP_EC_gen("P-256");
	w.key = EVP_EC_gen("P-256");
	w.ca = mint(NULL, w.ca_key, w.ca_key, NULL, -86400, 86400);
	(void)snprintf(w.ca_file, sizeof(w.ca_file),
		       "/tmp/penstock-tls-XXXXXX");
	fd = mkstemp(w.ca_file);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, w.ca), 1);
	(void)fclose(f);
	assert_int_equal(tls_ctx_new(files, 1, &w.ctx, err), 0);
	assert_int_equal(tls_ctx_new(NULL, 0, &w.strange, err), 0);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	tls_ctx_free(&w.ctx);
	tls_ctx_free(&w.strange);
	tls_ctx_free(&w.ctx);
	(void)unlink(w.ca_file);
	X509_free(w.ca);
	EVP_PKEY_free(w.ca_key);
	EVP_PKEY_free(w.key);
	return 0;
}

/* The two ends of a connection. */
struct pair {
	int fds[2];
	struct tls *server, *client;
	struct buf prefix;
	int server_rc, client_rc;
};

static void pair_open(struct pair *p, struct tls_ctx *trusts, const char *name,
		      struct tls_cert *cert, struct tls_session *resume)
{
	struct authority host;

	*p = (struct pair){ 0 };
	assert_int_equal(authority_parse(slice_str(name), &host), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
	buf_init(&p->prefix, 65536);
	assert_int_equal(tls_client_new(trusts, p->fds[1], &host, false, resume,
					&p->client),
			 0);
	assert_int_equal(tls_handshake(p->client), 0);
	/* The hello was read before the server's object existed. */
	for (;;) {
		uint8_t *to = buf_reserve(&p->prefix, 512);
		ssize_t n = recv(p->fds[0], to, 512, 0);

		if (n <= 0)
			break;
		buf_commit(&p->prefix, (size_t)n);
	}
	assert_true(buf_len(&p->prefix) > 0);
	assert_int_equal(
		tls_server_new(w.ctx, p->fds[0], &p->prefix, cert, &p->server),
		0);
}

static void pair_shake(struct pair *p)
{
	for (int i = 0; i < 10; i++) {
		if (p->server_rc == 0)
			p->server_rc = tls_handshake(p->server);
		if (p->client_rc == 0)
			p->client_rc = tls_handshake(p->client);
	}
}

static void pair_done(struct pair *p)
{
	tls_free(&p->server);
	tls_free(&p->client);
	assert_null(p->client);
	buf_done(&p->prefix);
	(void)close(p->fds[0]);
	(void)close(p->fds[1]);
}

static void test_octets_and_ends(void **state)
{
	struct tls_cert *cert = leaf("DNS:a.example", -60, 3600);
	struct pair p;
	char text[64];

	(void)state;
	pair_open(&p, w.ctx, "a.example", cert, NULL);
	tls_cert_free(&cert); /* the connection holds its own */
	pair_shake(&p);
	assert_int_equal(p.server_rc, 1);
	assert_int_equal(p.client_rc, 1);
	assert_null(p.prefix.mem);
	assert_true(tls_is_h2(p.server));
	assert_true(tls_is_h2(p.client));
	assert_string_equal(tls_version(p.client), "TLSv1.3");
	assert_int_equal(tls_read(p.server, text, sizeof(text)), 0);
	assert_int_equal(tls_write(p.client, "hello", 5), 5);
	assert_int_equal(tls_read(p.server, text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
	/* With close_notify it is an end, without it is none. */
	assert_true(tls_close(p.client));
	assert_int_equal(tls_read(p.server, text, sizeof(text)), ERR_CLOSED);
	assert_int_equal(tls_write(p.server, "bye", 3), 3);
	assert_int_equal(tls_read(p.client, text, sizeof(text)), 3);
	assert_int_equal(shutdown(p.fds[0], SHUT_RDWR), 0);
	assert_int_equal(tls_read(p.client, text, sizeof(text)), ERR_CUT);
	pair_done(&p);
}

/* What the origin's certificate must be. */
static void test_verification(void **state)
{
	static const struct {
		const char *name, *san;
		long from_s, until_s;
		bool strange;
		int fail; /* -1: it is good */
	} cases[] = {
		{ "a.example", "DNS:a.example", -60, 3600, false, -1 },
		{ "b.a.example", "DNS:*.a.example", -60, 3600, false, -1 },
		{ "10.0.0.1", "IP:10.0.0.1", -60, 3600, false, -1 },
		{ "[2001:db8::1]", "IP:2001:db8::1", -60, 3600, false, -1 },
		{ "b.example", "DNS:a.example", -60, 3600, false,
		  TLS_FAIL_NAME },
		{ "xa.example", "DNS:x*.example", -60, 3600, false,
		  TLS_FAIL_NAME },
		{ "c.b.a.example", "DNS:*.a.example", -60, 3600, false,
		  TLS_FAIL_NAME },
		{ "10.0.0.1", "DNS:10.0.0.1", -60, 3600, false, TLS_FAIL_NAME },
		{ "10.0.0.2", "IP:10.0.0.1", -60, 3600, false, TLS_FAIL_NAME },
		{ "a.example", "DNS:a.example", -7200, -3600, false,
		  TLS_FAIL_EXPIRED },
		{ "a.example", "DNS:a.example", 3600, 7200, false,
		  TLS_FAIL_NOT_YET },
		{ "a.example", "DNS:a.example", -60, 3600, true,
		  TLS_FAIL_UNTRUSTED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tls_cert *cert =
			leaf(cases[i].san, cases[i].from_s, cases[i].until_s);
		struct tls_failure f;
		struct pair p;

		pair_open(&p, cases[i].strange ? w.strange : w.ctx,
			  cases[i].name, cert, NULL);
		pair_shake(&p);
		if (cases[i].fail < 0) {
			assert_int_equal(p.client_rc, 1);
		} else {
			assert_int_equal(p.client_rc, ERR_TLS);
			tls_failure(p.client, &f);
			assert_int_equal(f.kind, cases[i].fail);
			assert_true(f.text[0]);
		}
		pair_done(&p);
		tls_cert_free(&cert);
	}
}

/* The server learns that its CA is not trusted. */
static void test_untrusting(void **state)
{
	struct tls_cert *cert = leaf("DNS:a.example", -60, 3600);
	struct tls_failure f;
	struct pair p;

	(void)state;
	pair_open(&p, w.strange, "a.example", cert, NULL);
	pair_shake(&p);
	assert_int_equal(p.server_rc, ERR_TLS);
	tls_failure(p.server, &f);
	assert_int_equal(f.kind, TLS_FAIL_UNTRUSTING);
	pair_done(&p);
	/* One that just goes is none of those. */
	pair_open(&p, w.ctx, "a.example", cert, NULL);
	assert_int_equal(tls_handshake(p.server), 0);
	assert_int_equal(shutdown(p.fds[1], SHUT_RDWR), 0);
	assert_int_equal(tls_handshake(p.server), ERR_CUT);
	tls_failure(p.server, &f);
	assert_int_equal(f.kind, TLS_FAIL_OTHER);
	pair_done(&p);
	tls_cert_free(&cert);
}

/* The server speaks and is gone: who finds that by writing can still read. */
static void test_last_words(void **state)
{
	struct tls_cert *cert = leaf("DNS:a.example", -60, 3600);
	char text[64];
	struct pair p;

	(void)state;
	pair_open(&p, w.ctx, "a.example", cert, NULL);
	pair_shake(&p);
	assert_int_equal(tls_write(p.server, "last words", 10), 10);
	assert_int_equal(shutdown(p.fds[0], SHUT_RDWR), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(tls_write(p.client, "more", 4), ERR_CUT);
	assert_int_equal(tls_read(p.client, text, sizeof(text)), 10);
	assert_memory_equal(text, "last words", 10);
	assert_int_equal(tls_read(p.client, text, sizeof(text)), ERR_CUT);
	pair_done(&p);
	tls_cert_free(&cert);
}

static void test_resume(void **state)
{
	struct tls_cert *cert = leaf("DNS:a.example", -60, 3600);
	struct tls_session session = { 0 };
	void *first;
	struct pair p;
	char text[8];

	(void)state;
	for (int i = 0; i < 2; i++) {
		pair_open(&p, w.ctx, "a.example", cert, &session);
		pair_shake(&p);
		assert_int_equal(p.client_rc, 1);
		/* The ticket comes behind the handshake. */
		assert_int_equal(tls_read(p.client, text, sizeof(text)), 0);
		assert_non_null(session.session);
		if (i)
			assert_ptr_not_equal(session.session, first);
		first = session.session;
		pair_done(&p);
	}
	tls_session_done(&session);
	assert_null(session.session);
	tls_session_done(&session);
	tls_cert_free(&cert);
}

/* No TLS: an error at once, on either side, and no crash. */
static void test_nonsense(void **state)
{
	struct tls_cert *cert = leaf("DNS:a.example", -60, 3600);
	struct pair p;
	char text[64];

	(void)state;
	pair_open(&p, w.ctx, "a.example", cert, NULL);
	assert_int_equal(send(p.fds[0], "HTTP/1.1 400 Bad\r\n\r\n", 20, 0), 20);
	assert_int_equal(tls_handshake(p.client), ERR_TLS);
	pair_done(&p);
	pair_open(&p, w.ctx, "a.example", cert, NULL);
	pair_shake(&p);
	assert_int_equal(send(p.fds[1], "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	assert_int_equal(tls_read(p.server, text, sizeof(text)), ERR_TLS);
	pair_done(&p);
	tls_cert_free(&cert);
}

/* A peer that does not read: taken in part, and then not now. */
static void test_slow_peer(void **state)
{
	static char piece[65536];
	struct tls_cert *cert = leaf("DNS:a.example", -60, 3600);
	size_t sent = 0, got = 0;
	struct pair p;
	ssize_t n;

	(void)state;
	pair_open(&p, w.ctx, "a.example", cert, NULL);
	pair_shake(&p);
	while ((n = tls_write(p.server, piece, sizeof(piece))) > 0)
		sent += (size_t)n;
	assert_int_equal(n, 0);
	while ((n = tls_read(p.client, piece, sizeof(piece))) > 0)
		got += (size_t)n;
	assert_int_equal(n, 0);
	n = tls_write(p.server, piece, sizeof(piece));
	assert_true(n > 0);
	sent += (size_t)n;
	while ((n = tls_read(p.client, piece, sizeof(piece))) > 0)
		got += (size_t)n;
	assert_int_equal(got, sent);
	pair_done(&p);
	tls_cert_free(&cert);
}

/* It takes not even the close_notify: that is sent when there is room. */
static void test_full_close(void **state)
{
	static char piece[65536];
	struct tls_cert *cert = leaf("DNS:a.example", -60, 3600);
	struct pair p;

	(void)state;
	pair_open(&p, w.ctx, "a.example", cert, NULL);
	pair_shake(&p);
	for (size_t len = sizeof(piece); len; len /= 2)
		while (send(p.fds[0], piece, len, 0) > 0)
			;
	assert_false(tls_close(p.server));
	assert_false(tls_close(p.server));
	while (recv(p.fds[1], piece, sizeof(piece), 0) > 0)
		;
	assert_true(tls_close(p.server));
	assert_int_equal(recv(p.fds[1], piece, sizeof(piece), 0), 24);
	assert_memory_equal(piece, "\x17\3\3\0\x13", 5);
	pair_done(&p);
	tls_cert_free(&cert);
}

static void test_bad_certificates(void **state)
{
	struct tls_cert *cert = NULL;
	X509 *x = mint(w.ca, w.ca_key, w.key, "DNS:a", -60, 60);
	uint8_t *der = NULL, *key = NULL;
	size_t len = (size_t)i2d_X509(x, &der);
	size_t key_len = (size_t)i2d_PrivateKey(w.ca_key, &key);

	(void)state;
	assert_int_equal(tls_cert_new(SLICE(""), SLICE(""), &cert), ERR_TLS);
	assert_int_equal(tls_cert_new(slice_of(der, len), SLICE("x"), &cert),
			 ERR_TLS);
	/* Another one's key. */
	assert_int_equal(
		tls_cert_new(slice_of(der, len), slice_of(key, key_len), &cert),
		ERR_TLS);
	assert_null(cert);
	OPENSSL_free(der);
	OPENSSL_free(key);
	X509_free(x);
}

static void test_bad_ca_file(void **state)
{
	const char *files[] = { "/nonexistent.pem" };
	struct tls_ctx *ctx = NULL;
	char err[TLS_ERR_MAX];

	(void)state;
	assert_int_equal(tls_ctx_new(files, 1, &ctx, err), ERR_TLS);
	assert_non_null(strstr(err, "/nonexistent.pem"));
	assert_null(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octets_and_ends),
		cmocka_unit_test(test_verification),
		cmocka_unit_test(test_untrusting),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_slow_peer),
		cmocka_unit_test(test_full_close),
		cmocka_unit_test(test_bad_certificates),
		cmocka_unit_test(test_bad_ca_file),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
