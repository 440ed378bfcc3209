/* cli/sandbox_trust.c - the gateway's CA, where each program looks for it.
 *
 * One bundle of the system's CAs and ours stands in the place of the system's
 * own, and sandbox_env.c names it in variables. Two kinds of programs read
 * neither: Java has a store in PKCS#12, which is put over that of the Java
 * that PATH finds, so that no variable is needed, about which each start of a
 * program would print a line; and what uses NSS (Chromium) has a database in
 * the home directory, which NSS's own program makes, once for each CA.
 *
 * All files go in by value: bubblewrap is already without the powers that may
 * be needed to reach ours.
 */

#include "cli/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/slice.h"
#include "certgen/bundle.h"
#include "certgen/certgen.h"
#include "certgen/truststore.h"
#include "gateway/portal.h"

#define TRUST_JAVA_FILE "java.p12" /* in the run directory */

/* Where the system's programs look for trusted CAs, of all distributions. */
static const char *const trust_bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/ssl/cert.pem",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
};

/* Below a Java's home; the second is Java 8's. */
static const char *const trust_cacerts[] = {
	"lib/security/cacerts",
	"jre/lib/security/cacerts",
};

/* What makes up an NSS database. */
static const char *const trust_nss[] = { "cert9.db", "key4.db", "pkcs11.txt" };

static void trust_copy(struct sandbox_args *args, const char *path,
		       const char *to)
{
	int fd = sandbox_args_copy(args, path);

	words_add_all(&args->options, "--perms", "0444", "--ro-bind-data",
		      NULL);
	words_addf(&args->options, "%d", fd);
	words_add(&args->options, to);
}

/* Over a file that can be seen; false when there is none. */
static bool trust_cover(struct sandbox_args *args, const char *path,
			const char *file)
{
	char real[PATH_MAX];

	if (!realpath(file, real) || !words_cover(&args->bound, real))
		return false;
	trust_copy(args, path, real);
	return true;
}

static void trust_agents(struct sandbox_args *args)
{
	int fd = sandbox_args_file(args, portal_agents, strlen(portal_agents));

	words_add_all(&args->options, "--perms", "0444", "--ro-bind-data",
		      NULL);
	words_addf(&args->options, "%d", fd);
	words_add(&args->options, SANDBOX_AGENTS);
}

/* The home of the Java that PATH finds inside. */
static bool trust_java_home(const struct sandbox_args *args, char ret[PATH_MAX])
{
	struct slice rest = slice_str(args->path), dir;

	while (rest.len) {
		char file[PATH_MAX];
		int n;

		(void)slice_cut(rest, ':', &dir, &rest);
		n = snprintf(file, sizeof(file), "%.*s/java", (int)dir.len,
			     dir.ptr);
		if (n > 0 && (size_t)n < sizeof(file) &&
		    access(file, X_OK) == 0 && realpath(file, ret)) {
			char *bin = strstr(ret, "/bin/java");

			if (bin)
				*bin = '\0';
			return bin != NULL;
		}
	}
	return false;
}

/* Put the store over that of the Java at home. */
static bool trust_java_cover(struct sandbox_args *args, const char *store,
			     const char *home)
{
	for (size_t i = 0; i < ARRAY_SIZE(trust_cacerts); i++) {
		char file[PATH_MAX];
		int n = snprintf(file, sizeof(file), "%s/%s", home,
				 trust_cacerts[i]);

		if (n > 0 && (size_t)n < sizeof(file) &&
		    trust_cover(args, store, file))
			return true;
	}
	return false;
}

static int trust_java(const struct sandbox *sb, struct sandbox_args *args,
		      const char *bundle)
{
	char home[PATH_MAX], store[INSTANCE_PATH_MAX];
	const char *other = getenv("JAVA_HOME");
	int rc;

	if (!trust_java_home(args, home))
		return 0;
	if (!instance_path(sb->in.run_dir, TRUST_JAVA_FILE, store))
		return -ENAMETOOLONG;
	rc = truststore_write(bundle, store);
	if (rc < 0)
		return rc;
	trust_copy(args, store, SANDBOX_JAVA);
	args->java_options = !trust_java_cover(args, store, home);
	if (other && other[0] == '/' && strcmp(other, home) != 0 &&
	    !trust_java_cover(args, store, other))
		args->java_options = true;
	return 0;
}

/* Run NSS's program; its words are of no interest. */
static bool trust_certutil(char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int status = -1;
	pid_t pid;
	int rc;

	if (posix_spawn_file_actions_init(&actions))
		return false;
	for (int fd = 0; fd <= 2; fd++)
		(void)posix_spawn_file_actions_addopen(&actions, fd,
						       "/dev/null", O_RDWR, 0);
	rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc == 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Whoever tidies up old files may have taken some of them. */
static bool trust_nss_whole(const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(trust_nss); i++) {
		char file[PATH_MAX];

		(void)snprintf(file, sizeof(file), "%s/%s", dir, trust_nss[i]);
		if (access(file, R_OK) < 0)
			return false;
	}
	return true;
}

static void trust_nss_remove(const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(trust_nss); i++) {
		char file[PATH_MAX];

		(void)snprintf(file, sizeof(file), "%s/%s", dir, trust_nss[i]);
		(void)unlink(file);
	}
	(void)rmdir(dir);
}

/* Make the database at dir, whole or not at all. */
static bool trust_nss_make(const char *ca, const char *dir)
{
	char temp[INSTANCE_PATH_MAX + 32], db[INSTANCE_PATH_MAX + 64];
	char file[INSTANCE_PATH_MAX];
	char *make[] = { "certutil", "-N", "-d", db, "--empty-password", NULL };
	char *add[] = { "certutil", "-A",	"-d", db,   "-t", "C,,",
			"-n",	    "penstock", "-i", file, NULL };

	(void)snprintf(temp, sizeof(temp), "%s.%d", dir, (int)getpid());
	(void)snprintf(db, sizeof(db), "sql:%s", temp);
	(void)snprintf(file, sizeof(file), "%s", ca);
	if (mkdir(temp, 0700) < 0)
		return false;
	if (trust_certutil(make) && trust_certutil(add) &&
	    rename(temp, dir) == 0)
		return true;
	trust_nss_remove(temp);
	/* Another run may have been faster. */
	return trust_nss_whole(dir);
}

/* Only where NSS's program is installed: who has Chromium can have it. */
static void trust_add_nss(const struct sandbox *sb, struct sandbox_args *args,
			  const char *ca)
{
	char dir[INSTANCE_PATH_MAX], name[64];
	struct stat st;

	/* A home directory that was asked for has a database of its own. */
	if (words_cover(&args->bound, sb->home) || stat(ca, &st) < 0)
		return;
	/* Another CA is another file. */
	(void)snprintf(name, sizeof(name), "nss-%llx-%llx",
		       (unsigned long long)st.st_ino,
		       (unsigned long long)st.st_mtime);
	if (!instance_path(sb->in.run_dir, name, dir))
		return;
	if (!trust_nss_whole(dir)) {
		trust_nss_remove(dir);
		if (!trust_nss_make(ca, dir))
			return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(trust_nss); i++) {
		char file[PATH_MAX];

		(void)snprintf(file, sizeof(file), "%s/%s", dir, trust_nss[i]);
		words_add_all(&args->options, "--perms", "0600", "--file",
			      NULL);
		words_addf(&args->options, "%d", sandbox_args_copy(args, file));
		words_addf(&args->options, "%s/.pki/nssdb/%s", sb->home,
			   trust_nss[i]);
	}
}

int sandbox_trust(const struct sandbox *sb, struct sandbox_args *args)
{
	char ca[INSTANCE_PATH_MAX], bundle[INSTANCE_PATH_MAX];
	int rc = -ENAMETOOLONG;

	if (instance_path(sb->in.state_dir, CERTGEN_CA_CERT, ca) &&
	    instance_path(sb->in.run_dir, SANDBOX_BUNDLE_FILE, bundle))
		rc = bundle_write(ca, bundle);
	if (rc == 0)
		rc = trust_java(sb, args, bundle);
	if (rc) {
		(void)fprintf(stderr,
			      "penstock run: cannot make a trust store of %s "
			      "and the system's: %s\n",
			      ca, err_str(rc));
		return rc;
	}
	trust_copy(args, ca, SANDBOX_CA);
	trust_copy(args, bundle, SANDBOX_BUNDLE);
	for (size_t i = 0; i < ARRAY_SIZE(trust_bundles); i++)
		(void)trust_cover(args, bundle, trust_bundles[i]);
	trust_add_nss(sb, args, ca);
	trust_agents(args);
	return 0;
}
