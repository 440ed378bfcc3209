/* policy/idn.h - international names as A-labels. */
#ifndef POLICY_IDN_H
#define POLICY_IDN_H

#include <stddef.h>

#include "base/slice.h"

/* A name with octets above 127, UTF-8: mapped by UTS 46 (case, width, the other
 * full stops), checked by IDNA 2008, nontransitional, and printed as A-labels
 * into ret, size octets. Returns NULL and *ret_len, or a phrase that says what
 * is wrong. The result is a text yet to be read: it may be no host at all.
 */
const char *idn_to_ascii(struct slice name, char *ret, size_t size,
			 size_t *ret_len);

#endif
