/* A text as each list that is imported, and as a file that is written anew and
 * looked through: what is imported is a rule, and what was written is not
 * written again.
 */

#include <stdlib.h>

#include "base/err.h"
#include "policy/fmt.h"
#include "policy/import.h"
#include "policy/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_item(void *ctx, const struct import_item *item)
{
	struct rule_error err;
	struct ruleset *rs = ctx;

	if (item->kind == IMPORT_RULE &&
	    ruleset_add(rs, item->verdict, item->line, SLICE("x"), &err) ==
		    ERR_SYNTAX)
		abort();
}

static void on_finding(void *ctx, const struct lint_finding *finding)
{
	(void)ctx;
	if (!finding->code)
		abort();
}

static void format(struct slice text)
{
	struct fmt_result r, again;
	struct config_error err;
	struct config *c = NULL;

	if (fmt_text("f", text, &r, &err) < 0)
		return;
	if (fmt_text("f", slice_of(r.text, r.len), &again, &err) < 0 ||
	    again.rules != r.rules || again.changed)
		abort();
	if (config_parse_either("f", text, &c, &err) == 0)
		(void)lint_config(c, 1000, on_finding, NULL);
	config_free(&c);
	free(again.text);
	free(r.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct import_source source = { .name = "f",
					.text = slice_of(data, size) };

	for (int f = 0; f < IMPORT_FORMATS; f++) {
		struct ruleset *rs = NULL;
		struct config_error err;

		if (ruleset_new(&rs) < 0)
			return 0;
		source.format = (enum import_format)f;
		(void)import_text(&source, on_item, rs, &err);
		ruleset_free(&rs);
	}
	format(source.text);
	return 0;
}
