/* certgen/bundle.h - a trust store for a sandbox: the system's CAs and ours.
 *
 * Plain file work, no TLS library: cold code of `penstock run`.
 */
#ifndef CERTGEN_BUNDLE_H
#define CERTGEN_BUNDLE_H

#include "base/slice.h"

/* The system's CAs, or NULL where no usual place has them. Static storage. */
const char *bundle_system_path(void);

/* Is text one certificate in PEM and nothing else? In particular no private
 * key: what is checked here is copied to where everybody reads.
 */
int bundle_check(struct slice text);

/* Write the system's CAs and the certificate in ca_pem to out_path, mode 0644,
 * in one step. Without system CAs ours stands alone, which is enough for all
 * that the gateway terminates. Returns 0, ERR_SYNTAX (ca_pem is not one
 * certificate), ERR_LIMIT (a file is too large) or -errno; out_path is
 * untouched on failure.
 */
int bundle_write(const char *ca_pem, const char *out_path);

/* The same with another system bundle; NULL for none. */
int bundle_join(const char *system_pem, const char *ca_pem,
		const char *out_path);

#endif
