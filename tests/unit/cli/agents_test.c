/* Agents by name: what each gets, and who does not count. */

#include "cli/agents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "policy/load.h"

static const char *const names[] = { "claude", "codex",	   "gemini",
				     "aider",  "opencode", "goose" };

/* An agent without a profile would be let out under no rule. */
static void test_profiles(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct agent *agent = agents_find(names[i]);
		bool found = false;

		assert_non_null(agent);
		for (size_t k = 0; k < config_profiles(); k++)
			found |= !strcmp(config_profile_name(k), agent->name);
		assert_true(found);
		assert_non_null(agent->env[0]);
		assert_non_null(agent->paths[0]);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_ptr_equal(agents_find("/opt/bin/claude"), agents_find("claude"));
	assert_null(agents_find("claude2"));
	assert_null(agents_find("Claude"));
	assert_null(agents_find("claude/"));
	assert_null(agents_find(""));
	assert_null(agents_find("sh"));
}

struct stage {
	char dir[PATH_MAX];
	char program[PATH_MAX + 16];
	char *command[2];
};

static void stage_file(const char *dir, const char *name, mode_t mode)
{
	char path[PATH_MAX + 64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fclose(f);
	assert_return_code(chmod(path, mode), 0);
}

static void stage_make(struct stage *s, struct sandbox *sb)
{
	char template[] = "/tmp/penstock-agents.XXXXXX";

	assert_non_null(mkdtemp(template));
	assert_non_null(realpath(template, s->dir));
	(void)snprintf(s->program, sizeof(s->program), "%s/codex", s->dir);
	stage_file(s->dir, "codex", 0755);
	s->command[0] = s->program;
	s->command[1] = NULL;
	sb->command = s->command;
	(void)snprintf(sb->home, sizeof(sb->home), "%s", s->dir);
}

static void stage_end(struct stage *s, struct sandbox *sb)
{
	char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/.codex", s->dir);
	(void)rmdir(path);
	(void)unlink(s->program);
	assert_return_code(rmdir(s->dir), 0);
	sandbox_done(sb);
}

static void test_what_is_there(void **state)
{
	struct sandbox sb = { .cwd = "/nowhere" };
	struct stage s;
	char path[PATH_MAX + 64];

	(void)state;
	stage_make(&s, &sb);
	assert_ptr_equal(agents_of(&sb), agents_find("codex"));
	(void)snprintf(path, sizeof(path), "%s/.codex", s.dir);
	assert_return_code(mkdir(path, 0700), 0);
	(void)unsetenv("CODEX_API_KEY");
	(void)setenv("OPENAI_API_KEY", "k", 1);
	(void)setenv("ANTHROPIC_API_KEY", "other", 1);
	agents_apply(agents_find("codex"), &sb);
	assert_int_equal(sb.asked_env.len, 1);
	assert_string_equal(sb.asked_env.ptr[0], "OPENAI_API_KEY");
	assert_int_equal(sb.binds.len, 2);
	assert_string_equal(sb.binds.ptr[0], "rw");
	assert_string_equal(sb.binds.ptr[1], path);
	/* Once more: all of it is there already. */
	agents_apply(agents_find("codex"), &sb);
	assert_int_equal(sb.asked_env.len, 1);
	assert_int_equal(sb.binds.len, 2);
	stage_end(&s, &sb);
}

/* What the project holds may have come from anywhere. */
static void test_of_the_project(void **state)
{
	struct sandbox sb = { .blocked = true };
	struct stage s;

	(void)state;
	stage_make(&s, &sb);
	(void)snprintf(sb.cwd, sizeof(sb.cwd), "%s", s.dir);
	assert_null(agents_of(&sb));
	stage_end(&s, &sb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_what_is_there),
		cmocka_unit_test(test_of_the_project),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
