/* cli/policy_rules.c - where the rules come from, and a URL as a question.
 *
 * The rules come from the running instance, where they are those that its
 * workers use now, or from a file or a policy by name; the judge is the same.
 */

#include "cli/policy_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "gateway/control.h"
#include "policy/idn.h"

#define RULES_TEXT_MAX (64u << 20) /* bytes of the rules of one sandbox */

bool policy_rules_raw(const char *url)
{
	return !strncmp(url, "tcp://", 6) || !strncmp(url, "tls://", 6);
}

static uint16_t default_port(enum rule_scheme scheme)
{
	switch (scheme) {
	case RULE_HTTP:
	case RULE_WS:
		return 80;
	case RULE_TCP:
		return 0;
	default:
		return 443;
	}
}

static bool find_scheme(struct slice name, enum rule_scheme *ret)
{
	for (int s = 0; s < RULE_SCHEMES; s++) {
		const char *known = rule_scheme_str((enum rule_scheme)s);

		if (!slice_ieq(name, slice_str(known)))
			continue;
		*ret = (enum rule_scheme)s;
		return true;
	}
	return false;
}

#define AUTHORITY_MAX 1024 /* octets; a name has 253 once it is mapped */

/* Names in other scripts are read as in rules. */
static int read_authority(struct slice text, struct authority *ret)
{
	char mem[AUTHORITY_MAX];
	struct slice name = text;
	bool plain = true;
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++)
		plain = plain && !(text.ptr[i] & 0x80);
	if (plain)
		return authority_parse(text, ret);
	for (name.len = 0; name.len < text.len; name.len++)
		if (text.ptr[name.len] == ':')
			break;
	if (idn_to_ascii(name, mem, sizeof(mem) / 2, &len) ||
	    text.len - name.len > sizeof(mem) / 2)
		return ERR_SYNTAX;
	memcpy(mem + len, text.ptr + name.len, text.len - name.len);
	return authority_parse(slice_of(mem, len + text.len - name.len), ret);
}

const char *policy_rules_url(const char *url, struct authority *host,
			     struct policy_question *ret)
{
	struct slice rest = slice_str(url), scheme, authority, fragment;

	if (!slice_cut(rest, ':', &scheme, &rest) ||
	    !slice_starts(rest, SLICE("//")) ||
	    !find_scheme(scheme, &ret->scheme))
		return "expected a URL that begins with https://, http://, "
		       "wss://, ws://, tcp:// or tls://";
	rest = slice_skip(rest, 2);
	(void)slice_cut(rest, '#', &rest, &fragment);
	authority = rest;
	for (authority.len = 0; authority.len < rest.len; authority.len++)
		if (strchr("/?", rest.ptr[authority.len]))
			break;
	if (read_authority(authority, host) < 0)
		return "the host is not one that the gateway would accept";
	ret->host = authority_host(host);
	ret->port = host->port ? host->port : default_port(ret->scheme);
	if (!ret->port)
		return "a tcp:// URL needs a port";
	rest = slice_skip(rest, authority.len);
	(void)slice_cut(rest, '?', &ret->path, &ret->query);
	if (policy_rules_raw(url) && rest.len)
		return "tcp:// and tls:// have no path";
	if (!policy_rules_raw(url) && !ret->path.len)
		ret->path = SLICE("/");
	return NULL;
}

int policy_rules_config(struct config **ret)
{
	char path[INSTANCE_PATH_MAX];
	struct config_error err = { "" };
	struct instance in;
	int rc;

	if (instance_find(&in) < 0)
		return EXIT_BROKEN;
	if (!instance_path(in.conf_dir, INSTANCE_CONFIG, path))
		return EXIT_BROKEN;
	rc = config_load(path, ret, &err);
	if (rc == -ENOENT)
		rc = config_empty(ret);
	if (!rc)
		return 0;
	(void)fprintf(stderr, "penstock policy: %s\n",
		      err.text[0] ? err.text : err_str(rc));
	return EXIT_BROKEN;
}

/* Rules by the name of a policy, or of a file. */
static int rules_from_config(const struct policy_source *args,
			     struct ruleset *rs)
{
	CLEANUP(config_free) struct config *c = NULL;
	struct config_error err = { "" };
	int rc = 0;

	if (!args->file || !args->policy)
		rc = policy_rules_config(&c);
	else if (config_load(args->file, &c, &err) < 0)
		rc = EXIT_NO;
	if (!rc && args->policy)
		rc = config_rules(c, args->policy, rs, &err) ? EXIT_NO : 0;
	else if (!rc)
		rc = config_policy_file(c, args->file, rs, &err) ? EXIT_NO : 0;
	if (rc && err.text[0])
		(void)fprintf(stderr, "penstock policy %s: %s\n", args->command,
			      err.text);
	return rc;
}

static void on_text(void *ctx, struct frame_in *frame)
{
	if (frame->type == CONTROL_TEXT)
		(void)buf_append_slice(ctx, bytes_str(&frame->body));
}

/* The rules that the instance's sandbox has now. */
static int rules_from_instance(const struct policy_source *source,
			       struct ruleset **ret)
{
	static struct frame_out out;
	struct rule_error err;
	struct buf text;
	char command[64];
	int rc;

	buf_init(&text, RULES_TEXT_MAX);
	frame_begin(&out, CONTROL_RULES);
	frame_put_str(&out, slice_str(source->sandbox));
	(void)snprintf(command, sizeof(command), "policy %s", source->command);
	rc = ask(command, &out, on_text, &text, NULL);
	if (rc == 0 && ruleset_parse(buf_slice(&text), ret, &err) < 0) {
		(void)fprintf(stderr,
			      "penstock %s: the instance's rules cannot be "
			      "read; is it another version?\n",
			      command);
		rc = EXIT_BROKEN;
	}
	buf_done(&text);
	return rc;
}

int policy_rules_load(const struct policy_source *source, struct ruleset **ret)
{
	int rc;

	if (source->sandbox)
		return rules_from_instance(source, ret);
	if (ruleset_new(ret) < 0)
		return EXIT_BROKEN;
	rc = rules_from_config(source, *ret);
	if (rc)
		ruleset_free(ret);
	return rc;
}
