/* audit/chain_key.c - signed statements about the chain. */

#include "audit/chain_key.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/hex.h"

#define KEY_PATH_MAX 512

struct chain_key {
	EVP_PKEY *pkey; /* owned */
	uint8_t public_key[CHAIN_KEY];
};

static int key_check(EVP_PKEY *pkey, struct chain_key *k)
{
	size_t len = sizeof(k->public_key);

	if (!pkey || !EVP_PKEY_is_a(pkey, "ED25519") ||
	    EVP_PKEY_get_raw_public_key(pkey, k->public_key, &len) != 1 ||
	    len != sizeof(k->public_key))
		return ERR_SYNTAX;
	return 0;
}

/* A key file has no password, and nobody is asked for one. */
static int key_no_password(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static int key_load(const char *path, struct chain_key *k)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	FILE *f;

	if (fd < 0)
		return -errno;
	f = fdopen(fd, "r");
	if (!f) {
		(void)close(fd);
		return -ENOMEM;
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_mode & 077) {
		(void)fclose(f);
		return -EPERM;
	}
	k->pkey = PEM_read_PrivateKey(f, NULL, key_no_password, NULL);
	(void)fclose(f);
	return key_check(k->pkey, k);
}

/* Write what is under way to fd, for good. */
static int key_write(int fd, EVP_PKEY *pkey)
{
	FILE *f = fdopen(fd, "w");
	int err = 0;

	if (!f) {
		(void)close(fd);
		return -ENOMEM;
	}
	if (PEM_write_PKCS8PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL) !=
		    1 ||
	    fflush(f) || fsync(fd))
		err = errno ? -errno : -EIO;
	if (fclose(f) && !err)
		err = -errno;
	return err;
}

/* Written beside its place and linked into it, so a key that is there is
 * always whole, and one that is there is never replaced.
 */
static int key_make(const char *path, struct chain_key *k)
{
	char tmp[KEY_PATH_MAX];
	int n = snprintf(tmp, sizeof(tmp), "%s.new", path);
	int fd, err;

	if (n < 0 || (size_t)n >= sizeof(tmp))
		return -ENAMETOOLONG;
	k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	err = key_check(k->pkey, k);
	if (err)
		return -EIO;
	(void)unlink(tmp); /* of one who was killed here */
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = key_write(fd, k->pkey);
	if (!err && link(tmp, path))
		err = -errno;
	(void)unlink(tmp);
	return err;
}

int chain_key_open(const char *path, bool make, struct chain_key **ret)
{
	struct chain_key *k = calloc(1, sizeof(*k));
	int err;

	if (!k)
		return -ENOMEM;
	err = key_load(path, k);
	if (err == -ENOENT && make)
		err = key_make(path, k);
	if (err)
		chain_key_free(&k);
	else
		*ret = k;
	return err;
}

void chain_key_free(struct chain_key **k)
{
	if (!*k)
		return;
	EVP_PKEY_free((*k)->pkey);
	free(*k);
	*k = NULL;
}

/* What is signed, as people read it. Returns its length, 0 if instance is too
 * long.
 */
static size_t chain_statement_print(const struct chain_statement *st,
				    const char *instance,
				    char ret[CHAIN_STATEMENT_MAX])
{
	char hash[HEX_TEXT(CHAIN_HASH)];
	int n;

	hex_print(st->hash, CHAIN_HASH, hash);
	n = snprintf(
		ret, CHAIN_STATEMENT_MAX,
		"penstock %s 1\ninstance %s\nbatch %" PRId64 "\nlast %" PRId64
		"\nrows %" PRId64 "\ntime_us %" PRId64 "\nhash %s\n",
		st->kind == CHAIN_PRUNED ? "pruned" : "checkpoint", instance,
		st->batch, st->last, st->total, st->signed_us, hash);
	return n > 0 && n < CHAIN_STATEMENT_MAX ? (size_t)n : 0;
}

int chain_key_sign(const struct chain_key *k, const char *instance,
		   struct chain_statement *st)
{
	char text[CHAIN_STATEMENT_MAX];
	size_t len = chain_statement_print(st, instance, text);
	size_t signature_len = sizeof(st->signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	good = len && ctx &&
	       EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
	       EVP_DigestSign(ctx, st->signature, &signature_len,
			      (const uint8_t *)text, len) == 1;
	EVP_MD_CTX_free(ctx);
	memcpy(st->key, k->public_key, sizeof(st->key));
	return good ? 0 : -EIO;
}

bool chain_statement_is_signed(const struct chain_statement *st,
			       const char *instance)
{
	char text[CHAIN_STATEMENT_MAX];
	size_t len = chain_statement_print(st, instance, text);
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
						     st->key, sizeof(st->key));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	good = len && pkey && ctx &&
	       EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	       EVP_DigestVerify(ctx, st->signature, sizeof(st->signature),
				(const uint8_t *)text, len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return good;
}
