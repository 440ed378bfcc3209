/* certgen/certgen.h - the door to certgen: a name in, a leaf out.
 *
 * certgen alone holds the CA's key. It listens on a SEQPACKET socket (frames
 * as in base/frame.h) and answers each question; answers may come in any
 * order and carry the question's number.
 *
 *   LEAF  u32 number, str name            worker → certgen
 *         The name is canonical (http/authority.h) or an address
 *   CERT  u32 number, str certificate (DER), str key (DER, PKCS#8),
 *         u64 good until (seconds since 1970)
 *   NO    u32 number, str why
 */
#ifndef CERTGEN_CERTGEN_H
#define CERTGEN_CERTGEN_H

#include <stdint.h>

#include "base/slice.h"

enum certgen_frame {
	CERTGEN_LEAF = 1,
	CERTGEN_CERT = 2,
	CERTGEN_NO = 3,
};

/* A leaf lives this long, and is dated back by CERTGEN_BACKDATE_S. Short, so
 * that a leaked one is worth little; no client accepts over 398 days.
 */
#define CERTGEN_LEAF_S	   (7 * INT64_C(86400))
#define CERTGEN_BACKDATE_S INT64_C(86400)

/* Files below an instance's state directory. */
#define CERTGEN_CA_CERT	 "ca.pem"  /* 0644, for trust stores */
#define CERTGEN_KEY_DIR	 "certgen" /* 0700 */
#define CERTGEN_KEY_FILE "ca.key"  /* 0600 */
#define CERTGEN_CA_KEY	 CERTGEN_KEY_DIR "/" CERTGEN_KEY_FILE

#endif
