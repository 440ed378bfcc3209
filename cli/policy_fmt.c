/* cli/policy_fmt.c - penstock policy fmt: each rule in its canonical text. */

#include "cli/policy_fmt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "cli/cells.h"
#include "cli/cli.h"
#include "policy/fmt.h"

static const char usage[] =
	"usage: penstock policy fmt FILE\n"
	"       penstock policy fmt FILE... [--write | --check] [--json]\n"
	"\n"
	"Writes each rule of a configuration, or of a policy on its own, as\n"
	"penstock prints it: scheme and path spelled out, names in A-labels,\n"
	"options in one order. All else stays: comments, order, blank lines,\n"
	"quotes. Without an option the text goes to standard output.\n"
	"\n"
	"  --write  change the files; one with an error in it is left alone\n"
	"  --check  change nothing, and name the files that would change\n"
	"  --json   an object for each file, with --write or --check\n"
	"\n"
	"Exit status: 0 done, or with --check nothing would change, 1 with\n"
	"--check something would, 2 a file cannot be read or has an error.\n";

struct fmt {
	bool write;
	bool check;
	bool json;
};

static int fail(const char *path, const char *what, int err)
{
	(void)fprintf(stderr, "penstock policy fmt: %s: %s: %s\n", path, what,
		      err_str(err));
	return EXIT_USAGE;
}

/* Beside the file under another name, then in its place, so that nobody reads
 * half of it. Mode and owner stay; what a link points to is written.
 */
static int replace(const char *path, const struct fmt_result *text)
{
	char *real = realpath(path, NULL), *fresh = NULL;
	struct stat st = { .st_mode = 0 };
	int fd = -1, rc = 0;

	if (!real || asprintf(&fresh, "%s.XXXXXX", real) < 0) {
		rc = real ? -ENOMEM : -errno;
		free(real);
		return rc;
	}
	fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0 || stat(real, &st) < 0)
		rc = -errno;
	if (rc == 0)
		rc = file_write(fd, slice_of(text->text, text->len));
	if (rc == 0 && (fchmod(fd, st.st_mode & 07777) < 0 ||
			(fchown(fd, st.st_uid, st.st_gid) < 0 && !geteuid()) ||
			fsync(fd) < 0))
		rc = -errno;
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(fresh, real) < 0)
		rc = -errno;
	if (rc < 0 && fd >= 0)
		(void)unlink(fresh);
	free(fresh);
	free(real);
	return rc;
}

static void report(const struct fmt *f, const char *path,
		   const struct fmt_result *r)
{
	static const char *const names[] = { "file", "rules", "changed" };
	const struct cell row[] = { cell_text(slice_str(path)),
				    cell_integer(r->rules),
				    cell_integer(r->changed) };

	if (f->json) {
		cells_object(stdout, names, row, ARRAY_SIZE(names));
		(void)putchar('\n');
	} else if (r->changed) {
		(void)printf("%s: %zu of %zu rules %s\n", path, r->changed,
			     r->rules, f->write ? "written" : "would change");
	}
}

static int format(const struct fmt *f, const char *path, const char *text,
		  size_t len)
{
	struct fmt_result r = { 0 };
	struct config_error err = { "" };
	int rc = fmt_text(path, slice_of(text, len), &r, &err), status = 0;

	if (rc < 0) {
		(void)fprintf(stderr, "%s\n",
			      err.text[0] ? err.text : err_str(rc));
		return EXIT_USAGE;
	}
	if (f->write && r.changed)
		rc = replace(path, &r);
	if (rc < 0)
		status = fail(path, "cannot be written", rc);
	else if (f->write || f->check)
		report(f, path, &r);
	else
		(void)fwrite(r.text, 1, r.len, stdout);
	if (!status && f->check && r.changed)
		status = EXIT_NO;
	free(r.text);
	return status;
}

static int format_file(const struct fmt *f, const char *path)
{
	struct config_error err = { "" };
	char *text = NULL;
	size_t len = 0;
	int rc = config_read(path, &text, &len, &err);

	if (rc < 0) {
		(void)fprintf(stderr, "penstock policy fmt: %s\n", err.text);
		return EXIT_USAGE;
	}
	rc = format(f, path, text, len);
	free(text);
	return rc;
}

int policy_fmt_cmd(int argc, char **argv)
{
	struct fmt f = { .write = false };
	int files = 0, status = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			(void)fputs(usage, stdout);
			return 0;
		}
		if (!strcmp(argv[i], "--write"))
			f.write = true;
		else if (!strcmp(argv[i], "--check"))
			f.check = true;
		else if (!strcmp(argv[i], "--json"))
			f.json = true;
		else if (argv[i][0] == '-')
			files = argc; /* no such option */
		else
			argv[1 + files++] = argv[i];
	}
	if (!files || files >= argc || (f.write && f.check) ||
	    (!f.write && !f.check && (files > 1 || f.json))) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	for (int i = 0; i < files; i++) {
		int rc = format_file(&f, argv[1 + i]);

		status = MAX(status, rc);
	}
	return status;
}
