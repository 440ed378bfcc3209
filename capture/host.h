/* capture/host.h - penstock-capture on a gateway host. */
#ifndef CAPTURE_HOST_H
#define CAPTURE_HOST_H

/* apply, verify, keep, listen, show, remove: argv[0] is the word. Returns an
 * exit status: 0, 1 (verify found a difference), 2 usage, CAPTURE_EXIT; with
 * one message on standard error.
 */
int host_main(int argc, char **argv);

#endif
