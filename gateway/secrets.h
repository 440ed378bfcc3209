/* gateway/secrets.h - credentials that the sandbox never sees.
 *
 * A rule with inject=NAME puts the content of a secret into the requests that
 * it allows, as a header or in the place of a placeholder; only over TLS, and
 * only to the secret's own hosts. A placeholder that is on its way elsewhere is
 * refused. Contents are kept in memory that is in no core dump and in no child,
 * and stand in no message of ours.
 */
#ifndef GATEWAY_SECRETS_H
#define GATEWAY_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/frame.h"
#include "http/http.h"
#include "policy/load.h"

#define SECRETS_MAX	   256
#define SECRET_CONTENT_MAX 8192 /* octets: a header's value */
#define SECRET_HOSTS_MAX   64

struct secrets;

/* An empty set. Returns 0 or -ENOMEM. */
int secrets_new(struct secrets **ret);
void secrets_free(struct secrets **s);
size_t secrets_len(const struct secrets *s);

/* The parent's: read the contents of all that the configuration names, from
 * their files or from $CREDENTIALS_DIRECTORY (systemd.exec(5)). Returns 0, or
 * ERR_SYNTAX, ERR_LIMIT, -ENOMEM or -errno with ret_err saying whose and why,
 * never with what.
 */
int secrets_read(const struct config *config, struct secrets **ret,
		 struct config_error *ret_err);

/* Secret i as a frame's body, and the set's next one from such a body. Put
 * returns nothing; the frame says itself when it is too long. Take returns 0,
 * ERR_SYNTAX, ERR_LIMIT or -ENOMEM. Whoever held the frame wipes it.
 */
void secrets_put(const struct secrets *s, size_t i, struct frame_out *out);
int secrets_take(struct secrets *s, struct bytes *body);

/* Does the head hold the placeholder of a secret other than inject (which may
 * be empty)? Looks into the path, the query and each field's value, Basic
 * credentials decoded. The secret's name, or empty.
 */
struct slice secrets_leak(const struct secrets *s, const struct http_head *head,
			  struct slice inject);

/* Put the secret's content into the head, all of it in a. Returns 0, or with
 * the head unchanged ERR_UNKNOWN (no such secret), ERR_DENIED (not for this
 * host, not over TLS, or TRACE, which would send it back), or -ENOBUFS.
 */
int secrets_inject(const struct secrets *s, struct slice name,
		   struct slice host, bool tls, struct arena *a,
		   struct http_head *head);

#endif
