/* cli/run.c - penstock run: a command whose only way out is the gateway. */

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/agents.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/limits.h"
#include "cli/project.h"
#include "cli/roster.h"
#include "cli/run_rules.h"
#include "cli/sandbox.h"
#include "policy/name.h"

#define RUN_RANDOM 4 /* characters behind the directory's name */

static const char run_usage[] =
	"usage: penstock run [OPTION...] [--] COMMAND...\n"
	"  --policy NAME|FILE   a policy of the configuration, a profile, or a "
	"file\n"
	"  --allow RULE         allow this too\n"
	"  --name NAME          of the sandbox; else the directory's and four "
	"more letters\n"
	"  --env NAME[=VALUE]   pass a variable\n"
	"  --rw PATH            show a file or directory, writable\n"
	"  --ro PATH            the same, read-only\n"
	"  --no-fs              show all files of the host: captures the network "
	"only\n"
	"  --network blocked    no network at all, no gateway either\n"
	"  --learn              let through what no rule allows, and record it as\n"
	"                       would-deny; private addresses excepted\n"
	"  --memory SIZE        use no more memory than 512M, 4G ...\n"
	"  --cpus N             nor more processors than 0.5, 2 ...\n"
	"  --no-agent           give an agent known by name nothing of its own\n"
	"Options that add something may be repeated. The current directory is the "
	"project:\nwritable.\n";

static void run_help(void)
{
	(void)fputs(run_usage, stdout);
	(void)fputs(
		"\nAgents known by name get the profile of that name, and of "
		"these what is there:\n",
		stdout);
	agents_print(stdout);
}

struct run {
	struct words policies, allow;
	struct words agent_policies; /* one, or none */
	bool no_agent;		     /* the command is nobody we know */
	const char *name;	     /* borrowed; NULL: choose one */
	struct sandbox sb;
};

static void run_done(struct run *run)
{
	words_done(&run->policies);
	words_done(&run->allow);
	words_done(&run->agent_policies);
	sandbox_done(&run->sb);
}

static int run_bind(struct run *run, const char *how, const char *path)
{
	char real[PATH_MAX];

	if (!realpath(path, real)) {
		(void)fprintf(stderr, "penstock run: --%s %s: %s\n", how, path,
			      strerror(errno));
		return EXIT_USAGE;
	}
	words_add_all(&run->sb.binds, how, real, NULL);
	return 0;
}

static int run_env(struct run *run, const char *word)
{
	if (!word[0] || word[0] == '=') {
		(void)fprintf(stderr, "penstock run: --env: a variable has a "
				      "name\n");
		return EXIT_USAGE;
	}
	if (!strchr(word, '=') && !getenv(word))
		(void)fprintf(stderr,
			      "penstock run: --env %s: it is not set here, and "
			      "so not inside\n",
			      word);
	words_add(&run->sb.asked_env, word);
	return 0;
}

static int run_network(struct run *run, const char *word)
{
	if (!strcmp(word, "blocked")) {
		run->sb.blocked = true;
		return 0;
	}
	(void)fprintf(stderr,
		      "penstock run: --network %s: only 'blocked' can be "
		      "said; without it, the gateway judges\n",
		      word);
	return EXIT_USAGE;
}

static int run_limit(struct run *run, int option, const char *word)
{
	bool memory = option == 'm';
	int rc =
		memory ? limits_parse_memory(word, &run->sb.limits.memory_bytes)
		       : limits_parse_cpus(word, &run->sb.limits.cpu_milli);

	if (rc == 0)
		return 0;
	(void)fprintf(stderr, "penstock run: --%s %s: %s\n",
		      memory ? "memory" : "cpus", word,
		      memory ? "a size, as 512M or 4G; 16M at least"
			     : "a number, as 2 or 0.5; 0.01 at least");
	return EXIT_USAGE;
}

static int run_option(struct run *run, int option, char **argv)
{
	switch (option) {
	case 'p':
		words_add(&run->policies, optarg);
		return 0;
	case 'a':
		words_add(&run->allow, optarg);
		return 0;
	case 'n':
		run->name = optarg;
		return 0;
	case 'e':
		return run_env(run, optarg);
	case 'w':
		return run_bind(run, "rw", optarg);
	case 'r':
		return run_bind(run, "ro", optarg);
	case 'f':
		run->sb.no_fs = true;
		return 0;
	case 't':
		return run_network(run, optarg);
	case 'g':
		run->no_agent = true;
		return 0;
	case 'l':
		run->sb.learn = true;
		return 0;
	case 'm':
	case 'c':
		return run_limit(run, option, optarg);
	case ':':
		(void)fprintf(stderr, "penstock run: %s needs a value\n",
			      argv[optind - 1]);
		return EXIT_USAGE;
	default:
		(void)fprintf(stderr, "penstock run: no such option: %s\n%s",
			      argv[optind - 1], run_usage);
		return EXIT_USAGE;
	}
}

/* Returns 0 to go on, -1 for an end in good order, or an exit status. */
static int run_parse(struct run *run, int argc, char **argv)
{
	static const struct option options[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "allow", required_argument, NULL, 'a' },
		{ "name", required_argument, NULL, 'n' },
		{ "env", required_argument, NULL, 'e' },
		{ "rw", required_argument, NULL, 'w' },
		{ "ro", required_argument, NULL, 'r' },
		{ "no-fs", no_argument, NULL, 'f' },
		{ "network", required_argument, NULL, 't' },
		{ "learn", no_argument, NULL, 'l' },
		{ "memory", required_argument, NULL, 'm' },
		{ "cpus", required_argument, NULL, 'c' },
		{ "no-agent", no_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option, rc = 0;

	optind = 0; /* another command may have used it */
	opterr = 0;
	while (!rc &&
	       (option = getopt_long(argc, argv, "+:h", options, NULL)) >= 0) {
		if (option == 'h') {
			run_help();
			return -1;
		}
		rc = run_option(run, option, argv);
	}
	if (!rc && run->sb.blocked && (run->policies.len || run->allow.len)) {
		(void)fprintf(stderr, "penstock run: --network blocked allows "
				      "nothing; take --policy and --allow "
				      "away\n");
		rc = EXIT_USAGE;
	}
	if (!rc && optind >= argc) {
		(void)fprintf(stderr, "penstock run: which command?\n%s",
			      run_usage);
		rc = EXIT_USAGE;
	}
	run->sb.command = argv + optind;
	return rc;
}

static int run_take_name(struct run *run)
{
	struct slice name = slice_str(run->name);
	size_t at;
	const char *fault = name_fault(name, &at);

	if (fault) {
		(void)fprintf(stderr, "penstock run: --name %s: %s\n",
			      run->name, fault);
		return EXIT_USAGE;
	}
	memcpy(run->sb.name, name.ptr, name.len + 1);
	return 0;
}

/* "DIRNAME-xxxx": people find theirs again, two at once are told apart. Of a
 * directory's name counts what can stand in a sandbox's, from the first octet
 * on that may begin one.
 */
static int run_choose_name(struct run *run)
{
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
	const char *dir = strrchr(run->sb.cwd, '/') + 1;
	unsigned char random[RUN_RANDOM];
	char *to = run->sb.name;
	size_t room = SANDBOX_NAME_MAX - RUN_RANDOM - 1;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return EXIT_BROKEN;
	while (*dir && !name_has(*dir, true))
		dir++;
	for (; *dir && room; dir++, room--)
		*to++ = name_has(*dir, false) ? *dir : '-';
	if (to > run->sb.name)
		*to++ = '-';
	for (size_t i = 0; i < RUN_RANDOM; i++)
		*to++ = letters[random[i] % 32];
	*to = '\0';
	return 0;
}

/* A home directory that does not exist is as good as any other empty one. */
static void run_home(struct sandbox *sb)
{
	const char *home = getenv("HOME");
	struct passwd *pw;

	if (!home || home[0] != '/') {
		pw = getpwuid(geteuid());
		home = pw ? pw->pw_dir : NULL;
	}
	if (!home || !realpath(home, sb->home) || !strcmp(sb->home, "/"))
		(void)snprintf(sb->home, sizeof(sb->home), "/home/sandbox");
}

static int run_place(struct run *run)
{
	struct sandbox *sb = &run->sb;

	if (!getcwd(sb->cwd, sizeof(sb->cwd)) || sb->cwd[0] != '/') {
		(void)fprintf(stderr,
			      "penstock run: the current directory: %s\n",
			      strerror(errno));
		return EXIT_BROKEN;
	}
	run_home(sb);
	return sandbox_mounts_check(sb) ? 0 : EXIT_USAGE;
}

/* Said each time: nobody should find this out later. */
static void run_warn(const struct sandbox *sb)
{
	if (!sb->no_fs)
		return;
	(void)fprintf(stderr,
		      "penstock run: --no-fs: the command reads and changes "
		      "all files that you can%s,\n"
		      "  keys and tokens among them. Through sockets that lie "
		      "among the files (of Docker,\n"
		      "  the desktop's bus, ssh-agent) it can have others act "
		      "for it, past the gateway.\n"
		      "  Use it for commands that you trust, to see and judge "
		      "what they send.\n",
		      geteuid() ? "" : ", as root");
}

/* Under its limits, if any were asked for, before it is let go. */
static int run_held(struct run *run, struct sandbox_child *child, int rules)
{
	const struct limits *l = &run->sb.limits;
	static struct limits_hold hold;
	int rc;

	if (!l->memory_bytes && !l->cpu_milli)
		return sandbox_watch(&run->sb, child, rules);
	if (limits_begin(l, run->sb.name, child->pid, &hold) < 0) {
		sandbox_abandon(child);
		return EXIT_BROKEN;
	}
	rc = sandbox_watch(&run->sb, child, rules);
	limits_end(&hold);
	return rc;
}

static int run_sandbox(struct run *run, int rules)
{
	static struct sandbox_args args;
	struct sandbox_child child;
	int rc = sandbox_mounts(&run->sb, &args);

	if (!rc) {
		sandbox_env(&run->sb, &args);
		rc = sandbox_start(&run->sb, &args, &child);
	}
	sandbox_args_done(&args);
	return rc ? EXIT_BROKEN : run_held(run, &child, rules);
}

/* A policy of the configuration of the agent's name takes the profile's place.
 */
static void run_agent(struct run *run)
{
	const struct agent *agent = run->no_agent ? NULL : agents_of(&run->sb);

	if (!agent)
		return;
	agents_apply(agent, &run->sb);
	if (!run->sb.blocked)
		words_add(&run->agent_policies, agent->name);
}

/* What was applied for this project counts as a --policy where none is given.
 */
static void run_project(struct run *run)
{
	enum project_state state = project_look(&run->sb.in, run->sb.cwd);
	char copy[INSTANCE_PATH_MAX];

	if (run->policies.len)
		return;
	if (state == PROJECT_NEW)
		(void)fprintf(stderr, "penstock run: " PROJECT_FILE
				      " has no effect until: penstock policy "
				      "apply\n");
	if (state == PROJECT_DIFFERS)
		(void)fprintf(stderr, "penstock run: " PROJECT_FILE
				      " is not what was applied, which is in "
				      "force; see: penstock policy apply\n");
	if ((state == PROJECT_APPLIED || state == PROJECT_DIFFERS) &&
	    project_copy(&run->sb.in, run->sb.cwd, copy))
		words_add(&run->policies, copy);
}

/* The filter of one sandbox keeps another from being made in it. */
static bool run_inside(void)
{
	const char *name = getenv("PENSTOCK_SANDBOX");

	if (access(SANDBOX_LAUNCH, F_OK) < 0)
		return false;
	(void)fprintf(stderr,
		      "penstock run: this is the sandbox %s already, and there "
		      "is none within another; run the command as it is\n",
		      name ? name : "of a command");
	return true;
}

static int run_all(struct run *run)
{
	int rules, rc;

	if (run_inside())
		return EXIT_BROKEN;
	if (instance_find(&run->sb.in))
		return EXIT_USAGE;
	rc = run_place(run);
	if (!rc)
		rc = run->name ? run_take_name(run) : run_choose_name(run);
	if (rc)
		return rc;
	run_warn(&run->sb);
	run_agent(run);
	if (run->sb.blocked)
		return instance_make(&run->sb.in) ? EXIT_BROKEN
						  : run_sandbox(run, -1);
	run_project(run);
	rules = run_rules("run", &run->sb, &run->policies, &run->agent_policies,
			  &run->allow);
	if (rules < 0)
		return EXIT_USAGE;
	rc = instance_start(&run->sb.in) ? EXIT_BROKEN
					 : run_sandbox(run, rules);
	(void)close(rules);
	return rc;
}

int cmd_run(int argc, char **argv)
{
	struct run run = { .name = NULL };
	int rc = run_parse(&run, argc, argv);

	if (!rc && (!words_ok(&run.policies) || !words_ok(&run.allow) ||
		    !words_ok(&run.sb.binds) || !words_ok(&run.sb.asked_env))) {
		(void)fprintf(stderr, "penstock run: too many words\n");
		rc = EXIT_USAGE;
	}
	if (!rc)
		rc = run_all(&run);
	run_done(&run);
	return rc < 0 ? 0 : rc;
}
