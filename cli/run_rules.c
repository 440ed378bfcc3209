/* cli/run_rules.c - the rules of one run, from its command line. */

#include "cli/run_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/sandbox.h"
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

static int run_add_policy(const struct config *c, const char *policy,
			  struct ruleset *rs)
{
	struct config_error err = { "" };
	int rc = run_is_file(policy) ? config_policy_file(c, policy, rs, &err)
				     : config_rules(c, policy, rs, &err);

	if (rc)
		(void)fprintf(stderr, "penstock run: --policy %s: %s\n", policy,
			      err.text[0] ? err.text : err_str(rc));
	return rc;
}

static int run_add_default(const struct config *c, bool hint,
			   struct ruleset *rs)
{
	struct config_error err = { "" };
	int rc = config_rules(c, RUN_DEFAULT_POLICY, rs, &err);

	if (rc == ERR_UNKNOWN && hint)
		(void)fprintf(stderr, "penstock run: no policy: every request "
				      "will be refused; name one with --policy "
				      "or a rule with --allow\n");
	if (rc == ERR_UNKNOWN)
		return 0;
	if (rc)
		(void)fprintf(stderr, "penstock run: policy default: %s\n",
			      err.text[0] ? err.text : err_str(rc));
	return rc;
}

static int run_add_allow(const char *line, struct ruleset *rs)
{
	struct rule_error err = { 0 };
	int rc = ruleset_add(rs, VERDICT_ALLOW, slice_str(line),
			     SLICE("command line"), &err);

	if (rc == ERR_SYNTAX)
		(void)fprintf(stderr,
			      "penstock run: --allow: %s\n  %s\n  %*s\n",
			      err.text, line, (int)err.column, "^");
	else if (rc)
		(void)fprintf(stderr, "penstock run: --allow: %s\n",
			      err_str(rc));
	return rc;
}

static int run_collect(const struct config *c, const struct words *policies,
		       const struct words *allow, struct ruleset *rs)
{
	int rc = 0;

	if (!policies->len)
		rc = run_add_default(c, !allow->len, rs);
	for (size_t i = 0; !rc && i < policies->len; i++)
		rc = run_add_policy(c, policies->ptr[i], rs);
	for (size_t i = 0; !rc && i < allow->len; i++)
		rc = run_add_allow(allow->ptr[i], rs);
	return rc;
}

static int run_to_file(const struct ruleset *rs)
{
	char *text = NULL;
	size_t len;
	int rc = ruleset_print(rs, &text, &len);

	if (!rc)
		rc = sandbox_memfile("penstock rules", text, len);
	free(text);
	if (rc < 0)
		(void)fprintf(stderr, "penstock run: rules: %s\n", err_str(rc));
	return rc;
}

int run_rules(const struct instance *in, const struct words *policies,
	      const struct words *allow)
{
	CLEANUP(config_free) struct config *config = NULL;
	CLEANUP(ruleset_free) struct ruleset *rs = NULL;
	int rc = run_config(in, &config);

	if (!rc)
		rc = ruleset_new(&rs);
	if (!rc)
		rc = run_collect(config, policies, allow, rs);
	return rc ? rc : run_to_file(rs);
}
