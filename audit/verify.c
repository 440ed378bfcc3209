/* audit/verify.c - follow a chain from its beginning to its end.
 *
 * A batch is good when its number and range follow the one before, its rows
 * give its content, and all of it with the hash before gives its hash. Anybody
 * can compute that, so a chain by itself shows accidents only. That it is ours
 * show the statements: each has to name a batch of this chain with the same
 * hash, and to be signed.
 */

#include "audit/verify_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/lines.h"
#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hex.h"

#define PIN_TEXT_MAX 2048

__attribute__((format(printf, 3, 0))) static bool verify_say(
	struct verify *v, enum verify_verdict verdict, const char *fmt,
	va_list ap)
{
	v->report->verdict = verdict;
	(void)vsnprintf(v->report->why, sizeof(v->report->why), fmt, ap);
	return false;
}

bool verify_broken(struct verify *v, int64_t batch, uint64_t row,
		   const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)verify_say(v, VERIFY_BROKEN, fmt, ap);
	va_end(ap);
	v->report->bad_batch = batch;
	v->report->bad_row = row;
	return false;
}

bool verify_unsure(struct verify *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)verify_say(v, VERIFY_UNSURE, fmt, ap);
	va_end(ap);
	return false;
}

static bool pin_key(struct verify *v, const char *key)
{
	char text[PIN_TEXT_MAX] = "";
	struct slice line, rest;
	int err;

	v->pinned = true;
	if (hex_parse(slice_str(key), v->pin, CHAIN_KEY))
		return true;
	err = file_text(AT_FDCWD, key, 0, text, sizeof(text));
	if (err)
		return verify_unsure(v,
				     "--key %s is neither a public key (64 "
				     "hexadecimal digits) nor a file: %s",
				     key, err_str(err));
	(void)slice_cut(slice_str(text), '\n', &line, &rest);
	if (!hex_parse(slice_trim(line), v->pin, CHAIN_KEY))
		return verify_unsure(v,
				     "%s: line 1: no public key (64 "
				     "hexadecimal digits)",
				     key);
	return true;
}

static int64_t pin_number(const char *text, const char *name)
{
	struct slice s = lines_value(text, name);

	return s.len ? strtoll(s.ptr, NULL, 10) : 0;
}

static bool pin_checkpoint(struct verify *v, const char *path)
{
	struct chain_statement *st = &v->kept;
	char text[PIN_TEXT_MAX] = "", instance[PIN_TEXT_MAX];
	struct slice name;
	int err = file_text(AT_FDCWD, path, 0, text, sizeof(text));

	if (err)
		return verify_unsure(v, "%s: %s", path, err_str(err));
	name = lines_value(text, "instance");
	(void)snprintf(instance, sizeof(instance), "%.*s", (int)name.len,
		       name.len ? name.ptr : "");
	*st = (struct chain_statement){
		.kind = CHAIN_CHECKPOINT,
		.batch = pin_number(text, "batch"),
		.last = pin_number(text, "last"),
		.total = pin_number(text, "rows"),
		.signed_us = pin_number(text, "time_us"),
	};
	if (!hex_parse(lines_value(text, "hash"), st->hash, CHAIN_HASH) ||
	    !hex_parse(lines_value(text, "key"), st->key, CHAIN_KEY) ||
	    !hex_parse(lines_value(text, "signature"), st->signature,
		       CHAIN_SIGNATURE) ||
	    !chain_statement_is_signed(st, instance))
		return verify_unsure(v, "%s: not a signed checkpoint", path);
	v->has_kept = true;
	return true;
}

bool verify_init(struct verify *v, const struct verify_pins *pins,
		 struct verify_report *report)
{
	*v = (struct verify){ .report = report };
	*report = (struct verify_report){ .verdict = VERIFY_INTACT };
	v->statement =
		calloc(VERIFY_STATEMENTS_MAX, sizeof(struct chain_statement));
	if (!v->statement || chain_new(&v->chain))
		return verify_unsure(v, "%s", err_str(-ENOMEM));
	if (pins->key && !pin_key(v, pins->key))
		return false;
	return !pins->checkpoint || pin_checkpoint(v, pins->checkpoint);
}

void verify_done(struct verify *v)
{
	chain_free(&v->chain);
	free(v->statement);
	v->statement = NULL;
}

static const char *statement_name(const struct chain_statement *st)
{
	return st->kind == CHAIN_PRUNED ? "statement on pruning" : "checkpoint";
}

bool verify_statement(struct verify *v, const struct chain_statement *st)
{
	if (v->statements == VERIFY_STATEMENTS_MAX)
		return verify_unsure(v, "more than %d statements",
				     VERIFY_STATEMENTS_MAX);
	if (!chain_statement_is_signed(st, v->instance))
		return verify_broken(v, st->batch, 0,
				     "the signature of the %s at batch "
				     "%" PRId64 " is wrong",
				     statement_name(st), st->batch);
	if (v->pinned && memcmp(st->key, v->pin, CHAIN_KEY) != 0)
		return verify_broken(v, st->batch, 0,
				     "the %s at batch %" PRId64
				     " is signed by another key",
				     statement_name(st), st->batch);
	v->statement[v->statements++] = *st;
	v->report->checkpoints += st->kind == CHAIN_CHECKPOINT;
	return true;
}

static int statement_compare(const void *a, const void *b)
{
	const struct chain_statement *x = a, *y = b;

	if (x->batch != y->batch)
		return x->batch < y->batch ? -1 : 1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

/* Remember who signed last, and whether it was always the same. */
static void verify_keys(struct verify *v)
{
	const struct chain_statement *last =
		v->statements ? &v->statement[v->statements - 1] : NULL;

	for (size_t i = 0; i < v->statements; i++) {
		const struct chain_statement *st = &v->statement[i];

		if (memcmp(st->key, last->key, CHAIN_KEY) != 0)
			v->report->other_keys = true;
		if (st->kind == CHAIN_CHECKPOINT)
			v->report->signed_us = st->signed_us;
	}
	if (last)
		hex_print(last->key, CHAIN_KEY, v->report->key);
}

/* Where pruning has left the beginning. */
static void verify_pruned(struct verify *v)
{
	for (size_t i = 0; i < v->statements; i++) {
		const struct chain_statement *st = &v->statement[i];

		if (st->kind != CHAIN_PRUNED)
			continue;
		v->tip = (struct chain_batch){ .seq = st->batch,
					       .last = st->last,
					       .total = st->total };
		memcpy(v->tip.hash, st->hash, CHAIN_HASH);
		v->signed_total = st->total;
		v->report->pruned_rows = st->total;
		v->report->pruned_id = (uint64_t)st->last;
	}
}

/* Is what was signed of this batch what it is? */
static bool verify_signed(struct verify *v, const struct chain_statement *st,
			  const struct chain_batch *b)
{
	if (st->batch != b->seq)
		return true;
	if (memcmp(st->hash, b->hash, CHAIN_HASH) != 0 || st->last != b->last ||
	    st->total != b->total)
		return verify_broken(v, b->seq, 0,
				     "batch %" PRId64
				     " or one before it was rewritten: it is "
				     "not the one that was signed",
				     b->seq);
	v->signed_total = MAX(v->signed_total, b->total);
	return true;
}

static bool verify_all_signed(struct verify *v, const struct chain_batch *b)
{
	struct chain_statement key = { .batch = b->seq };
	const struct chain_statement *st;

	if (v->has_kept && !verify_signed(v, &v->kept, b))
		return false;
	st = bsearch(&key, v->statement, v->statements, sizeof(*st),
		     statement_compare);
	return !st || verify_signed(v, st, b);
}

bool verify_start(struct verify *v, const struct chain_batch *before)
{
	qsort(v->statement, v->statements, sizeof(v->statement[0]),
	      statement_compare);
	verify_keys(v);
	if (before)
		v->tip = *before;
	else
		verify_pruned(v);
	return verify_all_signed(v, &v->tip);
}

bool verify_follows(struct verify *v, const struct chain_batch *b)
{
	if (b->seq != v->tip.seq + 1)
		return verify_broken(v, v->tip.seq + 1, 0,
				     "batch %" PRId64 " is missing",
				     v->tip.seq + 1);
	if (b->first != v->tip.last + 1 || b->last < v->tip.last ||
	    b->rows < 1 || b->late < 0 || b->late > b->rows ||
	    b->total != v->tip.total + b->rows)
		return verify_broken(v, b->seq, 0,
				     "batch %" PRId64
				     " does not follow the one before: its "
				     "record was changed",
				     b->seq);
	return true;
}

bool verify_batch(struct verify *v, const struct chain_batch *b,
		  const uint8_t content[CHAIN_HASH])
{
	uint8_t hash[CHAIN_HASH];

	if (content && memcmp(content, b->content, CHAIN_HASH) != 0)
		return verify_broken(v, b->seq, 0,
				     "rows of batch %" PRId64 " were changed",
				     b->seq);
	chain_batch_hash(v->chain, b, v->tip.hash, hash);
	if (!chain_is_good(v->chain))
		return verify_unsure(v, "%s", err_str(-ENOMEM));
	if (memcmp(hash, b->hash, CHAIN_HASH) != 0)
		return verify_broken(v, b->seq, 0,
				     "batch %" PRId64
				     " was rewritten, or the one before: its "
				     "hash does not follow from that",
				     b->seq);
	if (!verify_all_signed(v, b))
		return false;
	v->tip = *b;
	v->report->batches++;
	v->report->rows += b->rows;
	v->report->late += b->late;
	return true;
}

bool verify_finish(struct verify *v)
{
	const struct chain_statement *last =
		v->statements ? &v->statement[v->statements - 1] : NULL;
	int64_t end = last ? last->batch : 0;

	v->report->last_batch = v->tip.seq;
	v->report->unsigned_rows = v->tip.total - v->signed_total;
	if (v->has_kept)
		end = MAX(end, v->kept.batch);
	if (end > v->tip.seq)
		return verify_broken(v, v->tip.seq + 1, 0,
				     "batches %" PRId64 " to %" PRId64
				     " were cut off: a checkpoint names the "
				     "last of them",
				     v->tip.seq + 1, end);
	if (v->tip.seq && !last)
		return verify_broken(v, 1, 0,
				     "no checkpoint is left: nothing vouches "
				     "for the batches");
	return true;
}
