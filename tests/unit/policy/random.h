/* Rules and questions out of small alphabets, so that they meet. */
#ifndef TESTS_UNIT_POLICY_RANDOM_H
#define TESTS_UNIT_POLICY_RANDOM_H

#include "tests/unit/policy/reference_judge.h"

static uint64_t random_state;

static inline uint32_t rnd(uint32_t below)
{
	random_state =
		random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

#define PICK(list) (list)[rnd(ARRAY_SIZE(list))]

static inline void put(char *ret, size_t size, const char *text)
{
	size_t at = strlen(ret);

	assert_true(at + strlen(text) < size);
	memcpy(ret + at, text, strlen(text) + 1);
}

static inline void random_words(char *ret, size_t size,
				const char *const *words, uint32_t count,
				const char *joint)
{
	uint32_t len = 1 + rnd(3);

	for (uint32_t i = 0; i < len; i++) {
		if (i)
			put(ret, size, joint);
		put(ret, size, words[rnd(count)]);
	}
}

static inline void random_path(char *ret, size_t size, const char *const *segs,
			       uint32_t count)
{
	put(ret, size, "/");
	random_words(ret, size, segs, count, "/");
}

static const char *const labels[] = { "a", "b", "ab" };
static const char *const rule_segs[] = {
	"x",   "y",	"xy",  "x*",  "*y",    "*",	"**", "**", "x;y",
	"*;x", "x%2fy", "%78", "%2a", "x%5cy", "*x*y*", "",   "x",  "y"
};
static const char *const path_segs[] = { "x",	 "y",	   "xy",    "yx",
					 "xxyy", "x%2fy",  "%78",   "%2a",
					 "",	 "x%5cy",  "%2f",   "x",
					 "x;y",	 ";x%2fy", "x%3by", "xy;x" };
static const char *const git_paths[] = { "/x",	   "/x/*", "/x/y.git", "/**",
					 "/x%2fy", "/*",   "/x/y" };
static const char *const git_tails[] = { "/info/refs",
					 "/git-upload-pack",
					 "/git-receive-pack",
					 ".git/info/refs",
					 ".git/git-upload-pack",
					 ".git/git-receive-pack",
					 "/info/lfs/locks/verify",
					 ".git/info/lfs/objects/batch" };

static inline enum rule_scheme random_scheme(void)
{
	static const enum rule_scheme often[] = {
		RULE_HTTPS, RULE_HTTPS, RULE_HTTPS, RULE_HTTPS, RULE_HTTP,
		RULE_WSS,   RULE_WSS,	RULE_WS,    RULE_TCP,	RULE_TLS
	};

	return PICK(often);
}

static inline uint16_t default_port(enum rule_scheme s)
{
	return s == RULE_HTTP || s == RULE_WS ? 80 : s == RULE_TCP ? 22 : 443;
}

static inline void random_host(struct ref_rule *r)
{
	static const char *const fronts[] = { "", "", "", "*.", "." };

	if (r->scheme == RULE_TCP && !rnd(3)) {
		put(r->host, sizeof(r->host),
		    rnd(2) ? "10.0.0.0/30" : "10.0.0.4/31");
		return;
	}
	if (!rnd(12)) {
		put(r->host, sizeof(r->host), rnd(2) ? "*" : "10.0.0.1");
		return;
	}
	put(r->host, sizeof(r->host), PICK(fronts));
	random_words(r->host, sizeof(r->host), labels, ARRAY_SIZE(labels), ".");
}

static inline void random_target(struct ref_target *t, bool methods)
{
	static const char *const lists[] = {
		"any", "GET", "POST", "GET,POST", "HEAD", "PROPFIND,POST"
	};
	static const char *const queries[] = { "k=1",	  "k=*",     "k=1*",
					       "k=1&l=2", "l=a%20b", "%6b=*2",
					       "k=*b" };

	put(t->method, sizeof(t->method), methods ? PICK(lists) : "any");
	random_path(t->path, sizeof(t->path), rule_segs, ARRAY_SIZE(rule_segs));
	if (!rnd(4))
		put(t->query, sizeof(t->query), PICK(queries));
}

static inline void add_target(struct ref_rule *r, const char *method,
			      const char *repo, const char *tail,
			      const char *query)
{
	size_t n = strlen(repo);
	bool bare = n > 5 && !strcmp(repo + n - 4, ".git");

	for (int git = 0; git < 1 + (repo[n - 1] != '*'); git++) {
		struct ref_target *t = &r->target[r->targets++];

		assert_true(r->targets <= (int)ARRAY_SIZE(r->target));
		(void)snprintf(t->method, sizeof(t->method), "%s", method);
		(void)snprintf(t->path, sizeof(t->path), "%.*s%s%s",
			       (int)(bare ? n - 4 : n), repo, git ? ".git" : "",
			       tail);
		(void)snprintf(t->query, sizeof(t->query), "%s", query);
	}
}

/* What git asks for: clone and fetch; and to push. */
static const char *random_git(struct ref_rule *r, const char *repo)
{
	bool write = rnd(2);

	if (!write || r->verdict == VERDICT_ALLOW) {
		add_target(r, "GET", repo, "/info/refs",
			   "service=git-upload-pack");
		add_target(r, "POST", repo, "/git-upload-pack", "");
		add_target(r, "POST", repo, "/info/lfs/objects/batch", "");
	}
	if (write) {
		add_target(r, "GET", repo, "/info/refs",
			   "service=git-receive-pack");
		add_target(r, "POST", repo, "/git-receive-pack", "");
		add_target(r, "POST", repo, "/info/lfs/locks/verify", "");
	}
	return write ? "git:write" : "git:read";
}

/* A rule, and the line that says it. */
static inline void random_rule(struct ref_rule *r, char line[256])
{
	static const char *const until[] = { "", "1970-01-01T00:01:40Z",
					     "1970-01-01T00:03:20Z" };
	uint32_t when = rnd(6) ? 0 : 1 + rnd(2);
	char method[32] = "", port[8] = "";
	const char *path = "", *query = "";
	bool http;

	memset(r, 0, sizeof(*r));
	r->verdict = (enum verdict)rnd(3);
	r->scheme = random_scheme();
	r->until_s = when * 100u;
	http = r->scheme == RULE_HTTPS || r->scheme == RULE_HTTP;
	random_host(r);
	r->port = rnd(8) ? default_port(r->scheme) : 8443;
	if (r->port != default_port(r->scheme) || r->scheme == RULE_TCP)
		(void)snprintf(port, sizeof(port), ":%u", r->port);
	if (http && !rnd(5)) {
		path = PICK(git_paths);
		(void)snprintf(method, sizeof(method), "%s ",
			       random_git(r, path));
	} else if (ref_raw(r->scheme)) {
		r->targets = 1;
		put(r->target[0].method, sizeof(r->target[0].method), "any");
	} else {
		random_target(&r->target[r->targets++], http);
		path = r->target[0].path;
		query = r->target[0].query;
		if (http)
			(void)snprintf(method, sizeof(method), "%s ",
				       r->target[0].method);
	}
	(void)snprintf(
		line, 256, "%s %s%s://%s%s%s%s%s%s%s", verdict_str(r->verdict),
		method, rule_scheme_str(r->scheme), r->host, port, path,
		*query ? "?" : "", query, when ? " until=" : "", until[when]);
}

static inline void random_query(struct ref_question *q)
{
	static const char *const keys[] = { "k", "l", "%6b", "m", "service" };
	static const char *const values[] = { "=1",
					      "=2",
					      "=12",
					      "=ab",
					      "=a+b",
					      "=",
					      "",
					      "=git-upload-pack",
					      "=git-receive-pack" };
	uint32_t len = rnd(4);

	for (uint32_t i = 0; i < len; i++) {
		if (i)
			put(q->query, sizeof(q->query), rnd(4) ? "&" : ";");
		put(q->query, sizeof(q->query), PICK(keys));
		put(q->query, sizeof(q->query), PICK(values));
	}
}

static inline void random_question(struct ref_question *q)
{
	static const char *const methods[] = { "GET",  "GET",	   "POST",
					       "HEAD", "PROPFIND", "DELETE" };
	static const char *const addresses[] = { "10.0.0.1", "10.0.0.3",
						 "10.0.0.5", "10.0.0.6" };
	static const char *const services[] = { "service=git-upload-pack",
						"service=git-receive-pack" };

	memset(q, 0, sizeof(*q));
	q->scheme = random_scheme();
	q->port = rnd(8) ? default_port(q->scheme) : 8443;
	q->now_s = (uint64_t[]){ 0, 50, 100, 150, 250 }[rnd(5)];
	if (rnd(q->scheme == RULE_TCP ? 2 : 12))
		random_words(q->host, sizeof(q->host), labels,
			     ARRAY_SIZE(labels), ".");
	else
		put(q->host, sizeof(q->host), PICK(addresses));
	if (ref_raw(q->scheme))
		return;
	put(q->method, sizeof(q->method), PICK(methods));
	random_path(q->path, sizeof(q->path), path_segs, ARRAY_SIZE(path_segs));
	if (!rnd(4)) {
		put(q->path, sizeof(q->path), PICK(git_tails));
		put(q->query, sizeof(q->query), PICK(services));
	} else {
		random_query(q);
	}
}

/* What a pattern may stand for, or nearly. */
static inline void fill_stars(char *ret, size_t size, const char *pattern)
{
	static const char *const words[] = { "x", "y", "xy", "", "%2f", "x/y" };

	for (; *pattern; pattern++) {
		char c[2] = { *pattern, '\0' };

		put(ret, size, *pattern == '*' ? PICK(words) : c);
	}
}

/* Turn a question into one that this rule is likely about. */
static inline void aim(struct ref_question *q, const struct ref_rule *r)
{
	const struct ref_target *t = &r->target[rnd((uint32_t)r->targets)];
	const char *name = r->host + strspn(r->host, "*.");

	q->scheme = r->scheme;
	if (r->scheme == RULE_HTTPS && !rnd(8))
		q->scheme = RULE_WSS;
	q->port = r->port;
	if (*name && !strchr(r->host, '/')) {
		q->host[0] = '\0';
		if (name != r->host && rnd(4))
			put(q->host, sizeof(q->host), "b.");
		put(q->host, sizeof(q->host), name);
	}
	if (ref_raw(q->scheme)) {
		q->method[0] = q->path[0] = q->query[0] = '\0';
		return;
	}
	if (!q->method[0])
		put(q->method, sizeof(q->method), "GET");
	if (!q->path[0])
		put(q->path, sizeof(q->path), "/x");
	if (rnd(4)) {
		q->path[0] = '\0';
		fill_stars(q->path, sizeof(q->path), t->path);
	}
	if (t->query[0] && rnd(3)) {
		q->query[0] = '\0';
		fill_stars(q->query, sizeof(q->query), t->query);
	}
}

#endif
