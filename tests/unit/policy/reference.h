/* A judge written from the text of docs/rules.md, as naive as it can be: every
 * rule is looked at, patterns match by recursion, nothing is compiled. The real
 * one has to agree with it.
 */
#ifndef TESTS_UNIT_POLICY_REFERENCE_H
#define TESTS_UNIT_POLICY_REFERENCE_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/policy/question.h"

#define REF_STAR 256 /* a star that is a wildcard; octets are below */
#define REF_MAX	 160

/* Octets, and the borders of segments as -1; 0 at the end is no octet. */
struct ref_path {
	int sym[REF_MAX];
	int len;
};

struct ref_target {
	char method[24]; /* "any", "GET,POST" */
	char path[96];
	char query[48];
};

struct ref_rule {
	enum verdict verdict;
	enum rule_scheme scheme;
	char host[40]; /* "*", "*.a", ".a", "a.b", "10.0.0.1", "10.0.0.0/30" */
	uint16_t port;
	uint64_t until_s;
	struct ref_target target[16]; /* of a git rule several */
	int targets;
};

static inline int ref_hex(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* Decode; stars are wildcards in a pattern. */
static inline int ref_decode(const char *s, size_t n, bool pattern, int *ret)
{
	int len = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '%') {
			ret[len++] = ref_hex(s[i + 1]) * 16 + ref_hex(s[i + 2]);
			i += 2;
		} else {
			ret[len++] = s[i] == '*' && pattern ? REF_STAR : s[i];
		}
	}
	return len;
}

/* Without parameters: from each ';' to the next '/'. */
static inline void ref_bare(const char *path, char *ret)
{
	for (; *path; path++) {
		if (*path == ';')
			path += strcspn(path, "/");
		if (!*path)
			break;
		*ret++ = *path;
	}
	*ret = '\0';
}

/* Under one reading: opaque keeps every segment and an encoded slash inside
 * it, decoded splits after decoding and drops the empty ones.
 */
static inline void ref_read(const char *path, bool pattern, bool decoded,
			    struct ref_path *ret)
{
	int mem[REF_MAX], n = 0;

	ret->len = 0;
	if (decoded) {
		n = ref_decode(path, strlen(path), pattern, mem);
		for (int i = 0; i < n; i++) {
			bool slash = mem[i] == '/' || mem[i] == '\\';

			if (!slash)
				ret->sym[ret->len++] = mem[i];
			else if (ret->len && ret->sym[ret->len - 1] != -1)
				ret->sym[ret->len++] = -1;
		}
		if (ret->len && ret->sym[ret->len - 1] != -1)
			ret->sym[ret->len++] = -1;
		return;
	}
	for (path++;; path++) {
		n = (int)strcspn(path, "/");
		ret->len += ref_decode(path, (size_t)n, pattern,
				       ret->sym + ret->len);
		ret->sym[ret->len++] = -1; /* ends each segment */
		path += n;
		if (!*path)
			return;
	}
}

/* Within a segment. */
static inline bool ref_text(const int *p, int p_len, const int *t, int t_len)
{
	if (!p_len)
		return !t_len;
	if (p[0] == REF_STAR)
		return ref_text(p + 1, p_len - 1, t, t_len) ||
		       (t_len && ref_text(p, p_len, t + 1, t_len - 1));
	return t_len && p[0] == t[0] &&
	       ref_text(p + 1, p_len - 1, t + 1, t_len - 1);
}

static inline int ref_segment(const int *s)
{
	int n = 0;

	while (s[n] != -1)
		n++;
	return n;
}

static inline bool ref_segments(const int *p, const int *p_end, const int *t,
				const int *t_end)
{
	int n, m;

	if (p == p_end)
		return t == t_end;
	n = ref_segment(p);
	m = t == t_end ? 0 : ref_segment(t);
	if (n == 2 && p[0] == REF_STAR && p[1] == REF_STAR)
		return ref_segments(p + 3, p_end, t, t_end) ||
		       (t != t_end && ref_segments(p, p_end, t + m + 1, t_end));
	if (t == t_end || (n == 1 && p[0] == REF_STAR && !m))
		return false;
	return ref_text(p, n, t, m) &&
	       ref_segments(p + n + 1, p_end, t + m + 1, t_end);
}

static inline bool ref_path_matches(const char *pattern, const char *path,
				    bool decoded)
{
	struct ref_path p, t;

	assert_true(strlen(path) < REF_MAX);
	ref_read(pattern, true, decoded, &p);
	ref_read(path, false, decoded, &t);
	return ref_segments(p.sym, p.sym + p.len, t.sym, t.sym + t.len);
}

/* Under how many of the three. A pattern with parameters knows them. */
static inline int ref_readings(const char *pattern, const char *path)
{
	bool decoded = ref_path_matches(pattern, path, true);
	bool bare = decoded;
	char text[REF_MAX];

	if (!strchr(pattern, ';')) {
		ref_bare(path, text);
		bare = ref_path_matches(pattern, text, true);
	}
	return ref_path_matches(pattern, path, false) + decoded + bare;
}

static inline bool ref_value(const char *glob, size_t n, const char *raw,
			     size_t m, bool plus)
{
	int p[REF_MAX] = { 0 }, t[REF_MAX] = { 0 };
	int p_len = ref_decode(glob, n, true, p);
	int t_len = ref_decode(raw, m, false, t);

	for (int i = 0; plus && i < t_len; i++)
		if (t[i] == '+')
			t[i] = ' ';
	return ref_text(p, p_len, t, t_len);
}

/* One "key=glob" against the query: how many times the key stands in it, and
 * how often with a value that matches.
 */
struct ref_count {
	int seen;
	int good;
};

static inline struct ref_count ref_pair(const char *want, size_t want_len,
					const char *query, const char *joints,
					bool deny)
{
	struct ref_count ret = { 0, 0 };
	size_t key_len = strcspn(want, "=");
	const char *glob = want + key_len + 1;
	size_t len = want_len - key_len - 1;

	while (*query) {
		size_t n = strcspn(query, joints);
		size_t k = strcspn(query, "=") < n ? strcspn(query, "=") : n;
		size_t v = k < n ? k + 1 : n;

		if (ref_value(want, key_len, query, k, false)) {
			ret.seen++;
			ret.good +=
				ref_value(glob, len, query + v, n - v, false) ||
				(deny &&
				 ref_value(glob, len, query + v, n - v, true));
		}
		query += n + (query[n] != '\0');
	}
	return ret;
}

/* A permission needs every value of each key to match, a deny one of each. */
static inline bool ref_query(const char *pattern, const char *query, bool deny,
			     const char *joints)
{
	for (;;) {
		size_t n = strcspn(pattern, "&");
		struct ref_count c;

		if (!n)
			return true;
		c = ref_pair(pattern, n, query, joints, deny);
		if (deny ? !c.good : !c.seen || c.good != c.seen)
			return false;
		pattern += n + (pattern[n] != '\0');
	}
}

#endif
