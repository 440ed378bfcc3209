/* cli/doctor.h - what `penstock doctor` finds out, one layer after another. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/instance.h"

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_WARN, /* works, with less */
	DOCTOR_FAIL, /* `penstock run` cannot work */

	DOCTOR_STATES,
};

#define DOCTOR_TEXT_MAX 512

struct doctor {
	enum doctor_state state;
	char text[DOCTOR_TEXT_MAX]; /* what was found */
	char fix[DOCTOR_TEXT_MAX];  /* what to do; empty when good */
};

struct doctor_layer {
	const char *name;
	void (*look)(const struct instance *in, struct doctor *ret);
};

/* In the order in which a sandbox is built. */
extern const struct doctor_layer doctor_kernel[], doctor_host[];
extern const size_t doctor_kernel_len, doctor_host_len;

void doctor_say(struct doctor *d, enum doctor_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void doctor_fix(struct doctor *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Run a program without input; what it printed goes to ret, one blank in the
 * place of each run of white space. inherit: a descriptor that it gets, or -1.
 * Returns its exit status, 127 when it is not there, or -1 when it did not end
 * within DOCTOR_WAIT_MS.
 */
#define DOCTOR_WAIT_MS 10000
int doctor_run(char *const *argv, int inherit, char ret[DOCTOR_TEXT_MAX]);

#endif
