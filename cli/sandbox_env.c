/* cli/sandbox_env.c - the environment of a sandbox.
 *
 * Built from nothing. What the caller has set passes only when it is on a list
 * here or was asked for by --env, because tokens live in variables of any
 * name. Addresses of package registries pass, unless they carry a password.
 */

#include "cli/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/slice.h"
#include "gateway/portal.h"

/* How a terminal looks and who sits at it. */
static const char *const env_kept[] = {
	"TERM",
	"COLORTERM",
	"TERM_PROGRAM",
	"TERM_PROGRAM_VERSION",
	"LANG",
	"LANGUAGE",
	"TZ",
	"USER",
	"LOGNAME",
	"SHELL",
	"EDITOR",
	"VISUAL",
	"PAGER",
	"LESS",
	"NO_COLOR",
	"FORCE_COLOR",
	"CLICOLOR",
	"CI",
	"DEBIAN_FRONTEND",
};

/* Where the tools on PATH have their parts. */
static const char *const env_tools[] = {
	"PYENV_ROOT", "PYENV_VERSION",	  "RBENV_ROOT",	 "NVM_DIR",
	"NVM_BIN",    "VOLTA_HOME",	  "RUSTUP_HOME", "JAVA_HOME",
	"GOROOT",     "RUSTUP_TOOLCHAIN", "ASDF_DIR",	 "ASDF_DATA_DIR",
	"SDKMAN_DIR", "CUDA_HOME",
};

/* Where packages come from. */
static const char *const env_registries[] = {
	"npm_config_registry",
	"NPM_CONFIG_REGISTRY",
	"YARN_NPM_REGISTRY_SERVER",
	"PIP_INDEX_URL",
	"PIP_EXTRA_INDEX_URL",
	"UV_INDEX_URL",
	"UV_DEFAULT_INDEX",
	"GOPROXY",
	"GONOSUMDB",
	"GOSUMDB",
	"RUSTUP_DIST_SERVER",
	"RUSTUP_UPDATE_ROOT",
};

/* Each client library has its own idea of where trust stands. */
static const char *const env_bundle[] = {
	"SSL_CERT_FILE",
	"CURL_CA_BUNDLE",
	"GIT_SSL_CAINFO",
	"REQUESTS_CA_BUNDLE",
	"PIP_CERT",
	"CARGO_HTTP_CAINFO",
	"AWS_CA_BUNDLE",
	"DENO_CERT",
	"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
	"NIX_SSL_CERT_FILE",
	"HTTPLIB2_CA_CERTS",
	"npm_config_cafile",
	"YARN_HTTPS_CA_FILE_PATH",
	"PERL_LWP_SSL_CA_FILE",
	"BUNDLE_SSL_CA_CERT",
	"COMPOSER_CAFILE",
	"HEX_CACERTS_PATH",
	"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
	"WEBSOCKET_CLIENT_CA_BUNDLE",
	"JULIA_SSL_CA_ROOTS_PATH",
};

/* These have a store built in, and take the system's when told to. */
static const char *const env_system[] = {
	"UV_NATIVE_TLS=true",
	"UV_SYSTEM_CERTS=true",
	"DENO_TLS_CA_STORE=system,mozilla",
};

static void env_keep(struct words *env, const char *name)
{
	const char *value = getenv(name);

	if (value)
		words_addf(env, "%s=%s", name, value);
}

/* An address with user and password in it stays outside. */
static void env_keep_address(struct words *env, const char *name)
{
	const char *value = getenv(name);

	if (value && !strchr(value, '@'))
		words_addf(env, "%s=%s", name, value);
}

static void env_keep_locale(struct words *env)
{
	for (char **e = environ; *e; e++) {
		if (!strncmp(*e, "LC_", 3))
			words_add(env, *e);
	}
}

/* Of two values for one name some programs take the first, some the last; so
 * there is only one.
 */
static void env_set(struct words *env, const char *assignment)
{
	size_t len = strcspn(assignment, "=") + 1;

	for (size_t i = 0; i < env->len; i++) {
		if (!strncmp(env->ptr[i], assignment, len)) {
			words_replace(env, i, assignment);
			return;
		}
	}
	words_add(env, assignment);
}

static void env_asked(struct words *env, const char *word)
{
	const char *value;
	char *text = NULL;

	if (strchr(word, '=')) {
		env_set(env, word);
		return;
	}
	value = getenv(word);
	if (!value)
		return;
	if (asprintf(&text, "%s=%s", word, value) < 0) {
		env->bad = true;
		return;
	}
	env_set(env, text);
	free(text);
}

void sandbox_env(const struct sandbox *sb, struct sandbox_args *args)
{
	struct words *env = &args->env;

	for (size_t i = 0; i < ARRAY_SIZE(env_kept); i++)
		env_keep(env, env_kept[i]);
	env_keep_locale(env);
	for (size_t i = 0; i < ARRAY_SIZE(env_tools); i++)
		env_keep(env, env_tools[i]);
	for (size_t i = 0; i < ARRAY_SIZE(env_registries); i++)
		env_keep_address(env, env_registries[i]);
	for (size_t i = 0; i < ARRAY_SIZE(env_bundle); i++)
		words_addf(env, "%s=" SANDBOX_BUNDLE, env_bundle[i]);
	for (size_t i = 0; i < ARRAY_SIZE(env_system); i++)
		words_add(env, env_system[i]);
	/* Node adds this to the store that it has built in. */
	words_add(env, "NODE_EXTRA_CA_CERTS=" SANDBOX_CA);
	if (args->java_options)
		words_add(env, "JAVA_TOOL_OPTIONS="
			       "-Djavax.net.ssl.trustStore=" SANDBOX_JAVA
			       " -Djavax.net.ssl.trustStoreType=PKCS12");
	words_add(env, "PENSTOCK_PORTAL=http://" PORTAL_HOST "/");
	words_addf(env, "PATH=%s", args->path);
	words_addf(env, "HOME=%s", sb->home);
	words_addf(env, "PWD=%s", sb->cwd);
	words_addf(env, "PENSTOCK_SANDBOX=%s", sb->name);
	for (size_t i = 0; i < sb->asked_env.len; i++)
		env_asked(env, sb->asked_env.ptr[i]);
}
