/* cli/counters.h - what the rules of a gateway host have counted. */
#ifndef CLI_COUNTERS_H
#define CLI_COUNTERS_H

#include "cli/instance.h"

/* Print what the keeper of the capture wrote last, and how long ago that was;
 * nothing where none keeps one.
 */
void counters_print(const struct instance *in);

/* The same as a further member of a JSON object, comma first:
 * ,"capture":{"age_s":2,"rules":[{"packets":1,"octets":60,"chain":"…",
 * "rule":"…"}]}
 */
void counters_json(const struct instance *in);

#endif
