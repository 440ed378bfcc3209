/* capture/launch.h - `penstock-capture launch`: the last step inside. */
#ifndef CAPTURE_LAUNCH_H
#define CAPTURE_LAUNCH_H

/* Ignore the signals that a terminal or an operator sends. */
void launch_ignore_signals(void);

/* Restore them, send STARTED over sock, close all else that is open, and
 * become command. Returns only when that failed, with an exit status and a
 * message on standard error.
 */
int launch_main(int sock, char **command);

#endif
