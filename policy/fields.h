/* policy/fields.h - the keys of a map, and what stands behind them. Private to
 * policy/.
 *
 * Each function reports what is wrong with its node, and reading goes on.
 */
#ifndef POLICY_FIELDS_H
#define POLICY_FIELDS_H

#include "policy/config.h"

typedef void field_read_fn(struct load *l, const struct doc_node *value);

struct field {
	const char *key;
	field_read_fn *read;
};

/* The value of a key in a map, or NULL. */
const struct doc_node *fields_get(const struct doc_node *map, const char *key);
/* A scalar without text: "key:" and nothing behind. */
bool fields_is_empty(const struct doc_node *node);

/* Is the key a scalar that stands once in its map? */
bool fields_key(struct load *l, const struct doc_node *map,
		const struct doc_node *key);
/* Is it a map? Nothing at all is none, and no error. */
bool fields_are_map(struct load *l, const struct doc_node *node);
/* Each value of the map to the function of its key. */
void fields_map(struct load *l, const struct doc_node *map,
		const struct field *fields, size_t len);

/* How many keys; 0, reported, when they are too many. */
size_t fields_count(struct load *l, const struct doc_node *map);

/* Is it a scalar with a text? */
bool fields_scalar(struct load *l, const struct doc_node *node);
/* Each scalar of a list, of a single scalar, or of nothing. */
void fields_each(struct load *l, const struct doc_node *node,
		 field_read_fn *fn);
/* The same as an array of C strings, which lives as the configuration. */
void fields_strings(struct load *l, const struct doc_node *node,
		    field_read_fn *check, const char *const **ret,
		    size_t *ret_len);

/* A name of a sandbox, policy or secret: fit for a file name, a command line
 * and the control door.
 */
bool fields_name(struct load *l, const struct doc_node *node);
/* A file, from the root. */
void fields_file(struct load *l, const struct doc_node *node);

#endif
