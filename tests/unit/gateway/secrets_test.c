/* tests/unit/gateway/secrets_test.c - credentials that the sandbox never sees.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "gateway/secrets.h"

#define PLACEHOLDER "PLACEHOLDER-0123456789"

static char dir[] = "/tmp/penstock-secrets-XXXXXX";
static char path[64];
static struct secrets *set;
static struct arena arena;
static struct config_error err;

static void write_file(const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* A configuration with two secrets whose content is in the file. */
static int read_set(struct secrets **ret)
{
	char text[1024];
	struct config *config;
	int rc;

	(void)snprintf(text, sizeof(text),
		       "secrets:\n"
		       "  head: { file: %s, header: X-Api-Key,"
		       " prefix: \"Key \", hosts: [api.example, b.example] }\n"
		       "  place: { file: %s, placeholder: " PLACEHOLDER
		       ", hosts: [api.example] }\n",
		       path, path);
	rc = config_parse("test", slice_str(text), &config, &err);
	if (rc < 0)
		fail_msg("%s", err.text);
	rc = secrets_read(config, ret, &err);
	config_free(&config);
	return rc;
}

static int setup_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/secret", dir);
	return 0;
}

static int teardown_dir(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 16);
	write_file("s3cr3t/+ x=\n", 0600);
	return read_set(&set);
}

static int teardown(void **state)
{
	(void)state;
	secrets_free(&set);
	arena_done(&arena);
	return 0;
}

static struct http_head *head_new(const char *target)
{
	struct http_head *head = http_head_new(&arena);

	assert_non_null(head);
	head->method = SLICE("GET");
	head->scheme = SLICE("https");
	head->authority = SLICE("api.example");
	head->path = slice_str(target);
	return head;
}

static void add(struct http_head *head, const char *name, const char *value)
{
	assert_int_equal(
		http_head_add(&arena, head, slice_str(name), slice_str(value)),
		0);
}

static int inject(const char *name, const char *host, struct http_head *head)
{
	return secrets_inject(set, slice_str(name), slice_str(host), true,
			      &arena, head);
}

static void is_field(const struct http_head *head, const char *name,
		     const char *value)
{
	const struct http_field *f = http_head_find(head, slice_str(name));

	assert_non_null(f);
	assert_int_equal(f->value.len, strlen(value));
	assert_memory_equal(f->value.ptr, value, strlen(value));
}

static void test_header(void **state)
{
	struct http_head *head = head_new("/v1");

	(void)state;
	add(head, "accept", "*/*");
	add(head, "x-api-key", "the client's own");
	add(head, "x-api-key", "twice");
	assert_int_equal(inject("head", "api.example", head), 0);
	assert_int_equal(head->fields_len, 2);
	is_field(head, "x-api-key", "Key s3cr3t/+ x=");
	is_field(head, "accept", "*/*");
	assert_true(http_head_find(head, SLICE("x-api-key"))->sensitive);
	assert_false(http_head_find(head, SLICE("accept"))->sensitive);
	assert_int_equal(head->bytes, 2 * 32 + 9 + 15 + 6 + 3);
}

static void test_placeholder(void **state)
{
	struct http_head *head =
		head_new("/x?key=" PLACEHOLDER "&b=" PLACEHOLDER);

	(void)state;
	add(head, "authorization", "Bearer " PLACEHOLDER);
	add(head, "x-other", "a" PLACEHOLDER "b" PLACEHOLDER "c");
	add(head, "accept", "*/*");
	assert_int_equal(inject("place", "api.example", head), 0);
	is_field(head, "authorization", "Bearer s3cr3t/+ x=");
	is_field(head, "x-other", "as3cr3t/+ x=bs3cr3t/+ x=c");
	assert_true(http_head_find(head, SLICE("x-other"))->sensitive);
	/* In a URL nothing of it can end the target. */
	assert_true(slice_eq(head->path, SLICE("/x?key=s3cr3t%2F%2B%20x%3D"
					       "&b=s3cr3t%2F%2B%20x%3D")));
}

static void test_basic(void **state)
{
	struct http_head *head = head_new("/");

	(void)state;
	/* "user:PLACEHOLDER-0123456789" and "user:s3cr3t/+ x=" */
	add(head, "authorization",
	    "basic dXNlcjpQTEFDRUhPTERFUi0wMTIzNDU2Nzg5");
	assert_true(
		slice_eq(secrets_leak(set, head, SLICE("")), SLICE("place")));
	assert_int_equal(inject("place", "api.example", head), 0);
	is_field(head, "authorization", "Basic dXNlcjpzM2NyM3QvKyB4PQ==");
	assert_int_equal(secrets_leak(set, head, SLICE("")).len, 0);
}

static void test_refused(void **state)
{
	struct http_head *head = head_new("/" PLACEHOLDER);

	(void)state;
	add(head, "accept", PLACEHOLDER);
	assert_int_equal(inject("none", "api.example", head), ERR_UNKNOWN);
	assert_int_equal(inject("place", "b.example", head), ERR_DENIED);
	assert_int_equal(inject("place", "sub.api.example", head), ERR_DENIED);
	assert_int_equal(secrets_inject(set, SLICE("place"),
					SLICE("api.example"), false, &arena,
					head),
			 ERR_DENIED);
	head->method = SLICE("TRACE");
	assert_int_equal(inject("place", "api.example", head), ERR_DENIED);
	head->method = SLICE("GET");
	is_field(head, "accept", PLACEHOLDER);
	assert_true(slice_eq(head->path, SLICE("/" PLACEHOLDER)));
}

/* Without memory the head is as it was. */
static void test_no_memory(void **state)
{
	bool done = false;

	(void)state;
	for (size_t max = 1024; !done; max += 16) {
		struct http_head *head = head_new("/?k=" PLACEHOLDER);
		struct arena small;

		add(head, "accept", PLACEHOLDER);
		arena_init(&small, max - 1024);
		done = secrets_inject(set, SLICE("place"), SLICE("api.example"),
				      true, &small, head) == 0;
		if (!done)
			is_field(head, "accept", PLACEHOLDER);
		arena_done(&small);
		arena_clear(&arena);
	}
}

static void test_leak(void **state)
{
	struct http_head *head = head_new("/");

	(void)state;
	add(head, "accept", "PLACEHOLDER-012345678");
	assert_int_equal(secrets_leak(set, head, SLICE("")).len, 0);
	add(head, "cookie", "a=" PLACEHOLDER);
	assert_true(slice_eq(secrets_leak(set, head, SLICE("head")),
			     SLICE("place")));
	assert_int_equal(secrets_leak(set, head, SLICE("place")).len, 0);
	head = head_new("/a/" PLACEHOLDER);
	assert_int_equal(secrets_leak(set, head, SLICE("")).len, 5);
}

/* What goes through a frame comes out as it was, and nothing else is taken. */
static void test_frames(void **state)
{
	static struct frame_out out;
	struct http_head *head = head_new("/");
	struct secrets *copy;

	(void)state;
	assert_int_equal(secrets_new(&copy), 0);
	for (size_t i = 0; i < secrets_len(set); i++) {
		struct bytes b = { 0 };

		frame_begin(&out, 1);
		secrets_put(set, i, &out);
		assert_false(out.bad);
		for (size_t n = 4; n < out.len; n++) {
			struct secrets *other;

			assert_int_equal(secrets_new(&other), 0);
			b = bytes_of(out.mem + 4, n - 4);
			assert_int_equal(secrets_take(other, &b), ERR_SYNTAX);
			secrets_free(&other);
		}
		b = bytes_of(out.mem + 4, out.len - 4);
		assert_int_equal(secrets_take(copy, &b), 0);
	}
	secrets_free(&set);
	set = copy;
	assert_int_equal(inject("head", "b.example", head), 0);
	is_field(head, "x-api-key", "Key s3cr3t/+ x=");
}

/* A credential of systemd, by name, from where systemd puts them. */
static void test_credential(void **state)
{
	static const char text[] =
		"secrets:\n"
		"  head: { credential: secret, header: X-Api-Key,"
		" hosts: [api.example] }\n";
	struct config *config;
	struct secrets *s = NULL;

	(void)state;
	write_file("from systemd\n", 0400);
	assert_int_equal(config_parse("test", slice_str(text), &config, &err),
			 0);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_int_equal(secrets_read(config, &s, &err), -ENOENT);
	assert_non_null(strstr(err.text, "$CREDENTIALS_DIRECTORY/secret"));
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	assert_int_equal(secrets_read(config, &s, &err), 0);
	assert_int_equal(secrets_len(s), 1);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	config_free(&config);
	secrets_free(&set);
	set = s;
	{
		struct http_head *head = head_new("/");

		assert_int_equal(inject("head", "api.example", head), 0);
		is_field(head, "x-api-key", "from systemd");
	}
}

static void test_bad_files(void **state)
{
	static char longest[SECRET_CONTENT_MAX + 2];
	struct secrets *s = NULL;

	(void)state;
	memset(longest, 'x', SECRET_CONTENT_MAX + 1);
	write_file(longest, 0600);
	assert_int_equal(read_set(&s), ERR_SYNTAX);
	longest[SECRET_CONTENT_MAX] = '\0';
	write_file(longest, 0600);
	assert_int_equal(read_set(&s), 0);
	secrets_free(&s);
	write_file("", 0600);
	assert_int_equal(read_set(&s), ERR_SYNTAX);
	write_file("\n", 0600);
	assert_int_equal(read_set(&s), ERR_SYNTAX);
	write_file("two\nlines\n", 0600);
	assert_int_equal(read_set(&s), ERR_SYNTAX);
	assert_null(strstr(err.text, "two"));
	write_file("inject\r\nx: y", 0600);
	assert_int_equal(read_set(&s), ERR_SYNTAX);
	write_file("caf\xc3\xa9", 0600);
	assert_int_equal(read_set(&s), ERR_SYNTAX);
	write_file("good", 0604);
	assert_int_equal(read_set(&s), ERR_SYNTAX);
	assert_non_null(strstr(err.text, "chmod 600"));
	write_file("good", 0640);
	assert_int_equal(read_set(&s), 0);
	secrets_free(&s);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(read_set(&s), ERR_SYNTAX);
	assert_non_null(strstr(err.text, path));
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_placeholder, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_basic, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_leak, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_credential, setup,
						teardown),
		cmocka_unit_test(test_bad_files),
	};

	return cmocka_run_group_tests(tests, setup_dir, teardown_dir);
}
