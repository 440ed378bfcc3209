/* audit/copy_line.h - one flat JSON object a line. For audit/copy*.c only. */
#ifndef AUDIT_COPY_LINE_H
#define AUDIT_COPY_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

#include "audit/chain_key.h"
#include "base/slice.h"

#define COPY_LINE_MAX	65536 /* octets; a row's texts take 8 KiB escaped */
#define COPY_FIELDS_MAX 64

/* A file under way. What fails sticks. */
struct copy_out {
	gzFile gz; /* owned */
	size_t len;
	bool bad;
	char mem[COPY_LINE_MAX];
};

void copy_begin(struct copy_out *o, const char *is);
void copy_text(struct copy_out *o, const char *name, struct slice s);
void copy_number(struct copy_out *o, const char *name, int64_t n);
void copy_bool(struct copy_out *o, const char *name, bool b);
void copy_octets(struct copy_out *o, const char *name, const uint8_t *p,
		 size_t len);
void copy_end(struct copy_out *o);

struct copy_field {
	struct slice name;
	bool is_text;
	struct slice text; /* without its escapes */
	int64_t number;	   /* of a boolean: 0 or 1 */
};

struct copy_in {
	gzFile gz; /* owned */
	int64_t line;
	size_t len; /* fields */
	struct copy_field field[COPY_FIELDS_MAX];
	char mem[COPY_LINE_MAX];
};

/* Read the next line. Returns 1, 0 at the end, ERR_SYNTAX for what is no flat
 * object, ERR_CUT for a line without its end, ERR_LIMIT for one that is too
 * long, or -EIO.
 */
int copy_next(struct copy_in *in);

/* Empty or 0 when it is missing or of another kind. */
struct slice copy_find_text(const struct copy_in *in, const char *name);
int64_t copy_find_number(const struct copy_in *in, const char *name);

/* Returns false when it is missing or not so many octets. */
bool copy_find_octets(const struct copy_in *in, const char *name, uint8_t *ret,
		      size_t len);

#endif
