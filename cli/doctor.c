/* cli/doctor.c - penstock doctor: what this host can enforce. */

#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "cli/cli.h"

static const char doctor_usage[] =
	"usage: penstock doctor [--json]\n"
	"\n"
	"Tries, layer by layer, what penstock run and up need of this host, and\n"
	"says what to install or set. Exit status 1 when a layer fails.\n";

void doctor_say(struct doctor *d, enum doctor_state state, const char *fmt, ...)
{
	va_list ap;

	d->state = state;
	va_start(ap, fmt);
	(void)vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
}

void doctor_fix(struct doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(d->fix, sizeof(d->fix), fmt, ap);
	va_end(ap);
}

/* Until the program has closed its output; false when the time is up. */
static bool doctor_gather(int fd, char *to, size_t room)
{
	uint64_t end = clock_ms(CLOCK_MONOTONIC) + DOCTOR_WAIT_MS, now;
	char piece[256];
	size_t len = 0;

	while ((now = clock_ms(CLOCK_MONOTONIC)) < end) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		n = read(fd, piece, sizeof(piece));
		if (n <= 0)
			return true;
		for (ssize_t i = 0; i < n && len + 1 < room; i++) {
			bool blank = piece[i] >= 0 && piece[i] <= ' ';

			if (!blank)
				to[len++] = piece[i];
			else if (len && to[len - 1] != ' ')
				to[len++] = ' ';
		}
		to[len] = '\0';
	}
	return false;
}

static _Noreturn void doctor_exec(char *const *argv, int out, int inherit)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (inherit >= 0)
		(void)fcntl(inherit, F_SETFD, 0);
	if (null >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1 &&
	    dup2(out, 2) == 2)
		(void)execvp(argv[0], argv);
	_exit(errno == ENOENT ? 127 : 126);
}

int doctor_run(char *const *argv, int inherit, char ret[DOCTOR_TEXT_MAX])
{
	int ends[2], status = 0;
	bool ended;
	pid_t pid;

	ret[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (!pid)
		doctor_exec(argv, ends[1], inherit);
	(void)close(ends[1]);
	ended = pid > 0 && doctor_gather(ends[0], ret, DOCTOR_TEXT_MAX);
	(void)close(ends[0]);
	if (pid < 0)
		return -1;
	ret[strlen(ret) - (ret[0] && ret[strlen(ret) - 1] == ' ')] = '\0';
	if (!ended)
		(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A JSON string. What programs print may hold anything. */
static void doctor_json(const char *text)
{
	(void)putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			(void)printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			(void)putchar('?');
		else
			(void)putchar(c);
	}
	(void)putchar('"');
}

/* One line of the answer. json: an object, without a comma behind it. */
static void doctor_print(const char *name, const struct doctor *d, bool json)
{
	static const char *const states[] = { "OK", "WARN", "FAIL" };

	static_assert(ARRAY_SIZE(states) == DOCTOR_STATES, "a word for each");
	if (!json) {
		(void)printf("%-4s  %-16s %s\n", states[d->state], name,
			     d->text);
		if (d->fix[0])
			(void)printf("%22s → %s\n", "", d->fix);
		return;
	}
	(void)fputs("{\"layer\":", stdout);
	doctor_json(name);
	(void)printf(",\"state\":\"%s\",\"text\":", states[d->state]);
	doctor_json(d->text);
	(void)fputs(",\"fix\":", stdout);
	doctor_json(d->fix);
	(void)putchar('}');
}

/* How many layers fail. */
static unsigned int doctor_layers(const struct instance *in,
				  const struct doctor_layer *layers, size_t len,
				  bool json)
{
	unsigned int failed = 0;

	for (size_t i = 0; i < len; i++) {
		struct doctor d = { DOCTOR_OK, "", "" };

		layers[i].look(in, &d);
		doctor_print(layers[i].name, &d, json);
		if (json && i + 1 < len)
			(void)fputs(",\n", stdout);
		failed += d.state == DOCTOR_FAIL;
	}
	return failed;
}

int cmd_doctor(int argc, char **argv)
{
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct instance in;
	unsigned int failed;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(doctor_usage, stdout);
		return 0;
	}
	if (argc > 2 || (argc == 2 && !json)) {
		(void)fputs(doctor_usage, stderr);
		return EXIT_USAGE;
	}
	if (instance_find(&in))
		return EXIT_USAGE;
	if (json)
		(void)fputs("[", stdout);
	failed = doctor_layers(&in, doctor_kernel, doctor_kernel_len, json);
	if (json)
		(void)fputs(",\n", stdout);
	failed += doctor_layers(&in, doctor_host, doctor_host_len, json);
	if (json)
		(void)fputs("]\n", stdout);
	return failed ? EXIT_NO : 0;
}
