/* cli/complete_words.c - candidates for values: what the ledger, the roster and
 * the configuration know.
 */

#include <stdio.h>
#include <string.h>

#include "audit/query.h"
#include "base/base.h"
#include "base/id.h"
#include "cli/complete.h"
#include "cli/instance.h"
#include "cli/log_options.h"
#include "cli/log_print.h"
#include "cli/roster.h"
#include "policy/load.h"

#define WORDS_SHOWN 200 /* candidates from the ledger, the latest */
#define IDS_SHOWN   20

static bool words_open(struct query **ret)
{
	char path[INSTANCE_PATH_MAX];
	struct instance in;

	return !instance_find(&in) &&
	       instance_path(in.state_dir, INSTANCE_LEDGER, path) &&
	       !query_open(path, ret);
}

static void words_of_ledger(struct complete *c, enum query_key key)
{
	struct query *q = NULL;
	struct slice word;

	if (!words_open(&q))
		return;
	if (!query_words(q, key))
		for (int n = 0;
		     n < WORDS_SHOWN && query_word_next(q, &word) > 0;)
			n += complete_print(c, word, NULL);
	query_free(&q);
}

/* The latest that somebody may want to know more of. */
static void words_ids(struct complete *c)
{
	struct query_filter f = { .what = QUERY_TROUBLED, .limit = IDS_SHOWN };
	struct query *q = NULL;
	struct query_row row;
	char id[ID_TEXT], what[80];

	if (!words_open(&q))
		return;
	if (query_find(q, &f) > 0)
		while (query_next(q, &row) > 0) {
			id_print(row.id, id);
			(void)snprintf(what, sizeof(what), "%s %.*s",
				       log_word(row.verdict, row.outcome),
				       (int)MIN(row.host.len, 60),
				       row.host.len ? row.host.ptr : "");
			(void)complete_print(c, slice_str(id), what);
		}
	query_free(&q);
}

static void words_runner(void *ctx, const struct roster *r)
{
	(void)complete_print(ctx, slice_str(r->name), "running");
}

static void words_running(struct complete *c)
{
	struct instance in;

	if (!instance_find(&in))
		(void)roster_each(&in, words_runner, c);
}

static void words_policies(struct complete *c)
{
	char path[INSTANCE_PATH_MAX];
	struct config_error err;
	struct config *config;
	struct instance in;

	for (size_t i = 0; i < config_profiles(); i++)
		(void)complete_print(c, slice_str(config_profile_name(i)),
				     "a profile");
	if (instance_find(&in) ||
	    !instance_path(in.conf_dir, INSTANCE_CONFIG, path) ||
	    config_load(path, &config, &err))
		return;
	for (size_t i = 0; i < config_policies(config); i++)
		(void)complete_print(c,
				     slice_str(config_policy_name(config, i)),
				     "a policy of penstock.yaml");
	config_free(&config);
}

static void words_keys(struct complete *c)
{
	for (unsigned int i = 0; i < QUERY_KEYS; i++)
		(void)complete_print(c, slice_str(query_key_str(i)), NULL);
}

static void words_columns(struct complete *c)
{
	for (size_t i = 0; i < LOG_FIELDS; i++)
		(void)complete_print(c, slice_str(log_fields[i]), NULL);
}

static void words_verdicts(struct complete *c)
{
	for (size_t i = 0; log_verdicts[i]; i++)
		(void)complete_print(c, slice_str(log_verdicts[i]), NULL);
}

static void words_kinds(struct complete *c)
{
	for (size_t i = 0; log_kinds[i]; i++)
		(void)complete_print(c, slice_str(log_kinds[i]), NULL);
}

static void words_clients(struct complete *c)
{
	words_of_ledger(c, QUERY_CLIENT);
}

static void words_sandboxes(struct complete *c)
{
	words_running(c);
	words_of_ledger(c, QUERY_SANDBOX);
}

static void words_methods(struct complete *c)
{
	static const char *const methods[] = { "GET",	"POST",	  "PUT",
					       "PATCH", "DELETE", "HEAD" };

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		(void)complete_print(c, slice_str(methods[i]), NULL);
}

static void words_hosts(struct complete *c)
{
	words_of_ledger(c, QUERY_HOST);
}

static void words_reasons(struct complete *c)
{
	words_of_ledger(c, QUERY_REASON);
}

static void words_rules(struct complete *c)
{
	words_of_ledger(c, QUERY_RULE);
}

static void words_files(struct complete *c)
{
	complete_shell(c, ":files");
}

static void words_commands(struct complete *c)
{
	complete_shell(c, ":commands");
}

/* NULL: any command, any option, no option. The first that fits is taken. */
static const struct {
	const char *command, *option, *value;
	void (*print)(struct complete *c);
} words_for[] = {
	{ "log", "--group-by", NULL, words_keys },
	{ "log", "--columns", NULL, words_columns },
	{ "log", "--verdict", NULL, words_verdicts },
	{ "log", "--kind", NULL, words_kinds },
	{ "log", "--client", NULL, words_clients },
	{ "log", "--reason", NULL, words_reasons },
	{ "log", "--rule", NULL, words_rules },
	{ "log", "--sandbox", NULL, words_sandboxes },
	{ "run", "--name", NULL, NULL },
	{ "attach", "--name", NULL, NULL },
	{ NULL, "--policy", "NAME", words_policies },
	{ "policy", NULL, "NAME", words_policies },
	{ "run", NULL, "PATH", words_files },
	{ NULL, NULL, "NAME", words_running },
	{ NULL, NULL, "SANDBOX", words_sandboxes },
	{ NULL, NULL, "HOST", words_hosts },
	{ NULL, NULL, "METHOD", words_methods },
	{ NULL, NULL, "ID", words_ids },
	{ NULL, NULL, "FILE", words_files },
	{ NULL, NULL, "FILES", words_files },
	{ NULL, NULL, "DIR", words_files },
	{ NULL, NULL, "COMMAND...", words_commands },
};

void complete_value(struct complete *c, const char *command,
		    struct slice option, struct slice value)
{
	for (size_t i = 0; i < ARRAY_SIZE(words_for); i++) {
		const char *only = words_for[i].command;

		if ((only && strcmp(only, command) != 0) ||
		    (words_for[i].option &&
		     !slice_eq(option, slice_str(words_for[i].option))) ||
		    (words_for[i].value &&
		     !slice_eq(value, slice_str(words_for[i].value))))
			continue;
		if (words_for[i].print)
			words_for[i].print(c);
		return;
	}
}
