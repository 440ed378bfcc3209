/* gateway/writers.h - numbers for those who give ids (base/id.h).
 *
 * Each worker that starts gets the next ones, and which were the last stands in
 * a file of the state directory. So a worker has no number of one that lived
 * when the same time was on the clock before, whoever was restarted since:
 * numbers come again after WRITERS starts.
 */
#ifndef GATEWAY_WRITERS_H
#define GATEWAY_WRITERS_H

#include <stdint.h>

#include "base/id.h"

#define WRITERS	     (ID_WRITERS / ID_TURNS)
#define WRITERS_FILE "writers"

struct writers {
	uint16_t last; /* below WRITERS */
	int fd;	       /* of the file; -1: none */
};

/* A file that is not there is made. One that cannot be read or made is done
 * without: then a random number is the first. Returns 0, or -errno for a word
 * in the log.
 */
int writers_open(struct writers *w, const char *path);
void writers_done(struct writers *w);

/* The next writer's first number; it is in the file before it is given. */
uint16_t writers_next(struct writers *w);

#endif
