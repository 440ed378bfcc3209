/* cli/vitals.c - what an instance says about itself, as names and values. */

#include "cli/vitals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/base.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "gateway/control.h"

#define VITALS_AUDIT SPOOL_DIR "/audit.status" /* audit/main.c */
#define VITALS_SHIP  "ship/ship.status"	       /* ship/status.h */

/* A line more; one that does not fit is left out. */
static void vitals_add(struct vitals *v, const char *prefix, struct slice line)
{
	size_t room = sizeof(v->text) - v->len;
	int n = snprintf(v->text + v->len, room, "%s%.*s\n", prefix,
			 (int)line.len, line.ptr);

	if (n > 0 && (size_t)n < room)
		v->len += (size_t)n;
}

static void vitals_add_number(struct vitals *v, const char *name, uint64_t n)
{
	char line[96];
	int len = snprintf(line, sizeof(line), "%s %llu", name,
			   (unsigned long long)n);

	vitals_add(v, "", slice_of(line, (size_t)len));
}

static void vitals_on_text(void *ctx, struct frame_in *in)
{
	struct vitals *v = ctx;
	struct slice piece = bytes_str(&in->body);

	if (in->type != CONTROL_TEXT || !piece.len ||
	    piece.len > sizeof(v->text) - v->len)
		return;
	memcpy(v->text + v->len, piece.ptr, piece.len);
	v->len += piece.len;
}

static void vitals_on_sandbox(void *ctx, struct frame_in *in)
{
	struct vitals *v = ctx;
	struct vitals_sandbox s = { 0 }, *more;
	struct slice name = bytes_str(&in->body);

	(void)bytes_str(&in->body); /* kind */
	(void)bytes_str(&in->body); /* policies */
	(void)bytes_u64(&in->body); /* since */
	s.requests = bytes_u64(&in->body);
	s.denied = bytes_u64(&in->body);
	if (in->type != CONTROL_SANDBOX || in->body.bad)
		return;
	(void)snprintf(s.name, sizeof(s.name), "%.*s", (int)name.len, name.ptr);
	more = reallocarray(v->sandboxes, v->sandboxes_len + 1, sizeof(*more));
	if (!more)
		return;
	v->sandboxes = more;
	v->sandboxes[v->sandboxes_len++] = s;
}

/* A status file's lines, each with the prefix, and how old it is. */
static void vitals_add_file(struct vitals *v, const struct instance *in,
			    const char *name, const char *prefix)
{
	char path[INSTANCE_PATH_MAX], age[32], line[512];
	struct stat st;
	FILE *file;
	time_t now = time(NULL);

	if (snprintf(path, sizeof(path), "%s/%s", in->run_dir, name) >=
	    (int)sizeof(path))
		return;
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		vitals_add(v, prefix, slice_str(line));
	}
	if (!fstat(fileno(file), &st)) {
		(void)snprintf(age, sizeof(age), "%sage_s", prefix);
		vitals_add_number(
			v, age,
			now > st.st_mtime ? (uint64_t)(now - st.st_mtime) : 0);
	}
	(void)fclose(file);
}

static void vitals_add_ledger(struct vitals *v, const struct instance *in)
{
	static const char *const suffixes[] = { "", "-wal" };
	char path[INSTANCE_PATH_MAX];
	uint64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (snprintf(path, sizeof(path), "%s/" INSTANCE_LEDGER "%s",
			     in->state_dir, suffixes[i]) < (int)sizeof(path) &&
		    !stat(path, &st))
			bytes += (uint64_t)st.st_size;
	vitals_add_number(v, "ledger_bytes", bytes);
}

int vitals_read(const char *command, struct vitals *ret)
{
	static struct frame_out out;
	struct instance in;
	int rc;

	frame_begin(&out, CONTROL_STATS);
	rc = ask(command, &out, vitals_on_text, ret, NULL);
	if (rc)
		return rc;
	frame_begin(&out, CONTROL_LIST);
	rc = ask(command, &out, vitals_on_sandbox, ret, NULL);
	if (rc || instance_find(&in) < 0)
		return rc ? rc : EXIT_BROKEN;
	vitals_add_file(ret, &in, VITALS_AUDIT, "audit_");
	vitals_add_file(ret, &in, VITALS_SHIP, "ship.");
	vitals_add_ledger(ret, &in);
	return 0;
}

void vitals_free(struct vitals *v)
{
	free(v->sandboxes);
	v->sandboxes = NULL;
	v->sandboxes_len = 0;
}

bool vitals_next(struct slice *rest, struct slice *ret_name,
		 struct slice *ret_value)
{
	while (rest->len) {
		struct slice line;

		(void)slice_cut(*rest, '\n', &line, rest);
		if (slice_cut(line, ' ', ret_name, ret_value))
			return true;
	}
	return false;
}

struct slice vitals_get(const struct vitals *v, const char *name)
{
	struct slice rest = slice_of(v->text, v->len), found, value;

	while (vitals_next(&rest, &found, &value))
		if (slice_eq(found, slice_str(name)))
			return value;
	return SLICE("");
}

uint64_t vitals_number(const struct vitals *v, const char *name)
{
	struct slice value = vitals_get(v, name);

	/* A line's end stands behind it, so this ends there. */
	return vitals_is_number(value) ? strtoull(value.ptr, NULL, 10) : 0;
}

bool vitals_is_number(struct slice value)
{
	size_t digits = 0;

	for (size_t i = 0; i < value.len; i++) {
		if (ascii_is_digit(value.ptr[i]))
			digits++;
		else if (value.ptr[i] != '.' || !digits || i + 1 == value.len)
			return false;
	}
	/* 007 and 1.2.3 are none. */
	return digits && digits + 1 >= value.len &&
	       (value.len == 1 || value.ptr[0] != '0' || value.ptr[1] == '.');
}
