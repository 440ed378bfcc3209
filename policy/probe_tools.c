/* policy/probe_tools.c - where the operator's package registries are: further
 * tools.
 *
 * Of each format only so much is understood as says where things come from:
 * lines of sections and keys, the texts between two tags, the strings of a
 * list. What is not understood is passed over, and at worst the operator is
 * told that nothing is configured.
 */

#include <stdlib.h>

#include "base/base.h"
#include "policy/probe.h"

typedef void read_fn(struct slice text, struct probe_bases *ret);

static void read_from(const char *dir, const char *file, read_fn *read,
		      struct probe_bases *ret)
{
	struct slice text = probe_file(dir, file);

	read(text, ret);
	probe_file_free(&text);
}

static struct slice next_line(struct slice *text)
{
	struct slice line;

	(void)slice_cut(*text, '\n', &line, text);
	if (slice_ends(line, SLICE("\r")))
		line.len--;
	return line;
}

static void add_words(struct slice words, struct probe_bases *ret)
{
	while (slice_trim(words).len)
		probe_add(ret, probe_word(&words));
}

/* An index is ".../simple", with the packages beside it: both are below what
 * stands in front.
 */
static void add_index(struct slice words, struct probe_bases *ret)
{
	while (slice_trim(words).len) {
		struct slice url = probe_word(&words);

		while (slice_ends(url, SLICE("/")))
			url.len--;
		if (slice_ends(url, SLICE("/simple")))
			url.len -= sizeof("/simple") - 1;
		probe_add(ret, url);
	}
}

/* "index-url = URL", "extra-index-url = URL URL", and what stands indented in
 * the lines behind.
 */
static void read_pip(struct slice text, struct probe_bases *ret)
{
	bool inside = false;

	while (text.len) {
		struct slice line = next_line(&text), key, value;

		if (slice_starts(line, SLICE("#")) ||
		    slice_starts(line, SLICE(";")))
			continue;
		if (slice_starts(line, SLICE(" ")) ||
		    slice_starts(line, SLICE("\t"))) {
			if (inside)
				add_index(line, ret);
			continue;
		}
		if (!slice_cut(line, '=', &key, &value))
			(void)slice_cut(line, ':', &key, &value);
		key = slice_trim(key);
		inside = slice_eq(key, SLICE("index-url")) ||
			 slice_eq(key, SLICE("extra-index-url"));
		if (inside)
			add_index(value, ret);
	}
}

void probe_pip(const char *root, struct probe_bases *ret)
{
	const char *home = getenv("HOME");

	ret->len = 0;
	add_index(slice_str(getenv("PIP_INDEX_URL")), ret);
	add_index(slice_str(getenv("PIP_EXTRA_INDEX_URL")), ret);
	read_from(getenv("PIP_CONFIG_FILE"), "", read_pip, ret);
	read_from(home, "/.config/pip/pip.conf", read_pip, ret);
	read_from(home, "/.pip/pip.conf", read_pip, ret);
	read_from(root, "/etc/pip.conf", read_pip, ret);
	read_from(root, "/etc/xdg/pip/pip.conf", read_pip, ret);
}

/* A value of TOML without quotes and what stands behind it. */
static struct slice toml_value(struct slice value)
{
	struct slice head, tail;
	char quote;

	value = slice_trim(value);
	if (!value.len)
		return value;
	quote = value.ptr[0];
	if (quote != '"' && quote != '\'')
		return value;
	return slice_cut(slice_skip(value, 1), quote, &head, &tail) ? head
								    : tail;
}

static void read_cargo(struct slice text, struct probe_bases *ret)
{
	bool inside = false;

	while (text.len) {
		struct slice line = slice_trim(next_line(&text)), key, value;

		if (slice_starts(line, SLICE("["))) {
			inside = slice_starts(line, SLICE("[source.")) ||
				 slice_starts(line, SLICE("[registries."));
			continue;
		}
		if (!inside || !slice_cut(line, '=', &key, &value))
			continue;
		key = slice_trim(key);
		if (!slice_eq(key, SLICE("registry")) &&
		    !slice_eq(key, SLICE("index")))
			continue;
		value = toml_value(value);
		if (slice_starts(value, SLICE("sparse+")))
			value = slice_skip(value, sizeof("sparse+") - 1);
		probe_add(ret, value);
	}
}

void probe_cargo(const char *root, struct probe_bases *ret)
{
	const char *home = getenv("HOME"), *cargo = getenv("CARGO_HOME");

	(void)root; /* cargo has nothing below /etc */
	ret->len = 0;
	read_from(cargo, "/config.toml", read_cargo, ret);
	read_from(cargo, "/config", read_cargo, ret);
	if (cargo)
		return;
	read_from(home, "/.cargo/config.toml", read_cargo, ret);
	read_from(home, "/.cargo/config", read_cargo, ret);
}

/* "URL,URL|direct". */
static void add_go(struct slice list, struct probe_bases *ret)
{
	while (list.len) {
		size_t n = 0;

		while (n < list.len && !memchr(",|\n", list.ptr[n], 3))
			n++;
		probe_add(ret, slice_of(list.ptr, n));
		list = slice_skip(list, MIN(n + 1, list.len));
	}
}

static void read_go(struct slice text, struct probe_bases *ret)
{
	while (text.len) {
		struct slice key, value, line = next_line(&text);

		if (slice_cut(line, '=', &key, &value) &&
		    slice_eq(key, SLICE("GOPROXY")))
			add_go(value, ret);
	}
}

void probe_go(const char *root, struct probe_bases *ret)
{
	static const char *const argv[] = { "go", "env", "GOPROXY", NULL };
	char mem[4 * PROBE_BASE_MAX];
	struct text t = text_in(mem, sizeof(mem));

	(void)root;
	ret->len = 0;
	if (probe_ask(argv, &t))
		add_go(text_since(&t, 0), ret);
	if (!ret->len)
		add_go(slice_str(getenv("GOPROXY")), ret);
	if (!ret->len)
		read_from(getenv("HOME"), "/.config/go/env", read_go, ret);
}

/* "gem sources" prints an address a line; .gemrc has ":sources:" and a list. */
static void read_gem_said(struct slice text, struct probe_bases *ret)
{
	while (text.len)
		probe_add(ret, next_line(&text));
}

static void read_gemrc(struct slice text, struct probe_bases *ret)
{
	bool inside = false;

	while (text.len) {
		struct slice line = slice_trim(next_line(&text));

		if (slice_starts(line, SLICE("-"))) {
			line = slice_trim(slice_skip(line, 1));
			if (inside)
				probe_add(ret, probe_unquote(line));
		} else if (line.len && line.ptr[0] != '#') {
			inside = slice_starts(line, SLICE(":sources:")) ||
				 slice_starts(line, SLICE("sources:"));
		}
	}
}

void probe_gem(const char *root, struct probe_bases *ret)
{
	static const char *const argv[] = { "gem", "sources", "--list", NULL };
	char mem[8 * PROBE_BASE_MAX];
	struct text t = text_in(mem, sizeof(mem));

	ret->len = 0;
	if (probe_ask(argv, &t))
		read_gem_said(text_since(&t, 0), ret);
	if (ret->len)
		return;
	read_from(getenv("HOME"), "/.gemrc", read_gemrc, ret);
	read_from(root, "/etc/gemrc", read_gemrc, ret);
}

/* Where what stands first in text, or its end. */
static size_t find_text(struct slice text, struct slice what)
{
	size_t i = 0;

	while (i < text.len && !slice_starts(slice_skip(text, i), what))
		i++;
	return i;
}

/* Mirrors and repositories are the only elements of settings.xml that have a
 * url.
 */
static void read_maven(struct slice text, struct probe_bases *ret)
{
	static const struct slice open = SLICE("<url>");

	while (text.len) {
		size_t at = find_text(text, open);
		size_t comment = find_text(text, SLICE("<!--"));

		if (comment < at) {
			text = slice_skip(text, comment);
			text = slice_skip(text, find_text(text, SLICE("-->")));
			continue;
		}
		text = slice_skip(text, MIN(at + open.len, text.len));
		at = find_text(text, SLICE("<"));
		while (at && text.ptr[0] <= ' ') {
			text = slice_skip(text, 1);
			at--;
		}
		while (at && text.ptr[at - 1] <= ' ')
			at--;
		probe_add(ret, slice_of(text.ptr, at));
	}
}

void probe_maven(const char *root, struct probe_bases *ret)
{
	ret->len = 0;
	read_from(getenv("HOME"), "/.m2/settings.xml", read_maven, ret);
	read_from(root, "/etc/maven/settings.xml", read_maven, ret);
}

/* "URL", "@tag URL". */
static void read_apk(struct slice text, struct probe_bases *ret)
{
	while (text.len) {
		struct slice line = next_line(&text);

		if (!slice_starts(slice_trim(line), SLICE("#")))
			add_words(line, ret);
	}
}

void probe_apk(const char *root, struct probe_bases *ret)
{
	ret->len = 0;
	read_from(root, "/etc/apk/repositories", read_apk, ret);
}

/* A registry is named with or without a scheme. What stands behind its host
 * belongs to names of images, or to an older protocol.
 */
static void add_registry(struct slice name, struct probe_bases *ret)
{
	char mem[PROBE_BASE_MAX];
	struct text t = text_in(mem, sizeof(mem));
	struct slice host, rest;

	if (slice_starts(name, SLICE("http://"))) {
		text_put_str(&t, "http://");
		name = slice_skip(name, sizeof("http://") - 1);
	} else {
		text_put_str(&t, "https://");
		if (slice_starts(name, SLICE("https://")))
			name = slice_skip(name, sizeof("https://") - 1);
	}
	(void)slice_cut(name, '/', &host, &rest);
	text_put(&t, host);
	if (host.len && !t.cut)
		probe_add(ret, text_since(&t, 0));
}

/* Every quoted text up to the octet that ends the list or map at depth 0; of a
 * map only the keys, which a colon follows.
 */
static void add_strings(struct slice text, char end, bool keys,
			struct probe_bases *ret)
{
	unsigned int depth = 0;

	while (text.len && (depth || text.ptr[0] != end)) {
		char c = text.ptr[0];
		struct slice inner, rest;

		text = slice_skip(text, 1);
		depth += c == '{' || c == '[';
		depth -= depth && (c == '}' || c == ']');
		if (c != '"')
			continue;
		(void)slice_cut(text, '"', &inner, &rest);
		text = rest;
		while (rest.len && memchr(" \t\r\n", rest.ptr[0], 4))
			rest = slice_skip(rest, 1);
		if (depth == 0 && slice_starts(rest, SLICE(":")) == keys)
			add_registry(inner, ret);
	}
}

/* What follows "name" and the octet that opens a list or map; empty without. */
static struct slice behind(struct slice text, struct slice name, char open)
{
	struct slice rest;

	text = slice_skip(text, find_text(text, name));
	return slice_cut(text, open, &name, &rest) ? rest : slice_of(NULL, 0);
}

static void read_daemon(struct slice text, struct probe_bases *ret)
{
	add_strings(behind(text, SLICE("\"registry-mirrors\""), '['), ']',
		    false, ret);
}

static void read_login(struct slice text, struct probe_bases *ret)
{
	add_strings(behind(text, SLICE("\"auths\""), '{'), '}', true, ret);
}

static void read_registries(struct slice text, struct probe_bases *ret)
{
	while (text.len) {
		struct slice line = slice_trim(next_line(&text)), key, value;

		if (!slice_cut(line, '=', &key, &value))
			continue;
		key = slice_trim(key);
		if (slice_eq(key, SLICE("location")))
			add_registry(toml_value(value), ret);
		else if (slice_eq(key, SLICE("unqualified-search-registries")))
			add_strings(behind(value, SLICE("["), '['), ']', false,
				    ret);
	}
}

void probe_docker(const char *root, struct probe_bases *ret)
{
	const char *home = getenv("HOME");

	ret->len = 0;
	read_from(home, "/.docker/config.json", read_login, ret);
	read_from(home, "/.config/containers/registries.conf", read_registries,
		  ret);
	read_from(root, "/etc/docker/daemon.json", read_daemon, ret);
	read_from(root, "/etc/containers/registries.conf", read_registries,
		  ret);
}
