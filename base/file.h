/* base/file.h - files that are read whole, and written whole or not at all.
 *
 * Not for rooms that are pure.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/slice.h"

/* For CLEANUP(): close *fd unless it is negative; -1 after. */
void file_close(int *fd);

/* Read all of fd into mem. Returns 0, ERR_LIMIT when there are more than cap
 * octets, or -errno; *ret_len is untouched on failure.
 */
int file_slurp(int fd, char *mem, size_t cap, size_t *ret_len);

/* The text of a small file below dir (or AT_FDCWD), as much as fits into max
 * octets with a NUL behind it. flags: those of open() beside O_RDONLY and
 * O_CLOEXEC. Returns 0 or -errno, ret untouched.
 */
int file_text(int dir, const char *name, int flags, char *ret, size_t max);

/* All of text. Returns 0 or -errno. */
int file_write(int fd, struct slice text);

/* Put text where name is, in one step: written to temp (created new, a stale
 * one is removed), synced, renamed. Both names are below dir, or AT_FDCWD.
 * Two writers need two temps, or a lock. The caller syncs the directory if
 * the name must survive a power cut. Returns 0 or -errno; name is untouched
 * on failure.
 */
int file_replace(int dir, const char *temp, const char *name, mode_t mode,
		 struct slice text);

#endif
