/* gateway/refusal.c - the answers of our own.
 *
 * Theory of operation
 *
 * A table says for each kind its status, its title and what to do next. The
 * body is written piece by piece through one writer, which knows the medium
 * and whose error sticks. Our own words go through medium_lit() as they are;
 * what may hold a peer's octets goes through medium_text(), which makes it
 * printable ASCII and escapes it for the medium, so that no text can break out
 * of its string, its element or its line.
 *
 * The command that would allow the request is meant to be copied into a shell,
 * and holds a path that the sandbox chose. It stands between single quotes,
 * with those inside it escaped, and is offered only if it is plain ASCII.
 */

#include "gateway/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

/* Why retrying is, or is not, of use; and whose turn it is. */
#define NOT_THE_SITE                                                           \
	"This refusal comes from the egress gateway, not from the site; "
#define ASK_OPERATOR NOT_THE_SITE "retrying will not help. Ask the operator to "
#define MEND_REQUEST NOT_THE_SITE "the same request will be refused again. "
#define ALLOWED_BUT                                                            \
	"The policy allows this request, but the egress gateway could not "    \
	"pass it on. "

struct refusal_row {
	const char *slug;
	uint16_t status;
	uint16_t retry_s; /* retry-after; 0: none */
	const char *title;
	const char *detail; /* when the caller has none */
	const char *next;
};

static const struct refusal_row refusal_rows[] = {
	[REFUSAL_DENIED] = { "denied", 403, 0, "Denied by the egress policy",
			     "No rule allows this request.",
			     ASK_OPERATOR "change the policy if this request "
					  "should pass." },
	[REFUSAL_UNANSWERED] = { "unanswered", 403, 0,
				 "Held for approval, and nobody approved",
				 "The operator was asked and did not answer "
				 "in time.",
				 NOT_THE_SITE "ask the operator, then send "
					      "the request again." },
	[REFUSAL_TOO_LARGE] = { "too-large", 413, 0,
				"Larger than the egress policy allows",
				"The rule for this request limits its body.",
				ASK_OPERATOR "raise max-body in the rule." },
	[REFUSAL_RATE] = { "rate", 429, 60,
			   "More often than the egress policy allows",
			   "The rule for this request limits its rate.",
			   NOT_THE_SITE "wait as long as retry-after says." },
	[REFUSAL_PLACEHOLDER] = { "placeholder", 403, 0,
				  "A credential's placeholder, sent elsewhere",
				  "The request holds the placeholder of a "
				  "credential that is not for this host.",
				  ASK_OPERATOR "say inject= in the rule, if "
					       "the credential is for this "
					       "request." },
	[REFUSAL_MALFORMED] = { "malformed", 400, 0, "Malformed request",
				"The request is not valid HTTP.",
				MEND_REQUEST "Correct it as the detail "
					     "says." },
	[REFUSAL_LOGIN] = { "login", 407, 0, "The proxy does not know you",
			    "The proxy needs the name and the token of a "
			    "sandbox, and got none, or wrong ones.",
			    NOT_THE_SITE "put them into the proxy's URL: "
					 "http://NAME:TOKEN@HOST:PORT. The "
					 "operator has them." },
	[REFUSAL_SLOW] = { "slow", 408, 0, "Request not complete in time",
			   "The request did not become whole in time.",
			   NOT_THE_SITE "send the request again, whole." },
	[REFUSAL_URI_LONG] = { "uri-long", 414, 0, "Request target too long",
			       "The request target is over the limit.",
			       MEND_REQUEST "Shorten the URL." },
	[REFUSAL_MISDIRECTED] = { "misdirected", 421, 0,
				  "Names of the request do not agree",
				  "The connection and the request name "
				  "different hosts.",
				  MEND_REQUEST "Open a connection of its own "
					       "for each host." },
	[REFUSAL_HEAD_LONG] = { "head-long", 431, 0, "Request head too large",
				"The request's fields are over the limit.",
				MEND_REQUEST "Send fewer or shorter fields; "
					     "often it is the cookies." },
	[REFUSAL_METHOD] = { "method", 501, 0, "Unknown method",
			     "The gateway does not know this method.",
			     MEND_REQUEST "Use a registered method." },
	[REFUSAL_VERSION] = { "version", 505, 0, "Unsupported HTTP version",
			      "The gateway speaks HTTP/1.0, HTTP/1.1 and "
			      "HTTP/2.",
			      MEND_REQUEST "Use one of these versions." },
	[REFUSAL_DNS] = { "upstream-dns", 502, 0, "Name not found",
			  "The name has no address.",
			  ALLOWED_BUT "Check the name; if it is right, the "
				      "gateway's resolver does not know it." },
	[REFUSAL_ADDRESS] = { "upstream-address", 502, 0,
			      "Address not permitted",
			      "The name resolves to an address that the "
			      "gateway does not dial.",
			      ALLOWED_BUT "Private networks need the option "
					  "'private' in the rule, which the "
					  "operator can add; loopback, "
					  "link-local and metadata addresses "
					  "are never dialled." },
	[REFUSAL_CONNECT] = { "upstream-connect", 502, 5, "No connection",
			      "The site did not accept a connection.",
			      ALLOWED_BUT "The site may be down; try again "
					  "later." },
	[REFUSAL_CERTIFICATE] = { "upstream-certificate", 502, 0,
				  "Certificate of the site not accepted",
				  "The site's certificate failed the "
				  "gateway's checks.",
				  ALLOWED_BUT "Turning off verification in "
					      "the client changes nothing. If "
					      "the site uses a CA of its own, "
					      "the operator can make the "
					      "gateway trust it." },
	[REFUSAL_TLS] = { "upstream-tls", 502, 0, "No TLS with the site",
			  "The TLS handshake with the site failed.",
			  ALLOWED_BUT "The site must offer TLS 1.2 or later "
				      "on this port." },
	[REFUSAL_PROTOCOL] = { "upstream-protocol", 502, 0,
			       "Invalid answer from the site",
			       "The site's answer is not valid HTTP.",
			       ALLOWED_BUT "The site's answer was dropped, as "
					   "its meaning was in doubt." },
	[REFUSAL_RESPONSE_LARGE] = { "response-too-large", 502, 0,
				     "Answer larger than the egress policy "
				     "allows",
				     "The rule for this request limits the "
				     "answer's size.",
				     ASK_OPERATOR "raise max-response in the "
						  "rule." },
	[REFUSAL_DNS_TIMEOUT] = { "upstream-dns-timeout", 504, 5,
				  "Name not resolved in time",
				  "The resolver did not answer in time.",
				  ALLOWED_BUT "Try again; if it stays, the "
					      "gateway's resolver is at "
					      "fault." },
	[REFUSAL_CONNECT_TIMEOUT] = { "upstream-connect-timeout", 504, 5,
				      "No connection in time",
				      "The site did not answer to a "
				      "connection in time.",
				      ALLOWED_BUT "The site may be down; try "
						  "again later." },
	[REFUSAL_TLS_TIMEOUT] = { "upstream-tls-timeout", 504, 5,
				  "No TLS with the site in time",
				  "The TLS handshake with the site took too "
				  "long.",
				  ALLOWED_BUT "The site may be overloaded; try "
					      "again later." },
	[REFUSAL_RESPONSE_TIMEOUT] = { "upstream-response-timeout", 504, 0,
				       "No answer from the site in time",
				       "The site took the request and did not "
				       "answer in time.",
				       ALLOWED_BUT "The site may have done "
						   "what was asked; look "
						   "before sending it "
						   "again." },
	[REFUSAL_LEDGER] = { "audit-full", 503, 10,
			     "Decision cannot be recorded",
			     "The audit ledger is full or does not keep up.",
			     NOT_THE_SITE "nothing passes without a record. "
					  "Try again later; if it stays, tell "
					  "the operator." },
	[REFUSAL_SECRET] = { "secret", 503, 0, "The credential is not at hand",
			     "The rule puts a credential into this request, "
			     "and the gateway does not have it.",
			     ASK_OPERATOR "look at secrets: in the "
					  "configuration." },
	[REFUSAL_BUSY] = { "busy", 503, 1, "Gateway busy",
			   "The gateway is at one of its limits.",
			   NOT_THE_SITE "try again later." },
};
static_assert(ARRAY_SIZE(refusal_rows) == REFUSAL_KINDS,
	      "a refusal without a row");

struct slice refusal_slug(enum refusal_kind kind)
{
	assert(kind < REFUSAL_KINDS);
	return slice_str(refusal_rows[kind].slug);
}

uint16_t refusal_status(enum refusal_kind kind)
{
	assert(kind < REFUSAL_KINDS);
	return refusal_rows[kind].status;
}

/* What the three media say, each in its own way. */
struct refusal_said {
	const struct refusal_row *row;
	const struct refusal *r;
	struct slice detail;
	struct slice to_allow; /* empty: none can be given */
	struct slice command;  /* empty: the same */
	const char *next;
};

static bool refusal_all(struct slice s, bool (*is)(char c))
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is(s.ptr[i]))
			return false;
	}
	return s.len > 0;
}

/* Needs no quotes in a shell, and no escape in a field. */
static bool refusal_plain(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.';
}

/* "penstock allow SANDBOX 'LINE'". Returns 0 or -ENOBUFS; *ret stays empty
 * when no safe command can be given.
 */
static int refusal_command(struct slice sandbox, struct slice line,
			   struct arena *a, struct slice *ret)
{
	static const struct slice lead = SLICE("penstock allow ");
	char *mem, *p;

	if (!refusal_all(line, medium_printable) ||
	    !refusal_all(sandbox, refusal_plain) || sandbox.ptr[0] == '-')
		return 0;
	mem = arena_alloc(a, lead.len + sandbox.len + 3 + 4 * line.len);
	if (!mem)
		return -ENOBUFS;
	p = mempcpy(mem, lead.ptr, lead.len);
	p = mempcpy(p, sandbox.ptr, sandbox.len);
	p = mempcpy(p, " '", 2);
	for (size_t i = 0; i < line.len; i++) {
		if (line.ptr[i] == '\'')
			p = mempcpy(p, "'\\''", 4);
		else
			*p++ = line.ptr[i];
	}
	*p++ = '\'';
	*ret = slice_of(mem, (size_t)(p - mem));
	return 0;
}

static int refusal_gather(const struct refusal *r, struct arena *a,
			  struct refusal_said *ret)
{
	const struct refusal_row *row = &refusal_rows[r->kind];
	struct refusal_said s = {
		.row = row, .r = r, .detail = r->detail, .next = row->next
	};
	int err = 0;

	if (!s.detail.len)
		s.detail = slice_str(row->detail);
	if (r->to_allow.len <= REFUSAL_TEXT_MAX)
		s.to_allow = r->to_allow;
	if (s.to_allow.len && r->sandbox.len <= REFUSAL_TEXT_MAX)
		err = refusal_command(r->sandbox, s.to_allow, a, &s.command);
	if (s.command.len)
		s.next = ASK_OPERATOR "add the rule in to_allow, or to run: ";
	*ret = s;
	return err;
}

static void refusal_member(struct medium_out *w, const char *name,
			   struct slice s)
{
	medium_lit(w, ",\n  \"");
	medium_lit(w, name);
	if (!s.len) {
		medium_lit(w, "\": null");
		return;
	}
	medium_lit(w, "\": \"");
	medium_text(w, s);
	medium_lit(w, "\"");
}

/* RFC 9457. */
static void refusal_json(struct medium_out *w, const struct refusal_said *s)
{
	char status[32];

	(void)snprintf(status, sizeof(status), ",\n  \"status\": %u",
		       s->row->status);
	medium_lit(w, "{\n  \"type\": \"urn:penstock:");
	medium_lit(w, s->row->slug);
	medium_lit(w, "\"");
	refusal_member(w, "title", slice_str(s->row->title));
	medium_lit(w, status);
	refusal_member(w, "detail", s->detail);
	refusal_member(w, "sandbox", s->r->sandbox);
	refusal_member(w, "rule", s->r->rule);
	refusal_member(w, "request_id", s->r->request_id);
	refusal_member(w, "to_allow", s->to_allow);
	medium_lit(w, ",\n  \"next_steps\": \"");
	medium_lit(w, s->next);
	medium_whole(w, s->command);
	medium_lit(w, "\"\n}\n");
}

static void refusal_line(struct medium_out *w, const char *label,
			 struct slice s)
{
	if (!s.len)
		return;
	medium_lit(w, label);
	medium_text(w, s);
	medium_lit(w, "\n");
}

static void refusal_text(struct medium_out *w, const struct refusal_said *s)
{
	char status[16];

	(void)snprintf(status, sizeof(status), " (%u)\n\n", s->row->status);
	medium_lit(w, s->row->title);
	medium_lit(w, status);
	medium_text(w, s->detail);
	medium_lit(w, "\n\n");
	refusal_line(w, "sandbox:     ", s->r->sandbox);
	refusal_line(w, "rule:        ", s->r->rule);
	refusal_line(w, "to_allow:    ", s->to_allow);
	refusal_line(w, "request_id:  ", s->r->request_id);
	medium_lit(w, "\n");
	medium_lit(w, s->next);
	medium_whole(w, s->command);
	medium_lit(w, "\n");
}

static void refusal_entry(struct medium_out *w, const char *label,
			  struct slice s)
{
	if (!s.len)
		return;
	medium_lit(w, "<dt>");
	medium_lit(w, label);
	medium_lit(w, "<dd><code>");
	medium_text(w, s);
	medium_lit(w, "</code>\n");
}

static void refusal_html(struct medium_out *w, const struct refusal_said *s)
{
	medium_lit(w, "<!doctype html>\n<html lang=\"en\">\n"
		      "<meta charset=\"utf-8\">\n"
		      "<meta name=\"viewport\" "
		      "content=\"width=device-width\">\n<title>");
	medium_lit(w, s->row->title);
	medium_lit(w, "</title>\n<style>\n"
		      ":root { color-scheme: light dark }\n"
		      "body { font: 1rem/1.5 system-ui, sans-serif; "
		      "max-width: 44rem; margin: 12vh auto; "
		      "padding: 0 1rem }\n"
		      "dt { opacity: .7 }\n"
		      "dd { margin: 0 0 .5rem }\n"
		      "code { overflow-wrap: anywhere }\n"
		      "</style>\n<h1>");
	medium_lit(w, s->row->title);
	medium_lit(w, "</h1>\n<p>");
	medium_text(w, s->detail);
	medium_lit(w, "</p>\n<dl>\n");
	refusal_entry(w, "Sandbox", s->r->sandbox);
	refusal_entry(w, "Rule", s->r->rule);
	refusal_entry(w, "To allow", s->to_allow);
	refusal_entry(w, "Request id", s->r->request_id);
	medium_lit(w, "</dl>\n<p>");
	medium_lit(w, s->next);
	if (s->command.len)
		medium_lit(w, "<code>");
	medium_whole(w, s->command);
	if (s->command.len)
		medium_lit(w, "</code>");
	medium_lit(w, "</p>\n</html>\n");
}

static int refusal_body(const struct refusal_said *s, enum medium m,
			struct buf *body)
{
	static void (*const write[])(struct medium_out * w,
				     const struct refusal_said *s) = {
		[MEDIUM_TEXT] = refusal_text,
		[MEDIUM_JSON] = refusal_json,
		[MEDIUM_HTML] = refusal_html,
	};
	struct medium_out w = { .out = body, .medium = m };

	write[m](&w, s);
	return w.bad ? -ENOBUFS : 0;
}

/* An octet that ends a token of Penstock-Verdict would let whoever chose the
 * id write fields; ids of ours have none.
 */
static int refusal_verdict(const struct refusal *r, struct arena *a,
			   struct slice *ret)
{
	const char *word =
		refusal_rows[r->kind].status < 500 ? "deny" : "error";

	if (!refusal_all(r->request_id, refusal_plain)) {
		*ret = slice_str(word);
		return 0;
	}
	return refusal_say(a, ret, "%s; id=%.*s", word,
			   (int)MIN(r->request_id.len, (size_t)64),
			   r->request_id.ptr);
}

static int refusal_fields(const struct refusal *r, enum medium m,
			  struct arena *a, struct http_head *head)
{
	uint32_t retry_s = r->retry_after_s ? r->retry_after_s
					    : refusal_rows[r->kind].retry_s;
	struct slice verdict, retry;
	int err = refusal_verdict(r, a, &verdict);

	if (err == 0)
		err = http_head_add(a, head, SLICE("content-type"),
				    medium_type(m));
	if (err == 0)
		err = http_head_add(a, head, SLICE("cache-control"),
				    SLICE("no-store"));
	if (err == 0)
		err = http_head_add(a, head, SLICE("x-content-type-options"),
				    SLICE("nosniff"));
	if (err == 0 && r->kind == REFUSAL_LOGIN)
		err = http_head_add(a, head, SLICE("proxy-authenticate"),
				    SLICE("Basic realm=\"penstock\""));
	if (err == 0 && m == MEDIUM_HTML)
		err = http_head_add(a, head, SLICE("content-security-policy"),
				    SLICE("default-src 'none'; "
					  "style-src 'unsafe-inline'"));
	if (err == 0)
		err = http_head_add(a, head, SLICE("penstock-verdict"),
				    verdict);
	if (err < 0 || !retry_s)
		return err;
	err = refusal_say(a, &retry, "%u", retry_s);
	return err < 0 ? err
		       : http_head_add(a, head, SLICE("retry-after"), retry);
}

static int refusal_head(const struct refusal *r, enum medium m, size_t body_len,
			struct arena *a, struct http_head **ret)
{
	struct http_head *head = http_head_new(a);
	int err;

	if (!head)
		return -ENOBUFS;
	head->status = refusal_rows[r->kind].status;
	head->version = HTTP_1_1;
	head->framing = r->head_request ? HTTP_NO_BODY : HTTP_LENGTH;
	head->has_length = true;
	head->content_length = body_len;
	err = refusal_fields(r, m, a, head);
	if (err < 0)
		return err;
	*ret = head;
	return 0;
}

int refusal_make(const struct refusal *r, struct arena *a,
		 struct http_head **ret_head, struct buf *body)
{
	size_t before = buf_len(body);
	enum medium m = medium_choose(r->accept, r->user_agent);
	struct refusal_said said;
	int err;

	assert(r->kind < REFUSAL_KINDS);
	err = refusal_gather(r, a, &said);
	if (err == 0)
		err = refusal_body(&said, m, body);
	if (err == 0)
		err = refusal_head(r, m, buf_len(body) - before, a, ret_head);
	/* Take back what was appended, from the end. */
	if (err < 0 || r->head_request)
		body->end = body->pos + before;
	return err;
}

int refusal_say(struct arena *a, struct slice *ret, const char *fmt, ...)
{
	char text[REFUSAL_TEXT_MAX + 1];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert(n >= 0);
	return arena_copy(
		a, slice_of(text, MIN((size_t)n, (size_t)REFUSAL_TEXT_MAX)),
		ret);
}
