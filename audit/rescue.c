/* audit/rescue.c - a ledger that is damaged steps aside. */

#include "audit/rescue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/slice.h"

/* How a SQLite database begins, its NUL included. */
static const char rescue_magic[16] = "SQLite format 3";

/* Is there something that does not begin as a database? */
static bool rescue_is_noise(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char begin[sizeof(rescue_magic)];
	struct stat st;
	bool noise = false;

	if (fd < 0)
		return false;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		noise = read(fd, begin, sizeof(begin)) != sizeof(begin) ||
			memcmp(begin, rescue_magic, sizeof(begin)) != 0;
	(void)close(fd);
	return noise;
}

bool rescue_wanted(const char *path, int err)
{
	return err == -EUCLEAN || (err == ERR_PROTO && rescue_is_noise(path));
}

int rescue_count(const char *path)
{
	const char *name = strrchr(path, '/');
	char dir_path[PATH_MAX], start[NAME_MAX];
	struct dirent *e;
	DIR *dir;
	int n = 0;

	assert(name);
	(void)snprintf(dir_path, sizeof(dir_path), "%.*s", (int)(name - path),
		       path);
	(void)snprintf(start, sizeof(start), "%s" RESCUE_MARK, name + 1);
	dir = opendir(dir_path);
	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		struct slice found = slice_str(e->d_name);

		n += slice_starts(found, slice_str(start)) &&
		     !slice_ends(found, SLICE("-wal")) &&
		     !slice_ends(found, SLICE("-shm"));
	}
	(void)closedir(dir);
	return n;
}

static int rescue_rename(const char *path, const char *to, const char *suffix)
{
	char from_path[PATH_MAX], to_path[PATH_MAX];
	int n = snprintf(from_path, sizeof(from_path), "%s%s", path, suffix);
	int m = snprintf(to_path, sizeof(to_path), "%s%s", to, suffix);

	if (n >= PATH_MAX || m >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!renameat2(AT_FDCWD, from_path, AT_FDCWD, to_path,
		       RENAME_NOREPLACE))
		return 0;
	return errno == ENOENT && *suffix ? 0 : -errno;
}

/* The log first: one that is left beside a new ledger would be played into it.
 */
int rescue_move(const char *path, uint64_t wall_us, char *ret_to, int to_len)
{
	static const char *const suffixes[] = { "-wal", "-shm", "" };
	time_t now = (time_t)(wall_us / 1000000);
	char stamp[32], to[PATH_MAX];
	struct stat st;
	struct tm tm;
	int err = 0;

	if (rescue_count(path) >= RESCUE_MAX)
		return -EMFILE;
	(void)gmtime_r(&now, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	if (snprintf(to, sizeof(to), "%s" RESCUE_MARK "%s", path, stamp) >=
	    MIN(PATH_MAX, to_len))
		return -ENAMETOOLONG;
	if (!lstat(to, &st))
		return -EEXIST;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes) && !err; i++)
		err = rescue_rename(path, to, suffixes[i]);
	if (!err)
		(void)snprintf(ret_to, (size_t)to_len, "%s", to);
	return err;
}
