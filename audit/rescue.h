/* audit/rescue.h - a ledger that is damaged steps aside.
 *
 * Private to audit/. Nothing is deleted and nothing is repaired: the file gets
 * another name, for `sqlite3 FILE .recover`, and a new ledger begins, so that
 * what is recorded from then on is not lost for what happened before.
 */
#ifndef AUDIT_RESCUE_H
#define AUDIT_RESCUE_H

#include <stdbool.h>
#include <stdint.h>

#define RESCUE_MARK ".damaged-" /* then the time, 20261122T142501Z */
#define RESCUE_MAX  100 /* more are not made: the disk itself is at fault */

/* Does this error of store_open() or store_commit() say that the ledger at
 * path is damaged? A file that does not even begin as a database is; a
 * database that is not ours, or newer, is not.
 */
bool rescue_wanted(const char *path, int err);

/* Give it another name, and its -wal and -shm. Nobody may have it open to
 * write. Returns 0, with the new name in ret_to, or -errno: -EEXIST within the
 * same second, -EMFILE when there are RESCUE_MAX already.
 */
int rescue_move(const char *path, uint64_t wall_us, char *ret_to, int to_len);

/* How many stand beside the ledger at path. */
int rescue_count(const char *path);

#endif
