/* cli/ask.h - ask the running instance something over its control door. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "base/frame.h"
#include "base/slice.h"
#include "cli/instance.h"

/* Called with each frame of an answer that has several; the cursor stands at
 * its body.
 */
typedef void ask_fn(void *ctx, struct frame_in *frame);

/* Find the instance, send *question, and wait for OK or NO. Frames before that
 * go to each (which may be NULL). Prints what is wrong as "penstock COMMAND:
 * …" and returns an exit status: 0, EXIT_NO (the instance said no) or
 * EXIT_BROKEN (it does not run or does not answer). With ret_phrase, OK's
 * phrase is copied there rather than thrown away.
 */
#define ASK_PHRASE_MAX 256
int ask(const char *command, const struct frame_out *question, ask_fn *each,
	void *ctx, char ret_phrase[ASK_PHRASE_MAX]);

#endif
