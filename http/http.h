/* http/http.h - a message, whatever version carries it.
 *
 * A head holds only what means the same in every version: method, scheme,
 * authority, target, status and the end-to-end fields in the order received,
 * names in lower case. Hop-by-hop fields (RFC 9110, section 7.6.1), Host,
 * Content-Length and Transfer-Encoding are taken out by the codec that read
 * the head and put back, where due, by the codec that writes it.
 *
 * All memory of a head is in the arena of its exchange.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum http_version {
	HTTP_1_0,
	HTTP_1_1,
	HTTP_2,
	HTTP_RAW, /* none: octets of another protocol (http/raw.c) */
};

/* Whose end of the wire we are. */
enum http_role {
	HTTP_SERVER, /* downstream: reads requests, writes responses */
	HTTP_CLIENT, /* upstream: writes requests, reads responses */
};

/* How a message's body is delimited. */
enum http_framing {
	HTTP_NO_BODY,
	HTTP_LENGTH, /* content_length octets */
	HTTP_STREAM, /* until its end is marked (chunked, END_STREAM) */
	HTTP_CLOSE,  /* until the connection closes; h1 responses only */
};

struct http_field {
	struct slice name;  /* lower case */
	struct slice value; /* without blanks around it */
	bool sensitive;	    /* HPACK: never indexed */
};

struct http_head {
	struct slice method;	/* request */
	struct slice scheme;	/* request: "http" or "https" */
	struct slice authority; /* request: as received, valid, never empty */
	struct slice path;	/* request: path and query as sent; "*" */
	uint16_t status;	/* response: 100 to 599 */
	enum http_version version;
	enum http_framing framing;
	uint64_t content_length; /* with HTTP_LENGTH; HEAD and 304: as stated */
	bool has_length;	 /* a content-length stood in the head */
	bool upgrade;		 /* h1: GET that asks for WebSocket, or the 101
				  * that grants it; fields taken out */
	bool expect_continue;	 /* request; the field is kept too */
	struct slice proxy_authorization; /* request: as sent, taken out; for
					   * the explicit proxy */
	struct http_field *fields;	  /* in the order received */
	uint32_t fields_len;
	uint32_t fields_cap;
	uint32_t bytes; /* names, values and 32 per field (RFC 9113, 6.5.2) */
	struct http_head *next; /* interim responses wait in a list */
};

/* A cleared head, or NULL. */
struct http_head *http_head_new(struct arena *a);

/* Append a field; name and value are borrowed and must live as long as the
 * arena. Returns 0 or -ENOBUFS.
 */
int http_head_add(struct arena *a, struct http_head *head, struct slice name,
		  struct slice value);

/* The first field of that (lower-case) name, or NULL. */
const struct http_field *http_head_find(const struct http_head *head,
					struct slice name);

/* Is it content_length or transfer_encoding? Some servers read '_' in a name
 * as '-': to them this would be framing that we did not see.
 */
bool http_is_framing_twin(struct slice name);

/* One direction of one exchange: a head, a body, an end. The codec that reads
 * the message fills it, the codec that writes the message empties it, and
 * both may be of different versions. Full is back-pressure.
 */
struct http_flow {
	struct http_head *interim;  /* 1xx not yet written, oldest first */
	struct http_head *head;	    /* NULL until it is whole */
	struct http_head *trailers; /* NULL if none */
	struct buf body;	    /* octets not yet written */
	uint64_t passed;	    /* body octets ever put in */
	bool held;	   /* by its owner: the head is not written yet */
	bool head_written; /* set by the writing codec */
	bool end;	   /* nothing more comes; complete once body is empty */
	bool cut;	   /* the source failed: never let it look whole */
	bool done; /* set by the writing codec: all of it is on the wire; or,
		    * of a tunnel, by its owner: nobody takes more of it */
};

/* Why a stream ended early; names are in http_fault_str(). */
enum http_fault {
	HTTP_OK,
	HTTP_FAULT_SYNTAX,    /* malformed: 400 where an answer is possible */
	HTTP_FAULT_URI_LONG,  /* 414 */
	HTTP_FAULT_HEAD_LONG, /* 431 */
	HTTP_FAULT_VERSION,   /* 505 */
	HTTP_FAULT_METHOD,    /* 501: a method the parser does not know */
	HTTP_FAULT_CANCEL,    /* the peer gave this stream up */
	HTTP_FAULT_REFUSED,   /* the peer did not begin; safe to try again */
	HTTP_FAULT_CUT,	      /* the connection ended in the middle */
	HTTP_FAULT_FLOOD,     /* the peer abuses the protocol */
	HTTP_FAULT_OURS,      /* memory or another limit of ours */

	HTTP_FAULTS,
};

const char *http_fault_str(enum http_fault fault);

/* The reason phrase of a status; "" where unknown. Static storage. */
const char *http_status_str(unsigned int status);

#endif
