/* capture/enter.h - `penstock-capture enter` and `seal`. */
#ifndef CAPTURE_ENTER_H
#define CAPTURE_ENTER_H

/* Make the namespaces, hand the listeners over sock, wait for GO, and become
 * command (NULL-terminated). Returns only when that failed, with an exit
 * status and one message on standard error.
 */
int enter_main(int sock, char **command);

/* The same with no listener and no way to anywhere. */
int enter_seal(int sock, char **command);

#endif
