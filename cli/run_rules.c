/* cli/run_rules.c - the rules of one run, from its command line. */

#include "cli/run_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/err.h"
#include "policy/lint.h"
#include "policy/load.h"
#include "policy/policy.h"

#define RUN_DEFAULT_POLICY "default"

static int run_config(const struct instance *in, struct config **ret)
{
	char path[INSTANCE_PATH_MAX];
	struct config_error err = { "" };
	int rc;

	if (!instance_path(in->conf_dir, INSTANCE_CONFIG, path))
		return -ENAMETOOLONG;
	rc = config_load(path, ret, &err);
	if (rc == -ENOENT)
		rc = config_empty(ret);
	if (rc)
		(void)fprintf(stderr, "%s\n",
			      err.text[0] ? err.text : err_str(rc));
	return rc;
}

static bool run_is_file(const char *policy)
{
	struct slice s = slice_str(policy);

	return strchr(policy, '/') || slice_ends(s, SLICE(".yaml")) ||
	       slice_ends(s, SLICE(".yml"));
}

/* What is being put together. */
struct run_set {
	const char *who; /* the command, in messages */
	const struct config *config;
	struct ruleset *further; /* rules that stand in no policy */
	struct ruleset *checked; /* what the names stand for; not sent */
	char names[SANDBOX_POLICIES_MAX];
};

static int run_add_name(struct run_set *set, const char *name)
{
	size_t len = strlen(set->names);
	size_t room = sizeof(set->names) - len;
	int n = snprintf(set->names + len, room, "%s%s", len ? " " : "", name);

	return n < 0 || (size_t)n >= room ? ERR_LIMIT : 0;
}

static int run_add_policy(struct run_set *set, const char *policy)
{
	struct config_error err = { "" };
	bool file = run_is_file(policy);
	int rc = file ? config_policy_file(set->config, policy, set->further,
					   &err)
		      : config_rules(set->config, policy, set->checked, &err);

	if (!rc && !file)
		rc = run_add_name(set, policy);
	if (rc)
		(void)fprintf(stderr, "penstock %s: --policy %s: %s\n",
			      set->who, policy,
			      err.text[0] ? err.text : err_str(rc));
	return rc;
}

static int run_add_default(struct run_set *set, bool hint)
{
	struct config_error err = { "" };
	int rc = config_rules(set->config, RUN_DEFAULT_POLICY, set->checked,
			      &err);

	if (!rc)
		return run_add_name(set, RUN_DEFAULT_POLICY);
	if (rc == ERR_UNKNOWN && hint)
		(void)fprintf(stderr,
			      "penstock %s: no policy: every request "
			      "will be refused; name one with --policy "
			      "or a rule with --allow\n",
			      set->who);
	if (rc == ERR_UNKNOWN)
		return 0;
	(void)fprintf(stderr,
		      "penstock %s: policy " RUN_DEFAULT_POLICY ": %s\n",
		      set->who, err.text[0] ? err.text : err_str(rc));
	return rc;
}

static int run_add_allow(const struct run_set *set, const char *line)
{
	struct ruleset *rs = set->further;
	struct rule_error err = { 0 };
	char odd[LINT_WHAT_MAX];
	int rc;

	ruleset_set_clock(rs, (uint64_t)time(NULL));
	rc = ruleset_add(rs, VERDICT_ALLOW, slice_str(line),
			 SLICE("command line"), &err);
	if (!rc) {
		const char *at = strstr(line, " inject=");

		rc = config_check_inject(
			set->config, ruleset_at(rs, ruleset_len(rs) - 1), &err);
		err.column = at ? (unsigned int)(at - line) + sizeof(" inject=")
				: err.column;
	}
	if (rc == ERR_SYNTAX)
		(void)fprintf(stderr, "penstock %s: --allow: %s\n  %s\n  %*s\n",
			      set->who, err.text, line, (int)err.column, "^");
	else if (rc)
		(void)fprintf(stderr, "penstock %s: --allow: %s\n", set->who,
			      err_str(rc));
	else if (lint_method(ruleset_at(rs, ruleset_len(rs) - 1), odd))
		(void)fprintf(stderr, "penstock %s: --allow: warning: %s\n",
			      set->who, odd);
	return rc;
}

static int run_collect(struct run_set *set, const struct words *policies,
		       const struct words *beside, const struct words *allow)
{
	int rc = 0;

	if (!policies->len)
		rc = run_add_default(set, !allow->len && !beside->len);
	for (size_t i = 0; !rc && i < beside->len; i++)
		rc = run_add_policy(set, beside->ptr[i]);
	for (size_t i = 0; !rc && i < policies->len; i++)
		rc = run_add_policy(set, policies->ptr[i]);
	for (size_t i = 0; !rc && i < allow->len; i++)
		rc = run_add_allow(set, allow->ptr[i]);
	return rc;
}

static int run_to_file(const char *who, const struct ruleset *rs)
{
	char *text = NULL;
	size_t len;
	int rc = ruleset_print(rs, &text, &len);

	if (!rc)
		rc = sandbox_memfile("penstock rules", text, len);
	free(text);
	if (rc < 0)
		(void)fprintf(stderr, "penstock %s: rules: %s\n", who,
			      err_str(rc));
	return rc;
}

int run_rules(const char *who, struct sandbox *sb, const struct words *policies,
	      const struct words *beside, const struct words *allow)
{
	CLEANUP(config_free) struct config *config = NULL;
	CLEANUP(ruleset_free) struct ruleset *further = NULL;
	CLEANUP(ruleset_free) struct ruleset *checked = NULL;
	struct run_set set = { .who = who, .names = "" };
	int rc = run_config(&sb->in, &config);

	if (!rc)
		rc = ruleset_new(&further);
	if (!rc)
		rc = ruleset_new(&checked);
	if (rc)
		return rc;
	set.config = config;
	set.further = further;
	set.checked = checked;
	rc = run_collect(&set, policies, beside, allow);
	if (!rc)
		rc = run_to_file(who, further);
	if (rc >= 0)
		memcpy(sb->policies, set.names, sizeof(sb->policies));
	return rc;
}
