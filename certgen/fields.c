/* certgen/fields.c - what the root's certificate and a leaf's have in common.
 */

#include "certgen/fields.h"

#include <time.h>

#include <openssl/bn.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "base/err.h"

#define FIELDS_SERIAL 16 /* octets; 128 bits that nobody can guess */
#define FIELDS_SKI    20 /* octets of the digest, RFC 7093 */

void fields_free(X509 **cert)
{
	X509_free(*cert);
	*cert = NULL;
}

/* The CA keeps no list of what it signed, so only chance keeps two serials
 * apart; and a serial nobody can guess spoils a chosen-prefix collision.
 */
static int fields_set_serial(X509 *cert)
{
	unsigned char octets[FIELDS_SERIAL];
	BIGNUM *bn = NULL;
	int err = ERR_TLS;

	if (RAND_bytes(octets, sizeof(octets)) != 1)
		return ERR_TLS;
	bn = BN_bin2bn(octets, sizeof(octets), NULL);
	if (bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)))
		err = 0;
	BN_free(bn);
	return err;
}

int fields_begin(int64_t from_s, int64_t until_s, X509 **ret)
{
	CLEANUP(fields_free) X509 *cert = X509_new();

	if (!cert || fields_set_serial(cert) < 0 ||
	    X509_set_version(cert, X509_VERSION_3) != 1 ||
	    !ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)from_s) ||
	    !ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)until_s))
		return ERR_TLS;
	*ret = TAKE(cert);
	return 0;
}

int fields_set_cn(X509_NAME *name, struct slice cn)
{
	assert(cn.len && cn.len <= FIELDS_CN_MAX);
	if (X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
				       (const unsigned char *)cn.ptr,
				       (int)cn.len, -1, 0) != 1)
		return ERR_TLS;
	return 0;
}

int fields_add_basic(X509 *cert, bool ca)
{
	BASIC_CONSTRAINTS *basic = BASIC_CONSTRAINTS_new();
	int err = ERR_TLS;

	if (basic && ca) {
		basic->ca = 0xff; /* DER's true */
		basic->pathlen = ASN1_INTEGER_new();
		if (basic->pathlen && ASN1_INTEGER_set(basic->pathlen, 0) == 1)
			err = 0;
	} else if (basic) {
		err = 0;
	}
	if (err == 0 && X509_add1_ext_i2d(cert, NID_basic_constraints, basic, 1,
					  X509V3_ADD_DEFAULT) != 1)
		err = ERR_TLS;
	BASIC_CONSTRAINTS_free(basic);
	return err;
}

int fields_add_usage(X509 *cert, const int *bits, size_t bits_len)
{
	ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
	int err = usage ? 0 : ERR_TLS;

	for (size_t i = 0; err == 0 && i < bits_len; i++) {
		if (ASN1_BIT_STRING_set_bit(usage, bits[i], 1) != 1)
			err = ERR_TLS;
	}
	if (err == 0 && X509_add1_ext_i2d(cert, NID_key_usage, usage, 1,
					  X509V3_ADD_DEFAULT) != 1)
		err = ERR_TLS;
	ASN1_BIT_STRING_free(usage);
	return err;
}

int fields_add_ski(X509 *cert)
{
	ASN1_OCTET_STRING *ski = ASN1_OCTET_STRING_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	int err = ERR_TLS;

	if (ski && X509_pubkey_digest(cert, EVP_sha256(), digest, &len) == 1 &&
	    len >= FIELDS_SKI &&
	    ASN1_OCTET_STRING_set(ski, digest, FIELDS_SKI) == 1 &&
	    X509_add1_ext_i2d(cert, NID_subject_key_identifier, ski, 0,
			      X509V3_ADD_DEFAULT) == 1)
		err = 0;
	ASN1_OCTET_STRING_free(ski);
	return err;
}

int fields_until(const X509 *cert, int64_t *ret)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
		return ERR_TLS;
	*ret = (int64_t)timegm(&tm);
	return 0;
}
