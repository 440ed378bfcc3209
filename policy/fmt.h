/* policy/fmt.h - a configuration with each rule in its canonical text.
 *
 * Only the octets of rules change; comments, order, blank lines and all other
 * keys stay. A rule with a placeholder stays too, as does one that stands on
 * several lines.
 */
#ifndef POLICY_FMT_H
#define POLICY_FMT_H

#include "policy/load.h"

struct fmt_result {
	char *text; /* to be freed; NUL behind it */
	size_t len;
	size_t rules;	/* read */
	size_t changed; /* written anew */
};

/* The text is a configuration or a policy on its own; name stands in messages.
 * What is given back reads as the same rules, which has been tried. Returns 0,
 * -ENOMEM, or ERR_SYNTAX with *ret_err filled.
 */
int fmt_text(const char *name, struct slice text, struct fmt_result *ret,
	     struct config_error *ret_err);

#endif
