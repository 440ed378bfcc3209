/* gateway/quota.h - how often: the option rate= of a rule.
 *
 * One shared mapping, made by the parent before it forks, so that a rate is
 * one for all workers. Each sandbox and rule has a bucket of its own.
 */
#ifndef GATEWAY_QUOTA_H
#define GATEWAY_QUOTA_H

#include <stdint.h>

#include "base/slice.h"

/* Rules with a rate, of all sandboxes, in use within their own span of time.
 * Beyond it a request under a rate is refused.
 */
#define QUOTAS_MAX 16384

struct quotas;

/* Returns 0 or -errno. Never freed: it lives as long as the instance. */
int quotas_new(struct quotas **ret);

/* What stands for a sandbox's rule. Never 0. */
uint64_t quota_key(const struct quotas *q, uint32_t sandbox, struct slice rule);

/* Take one of rate requests in span_s seconds; now_us is any clock that all
 * workers share and that never goes back. Up to rate of them may come at once.
 * Returns 0, or after how many seconds (at least 1) the next may come.
 */
uint32_t quota_take(struct quotas *q, uint64_t key, uint32_t rate,
		    uint32_t span_s, uint64_t now_us);

#endif
