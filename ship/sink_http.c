/* ship/sink_http.c - rows by HTTP POST, with libcurl: to ClickHouse (INSERT …
 * FORMAT JSONEachRow), or as NDJSON to whoever takes it.
 *
 * A 2xx is a promise that the whole load is kept; anything else, and a
 * connection that ends before it, says nothing about any row, so the load is
 * sent again. Idempotency-Key is the same then. No redirect is followed: rows
 * go where the operator said. Certificates are verified, always.
 */

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/outbox.h"
#include "base/base.h"
#include "base/err.h"
#include "ship/pack.h"
#include "ship/secret.h"
#include "ship/sink.h"

#define HTTP_ANSWER_MAX	 1024 /* octets of an answer worth reading */
#define HTTP_FIELDS_MAX	 16   /* further fields of a headers_file */
#define HTTP_URL_MAX	 4096
#define HTTP_SLOW_S	 30	/* without an octet for so long: given up */
#define HTTP_WAIT_MAX_MS 300000 /* of Retry-After */

struct sink_http {
	struct sink base;
	bool clickhouse;
	bool plain;
	const char *ca; /* borrowed; or NULL */
	CURL *curl;
	struct curl_slist *fields; /* owned; what every request has */
	struct pack pack;
	char secret[SECRET_MAX + 1]; /* the file's text, cut into lines */
	const char *secrets[HTTP_FIELDS_MAX + 1];
	size_t secrets_len;
	char url[HTTP_URL_MAX];
	char answer[HTTP_ANSWER_MAX + 1];
	size_t answer_len;
	char error[CURL_ERROR_SIZE];
};

static struct sink_http *http_of(struct sink *s)
{
	return CONTAINER_OF(s, struct sink_http, base);
}

static void http_free(struct sink_http *h)
{
	curl_slist_free_all(h->fields);
	if (h->curl)
		curl_easy_cleanup(h->curl);
	pack_done(&h->pack);
	explicit_bzero(h->secret, sizeof(h->secret));
	free(h);
}

static void http_files(const struct sink *s, const char *ret[SINK_FILES_MAX])
{
	const struct sink_http *h =
		CONTAINER_OF(s, const struct sink_http, base);

	ret[0] = h->ca;
	ret[1] = NULL;
}

static int http_field(struct sink_http *h, const char *line)
{
	struct curl_slist *fields = curl_slist_append(h->fields, line);

	if (!fields)
		return -ENOMEM;
	h->fields = fields;
	return 0;
}

static int http_field_of(struct sink_http *h, const char *name,
			 const char *value)
{
	char line[SECRET_MAX + 64];
	int n = snprintf(line, sizeof(line), "%s: %s", name, value);
	int err = n < 0 || (size_t)n >= sizeof(line) ? ERR_LIMIT
						     : http_field(h, line);

	explicit_bzero(line, sizeof(line));
	return err;
}

/* "NAME: VALUE", a line each; VALUE is a secret. */
static int http_headers(struct sink_http *h)
{
	char *line = h->secret, *end;
	int err = 0;

	for (; !err && line && *line; line = end) {
		char *colon = strchr(line, ':');

		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		if (!colon || colon == line ||
		    memchr(line, ' ', (size_t)(colon - line)))
			return ERR_SYNTAX;
		if (h->secrets_len == HTTP_FIELDS_MAX)
			return ERR_LIMIT;
		h->secrets[h->secrets_len++] =
			colon + 1 + strspn(colon + 1, " \t");
		err = http_field(h, line);
	}
	return err;
}

static int http_login(struct sink_http *h, const struct config_ship *ship,
		      const char **ret_what)
{
	const char *file =
		h->clickhouse ? ship->password_file : ship->headers_file;
	int err = secret_read(file, h->secret);

	*ret_what = file;
	if (err || !h->clickhouse)
		return err ? err : http_headers(h);
	if (ship->user)
		err = http_field_of(h, "X-ClickHouse-User", ship->user);
	if (!err && file) {
		h->secrets[h->secrets_len++] = h->secret;
		err = strchr(h->secret, '\n')
			      ? ERR_SYNTAX
			      : http_field_of(h, "X-ClickHouse-Key", h->secret);
	}
	return err;
}

static int http_url(struct sink_http *h, const struct config_ship *ship)
{
	char sql[1024];
	char *query = NULL;
	int n;

	if (!h->clickhouse) {
		n = snprintf(h->url, sizeof(h->url), "%s", ship->url);
	} else {
		(void)snprintf(sql, sizeof(sql),
			       "INSERT INTO %s (%s) FORMAT JSONEachRow",
			       ship->table, outbox_columns(OUTBOX_BARE));
		query = curl_easy_escape(h->curl, sql, 0);
		if (!query)
			return -ENOMEM;
		n = snprintf(h->url, sizeof(h->url), "%s%cquery=%s", ship->url,
			     strchr(ship->url, '?') ? '&' : '?', query);
		curl_free(query);
	}
	return n > 0 && (size_t)n < sizeof(h->url) ? 0 : ERR_LIMIT;
}

static size_t http_on_answer(char *text, size_t one, size_t len, void *ctx)
{
	struct sink_http *h = ctx;
	size_t room = HTTP_ANSWER_MAX - h->answer_len;
	size_t n = MIN(room, one * len);

	memcpy(h->answer + h->answer_len, text, n);
	h->answer_len += n;
	h->answer[h->answer_len] = '\0';
	return one * len; /* the rest is read and forgotten */
}

/* What is the same for every request. */
static void http_settings(struct sink_http *h)
{
	CURL *c = h->curl;

	(void)curl_easy_setopt(c, CURLOPT_URL, h->url);
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
			       (long)SINK_CONNECT_MS);
	(void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS,
			       (long)(SINK_CONNECT_MS + SINK_SEND_MS));
	(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)HTTP_SLOW_S);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "penstock-ship");
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, http_on_answer);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	if (h->ca) {
		(void)curl_easy_setopt(c, CURLOPT_CAINFO, h->ca);
		(void)curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
}

/* Say why, the status and the receiver's words behind it. */
static void http_say(struct sink_http *h, long status, const char *what,
		     struct sink_result *ret)
{
	char text[HTTP_ANSWER_MAX + 64];

	if (status)
		(void)snprintf(text, sizeof(text), "HTTP %ld%s%s", status,
			       *what ? ": " : "", what);
	else
		(void)snprintf(text, sizeof(text), "%s", what);
	secret_phrase(text, h->secrets, ret->phrase, sizeof(ret->phrase));
}

static enum sink_answer http_judge(const struct sink_http *h, long status)
{
	/* ClickHouse answers an INSERT with nothing; text is an exception that
	 * came after the head was sent.
	 */
	if (status >= 200 && status < 300)
		return h->clickhouse && h->answer_len ? SINK_LATER : SINK_TAKEN;
	if (status == 413)
		return SINK_SMALLER;
	if (status == 408 || status == 425 || status == 429 || status >= 500 ||
	    status < 200)
		return SINK_LATER;
	return SINK_NEVER;
}

/* A server whose certificate is wrong is one that somebody has to mend. */
static enum sink_answer http_judge_curl(CURLcode rc)
{
	switch (rc) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return SINK_NEVER;
	default:
		return SINK_LATER;
	}
}

static void http_result(struct sink_http *h, CURLcode rc,
			struct sink_result *ret)
{
	curl_off_t wait_s = 0;
	long status = 0;

	(void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (rc != CURLE_OK) {
		ret->answer = http_judge_curl(rc);
		http_say(h, 0, h->error[0] ? h->error : curl_easy_strerror(rc),
			 ret);
		return;
	}
	ret->answer = http_judge(h, status);
	if (ret->answer == SINK_TAKEN)
		return;
	http_say(h, status, h->answer, ret);
	(void)curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &wait_s);
	if (wait_s > 0)
		ret->wait_ms = (uint32_t)MIN(wait_s * 1000,
					     (curl_off_t)HTTP_WAIT_MAX_MS);
}

/* The fields of this request in front of those that all have: the list's own
 * memory is only borrowed.
 */
static void http_post(struct sink_http *h, const struct sink_load *load,
		      struct slice body, struct sink_result *ret)
{
	char key[160];
	struct curl_slist field = { .data = key, .next = h->fields };
	CURLcode rc;

	(void)snprintf(key, sizeof(key), "Idempotency-Key: %s", load->key);
	(void)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, &field);
	(void)curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, body.ptr);
	(void)curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE,
			       (curl_off_t)body.len);
	h->answer_len = 0;
	h->answer[0] = h->error[0] = '\0';
	rc = curl_easy_perform(h->curl);
	http_result(h, rc, ret);
	(void)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
}

static void http_send(struct sink *s, const struct sink_load *load,
		      struct sink_result *ret)
{
	struct sink_http *h = http_of(s);
	struct slice body = load->text;

	if (!h->plain && pack_gzip(&h->pack, load->text, &body) < 0) {
		http_say(h, 0, "no memory for gzip", ret);
		return;
	}
	http_post(h, load, body, ret);
}

static int http_setup(struct sink_http *h, const struct config_ship *ship,
		      const char **ret_what)
{
	int err;

	*ret_what = "libcurl";
	h->curl = curl_easy_init();
	if (!h->curl)
		return -ENOMEM;
	*ret_what = "url";
	err = http_url(h, ship);
	if (!err)
		err = http_field(h, h->clickhouse ? "Content-Type: text/plain"
						  : "Content-Type: "
						    "application/x-ndjson");
	if (!err && !h->plain)
		err = http_field(h, "Content-Encoding: gzip");
	if (!err)
		err = http_field(h, "Expect:"); /* no round trip for it */
	if (!err)
		err = http_login(h, ship, ret_what);
	if (!err)
		http_settings(h);
	return err;
}

int sink_http_open(const struct config_ship *ship, struct sink **ret,
		   const char **ret_what)
{
	static const struct sink_ops ops = { http_files, http_send };
	struct sink_http *h = calloc(1, sizeof(*h));
	int err;

	*ret_what = "memory";
	if (!h)
		return -ENOMEM;
	h->base.ops = &ops;
	h->clickhouse = ship->kind == CONFIG_SHIP_CLICKHOUSE;
	h->plain = ship->plain;
	h->ca = ship->ca;
	err = http_setup(h, ship, ret_what);
	if (err) {
		http_free(h);
		return err;
	}
	*ret = &h->base;
	return 0;
}
