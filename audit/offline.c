/* audit/offline.c - write to a ledger that no penstock-audit holds. */

#include "audit/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/store.h"
#include "audit/store_private.h"
#include "audit/upkeep.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/err.h"

#define PATH_LEN_MAX 512
#define LOCK_NAME    "ledger.lock"
#define PRUNE_ROWS   20000

struct offline {
	struct store *store; /* owned */
	int lock;	     /* -1: none */
	char dir[PATH_LEN_MAX];
};

/* The lock that penstock-audit takes, beside the ledger. */
static int offline_lock(struct offline *o)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_LEN_MAX + sizeof(LOCK_NAME)];

	(void)snprintf(path, sizeof(path), "%s/" LOCK_NAME, o->dir);
	o->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (o->lock < 0)
		return -errno;
	if (!fcntl(o->lock, F_OFD_SETLK, &lock))
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

static int offline_dir(struct offline *o, const char *path)
{
	const char *slash = strrchr(path, '/');
	int n = slash ? snprintf(o->dir, sizeof(o->dir), "%.*s",
				 (int)MAX(slash - path, 1), path)
		      : snprintf(o->dir, sizeof(o->dir), ".");

	return n < (int)sizeof(o->dir) ? 0 : -ENAMETOOLONG;
}

int offline_open(const char *path, const char *instance, struct offline **ret,
		 char why[OFFLINE_WHY_MAX])
{
	struct offline *o = calloc(1, sizeof(*o));
	int err;

	if (!o)
		return -ENOMEM;
	o->lock = -1;
	err = offline_dir(o, path);
	if (!err)
		err = offline_lock(o);
	(void)snprintf(why, OFFLINE_WHY_MAX, "%s",
		       err == -EBUSY ? "a penstock-audit writes to it"
				     : err_str(err));
	if (!err) {
		err = store_open(path, instance, &o->store);
		if (err)
			(void)snprintf(why, OFFLINE_WHY_MAX, "%s",
				       store_error(NULL));
	}
	if (err)
		offline_close(&o);
	else
		*ret = o;
	return err;
}

void offline_close(struct offline **o)
{
	struct store *s = (*o)->store;

	if (s) {
		uint64_t wall_us = clock_us(CLOCK_REALTIME);

		while (store_seal(s, wall_us, STORE_SEAL_ROWS) >=
		       STORE_SEAL_ROWS)
			;
		(void)store_checkpoint(s, wall_us);
	}
	store_free(&(*o)->store);
	if ((*o)->lock >= 0)
		(void)close((*o)->lock);
	free(*o);
	*o = NULL;
}

const char *offline_error(const struct offline *o)
{
	return store_error(o->store);
}

struct store *offline_store(struct offline *o)
{
	return o->store;
}

int offline_prune(struct offline *o, uint64_t keep_s, uint64_t bytes_max,
		  uint64_t *ret_rows)
{
	struct store_limits limits = { .keep_s = keep_s,
				       .bytes_max = bytes_max };
	int n;

	*ret_rows = 0;
	upkeep_shipped(o->dir, &limits);
	while ((n = store_prune(o->store, &limits, clock_us(CLOCK_REALTIME),
				PRUNE_ROWS)) > 0)
		*ret_rows += (uint64_t)n;
	return n;
}
