/* http/http.c - heads, and the words for faults and statuses. */

#include "http/http.h"

#include <errno.h>

#include "base/base.h"

#define HTTP_FIELDS_FIRST 16 /* most requests of tools have fewer */
#define HTTP_FIELD_COST	  32 /* octets beside name and value, RFC 9113 6.5.2 */

struct http_head *http_head_new(struct arena *a)
{
	return arena_zalloc(a, sizeof(struct http_head));
}

/* Fields live in one array of the arena. What an array outgrown leaves behind
 * there is less than the array that follows it.
 */
static int http_head_grow(struct arena *a, struct http_head *head)
{
	uint32_t cap =
		head->fields_cap ? head->fields_cap * 2 : HTTP_FIELDS_FIRST;
	struct http_field *fields;

	if (cap < head->fields_cap)
		return -ENOBUFS;
	fields = arena_alloc(a, cap * sizeof(*fields));
	if (!fields)
		return -ENOBUFS;
	if (head->fields_len)
		memcpy(fields, head->fields,
		       head->fields_len * sizeof(*fields));
	head->fields = fields;
	head->fields_cap = cap;
	return 0;
}

int http_head_add(struct arena *a, struct http_head *head, struct slice name,
		  struct slice value)
{
	size_t bytes = head->bytes + name.len + value.len + HTTP_FIELD_COST;

	if (bytes > UINT32_MAX)
		return -ENOBUFS;
	if (head->fields_len == head->fields_cap && http_head_grow(a, head))
		return -ENOBUFS;
	head->fields[head->fields_len++] =
		(struct http_field){ .name = name, .value = value };
	head->bytes = (uint32_t)bytes;
	return 0;
}

const struct http_field *http_head_find(const struct http_head *head,
					struct slice name)
{
	for (uint32_t i = 0; i < head->fields_len; i++)
		if (slice_eq(head->fields[i].name, name))
			return &head->fields[i];
	return NULL;
}

bool http_is_framing_twin(struct slice name)
{
	return slice_ieq(name, SLICE("content_length")) ||
	       slice_ieq(name, SLICE("transfer_encoding"));
}

static const char *const http_fault_name[] = {
	[HTTP_OK] = "ok",
	[HTTP_FAULT_SYNTAX] = "malformed message",
	[HTTP_FAULT_URI_LONG] = "request target too long",
	[HTTP_FAULT_HEAD_LONG] = "header fields too large",
	[HTTP_FAULT_VERSION] = "unsupported HTTP version",
	[HTTP_FAULT_METHOD] = "unknown method",
	[HTTP_FAULT_CANCEL] = "cancelled by the peer",
	[HTTP_FAULT_REFUSED] = "refused by the peer",
	[HTTP_FAULT_CUT] = "connection ended in the middle",
	[HTTP_FAULT_FLOOD] = "protocol abuse",
	[HTTP_FAULT_OURS] = "limit of the gateway reached",
};
static_assert(ARRAY_SIZE(http_fault_name) == HTTP_FAULTS,
	      "a fault without a name");

const char *http_fault_str(enum http_fault fault)
{
	assert(fault < HTTP_FAULTS);
	return http_fault_name[fault];
}

/* RFC 9110, section 15, and what is registered beside it. */
static const char *const http_status_phrase[] = {
	[100] = "Continue",
	[101] = "Switching Protocols",
	[102] = "Processing",
	[103] = "Early Hints",
	[200] = "OK",
	[201] = "Created",
	[202] = "Accepted",
	[203] = "Non-Authoritative Information",
	[204] = "No Content",
	[205] = "Reset Content",
	[206] = "Partial Content",
	[207] = "Multi-Status",
	[208] = "Already Reported",
	[226] = "IM Used",
	[300] = "Multiple Choices",
	[301] = "Moved Permanently",
	[302] = "Found",
	[303] = "See Other",
	[304] = "Not Modified",
	[305] = "Use Proxy",
	[307] = "Temporary Redirect",
	[308] = "Permanent Redirect",
	[400] = "Bad Request",
	[401] = "Unauthorized",
	[402] = "Payment Required",
	[403] = "Forbidden",
	[404] = "Not Found",
	[405] = "Method Not Allowed",
	[406] = "Not Acceptable",
	[407] = "Proxy Authentication Required",
	[408] = "Request Timeout",
	[409] = "Conflict",
	[410] = "Gone",
	[411] = "Length Required",
	[412] = "Precondition Failed",
	[413] = "Content Too Large",
	[414] = "URI Too Long",
	[415] = "Unsupported Media Type",
	[416] = "Range Not Satisfiable",
	[417] = "Expectation Failed",
	[421] = "Misdirected Request",
	[422] = "Unprocessable Content",
	[423] = "Locked",
	[424] = "Failed Dependency",
	[425] = "Too Early",
	[426] = "Upgrade Required",
	[428] = "Precondition Required",
	[429] = "Too Many Requests",
	[431] = "Request Header Fields Too Large",
	[451] = "Unavailable For Legal Reasons",
	[500] = "Internal Server Error",
	[501] = "Not Implemented",
	[502] = "Bad Gateway",
	[503] = "Service Unavailable",
	[504] = "Gateway Timeout",
	[505] = "HTTP Version Not Supported",
	[506] = "Variant Also Negotiates",
	[507] = "Insufficient Storage",
	[508] = "Loop Detected",
	[511] = "Network Authentication Required",
};

const char *http_status_str(unsigned int status)
{
	if (status >= ARRAY_SIZE(http_status_phrase) ||
	    !http_status_phrase[status])
		return "";
	return http_status_phrase[status];
}
