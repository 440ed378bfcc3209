/* http/codec_impl.h - for h1*.c and h2*.c only: what a codec is made of. */
#ifndef HTTP_CODEC_IMPL_H
#define HTTP_CODEC_IMPL_H

#include "http/codec.h"

struct http_codec_ops {
	void (*free)(struct http_codec *c);
	int (*read)(struct http_codec *c, struct buf *in);
	void (*read_end)(struct http_codec *c);
	int (*write)(struct http_codec *c, struct buf *out);
	bool (*ready)(const struct http_codec *c);
	int (*submit)(struct http_codec *c, struct http_stream *s);
	void (*resume)(struct http_codec *c, struct http_stream *s);
	void (*reset)(struct http_codec *c, struct http_stream *s,
		      enum http_fault why);
	void (*drain)(struct http_codec *c);
	bool (*idle)(const struct http_codec *c);
	bool (*over)(const struct http_codec *c);
	void (*slim)(struct http_codec *c);
};

/* First member of struct h1 and struct h2. */
struct http_codec {
	const struct http_codec_ops *ops;
	enum http_role role;
	enum http_version version;
	struct slice scheme;
	const struct http_limits *limits; /* borrowed */
	http_open_fn *open;
	void *ctx;
	bool raw;      /* see http_codec_raw() */
	bool finished; /* see http_codec_finished() */
	bool cut;      /* see http_codec_cut() */
	struct http_stream *ready_head, *ready_tail; /* those with news */
};

/* Add news to s and put it into the ready list. */
void http_codec_tell(struct http_codec *c, struct http_stream *s,
		     unsigned int news);

/* May the owner of a tunnel's stream let go of it? Both directions are over;
 * a server's first waits until what was read has gone on, or nobody takes it
 * any more, as the owner lets go of that, too.
 */
bool http_codec_tunnel_over(const struct http_codec *c,
			    const struct http_stream *s);

/* Take s out of the ready list (it is being forgotten). */
void http_codec_untell(struct http_codec *c, struct http_stream *s);

#endif
