/* audit/request.h - ask the ledger's one writer to take rows away.
 *
 * A file in the state directory, which nobody but the instance's user may write
 * to: REQUEST_NAME, lines of "name value": `id` of the request, `keep_s`,
 * `bytes_max`. penstock-audit works it off between its passes, puts
 * REQUEST_ANSWER there (`id`, `rows`, and `error` when it had to give up) and
 * takes the request away. One that outlives a penstock-audit is the next one's.
 */
#ifndef AUDIT_REQUEST_H
#define AUDIT_REQUEST_H

#include <stdint.h>

#define REQUEST_NAME   "prune.request"
#define REQUEST_ANSWER "prune.answer"

struct request {
	uint64_t id; /* the asker's choice, to know its answer by; not 0 */
	uint64_t keep_s;
	uint64_t bytes_max;
};

struct request_answer {
	uint64_t id;
	uint64_t rows; /* that went */
	char error[160];
};

/* dir is the state directory. Each returns 0 or -errno. */
int request_write(const char *dir, const struct request *r);
int request_answer_write(const char *dir, const struct request_answer *a);

/* -ENOENT: there is none. ERR_SYNTAX: it is not what it should be. */
int request_read(const char *dir, struct request *ret);
int request_answer_read(const char *dir, struct request_answer *ret);

/* Take the file away. */
void request_remove(const char *dir);
void request_answer_remove(const char *dir);

#endif
