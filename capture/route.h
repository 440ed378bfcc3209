/* capture/route.h - make every address of the world local. */
#ifndef CAPTURE_ROUTE_H
#define CAPTURE_ROUTE_H

#include <stdbool.h>

/* In the caller's network namespace: bring lo up, give it the
 * sandbox's addresses, and route everything to it. *ret_ipv6 tells whether the
 * kernel has IPv6 here; without it there is nothing to capture. Returns 0 or
 * -errno.
 */
int route_install(bool *ret_ipv6);

/* Bring lo up and no more. Returns 0 or -errno. */
int route_loopback(void);

/* Take away what route_install() adds but for lo being up; what is not there
 * need not be.
 */
void route_remove(void);

/* Is ::1 there? Not in a kernel without IPv6 or with it switched off. Returns
 * 0 or -errno.
 */
int route_has_ipv6(bool *ret);

#endif
