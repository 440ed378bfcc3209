/* ship/cursor.h - what is remembered of a destination from one start to the
 * next. Private to ship/.
 *
 * Files in DIR, the directory `ship` of the state directory:
 *
 *   NAME.cursor  "BATCH HASH\n": the last batch that destination NAME has, and
 *		  that batch's hash in hexadecimal digits (zeros for batch 0)
 *   instance	  what the rows are told apart by when several gateways send to
 *		  one receiver: HOSTNAME and eight random digits, made once
 *
 * These are replaced as a whole and synced before they count. Beside DIR stands
 *
 *   ship.cursor  twenty digits and a newline: the end of the last batch that
 *		  all destinations have, as an entry; what penstock-audit may take
 *		  away without any of them missing it. Written in place, 21
 *		  octets in one call: the reader may not write into the state
 *		  directory
 */
#ifndef SHIP_CURSOR_H
#define SHIP_CURSOR_H

#include <stdint.h>

#include "audit/outbox.h"

#define CURSOR_DIR	    "ship"
#define CURSOR_DONE	    "ship.cursor"
#define CURSOR_INSTANCE_MAX 80

struct cursor {
	uint64_t batch;
	uint8_t hash[OUTBOX_HASH_LEN];
};

/* dir: a descriptor of DIR; file: one of ship.cursor. Each returns 0 or -errno;
 * cursor_read() also -ENOENT for a destination that is new, and ERR_SYNTAX.
 */
int cursor_read(int dir, const char *name, struct cursor *ret);
int cursor_write(int dir, const char *name, const struct cursor *c);
int cursor_write_done(int file, uint64_t entry);
int cursor_instance(int dir, char ret[CURSOR_INSTANCE_MAX]);

#endif
