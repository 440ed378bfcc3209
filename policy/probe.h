/* policy/probe.h - where the operator's package registries are. Private to
 * policy/.
 *
 * Nobody but the operator names a registry: what the tools on the gateway's
 * machine are configured to use is read when a policy that needs it compiles.
 */
#ifndef POLICY_PROBE_H
#define POLICY_PROBE_H

#include <stddef.h>

#include "policy/text.h"

#define PROBE_BASES_MAX 32
#define PROBE_BASE_MAX	512 /* octets, NUL included */

/* Base addresses, "https://host[:port][/path]", without a slash at the end,
 * user or password. No two are equal.
 */
struct probe_bases {
	char base[PROBE_BASES_MAX][PROBE_BASE_MAX];
	size_t len;
};

/* npm's registry: what npm itself says, else the environment, ~/.npmrc and
 * /etc/npmrc. Runs "npm config get registry", 5 seconds at most. *ret is empty
 * when nobody knows, here and below.
 */
void probe_npm(struct probe_bases *ret);

/* The enabled http and https sources below dir, which is /etc/apt. */
void probe_apt(const char *dir, struct probe_bases *ret);

/* The tools whose configuration is below root, "" for "/", and in the home
 * directory, which HOME names; both are read, and the environment.
 *
 *   pip     PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, pip.conf; without "/simple"
 *   cargo   config.toml: the addresses of sources and registries
 *   go      what "go env GOPROXY" says, else GOPROXY and go's env file
 *   gem     what "gem sources" says, else .gemrc and /etc/gemrc
 *   maven   settings.xml: mirrors and repositories
 *   apk     /etc/apk/repositories
 *   docker  daemon.json, registries.conf, and where one has logged in
 */
void probe_pip(const char *root, struct probe_bases *ret);
void probe_cargo(const char *root, struct probe_bases *ret);
void probe_go(const char *root, struct probe_bases *ret);
void probe_gem(const char *root, struct probe_bases *ret);
void probe_maven(const char *root, struct probe_bases *ret);
void probe_apk(const char *root, struct probe_bases *ret);
void probe_docker(const char *root, struct probe_bases *ret);

/* What those are made of. */

/* Keep an address, if it is one that a rule can name. */
void probe_add(struct probe_bases *ret, struct slice url);
/* The beginning of the file that dir and file spell together, to be freed; the
 * empty slice when it cannot be read, or dir is NULL.
 */
struct slice probe_file(const char *dir, const char *file);
void probe_file_free(struct slice *file);
/* What a program prints, within 5 seconds; false when it is not there, takes
 * longer or says more than fits.
 */
bool probe_ask(const char *const *argv, struct text *ret);
/* The next word of the line, taken from it. */
struct slice probe_word(struct slice *line);
struct slice probe_unquote(struct slice s);

#endif
