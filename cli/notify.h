/* cli/notify.h - tell whoever started us that we serve.
 *
 * The service manager's protocol (sd_notify(3)): a datagram to the socket that
 * NOTIFY_SOCKET names, a path or, behind '@', an abstract name.
 */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

/* Say that all is up. Without NOTIFY_SOCKET nobody wants to know; children do
 * not inherit it. Returns 0 or -errno.
 */
int notify_ready(void);

#endif
