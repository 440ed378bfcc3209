/* http/h2_stream.h - the streams of an HTTP/2 connection, without its frames.
 *
 * For h2.c only. What happens to a stream when frames come and go: which flow
 * changes, which news is told, which fault is meant. Nothing here knows the
 * library that makes the frames.
 */
#ifndef HTTP_H2_STREAM_H
#define HTTP_H2_STREAM_H

#include "http/codec_impl.h"

/* Error codes, RFC 9113, section 7; those that we send or tell apart. */
enum h2_code {
	H2_NO_ERROR = 0,
	H2_PROTOCOL_ERROR = 1,
	H2_INTERNAL_ERROR = 2,
	H2_FLOW_CONTROL_ERROR = 3,
	H2_STREAM_CLOSED = 5,
	H2_FRAME_SIZE_ERROR = 6,
	H2_REFUSED_STREAM = 7,
	H2_CANCEL = 8,
	H2_ENHANCE_YOUR_CALM = 11,
};

struct h2_streams {
	struct http_codec *c;	   /* borrowed; whose they are */
	struct http_stream *first; /* borrowed; all that are attached */
	uint32_t open;		   /* of them */
	uint32_t ended; /* CLOSED was told but, at the last count, not yet
			 * fetched */
};

/* s is ours under that id; everything but what its owner set is cleared. */
void h2_stream_attach(struct h2_streams *set, struct http_stream *s,
		      int32_t id);

/* Ask the owner for a stream for a request that begins. Returns it attached,
 * or NULL: the request is refused.
 */
struct http_stream *h2_stream_open(struct h2_streams *set, int32_t id);

/* s is its owner's again. Tells nothing. */
void h2_stream_detach(struct h2_streams *set, struct http_stream *s);

/* Count again how many ended streams wait to be fetched. */
void h2_stream_count(struct h2_streams *set);

/* Nothing more is read for s, and why. The first fault stays. */
void h2_stream_fault(struct h2_streams *set, struct http_stream *s,
		     enum http_fault fault, struct slice detail);

/* The peer reset s. */
void h2_stream_cancel(struct h2_streams *set, struct http_stream *s,
		      uint32_t code);

/* Both directions of s are over: detach it and tell CLOSED; why, unless its
 * exchange is whole. Returns true if it is, and had no other fault.
 */
bool h2_stream_close(struct h2_streams *set, struct http_stream *s,
		     enum http_fault why, struct slice detail);

/* A head was read: interim, final, or (trailers) the last. */
void h2_stream_head(struct h2_streams *set, struct http_stream *s,
		    struct http_head *head, bool trailers);

/* Octets of the body were read. Returns the fault if they cannot be taken. */
enum http_fault h2_stream_body(struct h2_streams *set, struct http_stream *s,
			       const uint8_t *data, size_t len);

/* The message was read to its end. */
void h2_stream_end(struct h2_streams *set, struct http_stream *s);

/* How much of the window is to be given back now, 0 if it can wait. The
 * caller does give it back.
 */
uint32_t h2_stream_window(const struct h2_streams *set, struct http_stream *s);

/* Does the head that is about to be sent end its message? */
bool h2_stream_bodyless(const struct h2_streams *set,
			const struct http_stream *s);

enum h2_next {
	H2_NEXT_DATA,  /* *len octets */
	H2_NEXT_LAST,  /* *len octets, and then the body is at its end */
	H2_NEXT_LATER, /* nothing there yet: out_blocked */
	H2_NEXT_FULL,  /* out is too full */
	H2_NEXT_CUT,   /* the body never ends: reset */
};

/* What is to be sent next of a body? *len is the most, and then how much. */
enum h2_next h2_stream_next(struct http_stream *s, const struct buf *out,
			    size_t *len);

/* Move len octets of the body to out, behind the head of their frame. Returns
 * 0 or -ENOBUFS.
 */
int h2_stream_move(struct h2_streams *set, struct http_stream *s,
		   struct buf *out, const uint8_t *head, size_t len);

/* The code that tells the peer why. */
enum h2_code h2_stream_code(enum http_fault why);

/* What an end with that code means, if neither the peer nor the owner asked
 * for it: the session gave the stream up, for what the peer did.
 */
enum http_fault h2_stream_why(uint32_t code);

#endif
