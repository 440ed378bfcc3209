/* policy/load.c - penstock.yaml, the profiles, and names to rulesets.
 *
 * A configuration keeps its text and its tree; profiles are read when first
 * asked for. A file with an error gives no configuration at all, so that a
 * reload keeps the old one.
 */

#include "policy/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "policy/config.h"
#include "policy/fields.h"
#include "policy/near.h"
#include "policy/profile.h"
#include "policy/text.h"

static int init_profiles(struct config_cache *cache)
{
	cache->profiles = arena_zalloc(&cache->arena,
				       profiles_len * sizeof(*cache->profiles));
	cache->sources = arena_zalloc(&cache->arena,
				      profiles_len * sizeof(*cache->sources));
	if (!cache->profiles || !cache->sources)
		return -ENOMEM;
	for (size_t i = 0; i < profiles_len; i++) {
		struct slice name = slice_str(profiles[i].name);
		size_t size = sizeof("profile ") + name.len;
		char *mem = arena_alloc(&cache->arena, size);
		struct text t;

		if (!mem)
			return -ENOMEM;
		t = text_in(mem, size);
		text_put_str(&t, "profile ");
		text_put(&t, name);
		cache->sources[i] = (struct doc_source){
			.name = mem,
			.text = slice_of(profiles[i].text, profiles[i].len),
		};
		cache->profiles[i].name = profiles[i].name;
		cache->profiles[i].src = &cache->sources[i];
	}
	return 0;
}

int config_empty(struct config **ret)
{
	struct config *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	if (!c)
		return -ENOMEM;
	arena_init(&c->arena, SIZE_MAX);
	c->cache = calloc(1, sizeof(*c->cache));
	if (c->cache) {
		arena_init(&c->cache->arena, SIZE_MAX);
		rc = init_profiles(c->cache);
	}
	if (rc < 0) {
		config_free(&c);
		return rc;
	}
	*ret = c;
	return 0;
}

void config_free(struct config **config)
{
	struct config *c = *config;

	if (!c)
		return;
	if (c->cache)
		arena_done(&c->cache->arena);
	free(c->cache);
	arena_done(&c->arena);
	free(c);
	*config = NULL;
}

/* Copy name and text, so that nodes and messages outlive the caller's. */
static int keep_source(struct config *c, const char *name, struct slice text)
{
	struct slice copy;

	if (arena_copy(&c->arena, slice_str(name), &copy) < 0 ||
	    arena_copy(&c->arena, text, &c->src.text) < 0)
		return -ENOMEM;
	c->src.name = copy.ptr;
	return 0;
}

typedef void read_root_fn(struct load *l, const struct doc_node *root);

/* Read text into a new configuration by way of read. */
static int parse_text(struct load *l, const char *name, struct slice text,
		      read_root_fn *read, struct config **ret)
{
	struct doc_node *root = NULL;
	struct config *c = NULL;
	int rc = config_empty(&c);

	if (rc == 0)
		rc = keep_source(c, name, text);
	if (rc == 0)
		c->outer = l->outer;
	if (rc == 0)
		rc = doc_read(&c->src, &c->arena, &root, l->err);
	if (rc == ERR_SYNTAX && l->fn)
		l->fn(l->ctx, l->err);
	if (rc == 0 && root) {
		c->root = root;
		l->c = c;
		l->src = &c->src;
		read(l, root);
		if (l->errors)
			rc = ERR_SYNTAX;
		if (l->no_memory)
			rc = -ENOMEM;
	}
	if (rc < 0) {
		config_free(&c);
		return rc;
	}
	*ret = c;
	return 0;
}

static int fail_file(const char *path, int rc, struct config_error *err)
{
	struct text t = text_in(err->text, sizeof(err->text));

	text_put_str(&t, path);
	text_put_str(&t, ": ");
	text_put_str(&t, rc == ERR_LIMIT ? "larger than 8 MiB" : err_str(rc));
	return rc;
}

/* A file's text, malloc'd. */
static int read_file(const char *path, struct slice *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *mem;
	size_t len = 0;
	int rc;

	if (fd < 0)
		return -errno;
	mem = malloc(DOC_OCTETS_MAX + 1);
	rc = mem ? file_slurp(fd, mem, DOC_OCTETS_MAX, &len) : -ENOMEM;
	(void)close(fd);
	if (rc < 0) {
		free(mem);
		return rc;
	}
	mem[len] = '\0';
	*ret = slice_of(mem, len);
	return 0;
}

static int load_file(struct load *l, const char *path, read_root_fn *read,
		     struct config **ret)
{
	struct slice text = { 0 };
	int rc = read_file(path, &text);

	if (rc < 0) {
		rc = fail_file(path, rc, l->err);
		if (l->fn)
			l->fn(l->ctx, l->err);
		return rc;
	}
	rc = parse_text(l, path, text, read, ret);
	free((char *)(uintptr_t)text.ptr);
	return rc;
}

int config_load(const char *path, struct config **ret,
		struct config_error *ret_err)
{
	struct load l = { .err = ret_err };

	return load_file(&l, path, schema_read, ret);
}

int config_parse(const char *name, struct slice text, struct config **ret,
		 struct config_error *ret_err)
{
	struct load l = { .err = ret_err };

	return parse_text(&l, name, text, schema_read, ret);
}

/* Either form that a file may have. */
static void read_either(struct load *l, const struct doc_node *root)
{
	static const char *const keys[] = { "use", "allow", "ask", "deny",
					    "default" };
	struct config_policy *p;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!fields_get(root, keys[i]))
			continue;
		p = arena_zalloc(&l->c->arena, sizeof(*p));
		if (!p) {
			l->no_memory = true;
			return;
		}
		*p = (struct config_policy){ .name = "",
					     .src = l->src,
					     .map = root };
		l->c->policies = p;
		l->c->policies_len = 1;
		schema_check_policy(l, root);
		return;
	}
	schema_read(l, root);
}

int config_parse_either(const char *name, struct slice text,
			struct config **ret, struct config_error *ret_err)
{
	struct load l = { .err = ret_err };

	return parse_text(&l, name, text, read_either, ret);
}

int config_read(const char *path, char **ret, size_t *ret_len,
		struct config_error *ret_err)
{
	struct slice text = { 0 };
	int rc = read_file(path, &text);

	if (rc < 0)
		return fail_file(path, rc, ret_err);
	*ret = (char *)(uintptr_t)text.ptr;
	*ret_len = text.len;
	return 0;
}

int config_check(const char *path, config_error_fn *fn, void *ctx,
		 struct config **ret)
{
	struct config_error first;
	struct load l = { .err = &first, .fn = fn, .ctx = ctx };

	return load_file(&l, path, read_either, ret);
}

size_t config_sandboxes(const struct config *c)
{
	return c->sandboxes_len;
}

void config_sandbox(const struct config *c, size_t i,
		    struct config_sandbox *ret)
{
	assert(i < c->sandboxes_len);
	*ret = c->sandboxes[i];
}

void config_settings(const struct config *c, struct config_settings *ret)
{
	*ret = c->settings;
}

size_t config_policies(const struct config *c)
{
	return c->policies_len;
}

const char *config_policy_name(const struct config *c, size_t i)
{
	assert(i < c->policies_len);
	return c->policies[i].name;
}

bool config_has_policy(const struct config *c, const char *name)
{
	for (size_t i = 0; i < config_policies(c); i++)
		if (!strcmp(config_policy_name(c, i), name))
			return true;
	return false;
}

size_t config_profiles(void)
{
	return profiles_len;
}

const char *config_profile_name(size_t i)
{
	assert(i < profiles_len);
	return profiles[i].name;
}

struct slice config_profile_text(size_t i)
{
	assert(i < profiles_len);
	return slice_of(profiles[i].text, profiles[i].len);
}

/* The tree of a profile, read when first asked for. Its text is ours. */
static bool open_profile(struct config_cache *cache, size_t i)
{
	struct config_error err;
	struct doc_node *map = NULL;
	int rc;

	if (cache->profiles[i].map)
		return true;
	rc = doc_read(&cache->sources[i], &cache->arena, &map, &err);
	assert(rc != ERR_SYNTAX);
	cache->profiles[i].map = map;
	return rc == 0;
}

static struct config_policy *find_own(const struct config *c, struct near *near)
{
	for (size_t i = 0; c && i < c->policies_len; i++) {
		if (!strcmp(c->policies[i].name, near->name))
			return &c->policies[i];
		near_try(near, c->policies[i].name);
	}
	return NULL;
}

struct config_policy *config_find(const struct config *c, const char *name,
				  const char **ret_near)
{
	struct near near = near_begin(name);
	struct config_policy *found = find_own(c, &near);

	assert(c);
	if (!found)
		found = find_own(c->outer, &near);
	if (found)
		return found;
	for (size_t i = 0; i < profiles_len; i++) {
		if (!strcmp(profiles[i].name, name) &&
		    open_profile(c->cache, i))
			return &c->cache->profiles[i];
		near_try(&near, profiles[i].name);
	}
	*ret_near = near.found;
	return NULL;
}

size_t config_count(const struct config *c)
{
	return c->policies_len + profiles_len +
	       (c->outer ? c->outer->policies_len : 0);
}

size_t config_index(const struct config *c, const struct config_policy *p)
{
	const struct config_policy *first = c->cache->profiles;
	size_t own = c->policies_len;

	if (p >= first && p < first + profiles_len)
		return own + (size_t)(p - first);
	if (c->outer && p->src == &c->outer->src)
		return own + profiles_len + (size_t)(p - c->outer->policies);
	return (size_t)(p - c->policies);
}

int config_rules(const struct config *c, const char *name, struct ruleset *rs,
		 struct config_error *ret_err)
{
	const char *near = NULL;
	const struct config_policy *p = config_find(c, name, &near);
	struct text t;

	if (p)
		return gather_rules(c, p, rs, ret_err);
	t = text_in(ret_err->text, sizeof(ret_err->text));
	text_put_str(&t, "no policy or profile is named ");
	text_put_str(&t, name);
	if (near) {
		text_put_str(&t, "; did you mean ");
		text_put_str(&t, near);
		text_put_str(&t, "?");
	}
	return ERR_UNKNOWN;
}

int config_policy_file(const struct config *c, const char *path,
		       struct ruleset *rs, struct config_error *ret_err)
{
	struct load l = { .err = ret_err, .outer = c };
	struct config *file = NULL;
	int rc = load_file(&l, path, read_either, &file);

	if (rc < 0)
		return rc;
	if (file->policies_len != 1) {
		struct text t = text_in(ret_err->text, sizeof(ret_err->text));

		text_put_str(&t, path);
		text_put_str(&t, ": expected one policy in the file");
		rc = ERR_SYNTAX;
	} else {
		rc = gather_rules(file, &file->policies[0], rs, ret_err);
	}
	config_free(&file);
	return rc;
}
