/* gateway/member.c - the sandboxes, as the parent knows them. */

#include "gateway/member.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/name.h"

int member_new(struct slice name, struct slice policies, struct member **ret)
{
	struct member *m;
	size_t at;

	if (name_fault(name, &at) || policies.len >= MEMBER_POLICIES_MAX)
		return ERR_SYNTAX;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	memcpy(m->name, name.ptr, name.len);
	if (policies.len)
		memcpy(m->policies, policies.ptr, policies.len);
	m->since_s = (uint64_t)time(NULL);
	for (size_t i = 0; i < LISTENERS_SANDBOX; i++)
		m->fds[i] = -1;
	*ret = m;
	return 0;
}

static void member_clear_from(struct member *m)
{
	for (size_t i = 0; i < m->from_len; i++)
		free(m->from[i]);
	free(m->from);
	m->from = NULL;
	m->from_len = 0;
}

void member_free(struct member **m)
{
	if (!*m)
		return;
	for (size_t i = 0; i < LISTENERS_SANDBOX; i++) {
		if ((*m)->fds[i] >= 0)
			(void)close((*m)->fds[i]);
	}
	member_clear_from(*m);
	ruleset_free(&(*m)->own);
	ruleset_free(&(*m)->grants);
	ruleset_free(&(*m)->rules);
	explicit_bzero((*m)->token, sizeof((*m)->token));
	free(*m);
	*m = NULL;
}

static int member_add_policies(const struct member *m,
			       const struct config *config, struct ruleset *rs,
			       struct config_error *ret_err)
{
	struct slice rest = slice_str(m->policies);
	int rc = 0;

	while (rc == 0 && rest.len) {
		char name[MEMBER_POLICIES_MAX];
		struct slice word;

		(void)slice_cut(rest, ' ', &word, &rest);
		if (!word.len)
			continue;
		memcpy(name, word.ptr, word.len);
		name[word.len] = '\0';
		rc = config_rules(config, name, rs, ret_err);
	}
	return rc;
}

/* The whole ruleset, freshly made. */
static int member_build(const struct member *m, const struct config *config,
			struct ruleset **ret, struct config_error *ret_err)
{
	struct ruleset *rs;
	int rc = ruleset_new(&rs);

	ret_err->text[0] = '\0';
	if (rc < 0)
		return rc;
	rc = member_add_policies(m, config, rs, ret_err);
	if (rc == 0 && m->own)
		rc = ruleset_append(rs, m->own);
	if (rc == 0 && m->grants)
		rc = ruleset_append(rs, m->grants);
	if (rc < 0) {
		if (!ret_err->text[0])
			(void)snprintf(ret_err->text, sizeof(ret_err->text),
				       "%s", err_str(rc));
		ruleset_free(&rs);
		return rc;
	}
	*ret = rs;
	return 0;
}

int member_compose(struct member *m, const struct config *config,
		   struct config_error *ret_err)
{
	struct ruleset *rs;
	int rc = member_build(m, config, &rs, ret_err);

	if (rc < 0)
		return rc;
	ruleset_free(&m->rules);
	m->rules = rs;
	return 0;
}

int member_try(const struct member *m, const struct config *config,
	       struct config_error *ret_err)
{
	struct ruleset *rs;
	int rc = member_build(m, config, &rs, ret_err);

	if (rc == 0)
		ruleset_free(&rs);
	return rc;
}

int member_set_grants(struct member *m, const struct config *config,
		      struct ruleset **grants, struct config_error *ret_err)
{
	struct ruleset *before = m->grants;
	int rc;

	m->grants = *grants;
	rc = member_compose(m, config, ret_err);
	if (rc < 0) {
		m->grants = before;
		return rc;
	}
	*grants = NULL;
	ruleset_free(&before);
	return 0;
}

int member_set_from(struct member *m, const char *const *from, size_t len)
{
	char **copy = calloc(len + 1, sizeof(*copy));
	size_t done = 0;

	while (copy && done < len && (copy[done] = strdup(from[done])))
		done++;
	if (!copy || done < len) {
		while (done)
			free(copy[--done]);
		free(copy);
		return -ENOMEM;
	}
	member_clear_from(m);
	m->from = copy;
	m->from_len = len;
	return 0;
}

/* Visible ASCII only: it must survive a URL, a header and a terminal. */
static size_t member_token_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] > ' ' && text[n] < 0x7f)
		n++;
	if (n < len && text[n] != '\n' && text[n] != '\r')
		return 0;
	return n >= TOKEN_MIN && n <= TOKEN_MAX ? n : 0;
}

int member_read_token(const char *path, char ret[TOKEN_MAX + 1])
{
	char text[TOKEN_MAX + 2];
	size_t len = 0;
	ssize_t n = 0;
	int fd, rc = 0;

	if (!path) {
		explicit_bzero(ret, TOKEN_MAX + 1);
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text));
	if (n < 0)
		rc = -errno;
	(void)close(fd);
	if (rc == 0)
		len = member_token_len(text, (size_t)n);
	if (rc == 0 && !len)
		rc = ERR_SYNTAX;
	if (rc == 0) {
		memset(ret, 0, TOKEN_MAX + 1);
		memcpy(ret, text, len);
	}
	explicit_bzero(text, sizeof(text));
	return rc;
}
