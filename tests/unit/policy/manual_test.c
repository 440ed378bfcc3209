/* The manual says the truth: in docs/rules.md every line of a ```rules block
 * and of the table of lines is a rule, every ```yaml block a configuration, and
 * every ```judge block has rules and, indented, requests with their verdicts.
 */

#include "policy/load.h"
#include "tests/unit/policy/question.h"

static struct ruleset *no_rules(void)
{
	struct ruleset *rs = NULL;

	assert_int_equal(ruleset_new(&rs), 0);
	ruleset_set_clock(rs, 1);
	return rs;
}

static void add_rule(struct ruleset *rs, enum verdict verdict,
		     struct slice line)
{
	struct rule_error err = { 0 };

	if (ruleset_add(rs, verdict, line, SLICE("rules.md"), &err) != 0)
		fail_msg("%.*s: %u: %s", (int)line.len, line.ptr, err.column,
			 err.text);
}

static void check_rules(struct slice block)
{
	struct ruleset *rs = no_rules();
	struct slice line;

	while (block.len) {
		slice_cut(block, '\n', &line, &block);
		add_rule(rs, VERDICT_ALLOW, line);
	}
	ruleset_free(&rs);
}

static void check_yaml(struct slice block)
{
	struct config_error err = { "" };
	struct config *c = NULL;

	if (config_parse("rules.md", block, &c, &err) != 0)
		fail_msg("%s", err.text);
	config_free(&c);
}

/* "allow GET https://…": the verdict, and the rest. */
static enum verdict take_verdict(struct slice *line)
{
	struct slice word;

	slice_cut(*line, ' ', &word, line);
	for (int v = VERDICT_DENY; v <= VERDICT_ALLOW; v++)
		if (slice_eq(word, slice_str(verdict_str((enum verdict)v))))
			return (enum verdict)v;
	fail_msg("%.*s: no verdict", (int)word.len, word.ptr);
	return VERDICT_DENY;
}

/* "    GET https://…     allow". */
static void check_request(const struct policy *p, struct slice line)
{
	struct policy_question q;
	struct policy_answer a;
	struct slice verdict;
	char text[256];
	size_t end = line.len;

	while (line.ptr[end - 1] != ' ')
		end--;
	verdict = slice_skip(line, end);
	line = slice_trim(slice_of(line.ptr, end));
	assert_true(line.len < sizeof(text));
	memcpy(text, line.ptr, line.len);
	text[line.len] = '\0';
	q = question(text);
	policy_judge(p, &q, &a);
	if (!slice_eq(verdict, slice_str(verdict_str(a.verdict))))
		fail_msg("%s: %s", text, verdict_str(a.verdict));
}

static void check_judge(struct slice block)
{
	struct ruleset *rs = no_rules();
	struct policy *p = NULL;
	struct slice line;

	while (block.len) {
		slice_cut(block, '\n', &line, &block);
		if (!slice_starts(line, SLICE("    "))) {
			enum verdict v = take_verdict(&line);

			assert_null(p); /* rules first, then requests */
			add_rule(rs, v, line);
			continue;
		}
		if (!p)
			assert_int_equal(policy_compile(rs, &p), 0);
		check_request(p, line);
	}
	assert_non_null(p);
	policy_free(&p);
	ruleset_free(&rs);
}

static const struct {
	const char *kind;
	void (*check)(struct slice block);
} kinds[] = {
	{ "rules", check_rules },
	{ "yaml", check_yaml },
	{ "judge", check_judge },
};

/* "| `RULE` | meaning |" in the table that begins "| line | means |". */
static bool check_row(struct slice line, bool inside)
{
	struct ruleset *rs;
	struct slice rule, rest;

	if (slice_eq(line, SLICE("| line | means |")))
		return true;
	if (!inside || !slice_starts(line, SLICE("|")))
		return false;
	if (!slice_starts(line, SLICE("| `")))
		return true;
	assert_true(slice_cut(slice_skip(line, 3), '`', &rule, &rest));
	rs = no_rules();
	add_rule(rs, VERDICT_ALLOW, rule);
	ruleset_free(&rs);
	return true;
}

static void test_manual(void **state)
{
	static char mem[65536];
	FILE *f = fopen(TEST_DIR "/../docs/rules.md", "r");
	struct slice rest, line, kind = SLICE("");
	const char *start = NULL;
	unsigned int blocks[ARRAY_SIZE(kinds)] = { 0 };
	bool table = false;

	(void)state;
	assert_non_null(f);
	rest = slice_of(mem, fread(mem, 1, sizeof(mem), f));
	assert_int_equal(fclose(f), 0);
	assert_true(rest.len > 0 && rest.len < sizeof(mem));
	while (rest.len) {
		slice_cut(rest, '\n', &line, &rest);
		table = !start && check_row(line, table);
		if (!slice_starts(line, SLICE("```")))
			continue;
		for (size_t i = 0; start && i < ARRAY_SIZE(kinds); i++) {
			if (!slice_eq(kind, slice_str(kinds[i].kind)))
				continue;
			kinds[i].check(
				slice_of(start, (size_t)(line.ptr - start)));
			blocks[i]++;
		}
		kind = slice_skip(line, 3);
		start = start ? NULL : rest.ptr;
	}
	assert_true(blocks[0] >= 1 && blocks[1] >= 4 && blocks[2] >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
