/* gateway/resolve.c - names to addresses, by c-ares on our loop.
 *
 * Comes in: a host and a waiter. What is known at once (an address, a name
 * that is never asked for, a fresh answer) is answered at once. Otherwise the
 * name has a query, in one of two states:
 *
 *   ASKED     c-ares is at work; whoever asks for the same name waits with it
 *   ANSWERED  the answer, good or bad, holds until good_until_ms
 *
 * A query that is answered posts its waiters and keeps them on its list until
 * each has asked again and taken its copy, so that no eviction and no short
 * TTL can come between the two. ANSWERED queries are the cache: a list in
 * order of use, from whose old end room is made.
 *
 * c-ares calls back only out of resolve_ask(), resolve_on_event() and
 * resolve_on_timer(); its callbacks change the tables and post, nothing else.
 * Its own timers are served by one of ours that ticks while it is at work.
 *
 * A name is asked for exactly as it is given: no search list, no aliases. An
 * answer for another name would get past the judge.
 */

#include "gateway/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "base/err.h"
#include "base/hash.h"
#include "gateway/limits.h"
#include "http/authority.h"

#define RESOLVE_BUCKETS 2048 /* a power of two */
#define RESOLVE_CSV_MAX 1024 /* octets of the list of servers */

/* Before a server is asked again, or the next one; c-ares doubles it for the
 * second round. One dead server so costs 6 s.
 */
#define RESOLVE_FIRST_MS 2000
#define RESOLVE_TRIES	 2

/* A TTL of 0 must not mean a look-up for each request, nor one of a week a
 * week without change. A refused name is soon asked for again by somebody.
 */
#define RESOLVE_TTL_MIN_S  1
#define RESOLVE_TTL_MAX_S  300
#define RESOLVE_NEGATIVE_S 5

static_assert(RESOLVES_MAX < RESOLVE_CACHE_MAX, "no room for answers");

enum resolve_state {
	RESOLVE_ASKED,	  /* answer is not to be read */
	RESOLVE_ANSWERED, /* in the cache's list */
};

struct resolve_query {
	struct resolver *r;		     /* borrowed: its owner */
	struct resolve_query *next;	     /* of the same bucket */
	struct resolve_query *older, *newer; /* in the cache's list */
	struct resolve_wait *first, *last;   /* borrowed: who waits */
	enum resolve_state state;
	uint64_t good_until_ms;
	struct resolve_answer answer;
	size_t name_len;
	char name[HOST_MAX + 1];
};

struct resolver {
	struct loop *loop; /* borrowed */
	ares_channel channel;
	struct hash_key key;
	struct timer timer;
	uint8_t kind;
	uint8_t timer_name;
	bool has_channel;
	bool closing; /* callbacks are farewells */
	size_t count; /* queries, of both states */
	size_t asked; /* of them ASKED */
	struct resolve_query *oldest, *newest;
	struct resolve_query *buckets[RESOLVE_BUCKETS]; /* owned */
};

static struct loop_ref resolve_ref(const struct resolver *r, uint32_t index)
{
	return (struct loop_ref){ .kind = r->kind, .index = index };
}

/* c-ares opens, uses and closes a socket: watch it. */
static void on_socket(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = ctx;
	unsigned int events = 0;
	int err;

	if (readable)
		events |= LOOP_READ;
	if (writable)
		events |= LOOP_WRITE;
	if (!events) {
		loop_remove(r->loop, fd);
		return;
	}
	err = loop_change(r->loop, fd, resolve_ref(r, (uint32_t)fd), events);
	if (err == -ENOENT)
		err = loop_add(r->loop, fd, resolve_ref(r, (uint32_t)fd),
			       events);
	/* Unwatched, the query runs into its timeout, ignoring. */
	(void)err;
}

static int resolve_err(int status)
{
	switch (status) {
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
	case ARES_EBADNAME:
		return ERR_UNKNOWN;
	case ARES_ETIMEOUT:
		return -ETIMEDOUT;
	default: /* refused, broken, unreachable */
		return ERR_PROTO;
	}
}

static void resolve_add_addr(struct resolve_answer *answer,
			     const struct sockaddr *sa)
{
	union resolve_addr *addr = &answer->addrs[answer->addrs_len];

	if (answer->addrs_len == RESOLVE_ADDRS)
		return;
	if (sa->sa_family == AF_INET)
		memcpy(&addr->v4, sa, sizeof(addr->v4));
	else if (sa->sa_family == AF_INET6)
		memcpy(&addr->v6, sa, sizeof(addr->v6));
	else
		return;
	answer->addrs_len++;
}

/* The families in turn, each in its order (RFC 8305, section 4): neither takes
 * all the places.
 */
static void resolve_add_addrs(struct resolve_answer *answer,
			      const struct ares_addrinfo_node *first)
{
	const struct ares_addrinfo_node *n[] = { first, first };
	const bool v4 = first && first->ai_family == AF_INET;
	const int family[] = { v4 ? AF_INET : AF_INET6,
			       v4 ? AF_INET6 : AF_INET };

	for (int i = 0; n[0] || n[1]; i = !i) {
		while (n[i] && n[i]->ai_family != family[i])
			n[i] = n[i]->ai_next;
		if (!n[i])
			continue;
		resolve_add_addr(answer, n[i]->ai_addr);
		n[i] = n[i]->ai_next;
	}
}

/* Copy the addresses; returns how long they hold, in seconds: as long as the
 * shortest-lived record on the way to them.
 */
static int resolve_take(const struct ares_addrinfo *info,
			struct resolve_answer *answer)
{
	int ttl = RESOLVE_TTL_MAX_S;

	for (struct ares_addrinfo_cname *c = info->cnames; c; c = c->next)
		ttl = MIN(ttl, c->ttl);
	for (struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next)
		ttl = MIN(ttl, n->ai_ttl);
	resolve_add_addrs(answer, info->nodes);
	return MAX(ttl, RESOLVE_TTL_MIN_S);
}

static void resolve_cache(struct resolver *r, struct resolve_query *q)
{
	q->newer = NULL;
	q->older = r->newest;
	if (r->newest)
		r->newest->newer = q;
	else
		r->oldest = q;
	r->newest = q;
}

static void resolve_uncache(struct resolver *r, struct resolve_query *q)
{
	if (q->newer)
		q->newer->older = q->older;
	else
		r->newest = q->older;
	if (q->older)
		q->older->newer = q->newer;
	else
		r->oldest = q->newer;
	q->older = q->newer = NULL;
}

static void on_answer(void *ctx, int status, int timeouts,
		      struct ares_addrinfo *info)
{
	struct resolve_query *q = ctx;
	struct resolver *r = q->r;
	int ttl = RESOLVE_NEGATIVE_S;

	(void)timeouts;
	memset(&q->answer, 0, sizeof(q->answer));
	if (status == ARES_SUCCESS)
		ttl = resolve_take(info, &q->answer);
	else
		q->answer.err = resolve_err(status);
	if (!q->answer.err && !q->answer.addrs_len) {
		q->answer.err = ERR_UNKNOWN;
		ttl = RESOLVE_NEGATIVE_S;
	}
	if (info)
		ares_freeaddrinfo(info);
	if (r->closing)
		return;

	q->state = RESOLVE_ANSWERED;
	q->good_until_ms = loop_now_ms(r->loop) + (uint64_t)ttl * 1000;
	r->asked--;
	resolve_cache(r, q);
	for (struct resolve_wait *w = q->first; w; w = w->next)
		loop_post(r->loop, w->post, w->ref);
}

/* The servers' texts in one, for c-ares. */
static int resolve_set_servers(struct resolver *r, const char *const *servers,
			       size_t len)
{
	char csv[RESOLVE_CSV_MAX];
	size_t pos = 0;

	if (!len)
		return 0;
	for (size_t i = 0; i < len; i++) {
		int n = snprintf(csv + pos, sizeof(csv) - pos, "%s%s",
				 i ? "," : "", servers[i]);

		if (n < 0 || (size_t)n >= sizeof(csv) - pos)
			return -EINVAL;
		pos += (size_t)n;
	}
	return ares_set_servers_ports_csv(r->channel, csv) ? -EINVAL : 0;
}

static int resolve_open(struct resolver *r)
{
	char lookups[] = "fb"; /* /etc/hosts, then DNS */
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = RESOLVE_FIRST_MS,
		.tries = RESOLVE_TRIES,
		.lookups = lookups,
		.domains = NULL,
		.ndomains = 0,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = r,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		   ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB;
	int status;

#ifdef ARES_OPT_QUERY_CACHE
	/* c-ares 1.31 and later cache too, an hour and more than we do. */
	options.qcache_max_ttl = 0;
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	status = ares_init_options(&r->channel, &options, mask);
	if (status != ARES_SUCCESS)
		return status == ARES_ENOMEM ? -ENOMEM : -EIO;
	r->has_channel = true;
	return 0;
}

int resolver_new(struct loop *loop, uint8_t kind, uint8_t timer_name,
		 const char *const *servers, size_t servers_len,
		 struct resolver **ret)
{
	struct resolver *r;
	int err;

	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return -ENOMEM;
	r = calloc(1, sizeof(*r));
	if (!r) {
		ares_library_cleanup();
		return -ENOMEM;
	}
	r->loop = loop;
	r->kind = kind;
	r->timer_name = timer_name;
	err = hash_key_new(&r->key);
	if (err >= 0)
		err = resolve_open(r);
	if (err >= 0)
		err = resolve_set_servers(r, servers, servers_len);
	if (err < 0) {
		resolver_free(&r);
		return err;
	}
	*ret = r;
	return 0;
}

static void resolve_free_query(struct resolve_query *q)
{
	for (struct resolve_wait *w = q->first; w; w = w->next)
		w->query = NULL;
	free(q);
}

void resolver_free(struct resolver **rp)
{
	struct resolver *r = *rp;

	if (!r)
		return;
	r->closing = true;
	timer_stop(r->loop, &r->timer);
	if (r->has_channel)
		ares_destroy(r->channel);
	for (size_t i = 0; i < RESOLVE_BUCKETS; i++)
		while (r->buckets[i]) {
			struct resolve_query *q = r->buckets[i];

			r->buckets[i] = q->next;
			resolve_free_query(q);
		}
	free(r);
	*rp = NULL;
	ares_library_cleanup();
}

void resolve_on_event(struct resolver *r, struct loop_ref ref,
		      unsigned int events)
{
	ares_socket_t fd = (ares_socket_t)ref.index;
	bool hangup = events & LOOP_HANGUP;

	/* An error is found by reading or writing. */
	ares_process_fd(r->channel,
			events & LOOP_READ || hangup ? fd : ARES_SOCKET_BAD,
			events & LOOP_WRITE || hangup ? fd : ARES_SOCKET_BAD);
}

void resolve_on_timer(struct resolver *r)
{
	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (r->asked)
		timer_start(r->loop, &r->timer, resolve_ref(r, 0),
			    r->timer_name);
}

static struct resolve_query **resolve_bucket(struct resolver *r,
					     struct slice name)
{
	return &r->buckets[hash_of(&r->key, name) % RESOLVE_BUCKETS];
}

static struct resolve_query *resolve_find(struct resolver *r, struct slice name)
{
	struct resolve_query *q = *resolve_bucket(r, name);

	while (q && !slice_eq(slice_of(q->name, q->name_len), name))
		q = q->next;
	return q;
}

/* Drop the answer that was used longest ago and that nobody waits for.
 * Returns false if there is none.
 */
static bool resolve_evict(struct resolver *r)
{
	struct resolve_query *q = r->oldest;
	struct resolve_query **at;

	while (q && q->first)
		q = q->newer;
	if (!q)
		return false;
	at = resolve_bucket(r, slice_of(q->name, q->name_len));
	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	resolve_uncache(r, q);
	resolve_free_query(q);
	r->count--;
	return true;
}

static struct resolve_query *resolve_add(struct resolver *r, struct slice name)
{
	struct resolve_query **bucket = resolve_bucket(r, name);
	struct resolve_query *q;

	if (r->count >= RESOLVE_CACHE_MAX && !resolve_evict(r))
		return NULL;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->r = r;
	memcpy(q->name, name.ptr, name.len);
	q->name_len = name.len;
	q->next = *bucket;
	*bucket = q;
	r->count++;
	return q;
}

/* Ask c-ares, which may answer before this returns. q is not in the cache. */
static void resolve_begin(struct resolver *r, struct resolve_query *q)
{
	const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
						   .ai_socktype = SOCK_STREAM };

	q->state = RESOLVE_ASKED;
	r->asked++;
	ares_getaddrinfo(r->channel, q->name, NULL, &hints, on_answer, q);
	if (r->asked && !r->timer.running)
		timer_start(r->loop, &r->timer, resolve_ref(r, 0),
			    r->timer_name);
}

static void resolve_attach(struct resolve_query *q, struct resolve_wait *wait)
{
	wait->query = q;
	wait->next = NULL;
	wait->prev = q->last;
	if (q->last)
		q->last->next = wait;
	else
		q->first = wait;
	q->last = wait;
}

void resolve_forget(struct resolver *r, struct resolve_wait *wait)
{
	struct resolve_query *q = wait->query;

	(void)r;
	if (!q)
		return;
	if (wait->next)
		wait->next->prev = wait->prev;
	else
		q->last = wait->prev;
	if (wait->prev)
		wait->prev->next = wait->next;
	else
		q->first = wait->next;
	wait->next = wait->prev = NULL;
	wait->query = NULL;
}

/* What needs no query: addresses, and names that mean this machine to every
 * resolver and so nothing that could be vetted (RFC 6761, section 6.3).
 */
static bool resolve_at_once(struct slice host, struct resolve_answer *ret)
{
	struct resolve_answer answer = { 0 };
	union resolve_addr *addr = &answer.addrs[0];
	char text[HOST_MAX + 1];

	if (!host.len || host.len > HOST_MAX || slice_find(host, '\0') >= 0 ||
	    slice_ieq(host, SLICE("localhost")) ||
	    (host.len > 10 &&
	     slice_ieq(slice_skip(host, host.len - 10), SLICE(".localhost")))) {
		answer.err = ERR_UNKNOWN;
		*ret = answer;
		return true;
	}
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET, text, &addr->v4.sin_addr) == 1)
		addr->v4.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &addr->v6.sin6_addr) == 1)
		addr->v6.sin6_family = AF_INET6;
	else
		return false;
	answer.addrs_len = 1;
	*ret = answer;
	return true;
}

/* The second call of a waiter. */
static int resolve_ask_again(struct resolver *r, struct slice host,
			     struct resolve_wait *wait,
			     struct resolve_answer *ret)
{
	struct resolve_query *q = wait->query;

	assert(slice_eq(host, slice_of(q->name, q->name_len)));
	if (q->state == RESOLVE_ASKED)
		return 0;
	*ret = q->answer;
	resolve_forget(r, wait);
	return 1;
}

int resolve_ask(struct resolver *r, struct slice host,
		struct resolve_wait *wait, struct resolve_answer *ret)
{
	struct resolve_query *q;

	if (wait->query)
		return resolve_ask_again(r, host, wait, ret);
	if (resolve_at_once(host, ret))
		return 1;

	q = resolve_find(r, host);
	if (!q || (q->state == RESOLVE_ANSWERED &&
		   q->good_until_ms <= loop_now_ms(r->loop))) {
		if (r->asked >= RESOLVES_MAX)
			return -ENOBUFS;
		if (q)
			resolve_uncache(r, q);
		else
			q = resolve_add(r, host);
		if (!q)
			return -ENOBUFS;
		resolve_begin(r, q);
	}
	if (q->state == RESOLVE_ASKED) {
		resolve_attach(q, wait);
		return 0;
	}
	resolve_uncache(r, q);
	resolve_cache(r, q);
	*ret = q->answer;
	return 1;
}
