/* http/h2_score.c - does an HTTP/2 peer work, or does it make us work?
 *
 * Churn counts exchanges that were begun for nothing: streams that the peer
 * cancelled (rapid reset, CVE-2023-44487), and those that it made us reset
 * (CVE-2025-8671), which no honest peer does often and which therefore weigh
 * more. Each exchange that runs to its end makes up for twenty cancelled ones,
 * so that package managers, which cancel most of what they ask for, never get
 * near the limit, and a connection that only cancels ends after a thousand.
 *
 * Noise counts frames that move nothing. They cost us less than reading the
 * packet that brings them, as long as a packet brings few: each turn of
 * reading forgives some, and only who stuffs thousands into one read is
 * stopped. WINDOW_UPDATEs are noise too, but for each KiB of DATA that we sent
 * one is due; that credit is kept below zero and is bounded as well.
 */

#include "http/h2_score.h"

#include "base/base.h"

#define SCORE_MAX    1000 /* the connection ends */
#define SCORE_CALM   750  /* no new streams */
#define SCORE_CANCEL 1	  /* churn, of a stream that the peer reset */
#define SCORE_FAULT  5	  /* churn, of one that it made us reset */
#define SCORE_DONE   20	  /* churn that one whole exchange makes up for */
#define SCORE_TURN   16	  /* noise forgiven with each read */
#define SCORE_DEBT   4096 /* credit at most: 4 MiB in flight to the peer */
#define SCORE_GRAIN  1024 /* octets sent for each unit of credit */

/* RFC 9113, section 6 and 7. */
enum {
	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_RST_STREAM = 3,
	FRAME_END_STREAM = 1,

	CODE_PROTOCOL = 1,
	CODE_FLOW_CONTROL = 3,
	CODE_STREAM_CLOSED = 5,
	CODE_FRAME_SIZE = 6,
};

static void score_churn(struct h2_score *score, int32_t weight)
{
	score->churn = MIN(score->churn + weight, SCORE_MAX);
}

void h2_score_frame(struct h2_score *score, uint8_t type, uint8_t flags,
		    size_t len)
{
	switch (type) {
	case FRAME_RST_STREAM:
		score_churn(score, SCORE_CANCEL);
		return;
	case FRAME_HEADERS:
		return;
	case FRAME_DATA:
		if (len || flags & FRAME_END_STREAM)
			return;
		break;
	}
	score->noise = MIN(score->noise + 1, SCORE_MAX);
}

void h2_score_reset(struct h2_score *score, uint32_t code)
{
	if (code == CODE_PROTOCOL || code == CODE_FLOW_CONTROL ||
	    code == CODE_STREAM_CLOSED || code == CODE_FRAME_SIZE)
		h2_score_fault(score);
}

void h2_score_fault(struct h2_score *score)
{
	score_churn(score, SCORE_FAULT);
}

void h2_score_done(struct h2_score *score)
{
	score->churn = MAX(score->churn - SCORE_DONE, 0);
}

void h2_score_sent(struct h2_score *score, size_t len)
{
	size_t credit = MIN(len / SCORE_GRAIN + 1, (size_t)SCORE_DEBT);

	score->noise = MAX(score->noise - (int32_t)credit, -SCORE_DEBT);
}

void h2_score_turn(struct h2_score *score)
{
	if (score->noise > 0)
		score->noise = MAX(score->noise - SCORE_TURN, 0);
}

enum h2_level h2_score_level(const struct h2_score *score)
{
	int32_t worst = MAX(score->churn, score->noise);

	if (worst >= SCORE_MAX)
		return H2_LEVEL_FLOOD;
	return worst >= SCORE_CALM ? H2_LEVEL_CALM : H2_LEVEL_GOOD;
}
