/* capture/attach.h - capture a network namespace that is there already. */
#ifndef CAPTURE_ATTACH_H
#define CAPTURE_ATTACH_H

/* target: a process's number, or the path of a network namespace. Close it as
 * enter.h does a new one, hand the listeners over sock, and wait for GO; when
 * that does not come, all is as it was. Returns an exit status, with one
 * message on standard error.
 */
int attach_main(int sock, const char *target);

/* Undo that. Returns an exit status, with a message. */
int attach_release(const char *target);

#endif
