/* cli/doctor_host.c - what the instance needs of the host. */

#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "certgen/certgen.h"
#include "cli/sandbox.h"

#define HOST_DISK_WARN_MIB  1024 /* the ledger's own default bound */
#define HOST_DISK_FAIL_MIB  64
#define HOST_CLOCK_EARLIEST 1735689600 /* 2025: before this was written */

static void host_programs(const struct instance *in, struct doctor *d)
{
	static const char *const programs[] = {
		"penstock-gateway",
		"penstock-certgen",
		"penstock-audit",
		CAPTURE_PROGRAM,
	};

	(void)in;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		char path[INSTANCE_PATH_MAX];

		if (instance_program(programs[i], path) &&
		    access(path, X_OK) == 0)
			continue;
		doctor_say(d, DOCTOR_FAIL, "%s is not beside this program",
			   programs[i]);
		doctor_fix(d, "build or install all of penstock");
		return;
	}
	doctor_say(d, DOCTOR_OK, "gateway, certgen, audit and capture");
}

/* The file system where path will be, as far as it is there. */
static bool host_statvfs(const char *path, struct statvfs *ret)
{
	char part[INSTANCE_PATH_MAX];

	(void)snprintf(part, sizeof(part), "%s", path);
	while (statvfs(part, ret) < 0) {
		char *slash = strrchr(part, '/');

		if (errno != ENOENT || !slash || slash == part)
			return false;
		*slash = '\0';
	}
	return true;
}

static void host_disk(const struct instance *in, struct doctor *d)
{
	struct statvfs st;
	uint64_t mib;

	if (!host_statvfs(in->state_dir, &st)) {
		doctor_say(d, DOCTOR_FAIL, "%.255s: %s", in->state_dir,
			   strerror(errno));
		return;
	}
	mib = (uint64_t)st.f_bavail * st.f_frsize >> 20;
	doctor_say(d,
		   mib < HOST_DISK_FAIL_MIB   ? DOCTOR_FAIL
		   : mib < HOST_DISK_WARN_MIB ? DOCTOR_WARN
					      : DOCTOR_OK,
		   "%" PRIu64 " MiB free for the ledger in %.255s", mib,
		   in->state_dir);
	if (d->state != DOCTOR_OK)
		doctor_fix(d, "make room: without it, requests are refused");
}

static void host_clock(const struct instance *in, struct doctor *d)
{
	struct timex t = { .modes = 0 };
	int state = adjtimex(&t);

	(void)in;
	if (time(NULL) < HOST_CLOCK_EARLIEST) {
		doctor_say(d, DOCTOR_FAIL,
			   "set to the past: certificates are "
			   "not valid yet");
		doctor_fix(d, "set the clock, or install systemd-timesyncd");
	} else if (state == TIME_ERROR || (t.status & STA_UNSYNC)) {
		doctor_say(d, DOCTOR_WARN,
			   "nobody keeps it right, as far as "
			   "the kernel knows");
		doctor_fix(d, "install systemd-timesyncd or chrony, unless "
			      "the hypervisor keeps it");
	} else {
		doctor_say(d, DOCTOR_OK, "kept right");
	}
}

static void host_ca(const struct instance *in, struct doctor *d)
{
	static const char *const bundles[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/ssl/cert.pem",
		"/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/certs/ca-bundle.crt",
	};
	char ca[INSTANCE_PATH_MAX];
	const char *bundle = NULL;

	for (size_t i = 0; !bundle && i < ARRAY_SIZE(bundles); i++)
		bundle = access(bundles[i], R_OK) == 0 ? bundles[i] : NULL;
	if (!bundle) {
		doctor_say(d, DOCTOR_FAIL,
			   "this system trusts nobody: no file "
			   "of CAs, so no origin is verified");
		doctor_fix(d, "apt-get install ca-certificates");
		return;
	}
	if (instance_path(in->state_dir, CERTGEN_CA_CERT, ca) &&
	    access(ca, R_OK) == 0)
		doctor_say(d, DOCTOR_OK, "ours in %.255s, the system's in %s",
			   ca, bundle);
	else
		doctor_say(d, DOCTOR_OK,
			   "the system's in %s; ours is made at the "
			   "first start",
			   bundle);
}

static void host_npm(const struct instance *in, struct doctor *d)
{
	static struct sandbox sb;
	char text[1024];
	const char *url, *home = getenv("HOME");

	sb.in = *in;
	(void)snprintf(sb.home, sizeof(sb.home), "%s", home ? home : "/");
	if (!getcwd(sb.cwd, sizeof(sb.cwd)))
		(void)snprintf(sb.cwd, sizeof(sb.cwd), "/");
	sandbox_npmrc(&sb, text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	url = strchr(text, '=');
	if (!url)
		url = getenv("npm_config_registry");
	else
		url++;
	doctor_say(d, DOCTOR_OK, "%.300s",
		   url ? url : "npm's own default, where npm is installed");
}

static void host_systemd(const struct instance *in, struct doctor *d)
{
	(void)in;
	if (access("/run/systemd/system", F_OK) == 0) {
		doctor_say(d, DOCTOR_OK,
			   "runs: penstock.target can start the "
			   "system's instance");
		return;
	}
	doctor_say(d, DOCTOR_WARN,
		   "does not run here: an instance for all is "
		   "started by hand");
	doctor_fix(d, "penstock up; penstock run needs nothing");
}

/* Does the text hold the word, between blanks? */
static bool host_has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p += len) {
		if ((p == text || p[-1] == ' ') && strchr(" \n", p[len]))
			return true;
	}
	return false;
}

/* Version 2, and controllers for us to hand out. */
static void host_cgroups(const struct instance *in, struct doctor *d)
{
	char text[4096] = "", path[4096 + 64];
	char *own;
	FILE *f = fopen("/proc/self/cgroup", "re");
	bool both;

	(void)in;
	while (f && fgets(text, sizeof(text), f) &&
	       strncmp(text, "0::", 3) != 0)
		;
	if (f)
		(void)fclose(f);
	own = text + (strncmp(text, "0::", 3) != 0 ? strlen(text) : 3);
	own[strcspn(own, "\n")] = '\0';
	(void)snprintf(path, sizeof(path),
		       "/sys/fs/cgroup%s/cgroup.controllers", own);
	f = fopen(path, "re");
	both = f && fgets(text, sizeof(text), f) &&
	       host_has_word(text, "memory") && host_has_word(text, "cpu");
	if (f)
		(void)fclose(f);
	if (both) {
		doctor_say(d, DOCTOR_OK,
			   "version 2, with memory and cpu: penstock run "
			   "--memory and --cpus");
		return;
	}
	doctor_say(d, DOCTOR_WARN,
		   "no memory and cpu of version 2 here: mostly no "
		   "--memory and --cpus");
	doctor_fix(d, "a host with systemd and cgroups of version 2 alone; "
		      "without these options penstock run needs none");
}

static void host_instance(const struct instance *in, struct doctor *d)
{
	int fd = instance_connect(in);

	if (fd >= 0)
		(void)close(fd);
	doctor_say(d, DOCTOR_OK, "%s in %.255s%s", fd >= 0 ? "runs" : "none",
		   in->run_dir, fd >= 0 ? "" : "; penstock run starts one");
}

const struct doctor_layer doctor_host[] = {
	{ "programs", host_programs }, { "CA files", host_ca },
	{ "npm registry", host_npm },  { "disk", host_disk },
	{ "clock", host_clock },       { "systemd", host_systemd },
	{ "cgroups", host_cgroups },   { "instance", host_instance },
};
const size_t doctor_host_len = ARRAY_SIZE(doctor_host);
