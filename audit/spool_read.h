/* audit/spool_read.h - a spool's layout, and its reader's side.
 *
 * Private to audit/. A spool file, pages of 4096 octets:
 *
 *   offset  size  what
 *        0     8  magic "PENSPOOL"
 *        8     4  version of this layout, SPOOL_VERSION
 *       12     4  number of slots, SPOOL_SLOTS
 *       16     4  size of a slot, RECORD_SIZE
 *       20     4  writer's number (base/id.h)
 *       24     4  writer's process id
 *       64     8  produced: slots ever put on the ring; the worker's
 *       72     4  touched: slots below were used at least once; the worker's
 *       80     8  reclaimed: slots ever taken back, and one more; 0 says
 *		   nothing; the worker's
 *      128     8  consumed: slots ever taken from the ring, and in the ledger
 *		   for good; audit's
 *      136     4  condemned: audit does not believe the ring any more, the
 *		   writer must end; audit's
 *     4096  4×N  ring of slot indexes; entry i is at i modulo N
 *    36864  …    slots (audit/record.h)
 *
 * Position i of the ring is valid while consumed ≤ i < produced.
 */
#ifndef AUDIT_SPOOL_READ_H
#define AUDIT_SPOOL_READ_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "audit/record.h"

#define SPOOL_MAGIC   "PENSPOOL" /* eight octets, no NUL */
#define SPOOL_VERSION 1
#define SPOOL_SLOTS   8192 /* requests in flight or waiting, per worker */
#define SPOOL_SUFFIX  ".spool"
#define SPOOL_NEW     ".new" /* a spool that is not whole yet */
#define SPOOL_BAD     ".bad" /* one that audit has set aside */

struct spool_head {
	char magic[8];
	uint32_t version;
	uint32_t slots;
	uint32_t slot_size;
	uint32_t writer;
	uint32_t pid;
	alignas(64) _Atomic uint64_t produced;
	_Atomic uint32_t touched;
	_Atomic uint64_t reclaimed;
	alignas(64) _Atomic uint64_t consumed;
	_Atomic uint32_t condemned;
};

struct spool_file {
	struct spool_head head;
	alignas(4096) _Atomic uint32_t ring[SPOOL_SLOTS];
	struct record_slot slot[SPOOL_SLOTS];
};

struct spool_reader;

/* Map the spool called name in the directory dir. Returns 0, -errno, or
 * ERR_SYNTAX for a file that is no spool of this version. One that is a spool
 * and damaged (short, long, head or cursors overwritten) is opened: it is
 * condemned, its ring is not believed, and what slots are sound in it can be
 * read when its writer has gone.
 */
int spool_reader_open(int dir, const char *name, struct spool_reader **ret);

/* Why the ring is not believed, as a phrase; NULL while it is. */
const char *spool_reader_fault(const struct spool_reader *r);

/* From here on a page that somebody cut off a spool reads as zero and makes
 * that spool damaged, instead of ending the process by SIGBUS. Returns 0 or
 * -errno.
 */
int spool_reader_guard(void);
void spool_reader_free(struct spool_reader **r);

/* Has the writer gone? Once true, always true: the file is ours then. */
bool spool_reader_dead(struct spool_reader *r);

/* Take the next finished record off the ring. Returns 1 with *ret filled, 0
 * when there is none, ERR_SYNTAX for a slot that is no record (it is passed
 * over: go on), or ERR_PROTO when the spool itself is not sound. Then, and
 * ever after, its writer is told to end (spool_fault()), and what it still
 * writes is read by its slots.
 */
int spool_reader_take(struct spool_reader *r, struct record *ret);

/* Did what was taken last stand there already when the spool was opened? */
bool spool_reader_old(const struct spool_reader *r);

/* Is there something to take? */
bool spool_reader_waiting(const struct spool_reader *r);

/* What was taken since the last call is in the ledger: the slots go back to
 * the worker. Or: it is not; it will be taken again.
 */
void spool_reader_commit(struct spool_reader *r);
void spool_reader_rewind(struct spool_reader *r);

/* Read slot index of a living writer's spool if it is OPEN. Returns as
 * spool_reader_take() does, -ERANGE past the last slot ever used.
 */
int spool_reader_open_slot(struct spool_reader *r, uint32_t index,
			   struct record *ret);

/* Read slot index of a dead writer's spool, OPEN or DONE. An OPEN one reads as
 * interrupted. The same answers. One that is known to be in the ledger reads as
 * none.
 */
int spool_reader_rest(struct spool_reader *r, uint32_t index,
		      struct record *ret);

#endif
