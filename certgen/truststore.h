/* certgen/truststore.h - a bundle of CAs in the format that Java reads.
 *
 * Cold code of `penstock run` and `penstock ca`.
 */
#ifndef CERTGEN_TRUSTSTORE_H
#define CERTGEN_TRUSTSTORE_H

/* Write the certificates of a PEM bundle to out_path as PKCS#12, mode 0644, in
 * one step. Neither encrypted nor under a MAC: so every Java from 8 on reads
 * it, with any password or none, and there is nothing secret in it. What is no
 * certificate in the bundle is left out.
 *
 * Returns 0, ERR_SYNTAX (there is no certificate), ERR_LIMIT, ERR_TLS or
 * -errno; out_path is untouched on failure.
 */
int truststore_write(const char *bundle_pem, const char *out_path);

#endif
