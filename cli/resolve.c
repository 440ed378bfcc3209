/* cli/resolve.c - which of these names exist.
 *
 * glibc's getaddrinfo_a() asks with threads of its own. A request that is not
 * done in time cannot be taken back, so the memory it writes to is kept then.
 */

#include "cli/resolve.h"

#include <netdb.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/base.h"
#include "base/clock.h"

struct resolve {
	struct gaicb requests[RESOLVE_MAX];
	struct gaicb *list[RESOLVE_MAX];
	size_t len;
	bool pending; /* not all are done: not to be freed */
};

static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };

struct resolve *resolve_new(void)
{
	return calloc(1, sizeof(struct resolve));
}

static struct gaicb *find(const struct resolve *r, struct slice name)
{
	for (size_t i = 0; r && i < r->len; i++)
		if (slice_eq(slice_str(r->requests[i].ar_name), name))
			return r->list[i];
	return NULL;
}

void resolve_add(struct resolve *r, struct slice name)
{
	struct gaicb *g = &r->requests[r->len];

	if (r->len == RESOLVE_MAX || find(r, name))
		return;
	g->ar_name = strndup(name.ptr, name.len);
	g->ar_request = &hints;
	if (!g->ar_name)
		return;
	r->list[r->len++] = g;
}

static bool is_pending(const struct resolve *r)
{
	for (size_t i = 0; i < r->len; i++)
		if (gai_error(r->list[i]) == EAI_INPROGRESS)
			return true;
	return false;
}

void resolve_run(struct resolve *r)
{
	struct sigevent quiet = { .sigev_notify = SIGEV_NONE };
	int64_t end = (int64_t)clock_ms(CLOCK_MONOTONIC) + RESOLVE_MS;
	int64_t left = RESOLVE_MS;

	if (!r->len ||
	    getaddrinfo_a(GAI_NOWAIT, r->list, (int)r->len, &quiet) != 0)
		return;
	while (is_pending(r) && left > 0) {
		const struct gaicb *wait[RESOLVE_MAX];
		const struct timespec t = { left / 1000,
					    left % 1000 * 1000000 };
		int len = 0;

		for (size_t i = 0; i < r->len; i++)
			if (gai_error(r->list[i]) == EAI_INPROGRESS)
				wait[len++] = r->list[i];
		(void)gai_suspend(wait, len, &t);
		left = end - (int64_t)clock_ms(CLOCK_MONOTONIC);
	}
	for (size_t i = 0; i < r->len; i++)
		if (gai_error(r->list[i]) == EAI_INPROGRESS &&
		    gai_cancel(r->list[i]) != EAI_CANCELED)
			r->pending = true;
}

/* A name without an address of any family is as good as none. */
static bool is_missing(int error)
{
	return error == EAI_NONAME || error == EAI_NODATA;
}

bool resolve_missing(const struct resolve *r, struct slice name)
{
	struct gaicb *g = find(r, name);

	return g && is_missing(gai_error(g));
}

size_t resolve_unknown(const struct resolve *r)
{
	size_t len = 0;

	for (size_t i = 0; i < r->len; i++) {
		int error = gai_error(r->list[i]);

		len += error && !is_missing(error);
	}
	return len;
}

void resolve_free(struct resolve **resolve)
{
	struct resolve *r = *resolve;

	*resolve = NULL;
	if (!r || r->pending)
		return;
	for (size_t i = 0; i < r->len; i++) {
		if (r->requests[i].ar_result)
			freeaddrinfo(r->requests[i].ar_result);
		free((char *)(uintptr_t)r->requests[i].ar_name);
	}
	free(r);
}
