/* gateway/tls_ctx.c - the two contexts, and leaves.
 *
 * Both contexts are made once, by the parent, and shared with the workers by
 * fork: reading the system's trust store takes 58 ms and 1.6 MB. So the
 * workers also share the ticket keys, and a client may resume with any of
 * them. What is set here holds for every connection: TLS 1.2 at least, no
 * renegotiation, no compression, no early data.
 */

#include "gateway/tls_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/base.h"
#include "base/err.h"

/* AES-128 first: a fifth cheaper than AES-256, and no weaker here. */
#define TLS_SUITES                                                             \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"                       \
	"TLS_CHACHA20_POLY1305_SHA256"
#define TLS_GROUPS "X25519:P-256:P-384"

static void tls_ctx_common(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION |
					       SSL_OP_NO_RENEGOTIATION);
	(void)SSL_CTX_set_mode(ctx,
			       SSL_MODE_ENABLE_PARTIAL_WRITE |
				       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				       SSL_MODE_RELEASE_BUFFERS);
	/* One read takes as many records as have arrived. */
	SSL_CTX_set_read_ahead(ctx, 1);
	(void)SSL_CTX_set_ciphersuites(ctx, TLS_SUITES);
	(void)SSL_CTX_set1_groups_list(ctx, TLS_GROUPS);
}

/* RFC 7301: h2 if the client offers it, else http/1.1, else nothing. */
static int tls_on_alpn(SSL *ssl, const unsigned char **ret,
		       unsigned char *ret_len, const unsigned char *in,
		       unsigned int in_len, void *arg)
{
	static const unsigned char ours[] = "\x02h2\x08http/1.1";

	(void)ssl;
	(void)arg;
	/* The call casts its input: it selects from either list. */
	if (SSL_select_next_proto((unsigned char **)(void *)ret, ret_len, ours,
				  sizeof(ours) - 1, in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

static int tls_ctx_server(struct tls_ctx *ctx)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());

	ctx->server = c;
	if (!c)
		return -ENOMEM;
	tls_ctx_common(c);
	(void)SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(c, 1);
	(void)SSL_CTX_set_max_early_data(c, 0);
	SSL_CTX_set_alpn_select_cb(c, tls_on_alpn, NULL);
	return 0;
}

static int tls_ctx_trust(SSL_CTX *c, const char *const *files, size_t len,
			 char ret_err[TLS_ERR_MAX])
{
	/* File and directory, without the third place of the default paths: a
	 * store is listed anew for each issuer that nobody knows, in a worker,
	 * which may list no directory and dies of it.
	 */
	if (SSL_CTX_set_default_verify_file(c) != 1 ||
	    SSL_CTX_set_default_verify_dir(c) != 1) {
		(void)snprintf(ret_err, TLS_ERR_MAX,
			       "the system's trust store can't be read");
		return ERR_TLS;
	}
	for (size_t i = 0; i < len; i++) {
		if (SSL_CTX_load_verify_file(c, files[i]) != 1) {
			(void)snprintf(ret_err, TLS_ERR_MAX,
				       "%s: no PEM certificates can be read",
				       files[i]);
			return ERR_TLS;
		}
	}
	ERR_clear_error();
	return 0;
}

static int tls_ctx_client(struct tls_ctx *ctx, const char *const *files,
			  size_t len, char ret_err[TLS_ERR_MAX])
{
	static const unsigned char protos[] = "\x02h2\x08http/1.1";
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	ctx->client = c;
	if (!c)
		return -ENOMEM;
	tls_ctx_common(c);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, tls_on_verify);
	(void)SSL_CTX_set_session_cache_mode(
		c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c, tls_on_session);
	if (SSL_CTX_set_alpn_protos(c, protos, sizeof(protos) - 1) != 0)
		return -ENOMEM;
	return tls_ctx_trust(c, files, len, ret_err);
}

static int tls_ctx_bio(struct tls_ctx *ctx)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
				     "penstock socket");

	ctx->bio = m;
	if (!m)
		return -ENOMEM;
	(void)BIO_meth_set_read(m, tls_bio_read);
	(void)BIO_meth_set_write(m, tls_bio_write);
	(void)BIO_meth_set_ctrl(m, tls_bio_ctrl);
	return 0;
}

int tls_ctx_new(const char *const *ca_files, size_t ca_files_len,
		struct tls_ctx **ret, char ret_err[TLS_ERR_MAX])
{
	struct tls_ctx *ctx = calloc(1, sizeof(*ctx));
	int rc = ctx ? 0 : -ENOMEM;

	(void)snprintf(ret_err, TLS_ERR_MAX, "out of memory");
	if (rc == 0)
		rc = tls_ctx_server(ctx);
	if (rc == 0)
		rc = tls_ctx_client(ctx, ca_files, ca_files_len, ret_err);
	if (rc == 0)
		rc = tls_ctx_bio(ctx);
	if (rc < 0) {
		tls_ctx_free(&ctx);
		return rc;
	}
	*ret = ctx;
	return 0;
}

void tls_ctx_free(struct tls_ctx **ctx)
{
	if (!*ctx)
		return;
	SSL_CTX_free((*ctx)->server);
	SSL_CTX_free((*ctx)->client);
	BIO_meth_free((*ctx)->bio);
	free(*ctx);
	*ctx = NULL;
}

int tls_cert_new(struct slice cert, struct slice key, struct tls_cert **ret)
{
	const unsigned char *c = (const unsigned char *)cert.ptr;
	const unsigned char *k = (const unsigned char *)key.ptr;
	struct tls_cert *tc = calloc(1, sizeof(*tc));

	if (!tc)
		return ERR_TLS;
	tc->cert = d2i_X509(NULL, &c, (long)cert.len);
	tc->key = d2i_AutoPrivateKey(NULL, &k, (long)key.len);
	if (!tc->cert || !tc->key ||
	    X509_check_private_key(tc->cert, tc->key) != 1) {
		ERR_clear_error();
		tls_cert_free(&tc);
		return ERR_TLS;
	}
	*ret = tc;
	return 0;
}

void tls_cert_free(struct tls_cert **cert)
{
	if (!*cert)
		return;
	X509_free((*cert)->cert);
	EVP_PKEY_free((*cert)->key);
	free(*cert);
	*cert = NULL;
}

void tls_session_done(struct tls_session *s)
{
	SSL_SESSION_free(s->session);
	s->session = NULL;
}
