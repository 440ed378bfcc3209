/* base/err.h - what can go wrong, in one number.
 *
 * Functions return >= 0 when all is well and a negative number otherwise:
 * -errno, or one of these. Steps that may be interrupted return 1 done,
 * 0 not yet, < 0 failed.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
	ERR_SYNTAX = -1001,  /* not what the grammar says */
	ERR_LIMIT = -1002,   /* a bound of ours was reached */
	ERR_CLOSED = -1003,  /* the other side has gone, in good order */
	ERR_CUT = -1004,     /* the other side has gone in the middle */
	ERR_PROTO = -1005,   /* well-formed, but not allowed here and now */
	ERR_TLS = -1006,     /* the TLS library said no; it knows why */
	ERR_DENIED = -1007,  /* our own policy or guard said no */
	ERR_UNKNOWN = -1008, /* no such thing: name, sandbox, command */
	ERR_STALE = -1009,   /* made for another version of ours */
};

/* A short English phrase for any code above or any -errno; never NULL. Static
 * storage.
 */
const char *err_str(int err);

#endif
