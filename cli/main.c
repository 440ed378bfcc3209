/* cli/main.c - penstock: one program, a command for each thing to do. */

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "policy/near.h"

static const struct command commands[] = {
	{ "run", cmd_run, "run a command in a sandbox" },
	{ "ps", cmd_ps, "list the sandboxes and their processes" },
	{ "exec", cmd_exec, "run a command in a running sandbox" },
	{ "shell", cmd_shell, "open a shell in a running sandbox" },
	{ "stop", cmd_stop, "end a running sandbox" },
	{ "log", cmd_log, "show what was refused, or all requests" },
	{ "audit", cmd_audit, "prove, copy and trim the ledger" },
	{ "sql", cmd_sql, "ask the ledger in SQL, read-only" },
	{ "allow", cmd_allow, "give a rule to a running sandbox" },
	{ "deny", cmd_deny, "the same, to forbid" },
	{ "ask", cmd_ask, "the same, to be asked" },
	{ "grants", cmd_grants, "list what was given so" },
	{ "revoke", cmd_revoke, "take it away again" },
	{ "asks", cmd_asks, "list the requests that wait for an answer" },
	{ "answer", cmd_answer, "answer one of them" },
	{ "policy", cmd_policy, "check, explain and show policies" },
	{ "init", cmd_init, "propose a policy for this project" },
	{ "sandboxes", cmd_sandboxes, "list the running sandboxes" },
	{ "ca", cmd_ca, "show, export, install or renew the CA" },
	{ "attach", cmd_attach, "capture a running container" },
	{ "detach", cmd_detach, "let it go again" },
	{ "capture", cmd_capture, "lead a network's traffic to the gateway" },
	{ "status", cmd_status, "say how the instance does" },
	{ "metrics", cmd_metrics, "the same for Prometheus" },
	{ "reload", cmd_reload, "read the configuration again" },
	{ "doctor", cmd_doctor, "say what this host can enforce" },
	{ "up", cmd_up, "run an instance in the foreground" },
	{ "down", cmd_down, "end the running instance" },
};

static void main_help(FILE *to)
{
	(void)fputs("usage: penstock COMMAND …\n\n"
		    "An egress gateway for sandboxed agents: what a sandbox "
		    "sends is judged by host,\npath and method, and every "
		    "decision is recorded.\n\n",
		    to);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(to, "  %-10s %s\n", commands[i].name,
			      commands[i].what);
	(void)fputs("\nEach command explains itself with --help. Begin with:\n"
		    "  penstock run --policy npm -- npm view is-number\n"
		    "  penstock log\n",
		    to);
}

static int main_unknown(const char *word)
{
	struct near near = near_begin(word);

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		near_try(&near, commands[i].name);
	(void)fprintf(stderr, "penstock: there is no command '%s'; %s%s\n",
		      word, near.found ? "did you mean: penstock " : "see: ",
		      near.found ? near.found : "penstock --help");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		main_help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		main_help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		(void)puts("penstock " PENSTOCK_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "complete")) /* for the shells' completions */
		return complete(commands, ARRAY_SIZE(commands), argc - 1,
				argv + 1);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	return main_unknown(argv[1]);
}
