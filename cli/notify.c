/* cli/notify.c - tell whoever started us that we serve. */

#include "cli/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int notify_address(const char *name, struct sockaddr_un *sa,
			  socklen_t *len)
{
	size_t n = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || n >= sizeof(sa->sun_path))
		return -EINVAL;
	sa->sun_family = AF_UNIX;
	memcpy(sa->sun_path, name, n);
	if (name[0] == '@')
		sa->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 0;
}

int notify_ready(void)
{
	static const char ready[] = "READY=1";
	struct sockaddr_un sa = { 0 };
	const char *name = getenv("NOTIFY_SOCKET");
	socklen_t len;
	int fd, rc;

	if (!name || !*name)
		return 0;
	rc = notify_address(name, &sa, &len);
	(void)unsetenv("NOTIFY_SOCKET");
	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, ready, strlen(ready), MSG_NOSIGNAL,
		   (const struct sockaddr *)&sa, len) < 0)
		rc = -errno;
	(void)close(fd);
	return rc;
}
