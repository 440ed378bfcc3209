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

#define SCORE_MAX   1000 /* the connection ends */
#define SCORE_CALM  750	 /* no new streams */
#define SCORE_DONE  20	 /* churn that one whole exchange makes up for */
#define SCORE_TURN  16	 /* noise forgiven with each read */
#define SCORE_DEBT  4096 /* credit at most: 4 MiB in flight to the peer */
#define SCORE_GRAIN 1024 /* octets sent for each unit of credit */

static const struct {
	int16_t churn;
	int16_t noise;
} score_weight[] = {
	[H2_EVENT_CANCEL] = { .churn = 1 },
	[H2_EVENT_FAULT] = { .churn = 5 },
	[H2_EVENT_NOISE] = { .noise = 1 },
};
static_assert(ARRAY_SIZE(score_weight) == H2_EVENTS,
	      "an event without a weight");

void h2_score_add(struct h2_score *score, enum h2_event event)
{
	assert(event < H2_EVENTS);
	score->churn += score_weight[event].churn;
	score->noise += score_weight[event].noise;
	score->churn = MIN(score->churn, SCORE_MAX);
	score->noise = MIN(score->noise, SCORE_MAX);
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
