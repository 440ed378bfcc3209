/* Between reader and sender: whole messages, and who has gone. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "ship/link.h"

static void end(struct link *l)
{
	if (l->rows)
		link_forget(l);
	(void)close(l->reader);
	(void)close(l->sender);
}

static void test_messages(void **state)
{
	struct link l = { 0 };
	struct link_ask ask = { .generation = 3,
				.rows_max = 10,
				.report = { .error = "why" } };
	struct link_ask heard = { 0 };
	struct link_give give = { .generation = 3, .rows = 2, .len = 5 };
	struct link_give given = { 0 };

	(void)state;
	assert_int_equal(link_open(&l), 0);
	assert_int_equal(link_read_ask(&l, &heard), 0);
	assert_int_equal(link_read_give(&l, 0, &given), 0);
	assert_int_equal(link_write_ask(&l, &ask), 1);
	assert_int_equal(link_read_ask(&l, &heard), 1);
	assert_memory_equal(&heard, &ask, sizeof(ask));
	assert_int_equal(link_write_give(&l, &give), 1);
	assert_int_equal(link_read_give(&l, -1, &given), 1);
	assert_memory_equal(&given, &give, sizeof(give));
	end(&l);
}

static void test_foreign(void **state)
{
	struct link l = { 0 };
	struct link_ask heard;
	char large[sizeof(heard) + 1] = { 0 };

	(void)state;
	assert_int_equal(link_open(&l), 0);
	assert_int_equal(send(l.sender, "x", 1, 0), 1);
	assert_int_equal(link_read_ask(&l, &heard), ERR_PROTO);
	assert_int_equal(send(l.sender, large, sizeof(large), 0),
			 sizeof(large));
	assert_int_equal(link_read_ask(&l, &heard), ERR_PROTO);
	(void)shutdown(l.sender, SHUT_RDWR);
	assert_int_equal(link_read_ask(&l, &heard), ERR_CLOSED);
	assert_int_equal(link_write_give(&l, &(struct link_give){ 0 }),
			 ERR_CLOSED);
	end(&l);
}

/* A reader that hears nothing is no reason to wait without an end. */
static void test_full(void **state)
{
	struct link l = { 0 };
	struct link_ask ask = { 0 };
	int n = 1;

	(void)state;
	assert_int_equal(link_open(&l), 0);
	for (int i = 0; i < 100000 && n == 1; i++)
		n = link_write_ask(&l, &ask);
	assert_int_equal(n, -EAGAIN);
	end(&l);
}

static void test_shared(void **state)
{
	struct link l = { 0 };
	pid_t child;
	int status = 0;

	(void)state;
	assert_int_equal(link_open(&l), 0);
	child = fork();
	if (!child) {
		memset(l.rows, 'r', LINK_OCTETS_MAX);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(l.rows[0], 'r');
	assert_int_equal(l.rows[LINK_OCTETS_MAX - 1], 'r');
	end(&l);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(link_state_str(LINK_REFUSED), "refused");
	assert_string_equal(link_state_str(LINK_FRESH), "ok");
	assert_string_equal(link_state_str((enum link_state)99), "retrying");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages), cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_full),	 cmocka_unit_test(test_shared),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
