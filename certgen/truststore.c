/* certgen/truststore.c - a bundle of CAs in the format that Java reads. */

#include "certgen/truststore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "certgen/fields.h"

#define TRUSTSTORE_CERTS_MAX 5000 /* of a bundle; Debian's has 140 */

/* Java takes a certificate without a private key for a trusted one only if
 * its bag has Oracle's attribute trustedKeyUsage, and any key usage serves.
 */
#define TRUSTSTORE_USAGE "2.16.840.1.113894.746875.1.1"
#define TRUSTSTORE_ANY	 "2.5.29.37.0"

typedef STACK_OF(PKCS12_SAFEBAG) truststore_bags;

static void truststore_bags_free(truststore_bags **bags)
{
	sk_PKCS12_SAFEBAG_pop_free(*bags, PKCS12_SAFEBAG_free);
	*bags = NULL;
}

static void truststore_bio_free(BIO **bio)
{
	BIO_free(*bio);
	*bio = NULL;
}

static void truststore_p12_free(PKCS12 **p12)
{
	PKCS12_free(*p12);
	*p12 = NULL;
}

/* A bag needs a name of its own; Java shows it as the alias. */
static int truststore_name(PKCS12_SAFEBAG *bag, X509 *cert, int number)
{
	char subject[64] = "";
	char alias[96];
	int n;

	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert),
					NID_commonName, subject,
					sizeof(subject));
	for (char *p = subject; *p; p++) {
		if (*p < ' ' || *p > '~')
			*p = '-';
	}
	n = snprintf(alias, sizeof(alias), "%d %s", number, subject);
	return PKCS12_add_friendlyname_asc(bag, alias, n) == 1 ? 0 : ERR_TLS;
}

static int truststore_add(truststore_bags *bags, X509 *cert)
{
	PKCS12_SAFEBAG *bag = PKCS12_SAFEBAG_create_cert(cert);
	ASN1_OBJECT *any = OBJ_txt2obj(TRUSTSTORE_ANY, 1);
	int err = ERR_TLS;

	/* A length of -1 says that the value is an object. */
	if (bag && any &&
	    truststore_name(bag, cert, sk_PKCS12_SAFEBAG_num(bags) + 1) == 0 &&
	    PKCS12_add1_attr_by_txt(bag, TRUSTSTORE_USAGE, V_ASN1_OBJECT,
				    (const unsigned char *)any, -1) == 1 &&
	    sk_PKCS12_SAFEBAG_push(bags, bag) > 0) {
		bag = NULL;
		err = 0;
	}
	PKCS12_SAFEBAG_free(bag);
	ASN1_OBJECT_free(any);
	return err;
}

/* Every certificate of the bundle. Returns 0 or < 0. */
static int truststore_read(BIO *bio, truststore_bags *bags)
{
	int err = 0;

	while (err == 0) {
		CLEANUP(fields_free)
		X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

		if (!cert)
			break;
		err = sk_PKCS12_SAFEBAG_num(bags) < TRUSTSTORE_CERTS_MAX
			      ? truststore_add(bags, cert)
			      : ERR_LIMIT;
	}
	ERR_clear_error(); /* the end of the bundle is one */
	if (err == 0 && !sk_PKCS12_SAFEBAG_num(bags))
		err = ERR_SYNTAX;
	return err;
}

/* The bags as a whole file in memory. */
static int truststore_pack(truststore_bags *bags, BIO *out)
{
	STACK_OF(PKCS7) *safes = sk_PKCS7_new_null();
	PKCS7 *safe = PKCS12_pack_p7data(bags);
	CLEANUP(truststore_p12_free) PKCS12 *p12 = NULL;
	int err = ERR_TLS;

	if (safes && safe && sk_PKCS7_push(safes, safe) > 0) {
		safe = NULL;
		p12 = PKCS12_add_safes(safes, NID_pkcs7_data);
	}
	if (p12 && i2d_PKCS12_bio(out, p12) == 1)
		err = 0;
	PKCS7_free(safe);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return err;
}

static int truststore_store(const char *out_path, BIO *bio)
{
	char temp[PATH_MAX];
	char *mem = NULL;
	long len = BIO_get_mem_data(bio, &mem);
	int n = snprintf(temp, sizeof(temp), "%s.%d.new", out_path,
			 (int)getpid());

	if (n < 0 || (size_t)n >= sizeof(temp))
		return -ENAMETOOLONG;
	return file_replace(AT_FDCWD, temp, out_path, 0644,
			    slice_of(mem, (size_t)len));
}

int truststore_write(const char *bundle_pem, const char *out_path)
{
	CLEANUP(truststore_bio_free) BIO *in = NULL;
	CLEANUP(truststore_bio_free) BIO *out = BIO_new(BIO_s_mem());
	CLEANUP(truststore_bags_free)
	truststore_bags *bags = sk_PKCS12_SAFEBAG_new_null();
	int err;

	errno = 0;
	in = BIO_new_file(bundle_pem, "r");
	if (!in) {
		ERR_clear_error();
		return errno ? -errno : ERR_TLS;
	}
	if (!out || !bags)
		return -ENOMEM;
	err = truststore_read(in, bags);
	if (err == 0)
		err = truststore_pack(bags, out);
	if (err == 0)
		err = truststore_store(out_path, out);
	return err;
}
