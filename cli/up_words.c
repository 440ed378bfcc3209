/* cli/up_words.c - the processes of an instance, and how each is called. */

#include <errno.h>

#include "base/base.h"
#include "base/err.h"
#include "base/log.h"
#include "capture/capture.h"
#include "cli/up.h"
#include "policy/load.h"

static const char *const up_programs[] = {
	[UP_CAPTURE] = CAPTURE_PROGRAM, [UP_CERTGEN] = "penstock-certgen",
	[UP_AUDIT] = "penstock-audit",	[UP_GATEWAY] = "penstock-gateway",
	[UP_SHIP] = "penstock-ship",
};
static_assert(ARRAY_SIZE(up_programs) == UP_PROCESSES, "a process, no program");

const char *up_program(enum up_process which)
{
	return up_programs[which];
}

/* How long rows are kept, as the configuration in force says it; without one,
 * as the file does. What cannot be read is no wish for less: rows that go do
 * not come back.
 */
static int up_audit_words(const struct up *u, struct words *w)
{
	struct config_settings s = { 0 };
	struct config_error err = { "" };
	struct config *config = NULL;
	int rc = config_load(u->good, &config, &err);

	if (rc)
		rc = config_load(u->config, &config, &err);
	if (rc && rc != -ENOENT) {
		log_error("how long rows are kept is not known:");
		log_lines(LOG_LEVEL_ERROR,
			  err.text[0] ? err.text : err_str(rc));
		return rc;
	}
	if (!rc)
		config_settings(config, &s);
	if (s.audit_keep_s)
		words_addf(w, "--keep=%u", s.audit_keep_s);
	if (s.audit_max_bytes)
		words_addf(w, "--max-bytes=%llu",
			   (unsigned long long)s.audit_max_bytes);
	config_free(&config);
	return 0;
}

int up_words(const struct up *u, enum up_process which, int ready,
	     struct words *w)
{
	words_add(w, up_program(which));
	if (which == UP_CAPTURE)
		words_add(w, "keep");
	words_addf(w, "--ready-fd=%d", ready);
	if (which != UP_CAPTURE)
		words_addf(w, "--state=%s", u->in.state_dir);
	switch (which) {
	case UP_CAPTURE:
		words_addf(w, "--counters=%s/" CAPTURE_COUNTERS, u->in.run_dir);
		for (size_t i = 0; i < u->capture.len; i++)
			words_add(w, u->capture.ptr[i]);
		break;
	case UP_CERTGEN:
		words_addf(w, "--socket=%s", u->certgen);
		break;
	case UP_AUDIT:
		words_addf(w, "--spool=%s", u->spool);
		return up_audit_words(u, w);
	case UP_GATEWAY:
		words_addf(w, "--run=%s", u->in.run_dir);
		words_addf(w, "--config=%s", u->config);
		if (u->idle_exit)
			words_addf(w, "--idle-exit=%s", u->idle_exit);
		if (u->debug)
			words_add(w, "--debug");
		for (size_t i = 0; i < u->waits.len; i++)
			words_addf(w, "--wait=%s", u->waits.ptr[i]);
		break;
	case UP_SHIP:
		words_addf(w, "--run=%s", u->in.run_dir);
		words_addf(w, "--config=%s", u->good);
		break;
	case UP_PROCESSES:
		assert(0);
	}
	return 0;
}
