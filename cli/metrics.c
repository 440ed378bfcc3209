/* cli/metrics.c - penstock metrics: the facts of `status` for Prometheus, in
 * its text format (version 0.0.4).
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/cli.h"
#include "cli/vitals.h"

static const char metrics_usage[] =
	"usage: penstock metrics [--output FILE]\n"
	"\n"
	"Prints the counters of the instance for Prometheus. With --output they\n"
	"replace FILE at once, for node_exporter's textfile collector; FILE is\n"
	"readable by everybody. Exit status 3, and penstock_up 0, when none\n"
	"runs.\n";

/* A fact and how it is called here; rows of one name stand together. */
struct metrics_row {
	const char *fact;
	const char *name;
	const char *label; /* or NULL */
	const char *help;
};

/* Names that end in _total are counters, the others gauges. Facts that end in
 * _us are shown in seconds.
 */
static const struct metrics_row metrics_rows[] = {
	{ "workers", "workers", NULL, "Worker processes." },
	{ "workers_replaced", "worker_restarts_total", NULL,
	  "Worker processes that died and were replaced." },
	{ "generation", "policy_generation", NULL,
	  "Generation of the policies in force." },
	{ "conns", "connections_total", NULL,
	  "Connections accepted from sandboxes." },
	{ "conns_open", "connections_open", NULL,
	  "Connections from sandboxes that are open." },
	{ "requests", "requests_total", NULL, "Requests judged." },
	{ "asked", "asked_total", NULL,
	  "Requests that waited for the operator's answer." },
	{ "allowed", "verdicts_total", "verdict=\"allowed\"",
	  "Requests by what became of them; failed ones were allowed." },
	{ "denied", "verdicts_total", "verdict=\"denied\"", "" },
	{ "failed", "verdicts_total", "verdict=\"failed\"", "" },
	{ "malformed", "verdicts_total", "verdict=\"malformed\"", "" },
	{ "handshakes", "handshakes_total", "result=\"done\"",
	  "TLS handshakes with clients." },
	{ "handshakes_failed", "handshakes_total", "result=\"failed\"", "" },
	{ "untrusting", "untrusting_clients_total", NULL,
	  "Handshakes that ended because the client does not trust the CA." },
	{ "leaves_minted", "certificates_minted_total", NULL,
	  "Certificates asked of certgen." },
	{ "dns_answered", "names_total", "result=\"answered\"",
	  "Names asked for." },
	{ "dns_refused", "names_total", "result=\"refused\"", "" },
	{ "upstream_conns", "upstream_connections_total", NULL,
	  "Connections opened to origins." },
	{ "upstream_open", "upstream_connections_open", NULL,
	  "Connections to origins that are open." },
	{ "upstream_reused", "upstream_reused_total", NULL,
	  "Requests sent on a connection that was open already." },
	{ "bytes_up", "body_bytes_total", "direction=\"up\"",
	  "Octets of bodies, from and to the sandboxes." },
	{ "bytes_down", "body_bytes_total", "direction=\"down\"", "" },
	{ "questions", "questions", NULL,
	  "Different requests that wait for the operator's answer." },
	{ "grants", "grants", NULL,
	  "Rules and answers given at run time and in force." },
	{ "records_waiting", "records_waiting", NULL,
	  "Finished records that are not in the ledger yet." },
	{ "records_open", "records_open", NULL,
	  "Requests in work, each with its record." },
	{ "unrecorded", "unrecorded_total", "result=\"refused\"",
	  "Decisions that could not be recorded: the request was refused, or "
	  "went on without a record (lost)." },
	{ "lost", "unrecorded_total", "result=\"lost\"", "" },
	{ "audit_rows", "ledger_rows_total", NULL,
	  "Rows entered since penstock-audit started." },
	{ "audit_batches", "ledger_batches", NULL,
	  "Batches of the ledger's chain." },
	{ "audit_sealed", "ledger_sealed_rows", NULL,
	  "Rows that the chain has sealed." },
	{ "audit_pruned_unshipped", "ledger_pruned_unshipped_total", NULL,
	  "Rows that were too old to keep and had not been shipped." },
	{ "audit_cpu_insert_us", "ledger_cpu_seconds_total", "work=\"insert\"",
	  "What penstock-audit spent CPU time on." },
	{ "audit_cpu_seal_us", "ledger_cpu_seconds_total", "work=\"seal\"",
	  "" },
	{ "audit_cpu_sum_us", "ledger_cpu_seconds_total", "work=\"sum\"", "" },
	{ "audit_cpu_prune_us", "ledger_cpu_seconds_total", "work=\"prune\"",
	  "" },
	{ "audit_cpu_other_us", "ledger_cpu_seconds_total", "work=\"other\"",
	  "" },
	{ "ledger_bytes", "ledger_bytes", NULL,
	  "Size of the ledger, its write-ahead log included." },
	{ "audit_damaged", "ledgers_damaged", NULL,
	  "Ledgers that were damaged, stepped aside and are still there." },
	{ "audit_spools", "spools", NULL, "Spools that are being drained." },
	{ "audit_bad_spools", "spools_bad_total", NULL,
	  "Spools that were damaged and are kept as *.bad." },
	{ "audit_bad_records", "records_bad_total", NULL,
	  "Records that were damaged." },
	{ "audit_age_s", "ledger_status_age_seconds", NULL,
	  "Time since penstock-audit last said how it goes." },
	{ "ship.age_s", "ship_status_age_seconds", NULL,
	  "Time since penstock-ship last said how it goes." },
};

static void metrics_head(FILE *to, const char *name, const char *type,
			 const char *help)
{
	(void)fprintf(to, "# HELP penstock_%s %s\n# TYPE penstock_%s %s\n",
		      name, help, name, type);
}

static const char *metrics_type(const char *name)
{
	return slice_ends(slice_str(name), SLICE("_total")) ? "counter"
							    : "gauge";
}

static void metrics_value(FILE *to, const struct vitals *v, const char *fact)
{
	unsigned long long n = vitals_number(v, fact);

	if (slice_ends(slice_str(fact), SLICE("_us")))
		(void)fprintf(to, " %llu.%06llu\n", n / 1000000, n % 1000000);
	else
		(void)fprintf(to, " %llu\n", n);
}

static void metrics_table(FILE *to, const struct vitals *v)
{
	const char *last = "";

	for (size_t i = 0; i < ARRAY_SIZE(metrics_rows); i++) {
		const struct metrics_row *row = &metrics_rows[i];

		if (!vitals_is_number(vitals_get(v, row->fact)))
			continue;
		if (strcmp(last, row->name) != 0)
			metrics_head(to, row->name, metrics_type(row->name),
				     row->help);
		last = row->name;
		(void)fprintf(to, "penstock_%s%s%s%s", row->name,
			      row->label ? "{" : "",
			      row->label ? row->label : "",
			      row->label ? "}" : "");
		metrics_value(to, v, row->fact);
	}
}

static bool metrics_knows(struct slice fact)
{
	for (size_t i = 0; i < ARRAY_SIZE(metrics_rows); i++)
		if (slice_eq(slice_str(metrics_rows[i].fact), fact))
			return true;
	return false;
}

/* A name that the table does not have is shown as it is. */
static void metrics_others(FILE *to, const struct vitals *v)
{
	struct slice rest = slice_of(v->text, v->len), name, value;

	while (vitals_next(&rest, &name, &value)) {
		char text[128];

		if (!vitals_is_number(value) || metrics_knows(name) ||
		    memchr(name.ptr, '.', name.len) ||
		    snprintf(text, sizeof(text), "%.*s", (int)name.len,
			     name.ptr) >= (int)sizeof(text))
			continue;
		metrics_head(to, text, metrics_type(text),
			     "As in penstock status.");
		(void)fprintf(to, "penstock_%s %.*s\n", text, (int)value.len,
			      value.ptr);
	}
}

static void metrics_refusals(FILE *to, const struct vitals *v)
{
	struct slice rest = slice_of(v->text, v->len), name, value;

	metrics_head(to, "refusals_total", "counter",
		     "Answers of the gateway's own, by reason.");
	while (vitals_next(&rest, &name, &value))
		if (slice_starts(name, SLICE("refused.")))
			(void)fprintf(
				to,
				"penstock_refusals_total{reason=\"%.*s\"} "
				"%.*s\n",
				(int)(name.len - strlen("refused.")),
				name.ptr + strlen("refused."), (int)value.len,
				value.ptr);
}

/* What is said of each destination, "ship.DESTINATION.FACT". */
static const struct metrics_row metrics_ship[] = {
	{ "rows_behind", "ship_rows_behind", NULL,
	  "Rows that a destination does not have yet." },
	{ "seconds_behind", "ship_behind_seconds", NULL,
	  "Age of the oldest of these." },
	{ "position", "ship_position", NULL,
	  "The last batch that a destination has as a whole." },
	{ "rows_delivered", "ship_rows_total", NULL, "Rows delivered." },
	{ "requests", "ship_requests_total", NULL, "Deliveries tried." },
	{ "failures", "ship_failures_total", NULL, "Deliveries that failed." },
	{ "tries", "ship_failures_in_a_row", NULL,
	  "Deliveries that failed since the last that did not." },
	{ "missed_batches", "ship_missed_batches_total", NULL,
	  "Batches taken away before they were sent." },
};

/* Is it "ship.DESTINATION.FACT" with this fact? */
static bool metrics_is_ship(struct slice name, const char *fact,
			    struct slice *ret_destination)
{
	struct slice end = slice_str(fact);

	if (!slice_starts(name, SLICE("ship.")) || !slice_ends(name, end) ||
	    name.len < strlen("ship.") + 2 + end.len ||
	    name.ptr[name.len - end.len - 1] != '.')
		return false;
	*ret_destination = slice_of(name.ptr + strlen("ship."),
				    name.len - end.len - 1 - strlen("ship."));
	/* Nothing that would have to be escaped. */
	return !memchr(name.ptr, '"', name.len) &&
	       !memchr(name.ptr, '\\', name.len);
}

static void metrics_destinations(FILE *to, const struct vitals *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(metrics_ship); i++) {
		const struct metrics_row *row = &metrics_ship[i];
		struct slice rest = slice_of(v->text, v->len), name, value, d;
		bool first = true;

		while (vitals_next(&rest, &name, &value)) {
			if (!metrics_is_ship(name, row->fact, &d) ||
			    !vitals_is_number(value))
				continue;
			if (first)
				metrics_head(to, row->name,
					     metrics_type(row->name),
					     row->help);
			first = false;
			(void)fprintf(
				to, "penstock_%s{destination=\"%.*s\"} %.*s\n",
				row->name, (int)d.len, d.ptr, (int)value.len,
				value.ptr);
		}
	}
}

/* Does each destination take what it is sent? */
static void metrics_ship_ok(FILE *to, const struct vitals *v)
{
	struct slice rest = slice_of(v->text, v->len), name, value, d;
	bool first = true;

	while (vitals_next(&rest, &name, &value)) {
		if (!metrics_is_ship(name, "state", &d))
			continue;
		if (first)
			metrics_head(to, "ship_ok", "gauge",
				     "Does the destination take what it is "
				     "sent?");
		first = false;
		(void)fprintf(to, "penstock_ship_ok{destination=\"%.*s\"} %d\n",
			      (int)d.len, d.ptr, slice_eq(value, SLICE("ok")));
	}
}

/* Names of sandboxes hold nothing that would have to be escaped. */
static void metrics_sandboxes(FILE *to, const struct vitals *v)
{
	if (!v->sandboxes_len)
		return;
	metrics_head(to, "sandbox_requests_total", "counter",
		     "Requests judged, by sandbox.");
	for (size_t i = 0; i < v->sandboxes_len; i++)
		(void)fprintf(to,
			      "penstock_sandbox_requests_total{sandbox=\"%s\"} "
			      "%llu\n",
			      v->sandboxes[i].name,
			      (unsigned long long)v->sandboxes[i].requests);
	metrics_head(to, "sandbox_denied_total", "counter",
		     "Requests denied, by sandbox.");
	for (size_t i = 0; i < v->sandboxes_len; i++)
		(void)fprintf(to,
			      "penstock_sandbox_denied_total{sandbox=\"%s\"} "
			      "%llu\n",
			      v->sandboxes[i].name,
			      (unsigned long long)v->sandboxes[i].denied);
}

static void metrics_print(FILE *to, const struct vitals *v, bool up)
{
	metrics_head(to, "up", "gauge", "Does the instance answer?");
	(void)fprintf(to, "penstock_up %d\n", up);
	if (!up)
		return;
	metrics_table(to, v);
	metrics_refusals(to, v);
	if (vitals_get(v, "audit_state").len) {
		metrics_head(to, "ledger_ok", "gauge",
			     "Can penstock-audit write the ledger?");
		(void)fprintf(
			to, "penstock_ledger_ok %d\n",
			slice_eq(vitals_get(v, "audit_state"), SLICE("ok")));
	}
	metrics_sandboxes(to, v);
	metrics_destinations(to, v);
	metrics_ship_ok(to, v);
	metrics_others(to, v);
}

/* All of it under the final name, or nothing. Returns 0 or -errno. */
static int metrics_replace(const char *path, const struct vitals *v, bool up)
{
	char fresh[PATH_MAX];
	int fd, err = 0;
	FILE *to;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		  0644);
	if (fd < 0)
		return -errno;
	(void)fchmod(fd, 0644);
	to = fdopen(fd, "w");
	if (!to) {
		(void)close(fd);
		return -ENOMEM;
	}
	metrics_print(to, v, up);
	err = ferror(to) ? -EIO : 0;
	if (fclose(to) && !err)
		err = -errno;
	if (!err && rename(fresh, path) < 0)
		err = -errno;
	if (err)
		(void)unlink(fresh);
	return err;
}

int cmd_metrics(int argc, char **argv)
{
	static struct vitals vitals;
	const char *path = NULL;
	int rc, err = 0;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		(void)fputs(metrics_usage, stdout);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "--output"))
		path = argv[2];
	else if (argc == 2 && !strncmp(argv[1], "--output=", 9))
		path = argv[1] + 9;
	if (argc != 1 && (!path || !*path)) {
		(void)fputs(metrics_usage, stderr);
		return EXIT_USAGE;
	}
	rc = vitals_read("metrics", &vitals);
	if (path)
		err = metrics_replace(path, &vitals, rc == 0);
	else
		metrics_print(stdout, &vitals, rc == 0);
	vitals_free(&vitals);
	if (err < 0) {
		(void)fprintf(stderr, "penstock metrics: %s: %s\n", path,
			      strerror(-err));
		return EXIT_BROKEN;
	}
	return rc;
}
