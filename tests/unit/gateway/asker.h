/* tests/unit/gateway/asker.h - requests made by hand, for the tests of the
 * pools, and addresses where nobody answers.
 */
#ifndef TESTS_UNIT_GATEWAY_ASKER_H
#define TESTS_UNIT_GATEWAY_ASKER_H

#include "gate_rig.h"

#define OK_5 "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"

/* A request and who waits for it. */
struct asker {
	struct up_request up;
	struct http_flow req, rsp;
	struct arena arena;
	struct loop_post post;
};

static inline void asker_init(struct asker *a)
{
	struct http_head *head;

	*a = (struct asker){ 0 };
	arena_init(&a->arena, EXCHANGE_ARENA_MAX);
	buf_init(&a->req.body, http_limits_server.body_bytes);
	buf_init(&a->rsp.body, http_limits_client.body_bytes);
	head = http_head_new(&a->arena);
	assert_non_null(head);
	head->method = SLICE("GET");
	head->scheme = SLICE("http");
	head->authority = SLICE("good.example");
	head->path = SLICE("/");
	a->req.head = head;
	a->req.end = true;
	a->up.stream = (struct http_stream){
		.in = &a->rsp, .out = &a->req, .arena = &a->arena, .owner = a
	};
	a->up.post = &a->post;
	/* Nobody has this index: the post finds no exchange. */
	a->up.ref = (struct loop_ref){ .kind = GATE_EXCHANGE, .index = 60 };
}

static inline void asker_done(struct asker *a)
{
	up_cancel(&rig.gate, &a->up, HTTP_FAULT_CANCEL);
	loop_unpost(rig.gate.loop, &a->post);
	buf_done(&a->req.body);
	buf_done(&a->rsp.body);
	arena_done(&a->arena);
}

static inline void ask_by(struct asker *a, struct origin_key key)
{
	asker_init(a);
	assert_int_equal(host_parse(SLICE("good.example"), &key.host), 0);
	assert_int_equal(up_begin(&rig.gate, &key, &a->up), 0);
}

static inline void ask_as(struct asker *a, uint32_t sandbox)
{
	ask_by(a, (struct origin_key){ .sandbox = sandbox, .port = 80 });
}

static inline void ask(struct asker *a)
{
	ask_as(a, 1);
}

static inline void until(const struct asker *a, enum up_state state)
{
	for (int i = 0; i < 500 && a->up.state != state; i++)
		rig_turns(1);
	assert_int_equal(a->up.state, state);
}

static inline void answer(int origin)
{
	rig_expect(origin, "\r\n\r\n");
	rig_send(origin, OK_5);
}

/* Nobody answers at address i: the queue of its listener is full. */
struct silence {
	int listener;
	int queue[2];
};

static inline void silence_begin(struct silence *s, size_t i)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint16_t port;

	s->listener = rig_listen(&port);
	assert_int_equal(listen(s->listener, 0), 0);
	rig.port[i] = port;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(port);
	for (int k = 0; k < 2; k++) {
		s->queue[k] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(s->queue[k], (struct sockaddr *)&to, sizeof(to));
	}
}

static inline void silence_end(struct silence *s)
{
	for (int k = 0; k < 2; k++)
		(void)close(s->queue[k]);
	(void)close(s->listener);
}

#endif
