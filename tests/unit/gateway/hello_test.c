/* tests/unit/gateway/hello_test.c - ClientHellos, real and hostile. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/ssl.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/hello.h"

/* Octets being put together. */
struct text {
	uint8_t mem[40000];
	size_t len;
};

static void put(struct text *t, const void *data, size_t len)
{
	assert_true(len <= sizeof(t->mem) - t->len);
	memcpy(t->mem + t->len, data, len);
	t->len += len;
}

static void put_u8(struct text *t, unsigned int v)
{
	uint8_t b = (uint8_t)v;

	put(t, &b, 1);
}

static void put_u16(struct text *t, unsigned int v)
{
	put_u8(t, v >> 8);
	put_u8(t, v & 0xff);
}

static struct slice of(const struct text *t)
{
	return slice_of(t->mem, t->len);
}

static void put_ext(struct text *t, unsigned int type, const void *data,
		    size_t len)
{
	put_u16(t, type);
	put_u16(t, (unsigned int)len);
	put(t, data, len);
}

/* server_name with one entry of this type. */
static void put_sni(struct text *t, unsigned int type, struct slice name)
{
	put_u16(t, 0);
	put_u16(t, (unsigned int)name.len + 5);
	put_u16(t, (unsigned int)name.len + 3);
	put_u8(t, type);
	put_u16(t, (unsigned int)name.len);
	put(t, name.ptr, name.len);
}

/* What stands before the extensions, from the legacy version on. */
static void put_front(struct text *t)
{
	static const uint8_t random[32] = { 1, 2, 3 };

	put_u16(t, 0x0303);
	put(t, random, sizeof(random));
	put_u8(t, 0);  /* session id */
	put_u16(t, 2); /* cipher suites */
	put_u16(t, 0x1301);
	put_u8(t, 1); /* compression methods */
	put_u8(t, 0);
}

/* A message with its handshake header, cut into records of size octets. */
static void put_records(struct text *t, struct slice body, size_t size)
{
	struct text m = { .len = 0 };
	struct slice rest;

	put_u8(&m, 1);
	put_u8(&m, (unsigned int)(body.len >> 16));
	put_u16(&m, body.len & 0xffff);
	put(&m, body.ptr, body.len);
	for (rest = of(&m); rest.len;) {
		size_t n = MIN(rest.len, size);

		put_u8(t, 22);
		put_u16(t, 0x0301);
		put_u16(t, (unsigned int)n);
		put(t, rest.ptr, n);
		rest = slice_skip(rest, n);
	}
}

/* A hello with these extensions, in one record. */
static void put_hello(struct text *t, const struct text *exts)
{
	struct text body = { .len = 0 };

	put_front(&body);
	put_u16(&body, (unsigned int)exts->len);
	put(&body, exts->mem, exts->len);
	put_records(t, of(&body), 16384);
}

static void is(const struct hello *h, const char *name, bool h2, bool h1)
{
	assert_int_equal(h->has_name, name != NULL);
	assert_false(h->bad_name);
	if (name) {
		assert_string_equal(h->name.host, name);
		assert_int_equal(h->name.host_len, strlen(name));
		assert_int_equal(h->name.port, 0);
		assert_int_equal(h->name.kind, HOST_NAME);
	}
	assert_int_equal(h->alpn_h2, h2);
	assert_int_equal(h->alpn_h1, h1);
}

/* In an allocation of just this size, so that ASan sees one octet too many;
 * untouched unless 1.
 */
static int parse(struct slice octets, struct hello *ret)
{
	struct hello before;
	char *copy = malloc(octets.len ? octets.len : 1);
	int err;

	assert_non_null(copy);
	if (octets.len)
		memcpy(copy, octets.ptr, octets.len);
	memset(ret, 0x5a, sizeof(*ret));
	before = *ret;
	err = hello_parse(slice_of(copy, octets.len), ret);
	free(copy);
	if (err != 1)
		assert_memory_equal(ret, &before, sizeof(before));
	return err;
}

static void must_parse(const struct text *t, struct hello *ret)
{
	assert_int_equal(parse(of(t), ret), 1);
}

static void must_refuse(const struct text *t)
{
	struct hello h;

	assert_int_equal(parse(of(t), &h), ERR_SYNTAX);
}

/* What OpenSSL sends first. */
static void real_hello(struct text *t, const char *name, int version,
		       struct slice alpn)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	BIO *out = BIO_new(BIO_s_mem());
	char *data = NULL;
	long len;

	assert_int_equal(SSL_set_min_proto_version(ssl, version), 1);
	assert_int_equal(SSL_set_max_proto_version(ssl, version), 1);
	if (name)
		assert_int_equal(SSL_set_tlsext_host_name(ssl, name), 1);
	if (alpn.len)
		assert_int_equal(SSL_set_alpn_protos(
					 ssl, (const unsigned char *)alpn.ptr,
					 (unsigned int)alpn.len),
				 0);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
	assert_true(SSL_connect(ssl) < 0);
	len = BIO_get_mem_data(out, &data);
	assert_true(len > 0);
	put(t, data, (size_t)len);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void reads_real_hellos(void **ctx)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static const struct {
		struct slice alpn;
		bool h2, h1;
	} cases[] = {
		{ SLICE(""), false, false },
		{ SLICE("\2h2\x08http/1.1"), true, true },
		{ SLICE("\x08http/1.1"), false, true },
		{ SLICE("\2h2"), true, false },
		{ SLICE("\2h3\x08http/1.0\3foo"), false, false },
	};

	(void)ctx;
	for (size_t v = 0; v < ARRAY_SIZE(versions); v++) {
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			struct text t = { .len = 0 };
			struct hello h;

			real_hello(&t, "API.Example.com", versions[v],
				   cases[i].alpn);
			must_parse(&t, &h);
			is(&h, "api.example.com", cases[i].h2, cases[i].h1);
			assert_false(h.has_ech);
		}
	}
}

static void reads_hellos_without_a_name(void **ctx)
{
	struct text t = { .len = 0 };
	struct hello h;

	(void)ctx;
	real_hello(&t, NULL, TLS1_3_VERSION, SLICE("\2h2"));
	must_parse(&t, &h);
	is(&h, NULL, true, false);
}

static void reads_hellos_without_extensions(void **ctx)
{
	struct text body = { .len = 0 }, t = { .len = 0 };
	struct hello h;

	(void)ctx;
	put_front(&body);
	put_records(&t, of(&body), 16384);
	must_parse(&t, &h);
	is(&h, NULL, false, false);
}

/* Every prefix is "more, please", the whole is the answer, and what follows
 * changes nothing.
 */
static void grow(const struct text *t)
{
	struct text longer = *t;
	struct hello h;

	for (size_t n = 0; n < t->len; n++)
		assert_int_equal(parse(slice_of(t->mem, n), &h), 0);
	must_parse(t, &h);
	is(&h, "api.example.com", true, true);
	put(&longer, "\x14\3\3\0\1\1\x17\3\3", 9);
	must_parse(&longer, &h);
	is(&h, "api.example.com", true, true);
}

static void grows_by_one_octet(void **ctx)
{
	struct text t = { .len = 0 };

	(void)ctx;
	real_hello(&t, "api.example.com", TLS1_3_VERSION,
		   SLICE("\2h2\x08http/1.1"));
	grow(&t);
}

static void reads_many_records(void **ctx)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 64, 100 };
	struct text real = { .len = 0 };
	struct slice body;

	(void)ctx;
	real_hello(&real, "api.example.com", TLS1_3_VERSION,
		   SLICE("\2h2\x08http/1.1"));
	body = slice_skip(of(&real), 9);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct text t = { .len = 0 };

		put_records(&t, body, sizes[i]);
		grow(&t);
	}
}

/* A hello of this many octets, header included, padded by an extension. */
static void put_padded(struct text *t, size_t total, size_t record)
{
	static const char zeros[17000];
	struct text exts = { .len = 0 }, body = { .len = 0 };

	put_sni(&exts, 0, SLICE("big.example"));
	put_front(&body);
	/* Header, this far, length of extensions, name, head of padding. */
	put_ext(&exts, 21, zeros, total - 4 - body.len - 2 - exts.len - 4);
	put_u16(&body, (unsigned int)exts.len);
	put(&body, exts.mem, exts.len);
	put_records(t, of(&body), record);
}

static void bounds_the_size(void **ctx)
{
	struct text fits = { .len = 0 }, split = { .len = 0 };
	struct text large = { .len = 0 }, crumbs = { .len = 0 };
	struct hello h;

	(void)ctx;
	put_padded(&fits, 16384, 16384);
	must_parse(&fits, &h);
	assert_string_equal(h.name.host, "big.example");
	put_padded(&split, 16384, 1400);
	must_parse(&split, &h);

	/* One octet more is refused as soon as its length is known. */
	put_padded(&large, 16385, 8000);
	assert_int_equal(parse(slice_of(large.mem, 9), &h), ERR_LIMIT);
	/* Records of one octet reach the bound of all octets. */
	put_padded(&crumbs, 4000, 1);
	assert_int_equal(parse(slice_of(crumbs.mem, HELLO_MAX - 1), &h), 0);
	assert_int_equal(parse(slice_of(crumbs.mem, HELLO_MAX), &h), ERR_LIMIT);
	assert_int_equal(parse(of(&crumbs), &h), ERR_LIMIT);
}

static void notes_bad_names(void **ctx)
{
	static const struct slice bad[] = {
		SLICE("a\0b.example"),
		SLICE("a.example\r\nX: y"),
		SLICE("127.0.0.1"),
		SLICE("2130706433"),
		SLICE("0x7f000001"),
		SLICE("::1"),
		SLICE("[::1]"),
		SLICE("a.example:443"),
		SLICE("a..example"),
		SLICE("good@evil"),
		SLICE("a,b"),
		SLICE("../x"),
		SLICE("*.example"),
		SLICE("."),
		SLICE("b\xc3\xbc"
		      "cher"),
		SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		      "aaaaaaaaaa.example"), /* 64 */
	};

	(void)ctx;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct text exts = { .len = 0 }, t = { .len = 0 };
		struct hello h;

		put_sni(&exts, 0, bad[i]);
		put_hello(&t, &exts);
		must_parse(&t, &h);
		assert_true(h.bad_name);
		assert_false(h.has_name);
		assert_int_equal(h.name.host_len, 0);
	}
}

static void takes_a_trailing_dot(void **ctx)
{
	struct text exts = { .len = 0 }, t = { .len = 0 };
	struct hello h;

	(void)ctx;
	put_sni(&exts, 0, SLICE("a.example."));
	put_hello(&t, &exts);
	must_parse(&t, &h);
	is(&h, "a.example", false, false);
}

static void refuses_two_names(void **ctx)
{
	static const uint8_t two[] = { 0, 8, 0, 0, 1, 'a', 0, 0, 1, 'b' };
	struct text exts = { .len = 0 }, t = { .len = 0 };

	(void)ctx;
	put_ext(&exts, 0, two, sizeof(two));
	put_hello(&t, &exts);
	must_refuse(&t);

	exts.len = t.len = 0;
	put_sni(&exts, 0, SLICE("a.example"));
	put_ext(&exts, 10, "\0\2\0\x1d", 4);
	put_sni(&exts, 0, SLICE("a.example"));
	put_hello(&t, &exts);
	must_refuse(&t);
}

static void refuses_odd_server_names(void **ctx)
{
	static const struct slice bad[] = {
		SLICE(""),		      /* no list */
		SLICE("\0\0"),		      /* empty list */
		SLICE("\0\3\0\0\0"),	      /* empty name */
		SLICE("\0\4\1\0\1a"),	      /* another type */
		SLICE("\0\4\0\0\1a\0"),	      /* more than the list */
		SLICE("\0\5\0\0\1a"),	      /* less than the list */
		SLICE("\0\4\0\0\2a"),	      /* less than the name */
		SLICE("\0\5\0\0\1ab"),	      /* more than the name */
		SLICE("\0\10\0\0\1a\1\0\1b"), /* another type behind */
		SLICE("\0"),
	};

	(void)ctx;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct text exts = { .len = 0 }, t = { .len = 0 };

		put_ext(&exts, 0, bad[i].ptr, bad[i].len);
		put_hello(&t, &exts);
		must_refuse(&t);
	}
}

static void refuses_odd_alpn(void **ctx)
{
	static const struct slice bad[] = {
		SLICE(""),	     SLICE("\0\0"),	SLICE("\0\1\0"),
		SLICE("\0\3\3h2"),   SLICE("\0\4\2h2"), SLICE("\0\3\2h2x"),
		SLICE("\0\4\2h2\0"),
	};
	struct text exts = { .len = 0 }, t = { .len = 0 };

	(void)ctx;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		exts.len = t.len = 0;
		put_ext(&exts, 16, bad[i].ptr, bad[i].len);
		put_hello(&t, &exts);
		must_refuse(&t);
	}
	exts.len = t.len = 0;
	put_ext(&exts, 16, "\0\3\2h2", 5);
	put_ext(&exts, 16, "\0\3\2h2", 5);
	put_hello(&t, &exts);
	must_refuse(&t);
}

static void sees_ech(void **ctx)
{
	struct text exts = { .len = 0 }, t = { .len = 0 };
	struct hello h;

	(void)ctx;
	put_sni(&exts, 0, SLICE("outer.example"));
	put_ext(&exts, 0xfe0d, "\0\0\1\0\1\x2a\0\0\0\0", 10);
	put_hello(&t, &exts);
	must_parse(&t, &h);
	assert_true(h.has_ech);
	is(&h, "outer.example", false, false);

	t.len = 0;
	put_ext(&exts, 0xfe0d, "", 0);
	put_hello(&t, &exts);
	must_refuse(&t);
}

/* RFC 8701: reserved values among suites, extensions and protocols. */
static void passes_over_grease(void **ctx)
{
	struct text exts = { .len = 0 }, body = { .len = 0 };
	struct text t = { .len = 0 };
	struct hello h;

	(void)ctx;
	put_ext(&exts, 0x0a0a, "", 0);
	put_sni(&exts, 0, SLICE("a.example"));
	put_ext(&exts, 16, "\0\6\2\xfa\xfa\2h2", 8);
	put_ext(&exts, 0x1a1a, "\0", 1);
	put_u16(&body, 0x0303);
	put(&body, "0123456789abcdef0123456789abcdef", 32);
	put(&body, "\0\0\4\x0a\x0a\x13\1\1\0", 9);
	put_u16(&body, (unsigned int)exts.len);
	put(&body, exts.mem, exts.len);
	put_records(&t, of(&body), 50);
	must_parse(&t, &h);
	is(&h, "a.example", true, false);
}

static void refuses_what_is_no_hello(void **ctx)
{
	static const struct slice bad[] = {
		SLICE("GET / HTTP/1.1\r\n"),
		SLICE("\x80\x2e\1\3\1\0\x15"), /* SSL 2 */
		SLICE("\x16\2\0\0\1\1"),       /* version */
		SLICE("\x16\4\0\0\1\1"),
		SLICE("\x16\3\1\0\0"),	       /* empty record */
		SLICE("\x16\3\1\x40\1"),       /* record of 16385 */
		SLICE("\x16\3\1\0\4\2"),       /* a ServerHello */
		SLICE("\x15\3\1\0\2\1\0"),     /* an alert */
		SLICE("\x16\3\1\0\1\1\x17"),   /* another type within */
		SLICE("\x16\3\1\0\5\1\0\0\0"), /* more than the message */
	};
	struct hello h;

	(void)ctx;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse(bad[i], &h), ERR_SYNTAX);
}

static void refuses_odd_bodies(void **ctx)
{
	static const struct {
		size_t at;
		uint8_t octet;
	} cases[] = {
		{ 0, 2 },   /* version */
		{ 34, 33 }, /* session id over 32, and over the end */
		{ 36, 0 },  /* no suites */
		{ 36, 3 },  /* half a suite */
		{ 36, 200 }, { 39, 0 },	  /* no compression */
		{ 39, 200 }, { 41, 1 },	  /* extensions overrun */
		{ 42, 0 },		  /* octets behind the extensions */
		{ 42, 200 }, { 46, 200 }, /* an extension overruns */
	};
	struct text exts = { .len = 0 }, body = { .len = 0 };

	(void)ctx;
	put_sni(&exts, 0, SLICE("a.example"));
	put_front(&body);
	put_u16(&body, (unsigned int)exts.len);
	put(&body, exts.mem, exts.len);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct text bad = body, t = { .len = 0 };

		bad.mem[cases[i].at] = cases[i].octet;
		put_records(&t, of(&bad), 16384);
		must_refuse(&t);
	}
	/* The message ends early, at any octet. */
	for (size_t n = 0; n < body.len; n++) {
		struct text t = { .len = 0 };

		put_records(&t, slice_of(body.mem, n), 16384);
		if (n != 41) /* there a hello without extensions ends */
			must_refuse(&t);
	}
}

/* One octet at a time is changed; anything may be answered but nonsense. */
static void stands_any_octet(void **ctx)
{
	struct text t = { .len = 0 };
	struct hello h;

	(void)ctx;
	real_hello(&t, "api.example.com", TLS1_2_VERSION,
		   SLICE("\2h2\x08http/1.1"));
	for (size_t i = 0; i < t.len; i++) {
		uint8_t was = t.mem[i];

		for (unsigned int c = 0; c < 256; c += 3) {
			int err;

			t.mem[i] = (uint8_t)c;
			err = parse(of(&t), &h);
			assert_true(err == 0 || err == 1 || err == ERR_SYNTAX ||
				    err == ERR_LIMIT);
			if (err == 1)
				assert_false(h.has_name && h.bad_name);
		}
		t.mem[i] = was;
	}
}

static int kind(struct slice octets)
{
	enum hello_kind k = (enum hello_kind)77;
	int err = hello_kind(octets, &k);

	if (err != 1) {
		assert_int_equal(k, 77);
		return err == 0 ? -1 : -2;
	}
	return (int)k;
}

static void tells_what_begins(void **ctx)
{
	static const struct {
		struct slice octets;
		int kind; /* -1: too few */
	} cases[] = {
		{ SLICE(""), -1 },
		{ SLICE("\x16"), -1 },
		{ SLICE("\x16\3"), HELLO_TLS },
		{ SLICE("\x16\2"), HELLO_OTHER },
		{ SLICE("\x80\x2e\1\3\1"), HELLO_OTHER },
		{ SLICE("G"), -1 },
		{ SLICE("GET"), -1 },
		{ SLICE("GET "), HELLO_HTTP1 },
		{ SLICE("M-SEARCH * HTTP/1.1"), HELLO_HTTP1 },
		{ SLICE("P"), -1 },
		{ SLICE("POST /"), HELLO_HTTP1 },
		{ SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r"), -1 },
		{ SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HELLO_H2 },
		{ SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0"), HELLO_H2 },
		{ SLICE("PRI * HTTP/1.1\r\n"), HELLO_HTTP1 },
		{ SLICE("PRIVATE / "), HELLO_HTTP1 },
		{ SLICE("SSH-2.0-OpenSSH_9.2p1 Debian-2"), HELLO_OTHER },
		{ SLICE("SSH-"), -1 },
		{ SLICE(" GET /"), HELLO_OTHER },
		{ SLICE("\r\nGET /"), HELLO_OTHER },
		{ SLICE("get /"), HELLO_OTHER },
		{ SLICE("GET\t/"), HELLO_OTHER },
		{ SLICE("\0\0\0\x1b"), HELLO_OTHER },
		{ SLICE("ABCDEFGHIJKLMNOPQRSTUVW"), -1 },
		{ SLICE("ABCDEFGHIJKLMNOPQRSTUVWX "), HELLO_HTTP1 },
		{ SLICE("ABCDEFGHIJKLMNOPQRSTUVWXY"), HELLO_OTHER },
	};

	(void)ctx;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(kind(cases[i].octets), cases[i].kind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_real_hellos),
		cmocka_unit_test(reads_hellos_without_a_name),
		cmocka_unit_test(reads_hellos_without_extensions),
		cmocka_unit_test(grows_by_one_octet),
		cmocka_unit_test(reads_many_records),
		cmocka_unit_test(bounds_the_size),
		cmocka_unit_test(notes_bad_names),
		cmocka_unit_test(takes_a_trailing_dot),
		cmocka_unit_test(refuses_two_names),
		cmocka_unit_test(refuses_odd_server_names),
		cmocka_unit_test(refuses_odd_alpn),
		cmocka_unit_test(sees_ech),
		cmocka_unit_test(passes_over_grease),
		cmocka_unit_test(refuses_what_is_no_hello),
		cmocka_unit_test(refuses_odd_bodies),
		cmocka_unit_test(stands_any_octet),
		cmocka_unit_test(tells_what_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
