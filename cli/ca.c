/* cli/ca.c - penstock ca: the gateway's certificate authority.
 *
 * Only certgen touches the CA's key; here it is at most removed. A CA that is
 * not there yet is made by certgen, as at the first start of an instance.
 */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "certgen/bundle.h"
#include "certgen/certgen.h"
#include "certgen/facts.h"
#include "certgen/truststore.h"
#include "cli/cli.h"
#include "cli/instance.h"

#define CA_DER_MAX 16384
#define CA_COPY	   65536

static const char ca_usage[] =
	"usage: penstock ca show\n"
	"       penstock ca export [--pem | --der | --p12]\n"
	"       penstock ca install | uninstall\n"
	"       penstock ca rotate\n"
	"\n"
	"The CA whose certificates the gateway shows to sandboxes.\n"
	"\n"
	"  show        its name, fingerprint, dates and file\n"
	"  export      write its certificate to standard output; --p12 is a\n"
	"              trust store for Java: the system's CAs and this one\n"
	"  install     make this whole machine trust it, as root. `penstock\n"
	"              run` does not need that\n"
	"  uninstall   take that back\n"
	"  rotate      make a new CA, while no instance runs. Whoever was given\n"
	"              the old one must be given the new one\n";

struct ca {
	struct instance in;
	char cert[INSTANCE_PATH_MAX];
	char key[INSTANCE_PATH_MAX];
};

/* Debian's program neither takes away the link of a CA that an operator has
 * removed, nor tells its hooks; and one of these keeps the store of Java, which
 * would trust the CA for ever. (Its --fresh tells them no more.) So they are
 * told first, in the program's own words.
 */
static const char ca_debian_forget[] =
	"pem=/etc/ssl/certs/penstock.pem\n"
	"rm -f $pem\n"
	"find /etc/ssl/certs -maxdepth 1 -lname penstock.pem -delete\n"
	"run-parts --test /etc/ca-certificates/update.d |\n"
	"while read -r hook; do\n"
	"	echo -$pem | \"$hook\" || exit\n"
	"done";

/* Where a distribution keeps CAs of the operator's, and what reads them. */
static const struct ca_system {
	const char *dir, *file;
	const char *program;
	const char *forget; /* for a shell, once the file has gone; or NULL */
} ca_systems[] = {
	{ "/usr/local/share/ca-certificates", "penstock.crt",
	  "/usr/sbin/update-ca-certificates", ca_debian_forget },
	{ "/etc/pki/ca-trust/source/anchors", "penstock.pem",
	  "/usr/bin/update-ca-trust", NULL },
	{ "/etc/pki/trust/anchors", "penstock.pem",
	  "/usr/sbin/update-ca-certificates", NULL },
};

/* Run a program to its end. */
static bool ca_run(const char *program, const char *a, const char *b)
{
	char *argv[] = { (char *)program, (char *)a, (char *)b, NULL };
	int status = -1;
	pid_t pid;
	int rc = posix_spawn(&pid, program, NULL, NULL, argv, environ);

	if (rc == 0 && waitpid(pid, &status, 0) == pid && status == 0)
		return true;
	(void)fprintf(stderr, "penstock ca: %s failed%s%s\n", program,
		      rc ? ": " : "", rc ? strerror(rc) : "");
	return false;
}

static int ca_make(const struct ca *ca)
{
	char program[INSTANCE_PATH_MAX], state[INSTANCE_PATH_MAX + 16];

	if (instance_make(&ca->in) < 0 ||
	    !instance_program("penstock-certgen", program))
		return EXIT_BROKEN;
	(void)snprintf(state, sizeof(state), "--state=%s", ca->in.state_dir);
	return ca_run(program, state, "--make") ? 0 : EXIT_BROKEN;
}

/* The CA's certificate is there, now at the latest. */
static int ca_ensure(const struct ca *ca)
{
	return access(ca->cert, F_OK) == 0 ? 0 : ca_make(ca);
}

static int ca_broken(const struct ca *ca, int err)
{
	(void)fprintf(stderr, "penstock ca: %s: %s\n", ca->cert, err_str(err));
	return EXIT_BROKEN;
}

static void ca_print_date(const char *label, int64_t at_s)
{
	time_t t = (time_t)at_s;
	char text[64] = "";
	struct tm tm;

	if (localtime_r(&t, &tm))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	(void)printf("%-12s %s\n", label, text);
}

static int ca_show(const struct ca *ca)
{
	struct facts facts;
	int err = ca_ensure(ca);

	if (err)
		return err;
	err = facts_read(ca->cert, &facts);
	if (err < 0)
		return ca_broken(ca, err);
	(void)printf("%-12s %s\n", "subject", facts.subject);
	(void)printf("%-12s %s\n", "SHA-256", facts.sha256);
	(void)printf("%-12s %s\n", "key", facts.key);
	ca_print_date("valid from", facts.from_s);
	ca_print_date("valid until", facts.until_s);
	(void)printf("%-12s %s\n", "certificate", ca->cert);
	if (facts.until_s < (int64_t)time(NULL))
		(void)printf("It has expired: penstock ca rotate\n");
	return fflush(stdout) ? EXIT_BROKEN : 0;
}

/* What a file holds, to standard output. */
static int ca_cat(const char *path)
{
	static char mem[CA_COPY];
	FILE *f = fopen(path, "re");
	size_t n;
	int rc;

	if (!f)
		return -errno;
	while ((n = fread(mem, 1, sizeof(mem), f)) > 0)
		(void)fwrite(mem, 1, n, stdout);
	rc = ferror(f) || fflush(stdout) || ferror(stdout) ? -EIO : 0;
	(void)fclose(f);
	return rc;
}

static int ca_export_der(const struct ca *ca)
{
	uint8_t der[CA_DER_MAX];
	size_t len;
	int err = facts_der(ca->cert, der, sizeof(der), &len);

	if (err == 0)
		(void)fwrite(der, 1, len, stdout);
	return err < 0 ? err : (fflush(stdout) ? -EIO : 0);
}

static int ca_export_p12(const struct ca *ca)
{
	char dir[] = "/tmp/penstock-ca-XXXXXX";
	char bundle[64], store[64];
	int err;

	if (!mkdtemp(dir))
		return -errno;
	(void)snprintf(bundle, sizeof(bundle), "%s/bundle.pem", dir);
	(void)snprintf(store, sizeof(store), "%s/java.p12", dir);
	err = bundle_write(ca->cert, bundle);
	if (err == 0)
		err = truststore_write(bundle, store);
	if (err == 0)
		err = ca_cat(store);
	(void)unlink(store);
	(void)unlink(bundle);
	(void)rmdir(dir);
	return err;
}

static int ca_export(const struct ca *ca, const char *format)
{
	int err = ca_ensure(ca);

	if (err)
		return err;
	if (strcmp(format, "--pem") != 0 && isatty(STDOUT_FILENO)) {
		(void)fprintf(stderr,
			      "penstock ca: this format is not for terminals; "
			      "write it to a file: penstock ca export %s "
			      "> FILE\n",
			      format);
		return EXIT_USAGE;
	}
	if (!strcmp(format, "--pem"))
		err = ca_cat(ca->cert);
	else if (!strcmp(format, "--der"))
		err = ca_export_der(ca);
	else
		err = ca_export_p12(ca);
	return err < 0 ? ca_broken(ca, err) : 0;
}

/* This machine's store; NULL with a message when there is none we know, or we
 * may not.
 */
static const struct ca_system *ca_system(const char *command)
{
	for (size_t i = 0; i < ARRAY_SIZE(ca_systems); i++) {
		const struct ca_system *s = &ca_systems[i];

		if (access(s->dir, F_OK) < 0 || access(s->program, X_OK) < 0)
			continue;
		if (access(s->dir, W_OK) == 0)
			return s;
		(void)fprintf(stderr,
			      "penstock ca %s: %s can be written by root only; "
			      "run it as root, with the same "
			      "PENSTOCK_STATE_DIR\n",
			      command, s->dir);
		return NULL;
	}
	(void)fprintf(stderr,
		      "penstock ca %s: no store of CAs that is known here "
		      "(package ca-certificates); docs/certificates.md says "
		      "how to trust a CA by hand\n",
		      command);
	return NULL;
}

static int ca_copy(const char *from, const char *to)
{
	char text[CA_DER_MAX];
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	int rc = n < 0 ? -errno : 0;

	if (fd >= 0)
		(void)close(fd);
	/* What becomes trusted is one certificate and nothing else. */
	if (rc == 0)
		rc = bundle_check(slice_of(text, (size_t)n));
	if (rc < 0)
		return rc;
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		  0644);
	if (fd < 0)
		return -errno;
	rc = write(fd, text, (size_t)n) == n && fchmod(fd, 0644) == 0 ? 0
								      : -EIO;
	return close(fd) < 0 ? -errno : rc;
}

/* Take file out of the store of s. Returns 0, EXIT_NO if it is not in it, or
 * EXIT_BROKEN with a message.
 */
static int ca_take_out(const struct ca_system *s, const char *file)
{
	if (unlink(file) < 0) {
		if (errno == ENOENT)
			return EXIT_NO;
		(void)fprintf(stderr, "penstock ca: %s: %s\n", file,
			      strerror(errno));
		return EXIT_BROKEN;
	}
	if ((s->forget && !ca_run("/bin/sh", "-c", s->forget)) ||
	    !ca_run(s->program, NULL, NULL))
		return EXIT_BROKEN;
	return 0;
}

static int ca_install(const struct ca *ca)
{
	const struct ca_system *s = ca_system("install");
	char to[INSTANCE_PATH_MAX];
	int err = s ? ca_ensure(ca) : EXIT_BROKEN;

	if (err)
		return err;
	if (!instance_path(s->dir, s->file, to))
		return EXIT_BROKEN;
	/* One that is there may be an older one. */
	if (ca_take_out(s, to) == EXIT_BROKEN)
		return EXIT_BROKEN;
	err = ca_copy(ca->cert, to);
	if (err < 0) {
		(void)fprintf(stderr, "penstock ca install: %s: %s\n", to,
			      err_str(err));
		return EXIT_BROKEN;
	}
	if (!ca_run(s->program, NULL, NULL))
		return EXIT_BROKEN;
	(void)printf("This machine now trusts whatever this CA signs, not only "
		     "in sandboxes: who\nreads %s can pose as any site to it.\n"
		     "To take it back: penstock ca uninstall\n",
		     ca->key);
	return 0;
}

static int ca_uninstall(const struct ca *ca)
{
	const struct ca_system *s = ca_system("uninstall");
	char file[INSTANCE_PATH_MAX];
	int err;

	(void)ca;
	if (!s || !instance_path(s->dir, s->file, file))
		return EXIT_BROKEN;
	err = ca_take_out(s, file);
	if (err == EXIT_NO)
		(void)fprintf(stderr,
			      "penstock ca uninstall: %s is not installed\n",
			      file);
	if (!err)
		(void)puts("This machine no longer trusts it.");
	return err;
}

/* The certificate goes first: a key alone is what a start repairs, with a new
 * certificate; a certificate alone it refuses.
 */
static int ca_remove(const struct ca *ca)
{
	if ((unlink(ca->cert) == 0 || errno == ENOENT) &&
	    (unlink(ca->key) == 0 || errno == ENOENT))
		return 0;
	return ca_broken(ca, -errno);
}

static int ca_rotate(const struct ca *ca)
{
	int lock, rc;

	if (instance_make(&ca->in) < 0)
		return EXIT_BROKEN;
	lock = instance_lock(&ca->in);
	if (lock < 0) {
		(void)fprintf(stderr, "penstock ca rotate: %s\n",
			      lock == -EAGAIN
				      ? "an instance is running here, and its "
					"sandboxes trust the old CA until they "
					"end; run `penstock down` first"
				      : err_str(lock));
		return lock == -EAGAIN ? EXIT_NO : EXIT_BROKEN;
	}
	rc = ca_remove(ca);
	if (!rc)
		rc = ca_make(ca);
	(void)close(lock);
	if (!rc)
		rc = ca_show(ca);
	if (!rc)
		(void)printf("\nSandboxes of `penstock run` trust it from "
			     "their next start. Whatever else was\ngiven the "
			     "old CA must be given this one; where that was "
			     "installed: penstock ca install\n");
	return rc;
}

static int ca_find(struct ca *ca)
{
	if (instance_find(&ca->in) < 0 ||
	    !instance_path(ca->in.state_dir, CERTGEN_CA_CERT, ca->cert) ||
	    !instance_path(ca->in.state_dir, CERTGEN_CA_KEY, ca->key))
		return EXIT_BROKEN;
	return 0;
}

static bool ca_is_format(const char *word)
{
	return !strcmp(word, "--pem") || !strcmp(word, "--der") ||
	       !strcmp(word, "--p12");
}

static int ca_export_pem(const struct ca *ca)
{
	return ca_export(ca, "--pem");
}

int cmd_ca(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct ca *ca);
	} commands[] = {
		{ "show", ca_show },	   { "export", ca_export_pem },
		{ "install", ca_install }, { "uninstall", ca_uninstall },
		{ "rotate", ca_rotate },
	};
	struct ca ca;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(ca_usage, stdout);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "export") && ca_is_format(argv[2]))
		return ca_find(&ca) ? EXIT_BROKEN : ca_export(&ca, argv[2]);
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return ca_find(&ca) ? EXIT_BROKEN
					    : commands[i].run(&ca);
	}
	(void)fputs(ca_usage, stderr);
	return EXIT_USAGE;
}
