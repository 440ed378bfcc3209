/* cli/complete_help.c - candidates by a command's help text.
 *
 * The text begins with usage lines up to an empty line,
 *
 *	usage: penstock NAME WORD PLACEHOLDER [--option VALUE]
 *	       penstock NAME a | b
 *
 * in which lower-case words are meant as they stand; then, somewhere,
 *
 *	  --option VALUE  one, two, three
 *	                  what it is
 *
 * where two blanks end what is written, and a phrase of nothing but words
 * with commas between is the list of values.
 */

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "cli/complete.h"

#define WORDS_BEFORE 32 /* words of a line that are looked at */

/* An option as the help has it. */
struct help_option {
	struct slice name;  /* "--host" */
	struct slice value; /* "HOST"; empty: it takes none */
	struct slice what;
};

struct help {
	struct slice text;
	const char *command;
	bool usage; /* we stand among the usage lines */
};

/* The next line; false after the last. */
static bool help_line(struct help *h, struct slice *ret)
{
	if (!h->text.len)
		return false;
	(void)slice_cut(h->text, '\n', ret, &h->text);
	h->usage = h->usage && ret->len;
	return true;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-';
}

/* The option at the beginning of s; *ret_len is what it takes up. */
static bool help_option_at(struct slice s, struct help_option *ret,
			   size_t *ret_len)
{
	size_t n = 2, at;

	if (!slice_starts(s, SLICE("--")) || s.len < 3 || !is_name(s.ptr[2]))
		return false;
	while (n < s.len && is_name(s.ptr[n]))
		n++;
	*ret = (struct help_option){ .name = slice_of(s.ptr, n) };
	at = n + 1;
	if (at < s.len && s.ptr[n] == ' ' && !strchr(" [|]-", s.ptr[at])) {
		while (at < s.len && !strchr(" ]", s.ptr[at]))
			at++;
		ret->value = slice_of(s.ptr + n + 1, at - n - 1);
		n = at;
	}
	*ret_len = n;
	return true;
}

/* Options of a line: of a usage line all, else the one that it begins with. */
typedef void help_option_fn(void *ctx, const struct help_option *option);

static void help_options_in(const struct help *h, struct slice line,
			    help_option_fn *fn, void *ctx)
{
	struct help_option option;
	size_t n;

	if (!h->usage) {
		if (!slice_starts(line, SLICE("  --")))
			return;
		if (!help_option_at(slice_skip(line, 2), &option, &n))
			return;
		option.what = slice_trim(slice_skip(line, n + 2));
		fn(ctx, &option);
		return;
	}
	while (line.len) {
		if (help_option_at(line, &option, &n))
			fn(ctx, &option);
		else
			n = 1;
		line = slice_skip(line, n);
	}
}

static void help_options(const char *command, const char *text,
			 help_option_fn *fn, void *ctx)
{
	struct help h = { slice_str(text), command, true };
	struct slice line;

	while (help_line(&h, &line))
		help_options_in(&h, line, fn, ctx);
}

/* The last of that name, which has the phrase. */
struct wanted {
	struct slice name;
	struct help_option found;
};

static void option_wanted(void *ctx, const struct help_option *option)
{
	struct wanted *w = ctx;

	if (slice_eq(option->name, w->name))
		w->found = *option;
}

static struct help_option help_find(const char *command, const char *text,
				    struct slice name)
{
	struct wanted w = { .name = name };

	help_options(command, text, option_wanted, &w);
	return w.found;
}

struct options {
	struct complete *c;
	struct slice last;
};

static void option_print(void *ctx, const struct help_option *option)
{
	struct options *o = ctx;
	char what[100];

	/* Usage and list may both have it: the list, with its phrase, wins. */
	if (!option->what.len || slice_eq(option->name, o->last))
		return;
	o->last = option->name;
	(void)snprintf(what, sizeof(what), "%.*s", (int)option->what.len,
		       option->what.ptr);
	(void)complete_print(o->c, option->name, what);
}

/* Those of the usage lines that no list explains, each once. */
struct bare {
	struct complete *c;
	const char *command, *text;
	struct slice had[WORDS_BEFORE];
	size_t had_len;
};

static void option_print_bare(void *ctx, const struct help_option *option)
{
	struct bare *b = ctx;

	for (size_t i = 0; i < b->had_len; i++)
		if (slice_eq(b->had[i], option->name))
			return;
	if (b->had_len < ARRAY_SIZE(b->had))
		b->had[b->had_len++] = option->name;
	if (!help_find(b->command, b->text, option->name).what.len)
		(void)complete_print(b->c, option->name, NULL);
}

static void help_print_options(struct complete *c, const char *command,
			       const char *text)
{
	struct bare bare = { .c = c, .command = command, .text = text };
	struct options listed = { .c = c };

	help_options(command, text, option_print, &listed);
	help_options(command, text, option_print_bare, &bare);
	(void)complete_print(c, SLICE("--help"), "explain this command");
}

static bool is_word(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_name(s.ptr[i]))
			return false;
	return s.len > 0;
}

/* "auto, always, never": all of it words. */
static bool help_list(struct complete *c, struct slice what, bool print)
{
	struct slice rest = what, word;
	size_t n = 0;

	while (rest.len) {
		(void)slice_cut(rest, ',', &word, &rest);
		word = slice_trim(word);
		if (!is_word(word))
			return false;
		if (print)
			(void)complete_print(c, word, NULL);
		n++;
	}
	return n > 1;
}

/* A placeholder, or words with bars between: "NAME|FILE", "allow|deny". */
static void help_value(struct complete *c, const char *command,
		       struct slice option, struct slice value)
{
	struct slice one;

	while (value.len) {
		(void)slice_cut(value, '|', &one, &value);
		if (is_word(one))
			(void)complete_print(c, one, NULL);
		else
			complete_value(c, command, option, one);
	}
}

static void help_print_value(struct complete *c, const char *command,
			     const struct help_option *option)
{
	if (help_list(c, option->what, false))
		(void)help_list(c, option->what, true);
	else
		help_value(c, command, option->name, option->value);
}

/* A token of a usage line: up to a blank, or a group in brackets. Words with
 * " | " between are one.
 */
static bool help_token(struct slice *rest, struct slice *ret)
{
	struct slice s = slice_trim(*rest);
	size_t n = 0, depth = 0;

	while (n < s.len && (depth || s.ptr[n] != ' ')) {
		depth += s.ptr[n] == '[';
		depth -= depth && s.ptr[n] == ']';
		n++;
		if (n + 2 < s.len && !memcmp(s.ptr + n, " | ", 3))
			n += 3;
	}
	*ret = slice_of(s.ptr, n);
	*rest = slice_skip(s, n);
	return n > 0;
}

/* What stands at a place as such: not options, and without brackets. */
static bool token_place(struct slice *token)
{
	if (slice_starts(*token, SLICE("[-")) ||
	    slice_starts(*token, SLICE("-")) ||
	    slice_eq(*token, SLICE("[options]")) ||
	    slice_starts(*token, SLICE("[OPTION")))
		return false;
	if (token->ptr[0] == '[') {
		*token = slice_skip(*token, 1);
		(void)slice_cut(*token, ']', token, &(struct slice){ 0 });
	}
	return true;
}

/* Does a word fit the token? Any does, where it isn't meant as it stands. */
static bool token_fits(struct slice token, struct slice word)
{
	struct slice one;

	while (token.len) {
		(void)slice_cut(token, '|', &one, &token);
		one = slice_trim(one);
		if (!is_word(one) || slice_eq(one, word))
			return true;
	}
	return false;
}

static void token_print(struct complete *c, const char *command,
			struct slice token)
{
	struct slice one;

	while (token.len) {
		(void)slice_cut(token, '|', &one, &token);
		help_value(c, command, slice_of(NULL, 0), slice_trim(one));
	}
}

/* The rest of a usage line after "penstock NAME"; false for other lines. */
static bool help_usage(const struct help *h, struct slice line,
		       struct slice *ret)
{
	struct slice rest = slice_trim(line), word;

	if (!h->usage)
		return false;
	if (slice_starts(rest, SLICE("usage:")))
		rest = slice_skip(rest, 6);
	if (!help_token(&rest, &word) || !slice_eq(word, SLICE("penstock")) ||
	    !help_token(&rest, &word) || !slice_eq(word, slice_str(h->command)))
		return false;
	*ret = rest;
	return true;
}

/* Candidates of one usage line for the place after words. */
static void help_place(struct complete *c, const char *command,
		       struct slice usage, const struct slice *words,
		       size_t len)
{
	struct slice token;
	size_t at = 0;

	while (help_token(&usage, &token)) {
		if (!token_place(&token))
			continue;
		if (at == len) {
			token_print(c, command, token);
			return;
		}
		if (!token_fits(token, words[at++]))
			return;
	}
}

static void help_print_places(struct complete *c, const char *command,
			      const char *text, const struct slice *words,
			      size_t len)
{
	struct help h = { slice_str(text), command, true };
	struct slice line, usage;

	while (help_line(&h, &line))
		if (help_usage(&h, line, &usage))
			help_place(c, command, usage, words, len);
}

/* After "--", or where no option is, a command of its own. */
static bool help_after_dashes(const char *const *words, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++)
		if (!strcmp(words[i], "--"))
			return true;
	return false;
}

/* "--option=VALUE": the option, and the word is what stands after it. */
static bool help_joined(struct complete *c, struct slice *ret_option)
{
	struct slice value;

	if (!slice_starts(c->word, SLICE("--")) ||
	    !slice_cut(c->word, '=', ret_option, &value))
		return false;
	c->list = slice_of(c->word.ptr, ret_option->len + 1);
	return true;
}

/* Before the last comma nothing is completed any more. */
static void help_list_begin(struct complete *c)
{
	for (size_t i = c->word.len; i-- > c->list.len;) {
		if (c->word.ptr[i] != ',')
			continue;
		c->list = slice_of(c->word.ptr, i + 1);
		return;
	}
}

void complete_by_help(struct complete *c, const char *command, const char *help,
		      const char *const *words, size_t len)
{
	struct help_option option = { .name = slice_of(NULL, 0) };
	struct slice places[WORDS_BEFORE], joined;
	size_t places_len = 0;

	if (help_after_dashes(words, len)) {
		complete_shell(c, ":commands");
		return;
	}
	for (size_t i = 0; i + 1 < len && places_len < WORDS_BEFORE; i++) {
		bool value = option.value.len > 0;

		option = help_find(command, help,
				   value ? slice_of(NULL, 0)
					 : slice_str(words[i]));
		if (!value && words[i][0] != '-')
			places[places_len++] = slice_str(words[i]);
	}
	if (help_joined(c, &joined))
		option = help_find(command, help, joined);
	if (option.value.len) {
		if (option.value.len > 3 &&
		    slice_ends(option.value, SLICE(",…")))
			help_list_begin(c);
		help_print_value(c, command, &option);
	} else if (c->word.len && c->word.ptr[0] == '-') {
		help_print_options(c, command, help);
	} else {
		help_print_places(c, command, help, places, places_len);
		if (!c->word.len && !c->any)
			help_print_options(c, command, help);
	}
}
