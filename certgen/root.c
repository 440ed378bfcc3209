/* certgen/root.c - the certificate authority: made at first start, then loaded.
 *
 * Theory of operation
 *
 * A new CA is two files, and two renames cannot be one step. The key is put in
 * place first, the certificate second, so a kill leaves one of three states:
 * nothing, a key alone, both. A key alone is therefore ours and unpublished,
 * and gets a certificate at the next start. A certificate alone cannot come
 * from a kill: the key was lost, and clients may trust what it signed, so that
 * is the operator's to decide.
 *
 * A lock on the key's directory makes two starts at once take turns. It is held
 * only while the files are looked at, and the kernel drops it with us.
 *
 * The key's octets pass through one array on the stack, wiped after use, and
 * live in OpenSSL's secure heap (main.c): locked in memory, never dumped.
 */

#include "certgen/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "base/err.h"
#include "base/file.h"
#include "certgen/certgen.h"
#include "certgen/fields.h"

#define ROOT_PEM_MAX	  16384 /* octets; an RSA key of 4096 bits has 3300 */
#define ROOT_RSA_BITS	  3072
#define ROOT_STRENGTH_MIN 112 /* bits: RSA-2048, the least clients accept */

struct root {
	X509 *cert;    /* owned */
	EVP_PKEY *key; /* owned, in the secure heap */
	int64_t until_s;
};

/* One opening of the files; lives on root_open()'s stack. */
struct root_work {
	const struct root_options *options;
	struct root_error *err;
	struct root *root; /* being built */
	int state;	   /* descriptor of the state directory */
	int keys;	   /* of the key's directory, locked */
	bool has_key;
	bool has_cert;
};

__attribute__((format(printf, 3, 4))) static int root_fail(struct root_work *w,
							   int code,
							   const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w->err->text, sizeof(w->err->text), fmt, ap);
	va_end(ap);
	return code;
}

void root_free(struct root **root)
{
	if (!*root)
		return;
	X509_free((*root)->cert);
	EVP_PKEY_free((*root)->key);
	free(*root);
	*root = NULL;
}

X509 *root_cert(const struct root *root)
{
	return root->cert;
}

EVP_PKEY *root_private_key(const struct root *root)
{
	return root->key;
}

int64_t root_until_s(const struct root *root)
{
	return root->until_s;
}

/* Whoever can write a directory can swap the files in it. */
static int root_check_state_dir(struct root_work *w)
{
	const char *dir = w->options->state_dir;
	struct stat st;

	if (fstat(w->state, &st) < 0)
		return root_fail(w, -errno, "%s: %s", dir, strerror(errno));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return root_fail(w, ERR_DENIED,
				 "%s belongs to uid %u; run: chown %u %s", dir,
				 st.st_uid, geteuid(), dir);
	if (st.st_mode & 022)
		return root_fail(w, ERR_DENIED,
				 "%s can be written by others (mode %04o); "
				 "run: chmod go-w %s",
				 dir, st.st_mode & 07777, dir);
	return 0;
}

/* Is what fd shows (a file or directory below the state directory) ours, with
 * none of the forbidden permissions?
 */
static int root_check_owner(struct root_work *w, int fd, const char *name,
			    mode_t forbidden)
{
	const char *dir = w->options->state_dir;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return root_fail(w, -errno, "%s/%s: %s", dir, name,
				 strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return root_fail(w, ERR_DENIED,
				 "%s/%s is no regular file; remove it", dir,
				 name);
	if (st.st_uid != geteuid())
		return root_fail(w, ERR_DENIED,
				 "%s/%s belongs to uid %u; run: chown %u %s/%s",
				 dir, name, st.st_uid, geteuid(), dir, name);
	if (st.st_mode & forbidden)
		return root_fail(w, ERR_DENIED,
				 "%s/%s is open to other users (mode %04o); "
				 "run: chmod %s %s/%s",
				 dir, name, st.st_mode & 07777,
				 forbidden & 044 ? "go=" : "go-w", dir, name);
	return 0;
}

static int root_has(struct root_work *w, const char *name, bool *ret)
{
	struct stat st;

	if (fstatat(w->state, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*ret = true;
	else if (errno == ENOENT)
		*ret = false;
	else
		return root_fail(w, -errno, "%s/%s: %s", w->options->state_dir,
				 name, strerror(errno));
	return 0;
}

/* Open both directories, making the key's, and lock it. */
static int root_open_dirs(struct root_work *w)
{
	const char *dir = w->options->state_dir;
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int err;

	w->state = open(dir, flags);
	if (w->state < 0)
		return root_fail(w, -errno, "%s: %s", dir, strerror(errno));
	err = root_check_state_dir(w);
	if (err < 0)
		return err;
	if (mkdirat(w->state, CERTGEN_KEY_DIR, 0700) < 0 && errno != EEXIST)
		return root_fail(w, -errno, "%s/%s: %s", dir, CERTGEN_KEY_DIR,
				 strerror(errno));
	w->keys = openat(w->state, CERTGEN_KEY_DIR, flags | O_NOFOLLOW);
	if (w->keys < 0)
		return root_fail(w, -errno, "%s/%s: %s", dir, CERTGEN_KEY_DIR,
				 strerror(errno));
	err = root_check_owner(w, w->keys, CERTGEN_KEY_DIR, 077);
	if (err < 0)
		return err;
	if (flock(w->keys, LOCK_EX) < 0)
		return root_fail(w, -errno, "%s/%s: %s", dir, CERTGEN_KEY_DIR,
				 strerror(errno));
	err = root_has(w, CERTGEN_CA_KEY, &w->has_key);
	if (err < 0)
		return err;
	return root_has(w, CERTGEN_CA_CERT, &w->has_cert);
}

/* Read one of the two files into mem, after looking at its permissions.
 * O_NONBLOCK: a FIFO in its place must not hang the start.
 */
static int root_read(struct root_work *w, const char *name, mode_t forbidden,
		     char mem[ROOT_PEM_MAX], size_t *ret_len)
{
	CLEANUP(file_close)
	int fd = openat(w->state, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int err;

	if (fd < 0)
		return root_fail(w, -errno, "%s/%s: %s", w->options->state_dir,
				 name, strerror(errno));
	err = root_check_owner(w, fd, name, forbidden);
	if (err < 0)
		return err;
	err = file_slurp(fd, mem, ROOT_PEM_MAX, ret_len);
	if (err < 0)
		return root_fail(w, err, "%s/%s: %s", w->options->state_dir,
				 name, err_str(err));
	return 0;
}

/* Instead of OpenSSL's own, which asks on the terminal. */
static int root_no_password(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static int root_load_key(struct root_work *w)
{
	char pem[ROOT_PEM_MAX];
	BIO *bio = NULL;
	size_t len = 0;
	int err = root_read(w, CERTGEN_CA_KEY, 077, pem, &len);

	if (err == 0)
		bio = BIO_new_mem_buf(pem, (int)len);
	if (bio)
		w->root->key = PEM_read_bio_PrivateKey(bio, NULL,
						       root_no_password, NULL);
	BIO_free(bio);
	OPENSSL_cleanse(pem, sizeof(pem));
	if (err < 0)
		return err;
	if (!w->root->key)
		return root_fail(w, ERR_SYNTAX,
				 "%s/%s holds no private key in PEM without "
				 "password; restore it, or remove it and %s "
				 "to make a new CA",
				 w->options->state_dir, CERTGEN_CA_KEY,
				 CERTGEN_CA_CERT);
	if (EVP_PKEY_get_security_bits(w->root->key) < ROOT_STRENGTH_MIN)
		return root_fail(w, ERR_DENIED,
				 "%s/%s is too weak; use P-256, or RSA with "
				 "2048 bits or more",
				 w->options->state_dir, CERTGEN_CA_KEY);
	return 0;
}

static int root_load_cert(struct root_work *w)
{
	char pem[ROOT_PEM_MAX];
	BIO *bio = NULL;
	size_t len = 0;
	int err = root_read(w, CERTGEN_CA_CERT, 022, pem, &len);

	if (err < 0)
		return err;
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio)
		w->root->cert =
			PEM_read_bio_X509(bio, NULL, root_no_password, NULL);
	BIO_free(bio);
	if (!w->root->cert)
		return root_fail(w, ERR_SYNTAX,
				 "%s/%s holds no certificate in PEM; restore "
				 "it, or remove it to have it made again",
				 w->options->state_dir, CERTGEN_CA_CERT);
	return 0;
}

/* Do the two belong together, and may this CA sign leaves today? */
static int root_check(struct root_work *w)
{
	const char *dir = w->options->state_dir;
	X509 *cert = w->root->cert;
	time_t now = (time_t)w->options->now_s;

	if (X509_check_private_key(cert, w->root->key) != 1)
		return root_fail(w, ERR_DENIED,
				 "%s/%s is not the certificate of %s/%s; "
				 "restore the one that belongs to it",
				 dir, CERTGEN_CA_CERT, dir, CERTGEN_CA_KEY);
	if (X509_check_ca(cert) != 1 ||
	    !(X509_get_key_usage(cert) & KU_KEY_CERT_SIGN) ||
	    !X509_get0_subject_key_id(cert))
		return root_fail(w, ERR_DENIED,
				 "%s/%s may not sign: it needs CA:TRUE, "
				 "keyCertSign and a subject key identifier",
				 dir, CERTGEN_CA_CERT);
	if (X509_cmp_time(X509_get0_notAfter(cert), &now) <= 0)
		return root_fail(w, ERR_STALE,
				 "%s/%s has expired; remove it and %s to make "
				 "a new CA, then trust that one",
				 dir, CERTGEN_CA_CERT, CERTGEN_CA_KEY);
	if (X509_cmp_time(X509_get0_notBefore(cert), &now) > 0)
		return root_fail(w, ERR_STALE,
				 "%s/%s is not valid yet; set this machine's "
				 "clock",
				 dir, CERTGEN_CA_CERT);
	return fields_until(cert, &w->root->until_s);
}

/* Put what a memory BIO holds into a file. */
static int root_store(struct root_work *w, int dir, const char *name,
		      mode_t mode, BIO *bio)
{
	char temp[32];
	char *text = NULL;
	long len = BIO_get_mem_data(bio, &text);
	int n = snprintf(temp, sizeof(temp), "%s.new", name);
	int err;

	assert(n > 0 && (size_t)n < sizeof(temp));
	if (len <= 0)
		return root_fail(w, -ENOMEM, "out of memory");
	err = file_replace(dir, temp, name, mode, slice_of(text, (size_t)len));
	if (err == 0 && fsync(dir) < 0)
		err = -errno;
	if (err < 0)
		return root_fail(w, err, "%s: cannot write %s: %s",
				 w->options->state_dir, name, err_str(err));
	return 0;
}

static int root_make_key(struct root_work *w)
{
	EVP_PKEY *key = w->options->key == ROOT_RSA ? EVP_RSA_gen(ROOT_RSA_BITS)
						    : EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_secmem());
	int err = ERR_TLS;

	w->root->key = key;
	if (key && bio &&
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
					  NULL) == 1)
		err = root_store(w, w->keys, CERTGEN_KEY_FILE, 0600, bio);
	else
		(void)root_fail(w, err, "the TLS library made no key");
	BIO_free(bio);
	return err;
}

/* "Penstock CA (HOST, 2026-11-22)", so that people who meet it in a trust
 * store know where it comes from. The host is cut to fit.
 */
static int root_name(const struct root_work *w, X509_NAME *name)
{
	char host[64] = "";
	char cn[FIELDS_CN_MAX + 1];
	char date[16];
	time_t now = (time_t)w->options->now_s;
	struct tm tm;
	int n;

	if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
		(void)snprintf(host, sizeof(host), "unnamed");
	for (char *p = host; *p; p++) {
		if (*p < '!' || *p > '~')
			*p = '-';
	}
	if (!gmtime_r(&now, &tm) ||
	    !strftime(date, sizeof(date), "%Y-%m-%d", &tm))
		return ERR_TLS;
	n = snprintf(cn, sizeof(cn), "Penstock CA (%.36s, %s)", host, date);
	assert(n > 0 && (size_t)n < sizeof(cn));
	return fields_set_cn(name, slice_str(cn));
}

/* A certificate for the key, by the key. Dated back as leaves are, so that a
 * client whose clock is behind accepts both or neither.
 */
static int root_self_sign(struct root_work *w)
{
	static const int usage[] = { 5, 6 }; /* keyCertSign, cRLSign */
	int64_t now_s = w->options->now_s;
	CLEANUP(fields_free) X509 *cert = NULL;
	X509_NAME *name;

	if (fields_begin(now_s - CERTGEN_BACKDATE_S, now_s + ROOT_LIFE_S,
			 &cert) < 0 ||
	    X509_set_pubkey(cert, w->root->key) != 1)
		return ERR_TLS;
	name = X509_get_subject_name(cert);
	if (root_name(w, name) < 0 || X509_set_issuer_name(cert, name) != 1 ||
	    fields_add_basic(cert, true) < 0 ||
	    fields_add_usage(cert, usage, ARRAY_SIZE(usage)) < 0 ||
	    fields_add_ski(cert) < 0 ||
	    X509_sign(cert, w->root->key, EVP_sha256()) == 0)
		return ERR_TLS;
	w->root->cert = TAKE(cert);
	return 0;
}

static int root_make_cert(struct root_work *w)
{
	BIO *bio = NULL;
	int err = root_self_sign(w);

	if (err == 0)
		bio = BIO_new(BIO_s_mem());
	if (bio && PEM_write_bio_X509(bio, w->root->cert) == 1)
		err = root_store(w, w->state, CERTGEN_CA_CERT, 0644, bio);
	else
		err = root_fail(w, ERR_TLS,
				"the TLS library made no certificate");
	BIO_free(bio);
	return err;
}

static int root_load_or_make(struct root_work *w)
{
	const char *dir = w->options->state_dir;
	int err;

	if (w->has_cert && !w->has_key)
		return root_fail(w, ERR_DENIED,
				 "%s/%s has lost its key %s; restore the key, "
				 "or remove the certificate to make a new CA",
				 dir, CERTGEN_CA_CERT, CERTGEN_CA_KEY);
	err = w->has_key ? root_load_key(w) : root_make_key(w);
	if (err < 0)
		return err;
	err = w->has_cert ? root_load_cert(w) : root_make_cert(w);
	if (err < 0)
		return err;
	return root_check(w);
}

int root_open(const struct root_options *options, struct root **ret,
	      struct root_error *ret_err)
{
	CLEANUP(root_free) struct root *root = calloc(1, sizeof(*root));
	struct root_work w = { .options = options,
			       .err = ret_err,
			       .root = root,
			       .state = -1,
			       .keys = -1 };
	int err;

	if (!root)
		return root_fail(&w, -ENOMEM, "out of memory");
	err = root_open_dirs(&w);
	if (err == 0)
		err = root_load_or_make(&w);
	file_close(&w.keys);
	file_close(&w.state);
	if (err < 0)
		return err;
	*ret = TAKE(root);
	return 0;
}
