/* gateway/tls_impl.h - for tls.c and tls_ctx.c only. */
#ifndef GATEWAY_TLS_IMPL_H
#define GATEWAY_TLS_IMPL_H

#include <openssl/ssl.h>

#include "gateway/tls.h"

struct tls_ctx {
	SSL_CTX *server;
	SSL_CTX *client;
	BIO_METHOD *bio; /* a socket, with what was read before */
};

struct tls_cert {
	X509 *cert;
	EVP_PKEY *key;
};

struct tls {
	SSL *ssl;
	int fd;			    /* borrowed */
	struct buf *prefix;	    /* borrowed; NULL once consumed */
	struct tls_session *resume; /* borrowed, or NULL */
	struct tls_failure failure;
	bool broken; /* nothing can be sent any more */
};

/* The BIO's calls (tls.c). */
int tls_bio_read(BIO *bio, char *to, int len);
int tls_bio_write(BIO *bio, const char *from, int len);
long tls_bio_ctrl(BIO *bio, int cmd, long num, void *ptr);

/* Looks at each certificate of an origin's chain; remembers why one failed. */
int tls_on_verify(int ok, X509_STORE_CTX *store);

/* An origin sent a ticket. */
int tls_on_session(SSL *ssl, SSL_SESSION *session);

#endif
