/* certgen/leaf.c - mint a certificate for one name.
 *
 * The name comes from a ClientHello, so from the sandbox. It is checked octet
 * by octet and then placed as one object: text such as "DNS:%s" given to the
 * library's configuration parser would let "a.com,DNS:bank.com" name two.
 */

#include "certgen/leaf.h"

#include <arpa/inet.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "base/err.h"
#include "certgen/certgen.h"
#include "certgen/fields.h"
#include "certgen/root.h"

#define LEAF_LABEL_MAX 63 /* octets, RFC 1035, section 2.3.4 */

/* What goes into the certificate. */
struct leaf_name {
	char text[LEAF_NAME_MAX + 1];
	size_t text_len;
	uint8_t addr[16];
	size_t addr_len; /* 4, 16, or 0 for a name */
};

int leaf_key_init(struct leaf_key *ret)
{
	struct leaf_key key;
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	PKCS8_PRIV_KEY_INFO *info = NULL;
	unsigned char *p = key.der;
	size_t point_len = 0;
	int len = 0;

	if (pkey &&
	    EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY,
					    key.point, LEAF_POINT,
					    &point_len) == 1 &&
	    point_len == LEAF_POINT)
		info = EVP_PKEY2PKCS8(pkey);
	if (info)
		len = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
	if (len > 0 && len <= LEAF_KEY_MAX)
		key.der_len = (uint16_t)i2d_PKCS8_PRIV_KEY_INFO(info, &p);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
	if (len <= 0 || len > LEAF_KEY_MAX)
		return ERR_TLS;
	*ret = key;
	OPENSSL_cleanse(&key, sizeof(key));
	return 0;
}

void leaf_key_done(struct leaf_key *key)
{
	OPENSSL_cleanse(key, sizeof(*key));
}

static bool leaf_label_ok(struct slice label)
{
	if (!label.len || label.len > LEAF_LABEL_MAX)
		return false;
	for (size_t i = 0; i < label.len; i++) {
		char c = label.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !ascii_is_digit(c) && c != '-' &&
		    c != '_')
			return false;
	}
	return true;
}

/* Labels, the last of which does not begin with a digit unless it has letters:
 * "127.1" and "0x7f.1" are what some clients read as addresses.
 */
static bool leaf_labels_ok(struct slice rest)
{
	struct slice label;
	bool more = true;

	while (more) {
		more = slice_cut(rest, '.', &label, &rest);
		if (!leaf_label_ok(label))
			return false;
	}
	if (label.len > 1 && label.ptr[0] == '0' && label.ptr[1] == 'x')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		if (!ascii_is_digit(label.ptr[i]))
			return true;
	}
	return false;
}

static int leaf_name_read(struct slice name, struct leaf_name *ret)
{
	struct leaf_name n = { .text_len = name.len };

	if (!name.len || name.len > LEAF_NAME_MAX ||
	    memchr(name.ptr, '\0', name.len))
		return ERR_SYNTAX;
	memcpy(n.text, name.ptr, name.len);
	if (inet_pton(AF_INET, n.text, n.addr) == 1)
		n.addr_len = 4;
	else if (inet_pton(AF_INET6, n.text, n.addr) == 1)
		n.addr_len = 16;
	else if (!leaf_labels_ok(name))
		return ERR_SYNTAX;
	*ret = n;
	return 0;
}

/* A GENERAL_NAME that owns its value, or NULL. */
static GENERAL_NAME *leaf_general_name(const struct leaf_name *n)
{
	GENERAL_NAME *gn = GENERAL_NAME_new();
	ASN1_STRING *value =
		n->addr_len ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
	const void *data = n->addr_len ? (const void *)n->addr : n->text;
	size_t len = n->addr_len ? n->addr_len : n->text_len;

	if (!gn || !value || ASN1_STRING_set(value, data, (int)len) != 1) {
		GENERAL_NAME_free(gn);
		ASN1_STRING_free(value);
		return NULL;
	}
	GENERAL_NAME_set0_value(gn, n->addr_len ? GEN_IPADD : GEN_DNS, value);
	return gn;
}

/* critical: where the subject is empty, the name stands only here (RFC 5280,
 * section 4.2.1.6).
 */
static int leaf_add_san(X509 *cert, const struct leaf_name *n, bool critical)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	GENERAL_NAME *gn = names ? leaf_general_name(n) : NULL;
	int err = ERR_TLS;

	if (gn && sk_GENERAL_NAME_push(names, gn) > 0) {
		if (X509_add1_ext_i2d(cert, NID_subject_alt_name, names,
				      critical, X509V3_ADD_DEFAULT) == 1)
			err = 0;
	} else {
		GENERAL_NAME_free(gn);
	}
	GENERAL_NAMES_free(names);
	return err;
}

static int leaf_add_eku(X509 *cert)
{
	EXTENDED_KEY_USAGE *eku = EXTENDED_KEY_USAGE_new();
	int err = ERR_TLS;

	/* OBJ_nid2obj() lends a constant object; freeing it does nothing. */
	if (eku && sk_ASN1_OBJECT_push(eku, OBJ_nid2obj(NID_server_auth)) > 0 &&
	    X509_add1_ext_i2d(cert, NID_ext_key_usage, eku, 0,
			      X509V3_ADD_DEFAULT) == 1)
		err = 0;
	EXTENDED_KEY_USAGE_free(eku);
	return err;
}

/* Names the issuer's key by the identifier in the issuer's own certificate. */
static int leaf_add_aki(X509 *cert, X509 *issuer)
{
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(issuer);
	AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();
	int err = ERR_TLS;

	if (aki && ski)
		aki->keyid = ASN1_OCTET_STRING_dup(ski);
	if (aki && aki->keyid &&
	    X509_add1_ext_i2d(cert, NID_authority_key_identifier, aki, 0,
			      X509V3_ADD_DEFAULT) == 1)
		err = 0;
	AUTHORITY_KEYID_free(aki);
	return err;
}

/* Puts the point in as it is. X509_set_pubkey() would have the key encoded and
 * decoded again for each certificate: 180 us, seven times what signing takes.
 */
static int leaf_set_pubkey(X509 *cert, const struct leaf_key *key)
{
	unsigned char *point = OPENSSL_memdup(key->point, LEAF_POINT);

	if (point &&
	    X509_PUBKEY_set0_param(
		    X509_get_X509_PUBKEY(cert),
		    OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
		    OBJ_nid2obj(NID_X9_62_prime256v1), point, LEAF_POINT) == 1)
		return 0;
	OPENSSL_free(point);
	return ERR_TLS;
}

static int leaf_fill(X509 *cert, X509 *issuer, const struct leaf_key *key,
		     const struct leaf_name *n)
{
	static const int usage[] = { 0 }; /* digitalSignature */
	bool cn = n->text_len <= FIELDS_CN_MAX;

	if (leaf_set_pubkey(cert, key) < 0 ||
	    X509_set_issuer_name(cert, X509_get_subject_name(issuer)) != 1)
		return ERR_TLS;
	if (cn && fields_set_cn(X509_get_subject_name(cert),
				slice_of(n->text, n->text_len)) < 0)
		return ERR_TLS;
	if (fields_add_basic(cert, false) < 0 ||
	    fields_add_usage(cert, usage, ARRAY_SIZE(usage)) < 0 ||
	    leaf_add_eku(cert) < 0 || leaf_add_san(cert, n, !cn) < 0 ||
	    fields_add_ski(cert) < 0 || leaf_add_aki(cert, issuer) < 0)
		return ERR_TLS;
	return 0;
}

int leaf_mint(const struct root *root, const struct leaf_key *key,
	      struct slice name, int64_t now_s, struct leaf *ret)
{
	CLEANUP(fields_free) X509 *cert = NULL;
	int64_t until_s = MIN(now_s + CERTGEN_LEAF_S, root_until_s(root));
	unsigned char *p = ret->der;
	struct leaf_name n;
	int len;

	if (leaf_name_read(name, &n) < 0)
		return ERR_SYNTAX;
	if (now_s >= root_until_s(root))
		return ERR_STALE;
	if (fields_begin(now_s - CERTGEN_BACKDATE_S, until_s, &cert) < 0 ||
	    leaf_fill(cert, root_cert(root), key, &n) < 0 ||
	    X509_sign(cert, root_private_key(root), EVP_sha256()) == 0)
		return ERR_TLS;
	len = i2d_X509(cert, NULL);
	if (len <= 0)
		return ERR_TLS;
	if (len > LEAF_DER_MAX)
		return ERR_LIMIT;
	len = i2d_X509(cert, &p);
	assert(len > 0 && p == ret->der + len);
	ret->der_len = (uint16_t)len;
	ret->until_s = until_s;
	return 0;
}
