/* base/err.c - a phrase for each thing that can go wrong. */

#include "base/err.h"

#include <string.h>

/* Static storage for every errno: strerrordesc_np() gives untranslated
 * literals, which strerror() does not promise.
 */
static const char *err_system(int err)
{
	const char *phrase = err > 0 ? strerrordesc_np(err) : NULL;

	return phrase ? phrase : "unknown error";
}

const char *err_str(int err)
{
	if (err >= 0)
		return "no error";

	switch ((enum err)err) {
	case ERR_SYNTAX:
		return "malformed input";
	case ERR_LIMIT:
		return "a limit was reached";
	case ERR_CLOSED:
		return "closed by the other side";
	case ERR_CUT:
		return "cut off by the other side";
	case ERR_PROTO:
		return "not allowed by the protocol here";
	case ERR_TLS:
		return "TLS failure";
	case ERR_DENIED:
		return "denied by policy";
	case ERR_UNKNOWN:
		return "no such thing";
	case ERR_STALE:
		return "made for another version";
	}
	/* INT_MIN has no positive counterpart. */
	return err_system(err < -4095 ? 0 : -err);
}
