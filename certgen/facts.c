/* certgen/facts.c - what a CA's certificate says, for people. */

#include "certgen/facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/base.h"
#include "base/err.h"
#include "certgen/fields.h"

static int facts_open(const char *path, X509 **ret)
{
	FILE *f = fopen(path, "re");
	X509 *cert;

	if (!f)
		return -errno;
	cert = PEM_read_X509(f, NULL, NULL, NULL);
	(void)fclose(f);
	if (!cert) {
		ERR_clear_error();
		return ERR_SYNTAX;
	}
	*ret = cert;
	return 0;
}

static void facts_key(const X509 *cert, char *ret, size_t len)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	char group[16] = "";

	if (key && EVP_PKEY_is_a(key, "RSA"))
		(void)snprintf(ret, len, "RSA-%d", EVP_PKEY_get_bits(key));
	else if (key &&
		 EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1)
		(void)snprintf(ret, len, "%s",
			       strcmp(group, "prime256v1") ? group : "P-256");
	else
		(void)snprintf(ret, len, "other");
}

static int facts_fingerprint(const X509 *cert, char ret[96])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (X509_digest(cert, EVP_sha256(), md, &len) != 1 || len != 32)
		return ERR_TLS;
	for (size_t i = 0; i < len; i++)
		(void)snprintf(ret + 3 * i, 4, "%02X%s", md[i],
			       i + 1 < len ? ":" : "");
	return 0;
}

static int facts_time(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return ERR_TLS;
	*ret = (int64_t)timegm(&tm);
	return 0;
}

int facts_read(const char *path, struct facts *ret)
{
	CLEANUP(fields_free) X509 *cert = NULL;
	struct facts f = { .subject = "" };
	int err = facts_open(path, &cert);

	if (err == 0)
		err = facts_fingerprint(cert, f.sha256);
	if (err == 0)
		err = facts_time(X509_get0_notBefore(cert), &f.from_s);
	if (err == 0)
		err = facts_time(X509_get0_notAfter(cert), &f.until_s);
	if (err < 0)
		return err;
	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert),
					NID_commonName, f.subject,
					sizeof(f.subject));
	for (char *p = f.subject; *p; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	facts_key(cert, f.key, sizeof(f.key));
	*ret = f;
	return 0;
}

int facts_der(const char *path, uint8_t *mem, size_t cap, size_t *ret_len)
{
	CLEANUP(fields_free) X509 *cert = NULL;
	unsigned char *to = mem;
	int err = facts_open(path, &cert);
	int len;

	if (err < 0)
		return err;
	len = i2d_X509(cert, NULL);
	if (len < 0)
		return ERR_TLS;
	if ((size_t)len > cap)
		return ERR_LIMIT;
	(void)i2d_X509(cert, &to);
	*ret_len = (size_t)len;
	return 0;
}
