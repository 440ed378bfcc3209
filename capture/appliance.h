/* capture/appliance.h - the rules of a gateway host, as objects. Pure. */
#ifndef CAPTURE_APPLIANCE_H
#define CAPTURE_APPLIANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/rules.h"

#define APPLIANCE_INTERFACES_MAX 16
#define APPLIANCE_SOURCES_MAX	 32
#define APPLIANCE_NAME_MAX	 16 /* IFNAMSIZ: with its NUL */

struct appliance_source {
	uint8_t address[16];
	uint8_t len; /* octets: 4 or 16 */
	uint8_t bits;
};

/* Whose traffic is captured, and where it goes. */
struct appliance {
	char interface[APPLIANCE_INTERFACES_MAX][APPLIANCE_NAME_MAX];
	size_t interfaces;
	struct appliance_source source[APPLIANCE_SOURCES_MAX];
	size_t sources;
	uint16_t port; /* of the TCP listener */
};

/* Add an interface's name or a prefix ("10.7.0.0/24", "fd00::1"). Returns 0,
 * ERR_SYNTAX or ERR_LIMIT.
 */
int appliance_add_interface(struct appliance *a, const char *name);
int appliance_add_source(struct appliance *a, const char *text);

/* As appliance_add_source() reads it; ret has APPLIANCE_SOURCE_TEXT octets. */
#define APPLIANCE_SOURCE_TEXT 50
void appliance_source_print(const struct appliance_source *s,
			    char ret[APPLIANCE_SOURCE_TEXT]);

/* Is it more than any network of one's own, and so this host's operators too?
 * Wider than 10.0.0.0/8 and fc00::/7, the widest that are private.
 */
bool appliance_source_is_wide(const struct appliance_source *s);

/* Returns 0 or -ENOMEM. */
int appliance_build(const struct appliance *a, struct rules *ret);

#endif
