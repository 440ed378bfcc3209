/* gateway/approve.h - what the operator decides at run time: grants, and
 * answers to questions. A part of the parent.
 */
#ifndef GATEWAY_APPROVE_H
#define GATEWAY_APPROVE_H

#include "gateway/parent.h"

/* Read the grants. They are in force for each member from parent_add() on. */
int approve_open(struct parent *p, struct config_error *ret_err);

/* A worker asks, or asks no more: the frame is p->in. */
void approve_on_ask(struct parent *p, uint32_t worker);

/* Questions time out and grants end. Once a second. */
void approve_tick(struct parent *p);

/* A sandbox has begun, or ended. */
int approve_join(struct parent *p, struct member *m,
		 struct config_error *ret_err);
void approve_leave(struct parent *p, const struct member *m);

/* A tool's question, p->in: GRANT, GRANTS, REVOKE, ASKS, ANSWER. */
void approve_grant(struct parent *p, struct desk_door *d);
void approve_grants(struct parent *p, struct desk_door *d);
void approve_revoke(struct parent *p, struct desk_door *d);
void approve_asks(struct parent *p, struct desk_door *d);
void approve_answer(struct parent *p, struct desk_door *d);

#endif
