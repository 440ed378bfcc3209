/* policy/schema.c - which keys the file has, and what may stand behind them.
 *
 *   sandboxes:  NAME: { from: [ADDRESS…], token_file: FILE, policy: [NAME…],
 *                       mode: enforce|learn }
 *   policies:   NAME: { use: [NAME…], allow: […], ask: […], deny: […],
 *                       default: deny|ask|allow }
 *   secrets:    see secret.c
 *   listen:     [ADDRESS:PORT…]
 *   proxy:      [ADDRESS:PORT…]
 *   capture:    { interfaces: [NAME…], sources: [PREFIX…], port: NUMBER }
 *   workers:    COUNT
 *   ask_timeout: DURATION
 *   upstream:   { dns: [ADDRESS…], ca: [FILE…] }
 *   audit:      { keep: DURATION, max_size: SIZE, when_full: refuse|count,
 *                 ship: [DESTINATION…] }	(policy/schema_ship.c)
 *
 * Where a list is expected, one scalar is a list of one, and nothing is the
 * empty list.
 */

#include <errno.h>

#include "base/base.h"
#include "policy/config.h"
#include "policy/fields.h"
#include "policy/host.h"
#include "policy/ruleset.h"
#include "policy/suffix.h"
#include "policy/text.h"
#include "policy/units.h"

/* A wildcard over a public suffix permits names of anybody. Where it stands is
 * the first dot or star that begins a word or follows a slash.
 */
static int check_suffix(const struct rule *rule, struct slice line,
			struct rule_error *ret_err)
{
	size_t i = 0;

	if (rule->verdict == VERDICT_DENY ||
	    (rule->host_kind != RULE_BELOW && rule->host_kind != RULE_TREE) ||
	    !suffix_is_public(rule_slice(rule, rule->host)))
		return 0;
	while (i < line.len && !((line.ptr[i] == '.' || line.ptr[i] == '*') &&
				 (!i || memchr(" /", line.ptr[i - 1], 2))))
		i++;
	return rule_fail(ret_err, i,
			 "anybody can have a name below this public suffix; "
			 "name the hosts, or the domains, that are meant",
			 SLICE(""));
}

static void check_rule(struct load *l, const struct doc_node *node)
{
	char mem[256];
	struct text t = text_in(mem, sizeof(mem));
	struct rule *rule = NULL;
	struct rule_error err;
	int rc = gather_check(node->text, l->verdict, &rule, &err);

	if (rc == 0)
		rc = check_suffix(rule, node->text, &err);
	if (rc == 0) {
		const char *at = strstr(node->text.ptr, " inject=");

		rc = config_check_inject(l->c, rule, &err);
		if (at) /* as it was written, not as it is printed */
			err.column = (unsigned int)(at - node->text.ptr) +
				     sizeof(" inject=");
	}
	rule_free(&rule);
	l->no_memory = l->no_memory || rc == -ENOMEM;
	if (rc == 0 || rc == -ENOMEM)
		return;
	text_put_str(&t, "in this rule: ");
	text_put_str(&t, err.text);
	load_fail(l, node, err.column - 1, mem);
}

static void check_use(struct load *l, const struct doc_node *node)
{
	const char *near = NULL;

	if (!config_find(l->c, node->text.ptr, &near))
		load_fail_name(l, node, "no policy or profile has this name",
			       near);
}

static void read_allow(struct load *l, const struct doc_node *value)
{
	l->verdict = VERDICT_ALLOW;
	fields_each(l, value, check_rule);
}

static void read_ask(struct load *l, const struct doc_node *value)
{
	l->verdict = VERDICT_ASK;
	fields_each(l, value, check_rule);
}

static void read_deny(struct load *l, const struct doc_node *value)
{
	l->verdict = VERDICT_DENY;
	fields_each(l, value, check_rule);
}

static void read_use(struct load *l, const struct doc_node *value)
{
	size_t len = 0;

	for (const struct doc_node *n = value->first; n; n = n->next)
		len++;
	if (value->kind == DOC_LIST && len > CONFIG_NAMES_MAX) {
		load_fail(l, value, 0, "more than 1000 names");
		return;
	}
	fields_each(l, value, check_use);
}

static void read_default(struct load *l, const struct doc_node *value)
{
	enum verdict verdict;

	if (fields_scalar(l, value) && !verdict_read(value->text, &verdict))
		load_fail(l, value, 0, "expected deny, ask or allow");
}

void schema_check_policy(struct load *l, const struct doc_node *map)
{
	static const struct field fields[] = {
		{ "use", read_use },	     { "allow", read_allow },
		{ "ask", read_ask },	     { "deny", read_deny },
		{ "default", read_default },
	};

	fields_map(l, map, fields, ARRAY_SIZE(fields));
}

/* Follow use from policy to policy of the file. Profiles use only profiles. */
static void check_cycles(struct load *l, struct config_policy *p,
			 const struct doc_node *from, unsigned int depth)
{
	const struct doc_node *use = fields_get(p->map, "use");
	const struct doc_node *n;
	const char *near;

	if (p->on_path || depth > CONFIG_USE_DEPTH) {
		load_fail(l, from, 0,
			  p->on_path ? "the policies use each other in a "
				       "circle"
				     : "use goes deeper than 32 policies");
		return;
	}
	if (p->checked || !use)
		return;
	p->on_path = true;
	for (n = use->kind == DOC_LIST ? use->first : use; n;
	     n = use->kind == DOC_LIST ? n->next : NULL) {
		struct config_policy *next;

		next = n->kind == DOC_SCALAR
			       ? config_find(l->c, n->text.ptr, &near)
			       : NULL;
		if (next && next->src == p->src)
			check_cycles(l, next, n, depth + 1);
	}
	p->on_path = false;
	p->checked = true;
}

/* First all names, so that a policy may use one that stands further down. */
static void name_policies(struct load *l, const struct doc_node *map)
{
	size_t len = fields_count(l, map);
	struct config *c = l->c;

	c->policies = arena_zalloc(&c->arena, (len + 1) * sizeof(*c->policies));
	if (!c->policies) {
		l->no_memory = true;
		return;
	}
	for (const struct doc_node *k = map->first; k && len;
	     k = k->next->next) {
		if (!fields_key(l, map, k) || !fields_name(l, k))
			continue;
		c->policies[c->policies_len++] = (struct config_policy){
			.name = k->text.ptr,
			.src = l->src,
			.map = fields_is_empty(k->next) ? NULL : k->next,
		};
	}
}

static void read_policies(struct load *l, const struct doc_node *map)
{
	struct config *c = l->c;

	if (!fields_are_map(l, map))
		return;
	name_policies(l, map);
	for (size_t i = 0; i < c->policies_len; i++)
		if (c->policies[i].map)
			schema_check_policy(l, c->policies[i].map);
	for (size_t i = 0; i < c->policies_len; i++)
		check_cycles(l, &c->policies[i], c->policies[i].map, 0);
}

/* "10.7.0.0/24", "fd00:7::/64", "10.8.0.12". */
static void check_from(struct load *l, const struct doc_node *node)
{
	struct slice addr, prefix;
	bool has_prefix = slice_cut(node->text, '/', &addr, &prefix);
	uint8_t octets[16];
	uint8_t len = host_address(addr, octets);
	uint32_t bits = 0;

	if (!len || (has_prefix && !units_count(prefix, len * 8u, &bits)))
		load_fail(l, node, 0, "expected an address or a prefix");
}

static void read_from(struct load *l, const struct doc_node *value)
{
	fields_strings(l, value, check_from, &l->sandbox->from,
		       &l->sandbox->from_len);
}

static void read_token_file(struct load *l, const struct doc_node *value)
{
	if (!fields_scalar(l, value))
		return;
	fields_file(l, value);
	l->sandbox->token_file = value->text.ptr;
}

static void read_policy_names(struct load *l, const struct doc_node *value)
{
	fields_strings(l, value, check_use, &l->sandbox->policies,
		       &l->sandbox->policies_len);
}

static void read_mode(struct load *l, const struct doc_node *value)
{
	if (!fields_scalar(l, value))
		return;
	l->sandbox->learn = slice_eq(value->text, SLICE("learn"));
	if (!l->sandbox->learn && !slice_eq(value->text, SLICE("enforce")))
		load_fail(l, value, 0, "expected enforce or learn");
}

static void read_sandbox(struct load *l, const struct doc_node *key)
{
	static const struct field fields[] = {
		{ "from", read_from },
		{ "token_file", read_token_file },
		{ "policy", read_policy_names },
		{ "mode", read_mode },
	};

	l->sandbox = &l->c->sandboxes[l->c->sandboxes_len++];
	l->sandbox->name = key->text.ptr;
	fields_map(l, key->next, fields, ARRAY_SIZE(fields));
	if (!l->sandbox->from_len && !l->sandbox->token_file)
		load_fail(l, key, 0,
			  "a sandbox needs from: the addresses it has, or "
			  "token_file:");
}

static void read_sandboxes(struct load *l, const struct doc_node *map)
{
	struct config *c = l->c;
	size_t len;

	if (!fields_are_map(l, map))
		return;
	len = fields_count(l, map);
	c->sandboxes =
		arena_zalloc(&c->arena, (len + 1) * sizeof(*c->sandboxes));
	if (!c->sandboxes) {
		l->no_memory = true;
		return;
	}
	for (const struct doc_node *k = map->first; k && len; k = k->next->next)
		if (fields_key(l, map, k) && fields_name(l, k))
			read_sandbox(l, k);
}

/* "ADDR:PORT", IPv6 in brackets; the port may be left out if optional. */
static void check_endpoint(struct load *l, const struct doc_node *node,
			   bool port_optional, const char *what)
{
	struct slice host = node->text, port = SLICE(""), rest;
	uint8_t octets[16];
	uint32_t number = 0;
	bool has_port;

	if (slice_starts(host, SLICE("["))) {
		has_port = slice_cut(slice_skip(host, 1), ']', &host, &rest) &&
			   rest.len;
		port = rest.len && rest.ptr[0] == ':' ? slice_skip(rest, 1)
						      : SLICE("");
	} else if (host_address(host, octets)) {
		has_port = false;
	} else {
		has_port = slice_cut(host, ':', &host, &port);
	}
	if (!host_address(host, octets) || (!has_port && !port_optional) ||
	    (has_port && (!units_count(port, 65535, &number) || !number)))
		load_fail(l, node, 0, what);
}

static void check_listen(struct load *l, const struct doc_node *node)
{
	check_endpoint(l, node, false, "expected ADDRESS:PORT");
}

static void check_dns(struct load *l, const struct doc_node *node)
{
	check_endpoint(l, node, true, "expected ADDRESS or ADDRESS:PORT");
}

static void read_listen(struct load *l, const struct doc_node *value)
{
	fields_strings(l, value, check_listen, &l->c->settings.listen,
		       &l->c->settings.listen_len);
}

/* As the kernel takes it: IFNAMSIZ is 16. */
static void check_interface(struct load *l, const struct doc_node *node)
{
	if (!node->text.len || node->text.len > 15 ||
	    memchr(node->text.ptr, '/', node->text.len))
		load_fail(l, node, 0, "expected the name of an interface");
}

static void read_interfaces(struct load *l, const struct doc_node *value)
{
	fields_strings(l, value, check_interface,
		       &l->c->settings.capture_interfaces,
		       &l->c->settings.capture_interfaces_len);
}

static void read_sources(struct load *l, const struct doc_node *value)
{
	fields_strings(l, value, check_from, &l->c->settings.capture_sources,
		       &l->c->settings.capture_sources_len);
}

static void read_port(struct load *l, const struct doc_node *value)
{
	uint32_t n = 0;

	if (!fields_scalar(l, value))
		return;
	if (!units_count(value->text, 65535, &n) || !n || n == 53)
		load_fail(l, value, 0, "expected a port, other than 53");
	l->c->settings.capture_port = (uint16_t)n;
}

static void read_capture(struct load *l, const struct doc_node *value)
{
	static const struct field fields[] = {
		{ "interfaces", read_interfaces },
		{ "sources", read_sources },
		{ "port", read_port },
	};

	fields_map(l, value, fields, ARRAY_SIZE(fields));
	if (!l->c->settings.capture_interfaces_len &&
	    !l->c->settings.capture_sources_len)
		load_fail(l, value, 0,
			  "expected interfaces: or sources: to capture");
}

static void read_proxy(struct load *l, const struct doc_node *value)
{
	fields_strings(l, value, check_listen, &l->c->settings.proxy,
		       &l->c->settings.proxy_len);
}

static void read_dns(struct load *l, const struct doc_node *value)
{
	fields_strings(l, value, check_dns, &l->c->settings.upstream_dns,
		       &l->c->settings.upstream_dns_len);
}

static void read_ca(struct load *l, const struct doc_node *value)
{
	fields_strings(l, value, fields_file, &l->c->settings.upstream_ca,
		       &l->c->settings.upstream_ca_len);
}

static void read_upstream(struct load *l, const struct doc_node *value)
{
	static const struct field fields[] = { { "dns", read_dns },
					       { "ca", read_ca } };

	fields_map(l, value, fields, ARRAY_SIZE(fields));
}

static void read_workers(struct load *l, const struct doc_node *value)
{
	uint32_t n = 0;

	if (!fields_scalar(l, value))
		return;
	if (!units_count(value->text, 256, &n) || !n)
		load_fail(l, value, 0, "expected a number from 1 to 256");
	l->c->settings.workers = n;
}

static void read_keep(struct load *l, const struct doc_node *value)
{
	if (fields_scalar(l, value) &&
	    (!units_duration(value->text, &l->c->settings.audit_keep_s) ||
	     !l->c->settings.audit_keep_s))
		load_fail(l, value, 0, "expected a time, as 90d or 12h");
}

static void read_max_size(struct load *l, const struct doc_node *value)
{
	if (fields_scalar(l, value) &&
	    (!units_size(value->text, &l->c->settings.audit_max_bytes) ||
	     !l->c->settings.audit_max_bytes))
		load_fail(l, value, 0, "expected a size, as 10GiB or 500MiB");
}

static void read_when_full(struct load *l, const struct doc_node *value)
{
	bool count;

	if (!fields_scalar(l, value))
		return;
	count = slice_eq(value->text, SLICE("count"));
	if (!count && !slice_eq(value->text, SLICE("refuse")))
		load_fail(l, value, 0, "expected refuse or count");
	l->c->settings.audit_when_full_count = count;
}

static void read_audit(struct load *l, const struct doc_node *value)
{
	static const struct field fields[] = {
		{ "keep", read_keep },
		{ "max_size", read_max_size },
		{ "when_full", read_when_full },
		{ "ship", schema_ship },
	};

	fields_map(l, value, fields, ARRAY_SIZE(fields));
}

static void read_ask_timeout(struct load *l, const struct doc_node *value)
{
	if (fields_scalar(l, value) &&
	    (!units_duration(value->text, &l->c->settings.ask_timeout_s) ||
	     !l->c->settings.ask_timeout_s))
		load_fail(l, value, 0, "expected a time, as 60s or 5m");
}

/* Done before all else: rules name secrets, and sandboxes policies. */
static void read_nothing(struct load *l, const struct doc_node *value)
{
	(void)l;
	(void)value;
}

void schema_read(struct load *l, const struct doc_node *root)
{
	static const struct field fields[] = {
		{ "sandboxes", read_sandboxes },
		{ "policies", read_nothing },
		{ "capture", read_capture },
		{ "listen", read_listen },
		{ "workers", read_workers },
		{ "upstream", read_upstream },
		{ "audit", read_audit },
		{ "secrets", read_nothing },
		{ "proxy", read_proxy },
		{ "ask_timeout", read_ask_timeout },
	};
	const struct doc_node *secrets = fields_get(root, "secrets");
	const struct doc_node *policies = fields_get(root, "policies");

	if (secrets)
		secret_read_all(l, secrets);
	if (policies)
		read_policies(l, policies);
	fields_map(l, root, fields, ARRAY_SIZE(fields));
}
