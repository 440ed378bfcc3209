/* gateway/opening.c - what is spoken on a connection, from its first octets.
 *
 * A tcp:// rule for the dialled name and port is looked up before anything is
 * read: then all octets go through. Otherwise the first octets say it. TLS: the
 * ClientHello names a host; a tls:// rule lets it through as it is, marked as
 * uninspected, unless it may hide another name; else a leaf for it is fetched,
 * the handshake is done and ALPN chooses the codec. Clear HTTP: the codec at
 * once. Anything else is recorded and closed.
 */

#include <stdio.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/conn_impl.h"
#include "gateway/hello.h"
#include "gateway/judge.h"
#include "gateway/portal.h"
#include "gateway/tell.h"
#include "gateway/tls.h"
#include "policy/policy.h"

static struct http_stream *opening_on_open(void *ctx)
{
	return exchange_begin(ctx);
}

/* HTTP is spoken: TLS is done or there is none. */
static void opening_done(struct conn *c, bool h2)
{
	bool tls = c->link.wire.tls != NULL;
	const char *scheme = tls ? "https" : "http";
	int rc = h2 ? h2_new(HTTP_SERVER, scheme, &http_limits_server,
			     opening_on_open, &c->facts, &c->link.codec)
		    : h1_new(HTTP_SERVER, scheme, &http_limits_server,
			     opening_on_open, &c->facts, &c->link.codec);

	if (rc < 0) {
		conn_end(c);
		return;
	}
	c->facts.codec = c->link.codec;
	c->facts.sni = tls || c->facts.targeted ? &c->name : NULL;
	c->facts.tls = tls;
	c->facts.tls_version = tls ? tls_version(c->link.wire.tls) : NULL;
	conn_set_state(c, CONN_OPEN);
	conn_wait(c, TIMER_IDLE);
	loop_post(c->gate->loop, &c->post, conn_ref(c));
}

static struct policy_question opening_question(const struct conn *c,
					       enum rule_scheme scheme)
{
	return (struct policy_question){ .scheme = scheme,
					 .host = authority_host(&c->name),
					 .port = c->port,
					 .now_s = gate_now_s(c->gate) };
}

/* Is there a rule that makes this a tunnel, if only after the operator was
 * asked?
 */
static bool opening_allows(const struct conn *c, enum rule_scheme scheme)
{
	struct policy_question q = opening_question(c, scheme);
	struct policy_answer answer;

	policy_judge(c->facts.sandbox->policy, &q, &answer);
	return answer.verdict != VERDICT_DENY &&
	       answer.reason == POLICY_BY_RULE && !portal_is(q.host);
}

/* Octets go through as they are, those that have come first. The exchange
 * judges and records it like a request.
 */
static void opening_tunnel(struct conn *c, const char *scheme)
{
	bool v6 = c->name.kind == HOST_IPV6;
	int rc = buf_append_slice(&c->link.in, buf_slice(&c->hello));

	(void)snprintf(c->target, sizeof(c->target), v6 ? "[%s]:%u" : "%s:%u",
		       c->name.host, c->port);
	if (rc == 0)
		rc = raw_new(HTTP_SERVER, scheme, slice_str(c->target),
			     opening_on_open, &c->facts, &c->link.codec);
	if (rc < 0) {
		conn_end(c);
		return;
	}
	buf_done(&c->hello);
	c->facts.codec = c->link.codec;
	conn_set_state(c, CONN_OPEN);
	conn_wait(c, TIMER_IDLE);
	c->link.failed = http_codec_read(c->link.codec, &c->link.in) < 0;
	loop_post(c->gate->loop, &c->post, conn_ref(c));
}

static void opening_shake_failed(struct conn *c, int rc)
{
	struct tls_failure f;

	tls_failure(c->link.wire.tls, &f);
	c->gate->stats->row.handshakes_failed++;
	if (f.kind == TLS_FAIL_UNTRUSTING) {
		c->gate->stats->row.untrusting++;
		conn_refuse(c, AUDIT_HANDSHAKE, SLICE("ca-not-trusted"),
			    SLICE("the client does not trust the gateway's "
				  "CA; how to: http://penstock.internal/"
				  "instructions, from the sandbox"));
		return;
	}
	if (rc == ERR_CUT)
		conn_refuse(c, AUDIT_HANDSHAKE, SLICE("handshake-cut"),
			    SLICE("the client closed the connection during "
				  "the TLS handshake"));
	else
		conn_refuse(c, AUDIT_HANDSHAKE, SLICE("handshake-failed"),
			    slice_str(f.text));
}

static void opening_shake(struct conn *c)
{
	int rc = wire_shake(&c->link.wire);

	if (rc == 1) {
		c->gate->stats->row.handshakes++;
		opening_done(c, tls_is_h2(c->link.wire.tls));
	} else if (rc < 0) {
		opening_shake_failed(c, rc);
	}
}

/* Fetch the leaf; with it begin the handshake. */
static void opening_leaf(struct conn *c)
{
	struct tls_cert *cert;
	int rc = leaf_ask(c->gate->leaves, authority_host(&c->name), &c->leaf,
			  &cert);

	if (rc == 0)
		return;
	if (rc < 0) {
		conn_refuse(c, AUDIT_HANDSHAKE, SLICE("no-certificate"),
			    slice_str(err_str(rc)));
		return;
	}
	if (tls_server_new(c->gate->tls, c->link.wire.fd, &c->hello, cert,
			   &c->link.wire.tls) < 0) {
		conn_end(c);
		return;
	}
	conn_set_state(c, CONN_SHAKE);
	opening_shake(c);
}

/* The proxy was asked for one host, and TLS names another. */
static void opening_misdirected(struct conn *c, const struct authority *name)
{
	char why[2 * HOST_MAX + 64];

	(void)snprintf(why, sizeof(why),
		       "the proxy was asked for %s, but TLS for %s",
		       c->name.host, name->host);
	conn_refuse(c, AUDIT_HANDSHAKE, SLICE("misdirected"), slice_str(why));
}

/* A tls:// rule goes by the name that can be read, and there may be another one
 * inside, which counts for the origin. Clients that only pretend look the same.
 */
static void opening_hidden(struct conn *c)
{
	struct policy_question q = opening_question(c, RULE_TCP);
	char line[HOST_MAX + 32], why[HOST_MAX + 224];

	policy_suggest(&q, line, sizeof(line));
	(void)snprintf(why, sizeof(why),
		       "the ClientHello may hide another name (Encrypted "
		       "ClientHello), which a tls:// rule can't judge; turn it "
		       "off in the client, or allow whatever goes there: %s",
		       line);
	conn_refuse(c, AUDIT_HANDSHAKE, SLICE("hidden-name"), slice_str(why));
}

static void opening_tls(struct conn *c)
{
	struct hello hello;
	int rc = hello_parse(buf_slice(&c->hello), &hello);

	if (rc == 0)
		return;
	if (rc < 0) {
		conn_refuse(c, AUDIT_HANDSHAKE, SLICE("bad-hello"),
			    SLICE("what the client sent is no ClientHello"));
		return;
	}
	if (hello.bad_name) {
		conn_refuse(c, AUDIT_HANDSHAKE, SLICE("bad-name"),
			    SLICE("the ClientHello names no valid host"));
		return;
	}
	if (c->facts.targeted && hello.has_name &&
	    !slice_eq(authority_host(&hello.name), authority_host(&c->name))) {
		opening_misdirected(c, &hello.name);
		return;
	}
	if (hello.has_name)
		c->name = hello.name;
	if (opening_allows(c, RULE_TLS)) {
		if (hello.has_ech)
			opening_hidden(c);
		else
			opening_tunnel(c, "tls");
		return;
	}
	conn_set_state(c, CONN_LEAF);
	opening_leaf(c);
}

static void opening_clear(struct conn *c, bool h2)
{
	if (buf_append_slice(&c->link.in, buf_slice(&c->hello)) < 0) {
		conn_end(c);
		return;
	}
	buf_done(&c->hello);
	opening_done(c, h2);
}

/* Gather first octets. Returns false when the connection has gone. */
static bool opening_gather(struct conn *c)
{
	struct wire *w = &c->link.wire;
	int rc;

	do {
		rc = wire_read(w, &c->hello);
	} while (rc > 0);
	if (rc == 0 || buf_len(&c->hello))
		return true;
	conn_end(c); /* it said nothing */
	return false;
}

/* From here on as if the connection had been made to its target. */
static void opening_redirect(struct conn *c, const struct authority *target)
{
	c->name = *target;
	c->port = target->port;
	c->facts.targeted = true;
	c->facts.target = *target;
	c->facts.proxy = false;
	c->link.wire.readable = true;
	conn_wait(c, c->facts.sandbox->learn ? TIMER_PEEK : TIMER_HELLO);
	if (opening_allows(c, RULE_TCP))
		opening_tunnel(c, "tcp");
	else
		opening_step(c);
}

/* SOCKS5 asked for what no rule allows; the client is told no more than that,
 * the record which line would.
 */
static void opening_socks_denied(struct conn *c)
{
	struct policy_question q = opening_question(c, RULE_TCP);
	char line[HOST_MAX + 32], why[HOST_MAX + 96];

	if (c->port == 443) {
		q.scheme = RULE_HTTPS;
		q.method = SLICE("GET");
		q.path = SLICE("/");
	}
	policy_suggest(&q, line, sizeof(line));
	(void)snprintf(why, sizeof(why),
		       "no rule allows this host and port; to allow: %s", line);
	conn_refuse(c, AUDIT_PROTOCOL, SLICE(CONN_DENIED), slice_str(why));
}

/* SOCKS5 with a name and a token: from here on it is that sandbox's. */
static bool opening_login(struct conn *c, struct login *login)
{
	struct sandbox *sb = sandbox_by_login(c->gate->sandboxes, login);
	bool good = sb && (sb == c->facts.sandbox || sb->conns < CONNS_SANDBOX);

	login_done(login);
	(void)socks_admit(&c->socks, &c->link.out, good);
	if (!good)
		return false;
	sandbox_hold(sb);
	sandbox_drop(c->facts.sandbox);
	c->facts.sandbox = sb;
	return true;
}

static int opening_socks_read(struct conn *c, struct authority *ret)
{
	struct login login;
	int rc;

	c->socks.must_login = c->facts.sandbox->nobody;
	rc = socks_read(&c->socks, &c->hello, &c->link.out, &login, ret);
	if (rc != SOCKS_LOGIN)
		return rc;
	if (!opening_login(c, &login))
		return ERR_DENIED;
	return socks_read(&c->socks, &c->hello, &c->link.out, &login, ret);
}

static void opening_socks_refused(struct conn *c, int rc)
{
	if (rc == ERR_DENIED)
		conn_refuse(c, AUDIT_PROTOCOL, refusal_slug(REFUSAL_LOGIN),
			    SLICE("the name and the token are no sandbox's"));
	else
		conn_refuse(c, AUDIT_PROTOCOL, SLICE("bad-socks"),
			    SLICE("no SOCKS5 request that is served here"));
}

/* SOCKS5: a rule for the name lets it through; what it carries is judged. */
static void opening_socks(struct conn *c)
{
	struct authority target;
	int rc = opening_socks_read(c, &target);
	bool good = false;

	if (rc == 1) {
		struct judge_facts facts = {
			.policy = c->facts.sandbox->policy,
			.now_s = gate_now_s(c->gate),
			.learn = c->facts.sandbox->learn,
		};

		c->name = target;
		c->port = target.port;
		good = judge_target(&facts, &target);
		(void)socks_reply(&c->link.out,
				  good ? SOCKS_GRANTED : SOCKS_DENIED);
	}
	if (wire_write(&c->link.wire, &c->link.out) < 0 ||
	    (rc == 0 && c->link.wire.ended)) {
		conn_end(c);
		return;
	}
	if (rc == 0)
		return;
	if (good)
		opening_redirect(c, &target);
	else if (rc == 1)
		opening_socks_denied(c);
	else
		opening_socks_refused(c, rc);
}

/* Neither TLS nor HTTP: only a tunnel could carry it. */
static void opening_unknown(struct conn *c)
{
	struct policy_question q = opening_question(c, RULE_TCP);
	struct policy_answer answer;
	char line[HOST_MAX + 32], why[HOST_MAX + 192];

	policy_judge(c->facts.sandbox->policy, &q, &answer);
	policy_suggest(&q, line, sizeof(line));
	if (answer.rule && answer.verdict == VERDICT_DENY)
		(void)snprintf(why, sizeof(why),
			       "neither TLS nor HTTP, and the rule '%.*s' "
			       "denies a tunnel",
			       (int)MIN(rule_text(answer.rule).len, HOST_MAX),
			       rule_text(answer.rule).ptr);
	else
		(void)snprintf(why, sizeof(why),
			       "neither TLS nor HTTP; to allow: %s", line);
	conn_refuse(c, AUDIT_PROTOCOL, SLICE("unknown-protocol"),
		    slice_str(why));
}

static void opening_hello(struct conn *c)
{
	enum hello_kind kind;

	if (!opening_gather(c))
		return;
	if (c->facts.proxy && buf_len(&c->hello) &&
	    (c->socks.greeted || buf_data(&c->hello)[0] == SOCKS_VERSION)) {
		opening_socks(c);
		return;
	}
	if (!hello_kind(buf_slice(&c->hello), &kind)) {
		if (c->link.wire.ended)
			conn_end(c);
		return;
	}
	switch (kind) {
	case HELLO_TLS:
		if (c->link.wire.ended)
			conn_end(c);
		else
			opening_tls(c);
		break;
	case HELLO_HTTP1:
		opening_clear(c, false);
		break;
	case HELLO_H2:
		opening_clear(c, true);
		break;
	case HELLO_OTHER:
		if (c->facts.sandbox->learn)
			opening_tunnel(c, "tcp");
		else
			opening_unknown(c);
		break;
	}
}

bool opening_silent(struct conn *c)
{
	if (!c->facts.sandbox->learn || c->facts.proxy || buf_len(&c->hello))
		return false;
	opening_tunnel(c, "tcp");
	return true;
}

void opening_begin(struct conn *c)
{
	if (!c->facts.proxy && opening_allows(c, RULE_TCP))
		opening_tunnel(c, "tcp");
}

bool opening_again(struct conn *c)
{
	struct authority target = c->facts.target;

	if (!c->facts.proxy || !c->facts.targeted || c->facts.exchanges ||
	    buf_len(&c->link.out))
		return false;
	/* A long request may have come behind the CONNECT. */
	buf_done(&c->hello);
	c->hello = c->link.in;
	buf_init(&c->link.in, WIRE_IN_MAX);
	http_codec_free(&c->link.codec);
	c->facts.codec = NULL;
	c->link.end_told = false; /* not to the codec that is next */
	conn_set_state(c, CONN_HELLO);
	opening_redirect(c, &target);
	return true;
}

void opening_step(struct conn *c)
{
	switch (c->state) {
	case CONN_HELLO:
		opening_hello(c);
		break;
	case CONN_LEAF:
		opening_leaf(c);
		break;
	case CONN_SHAKE:
		opening_shake(c);
		break;
	default:
		assert(0);
	}
}
