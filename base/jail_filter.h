/* base/jail_filter.h - the seccomp filters of our own processes. For jail.c
 * and its test.
 *
 * Instructions only: nothing is put in force here, so the filter of one
 * architecture can be built on the other.
 */
#ifndef BASE_JAIL_FILTER_H
#define BASE_JAIL_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/jail_calls.h"

#define JAIL_FILTER_MAX 512 /* instructions; the longest has some 300 */

struct sock_filter;

enum jail_kind {
	JAIL_WORKER,	  /* sockets, to read files */
	JAIL_SHIP_SENDER, /* the same, and threads that resolve names */
	JAIL_KEEPER,	  /* certgen, audit, ship's reader: files, no network */
};

/* Write the filter to ret, which has room for JAIL_FILTER_MAX; self is the
 * number of the process that it is for. Returns how many instructions it has.
 */
size_t jail_filter_build(enum jail_arch arch, enum jail_kind kind,
			 uint32_t self, struct sock_filter *ret);

#endif
