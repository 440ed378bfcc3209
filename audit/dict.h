/* audit/dict.h - what repeats in rows, stored once.
 *
 * Private to audit/store.c. Tables text, facts and seen, and a cache before
 * them. All of it happens within the store's transaction.
 */
#ifndef AUDIT_DICT_H
#define AUDIT_DICT_H

#include <sqlite3.h>
#include <stdint.h>

#include "audit/record.h"

struct dict;

/* db is borrowed. Returns an SQLite result code. */
int dict_open(sqlite3 *db, struct dict **ret);
void dict_free(struct dict **d);

/* Forget what is cached: after a rollback, and after rows of these tables were
 * deleted.
 */
void dict_clear(struct dict *d);

/* The id of the facts of r, entered if they are new, and marked as seen in the
 * second of its entry. Returns an SQLite result code (SQLITE_OK).
 */
int dict_facts(struct dict *d, const struct record *r, int64_t entry,
	       int64_t *ret_facts);

/* "addr:port" in two; a text without a port is all address. */
struct slice dict_client(struct slice client, uint16_t *ret_port);

/* Days since 2024 of an entry. */
int64_t dict_day(int64_t entry);

#endif
