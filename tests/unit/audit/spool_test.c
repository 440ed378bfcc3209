/* Spool to ledger: full, wrap, kill anywhere, garbage. */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "audit/spool_read.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/log.h"

/* Killings; a process with a sanitizer takes long to fork. */
#ifdef PENSTOCK_SANITIZE
#define WORKERS_KILLED 50
#define AUDITS_KILLED  20
#else
#define WORKERS_KILLED 300
#define AUDITS_KILLED  60
#endif

/* How many files in the spool directory end so. */
static int files(struct fixture *f, const char *end)
{
	char cmd[200];
	FILE *p;
	int n = -1;

	(void)snprintf(cmd, sizeof(cmd), "ls %s | grep -c '%s$'", f->spools,
		       end);
	p = popen(cmd, "r");
	assert_non_null(p);
	assert_int_equal(fscanf(p, "%d", &n), 1);
	(void)pclose(p);
	return n;
}

static void one_row(void **state)
{
	struct fixture *f = *state;
	struct audit_begin begin = fixture_begin(fixture_id(5));
	struct audit_end end = fixture_end();
	struct spool *s;
	char text[1024];

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	assert_int_equal(spool_write(s, &begin, &end), 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"), 1);
	assert_string_equal(
		fixture_text(
			f,
			"SELECT json_array(time, instance, sandbox, client,"
			" client_port, kind, verdict, outcome, status,"
			" method, scheme, host, port, path, query)"
			" FROM requests",
			text),
		"[\"2026-03-11T00:00:00.000Z\",\"test\",\"ci\",\"10.7.0.9\","
		"40112,\"request\",\"allow\",\"done\",200,\"GET\",\"https\","
		"\"api.github.com\",443,\"/repos/acme/site/pulls\","
		"\"state=open&page=2\"]");
	assert_string_equal(
		fixture_text(f,
			     "SELECT json_array(reason, rule, rule_where,"
			     " generation, detail, duration_us, bytes_up,"
			     " bytes_down, content_type, user_agent, protocol,"
			     " tls, upstream, up_protocol, up_tls, cut)"
			     " FROM requests",
			     text),
		"[null,\"GET https://api.github.com/repos/acme/**\","
		"\"penstock.yaml:12\",3,null,81234,0,5321,"
		"\"application/json\",\"git/2.39.5\",\"h2\",\"TLSv1.3\","
		"\"140.82.121.6:443\",\"h2\",\"TLSv1.3\",0]");
	spool_close(&s);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(files(f, ".spool"), 0);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"), 1);
}

/* How many one gets of free slots: see spool_has_share(). */
static uint32_t share_of(uint32_t free)
{
	uint32_t held = 0;

	while (held < 4 * free) {
		held++;
		free--;
	}
	return held;
}

/* Who holds its share waits until audit has taken it; another one does not. */
static void shares(void **state)
{
	struct fixture *f = *state;
	struct audit_begin begin = fixture_begin(fixture_id(0));
	struct audit_end end = fixture_end();
	uint32_t n = 0, slot;
	struct spool *s;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	begin.owner = AUDIT_OWNERS - 1;
	while (spool_write(s, &begin, &end) == 0)
		begin.id = fixture_id(++n);
	assert_int_equal(n, share_of(SPOOL_SLOTS));
	begin.owner = 0;
	begin.id = fixture_id(++n);
	assert_int_equal(spool_begin(s, &begin, &slot), 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	begin.owner = AUDIT_OWNERS - 1;
	for (uint32_t i = 0; i < 2 * SPOOL_SLOTS; i++) {
		begin.id = fixture_id(++n);
		assert_int_equal(spool_write(s, &begin, &end), 0);
		if (i % 1000 == 0)
			fixture_drain(f, clock_us(CLOCK_REALTIME));
	}
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	spool_end(s, slot, &end);
	spool_close(&s);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), n);
}

static void full_then_free(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	static uint32_t slots[SPOOL_SLOTS];
	uint32_t waiting, open, slot, taken = share_of(SPOOL_SLOTS);
	uint16_t owner = 0;
	struct audit_begin begin;
	struct spool *s;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (uint32_t i = 0; i < SPOOL_SLOTS; i++) {
		begin = fixture_begin(fixture_id(i));
		begin.owner = owner;
		if (spool_begin(s, &begin, &slots[i]) == 0)
			continue;
		/* One takes four fifths, the next one as much of the rest. */
		assert_int_equal(i, taken);
		taken += share_of(SPOOL_SLOTS - taken);
		begin.owner = ++owner;
		assert_int_equal(spool_begin(s, &begin, &slots[i]), 0);
	}
	assert_int_equal(taken, SPOOL_SLOTS);
	slot = 4711;
	assert_int_equal(spool_begin(s, &begin, &slot), -ENOSPC);
	assert_int_equal(slot, 4711);
	spool_load(s, &waiting, &open);
	assert_int_equal(waiting, 0);
	assert_int_equal(open, SPOOL_SLOTS);
	for (uint32_t i = 0; i < SPOOL_SLOTS; i += 2)
		spool_end(s, slots[i], &end);
	assert_int_equal(spool_begin(s, &begin, &slot), -ENOSPC);
	spool_load(s, &waiting, &open);
	assert_int_equal(waiting, SPOOL_SLOTS / 2);
	assert_int_equal(open, SPOOL_SLOTS / 2);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	begin = fixture_begin(fixture_id(SPOOL_SLOTS));
	assert_int_equal(spool_begin(s, &begin, &slot), 0);
	spool_load(s, &waiting, &open);
	assert_int_equal(waiting, 0);
	assert_int_equal(open, SPOOL_SLOTS / 2 + 1);
	spool_close(&s);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"),
			 SPOOL_SLOTS + 1);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"
					   " WHERE outcome = 'interrupted'"),
			 SPOOL_SLOTS / 2 + 1);
}

/* The ring goes round many times; few slots are ever touched. */
static void wraps(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	struct spool *s;
	struct stat st;
	char path[160];
	int n = 0;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 7, &s), 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 50; i++) {
			struct audit_begin begin =
				fixture_begin(fixture_id((uint64_t)n++));

			assert_int_equal(spool_write(s, &begin, &end), 0);
		}
		assert_int_equal(drain_pass(f->drain, 1), 50);
	}
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), n);
	(void)snprintf(path, sizeof(path), "%s/7-%d.spool", f->spools,
		       (int)getpid());
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_blocks * 512 < 1 << 20);
	spool_close(&s);
}

/* The same batch again, as after a kill between commit and consumption. */
static void drained_twice(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	struct spool_reader *r;
	struct record *record = malloc(sizeof(*record));
	struct spool *s;
	char name[64];

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (uint64_t i = 0; i < 100; i++) {
		struct audit_begin begin = fixture_begin(fixture_id(i));

		assert_int_equal(spool_write(s, &begin, &end), 0);
	}
	/* Take and commit to the ledger, but never tell the spool. */
	(void)snprintf(name, sizeof(name), "1-%d.spool", (int)getpid());
	for (int round = 0; round < 2; round++) {
		int dir = open(f->spools, O_RDONLY | O_DIRECTORY);

		assert_int_equal(spool_reader_open(dir, name, &r), 0);
		assert_int_equal(store_begin(f->store, 0), 0);
		for (int i = 0; i < 100; i++) {
			assert_int_equal(spool_reader_take(r, record), 1);
			assert_int_equal(store_put(f->store, record, true), 0);
		}
		assert_int_equal(spool_reader_take(r, record), 0);
		assert_int_equal(store_commit(f->store), 0);
		assert_int_equal(store_rows(f->store), 100);
		spool_reader_free(&r);
		(void)close(dir);
	}
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 100);
	assert_int_equal(store_rows(f->store), 100);
	spool_close(&s);
	free(record);
}

/* A stream is seen while it runs, and its row is completed. */
static void open_row(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	uint64_t now = clock_us(CLOCK_REALTIME);
	struct audit_begin begin =
		fixture_begin(((now - 3000000 - EPOCH_US) << 12) | 1);
	struct spool *s;
	uint32_t slot;
	char text[1024];

	begin.wall_us = now - 3000000;
	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	assert_int_equal(spool_begin(s, &begin, &slot), 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_string_equal(
		fixture_text(f, "SELECT outcome FROM requests", text), "open");
	/* A new audit: the row has a writer after all. */
	assert_int_equal(store_close_open_rows(f->store), 0);
	assert_string_equal(fixture_text(f,
					 "SELECT outcome || ' ' || host FROM"
					 " requests",
					 text),
			    "interrupted api.github.com");
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM troubled"), 1);
	spool_end(s, slot, &end);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_string_equal(fixture_text(f,
					 "SELECT outcome || duration_us FROM"
					 " requests",
					 text),
			    "done81234");
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 1);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM"
					   " requests_by_facts"),
			 1);
	spool_close(&s);
}

static void interrupted(void **state)
{
	struct fixture *f = *state;
	struct audit_begin begin = fixture_begin(fixture_id(1));
	struct spool *s;
	uint32_t slot;
	char text[1024];

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	assert_int_equal(spool_begin(s, &begin, &slot), 0);
	spool_close(&s);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_string_equal(fixture_text(f,
					 "SELECT outcome || ' ' || verdict ||"
					 " ' ' || path FROM requests",
					 text),
			    "interrupted allow /repos/acme/site/pulls");
}

/* A worker for the kill test: begins and ends records, and says so on a pipe
 * before and after, so that the parent knows what must be there.
 */
struct note {
	uint64_t id;
	uint32_t done;
	uint32_t pad;
};

#define WORKER_IDS 1000000000ull

static void worker(const char *dir, uint16_t writer, int pipe_fd)
{
	struct audit_end end = fixture_end();
	uint64_t n = (uint64_t)writer * WORKER_IDS;
	struct spool *s;
	struct {
		uint32_t slot;
		uint64_t id;
	} held[8];
	size_t held_len = 0;

	if (spool_open(dir, writer, &s))
		_exit(1);
	for (;;) {
		struct note note = { .id = fixture_id(n++) };
		struct audit_begin begin = fixture_begin(note.id);
		uint32_t slot;

		if (spool_begin(s, &begin, &slot))
			continue;
		if (write(pipe_fd, &note, sizeof(note)) != sizeof(note))
			_exit(0);
		held[held_len].slot = slot;
		held[held_len++].id = note.id;
		if (held_len < ARRAY_SIZE(held))
			continue;
		for (size_t i = 0; i < held_len; i += 2) {
			note.id = held[i].id;
			note.done = 1;
			spool_end(s, held[i].slot, &end);
			if (write(pipe_fd, &note, sizeof(note)) != sizeof(note))
				_exit(0);
		}
		for (size_t i = 1; i < held_len; i += 2)
			held[i / 2] = held[i];
		held_len /= 2;
	}
}

/* Every id that was noted is there once, finished if that was noted. */
static void check_note(sqlite3_stmt *stmt, const struct note *note)
{
	const char *outcome;

	(void)sqlite3_bind_int64(stmt, 1, (int64_t)note->id);
	if (sqlite3_step(stmt) != SQLITE_ROW)
		fail_msg("lost %llu", (unsigned long long)note->id);
	outcome = (const char *)sqlite3_column_text(stmt, 0);
	if (note->done)
		assert_string_equal(outcome, "done");
	else if (strcmp(outcome, "done"))
		assert_string_equal(outcome, "interrupted");
	(void)sqlite3_reset(stmt);
}

static void check_notes(struct fixture *f, uint64_t writer, int fd)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	struct note note;
	char sql[300];

	assert_int_equal(
		sqlite3_open_v2(f->ledger, &db, SQLITE_OPEN_READONLY, NULL),
		SQLITE_OK);
	/* Each id is there once, or this fails. */
	(void)snprintf(
		sql, sizeof(sql),
		"CREATE TEMP TABLE known("
		" id INTEGER PRIMARY KEY, outcome TEXT);"
		"INSERT INTO known SELECT id, outcome FROM requests"
		" WHERE id BETWEEN %llu AND %llu",
		(unsigned long long)fixture_id(writer * WORKER_IDS),
		(unsigned long long)fixture_id((writer + 1) * WORKER_IDS));
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT outcome FROM known"
					    " WHERE id = ?",
					    -1, &stmt, NULL),
			 SQLITE_OK);
	while (read(fd, &note, sizeof(note)) == sizeof(note))
		check_note(stmt, &note);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
}

/* Workers killed at any moment, hundreds of times, while audit drains. */
static void killed_worker(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	for (uint16_t round = 0; round < WORKERS_KILLED; round++) {
		int p[2], status;
		pid_t pid;

		assert_int_equal(pipe(p), 0);
		(void)fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
		pid = fork();
		if (!pid)
			worker(f->spools, round, p[1]);
		(void)close(p[1]);
		(void)usleep((useconds_t)(round * 7919u % 1500));
		if (round % 3 == 0)
			fixture_drain(f, clock_us(CLOCK_REALTIME));
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		fixture_drain(f, clock_us(CLOCK_REALTIME));
		check_notes(f, round, p[0]);
		(void)close(p[0]);
	}
	assert_int_equal(files(f, ".spool"), 0);
	assert_int_equal(files(f, ".bad"), 0);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests WHERE"
					   " outcome NOT IN ('done',"
					   " 'interrupted')"),
			 0);
	assert_true(fixture_number(f, "SELECT count(*) FROM requests"
				      " WHERE outcome = 'interrupted'") > 0);
}

/* Audit killed at any moment, again and again, while a worker writes. */
static void auditor(const struct fixture *f)
{
	struct fixture mine = *f;

	mine.store = NULL;
	mine.drain = NULL;
	if (store_open(mine.ledger, "test", &mine.store) ||
	    drain_open(mine.spools, mine.store, &mine.drain))
		_exit(1);
	for (;;) {
		(void)drain_scan(mine.drain);
		(void)drain_pass(mine.drain, clock_us(CLOCK_REALTIME));
	}
}

static void killed_audit(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	struct spool *s;
	uint64_t n = 0;

	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (int round = 0; round < AUDITS_KILLED; round++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			auditor(f);
		for (int i = 0; i < 40; i++) {
			struct audit_begin begin = fixture_begin(fixture_id(n));

			n += !spool_write(s, &begin, &end);
			(void)usleep((useconds_t)(round * 31 % 400));
		}
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	}
	fixture_open(f);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), n);
	assert_int_equal(fixture_number(f, "PRAGMA integrity_check"), 0);
	spool_close(&s);
}

/* Write a file of garbage of some length into the spool directory. */
static void put_file(struct fixture *f, const char *name, const void *p,
		     size_t len, off_t size)
{
	char path[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", f->spools, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), len);
	assert_int_equal(ftruncate(fd, size), 0);
	(void)close(fd);
}

static void garbage(void **state)
{
	struct fixture *f = *state;
	struct spool_head head = { .version = SPOOL_VERSION,
				   .slots = SPOOL_SLOTS,
				   .slot_size = RECORD_SIZE };
	char noise[8192];

	memcpy(head.magic, SPOOL_MAGIC, 8);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 2654435761u >> 13);
	fixture_open(f);
	assert_int_equal(drain_guard(), 0);
	put_file(f, "1-1.spool", noise, 0, 0);
	put_file(f, "1-2.spool", noise, sizeof(noise), sizeof(noise));
	put_file(f, "1-3.spool", noise, sizeof(noise),
		 sizeof(struct spool_file));
	put_file(f, "1-4.spool", &head, sizeof(head), sizeof(noise));
	head.produced = 9000;
	put_file(f, "1-5.spool", &head, sizeof(head),
		 sizeof(struct spool_file));
	head.produced = 0;
	head.touched = SPOOL_SLOTS + 1;
	put_file(f, "1-6.spool", &head, sizeof(head),
		 sizeof(struct spool_file));
	head.touched = 0;
	head.version++;
	put_file(f, "1-7.spool", &head, sizeof(head),
		 sizeof(struct spool_file));
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(drain_counts(f->drain).bad_spools, 7);
	assert_int_equal(files(f, ".bad"), 7);
	assert_int_equal(files(f, ".spool"), 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(drain_counts(f->drain).bad_spools, 7);
}

/* Good records in a damaged spool are entered; the file is kept. */
static void damaged(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	struct spool_file *file;
	struct spool *s;
	char path[160];
	int fd;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (uint64_t i = 0; i < 10; i++) {
		struct audit_begin begin = fixture_begin(fixture_id(i));

		assert_int_equal(spool_write(s, &begin, &end), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/1-%d.spool", f->spools,
		       (int)getpid());
	fd = open(path, O_RDWR);
	file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	assert_ptr_not_equal(file, MAP_FAILED);
	file->slot[1].state = 77;
	file->slot[2].kind = 99;
	file->slot[3].text[RECORD_PATH].off = 65535;
	file->slot[4].text[RECORD_HOST].len = 3000;
	file->slot[5].area[3] = '\n';
	file->slot[6].id = 0;
	file->slot[7].outcome = AUDIT_OPEN;
	(void)munmap(file, sizeof(*file));
	(void)close(fd);
	spool_close(&s);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 3);
	assert_int_equal(drain_counts(f->drain).bad_records, 7);
	assert_int_equal(files(f, ".bad"), 1);
}

/* A living writer gone mad: its ring points outside. */
static void mad_writer(void **state)
{
	struct fixture *f = *state;
	struct audit_begin begin = fixture_begin(fixture_id(1));
	struct audit_end end = fixture_end();
	struct spool_file *file;
	struct spool *s;
	char path[160];
	int fd;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(spool_write(s, &begin, &end), 0);
	(void)snprintf(path, sizeof(path), "%s/1-%d.spool", f->spools,
		       (int)getpid());
	fd = open(path, O_RDWR);
	file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	assert_ptr_not_equal(file, MAP_FAILED);
	file->ring[1] = 123456;
	file->head.produced = 2;
	assert_null(spool_fault(s));
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 1);
	/* It is told to end; what it writes until then is not lost. */
	assert_int_equal(files(f, ".bad"), 0);
	assert_non_null(spool_fault(s));
	begin = fixture_begin(fixture_id(2));
	assert_int_equal(spool_write(s, &begin, &end), 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 1);
	(void)munmap(file, sizeof(*file));
	(void)close(fd);
	spool_close(&s);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 2);
	assert_int_equal(files(f, ".bad"), 1);
	assert_int_equal(files(f, ".spool"), 0);
}

/* Somebody cuts the file while both have it mapped. */
static void cut_short(void **state)
{
	struct fixture *f = *state;
	struct audit_end end = fixture_end();
	struct spool *s;
	char path[160];

	fixture_open(f);
	assert_int_equal(drain_guard(), 0);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	for (uint64_t i = 0; i < 20; i++) {
		struct audit_begin begin = fixture_begin(fixture_id(i));

		assert_int_equal(spool_write(s, &begin, &end), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/1-%d.spool", f->spools,
		       (int)getpid());
	assert_int_equal(truncate(path, offsetof(struct spool_file, slot) +
						10 * RECORD_SIZE),
			 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_non_null(spool_fault(s));
	assert_int_equal(truncate(path, 0), 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	spool_close(&s);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 10);
	assert_int_equal(files(f, ".bad"), 1);
	assert_int_equal(files(f, ".spool"), 0);
}

/* The clock is set back by an hour, again and again: no id comes twice, and the
 * times are those that the clock said.
 */
static void clock_set_back(void **state)
{
	struct fixture *f = *state;
	struct audit_begin begin = fixture_begin(1);
	struct audit_end end = fixture_end();
	struct id_source ids = { .writer = 1 };
	uint64_t wall_us = clock_us(CLOCK_REALTIME);
	struct spool *s;
	uint32_t slot;

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	for (int i = 0; i < 20; i++, wall_us -= 3600000000) {
		begin.id = id_next(&ids, wall_us);
		begin.wall_us = wall_us;
		assert_int_equal(spool_write(s, &begin, &end), 0);
		fixture_drain(f, wall_us);
	}
	wall_us += 3600000000;
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"),
			 20);
	assert_int_equal(fixture_number(f, "SELECT min(time_us) FROM requests"),
			 (int64_t)wall_us);
	assert_int_equal(fixture_number(f, "SELECT max(time_us) -"
					   " min(time_us) FROM requests"),
			 19 * 3600000000);
	/* One that is open since "tomorrow" is not open for long. */
	begin.id = id_next(&ids, wall_us);
	begin.wall_us = wall_us + 86400000000;
	assert_int_equal(spool_begin(s, &begin, &slot), 0);
	assert_int_equal(drain_all(f->drain, wall_us), 0);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"),
			 20);
	spool_end(s, slot, &end);
	assert_int_equal(drain_all(f->drain, wall_us), 0);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM requests"
					   " WHERE outcome = 'done'"),
			 21);
	spool_close(&s);
}

/* Deleted while it is in use: its writer must notice. */
static void deleted(void **state)
{
	struct fixture *f = *state;
	struct audit_begin begin = fixture_begin(fixture_id(1));
	struct audit_end end = fixture_end();
	struct spool *s;
	char path[160];

	fixture_open(f);
	assert_int_equal(spool_open(f->spools, 1, &s), 0);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	(void)snprintf(path, sizeof(path), "%s/1-%d.spool", f->spools,
		       (int)getpid());
	assert_int_equal(unlink(path), 0);
	assert_int_equal(spool_write(s, &begin, &end), 0);
	assert_non_null(spool_fault(s));
	spool_close(&s);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 1);
}

/* In a container everybody has the same pid: a dead writer's spool stays. */
static void same_pid(void **state)
{
	struct fixture *f = *state;
	struct audit_begin begin = fixture_begin(fixture_id(1));
	struct audit_end end = fixture_end();
	struct spool *s;

	for (uint64_t i = 0; i < 3; i++) {
		begin = fixture_begin(fixture_id(i));
		assert_int_equal(spool_open(f->spools, 1, &s), 0);
		assert_int_equal(spool_write(s, &begin, &end), 0);
		spool_close(&s);
	}
	assert_int_equal(files(f, ".spool"), 3);
	fixture_open(f);
	fixture_drain(f, clock_us(CLOCK_REALTIME));
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM record"), 3);
	assert_int_equal(files(f, ".spool"), 0);
}

static void no_directory(void **state)
{
	struct fixture *f = *state;
	struct spool *s = (struct spool *)(void *)f;

	assert_int_equal(spool_open("/nonexistent", 1, &s), -ENOENT);
	assert_ptr_equal(s, f);
}

int main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(one_row),	   T(full_then_free), T(wraps),
		T(drained_twice),  T(open_row),	      T(interrupted),
		T(killed_worker),  T(killed_audit),   T(garbage),
		T(damaged),	   T(mad_writer),     T(same_pid),
		T(shares),	   T(cut_short),      T(deleted),
		T(clock_set_back), T(no_directory),
	};

	log_init("test", LOG_LEVEL_ERROR, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
