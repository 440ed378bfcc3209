/* cli/resolve.h - which of these names exist, asked of the machine's resolver.
 *
 * All at once and for RESOLVE_MS at most. Asked once in a process: what is
 * still under way then is left to its end.
 */
#ifndef CLI_RESOLVE_H
#define CLI_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

#define RESOLVE_MAX 1000  /* names; further ones count as known */
#define RESOLVE_MS  10000 /* all together */

struct resolve;

/* NULL without memory. */
struct resolve *resolve_new(void);
/* name is NUL-terminated and borrowed until the end. */
void resolve_add(struct resolve *r, struct slice name);
void resolve_run(struct resolve *r);

/* Is it certain that the name has no address? Not if nobody asked. */
bool resolve_missing(const struct resolve *r, struct slice name);
/* How many names there was no answer about. */
size_t resolve_unknown(const struct resolve *r);
void resolve_free(struct resolve **r);

#endif
