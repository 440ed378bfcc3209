/* policy/schema_ship.c - `audit: ship:`, where rows are sent.
 *
 *   ship:  [ { to: clickhouse, url: URL, table: NAME, user: NAME,
 *              password_file: FILE, ca: FILE, compress: gzip|none },
 *            { to: ndjson, url: URL, headers_file: FILE, ca: FILE,
 *              compress: gzip|none },
 *            { to: postgresql, conninfo: TEXT, table: NAME,
 *              password_file: FILE, ca: FILE } ]
 *
 * and name: NAME with each. What is a secret stands in a file of its own: a
 * password in url or conninfo is an error, as the configuration is shown and
 * copied about.
 */

#include "base/base.h"
#include "policy/fields.h"
#include "policy/name.h"
#include "policy/near.h"
#include "policy/text.h"

#define SHIP_TEXT_MAX 1000 /* octets of url or conninfo */

static const char *const ship_kinds[] = {
	[CONFIG_SHIP_CLICKHOUSE] = "clickhouse",
	[CONFIG_SHIP_NDJSON] = "ndjson",
	[CONFIG_SHIP_POSTGRESQL] = "postgresql",
};

#define ON(kind) BIT(CONFIG_SHIP_##kind)
#define ON_HTTP	 (ON(CLICKHOUSE) | ON(NDJSON))
#define ON_SQL	 (ON(CLICKHOUSE) | ON(POSTGRESQL))
#define ON_ALL	 (ON_HTTP | ON_SQL)

typedef void ship_check_fn(struct load *l, const struct doc_node *value);

/* What is wrong without the line it stands in, which holds a secret. */
static void fail_unseen(struct load *l, const struct doc_node *value,
			const char *what)
{
	const struct doc_source *seen = l->src;
	const struct doc_source unseen = { .name = seen->name };

	l->src = &unseen;
	load_fail(l, value, 0, what);
	l->src = seen;
}

static void check_name(struct load *l, const struct doc_node *value)
{
	(void)fields_name(l, value);
}

/* "http://HOST…" or "https://HOST…", nobody's name or password in it. */
static void check_url(struct load *l, const struct doc_node *value)
{
	struct slice s = value->text, host, rest;
	size_t skip = slice_starts(s, SLICE("https://"))  ? 8
		      : slice_starts(s, SLICE("http://")) ? 7
							  : 0;

	(void)slice_cut(slice_skip(s, skip), '/', &host, &rest);
	if (!skip || !host.len || s.len > SHIP_TEXT_MAX)
		load_fail(l, value, 0,
			  "expected https://HOST/ or http://HOST/");
	else if (slice_find(host, '@') >= 0)
		fail_unseen(l, value,
			    "no name or password here: use user: and "
			    "password_file:, or headers_file:");
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == '#') {
			load_fail(l, value, i, "no such octet in a URL");
			return;
		}
}

/* What libpq takes. Its grammar is libpq's to check; only secrets are ours. */
static void check_conninfo(struct load *l, const struct doc_node *value)
{
	const char *at = strstr(value->text.ptr, "password");
	struct slice rest = value->text, user, host;

	if (slice_starts(rest, SLICE("postgres")) && strstr(rest.ptr, "://")) {
		rest = slice_str(strstr(rest.ptr, "://") + 3);
		if (slice_cut(rest, '@', &user, &host) &&
		    slice_find(user, ':') >= 0)
			at = rest.ptr;
	}
	if (at)
		fail_unseen(l, value, "no password here: use password_file:");
	else if (value->text.len > SHIP_TEXT_MAX)
		load_fail(l, value, 0, "longer than 1000 octets");
}

/* "requests", "logs.requests". It becomes part of a statement. */
static void check_table(struct load *l, const struct doc_node *value)
{
	struct slice s = value->text;
	bool first = true;

	for (size_t i = 0; i < s.len; i++) {
		char c = ascii_lower(s.ptr[i]);
		bool word = (c >= 'a' && c <= 'z') || c == '_' ||
			    (!first && c >= '0' && c <= '9');

		if (!word && (first || c != '.')) {
			load_fail(l, value, i,
				  "expected a table: letters, digits, _, and "
				  "a dot behind its schema");
			return;
		}
		first = !word;
	}
	if (!s.len || first || s.len > 2 * NAME_OCTETS_MAX)
		load_fail(l, value, 0,
			  "expected a table of at most 126 octets");
}

/* It goes into a header field. */
static void check_user(struct load *l, const struct doc_node *value)
{
	for (size_t i = 0; i < value->text.len; i++)
		if ((unsigned char)value->text.ptr[i] < ' ') {
			load_fail(l, value, i, "a name has no such octet");
			return;
		}
}

static void check_compress(struct load *l, const struct doc_node *value)
{
	if (!slice_eq(value->text, SLICE("gzip")) &&
	    !slice_eq(value->text, SLICE("none")))
		load_fail(l, value, 0, "expected gzip or none");
}

static void check_kind(struct load *l, const struct doc_node *value)
{
	struct near near = near_begin(value->text.ptr);

	for (size_t i = 0; i < ARRAY_SIZE(ship_kinds); i++) {
		if (!strcmp(ship_kinds[i], value->text.ptr))
			return;
		near_try(&near, ship_kinds[i]);
	}
	load_fail_name(l, value, "expected clickhouse, ndjson or postgresql",
		       near.found);
}

/* Each key, which destinations have it (need: must have it), and where its
 * text goes.
 */
static const struct ship_key {
	const char *key;
	unsigned int on;
	unsigned int need;
	ship_check_fn *check; /* or NULL */
	size_t to;
} ship_keys[] = {
#define TO(member) offsetof(struct config_ship, member)
	{ "to", ON_ALL, ON_ALL, check_kind, SIZE_MAX },
	{ "name", ON_ALL, 0, check_name, TO(name) },
	{ "url", ON_HTTP, ON_HTTP, check_url, TO(url) },
	{ "conninfo", ON(POSTGRESQL), ON(POSTGRESQL), check_conninfo,
	  TO(conninfo) },
	{ "table", ON_SQL, 0, check_table, TO(table) },
	{ "user", ON(CLICKHOUSE), 0, check_user, TO(user) },
	{ "password_file", ON_SQL, 0, fields_file, TO(password_file) },
	{ "headers_file", ON(NDJSON), 0, fields_file, TO(headers_file) },
	{ "ca", ON_ALL, 0, fields_file, TO(ca) },
	{ "compress", ON_HTTP, 0, check_compress, SIZE_MAX },
#undef TO
};

/* Which kind it is; false when that is not known, and said. */
static bool ship_kind(struct load *l, const struct doc_node *map,
		      enum config_ship_kind *ret)
{
	const struct doc_node *to = fields_get(map, "to");

	if (!to) {
		load_fail(l, map, 0,
			  "expected to: clickhouse, ndjson or postgresql");
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ship_kinds); i++) {
		if (to->kind != DOC_SCALAR ||
		    strcmp(ship_kinds[i], to->text.ptr) != 0)
			continue;
		*ret = (enum config_ship_kind)i;
		return true;
	}
	if (to->kind == DOC_SCALAR && !fields_is_empty(to))
		check_kind(l, to);
	else
		load_fail(l, to, 0,
			  "expected clickhouse, ndjson or postgresql");
	return false;
}

static const struct ship_key *ship_find(const struct doc_node *key,
					const char **ret_near)
{
	struct near near = near_begin(key->text.ptr);

	for (size_t i = 0; i < ARRAY_SIZE(ship_keys); i++) {
		if (!strcmp(key->text.ptr, ship_keys[i].key))
			return &ship_keys[i];
		near_try(&near, ship_keys[i].key);
	}
	*ret_near = near.found;
	return NULL;
}

static void ship_value(struct load *l, const struct doc_node *key,
		       struct config_ship *ship)
{
	const struct doc_node *value = key->next;
	const char *near = NULL;
	const struct ship_key *k = ship_find(key, &near);

	if (!k) {
		load_fail_name(l, key, "unknown key", near);
	} else if (!(k->on & BIT(ship->kind))) {
		load_fail_name(l, key, "not a key of this destination", NULL);
	} else if (value->kind != DOC_SCALAR || fields_is_empty(value)) {
		load_fail(l, value, 0, "expected a value");
	} else {
		if (k->check)
			k->check(l, value);
		if (k->to != SIZE_MAX)
			*(const char **)(void *)((char *)ship + k->to) =
				value->text.ptr;
		else if (!strcmp(k->key, "compress"))
			ship->plain = slice_eq(value->text, SLICE("none"));
	}
}

static void ship_missing(struct load *l, const struct doc_node *map,
			 const char *key)
{
	char mem[80];
	struct text t = text_in(mem, sizeof(mem));

	text_put_str(&t, "this destination needs ");
	text_put_str(&t, key);
	text_put_char(&t, ':');
	load_fail(l, map, 0, mem);
}

static void ship_read(struct load *l, const struct doc_node *map,
		      struct config_ship *ship)
{
	if (map->kind != DOC_MAP) {
		load_fail(l, map, 0, "expected to: and the keys of its kind");
		return;
	}
	if (!ship_kind(l, map, &ship->kind))
		return;
	ship->name = ship_kinds[ship->kind];
	ship->table = "penstock_requests";
	for (const struct doc_node *k = map->first; k; k = k->next->next)
		if (fields_key(l, map, k))
			ship_value(l, k, ship);
	for (size_t i = 0; i < ARRAY_SIZE(ship_keys); i++)
		if (ship_keys[i].need & BIT(ship->kind) &&
		    !fields_get(map, ship_keys[i].key))
			ship_missing(l, map, ship_keys[i].key);
	if (ship->password_file && ship->kind == CONFIG_SHIP_CLICKHOUSE &&
	    !ship->user)
		load_fail(l, map, 0, "password_file: needs user:");
}

static void ship_check_twice(struct load *l, const struct doc_node *at,
			     const struct config_ship *ships, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (ships[i].name && ships[len].name &&
		    !strcmp(ships[i].name, ships[len].name))
			load_fail(l, at, 0,
				  "two destinations have this name; say "
				  "name: in one of them");
}

void schema_ship(struct load *l, const struct doc_node *list)
{
	struct config_settings *s = &l->c->settings;
	struct config_ship *ships;
	size_t len = 0;

	if (fields_is_empty(list))
		return;
	if (list->kind != DOC_LIST) {
		load_fail(l, list, 0,
			  "expected a list of destinations: - to: …");
		return;
	}
	ships = arena_zalloc(&l->c->arena,
			     CONFIG_SHIP_MAX * sizeof(struct config_ship));
	if (!ships) {
		l->no_memory = true;
		return;
	}
	for (const struct doc_node *n = list->first; n; n = n->next) {
		if (len == CONFIG_SHIP_MAX) {
			load_fail(l, n, 0, "more than 8 destinations");
			break;
		}
		ship_read(l, n, &ships[len]);
		ship_check_twice(l, n, ships, len);
		len++;
	}
	s->ship = ships;
	s->ship_len = len;
}
