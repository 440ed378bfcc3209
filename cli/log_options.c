/* cli/log_options.c - the options of penstock log. */

#include "cli/log_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/cli.h"
#include "cli/line.h"
#include "cli/log_hint.h"
#include "cli/when.h"
#include "policy/idn.h"

#define LIMIT_DEFAULT 50

static const char log_usage[] =
	"usage: penstock log [options]\n"
	"       penstock log show ID [--format FORMAT]\n"
	"\n"
	"Prints what the gateway recorded, the newest last: denied and failed\n"
	"requests, or with --all everything. `show` tells one request's story.\n"
	"\n"
	"Which rows:\n"
	"  --all             allowed requests too\n"
	"  --denied          denied ones only\n"
	"  --since WHEN      10m or 1h30m ago, today, 10:05, 2026-11-22T10:00 "
	"(local,\n"
	"                    or with Z), and times as they are printed\n"
	"  --until WHEN      the same, for the end\n"
	"  --host HOST       this host; * and ? stand for anything\n"
	"  --sandbox NAME    this sandbox; * and ? as above\n"
	"  --client ADDRESS  this client\n"
	"  --kind KIND,…     request, tunnel, dns, handshake, protocol\n"
	"  --method METHOD   this method\n"
	"  --path PATH       paths that begin so; * and ? as above\n"
	"  --status N,…      this status; 4 or 4xx means 400 to 499\n"
	"  --verdict WORD,…  allow, deny, ask, none, or a word of column "
	"VERDICT\n"
	"  --rule TEXT       decided by this rule\n"
	"  --reason WORD     refused for this reason\n"
	"  --limit N         at most N rows (50; 0: no limit)\n"
	"\n"
	"What of them:\n"
	"  --group-by KEY,…  count them by host, sandbox, rule, reason, "
	"method,\n"
	"                    status, verdict, outcome, kind, client, "
	"user_agent,\n"
	"                    content_type, scheme, port, hour, day\n"
	"  --stats           a summary of all rows\n"
	"  --columns NAME,…  these fields only\n"
	"  --format FORMAT   table, json, ndjson, csv, har\n"
	"  --json            the same as --format ndjson\n"
	"  --color WHEN      auto, always, never\n"
	"  --follow          go on printing rows as they come\n"
	"\n"
	"Exit status: 0 rows were shown, 1 none fits, 2 usage, 3 no ledger.\n"
	"\n"
	"  penstock log --all --host '*.github.com' --since 1h\n"
	"  penstock log --verdict deny --group-by host,reason\n";

static bool parse_count(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t n;

	if (!slice_number(slice_str(text), max, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* "403", "4", "4xx" */
static bool parse_status(struct slice text, uint16_t *ret)
{
	uint16_t n = 0;

	if (text.len == 3 && !memcmp(text.ptr + 1, "xx", 2))
		text.len = 1;
	if ((text.len != 1 && text.len != 3) || text.ptr[0] == '0')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!ascii_is_digit(text.ptr[i]))
			return false;
		n = (uint16_t)(n * 10 + text.ptr[i] - '0');
	}
	*ret = n;
	return true;
}

enum log_option {
	OPTION_ALL = 256,
	OPTION_DENIED,
	OPTION_SINCE,
	OPTION_UNTIL,
	OPTION_HOST,
	OPTION_SANDBOX,
	OPTION_CLIENT,
	OPTION_METHOD,
	OPTION_PATH,
	OPTION_RULE,
	OPTION_REASON,
	OPTION_STATUS,
	OPTION_KIND,
	OPTION_VERDICT,
	OPTION_LIMIT,
	OPTION_GROUP_BY,
	OPTION_STATS,
	OPTION_COLUMNS,
	OPTION_FORMAT,
	OPTION_COLOUR,
	OPTION_FOLLOW,
	OPTION_JSON,
	OPTION_HELP,
};

static bool name_is(struct slice name, const char *word)
{
	return slice_eq(name, slice_str(word));
}

/* The ends that a word names; 0 for none. */
static uint32_t word_ends(struct slice word)
{
	uint32_t ends = 0;

	for (unsigned int v = 0; v < AUDIT_VERDICTS; v++)
		for (unsigned int o = 0; o < AUDIT_OUTCOMES; o++)
			if (name_is(word, audit_verdict_str(v)) ||
			    name_is(word, log_word(v, o)))
				ends |= QUERY_END(v, o);
	return ends;
}

const char *const log_verdicts[] = {
	"allow", "deny",   "ask",  "none",   "denied", "refused", "failed",
	"cut",	 "broken", "open", "asking", "ok",     NULL,
};

const char *const log_kinds[] = {
	"request", "tunnel", "dns", "handshake", "protocol", NULL,
};

static const char *const no_words[] = { NULL };

static const char *const key_words[] = {
	"host",		"sandbox", "rule", "reason", "method",	   "status",
	"verdict",	"outcome", "kind", "client", "user_agent", "scheme",
	"content_type", "port",	   "hour", "day",    NULL,
};
static_assert(ARRAY_SIZE(key_words) == QUERY_KEYS + 1, "a word for each key");

static const char *const format_words[] = {
	[LOG_TABLE] = "table", [LOG_JSON] = "json", [LOG_NDJSON] = "ndjson",
	[LOG_CSV] = "csv",     [LOG_HAR] = "har",   NULL
};

/* One word of a list; each of them returns false for one that it doesn't know.
 */
typedef bool take_word_fn(struct log_options *o, struct slice word);

static bool take_verdict(struct log_options *o, struct slice word)
{
	uint32_t ends = word_ends(word);

	o->filter.ends |= ends;
	return ends;
}

static bool take_kind(struct log_options *o, struct slice word)
{
	uint32_t kinds = 0;

	for (unsigned int k = 0; k < AUDIT_KINDS; k++)
		if (name_is(word, audit_kind_str(k)))
			kinds = QUERY_KIND_IS(k);
	o->filter.kinds |= kinds;
	return kinds;
}

static bool take_status(struct log_options *o, struct slice word)
{
	size_t i = 0;

	while (i < QUERY_STATUSES && o->filter.status[i])
		i++;
	return i < QUERY_STATUSES && parse_status(word, &o->filter.status[i]);
}

static bool take_key(struct log_options *o, struct slice word)
{
	return o->by_len < QUERY_BY_MAX &&
	       query_key_parse(word, &o->by[o->by_len]) && ++o->by_len;
}

static bool take_column(struct log_options *o, struct slice word)
{
	for (size_t i = 0; i < LOG_FIELDS; i++) {
		if (!name_is(word, log_fields[i]) ||
		    o->columns_len == LOG_FIELDS)
			continue;
		o->columns[o->columns_len++] = (uint8_t)i;
		return true;
	}
	return false;
}

/* The words of a comma-separated list. Returns false with a message. */
static bool log_list(struct log_options *o, const char *value,
		     take_word_fn *take, const char *what,
		     const char *const *words)
{
	struct slice rest = slice_str(value), word;
	char text[64];

	do {
		(void)slice_cut(rest, ',', &word, &rest);
		if (take(o, word))
			continue;
		(void)snprintf(text, sizeof(text), "%.*s", (int)word.len,
			       word.ptr);
		log_hint_word(what, text, words);
		return false;
	} while (rest.ptr);
	return true;
}

static bool log_format_option(struct log_options *o, const char *value)
{
	for (size_t i = 0; format_words[i]; i++) {
		if (strcmp(value, format_words[i]) != 0)
			continue;
		o->format = (enum log_format)i;
		return true;
	}
	log_hint_word("no format", value, format_words);
	return false;
}

static bool log_colour_option(struct log_options *o, const char *value)
{
	static const char *const words[] = { "auto", "always", "never", NULL };

	if (strcmp(value, words[0]) != 0)
		o->colour = !strcmp(value, words[1]);
	if (o->colour || !strcmp(value, words[0]) || !strcmp(value, words[2]))
		return true;
	log_hint_word("no such --color", value, words);
	return false;
}

static bool log_said(bool good, const char *value)
{
	if (!good)
		(void)fprintf(stderr,
			      "penstock log: cannot read %s; see penstock log "
			      "--help\n",
			      value);
	return good;
}

static bool log_limit_option(struct log_options *o, const char *value)
{
	o->limit_given = true;
	if (parse_count(value, QUERY_ROWS_MAX, &o->filter.limit))
		return true;
	(void)fprintf(stderr,
		      "penstock log: --limit %s: a number up to %d, or 0 for "
		      "no limit\n",
		      value, QUERY_ROWS_MAX);
	return false;
}

/* The ledger has names of hosts as they go over the wire. */
static void log_host(struct log_options *o)
{
	struct slice *host = &o->filter.host;
	size_t i = 0, len;

	while (i < host->len && (unsigned char)host->ptr[i] < 0x80)
		i++;
	if (i < host->len &&
	    !idn_to_ascii(*host, o->host, sizeof(o->host), &len))
		*host = slice_of(o->host, len);
}

/* The options that take text as it is. */
static bool log_text_option(struct log_options *o, int option,
			    const char *value)
{
	struct query_filter *f = &o->filter;
	struct slice *const texts[] = {
		[0] = &f->host,
		[OPTION_SANDBOX - OPTION_HOST] = &f->sandbox,
		[OPTION_CLIENT - OPTION_HOST] = &f->client,
		[OPTION_METHOD - OPTION_HOST] = &f->method,
		[OPTION_PATH - OPTION_HOST] = &f->path,
		[OPTION_RULE - OPTION_HOST] = &f->rule,
		[OPTION_REASON - OPTION_HOST] = &f->reason,
	};

	*texts[option - OPTION_HOST] = slice_str(value);
	if (option == OPTION_HOST)
		log_host(o);
	return log_said(*value, "an empty value");
}

/* Options with a value. Returns false, with a message, for one that cannot be.
 */
static bool log_value_option(struct log_options *o, int option,
			     const char *value)
{
	struct query_filter *f = &o->filter;

	switch (option) {
	case OPTION_SINCE:
		return log_said(when_parse(value, &f->since_us), value);
	case OPTION_UNTIL:
		return log_said(when_parse(value, &f->until_us), value);
	case OPTION_STATUS:
		return log_list(o, value, take_status, "no status", no_words);
	case OPTION_KIND:
		return log_list(o, value, take_kind, "no kind", log_kinds);
	case OPTION_LIMIT:
		return log_limit_option(o, value);
	case OPTION_VERDICT:
		return log_list(o, value, take_verdict, "no verdict",
				log_verdicts);
	case OPTION_GROUP_BY:
		return log_list(o, value, take_key, "cannot group by",
				key_words);
	case OPTION_COLUMNS:
		return log_list(o, value, take_column, "no column", log_fields);
	case OPTION_FORMAT:
		return log_format_option(o, value);
	case OPTION_COLOUR:
		return log_colour_option(o, value);
	default:
		return log_text_option(o, option, value);
	}
}

static bool log_option(struct log_options *o, int option, const char *value)
{
	switch (option) {
	case OPTION_ALL:
		o->filter.what = QUERY_ALL;
		return true;
	case OPTION_DENIED:
		o->filter.what = QUERY_DENIED;
		return true;
	case OPTION_FOLLOW:
		return o->follow = true;
	case OPTION_STATS:
		return o->stats = true;
	case OPTION_JSON:
		o->format = LOG_NDJSON;
		return true;
	default:
		return log_value_option(o, option, value);
	}
}

static int log_bad_usage(const char *what, const char *value)
{
	(void)fprintf(stderr, "penstock log: %s%s; see penstock log --help\n",
		      what, value);
	return EXIT_USAGE;
}

/* Options that do not go together. Returns -1 if all is well. */
static int log_check(struct log_options *o)
{
	bool counts = o->by_len || o->stats;
	bool ends = o->format == LOG_JSON || o->format == LOG_HAR;

	if (o->stats && o->by_len)
		return log_bad_usage("--stats or --group-by, not both", "");
	if (o->show && (counts || o->follow))
		return log_bad_usage("show takes an id and --format", "");
	if (o->follow && counts)
		return log_bad_usage("--follow shows rows, not counts", "");
	if (o->follow && ends)
		return log_bad_usage("--follow has no end, as --format needs: ",
				     "use ndjson");
	if (o->follow && o->filter.until_us)
		return log_bad_usage("--follow has no end, and so no --until",
				     "");
	if (counts && (o->format == LOG_HAR || o->columns_len))
		return log_bad_usage("counts are no requests: ",
				     o->columns_len ? "--columns has no place"
						    : "--format har has none");
	if (o->stats && o->format == LOG_CSV)
		return log_bad_usage("--stats is no table: ",
				     "use --format json");
	if (o->format == LOG_HAR && o->columns_len)
		return log_bad_usage("--format har has no columns", "");
	if (!o->limit_given)
		o->filter.limit = LIMIT_DEFAULT;
	if (o->filter.ends && o->filter.what == QUERY_TROUBLED)
		o->filter.what = QUERY_ALL;
	return -1;
}

static bool log_colours(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term &&
	       strcmp(term, "dumb") != 0;
}

/* getopt_long()'s loop. Returns -1 to go on. */
static int log_read_options(struct log_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, OPTION_ALL },
		{ "denied", no_argument, NULL, OPTION_DENIED },
		{ "since", required_argument, NULL, OPTION_SINCE },
		{ "until", required_argument, NULL, OPTION_UNTIL },
		{ "host", required_argument, NULL, OPTION_HOST },
		{ "sandbox", required_argument, NULL, OPTION_SANDBOX },
		{ "client", required_argument, NULL, OPTION_CLIENT },
		{ "kind", required_argument, NULL, OPTION_KIND },
		{ "method", required_argument, NULL, OPTION_METHOD },
		{ "path", required_argument, NULL, OPTION_PATH },
		{ "rule", required_argument, NULL, OPTION_RULE },
		{ "reason", required_argument, NULL, OPTION_REASON },
		{ "status", required_argument, NULL, OPTION_STATUS },
		{ "verdict", required_argument, NULL, OPTION_VERDICT },
		{ "limit", required_argument, NULL, OPTION_LIMIT },
		{ "group-by", required_argument, NULL, OPTION_GROUP_BY },
		{ "stats", no_argument, NULL, OPTION_STATS },
		{ "columns", required_argument, NULL, OPTION_COLUMNS },
		{ "format", required_argument, NULL, OPTION_FORMAT },
		{ "color", required_argument, NULL, OPTION_COLOUR },
		{ "follow", no_argument, NULL, OPTION_FOLLOW },
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "help", no_argument, NULL, OPTION_HELP },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 0; /* we may not be the first to read options */
	while ((option = getopt_long(argc, argv, "n:fh", options, NULL)) !=
	       -1) {
		option = option == 'n'	 ? OPTION_LIMIT
			 : option == 'f' ? OPTION_FOLLOW
			 : option == 'h' ? OPTION_HELP
					 : option;
		if (option == OPTION_HELP) {
			(void)fputs(log_usage, stdout);
			return 0;
		}
		if (option == '?' || !log_option(o, option, optarg))
			return EXIT_USAGE;
	}
	return -1;
}

int log_arguments(struct log_options *o, int argc, char **argv)
{
	int status;

	o->colour = log_colours();
	o->screen = line_screen();
	status = log_read_options(o, argc, argv);
	if (status >= 0)
		return status;
	if (optind < argc) {
		if (strcmp(argv[optind], "show") != 0)
			return log_bad_usage("unexpected word ", argv[optind]);
		if (optind + 2 != argc)
			return log_bad_usage("show takes one id", "");
		o->show = argv[optind + 1];
	}
	return log_check(o);
}

size_t log_columns(const struct log_options *o)
{
	size_t n = o->screen ? o->screen : LOG_COLUMNS;

	return MIN(MAX(n, LOG_COLUMNS_MIN), LOG_COLUMNS_MAX);
}

enum cells_format log_cells_format(enum log_format format)
{
	static const enum cells_format formats[] = {
		[LOG_TABLE] = CELLS_TABLE,
		[LOG_JSON] = CELLS_JSON,
		[LOG_NDJSON] = CELLS_NDJSON,
		[LOG_CSV] = CELLS_CSV,
	};

	assert(format < ARRAY_SIZE(formats));
	return formats[format];
}
