/* tests/unit/gateway/resolve_test.c - the resolver against a server of ours.
 *
 * The server is a socket on the same loop; what it does with a question, the
 * first label says. The clock is ours as well: clock_gettime() below is what
 * the loop and c-ares call, so that minutes pass at once.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/err.h"
#include "base/jail.h"
#include "gateway/dns.h"
#include "gateway/limits.h"
#include "gateway/resolve.h"

static long ahead_s;

int clock_gettime(clockid_t clock, struct timespec *t)
{
	long err = syscall(SYS_clock_gettime, clock, t);

	t->tv_sec += ahead_s;
	return (int)err;
}

enum {
	KIND_RESOLVE = 1,
	KIND_SERVER,
	KIND_WAITER
};
static const uint32_t durations[] = { 5 };

#define WAITS 8

static struct {
	struct loop *loop;
	struct resolver *r;
	int server;
	char server_text[32];
	unsigned int questions;
	char last_question[256];
	struct resolve_wait waits[WAITS];
	struct loop_post posts[WAITS];
	unsigned int posted[WAITS];
} w;

struct packet {
	uint8_t mem[2048];
	size_t len;
};

static void put(struct packet *p, const void *data, size_t len)
{
	assert_true(len <= sizeof(p->mem) - p->len);
	memcpy(p->mem + p->len, data, len);
	p->len += len;
}

static void put_record(struct packet *p, const struct dns_query *q,
		       uint32_t ttl, const void *data, uint16_t len)
{
	const uint16_t head[] = { htons(0xc00c), htons(q->type),
				  htons(q->class) };
	const uint32_t ttl_wire = htonl(ttl);
	const uint16_t len_wire = htons(len);

	put(p, head, sizeof(head));
	put(p, &ttl_wire, sizeof(ttl_wire));
	put(p, &len_wire, sizeof(len_wire));
	put(p, data, len);
}

/* n addresses, which count up from 192.0.2.1 or 2001:db8::1. */
static void put_addresses(struct packet *p, const struct dns_query *q,
			  uint32_t ttl, unsigned int n)
{
	for (unsigned int i = 1; i <= n; i++) {
		uint8_t v4[4] = { 192, 0, 2, (uint8_t)i };
		uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)i };

		if (q->type == 1)
			put_record(p, q, ttl, v4, sizeof(v4));
		else
			put_record(p, q, ttl, v6, sizeof(v6));
	}
	p->mem[7] = (uint8_t)n;
}

/* Returns false for a question without an answer. */
static bool answer(const struct dns_query *q, struct packet *p)
{
	const uint8_t id[2] = { (uint8_t)(q->id >> 8), (uint8_t)q->id };
	uint8_t rcode = 0;

	put(p, id, 2);
	put(p, "\x81\x80\0\1\0\0\0\0\0\0", 10);
	put(p, q->question, q->question_len);
	if (!strncmp(q->name, "silent", 6))
		return false;
	if (!strncmp(q->name, "nx", 2))
		rcode = 3;
	else if (!strncmp(q->name, "broken", 6))
		rcode = 2;
	else if (!strncmp(q->name, "refused", 7))
		rcode = 5;
	else if (!strncmp(q->name, "many", 4))
		put_addresses(p, q, 60, 12);
	else if (!strncmp(q->name, "short", 5))
		put_addresses(p, q, 0, 1);
	else if (!strncmp(q->name, "long", 4))
		put_addresses(p, q, 86400, 1);
	else if (!strncmp(q->name, "v6", 2) && q->type == 1)
		;
	else if (strncmp(q->name, "empty", 5))
		put_addresses(p, q, 60, 1);
	p->mem[3] |= rcode;
	return true;
}

static void serve(void)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t packet[1500];
	ssize_t n;

	while ((n = recvfrom(w.server, packet, sizeof(packet), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_len)) > 0) {
		struct packet p = { 0 };
		struct dns_query q;

		assert_int_equal(dns_parse(packet, (size_t)n, &q), 1);
		w.questions++;
		memcpy(w.last_question, q.name, sizeof(q.name));
		if (answer(&q, &p))
			(void)sendto(w.server, p.mem, p.len, 0,
				     (struct sockaddr *)&from, from_len);
	}
}

static void on_event(void *ctx, struct loop_ref ref, unsigned int events)
{
	(void)ctx;
	if (ref.kind == KIND_SERVER)
		serve();
	else
		resolve_on_event(w.r, ref, events);
}

static void on_timer(void *ctx, struct loop_ref ref, uint8_t name)
{
	(void)ctx;
	(void)name;
	assert_int_equal(ref.kind, KIND_RESOLVE);
	resolve_on_timer(w.r);
}

static void on_post(void *ctx, struct loop_ref ref)
{
	(void)ctx;
	assert_int_equal(ref.kind, KIND_WAITER);
	w.posted[ref.index]++;
}

static void open_server(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int size = 4 << 20;
	socklen_t len = sizeof(addr);

	w.server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(w.server >= 0);
	(void)setsockopt(w.server, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	assert_int_equal(bind(w.server, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(w.server, (struct sockaddr *)&addr, &len),
			 0);
	(void)snprintf(w.server_text, sizeof(w.server_text), "127.0.0.1:%u",
		       ntohs(addr.sin_port));
}

static int begin(void **state)
{
	static const struct loop_handlers handlers = { on_event, on_timer,
						       on_post };
	const char *servers[] = { w.server_text };

	(void)state;
	memset(&w, 0, sizeof(w));
	assert_int_equal(loop_new(&handlers, NULL, durations, 1, &w.loop), 0);
	open_server();
	assert_int_equal(loop_add(w.loop, w.server,
				  (struct loop_ref){ .kind = KIND_SERVER },
				  LOOP_READ),
			 0);
	for (unsigned int i = 0; i < WAITS; i++) {
		w.waits[i].post = &w.posts[i];
		w.waits[i].ref =
			(struct loop_ref){ .kind = KIND_WAITER, .index = i };
	}
	return resolver_new(w.loop, KIND_RESOLVE, 0, servers, 1, &w.r);
}

static int finish(void **state)
{
	(void)state;
	resolver_free(&w.r);
	assert_null(w.r);
	resolver_free(&w.r);
	for (int i = 0; i < WAITS; i++) {
		assert_null(w.waits[i].query);
		loop_unpost(w.loop, &w.posts[i]);
	}
	loop_free(&w.loop);
	if (w.server >= 0)
		(void)close(w.server);
	return 0;
}

static int ask(unsigned int i, const char *host, struct resolve_answer *ret)
{
	memset(ret, 0xee, sizeof(*ret));
	return resolve_ask(w.r, slice_str(host), &w.waits[i], ret);
}

static void turn(void)
{
	assert_int_equal(loop_turn(w.loop, 10), 0);
}

/* Turns until waiter i was posted; at most some seconds of the real clock. */
static void wait_for(unsigned int i)
{
	for (int n = 0; n < 500 && !w.posted[i]; n++)
		turn();
	assert_int_equal(w.posted[i], 1);
	w.posted[i] = 0;
}

/* Ask, wait, and take the answer. */
static void resolve(const char *host, struct resolve_answer *ret)
{
	int err = ask(0, host, ret);

	if (err == 0) {
		wait_for(0);
		err = ask(0, host, ret);
	}
	assert_int_equal(err, 1);
	assert_null(w.waits[0].query);
}

static void skip_s(long s)
{
	ahead_s += s;
	turn();
}

static bool has_addr(const struct resolve_answer *a, const char *text)
{
	for (size_t i = 0; i < a->addrs_len; i++) {
		char buf[INET6_ADDRSTRLEN];
		const union resolve_addr *addr = &a->addrs[i];
		const void *p = addr->sa.sa_family == AF_INET
					? (const void *)&addr->v4.sin_addr
					: (const void *)&addr->v6.sin6_addr;

		assert_non_null(
			inet_ntop(addr->sa.sa_family, p, buf, sizeof(buf)));
		assert_int_equal(addr->v4.sin_port, 0);
		if (!strcmp(buf, text))
			return true;
	}
	return false;
}

static void test_both_families(void **state)
{
	struct resolve_answer a;

	(void)state;
	resolve("www.test", &a);
	assert_int_equal(a.err, 0);
	assert_int_equal(a.addrs_len, 2);
	assert_true(has_addr(&a, "192.0.2.1"));
	assert_true(has_addr(&a, "2001:db8::1"));
	assert_int_equal(w.questions, 2);
	resolve("v6.test", &a);
	assert_int_equal(a.addrs_len, 1);
	assert_true(has_addr(&a, "2001:db8::1"));
}

/* More than are kept, of each family: neither is cut off. */
static void test_many_addresses(void **state)
{
	struct resolve_answer a;

	(void)state;
	resolve("many.test", &a);
	assert_int_equal(a.err, 0);
	assert_int_equal(a.addrs_len, RESOLVE_ADDRS);
	for (size_t i = 1; i < RESOLVE_ADDRS; i++)
		assert_int_not_equal(a.addrs[i].sa.sa_family,
				     a.addrs[i - 1].sa.sa_family);
}

/* Asked for as given: no search list turns it into another name. */
static void test_single_label(void **state)
{
	struct resolve_answer a;

	(void)state;
	resolve("nxsingle", &a);
	assert_int_equal(a.err, ERR_UNKNOWN);
	assert_int_equal(w.questions, 2);
	assert_string_equal(w.last_question, "nxsingle");
}

static void test_cache(void **state)
{
	struct resolve_answer a;

	(void)state;
	resolve("www.test", &a);
	skip_s(59);
	assert_int_equal(ask(1, "www.test", &a), 1);
	assert_int_equal(a.addrs_len, 2);
	assert_int_equal(w.questions, 2);
	skip_s(2);
	resolve("www.test", &a);
	assert_int_equal(a.addrs_len, 2);
	assert_int_equal(w.questions, 4);
}

static void test_ttl_is_clamped(void **state)
{
	struct resolve_answer a;

	(void)state;
	resolve("short.test", &a);
	assert_int_equal(ask(1, "short.test", &a), 1);
	skip_s(2);
	assert_int_equal(ask(1, "short.test", &a), 0);
	resolve_forget(w.r, &w.waits[1]);

	resolve("long.test", &a);
	skip_s(299);
	assert_int_equal(ask(1, "long.test", &a), 1);
	skip_s(2);
	assert_int_equal(ask(1, "long.test", &a), 0);
	resolve_forget(w.r, &w.waits[1]);
}

static void test_negative(void **state)
{
	static const struct {
		const char *host;
		int err;
	} golden[] = {
		{ "nx.test", ERR_UNKNOWN },
		{ "empty.test", ERR_UNKNOWN },
		{ "broken.test", ERR_PROTO },
		{ "refused.test", ERR_PROTO },
	};
	struct resolve_answer a;
	unsigned int asked;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(golden); i++) {
		resolve(golden[i].host, &a);
		assert_int_equal(a.err, golden[i].err);
		assert_int_equal(a.addrs_len, 0);
		asked = w.questions;
		skip_s(4);
		assert_int_equal(ask(1, golden[i].host, &a), 1);
		assert_int_equal(a.err, golden[i].err);
		assert_int_equal(w.questions, asked);
		skip_s(2);
		resolve(golden[i].host, &a);
		assert_true(w.questions > asked);
	}
}

static void test_timeout(void **state)
{
	struct resolve_answer a;

	(void)state;
	assert_int_equal(ask(0, "silent.test", &a), 0);
	for (int i = 0; i < 20 && !w.posted[0]; i++) {
		turn();
		skip_s(1);
	}
	wait_for(0);
	assert_int_equal(ask(0, "silent.test", &a), 1);
	assert_int_equal(a.err, -ETIMEDOUT);
	assert_in_range(w.questions, 4, 8);
}

/* Nobody listens: known at once, not after a timeout. */
static void test_dead_server(void **state)
{
	struct resolve_answer a;

	(void)state;
	loop_remove(w.loop, w.server);
	(void)close(w.server);
	w.server = -1;
	resolve("www.test", &a);
	assert_int_equal(a.err, ERR_PROTO);
}

static void test_merge(void **state)
{
	struct resolve_answer a;

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(ask(i, "www.test", &a), 0);
	/* Asking again too early changes nothing. */
	assert_int_equal(ask(2, "www.test", &a), 0);
	resolve_forget(w.r, &w.waits[1]);
	wait_for(3);
	assert_int_equal(w.questions, 2);
	assert_int_equal(w.posted[0], 1);
	assert_int_equal(w.posted[1], 0);
	assert_int_equal(w.posted[2], 1);

	/* The answer stays for those who wait, however late they come. */
	skip_s(1000);
	assert_int_equal(ask(3, "www.test", &a), 1);
	assert_int_equal(a.addrs_len, 2);
	assert_int_equal(ask(0, "www.test", &a), 1);
	resolve_forget(w.r, &w.waits[2]);
	resolve_forget(w.r, &w.waits[2]);
	assert_int_equal(w.questions, 2);
}

/* The last waiter goes; the answer still fills the cache. */
static void test_forget(void **state)
{
	struct resolve_answer a;

	(void)state;
	assert_int_equal(ask(0, "www.test", &a), 0);
	resolve_forget(w.r, &w.waits[0]);
	resolve("other.test", &a);
	for (int i = 0; i < 10; i++)
		turn();
	assert_int_equal(ask(1, "www.test", &a), 1);
	assert_int_equal(w.posted[0], 0);
	assert_int_equal(w.questions, 4);
}

/* Freed with a question in flight: nobody is called, nothing leaks. */
static void test_free_in_flight(void **state)
{
	struct resolve_answer a;

	(void)state;
	assert_int_equal(ask(0, "silent.test", &a), 0);
	assert_int_equal(ask(1, "www.test", &a), 0);
	assert_int_equal(ask(2, "www.test", &a), 0);
}

static void test_addresses(void **state)
{
	struct resolve_answer a;

	(void)state;
	assert_int_equal(ask(0, "192.0.2.7", &a), 1);
	assert_int_equal(a.err, 0);
	assert_int_equal(a.addrs_len, 1);
	assert_true(has_addr(&a, "192.0.2.7"));
	assert_int_equal(ask(0, "2001:db8::7", &a), 1);
	assert_true(has_addr(&a, "2001:db8::7"));
	assert_int_equal(w.questions, 0);
}

static void test_never_asked(void **state)
{
	struct resolve_answer a;
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(ask(0, "localhost", &a), 1);
	assert_int_equal(a.err, ERR_UNKNOWN);
	assert_int_equal(ask(0, "LocalHost", &a), 1);
	assert_int_equal(a.err, ERR_UNKNOWN);
	assert_int_equal(ask(0, "x.localhost", &a), 1);
	assert_int_equal(a.err, ERR_UNKNOWN);
	assert_int_equal(ask(0, "", &a), 1);
	assert_int_equal(a.err, ERR_UNKNOWN);
	assert_int_equal(resolve_ask(w.r, slice_of(text, 254), &w.waits[0], &a),
			 1);
	assert_int_equal(a.err, ERR_UNKNOWN);
	assert_int_equal(resolve_ask(w.r, SLICE("www\0.test"), &w.waits[0], &a),
			 1);
	assert_int_equal(a.err, ERR_UNKNOWN);
	assert_int_equal(w.questions, 0);
	assert_int_equal(ask(0, "notlocalhost", &a), 0);
	resolve_forget(w.r, &w.waits[0]);
}

/* A name of /etc/hosts, if this machine has one, asks nobody. */
static void test_hosts_file(void **state)
{
	char line[512], addr[64], name[256];
	FILE *f = fopen("/etc/hosts", "r");
	struct resolve_answer a;
	bool found = false;

	(void)state;
	while (f && !found && fgets(line, sizeof(line), f))
		found = line[0] != '#' &&
			sscanf(line, "%63s %255s", addr, name) == 2 &&
			!strstr(name, "localhost") && !strchr(addr, '%');
	if (f)
		(void)fclose(f);
	if (!found)
		skip();
	assert_int_equal(ask(0, name, &a), 1);
	assert_int_equal(a.err, 0);
	assert_true(has_addr(&a, addr));
	assert_int_equal(w.questions, 0);
}

/* Past the bound nobody may ask, but what is known is still told. */
static void test_flood(void **state)
{
	struct resolve_wait *flood = calloc(RESOLVES_MAX, sizeof(*flood));
	struct loop_post *posts = calloc(RESOLVES_MAX, sizeof(*posts));
	struct resolve_answer a;
	char name[32];

	(void)state;
	assert_true(flood && posts);
	resolve("www.test", &a);
	for (unsigned int i = 0; i < RESOLVES_MAX; i++) {
		flood[i].post = &posts[i];
		flood[i].ref = w.waits[7].ref;
		(void)snprintf(name, sizeof(name), "silent%u.test", i);
		assert_int_equal(
			resolve_ask(w.r, slice_str(name), &flood[i], &a), 0);
	}
	memset(&a, 0xee, sizeof(a));
	assert_int_equal(ask(0, "one-more.test", &a), -ENOBUFS);
	assert_null(w.waits[0].query);
	assert_int_equal(ask(0, "www.test", &a), 1);
	assert_int_equal(ask(0, "192.0.2.1", &a), 1);
	assert_int_equal(ask(0, "silent7.test", &a), 0);
	resolve_forget(w.r, &w.waits[0]);

	for (int i = 0; i < 20; i++)
		skip_s(1);
	assert_int_equal(w.posted[7], RESOLVES_MAX);
	w.posted[7] = 0;
	for (unsigned int i = 0; i < RESOLVES_MAX; i++)
		resolve_forget(w.r, &flood[i]);
	resolve("one-more.test", &a);
	assert_int_equal(a.err, 0);
	free(flood);
	free(posts);
}

/* The oldest answer makes room; memory does not grow with names. */
static void test_cache_bound(void **state)
{
	struct resolve_answer a;
	unsigned int asked;
	char name[32];

	(void)state;
	resolve("used.test", &a);
	for (unsigned int i = 0; i < RESOLVE_CACHE_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u.test", i);
		resolve(name, &a);
		assert_int_equal(a.err, 0);
		assert_int_equal(ask(1, "used.test", &a), 1);
	}
	asked = w.questions;
	assert_int_equal(asked, 2 * RESOLVE_CACHE_MAX + 2);
	resolve(name, &a);
	assert_int_equal(w.questions, asked);
	resolve("n0.test", &a);
	assert_int_equal(w.questions, asked + 2);
}

static int resolve_in_jail(void)
{
	static const char *const paths[] = { "/etc/hosts", "/etc/resolv.conf",
					     NULL };
	struct resolve_answer a;

	if (jail_worker(paths) < 0 || ask(0, "www.test", &a) != 0)
		return 1;
	for (int i = 0; i < 500 && !w.posted[0]; i++)
		(void)loop_turn(w.loop, 10);
	return ask(0, "www.test", &a) != 1 || a.err || a.addrs_len != 2;
}

/* The worker's filter lets c-ares do all that it does. */
static void test_in_jail(void **state)
{
	int status = -1;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (!child)
		_exit(resolve_in_jail());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_bad_servers(void **state)
{
	const char *const bad[] = { "example", "1.2.3.4:" };
	const char *many[100];
	struct resolver *r = NULL;

	(void)state;
	assert_int_equal(resolver_new(w.loop, 1, 0, bad, 1, &r), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = "255.255.255.255:65535";
	assert_int_equal(resolver_new(w.loop, 1, 0, many, ARRAY_SIZE(many), &r),
			 -EINVAL);
	assert_null(r);
	assert_int_equal(resolver_new(w.loop, 1, 0, NULL, 0, &r), 0);
	resolver_free(&r);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_both_families),	T(test_many_addresses),
		T(test_single_label),	T(test_cache),
		T(test_ttl_is_clamped), T(test_negative),
		T(test_timeout),	T(test_dead_server),
		T(test_merge),		T(test_forget),
		T(test_free_in_flight), T(test_addresses),
		T(test_never_asked),	T(test_hosts_file),
		T(test_flood),		T(test_cache_bound),
		T(test_bad_servers),	T(test_in_jail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
