/* cli/agents.c - the coding agents that are known by name.
 *
 * Only what exists is passed: a variable that is set, a path that is there.
 * Keys are those of the models that the agent's profile names; an address of
 * another model is the caller's to pass, with a rule for it.
 */

#include "cli/agents.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

static const struct agent agents_known[] = {
	{ .name = "claude",
	  .env = { "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
		   "CLAUDE_CODE_OAUTH_TOKEN" },
	  .paths = { ".claude", ".claude.json" } },
	{ .name = "codex",
	  .env = { "OPENAI_API_KEY", "CODEX_API_KEY" },
	  .paths = { ".codex" } },
	{ .name = "gemini",
	  .env = { "GEMINI_API_KEY", "GOOGLE_API_KEY" },
	  .paths = { ".gemini" } },
	{ .name = "aider",
	  .env = { "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY",
		   "OPENROUTER_API_KEY" },
	  .paths = { ".aider", ".aider.conf.yml" } },
	{ .name = "opencode",
	  .env = { "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY",
		   "OPENROUTER_API_KEY" },
	  .paths = { ".config/opencode", ".local/share/opencode" } },
	{ .name = "goose",
	  .env = { "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GOOGLE_API_KEY",
		   "OPENROUTER_API_KEY", "GOOSE_PROVIDER", "GOOSE_MODEL" },
	  .paths = { ".config/goose", ".local/share/goose",
		     ".local/state/goose" } },
};

const struct agent *agents_find(const char *command)
{
	const char *slash = strrchr(command, '/');
	const char *name = slash ? slash + 1 : command;

	for (size_t i = 0; i < ARRAY_SIZE(agents_known); i++) {
		if (!strcmp(agents_known[i].name, name))
			return &agents_known[i];
	}
	return NULL;
}

/* The file that execvp() would find, as it is called there: an agent is often
 * a link to a script of another name.
 */
static bool agents_which(const char *command, char ret[PATH_MAX])
{
	const char *path = getenv("PATH");

	if (strchr(command, '/'))
		return snprintf(ret, PATH_MAX, "%s", command) < PATH_MAX;
	while (path && *path) {
		size_t len = strcspn(path, ":");
		int n = snprintf(ret, PATH_MAX, "%.*s/%s", (int)len, path,
				 command);

		if (len && n < PATH_MAX && access(ret, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

const struct agent *agents_of(const struct sandbox *sb)
{
	const struct agent *agent = agents_find(sb->command[0]);
	char path[PATH_MAX], real[PATH_MAX];

	if (!agent || !agents_which(sb->command[0], path) ||
	    !realpath(path, real) || words_within(real, sb->cwd))
		return NULL;
	return agent;
}

static bool agents_has_env(const struct sandbox *sb, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < sb->asked_env.len; i++) {
		const char *asked = sb->asked_env.ptr[i];

		if (!strncmp(asked, name, len) &&
		    (asked[len] == '=' || !asked[len]))
			return true;
	}
	return false;
}

static bool agents_has_path(const struct sandbox *sb, const char *path)
{
	for (size_t i = 0; i + 1 < sb->binds.len; i += 2) {
		if (words_within(path, sb->binds.ptr[i + 1]))
			return true;
	}
	return sb->no_fs;
}

static void agents_add_path(struct sandbox *sb, const char *below)
{
	char path[PATH_MAX], real[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", sb->home, below);

	if (n < 0 || (size_t)n >= sizeof(path) || !realpath(path, real))
		return;
	/* It is looked for below the home, so there it must lie. */
	if (!words_within(real, sb->home) || agents_has_path(sb, real))
		return;
	words_add_all(&sb->binds, "rw", real, NULL);
	(void)fprintf(stderr, ", ~/%s", below);
}

void agents_apply(const struct agent *agent, struct sandbox *sb)
{
	(void)fprintf(stderr, "penstock run: for %s: %s", agent->name,
		      sb->blocked ? "no network" : "its profile");
	for (size_t i = 0; i < AGENT_ENV_MAX && agent->env[i]; i++) {
		if (!getenv(agent->env[i]) || agents_has_env(sb, agent->env[i]))
			continue;
		words_add(&sb->asked_env, agent->env[i]);
		(void)fprintf(stderr, ", %s", agent->env[i]);
	}
	for (size_t i = 0; i < AGENT_PATHS_MAX && agent->paths[i]; i++)
		agents_add_path(sb, agent->paths[i]);
	(void)fputs(" (--no-agent: none of it)\n", stderr);
}

void agents_print(FILE *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(agents_known); i++) {
		const struct agent *a = &agents_known[i];

		(void)fprintf(to, "  %-9s", a->name);
		for (size_t k = 0; k < AGENT_ENV_MAX && a->env[k]; k++)
			(void)fprintf(to, " %s", a->env[k]);
		(void)fprintf(to, "\n  %-9s", "");
		for (size_t k = 0; k < AGENT_PATHS_MAX && a->paths[k]; k++)
			(void)fprintf(to, " ~/%s", a->paths[k]);
		(void)fputc('\n', to);
	}
}
