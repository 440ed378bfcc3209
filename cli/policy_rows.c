/* cli/policy_rows.c - the ledger's rows as questions to the judge. */

#include "cli/policy_rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/err.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/when.h"

#define PAGE_ROWS 100000 /* found at once */

int policy_rows_option(struct policy_rows *rows, int argc, char **argv, int *i)
{
	static const char *const names[] = { "--since", "--sandbox", "--host",
					     "--ledger" };
	const char *name = argv[*i], *value;
	size_t which = 0;

	while (which < ARRAY_SIZE(names) && strcmp(name, names[which]) != 0)
		which++;
	if (which == ARRAY_SIZE(names))
		return 0;
	if (++*i == argc) {
		(void)fprintf(stderr, "penstock policy %s: %s needs a value\n",
			      rows->command, name);
		return -1;
	}
	value = argv[*i];
	if (which == 1)
		rows->sandbox = value;
	else if (which == 2)
		rows->host = value;
	else if (which == 3)
		rows->ledger = value;
	if (which || when_parse(value, &rows->since_us))
		return 1;
	(void)fprintf(stderr,
		      "penstock policy %s: --since %s: 10m, 2h, 7d ago; or "
		      "2026-11-22T10:00\n",
		      rows->command, value);
	return -1;
}

static bool row_scheme(const struct query_row *row, enum rule_scheme *ret)
{
	/* An upgrade is judged as WebSocket; the ledger knows it by 101. */
	bool upgraded = row->status == 101;

	for (int s = 0; s < RULE_SCHEMES; s++) {
		enum rule_scheme scheme = (enum rule_scheme)s;

		if (!slice_eq(row->scheme, slice_str(rule_scheme_str(scheme))))
			continue;
		*ret = !upgraded	      ? scheme
		       : scheme == RULE_HTTPS ? RULE_WSS
		       : scheme == RULE_HTTP  ? RULE_WS
					      : scheme;
		return true;
	}
	return false;
}

bool policy_rows_masked(struct slice path)
{
	return path.len && memmem(path.ptr, path.len, "***", 3);
}

void policy_rows_unmask(char *rule)
{
	static const char mask[] = "%2a%2a%2a"; /* *** as rules write it */
	char *at = rule;

	while ((at = strstr(at, mask))) {
		*at++ = '*';
		memmove(at, at + sizeof(mask) - 2,
			strlen(at + sizeof(mask) - 2) + 1);
	}
}

/* Returns 1 with the question, 0: nothing was asked of a policy, -1: it can't
 * be asked again.
 */
static int row_question(const struct query_row *row, bool masked,
			struct policy_question *ret)
{
	bool connect = slice_eq(row->method, SLICE("CONNECT"));

	*ret = (struct policy_question){
		.method = row->method,
		.host = row->host,
		.port = row->port,
		.path = row->path,
		.query = row->query,
		.now_s = row->wall_us / 1000000,
	};
	if ((row->kind != AUDIT_REQUEST && row->kind != AUDIT_TUNNEL) ||
	    row->verdict == AUDIT_NONE || !row->host.len || !row->port ||
	    slice_eq(row->reason, SLICE("portal")) ||
	    !row_scheme(row, &ret->scheme))
		return 0;
	if (connect)
		ret->scheme = RULE_TCP;
	if (ret->scheme == RULE_TCP || ret->scheme == RULE_TLS) {
		ret->method = ret->path = ret->query = SLICE("");
		return 1;
	}
	if (row->cut || slice_find(row->path, '\\') >= 0)
		return -1;
	return masked || !policy_rows_masked(row->path) ? 1 : -1;
}

static int rows_open(const struct policy_rows *rows, struct query **ret)
{
	char path[INSTANCE_PATH_MAX];
	const char *ledger = rows->ledger;
	struct instance in;
	int rc;

	if (!ledger) {
		if (instance_find(&in) < 0 ||
		    !instance_path(in.state_dir, INSTANCE_LEDGER, path))
			return EXIT_BROKEN;
		ledger = path;
	}
	rc = query_open(ledger, ret);
	if (rc == 0)
		return 0;
	(void)fprintf(stderr, "penstock policy %s: %s: %s\n", rows->command,
		      ledger,
		      rc == -ENOENT	? "there is no ledger yet"
		      : rc == ERR_STALE ? "it was written by a newer version"
		      : rc == ERR_PROTO ? "it is no ledger"
					: err_str(rc));
	return EXIT_BROKEN;
}

/* One page of rows. Returns how many, or < 0. */
static int rows_page(struct query *q, struct query_filter *filter,
		     const struct policy_rows *rows, policy_rows_fn *fn,
		     void *ctx, uint64_t *left_out)
{
	struct query_row row;
	int found = query_find(q, filter);
	int rc;

	if (found <= 0)
		return found;
	while ((rc = query_next(q, &row)) == 1) {
		struct policy_question question;
		int usable;

		if (rows->wants && !rows->wants(&row))
			continue;
		usable = row_question(&row, rows->masked, &question);
		*left_out += usable < 0;
		if (usable > 0)
			fn(ctx, &question, &row);
	}
	filter->after = query_reached(q);
	return rc < 0 ? rc : found;
}

int policy_rows_each(const struct policy_rows *rows, policy_rows_fn *fn,
		     void *ctx, uint64_t *ret_left_out)
{
	struct query_filter filter = {
		.sandbox = slice_str(rows->sandbox),
		.host = slice_str(rows->host),
		.since_us = rows->since_us,
		.limit = PAGE_ROWS,
		.first = true,
	};
	struct query *q;
	int rc = rows_open(rows, &q);

	*ret_left_out = 0;
	if (rc)
		return rc;
	do {
		rc = rows_page(q, &filter, rows, fn, ctx, ret_left_out);
	} while (rc > 0);
	if (rc < 0)
		(void)fprintf(stderr, "penstock policy %s: %s\n", rows->command,
			      query_error(q));
	query_free(&q);
	return rc < 0 ? EXIT_BROKEN : 0;
}
