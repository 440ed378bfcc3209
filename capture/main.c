/* capture/main.c - penstock-capture: the words of its command line. */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/slice.h"
#include "capture/attach.h"
#include "capture/enter.h"
#include "capture/host.h"
#include "capture/launch.h"

static const struct {
	const char *name;
	int (*run)(int sock, char **command);
} main_words[] = {
	{ "enter", enter_main },
	{ "seal", enter_seal },
	{ "launch", launch_main },
};

static int main_usage(void)
{
	(void)fprintf(
		stderr,
		"usage: penstock-capture apply|verify|keep|listen|show|"
		"remove [OPTION...]\n"
		"       penstock-capture attach FD PID|NETNS\n"
		"       penstock-capture release PID|NETNS\n"
		"       penstock-capture enter|seal|launch --socket FD -- "
		"COMMAND...\n");
	return 2;
}

static bool main_is_host(const char *word)
{
	static const char *const words[] = {
		"apply", "verify", "keep", "listen", "show", "remove",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(word, words[i]))
			return true;
	}
	return false;
}

static bool main_fd(const char *text, int *ret)
{
	uint64_t n;

	if (!slice_number(slice_str(text), 65535, &n) || n < 3)
		return false;
	*ret = (int)n;
	return true;
}

int main(int argc, char **argv)
{
	int sock;

	if (argc > 1 && main_is_host(argv[1]))
		return host_main(argc - 1, argv + 1);
	if (argc == 4 && !strcmp(argv[1], "attach") && main_fd(argv[2], &sock))
		return attach_main(sock, argv[3]);
	if (argc == 3 && !strcmp(argv[1], "release"))
		return attach_release(argv[2]);
	if (argc < 6 || strcmp(argv[2], "--socket") != 0 ||
	    !main_fd(argv[3], &sock) || strcmp(argv[4], "--") != 0)
		return main_usage();
	for (size_t i = 0; i < ARRAY_SIZE(main_words); i++) {
		if (!strcmp(argv[1], main_words[i].name))
			return main_words[i].run(sock, argv + 5);
	}
	return main_usage();
}
