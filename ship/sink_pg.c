/* ship/sink_pg.c - rows into a table of PostgreSQL, with libpq.
 *
 * A load is one statement with one parameter, the rows as a JSON array, so it
 * is in the table as a whole or not at all, and a row that is there already is
 * left alone. The calls of libpq that wait for the server without an end are
 * not used: each wait is a poll() with what is left of the time.
 *
 * conninfo is the operator's; what it leaves open is chosen to be safe: the
 * server's certificate is verified (sslmode=verify-full) against the system's
 * store. sslmode of conninfo wins.
 */

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/outbox.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"
#include "ship/secret.h"
#include "ship/sink.h"

#define PG_TRUST     "/etc/ssl/certs/ca-certificates.crt"
#define PG_SQL_MAX   2048
#define PG_WORDS_MAX 8

struct sink_pg {
	struct sink base;
	PGconn *conn;		   /* owned; NULL: none yet */
	PQconninfoOption *options; /* owned; what conninfo says */
	const char *conninfo;	   /* borrowed */
	const char *ca;
	char password[SECRET_MAX + 1];
	const char *secrets[2];
	char sql[PG_SQL_MAX];
	char *json; /* owned */
	size_t json_cap;
};

static struct sink_pg *pg_of(struct sink *s)
{
	return CONTAINER_OF(s, struct sink_pg, base);
}

static void pg_close(struct sink_pg *p)
{
	if (p->conn)
		PQfinish(p->conn);
	p->conn = NULL;
}

static void pg_free(struct sink_pg *p)
{
	pg_close(p);
	PQconninfoFree(p->options);
	explicit_bzero(p->password, sizeof(p->password));
	free(p->json);
	free(p);
}

/* What conninfo says of a key, or NULL. */
static const char *pg_option(const struct sink_pg *p, const char *key)
{
	for (const PQconninfoOption *o = p->options; o->keyword; o++)
		if (!strcmp(o->keyword, key))
			return o->val;
	return NULL;
}

static const char *pg_trust(const struct sink_pg *p)
{
	const char *said = pg_option(p, "sslrootcert");

	return said ? said : p->ca ? p->ca : PG_TRUST;
}

static void pg_files(const struct sink *s, const char *ret[SINK_FILES_MAX])
{
	static const char *const keys[] = { "sslcert", "sslkey", "sslcrl" };
	const struct sink_pg *p = CONTAINER_OF(s, const struct sink_pg, base);
	size_t n = 0;

	ret[n++] = pg_trust(p);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (pg_option(p, keys[i]))
			ret[n++] = pg_option(p, keys[i]);
	ret[n] = NULL;
}

static void pg_fail(struct sink_pg *p, enum sink_answer answer,
		    const char *what, struct sink_result *ret)
{
	ret->answer = answer;
	secret_phrase(what, p->secrets, ret->phrase, sizeof(ret->phrase));
}

/* Until the socket can do one of events; false when the time is over. */
static bool pg_wait(const struct sink_pg *p, short events, uint64_t until_ms)
{
	struct pollfd fd = { .fd = PQsocket(p->conn), .events = events };
	uint64_t now = clock_ms(CLOCK_MONOTONIC);

	while (now < until_ms) {
		int n = poll(&fd, 1, (int)(until_ms - now));

		if (n > 0 || (n < 0 && errno != EINTR))
			return n > 0;
		now = clock_ms(CLOCK_MONOTONIC);
	}
	return false;
}

/* A server says so before a session has begun, and libpq has no code of it. */
static enum sink_answer pg_judge_start(const char *message)
{
	static const char *const never[] = {
		"authentication failed", "no pg_hba.conf entry",
		"does not exist",	 "no password supplied",
		"certificate",		 "permission denied",
		"does not support SSL",	 "invalid connection option",
	};

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (strstr(message, never[i]))
			return SINK_NEVER;
	return SINK_LATER;
}

static PGconn *pg_start(const struct sink_pg *p)
{
	/* What comes later counts; conninfo stands behind our defaults. */
	const char *keys[PG_WORDS_MAX + 1], *values[PG_WORDS_MAX + 1];
	size_t n = 0;

#define PG_SAY(key, value) (keys[n] = (key), values[n++] = (value))
	PG_SAY("sslmode", "verify-full");
	PG_SAY("gssencmode", "disable");
	PG_SAY("sslrootcert", pg_trust(p));
	PG_SAY("dbname", p->conninfo);
	PG_SAY("application_name", "penstock-ship");
	PG_SAY("client_encoding", "UTF8");
	if (p->password[0])
		PG_SAY("password", p->password);
#undef PG_SAY
	assert(n <= PG_WORDS_MAX);
	keys[n] = values[n] = NULL;
	return PQconnectStartParams(keys, values, 1);
}

/* Returns whether there is a connection; if not, ret says why. */
static bool pg_connect(struct sink_pg *p, struct sink_result *ret)
{
	uint64_t until_ms = clock_ms(CLOCK_MONOTONIC) + SINK_CONNECT_MS;
	PostgresPollingStatusType step = PGRES_POLLING_WRITING;
	bool in_time = true;

	if (p->conn && PQstatus(p->conn) == CONNECTION_OK)
		return true;
	pg_close(p);
	p->conn = pg_start(p);
	if (!p->conn) {
		pg_fail(p, SINK_LATER, "no memory", ret);
		return false;
	}
	if (PQstatus(p->conn) == CONNECTION_BAD)
		step = PGRES_POLLING_FAILED;
	while (in_time && (step == PGRES_POLLING_READING ||
			   step == PGRES_POLLING_WRITING)) {
		in_time = pg_wait(
			p, step == PGRES_POLLING_READING ? POLLIN : POLLOUT,
			until_ms);
		if (in_time)
			step = PQconnectPoll(p->conn);
	}
	if (step == PGRES_POLLING_OK && !PQsetnonblocking(p->conn, 1))
		return true;
	if (in_time)
		pg_fail(p, pg_judge_start(PQerrorMessage(p->conn)),
			PQerrorMessage(p->conn), ret);
	else
		pg_fail(p, SINK_LATER, "no connection within 10 s", ret);
	pg_close(p);
	return false;
}

/* Send what stands in libpq's buffer, then wait for the answer. */
static bool pg_exchange(struct sink_pg *p, uint64_t until_ms)
{
	int left;

	while ((left = PQflush(p->conn)) > 0)
		if (!pg_wait(p, POLLIN | POLLOUT, until_ms) ||
		    !PQconsumeInput(p->conn))
			return false;
	while (left == 0 && PQisBusy(p->conn))
		if (!pg_wait(p, POLLIN, until_ms) || !PQconsumeInput(p->conn))
			return false;
	return left == 0;
}

/* SQLSTATE, by its class: what somebody has to mend, and what passes. */
static enum sink_answer pg_judge(const char *state)
{
	static const char *const never[] = {
		"0A", "22", "23", "25", "28", "3D", "3F", "42",
	};

	if (!state)
		return SINK_LATER;
	if (!strncmp(state, "54", 2))
		return SINK_SMALLER;
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (!strncmp(state, never[i], 2))
			return SINK_NEVER;
	return SINK_LATER;
}

static void pg_take(struct sink_pg *p, struct sink_result *ret)
{
	PGresult *r = PQgetResult(p->conn);

	if (r && PQresultStatus(r) == PGRES_COMMAND_OK)
		ret->answer = SINK_TAKEN;
	else if (r)
		pg_fail(p, pg_judge(PQresultErrorField(r, PG_DIAG_SQLSTATE)),
			PQresultErrorMessage(r), ret);
	else
		pg_fail(p, SINK_LATER, PQerrorMessage(p->conn), ret);
	PQclear(r);
	/* Anything but the end here means that the session is confused. */
	r = PQgetResult(p->conn);
	if (r) {
		PQclear(r);
		pg_close(p);
	}
}

/* "[ROW,ROW]" of "ROW\nROW\n". */
static bool pg_json(struct sink_pg *p, struct slice text)
{
	char *mem = p->json;

	assert(text.len && text.ptr[text.len - 1] == '\n');
	if (text.len + 1 > p->json_cap) {
		mem = realloc(p->json, text.len + 1);
		if (!mem)
			return false;
		p->json = mem;
		p->json_cap = text.len + 1;
	}
	mem[0] = '[';
	memcpy(mem + 1, text.ptr, text.len);
	for (char *c = mem;
	     (c = memchr(c, '\n', text.len + 1 - (size_t)(c - mem)));)
		*c = ',';
	mem[text.len] = ']';
	return true;
}

static void pg_send(struct sink *s, const struct sink_load *load,
		    struct sink_result *ret)
{
	struct sink_pg *p = pg_of(s);
	const char *value;
	int len = (int)load->text.len + 1;
	const Oid type = 114; /* json */
	const int binary = 1; /* its octets are its text */

	if (!pg_connect(p, ret))
		return;
	if (!pg_json(p, load->text)) {
		pg_fail(p, SINK_LATER, "no memory", ret);
		return;
	}
	value = p->json;
	if (PQsendQueryParams(p->conn, p->sql, 1, &type, &value, &len, &binary,
			      0) &&
	    pg_exchange(p, clock_ms(CLOCK_MONOTONIC) + SINK_SEND_MS)) {
		pg_take(p, ret);
		return;
	}
	value = PQerrorMessage(p->conn);
	pg_fail(p, SINK_LATER, *value ? value : "no answer within 60 s", ret);
	pg_close(p);
}

static int pg_setup(struct sink_pg *p, const struct config_ship *ship,
		    const char **ret_what)
{
	static char said[120]; /* of conninfo; a process has one sink */
	const char *columns = outbox_columns(OUTBOX_TIMED);
	char *message = NULL;
	int n = snprintf(p->sql, sizeof(p->sql),
			 "INSERT INTO %s (%s) SELECT %s FROM"
			 " json_populate_recordset(NULL::%s, $1)"
			 " ON CONFLICT (instance, id) DO NOTHING",
			 ship->table, columns, columns, ship->table);

	p->conninfo = ship->conninfo;
	p->ca = ship->ca;
	p->secrets[0] = p->password;
	p->options = PQconninfoParse(ship->conninfo, &message);
	secret_phrase(message ? message : "no memory", p->secrets, said,
		      sizeof(said));
	PQfreemem(message);
	*ret_what = said;
	if (!p->options)
		return ERR_SYNTAX;
	*ret_what = "table";
	if (n < 0 || (size_t)n >= sizeof(p->sql))
		return ERR_LIMIT;
	*ret_what = ship->password_file;
	return secret_read(ship->password_file, p->password);
}

int sink_pg_open(const struct config_ship *ship, struct sink **ret,
		 const char **ret_what)
{
	static const struct sink_ops ops = { pg_files, pg_send };
	struct sink_pg *p = calloc(1, sizeof(*p));
	int err;

	*ret_what = "memory";
	if (!p)
		return -ENOMEM;
	p->base.ops = &ops;
	err = pg_setup(p, ship, ret_what);
	if (err) {
		pg_free(p);
		return err;
	}
	*ret = &p->base;
	return 0;
}
