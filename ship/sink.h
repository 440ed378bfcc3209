/* ship/sink.h - a destination, as its sender sees it. Private to ship/.
 *
 * A sink sends one load of rows and says what became of it. It waits, but
 * never longer than SINK_CONNECT_MS and SINK_SEND_MS together. It keeps its
 * connection from one load to the next.
 */
#ifndef SHIP_SINK_H
#define SHIP_SINK_H

#include <stdint.h>

#include "base/slice.h"
#include "policy/load.h"

#define SINK_CONNECT_MS 10000
#define SINK_SEND_MS	60000
#define SINK_PHRASE_MAX 200
#define SINK_FILES_MAX	8

enum sink_answer {
	SINK_TAKEN,   /* all of it, durably */
	SINK_LATER,   /* not now: nothing is known of it, send it again */
	SINK_NEVER,   /* as it stands it will be refused each time */
	SINK_SMALLER, /* too much at once */
};

struct sink_load {
	const char *key;   /* the same for the same rows */
	struct slice text; /* NDJSON, a line for each row */
	uint32_t rows;
};

struct sink_result {
	enum sink_answer answer;
	uint32_t wait_ms; /* what the receiver asked for; 0: nothing */
	char phrase[SINK_PHRASE_MAX]; /* unless taken: why; no secret in it */
};

struct sink;

/* Read what it needs of files: called before the jail. Returns 0, or -errno or
 * ERR_SYNTAX with *ret_what naming the file or key that is at fault.
 */
int sink_open(const struct config_ship *ship, struct sink **ret,
	      const char **ret_what);

/* Files that it opens later, NULL-terminated. */
void sink_files(const struct sink *s, const char *ret[SINK_FILES_MAX]);

void sink_send(struct sink *s, const struct sink_load *load,
	       struct sink_result *ret);

/* The two kinds, for sink.c only. */
struct sink_ops {
	void (*files)(const struct sink *s, const char *ret[SINK_FILES_MAX]);
	void (*send)(struct sink *s, const struct sink_load *load,
		     struct sink_result *ret);
};

struct sink {
	const struct sink_ops *ops;
};

int sink_http_open(const struct config_ship *ship, struct sink **ret,
		   const char **ret_what);
int sink_pg_open(const struct config_ship *ship, struct sink **ret,
		 const char **ret_what);

#endif
