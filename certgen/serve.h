/* certgen/serve.h - answer the door of certgen/certgen.h.
 *
 * One thread, no state beyond what is in flight: a question is minted when it
 * is read. For main.c.
 */
#ifndef CERTGEN_SERVE_H
#define CERTGEN_SERVE_H

struct leaf_key;
struct root;

/* Connections at once: one or two per gateway worker, and some to spare. More
 * wait in the listener's backlog.
 */
#define SERVE_CONNS_MAX 64

/* Questions of one connection in one turn. A worker with many new names does
 * not make the others wait for more than these, about 1 ms.
 */
#define SERVE_BURST 16

/* Serve listener (borrowed, non-blocking) until stop_fd (a signalfd or the
 * like, borrowed) is readable. Returns 0, or -errno when waiting fails.
 */
int serve_run(const struct root *root, const struct leaf_key *key, int listener,
	      int stop_fd);

#endif
