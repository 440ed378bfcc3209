/* capture/phrase.h - write one nftables rule, word for word.
 *
 * phrase_begin(), conditions, and a verdict, which ends the rule. Each
 * condition loads into register 1 and compares. The error sticks: ask bad at
 * the end of all.
 */
#ifndef CAPTURE_PHRASE_H
#define CAPTURE_PHRASE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/rules.h"

struct phrase {
	struct rules *rules;	 /* borrowed; gets what is written */
	struct nftnl_rule *rule; /* being written */
	bool bad;
};

/* comment: what people see beside the rule and its counter. */
void phrase_begin(struct phrase *p, const char *chain, const char *comment);

void phrase_meta_is(struct phrase *p, uint32_t key, uint8_t value);
void phrase_payload_is(struct phrase *p, uint32_t base, uint32_t offset,
		       const void *data, uint32_t len);
void phrase_dport_is(struct phrase *p, uint8_t proto, uint16_t port);
/* The source lies in the first bits of address, of len octets (4 or 16). */
void phrase_source_in(struct phrase *p, const uint8_t *address, uint32_t len,
		      uint32_t bits);
/* It came in by, or goes out by, the device of this name. */
void phrase_device_is(struct phrase *p, uint32_t key, const char *name);
/* ct KEY & mask, compared with 0. */
void phrase_ct_bits(struct phrase *p, uint32_t key, uint32_t mask, uint32_t op);
/* It is an answer, in a connection that the other side began. */
void phrase_ct_reply(struct phrase *p);
/* No route leads back to the source by the device that it came in by. */
void phrase_spoofed(struct phrase *p);

/* Verdicts. Each counts. */
void phrase_accept(struct phrase *p);
void phrase_drop(struct phrase *p);
void phrase_jump(struct phrase *p, const char *chain);
void phrase_return(struct phrase *p);
void phrase_reject(struct phrase *p, uint32_t type, uint8_t code);
void phrase_redirect(struct phrase *p, uint16_t port);
/* Give it to the transparent listener at address and port, with this mark;
 * where there is none, the next rule follows.
 */
void phrase_tproxy(struct phrase *p, uint32_t family, const void *address,
		   uint32_t len, uint16_t port, uint32_t mark);

#endif
