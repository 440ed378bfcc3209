/* gateway/tls.h - TLS on both sides of the gateway.
 *
 * One context for each side and process, made before the fork; per connection
 * an SSL object whose certificate is set on itself. OpenSSL is known to
 * tls.c and tls_ctx.c only. Non-blocking: a step that must wait for the socket
 * says so and is called again when the socket is ready.
 */
#ifndef GATEWAY_TLS_H
#define GATEWAY_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/slice.h"
#include "http/authority.h"

/* The contexts: session ticket keys, trust store, protocol bounds. ca_files
 * (PEM) are trusted for origins beside the system's store. Returns 0, -ENOMEM,
 * or ERR_TLS with a message in ret_err.
 */
struct tls_ctx;
#define TLS_ERR_MAX 256
int tls_ctx_new(const char *const *ca_files, size_t ca_files_len,
		struct tls_ctx **ret, char ret_err[TLS_ERR_MAX]);
void tls_ctx_free(struct tls_ctx **ctx);

/* A certificate with its key, as certgen sends them (DER). Counted; a
 * connection that uses it keeps its own hold. Returns 0 or ERR_TLS.
 */
struct tls_cert;
int tls_cert_new(struct slice cert, struct slice key, struct tls_cert **ret);
void tls_cert_free(struct tls_cert **cert);

/* What an origin gave us to resume with. Zero is none. */
struct tls_session {
	void *session; /* owned */
};
void tls_session_done(struct tls_session *s);

struct tls;

/* Answer a handshake as cert. What was read of the socket before stands in
 * prefix (borrowed) and is consumed first. Returns 0 or -ENOMEM.
 */
int tls_server_new(struct tls_ctx *ctx, int fd, struct buf *prefix,
		   struct tls_cert *cert, struct tls **ret);

/* Begin one with host, which the origin's certificate must be for. resume
 * (borrowed, as long as the connection) is offered, and renewed. Offers h2 and
 * http/1.1, or with h1_only the latter alone.
 */
int tls_client_new(struct tls_ctx *ctx, int fd, const struct authority *host,
		   bool h1_only, struct tls_session *resume, struct tls **ret);
void tls_free(struct tls **t);

/* Returns 1 done, 0 not yet, ERR_TLS (see tls_failure()) or ERR_CUT. */
int tls_handshake(struct tls *t);

/* Octets read (> 0), 0 not now, ERR_CLOSED (close_notify), ERR_CUT (the
 * connection ended without one), ERR_TLS.
 */
ssize_t tls_read(struct tls *t, void *to, size_t len);

/* Octets taken (> 0), 0 not now, ERR_CUT, ERR_TLS. After ERR_CUT what had come
 * can still be read.
 */
ssize_t tls_write(struct tls *t, const void *from, size_t len);

/* Send close_notify. Returns false when the socket is too full for it: again,
 * once it is writable.
 */
bool tls_close(struct tls *t);

bool tls_is_h2(const struct tls *t);
const char *tls_version(const struct tls *t); /* "TLSv1.3"; static */

/* Why a handshake failed. */
enum tls_fail {
	TLS_FAIL_OTHER,	     /* text says what the library said */
	TLS_FAIL_EXPIRED,    /* origin: the certificate's time is over */
	TLS_FAIL_NOT_YET,    /* origin: its time has not begun */
	TLS_FAIL_NAME,	     /* origin: it is for other names */
	TLS_FAIL_UNTRUSTED,  /* origin: no trusted issuer */
	TLS_FAIL_UNTRUSTING, /* client: an alert says it trusts not us */
};

struct tls_failure {
	enum tls_fail kind;
	char text[TLS_ERR_MAX]; /* one phrase for people */
};

void tls_failure(const struct tls *t, struct tls_failure *ret);

#endif
