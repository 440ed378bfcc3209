/* audit/text.c - make text fit for a record: escaped, masked, cut to fit.
 *
 * What is masked is decided on all of the text, mask.c says by what; then it is
 * cut. Splitting a text too often costs nothing, as everything but a masked
 * value is copied as it was sent.
 */

#include "audit/text.h"

#include <stdint.h>

#include "audit/mask.h"
#include "base/base.h"
#include "base/hex.h"

/* The text being written. Once something did not fit nothing more goes in, so
 * what is kept is a prefix.
 */
struct text_out {
	char *mem;
	size_t len;
	size_t max;
	bool cut;
};

static void text_put(struct text_out *out, const char *p, size_t n)
{
	if (out->cut || n > out->max - out->len) {
		out->cut = true;
		return;
	}
	memcpy(out->mem + out->len, p, n);
	out->len += n;
}

static void text_put_hex(struct text_out *out, uint8_t c)
{
	char hex[4] = { '\\', 'x', hex_digit(c >> 4), hex_digit(c) };

	text_put(out, hex, sizeof(hex));
}

static bool octet_is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '\\';
}

/* Sixteen octets at a time: most text is plain and is only looked at, so this
 * is what a record costs. Comparisons are signed: what is not ASCII is below
 * everything.
 */
typedef int8_t octets __attribute__((vector_size(16)));
typedef octets octets_look(octets v);

static inline octets octets_odd(octets v)
{
	return (v < 0x20) | (v == 0x7f) | (v == '\\');
}

static inline octets octets_mask(octets v)
{
	return (v == '=') | (v == '@') | (v == '%');
}

static inline octets octets_encoded(octets v)
{
	return v == '%';
}

/* True of all but '-' and what is not below '0'. */
static inline octets octets_end_run(octets v)
{
	return (v ^ 2) < 0x2f;
}

static inline octets octets_at(const char *p)
{
	octets v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Fewer than sixteen octets at p, some of them twice; or blanks. A copy of a
 * constant length is one instruction.
 */
static inline octets octets_few(const char *p, size_t len)
{
	uint64_t both[2] = { 0x2020202020202020, 0x2020202020202020 };
	octets v;

	if (len >= 8) {
		memcpy(&both[0], p, 8);
		memcpy(&both[1], p + len - 8, 8);
	} else if (len >= 4) {
		memcpy(&both[0], p, 4);
		memcpy(&both[1], p + len - 4, 4);
	} else if (len) {
		memcpy(&both[0], p, 1);
		memcpy(&both[1], p + len / 2, 1);
		memcpy((char *)&both[1] + 1, p + len - 1, 1);
	}
	memcpy(&v, both, sizeof(v));
	return v;
}

/* Does look find any octet of s? */
static inline __attribute__((always_inline)) bool text_any(struct slice s,
							   octets_look *look)
{
	octets found = { 0 };
	uint64_t both[2];

	if (s.len < sizeof(found))
		found = look(octets_few(s.ptr, s.len));
	else
		found = look(octets_at(s.ptr + s.len - sizeof(found)));
	for (; s.len > sizeof(found); s = slice_skip(s, sizeof(found)))
		found |= look(octets_at(s.ptr));
	memcpy(both, &found, sizeof(both));
	return both[0] | both[1];
}

bool text_is_plain(struct slice s)
{
	return !text_any(s, octets_odd);
}

/* Do sixteen octets without a break begin at p, p + 4, p + 8 or p + 12? Those
 * four are side by side in a vector: each part is zero where nothing broke.
 */
#define RUN_LOOK 28
typedef int32_t quads __attribute__((vector_size(16)));

static inline quads quads_run(const char *p)
{
	octets ends = octets_end_run(octets_at(p)) |
		      octets_end_run(octets_at(p + 4)) |
		      octets_end_run(octets_at(p + 8)) |
		      octets_end_run(octets_at(p + 12));

	return (quads)ends == 0;
}

/* Could there be a token in s, if nothing is percent-encoded? One of MASK_RUN
 * octets has sixteen that begin at a multiple of four, from whatever place that
 * is counted.
 */
static bool text_has_run(struct slice s)
{
	quads found = { 0 };
	char mem[RUN_LOOK];
	uint64_t both[2];

	static_assert(MASK_RUN >= sizeof(octets) + 3, "as it says");
	if (s.len < MASK_RUN)
		return false;
	if (s.len < RUN_LOOK) {
		memset(mem, ' ', sizeof(mem));
		memcpy(mem, s.ptr, s.len);
		s = slice_of(mem, sizeof(mem));
	}
	for (; s.len > RUN_LOOK;
	     s = slice_skip(s, MIN(sizeof(found), s.len - RUN_LOOK)))
		found |= quads_run(s.ptr);
	found |= quads_run(s.ptr);
	memcpy(both, &found, sizeof(both));
	return both[0] | both[1];
}

bool text_needs_mask(struct slice s)
{
	return text_any(s, octets_mask) || text_has_run(s);
}

/* Characters that move, hide or reverse what stands around them. */
static bool char_is_shown(uint32_t c)
{
	if (c < 0xa0 || c == 0xad || c == 0xfeff) /* C1, soft hyphen, BOM */
		return false;
	if (c >= 0x200b && c <= 0x200f) /* zero width, direction marks */
		return false;
	if (c >= 0x2028 && c <= 0x202e) /* separators, embeddings */
		return false;
	if (c >= 0x2060 && c <= 0x206f) /* invisible operators, isolates */
		return false;
	return c != 0x61c && c != 0x180e && (c & 0xfffe) != 0xfffe &&
	       (c < 0xe0000 || c > 0xe0fff); /* tags */
}

/* The length of the character at p if it is valid UTF-8 (RFC 3629) and may be
 * shown, else 0.
 */
static size_t char_len(const uint8_t *p, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	uint32_t c;

	if (p[0] < 0x80)
		return octet_is_plain(p[0]);
	if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
		return 0;
	c = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return char_is_shown(c) ? n : 0;
}

static void text_put_escaped(struct text_out *out, struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.ptr;

	if (s.len <= out->max - out->len && text_is_plain(s)) {
		text_put(out, s.ptr, s.len);
		return;
	}
	for (size_t i = 0; i < s.len && !out->cut;) {
		size_t n = char_len(p + i, s.len - i);

		if (n)
			text_put(out, s.ptr + i, n);
		else
			text_put_hex(out, p[i]);
		i += n ? n : 1;
	}
}

/* Does s begin with an escape as text_put_hex() writes it? */
static bool escape_stands(struct slice s)
{
	return s.len >= 4 && s.ptr[0] == '\\' && s.ptr[1] == 'x' &&
	       hex_value(s.ptr[2]) >= 0 && hex_value(s.ptr[3]) >= 0;
}

bool text_is_clean(struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.ptr;

	if (text_is_plain(s))
		return true;
	for (size_t i = 0; i < s.len;) {
		size_t n = char_len(p + i, s.len - i);

		if (!n && escape_stands(slice_skip(s, i)))
			n = 4;
		if (!n)
			return false;
		i += n;
	}
	return true;
}

static void text_put_mask(struct text_out *out)
{
	text_put(out, TEXT_MASK, sizeof(TEXT_MASK) - 1);
}

/* Copy s, with the tokens in it masked but for what they begin with. */
static void text_put_tokens(struct text_out *out, struct slice s)
{
	size_t start = 0, front, len, at;

	while ((at = mask_token(s, start, &front, &len)) < s.len) {
		text_put_escaped(out,
				 slice_of(s.ptr + start, at + front - start));
		text_put_mask(out);
		start = at + len;
	}
	text_put_escaped(out, slice_skip(s, start));
}

/* Copy s, which has no secret-looking parameters. Most has no token either. */
static void text_put_rest(struct text_out *out, struct slice s)
{
	if (text_any(s, octets_encoded) || text_has_run(s))
		text_put_tokens(out, s);
	else
		text_put_escaped(out, s);
}

/* The same, with the userinfo of every URL in it masked. */
static void text_put_url(struct text_out *out, struct slice s)
{
	size_t start = 0;
	int slashes = 0;
	char c;

	for (size_t i = 0; i < s.len;) {
		size_t skip;

		i += mask_octet(s, i, &c);
		slashes = c == '/' ? slashes + 1 : 0;
		skip = slashes >= 2 ? mask_userinfo(slice_skip(s, i)) : 0;
		if (skip) {
			text_put_rest(out, slice_of(s.ptr + start, i - start));
			text_put_mask(out);
			i += skip;
			start = i;
		}
	}
	text_put_rest(out, slice_skip(s, start));
}

/* Does c end a parameter? A '/' may stand in a query's value, not in that of a
 * path; a blank that is not encoded in neither.
 */
static bool octet_separates(char c, enum text_kind kind)
{
	return c == '&' || c == ';' || c == '?' || c == '#' ||
	       (c == '/' && kind == TEXT_PATH);
}

/* Where the next parameter of s ends, and in *ret_equals the octets up to and
 * with its first '=' (0: it has none).
 */
static size_t param_len(struct slice s, enum text_kind kind, size_t *ret_equals)
{
	size_t i = 0;
	char c;

	*ret_equals = 0;
	while (i < s.len) {
		size_t n = mask_octet(s, i, &c);

		if (octet_separates(c, kind) || (c == ' ' && n == 1))
			break;
		i += n;
		if (c == '=' && !*ret_equals)
			*ret_equals = i;
	}
	return i;
}

/* Copy s with userinfo, tokens and the values of secret-looking parameters
 * masked.
 * What needs no mask is copied in one run, so that userinfo is found across
 * separators.
 */
static void text_put_params(struct text_out *out, enum text_kind kind,
			    struct slice s)
{
	size_t start = 0;
	char c;

	for (size_t i = 0; i < s.len;) {
		struct slice rest = slice_skip(s, i);
		size_t equals, len = param_len(rest, kind, &equals);
		size_t value = i + equals;

		i += len;
		if (equals && len > equals &&
		    mask_key(slice_of(rest.ptr, equals))) {
			text_put_url(out,
				     slice_of(s.ptr + start, value - start));
			text_put_mask(out);
			start = i;
		}
		if (i < s.len)
			i += mask_octet(s, i, &c);
	}
	text_put_url(out, slice_skip(s, start));
}

size_t text_copy(enum text_kind kind, struct slice s, char *ret, size_t max,
		 bool *cut)
{
	struct text_out out = { .mem = ret, .max = max };

	if (kind == TEXT_PLAIN)
		text_put_escaped(&out, s);
	else if (text_any(s, octets_mask))
		text_put_params(&out, kind, s);
	else
		text_put_rest(&out, s);
	if (out.cut)
		*cut = true;
	return out.len;
}
