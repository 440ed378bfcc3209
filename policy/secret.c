/* policy/secret.c - which secrets there are, and where each may go.
 *
 *   secrets:  NAME: { file: FILE | credential: NAME, header: NAME,
 *                     prefix: TEXT, placeholder: TEXT, hosts: [HOST…] }
 *
 * The content is none of this room's business: it is read by whoever puts it
 * in. Hosts are single names, so that no wildcard carries a secret away.
 */

#include "base/base.h"
#include "base/err.h"
#include "policy/fields.h"
#include "policy/host.h"

#define HEADER_MAX	128
#define PREFIX_MAX	64
#define PLACEHOLDER_MIN 16 /* so that no other text is taken for one */
#define PLACEHOLDER_MAX 256

static void read_file(struct load *l, const struct doc_node *value)
{
	if (!fields_scalar(l, value))
		return;
	fields_file(l, value);
	l->secret->file = value->text.ptr;
}

static void read_credential(struct load *l, const struct doc_node *value)
{
	if (fields_scalar(l, value) && fields_name(l, value))
		l->secret->credential = value->text.ptr;
}

/* Those say how a message is framed or where it goes; they are the gateway's.
 */
static bool is_framing(struct slice name)
{
	static const char *const names[] = {
		"host",
		"connection",
		"content-length",
		"te",
		"trailer",
		"transfer-encoding",
		"upgrade",
		"keep-alive",
		"expect",
		"via",
		"proxy-connection",
		"proxy-authorization",
		"content-encoding",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (slice_eq(name, slice_str(names[i])))
			return true;
	return false;
}

static void read_header(struct load *l, const struct doc_node *value)
{
	struct slice name = value->text;
	char *lower;

	if (!fields_scalar(l, value))
		return;
	lower = arena_alloc(&l->c->arena, name.len + 1);
	if (!lower) {
		l->no_memory = true;
		return;
	}
	for (size_t i = 0; i < name.len; i++) {
		char c = ascii_lower(name.ptr[i]);

		if (!ascii_is_alnum(c) && c != '-' && c != '_') {
			load_fail(l, value, i,
				  "a header's name has letters, digits, - "
				  "and _");
			return;
		}
		lower[i] = c;
	}
	lower[name.len] = '\0';
	if (name.len > HEADER_MAX)
		load_fail(l, value, 0,
			  "a header's name has at most 128 octets");
	else if (is_framing(slice_of(lower, name.len)))
		load_fail(l, value, 0,
			  "this header is the gateway's own; a secret has no "
			  "place in it");
	l->secret->header = lower;
}

static void read_prefix(struct load *l, const struct doc_node *value)
{
	if (!fields_scalar(l, value))
		return;
	for (size_t i = 0; i < value->text.len; i++) {
		char c = value->text.ptr[i];

		if (c >= ' ' && c < 0x7f)
			continue;
		load_fail(l, value, i, "a prefix is plain ASCII");
		return;
	}
	if (value->text.len > PREFIX_MAX)
		load_fail(l, value, 0, "a prefix has at most 64 octets");
	l->secret->prefix = value->text.ptr;
}

/* Octets that stand in a header, a query and a password as they are. */
static void read_placeholder(struct load *l, const struct doc_node *value)
{
	if (!fields_scalar(l, value))
		return;
	for (size_t i = 0; i < value->text.len; i++) {
		char c = value->text.ptr[i];

		if (ascii_is_alnum(c) || memchr("-_.~", c, 4))
			continue;
		load_fail(l, value, i,
			  "a placeholder has letters, digits, - _ . and ~");
		return;
	}
	if (value->text.len < PLACEHOLDER_MIN ||
	    value->text.len > PLACEHOLDER_MAX)
		load_fail(l, value, 0,
			  "a placeholder has 16 to 256 octets, so that nothing "
			  "else is taken for it");
	l->secret->placeholder = value->text.ptr;
}

static void check_host(struct load *l, const struct doc_node *node)
{
	struct host h;
	size_t at = 0;
	const char *why = host_read(node->text, &h, &at);

	if (why)
		load_fail(l, node, at, why);
	else if (h.kind != RULE_NAME)
		load_fail(l, node, 0,
			  "a secret goes to single hosts by name, no wildcard "
			  "and no address");
}

/* Canonical copies take the place of what was written. */
static void read_hosts(struct load *l, const struct doc_node *value)
{
	unsigned int errors = l->errors;
	const char *const *written = NULL;
	const char **list;
	size_t len = 0;

	fields_strings(l, value, check_host, &written, &len);
	if (l->errors != errors || !written)
		return;
	list = arena_alloc(&l->c->arena, (len + 1) * sizeof(*list));
	for (size_t i = 0; list && i < len; i++) {
		struct slice copy;
		struct host h;
		size_t at;

		(void)host_read(slice_str(written[i]), &h, &at);
		if (arena_copy(&l->c->arena, slice_of(h.name, h.name_len),
			       &copy) < 0)
			list = NULL;
		else
			list[i] = copy.ptr;
	}
	if (!list) {
		l->no_memory = true;
		return;
	}
	l->secret->hosts = list;
	l->secret->hosts_len = len;
}

static void read_secret(struct load *l, const struct doc_node *key)
{
	static const struct field fields[] = {
		{ "file", read_file },
		{ "credential", read_credential },
		{ "header", read_header },
		{ "prefix", read_prefix },
		{ "placeholder", read_placeholder },
		{ "hosts", read_hosts },
	};
	unsigned int errors = l->errors;
	struct config_secret *s = &l->c->secrets[l->c->secrets_len++];

	*s = (struct config_secret){ .name = key->text.ptr, .prefix = "" };
	l->secret = s;
	fields_map(l, key->next, fields, ARRAY_SIZE(fields));
	if (l->errors != errors)
		return;
	if (!s->file == !s->credential)
		load_fail(l, key, 0,
			  "a secret needs file: or credential:, one of them");
	else if (!s->header && !s->placeholder)
		load_fail(l, key, 0,
			  "a secret needs header: that it is put into, or "
			  "placeholder: that it replaces");
	else if (s->prefix[0] && !s->header)
		load_fail(l, key, 0, "prefix: stands with header:");
	else if (!s->hosts_len)
		load_fail(l, key, 0,
			  "a secret needs hosts: the names it may go to");
}

void secret_read_all(struct load *l, const struct doc_node *map)
{
	struct config *c = l->c;
	size_t len;

	if (!fields_are_map(l, map))
		return;
	len = fields_count(l, map);
	c->secrets = arena_zalloc(&c->arena, (len + 1) * sizeof(*c->secrets));
	if (!c->secrets) {
		l->no_memory = true;
		return;
	}
	for (const struct doc_node *k = map->first; k && len; k = k->next->next)
		if (fields_key(l, map, k) && fields_name(l, k))
			read_secret(l, k);
}

static const struct config_secret *find(const struct config *c,
					struct slice name)
{
	for (; c; c = c->outer)
		for (size_t i = 0; i < c->secrets_len; i++)
			if (slice_eq(name, slice_str(c->secrets[i].name)))
				return &c->secrets[i];
	return NULL;
}

static int fail(struct rule_error *ret, const struct rule *rule,
		const char *what, struct slice detail)
{
	return rule_fail(ret, rule->inject.at, what, detail);
}

int config_check_inject(const struct config *c, const struct rule *rule,
			struct rule_error *ret_err)
{
	struct slice name = rule_slice(rule, rule->inject);
	struct slice host = rule_slice(rule, rule->host);
	const struct config_secret *s;

	if (!name.len)
		return 0;
	s = find(c, name);
	if (!s)
		return fail(ret_err, rule, "no secret is named ", name);
	for (size_t i = 0; i < s->hosts_len; i++)
		if (slice_eq(host, slice_str(s->hosts[i])))
			return 0;
	return fail(ret_err, rule,
		    "this host is not among the hosts of secret ", name);
}

size_t config_secrets(const struct config *c)
{
	return c->secrets_len;
}

void config_secret(const struct config *c, size_t i, struct config_secret *ret)
{
	assert(i < c->secrets_len);
	*ret = c->secrets[i];
}
