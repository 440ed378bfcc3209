/* gzip that gunzip reads. */

#include "dir.h"

#include "ship/pack.h"

static void check(const struct dir *d, const char *text, size_t len)
{
	struct pack p = { 0 };
	struct slice packed;
	char cmd[200];

	for (int i = 0; i < 2; i++) { /* and again in the same memory */
		assert_int_equal(pack_gzip(&p, slice_of(text, len), &packed),
				 0);
		dir_write(d, "packed", packed.ptr, packed.len);
		dir_write(d, "plain", text, len);
		(void)snprintf(cmd, sizeof(cmd),
			       "gzip -dc < %s/packed | cmp -s - %s/plain",
			       d->path, d->path);
		assert_int_equal(dir_run(cmd), 0);
	}
	if (len > 100000)
		assert_true(packed.len < len / 5);
	pack_done(&p);
	assert_null(p.mem);
}

static void test_round(void **state)
{
	const size_t large = 4u << 20;
	char *rows = malloc(large);
	size_t len = 0;

	assert_non_null(rows);
	check(*state, "", 0);
	check(*state, "{}\n", 3);
	for (unsigned int i = 0; len + 100 < large; i++)
		len += (size_t)snprintf(rows + len, large - len,
					"{\"id\":%u,\"host\":\"a.example\"}\n",
					i * 2654435761u);
	check(*state, rows, len);
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round, dir_setup,
						dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
