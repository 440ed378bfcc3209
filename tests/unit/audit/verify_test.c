/* Each kind of tampering is found and named; exports carry their proof. */
#include "base/hex.h"
#include "tests/unit/audit/fixture.h"

#include <errno.h>

#include "audit/chain_key.h"
#include "audit/copy.h"
#include "audit/schema.h"
#include "audit/verify.h"
#include "base/err.h"

#define ROWS	  1000
#define BATCH	  100
#define GAP_US	  1000
#define AFTER_ALL (1ull << 60)

static const struct verify_pins no_pins = { NULL, NULL };

static void sql(const struct fixture *f, const char *text)
{
	sqlite3 *db;
	char *error = NULL;

	assert_int_equal(sqlite3_open(f->ledger, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void put_as(struct fixture *f, uint64_t n, enum audit_outcome outcome,
		   bool again)
{
	static struct record_slot slot;
	static struct record r;
	struct audit_begin begin = fixture_begin(fixture_id(n * GAP_US));
	struct audit_end end = fixture_end();
	char path[32];

	(void)snprintf(path, sizeof(path), "/p/%d", (int)n);
	begin.path = slice_str(path);
	memset(&slot, 0, sizeof(slot));
	record_begin(&slot, &begin);
	end.outcome = outcome;
	if (outcome != AUDIT_OPEN)
		record_end(&slot, &end);
	assert_int_equal(record_read(&slot, AUDIT_OPEN, &r), 1);
	if (again)
		assert_int_equal(store_put(f->store, &r, true), 0);
	else
		fixture_put(f, &r);
}

static void put(struct fixture *f, uint64_t n, enum audit_outcome outcome)
{
	put_as(f, n, outcome, false);
}

static void put_rows(struct fixture *f, uint64_t from, uint64_t to)
{
	assert_int_equal(store_begin(f->store, 0), 0);
	for (uint64_t n = from; n < to; n++)
		put(f, n, AUDIT_DONE);
	assert_int_equal(store_commit(f->store), 0);
}

static void seal(struct fixture *f, uint64_t wall_us, uint32_t rows)
{
	int n;

	while ((n = store_seal(f->store, wall_us, rows)) > 0)
		;
	assert_int_equal(n, 0);
}

/* A ledger of ten batches, signed and closed. */
static void ledger(struct fixture *f)
{
	fixture_open(f);
	put_rows(f, 0, ROWS);
	seal(f, AFTER_ALL, BATCH);
	assert_int_equal(store_checkpoint(f->store, AFTER_ALL), 1);
	assert_int_equal(store_checkpoint(f->store, AFTER_ALL), 0);
	fixture_close(f);
}

static struct verify_report look(const struct fixture *f)
{
	struct verify_report r;

	verify_ledger(f->ledger, &no_pins, &r);
	return r;
}

static void intact(void **state)
{
	struct fixture *f = *state;
	struct verify_report r;

	ledger(f);
	r = look(f);
	assert_string_equal(r.why, "");
	assert_int_equal(r.verdict, VERIFY_INTACT);
	assert_int_equal(r.rows, ROWS);
	assert_int_equal(r.batches, ROWS / BATCH);
	assert_int_equal(r.unsigned_rows, 0);
	assert_int_equal(r.unsealed, 0);
	assert_int_equal(strlen(r.key), 64);
}

/* The n-th row's entry, as SQL. */
#define ID(n) "(SELECT entry FROM record ORDER BY entry LIMIT 1 OFFSET " #n ")"

static const struct {
	const char *what;
	const char *sql;
	int64_t batch;
	int row; /* its number; -1: not named */
	const char *says;
} tampered[] = {
	{ "a path", "UPDATE record SET path = '/other' WHERE entry = " ID(342),
	  4, 342, "was changed" },
	{ "a size", "UPDATE record SET bytes_up = 1 WHERE entry = " ID(0), 1, 0,
	  "was changed" },
	{ "the last row",
	  "UPDATE record SET skew_us = 1 WHERE entry = " ID(999), 10, 999,
	  "was changed" },
	{ "an id", "UPDATE record SET delay = delay + 1 WHERE entry = " ID(150),
	  2, 150, "was changed" },
	{ "facts", "UPDATE facts SET status = 404", 1, 0, "was changed" },
	{ "a text",
	  "UPDATE text SET text = 'evil.test' WHERE text = 'api.github.com'", 1,
	  0, "was changed" },
	{ "facts of a row",
	  "INSERT INTO facts SELECT 99, kind, 0, outcome, status, port,"
	  " generation, sandbox, client, protocol, tls, method, scheme, host,"
	  " user_agent, reason, rule, rule_where, content_type, upstream,"
	  " up_protocol, up_tls, last_day FROM facts WHERE id = 1;"
	  "INSERT INTO seen SELECT 99, second FROM seen;"
	  "UPDATE record SET facts = 99 WHERE entry = " ID(777),
	  8, 777, "was changed" },
	{ "no facts",
	  "INSERT INTO seen SELECT 77, second FROM seen;"
	  "UPDATE record SET facts = 77 WHERE entry = " ID(555),
	  6, 555, "was changed" },
	{ "a row gone", "DELETE FROM record WHERE entry = " ID(342), 4, -1,
	  "1 of the rows of batch 4 were removed" },
	{ "a batch's rows gone",
	  "DELETE FROM record WHERE entry >= " ID(200) " AND entry < " ID(300),
	  3, -1, "100 of the rows of batch 3 were removed" },
	{ "a row put in",
	  "INSERT INTO record SELECT entry + 5, facts, skew_us, client_port,"
	  " duration_us, bytes_up, bytes_down, cut, path, query, detail, 0"
	  " FROM record WHERE entry = " ID(342),
	  4, 343, "1 rows were inserted" },
	{ "a batch gone", "DELETE FROM batch WHERE seq = 5", 5, -1,
	  "batch 5 is missing" },
	{ "batches swapped",
	  "UPDATE batch SET seq = 99 WHERE seq = 4;"
	  "UPDATE batch SET seq = 4 WHERE seq = 5;"
	  "UPDATE batch SET seq = 5 WHERE seq = 99",
	  4, -1, "does not follow" },
	{ "a batch's time", "UPDATE batch SET sealed_us = 1 WHERE seq = 7", 7,
	  -1, "was rewritten" },
	{ "a hash", "UPDATE batch SET hash = zeroblob(32) WHERE seq = 7", 7, -1,
	  "was rewritten" },
	{ "the end cut off",
	  "DELETE FROM record WHERE entry >= " ID(
		  800) ";"
		       "DELETE FROM batch WHERE seq > 8",
	  9, -1, "were cut off" },
	{ "a checkpoint", "UPDATE statement SET total = 1 WHERE batch = 10", 10,
	  -1, "signature" },
	{ "no checkpoints", "DELETE FROM statement", 1, -1, "no checkpoint" },
	{ "a row hidden from filters", "DELETE FROM seen", 1, 0, "is hidden" },
	{ "a view",
	  "DROP VIEW denied; CREATE VIEW denied AS SELECT * FROM requests"
	  " WHERE host != 'evil.test'",
	  0, -1, "table or view" },
	{ "a trigger",
	  "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record"
	  " WHERE entry = new.entry; END",
	  0, -1, "table or view" },
	{ "the start cut off",
	  "DELETE FROM record WHERE entry < " ID(
		  100) ";"
		       "DELETE FROM batch WHERE seq = 1",
	  1, -1, "batch 1 is missing" },
};

static void tampering(void **state)
{
	struct fixture *f = *state;
	char copy[200], cmd[900], ask[200];

	ledger(f);
	(void)snprintf(copy, sizeof(copy), "%s.good", f->ledger);
	(void)snprintf(cmd, sizeof(cmd), "cp %s %s", f->ledger, copy);
	assert_int_equal(system(cmd), 0);
	for (size_t i = 0; i < sizeof(tampered) / sizeof(tampered[0]); i++) {
		struct verify_report r;
		int64_t id = 0;

		(void)snprintf(cmd, sizeof(cmd), "cp %s %s && rm -f %s-*", copy,
			       f->ledger, f->ledger);
		assert_int_equal(system(cmd), 0);
		sql(f, tampered[i].sql);
		r = look(f);
		if (r.verdict != VERIFY_BROKEN ||
		    r.bad_batch != tampered[i].batch ||
		    !strstr(r.why, tampered[i].says))
			fail_msg("%s: %d, batch %d, %s", tampered[i].what,
				 (int)r.verdict, (int)r.bad_batch, r.why);
		if (tampered[i].row >= 0) {
			(void)snprintf(ask, sizeof(ask),
				       "SELECT entry - delay FROM record"
				       " ORDER BY entry LIMIT 1 OFFSET %d",
				       tampered[i].row);
			id = fixture_number(f, ask);
		}
		if ((int64_t)r.bad_row != id)
			fail_msg("%s: another row: %s", tampered[i].what,
				 r.why);
	}
}

/* A key that is lost gives way to another, and who has pinned it knows. */
static void other_key(void **state)
{
	struct fixture *f = *state;
	char key[VERIFY_KEY_HEX], cmd[300];
	struct verify_pins pins = { .key = key };
	struct verify_report r;

	ledger(f);
	r = look(f);
	memcpy(key, r.key, sizeof(key));
	verify_ledger(f->ledger, &pins, &r);
	assert_string_equal(r.why, "");
	assert_int_equal(r.verdict, VERIFY_INTACT);
	(void)snprintf(cmd, sizeof(cmd), "rm %s/audit.key", f->dir);
	assert_int_equal(system(cmd), 0);
	fixture_open(f);
	put_rows(f, ROWS, ROWS + 10);
	seal(f, AFTER_ALL, BATCH);
	assert_int_equal(store_checkpoint(f->store, AFTER_ALL), 1);
	fixture_close(f);
	r = look(f);
	assert_int_equal(r.verdict, VERIFY_INTACT);
	assert_true(r.other_keys);
	verify_ledger(f->ledger, &pins, &r);
	assert_int_equal(r.verdict, VERIFY_BROKEN);
	assert_non_null(strstr(r.why, "by another key"));
	pins.key = "12";
	verify_ledger(f->ledger, &pins, &r);
	assert_int_equal(r.verdict, VERIFY_UNSURE);
}

/* What ends late is of the batch in whose time it ends. */
/* But for the seventh, some of them open. */
static void put_some(struct fixture *f, uint64_t from, uint64_t to)
{
	assert_int_equal(store_begin(f->store, 0), 0);
	for (uint64_t n = from; n < to; n++)
		if (n != 7)
			put(f, n, n % 100 == 50 ? AUDIT_OPEN : AUDIT_DONE);
	assert_int_equal(store_commit(f->store), 0);
}

static void late_rows(void **state)
{
	struct fixture *f = *state;
	struct verify_report r;

	fixture_open(f);
	put_some(f, 0, 500);
	seal(f, AFTER_ALL, BATCH);
	put_some(f, 500, ROWS);
	r = look(f);
	assert_string_equal(r.why, "");
	assert_int_equal(r.rows, 494);
	assert_int_equal(r.open, 5);
	/* One that was open ends, one comes that was not there at all. */
	assert_int_equal(store_begin(f->store, 0), 0);
	put(f, 50, AUDIT_DONE);
	put(f, 150, AUDIT_CUT);
	put(f, 7, AUDIT_DONE);
	assert_int_equal(store_commit(f->store), 0);
	r = look(f);
	assert_string_equal(r.why, "");
	assert_int_equal(r.unsealed, 495 + 3);
	seal(f, AFTER_ALL, BATCH);
	r = look(f);
	assert_string_equal(r.why, "");
	assert_int_equal(r.late, 2); /* the new one is not */
	assert_int_equal(r.rows, ROWS - 8);
	fixture_close(f);
	/* The next penstock-audit closes what is open. */
	fixture_open(f);
	assert_int_equal(store_close_open_rows(f->store), 0);
	r = look(f);
	assert_string_equal(r.why, "");
	assert_int_equal(r.unsealed, 8);
	seal(f, AFTER_ALL, BATCH);
	/* A word that comes too late changes nothing that is sealed. */
	assert_int_equal(store_begin(f->store, 0), 0);
	put(f, 250, AUDIT_DONE);
	put_as(f, 7, AUDIT_CUT, true);
	assert_int_equal(store_commit(f->store), 0);
	r = look(f);
	assert_string_equal(r.why, "");
	assert_int_equal(r.rows, ROWS);
	assert_int_equal(r.late, 10);
	sql(f, "DELETE FROM batch_late WHERE entry = (SELECT min(entry) FROM"
	       " batch_late)");
	assert_int_equal(look(f).verdict, VERIFY_BROKEN);
}

static void pruned(void **state)
{
	struct fixture *f = *state;
	struct store_limits limits = { .keep_s = 0, .bytes_max = UINT64_MAX };
	uint64_t end_us = fixture_us(fixture_id(450 * GAP_US));
	struct verify_report r;

	ledger(f);
	fixture_open(f);
	limits.ships = true;
	limits.shipped = fixture_id(150 * GAP_US);
	while (store_prune(f->store, &limits, end_us, BATCH) > 0)
		;
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 900);
	limits.ships = false;
	while (store_prune(f->store, &limits, end_us, BATCH) > 0)
		;
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 600);
	r = look(f);
	assert_string_equal(r.why, "");
	assert_int_equal(r.rows, 600);
	assert_int_equal(r.pruned_rows, 400);
	put_rows(f, ROWS, ROWS + 10);
	seal(f, AFTER_ALL, BATCH);
	fixture_close(f);
	assert_int_equal(look(f).verdict, VERIFY_INTACT);
	/* More than retention took. */
	sql(f, "DELETE FROM record WHERE entry IN (SELECT entry FROM record"
	       " ORDER BY entry LIMIT 100); DELETE FROM batch WHERE seq = 5");
	r = look(f);
	assert_int_equal(r.verdict, VERIFY_BROKEN);
	assert_int_equal(r.bad_batch, 5);
}

/* All of it pruned, the size forcing what was not shipped; then on. */
static void pruned_empty(void **state)
{
	struct fixture *f = *state;
	struct store_limits limits = { .keep_s = UINT64_MAX,
				       .ships = true,
				       .bytes_max = 1 };
	struct verify_report r;

	ledger(f);
	fixture_open(f);
	while (store_prune(f->store, &limits, AFTER_ALL, BATCH) > 0)
		;
	assert_int_equal(store_unshipped(f->store), ROWS);
	fixture_close(f);
	assert_string_equal(look(f).why, "");
	fixture_open(f);
	put_rows(f, ROWS, ROWS + 10);
	seal(f, AFTER_ALL, BATCH);
	r = look(f);
	assert_string_equal(r.why, "");
	assert_int_equal(r.batches, 1);
	assert_int_equal(r.last_batch, 11);
}

static void exported(void **state)
{
	static const char *const names[] = { "x.ndjson", "x.ndjson.gz" };
	struct fixture *f = *state;
	struct copy_filter all = { .since_us = 0 };
	struct copy_counts counts;
	struct verify_report r;
	char path[200], into[200], why[COPY_WHY_MAX] = "";

	ledger(f);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		assert_int_equal(
			copy_export(f->ledger, &all, path, &counts, why), 0);
		assert_int_equal(counts.rows, ROWS);
		copy_verify(path, &no_pins, &r);
		assert_string_equal(r.why, "");
		assert_int_equal(r.rows, ROWS);
	}
	/* A part of it: whole batches, to the checkpoint. */
	all.since_us = fixture_us(fixture_id(310 * GAP_US));
	all.until_us = fixture_us(fixture_id(520 * GAP_US));
	assert_int_equal(copy_export(f->ledger, &all, path, &counts, why), 0);
	assert_int_equal(counts.rows, 300);
	copy_verify(path, &no_pins, &r);
	assert_string_equal(r.why, "");
	assert_int_equal(r.batches, 7);
	/* Into a new ledger, twice. */
	(void)snprintf(into, sizeof(into), "%s/two.db", f->dir);
	assert_int_equal(copy_import(path, into, &counts, why), 0);
	assert_int_equal(counts.rows, 300);
	assert_int_equal(counts.left, 0);
	assert_int_equal(copy_import(path, into, &counts, why), 0);
	assert_int_equal(counts.left, 300);
	verify_ledger(into, &no_pins, &r);
	assert_string_equal(r.why, "");
	assert_int_equal(r.rows, 300);
	/* Filtered: no proof, and said. */
	all = (struct copy_filter){ .sandbox = "ci" };
	assert_int_equal(copy_export(f->ledger, &all, path, &counts, why), 0);
	assert_int_equal(counts.rows, ROWS);
	copy_verify(path, &no_pins, &r);
	assert_int_equal(r.verdict, VERIFY_UNSURE);
	assert_true(r.filtered);
}

/* sed's words on line N of an export, and what is said of it. */
static const struct {
	const char *sed;
	enum verify_verdict verdict;
	const char *says;
} spoilt[] = {
	{ "5s#/p/0\"#/p/9\"#", VERIFY_BROKEN, "rows of batch 1 were changed" },
	{ "5d", VERIFY_BROKEN, "removed" },
	{ "5p", VERIFY_BROKEN, "rows were inserted" },
	{ "5{h;d};6G", VERIFY_BROKEN, "rows of batch 1 were changed" },
	{ "5s/\"row\"/\"row\",\"new\":1/", VERIFY_UNSURE,
	  "line 5: unknown field; written by a newer version? new" },
	{ "5s/}$//", VERIFY_BROKEN, "line 5: the line is damaged" },
	{ "1s/\"version\":1/\"version\":2/", VERIFY_UNSURE, "newer version" },
	{ "1s/penstock/x/;1s/export/exp/", VERIFY_UNSURE, "not an export" },
	{ "500,$d", VERIFY_BROKEN, "line 499: the file is cut off" },
	{ "2d;3d", VERIFY_BROKEN, "no checkpoint" },
	{ "s/\"total\":300/\"total\":301/", VERIFY_BROKEN, "does not follow" },
};

static void export_spoilt(void **state)
{
	struct fixture *f = *state;
	struct copy_filter all = { .since_us = 0 };
	struct copy_counts counts;
	char path[160], bad[200], into[200], cmd[700];
	char why[COPY_WHY_MAX] = "";

	ledger(f);
	(void)snprintf(path, sizeof(path), "%s/x", f->dir);
	(void)snprintf(bad, sizeof(bad), "%s/bad", f->dir);
	(void)snprintf(into, sizeof(into), "%s/none.db", f->dir);
	assert_int_equal(copy_export(f->ledger, &all, path, &counts, why), 0);
	for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		struct verify_report r;

		(void)snprintf(cmd, sizeof(cmd), "sed '%s' %s > %s",
			       spoilt[i].sed, path, bad);
		assert_int_equal(system(cmd), 0);
		copy_verify(bad, &no_pins, &r);
		if (r.verdict != spoilt[i].verdict ||
		    !strstr(r.why, spoilt[i].says))
			fail_msg("%s: %d %s", spoilt[i].sed, (int)r.verdict,
				 r.why);
		assert_int_equal(copy_import(bad, into, &counts, why), -EIO);
		assert_int_equal(access(into, F_OK), -1);
	}
	/* A ledger that somebody writes to, and one of another instance. */
	fixture_open(f);
	assert_int_equal(copy_import(path, f->ledger, &counts, why), 0);
	assert_int_equal(counts.left, ROWS);
	sql(f, "UPDATE ledger SET value = 'other' WHERE key = 'instance'");
	assert_int_equal(copy_import(path, f->ledger, &counts, why), -EIO);
	assert_non_null(strstr(why, "the ledger of other"));
}

static void write_file(const char *path, const char *mem, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(mem, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* An export cut off anywhere, and one with any octet changed, is none. */
static void export_any_octet(void **state)
{
	struct fixture *f = *state;
	struct copy_filter all = { .since_us = 0 };
	struct copy_counts counts;
	char path[160], why[COPY_WHY_MAX] = "";
	static char mem[8192];
	struct verify_report r;
	FILE *file;
	size_t len;

	fixture_open(f);
	put_rows(f, 0, 3);
	seal(f, AFTER_ALL, 2);
	assert_int_equal(store_checkpoint(f->store, AFTER_ALL), 1);
	(void)snprintf(path, sizeof(path), "%s/x", f->dir);
	assert_int_equal(copy_export(f->ledger, &all, path, &counts, why), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(mem, 1, sizeof(mem), file);
	(void)fclose(file);
	assert_true(len > 2000 && len < sizeof(mem));
	for (size_t i = 0; i < len; i++) {
		write_file(path, mem, i);
		copy_verify(path, &no_pins, &r);
		if (r.verdict == VERIFY_INTACT)
			fail_msg("cut at %zu", i);
		mem[i] ^= 1;
		write_file(path, mem, len);
		copy_verify(path, &no_pins, &r);
		mem[i] ^= 1;
		if (r.verdict == VERIFY_INTACT)
			fail_msg("changed at %zu: %.20s", i, mem + i);
	}
	write_file(path, mem, len);
	copy_verify(path, &no_pins, &r);
	assert_string_equal(r.why, "");
	assert_int_equal(r.verdict, VERIFY_INTACT);
}

/* The encoding stands in ledgers: it may not change. */
static void golden(void **state)
{
	static const char hash[] =
		"805e7cd7bea1c17f099fc9cefb9a04c3c97bde15b0dc783443598c883cd2bf3f";
	struct chain_facts facts = { .number = { 0, 2, 1, 200, 443, 3 } };
	struct chain_row row = { .id = 4096,
				 .client_port = 40112,
				 .duration_us = 81234,
				 .bytes_down = 5321,
				 .path = SLICE("/p"),
				 .query = SLICE("a=b") };
	struct chain_batch b = { .seq = 1,
				 .first = 1,
				 .last = 9999,
				 .rows = 1,
				 .total = 1,
				 .sealed_us = 1700000000000000 };
	uint8_t of_facts[CHAIN_HASH], mark[CHAIN_MARK];
	const uint8_t none[CHAIN_HASH] = { 0 };
	char text[HEX_TEXT(CHAIN_HASH)];
	struct chain *c;

	(void)state;
	facts.text[0] = SLICE("ci");
	facts.text[6] = SLICE("api.github.com");
	assert_int_equal(chain_new(&c), 0);
	chain_facts(c, &facts, of_facts);
	chain_rows_begin(c);
	chain_row(c, &row, of_facts, mark);
	chain_rows_end(c, b.content);
	chain_batch_hash(c, &b, none, b.hash);
	hex_print(b.hash, CHAIN_HASH, text);
	assert_string_equal(text, hash);
	chain_free(&c);
}

int main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(intact),	     T(tampering),
		T(other_key),	     T(late_rows),
		T(pruned),	     T(pruned_empty),
		T(exported),	     T(export_spoilt),
		T(export_any_octet), cmocka_unit_test(golden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
