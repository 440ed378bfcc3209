/* base/caps.h - give up every capability for good. */
#ifndef BASE_CAPS_H
#define BASE_CAPS_H

/* Empty the bounding, ambient, effective, permitted and inheritable sets, lock
 * the securebits so that uid 0 means nothing, and forbid new privileges: also
 * for what is executed as uid 0. Returns 0 or -errno; then not all is given up
 * and the caller must not go on.
 */
int caps_drop(void);

#endif
