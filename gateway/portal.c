/* gateway/portal.c - http://penstock.internal/, the gateway's word to a
 * sandbox.
 *
 * A page is a row of a table: its path, what it holds, who writes it. Rules
 * and the sandbox's name are the operator's words, and are escaped all the
 * same.
 */

#include "gateway/portal.h"

#include <errno.h>
#include <stdio.h>

#include "base/base.h"
#include "gateway/medium.h"

const char portal_agents[] =
	"# Network access here\n"
	"\n"
	"You run in a sandbox. Everything that leaves it passes an egress "
	"gateway, which\nallows or refuses each request by a policy and "
	"records it.\n"
	"\n"
	"- What you may reach: `curl http://" PORTAL_HOST "/policy`, as text, "
	"or as JSON with\n  `Accept: application/json`.\n"
	"- A refusal is a 4xx or 5xx answer with the field "
	"`Penstock-Verdict`. Read its body:\n  it says what was refused and "
	"why. It comes from the gateway, not from the site.\n"
	"- Do not retry what was refused, and do not look for a way round: "
	"no other port,\n  protocol, address or mirror is open either. Do "
	"something else, or go on without.\n"
	"- When the task needs it, give the line `to_allow` of the refusal "
	"to your operator,\n  word for word, and say what it is for. Only "
	"the operator can add it.\n"
	"- A name that does not resolve is one that no rule names.\n"
	"- An answer whose verdict is `error` (502, 503, 504) was allowed; "
	"the site or the\n  gateway failed. With `Retry-After`, try again "
	"once after that many seconds.\n"
	"- TLS is opened by the gateway, with a CA that this sandbox "
	"trusts. Do not turn\n  verification off: it changes nothing. A "
	"program with a trust store of its own\n  takes "
	"http://" PORTAL_HOST "/ca.pem; how: "
	"http://" PORTAL_HOST "/instructions.\n"
	"- Put no secret into a URL: URLs are recorded.\n";

static const char portal_instructions[] =
	"Trusting the gateway's CA\n"
	"\n"
	"The certificate: http://" PORTAL_HOST "/ca.pem (PEM), /ca.der "
	"(DER). In a sandbox of\n`penstock run` all of this is done; "
	"/.penstock/ca.pem and /.penstock/bundle.pem\n(the system's CAs and "
	"this one) are there.\n"
	"\n"
	"Debian, Ubuntu, Alpine (root)\n"
	"  curl -so /usr/local/share/ca-certificates/penstock.crt "
	"http://" PORTAL_HOST "/ca.pem\n"
	"  update-ca-certificates\n"
	"\n"
	"Fedora, RHEL (root)\n"
	"  curl -so /etc/pki/ca-trust/source/anchors/penstock.pem "
	"http://" PORTAL_HOST "/ca.pem\n"
	"  update-ca-trust\n"
	"\n"
	"macOS (administrator)\n"
	"  curl -so ca.pem http://" PORTAL_HOST "/ca.pem\n"
	"  security add-trusted-cert -d -r trustRoot -k "
	"/Library/Keychains/System.keychain ca.pem\n"
	"\n"
	"Windows (administrator)\n"
	"  curl -so ca.der http://" PORTAL_HOST "/ca.der\n"
	"  certutil -addstore Root ca.der\n"
	"\n"
	"Programs, where ca.pem is the file above and bundle.pem the "
	"system's CAs and it\n"
	"  OpenSSL, Go, Ruby, PHP, Rust, uv   SSL_CERT_FILE=bundle.pem\n"
	"  curl                               CURL_CA_BUNDLE=bundle.pem\n"
	"  git                                GIT_SSL_CAINFO=bundle.pem\n"
	"  Python requests, pip               "
	"REQUESTS_CA_BUNDLE=bundle.pem PIP_CERT=bundle.pem\n"
	"  Node.js, npm, Bun                  NODE_EXTRA_CA_CERTS=ca.pem\n"
	"  Deno                               DENO_CERT=ca.pem\n"
	"  cargo                              CARGO_HTTP_CAINFO=bundle.pem\n"
	"  AWS tools                          AWS_CA_BUNDLE=bundle.pem\n"
	"  gRPC                               "
	"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=bundle.pem\n"
	"  Java                               keytool -importcert -noprompt "
	"-cacerts -alias penstock\n"
	"                                     -storepass changeit -file "
	"ca.pem\n"
	"  Chromium                           certutil -d "
	"sql:$HOME/.pki/nssdb -A -t C,, -n penstock -i ca.pem\n";

static const char portal_pages[] =
	"/policy        what this sandbox may do; text or JSON, by Accept\n"
	"/AGENTS.md     how a program should behave behind the gateway\n"
	"/ca.pem        the gateway's CA, in PEM\n"
	"/ca.der        the same in DER\n"
	"/instructions  how to trust it, system by system\n";

static void portal_index(struct medium_out *w, const struct portal *p)
{
	bool html = w->medium == MEDIUM_HTML;
	struct slice rest = slice_str(portal_pages);

	medium_lit(w, html ? "<!doctype html>\n<html lang=\"en\">\n"
			     "<meta charset=\"utf-8\">\n"
			     "<title>Penstock</title>\n"
			     "<h1>Penstock</h1>\n<p>"
			   : "Penstock\n\n");
	medium_lit(w, "This is the egress gateway of sandbox '");
	medium_text(w, p->sandbox);
	medium_lit(w, "'. What the sandbox sends passes here;\neach request "
		      "is allowed or refused by a policy, and recorded.\n");
	medium_lit(w, html ? "<dl>\n" : "\n");
	while (html && rest.len) {
		struct slice line, path, what;

		(void)slice_cut(rest, '\n', &line, &rest);
		(void)slice_cut(line, ' ', &path, &what);
		medium_lit(w, "<dt><a href=\"");
		medium_text(w, path);
		medium_lit(w, "\">");
		medium_text(w, path);
		medium_lit(w, "</a><dd>");
		medium_text(w, slice_trim(what));
		medium_lit(w, "\n");
	}
	medium_lit(w, html ? "</dl>\n</html>\n" : portal_pages);
}

/* How many of the rules are shown: as many as fit the page. */
static bool portal_fits(const struct medium_out *w)
{
	return buf_len(w->out) < PORTAL_RULES_MAX;
}

static void portal_policy_json(struct medium_out *w, const struct portal *p)
{
	size_t len = policy_len(p->policy), i;
	char omitted[64];

	medium_lit(w, "{\n  \"sandbox\": \"");
	medium_text(w, p->sandbox);
	medium_lit(w, "\",\n  \"default\": \"");
	medium_lit(w, verdict_str(policy_default(p->policy)));
	medium_lit(w, "\",\n  \"precedence\": [\"deny\", \"ask\", \"allow\"],"
		      "\n  \"rules\": [");
	for (i = 0; i < len && portal_fits(w); i++) {
		const struct rule *rule = policy_at(p->policy, i);

		medium_lit(w, i ? ",\n    {\"verdict\": \""
				: "\n    {\"verdict\": \"");
		medium_lit(w, verdict_str(rule_verdict(rule)));
		medium_lit(w, "\", \"rule\": \"");
		medium_whole(w, rule_text(rule));
		medium_lit(w, "\"}");
	}
	(void)snprintf(omitted, sizeof(omitted),
		       "\n  ],\n  \"rules_omitted\": %zu\n}\n", len - i);
	medium_lit(w, omitted);
}

static void portal_policy_text(struct medium_out *w, const struct portal *p)
{
	bool open = policy_default(p->policy) == VERDICT_ALLOW;
	size_t len = policy_len(p->policy), i;
	char omitted[64];

	medium_lit(w, "What sandbox '");
	medium_text(w, p->sandbox);
	medium_lit(w, "' may do\n\n");
	if (!len)
		medium_lit(w, "There is no rule.\n");
	for (i = 0; i < len && portal_fits(w); i++) {
		const struct rule *rule = policy_at(p->policy, i);
		char verdict[16];

		(void)snprintf(verdict, sizeof(verdict), "%-6s",
			       verdict_str(rule_verdict(rule)));
		medium_lit(w, verdict);
		medium_whole(w, rule_text(rule));
		medium_lit(w, "\n");
	}
	(void)snprintf(omitted, sizeof(omitted), "and %zu more rules\n",
		       len - i);
	medium_lit(w, i < len ? omitted : "");
	medium_lit(w, open ? "\nWhat no line names is allowed."
			   : "\nWhat no line allows is refused.");
	medium_lit(w,
		   " Of several lines that fit, deny\ncounts before ask, and "
		   "ask before allow. 'ask' waits for an operator.\n"
		   "\n"
		   "A line is METHODS SCHEME://HOST:PORT/PATH. 'any' is any "
		   "method, GET includes\nHEAD; no scheme means https; "
		   "'*.host' is what lies below host, '.host' that\nand host "
		   "itself; in a path, '*' stands for anything within a "
		   "segment and '**' for\nany number of segments; no path "
		   "means every path. git:read is clone and fetch,\n"
		   "git:write push too; tcp:// is a connection whose content "
		   "is not looked at.\n"
		   "\n"
		   "Only the operator can change this.\n");
}

static void portal_policy(struct medium_out *w, const struct portal *p)
{
	if (w->medium == MEDIUM_JSON)
		portal_policy_json(w, p);
	else
		portal_policy_text(w, p);
}

static void portal_agents_md(struct medium_out *w, const struct portal *p)
{
	(void)p;
	medium_lit(w, portal_agents);
}

static void portal_trust(struct medium_out *w, const struct portal *p)
{
	(void)p;
	medium_lit(w, portal_instructions);
}

static void portal_pem(struct medium_out *w, const struct portal *p)
{
	w->bad = w->bad || buf_append_slice(w->out, p->ca_pem) < 0;
}

/* The value of a base64 digit; 64 for anything else. */
static unsigned int portal_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (unsigned int)(at - digits) : 64;
}

/* What stands between the two lines of PEM, without its base64. */
static void portal_der(struct medium_out *w, const struct portal *p)
{
	struct slice rest = p->ca_pem, line;
	uint32_t bits = 0;
	unsigned int have = 0;

	while (rest.len) {
		(void)slice_cut(rest, '\n', &line, &rest);
		if (slice_starts(line, SLICE("-----")))
			continue;
		for (size_t i = 0; i < line.len; i++) {
			unsigned int digit = portal_digit(line.ptr[i]);
			uint8_t octet;

			if (digit == 64)
				continue;
			bits = bits << 6 | digit;
			have += 6;
			if (have < 8)
				continue;
			have -= 8;
			octet = (uint8_t)(bits >> have);
			w->bad = w->bad || buf_append(w->out, &octet, 1) < 0;
		}
	}
}

struct portal_page {
	const char *path;
	const char *type; /* NULL: the medium's, which is chosen by Accept */
	bool html;	  /* there is a page for people */
	bool json;	  /* and one for programs */
	bool ca;	  /* shows the CA */
	void (*write)(struct medium_out *w, const struct portal *p);
};

#define PORTAL_PEM_TYPE "application/x-pem-file"
#define PORTAL_DER_TYPE "application/pkix-cert"
#define PORTAL_MD_TYPE	"text/markdown; charset=utf-8"

static const struct portal_page portal_page[] = {
	{ "/", NULL, true, false, false, portal_index },
	{ "/policy", NULL, false, true, false, portal_policy },
	{ "/AGENTS.md", PORTAL_MD_TYPE, false, false, false, portal_agents_md },
	{ "/instructions", NULL, false, false, false, portal_trust },
	{ "/ca.pem", PORTAL_PEM_TYPE, false, false, true, portal_pem },
	{ "/ca.der", PORTAL_DER_TYPE, false, false, true, portal_der },
};

static void portal_lost(struct medium_out *w, const struct portal *p)
{
	(void)p;
	medium_lit(w, "There is no such page. There are:\n\n");
	medium_lit(w, portal_pages);
}

static const struct portal_page portal_not_found = { .write = portal_lost };

static void portal_read_only(struct medium_out *w, const struct portal *p)
{
	(void)p;
	medium_lit(w, "The portal is only read: GET and HEAD.\n");
}

static const struct portal_page portal_bad_method = {
	.write = portal_read_only
};

/* The page, and the status that it comes with. */
static const struct portal_page *portal_find(const struct portal *p,
					     uint16_t *ret_status)
{
	if (!slice_eq(p->method, SLICE("GET")) &&
	    !slice_eq(p->method, SLICE("HEAD"))) {
		*ret_status = 405;
		return &portal_bad_method;
	}
	for (size_t i = 0; i < ARRAY_SIZE(portal_page); i++) {
		const struct portal_page *page = &portal_page[i];

		if (slice_eq(p->path, slice_str(page->path)) &&
		    (!page->ca || p->ca_pem.len)) {
			*ret_status = 200;
			return page;
		}
	}
	*ret_status = 404;
	return &portal_not_found;
}

static enum medium portal_medium(const struct portal *p,
				 const struct portal_page *page)
{
	enum medium m = medium_choose(p->accept, p->user_agent);

	if ((m == MEDIUM_HTML && !page->html) ||
	    (m == MEDIUM_JSON && !page->json))
		return MEDIUM_TEXT;
	return m;
}

static struct slice portal_type(const struct portal_page *page, enum medium m)
{
	if (page->type)
		return slice_str(page->type);
	return m == MEDIUM_JSON ? SLICE("application/json") : medium_type(m);
}

static int portal_head(const struct portal *p, struct slice type,
		       uint16_t status, size_t body_len, struct arena *a,
		       struct http_head **ret)
{
	struct http_head *head = http_head_new(a);
	int err;

	if (!head)
		return -ENOBUFS;
	head->status = status;
	head->version = HTTP_1_1;
	head->framing =
		slice_eq(p->method, SLICE("HEAD")) ? HTTP_NO_BODY : HTTP_LENGTH;
	head->has_length = true;
	head->content_length = body_len;
	err = http_head_add(a, head, SLICE("content-type"), type);
	if (err == 0)
		err = http_head_add(a, head, SLICE("cache-control"),
				    SLICE("no-store"));
	if (err == 0)
		err = http_head_add(a, head, SLICE("x-content-type-options"),
				    SLICE("nosniff"));
	if (err == 0)
		err = http_head_add(a, head, SLICE("content-security-policy"),
				    SLICE("default-src 'none'"));
	if (err == 0 && status == 405)
		err = http_head_add(a, head, SLICE("allow"),
				    SLICE("GET, HEAD"));
	if (err < 0)
		return err;
	*ret = head;
	return 0;
}

int portal_make(const struct portal *p, struct arena *a,
		struct http_head **ret_head, struct buf *body)
{
	uint16_t status;
	const struct portal_page *page = portal_find(p, &status);
	struct medium_out w = { .out = body, .medium = portal_medium(p, page) };
	int err;

	assert(!buf_len(body));
	page->write(&w, p);
	err = w.bad ? -ENOBUFS : 0;
	if (err == 0)
		err = portal_head(p, portal_type(page, w.medium), status,
				  buf_len(body), a, ret_head);
	if (err < 0 || slice_eq(p->method, SLICE("HEAD")))
		buf_consume(body, buf_len(body));
	return err;
}
