/* cli/counters.h - what the rules of a gateway host have counted. */
#ifndef CLI_COUNTERS_H
#define CLI_COUNTERS_H

#include "cli/instance.h"

/* Print what the keeper of the capture wrote last, and how long ago that was;
 * nothing where none keeps one.
 */
void counters_print(const struct instance *in);

#endif
