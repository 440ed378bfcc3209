/* gateway/tls.c - one TLS connection.
 *
 * The SSL object reads and writes through a BIO of ours: it first gives the
 * octets that were read to find the ClientHello, then those of the socket, and
 * it never raises SIGPIPE. An end of the stream without close_notify is told
 * apart from one with it: a truncated answer must not look whole. When the
 * socket takes nothing any more the library is not told, as it may not be used
 * after an error, and what the peer said before it closed is still to be read.
 */

#include "gateway/tls_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "base/err.h"

static struct tls *tls_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

/* What was read before the SSL object existed. */
static int tls_bio_prefix(struct tls *t, char *to, int len)
{
	size_t n = MIN((size_t)len, buf_len(t->prefix));

	memcpy(to, buf_data(t->prefix), n);
	buf_consume(t->prefix, n);
	if (!buf_len(t->prefix)) {
		buf_done(t->prefix);
		t->prefix = NULL;
	}
	return (int)n;
}

int tls_bio_read(BIO *bio, char *to, int len)
{
	struct tls *t = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (t->prefix)
		return tls_bio_prefix(t, to, len);
	do {
		n = recv(t->fd, to, (size_t)len, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		BIO_set_retry_read(bio);
	if (n == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return (int)n;
}

int tls_bio_write(BIO *bio, const char *from, int len)
{
	struct tls *t = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do {
		n = send(t->fd, from, (size_t)len, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (int)n;
	if (errno == EAGAIN) {
		BIO_set_retry_write(bio);
		return -1;
	}
	t->broken = true;
	return len;
}

long tls_bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	default:
		return 0;
	}
}

static int tls_new(struct tls_ctx *ctx, SSL_CTX *side, int fd, struct tls **ret)
{
	struct tls *t = calloc(1, sizeof(*t));
	BIO *bio;

	if (!t)
		return -ENOMEM;
	t->fd = fd;
	t->ssl = SSL_new(side);
	bio = BIO_new(ctx->bio);
	if (!t->ssl || !bio) {
		BIO_free(bio);
		tls_free(&t);
		return -ENOMEM;
	}
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, t);
	*ret = t;
	return 0;
}

int tls_server_new(struct tls_ctx *ctx, int fd, struct buf *prefix,
		   struct tls_cert *cert, struct tls **ret)
{
	struct tls *t;
	int rc = tls_new(ctx, ctx->server, fd, &t);

	if (rc < 0)
		return rc;
	t->prefix = buf_len(prefix) ? prefix : NULL;
	SSL_set_accept_state(t->ssl);
	if (SSL_use_certificate(t->ssl, cert->cert) != 1 ||
	    SSL_use_PrivateKey(t->ssl, cert->key) != 1) {
		ERR_clear_error();
		tls_free(&t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

static bool tls_expect(SSL *ssl, const struct authority *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(param,
					X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (host->kind != HOST_NAME)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host->host) == 1;
	return SSL_set_tlsext_host_name(ssl, host->host) == 1 &&
	       X509_VERIFY_PARAM_set1_host(param, host->host, host->host_len) ==
		       1;
}

int tls_client_new(struct tls_ctx *ctx, int fd, const struct authority *host,
		   bool h1_only, struct tls_session *resume, struct tls **ret)
{
	static const unsigned char h1[] = "\x08http/1.1";
	struct tls *t;
	int rc = tls_new(ctx, ctx->client, fd, &t);

	if (rc < 0)
		return rc;
	SSL_set_connect_state(t->ssl);
	if (h1_only)
		(void)SSL_set_alpn_protos(t->ssl, h1, sizeof(h1) - 1);
	t->resume = resume;
	if (resume && resume->session)
		(void)SSL_set_session(t->ssl, resume->session);
	if (!tls_expect(t->ssl, host)) {
		ERR_clear_error();
		tls_free(&t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

void tls_free(struct tls **t)
{
	if (!*t)
		return;
	SSL_free((*t)->ssl);
	free(*t);
	*t = NULL;
}

int tls_on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = tls_of(ssl);

	if (!t->resume)
		return 0;
	tls_session_done(t->resume);
	t->resume->session = session;
	return 1; /* the hold is ours now */
}

/* Which names a certificate is for, as far as text has room. */
static void tls_names(X509 *cert, char *text, size_t len)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t at = 0;

	text[0] = '\0';
	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		int n;

		if (name->type != GEN_DNS)
			continue;
		n = snprintf(
			text + at, len - at, "%s%.*s", at ? ", " : "",
			ASN1_STRING_length(name->d.dNSName),
			(const char *)ASN1_STRING_get0_data(name->d.dNSName));
		if (n < 0 || (size_t)n >= len - at)
			break;
		at += (size_t)n;
	}
	GENERAL_NAMES_free(names);
	for (char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
}

static enum tls_fail tls_verify_kind(int err)
{
	switch (err) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return TLS_FAIL_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TLS_FAIL_NOT_YET;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return TLS_FAIL_NAME;
	default:
		return TLS_FAIL_UNTRUSTED;
	}
}

int tls_on_verify(int ok, X509_STORE_CTX *store)
{
	struct tls *t;
	struct tls_failure *f;
	int err = X509_STORE_CTX_get_error(store);

	if (ok)
		return 1;
	t = tls_of(X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx()));
	f = &t->failure;
	f->kind = tls_verify_kind(err);
	if (f->kind == TLS_FAIL_NAME) {
		char names[TLS_ERR_MAX - 48];
		X509 *cert = X509_STORE_CTX_get_current_cert(store);

		tls_names(cert, names, sizeof(names));
		(void)snprintf(f->text, sizeof(f->text),
			       "wrong name: the certificate is for %s",
			       names[0] ? names : "other names");
	} else {
		(void)snprintf(f->text, sizeof(f->text), "%s",
			       X509_verify_cert_error_string(err));
	}
	return 0;
}

static enum tls_fail tls_alert_kind(int reason)
{
	switch (reason) {
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
		return TLS_FAIL_UNTRUSTING;
	default:
		return TLS_FAIL_OTHER;
	}
}

/* Remember what the library has to say, unless verification said it. */
static void tls_note(struct tls *t)
{
	unsigned long err = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(err);
	struct tls_failure *f = &t->failure;

	if (!f->text[0]) {
		f->kind = tls_alert_kind(ERR_GET_REASON(err));
		(void)snprintf(f->text, sizeof(f->text), "%s",
			       reason ? reason : "the connection was closed");
	}
	ERR_clear_error();
}

/* Tell a failed step's meaning: 0 not now, or what went wrong. */
static int tls_outcome(struct tls *t, int rc)
{
	int why = SSL_get_error(t->ssl, rc);

	switch (why) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return ERR_CLOSED;
	case SSL_ERROR_SYSCALL:
		tls_note(t);
		return ERR_CUT;
	default:
		if (ERR_GET_REASON(ERR_peek_error()) ==
		    SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			tls_note(t);
			return ERR_CUT;
		}
		tls_note(t);
		return ERR_TLS;
	}
}

int tls_handshake(struct tls *t)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(t->ssl);
	if (rc == 1)
		return 1;
	rc = tls_outcome(t, rc);
	return rc == ERR_CLOSED ? ERR_CUT : rc;
}

ssize_t tls_read(struct tls *t, void *to, size_t len)
{
	size_t n;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(t->ssl, to, len, &n);
	return rc == 1 ? (ssize_t)n : tls_outcome(t, rc);
}

ssize_t tls_write(struct tls *t, const void *from, size_t len)
{
	size_t n;
	int rc;

	ERR_clear_error();
	rc = SSL_write_ex(t->ssl, from, len, &n);
	if (rc == 1)
		return t->broken ? ERR_CUT : (ssize_t)n;
	rc = tls_outcome(t, rc);
	return rc == ERR_CLOSED ? ERR_CUT : rc;
}

bool tls_close(struct tls *t)
{
	bool sent = true;
	int rc;

	if (SSL_is_init_finished(t->ssl)) {
		ERR_clear_error();
		rc = SSL_shutdown(t->ssl);
		sent = rc >= 0 ||
		       SSL_get_error(t->ssl, rc) != SSL_ERROR_WANT_WRITE;
		ERR_clear_error();
	}
	return sent;
}

bool tls_is_h2(const struct tls *t)
{
	const unsigned char *proto;
	unsigned int len;

	SSL_get0_alpn_selected(t->ssl, &proto, &len);
	return len == 2 && !memcmp(proto, "h2", 2);
}

const char *tls_version(const struct tls *t)
{
	return SSL_get_version(t->ssl);
}

void tls_failure(const struct tls *t, struct tls_failure *ret)
{
	*ret = t->failure;
}
