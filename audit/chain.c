/* audit/chain.c - what the proof of the ledger is computed from.
 *
 * One digest for the rows of a batch, which stays open from row to row, and
 * one for what is small. Octets are gathered before they are digested, as a
 * call of the library for each number would cost more than its hashing.
 */

#include "audit/chain.h"

#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define GATHER_MAX 4096 /* octets */

struct chain_digest {
	EVP_MD_CTX *md; /* owned */
	size_t len;
	bool bad;
	uint8_t mem[GATHER_MAX];
};

struct chain {
	EVP_MD *sha256; /* owned; fetched once, as each fetch takes a lock */
	struct chain_digest rows;
	struct chain_digest small;
	bool bad;
};

int chain_new(struct chain **ret)
{
	struct chain *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	c->rows.md = EVP_MD_CTX_new();
	c->small.md = EVP_MD_CTX_new();
	if (!c->sha256 || !c->rows.md || !c->small.md) {
		chain_free(&c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

void chain_free(struct chain **c)
{
	if (!*c)
		return;
	EVP_MD_CTX_free((*c)->rows.md);
	EVP_MD_CTX_free((*c)->small.md);
	EVP_MD_free((*c)->sha256);
	free(*c);
	*c = NULL;
}

bool chain_is_good(const struct chain *c)
{
	return !c->bad;
}

static void digest_flush(struct chain_digest *d)
{
	if (d->len && EVP_DigestUpdate(d->md, d->mem, d->len) != 1)
		d->bad = true;
	d->len = 0;
}

static void digest_put(struct chain_digest *d, const void *p, size_t len)
{
	if (len > sizeof(d->mem) - d->len)
		digest_flush(d);
	if (len > sizeof(d->mem)) {
		if (EVP_DigestUpdate(d->md, p, len) != 1)
			d->bad = true;
		return;
	}
	if (len)
		memcpy(d->mem + d->len, p, len);
	d->len += len;
}

static void digest_number(struct chain_digest *d, int64_t n)
{
	uint64_t wire = htobe64((uint64_t)n);

	digest_put(d, &wire, sizeof(wire));
}

static void digest_text(struct chain_digest *d, struct slice s)
{
	uint32_t wire = htobe32((uint32_t)s.len);

	digest_put(d, &wire, sizeof(wire));
	digest_put(d, s.ptr, s.len);
}

static void digest_begin(const struct chain *c, struct chain_digest *d,
			 const char *what)
{
	d->bad = EVP_DigestInit_ex2(d->md, c->sha256, NULL) != 1;
	d->len = 0;
	digest_put(d, what, strlen(what));
}

static void digest_end(struct chain *c, struct chain_digest *d,
		       uint8_t ret[CHAIN_HASH])
{
	digest_flush(d);
	if (d->bad || EVP_DigestFinal_ex(d->md, ret, NULL) != 1) {
		memset(ret, 0, CHAIN_HASH);
		c->bad = true;
	}
}

void chain_facts(struct chain *c, const struct chain_facts *facts,
		 uint8_t ret[CHAIN_HASH])
{
	digest_begin(c, &c->small, "penstock facts 1\n");
	for (size_t i = 0; i < ARRAY_SIZE(facts->number); i++)
		digest_number(&c->small, facts->number[i]);
	for (size_t i = 0; i < ARRAY_SIZE(facts->text); i++)
		digest_text(&c->small, facts->text[i]);
	digest_end(c, &c->small, ret);
}

void chain_rows_begin(struct chain *c)
{
	digest_begin(c, &c->rows, "penstock rows 1\n");
}

/* A few bits of a row, only to find it again: no proof rests on them. */
static uint64_t mark_add(uint64_t mark, const void *p, size_t len)
{
	const uint64_t odd = 0x9e3779b97f4a7c15;
	const uint8_t *at = p;
	uint64_t word;

	for (mark += len; len; at += MIN(len, 8), len -= MIN(len, 8)) {
		word = 0;
		memcpy(&word, at, MIN(len, 8));
		mark = (mark ^ le64toh(word)) * odd;
		mark ^= mark >> 32;
	}
	return mark * odd;
}

void chain_row(struct chain *c, const struct chain_row *row,
	       const uint8_t facts[CHAIN_HASH], uint8_t ret_mark[CHAIN_MARK])
{
	const int64_t number[] = { row->id,	     row->skew_us,
				   row->client_port, row->duration_us,
				   row->bytes_up,    row->bytes_down,
				   row->cut };
	const struct slice text[] = { row->path, row->query, row->detail };
	uint64_t wire[ARRAY_SIZE(number)], mark;

	for (size_t i = 0; i < ARRAY_SIZE(number); i++)
		wire[i] = htobe64((uint64_t)number[i]);
	digest_put(&c->rows, wire, sizeof(wire));
	digest_put(&c->rows, facts, CHAIN_HASH);
	mark = mark_add(0, wire, sizeof(wire));
	mark = mark_add(mark, facts, 8);
	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		digest_text(&c->rows, text[i]);
		mark = mark_add(mark, text[i].ptr, text[i].len);
	}
	ret_mark[0] = (uint8_t)(mark >> 56);
	ret_mark[1] = (uint8_t)(mark >> 48);
}

void chain_rows_end(struct chain *c, uint8_t ret[CHAIN_HASH])
{
	digest_end(c, &c->rows, ret);
}

void chain_batch_hash(struct chain *c, const struct chain_batch *batch,
		      const uint8_t prev[CHAIN_HASH], uint8_t ret[CHAIN_HASH])
{
	const int64_t number[] = { batch->seq,	    batch->first, batch->last,
				   batch->rows,	    batch->late,  batch->total,
				   batch->sealed_us };

	digest_begin(c, &c->small, "penstock batch 1\n");
	digest_put(&c->small, prev, CHAIN_HASH);
	for (size_t i = 0; i < ARRAY_SIZE(number); i++)
		digest_number(&c->small, number[i]);
	digest_put(&c->small, batch->content, CHAIN_HASH);
	digest_end(c, &c->small, ret);
}
