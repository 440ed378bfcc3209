/* cli/project.h - the policy of a project: written in it, in force by consent.
 *
 * The project holds PROJECT_FILE, which a sandbox can write. What is in force
 * is a copy in the state directory, which no sandbox sees, made by `penstock
 * policy apply` after its operator has seen what is different.
 */
#ifndef CLI_PROJECT_H
#define CLI_PROJECT_H

#include "cli/instance.h"

#define PROJECT_FILE	 ".penstock.yaml"
#define PROJECT_DIR	 "projects" /* in the state directory */
#define PROJECT_TEXT_MAX 65536	    /* octets: for a person to read */

enum project_state {
	PROJECT_NONE,	 /* neither file nor copy */
	PROJECT_NEW,	 /* a file, never applied */
	PROJECT_APPLIED, /* the copy is in force, and the file says the same */
	PROJECT_DIFFERS, /* the copy is in force, and the file says otherwise */
};

/* The path of the copy for the project at dir, a real path. False when it is
 * too long.
 */
bool project_copy(const struct instance *in, const char *dir,
		  char ret[INSTANCE_PATH_MAX]);

enum project_state project_look(const struct instance *in, const char *dir);

/* `penstock policy apply`; argv[0] is "apply". Returns an exit status. */
int project_apply_cmd(int argc, char **argv);

#endif
