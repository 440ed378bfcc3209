/* gateway/leaf.h - leaves: asked of certgen, kept while they are good.
 *
 * Bounded and least recently used first out. Identical names asked for at once
 * are one question. When certgen is gone the questions wait for its successor,
 * and fail after TIMER_LEAF times CERTGEN_RETRIES: then nothing is shown
 * rather than something wrong.
 */
#ifndef GATEWAY_LEAF_H
#define GATEWAY_LEAF_H

#include "base/loop.h"
#include "base/slice.h"
#include "gateway/gate.h"

struct tls_cert;

/* A connection that waits; lives inside it. All zero is "not waiting". */
struct leaf_wait {
	struct loop_post *post; /* borrowed: what to post, and as whom */
	struct loop_ref ref;
	struct leaf_wait *next, *prev;
	struct leaf *leaf; /* waited for; NULL: not waiting */
	struct leaves *leaves;
};

/* socket_path (borrowed) is certgen's door. Returns 0 or -ENOMEM. */
int leaves_new(struct gate *gate, const char *socket_path, struct leaves **ret);
void leaves_free(struct leaves **l);

/* The leaf for name (a canonical host). Returns 1 with *ret (borrowed: use it
 * before the next turn), 0 when wait will be posted, -ENOBUFS when too many
 * wait, ERR_DENIED when certgen will not make one, -ETIMEDOUT when it does not
 * answer. After a post, ask again.
 */
int leaf_ask(struct leaves *l, struct slice name, struct leaf_wait *wait,
	     struct tls_cert **ret);

/* The waiter goes away. */
void leaf_forget(struct leaf_wait *wait);

/* The door has something, or the timer fired. */
void leaves_on_event(struct leaves *l);
void leaves_on_timer(struct leaves *l);

#endif
