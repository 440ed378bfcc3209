/* http/h2_score.h - does an HTTP/2 peer work, or does it make us work?
 *
 * Two counts for one connection, for h2.c only. The room has no clock, so what
 * a peer spends is weighed against the useful work that it brings, not
 * against time.
 */
#ifndef HTTP_H2_SCORE_H
#define HTTP_H2_SCORE_H

#include <stddef.h>
#include <stdint.h>

enum h2_level {
	H2_LEVEL_GOOD,
	H2_LEVEL_CALM,	/* let it finish, then go elsewhere */
	H2_LEVEL_FLOOD, /* end it now */
};

struct h2_score {
	int32_t churn; /* exchanges begun for nothing; never below 0 */
	int32_t noise; /* below 0: credit for WINDOW_UPDATEs to come */
};

/* A frame begins: its type, flags and length (RFC 9113, section 4.1). */
void h2_score_frame(struct h2_score *score, uint8_t type, uint8_t flags,
		    size_t len);

/* We reset a stream with that code. */
void h2_score_reset(struct h2_score *score, uint32_t code);

/* The peer made us refuse what it sent. */
void h2_score_fault(struct h2_score *score);

/* An exchange ran to its end. */
void h2_score_done(struct h2_score *score);

/* len octets of DATA were sent: WINDOW_UPDATEs may come for them. */
void h2_score_sent(struct h2_score *score, size_t len);

/* The owner begins to read what one wake-up brought. */
void h2_score_turn(struct h2_score *score);

enum h2_level h2_score_level(const struct h2_score *score);

#endif
