/* gateway/parent_run.h - for parent.c and main.c only: start and dispatch. */
#ifndef GATEWAY_PARENT_RUN_H
#define GATEWAY_PARENT_RUN_H

#include "gateway/parent.h"

/* Make the sandboxes that the configuration names, and compose all others
 * anew. With op, new ones are sent to the workers.
 */
int parent_apply(struct parent *p, struct pending *op,
		 struct config_error *ret_err);

void parent_on_event(void *ctx, struct loop_ref ref, unsigned int events);
void parent_on_timer(void *ctx, struct loop_ref ref, uint8_t name);
void parent_tick_start(struct parent *p);

#endif
