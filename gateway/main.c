/* gateway/main.c - penstock-gateway: start the parent.
 *
 *   penstock-gateway --config FILE --run DIR --state DIR
 *       [--idle-exit SECONDS] [--ready-fd N] [--wait NAME=MS]… [--debug]
 *
 * --wait changes how long a wait of gateway/limits.h lasts, for tests.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "base/err.h"
#include "base/log.h"
#include "base/signals.h"
#include "certgen/bundle.h"
#include "certgen/certgen.h"
#include "gateway/address.h"
#include "gateway/approve.h"
#include "gateway/control.h"
#include "gateway/guard.h"
#include "gateway/listen.h"
#include "gateway/names.h"
#include "gateway/parent_run.h"
#include "gateway/quota.h"
#include "gateway/secrets.h"
#include "gateway/tls.h"
#include "http/codec.h"

#define PATH_LEN       256
#define LISTEN_BACKLOG 4096

struct options {
	const char *config, *run, *state;
	uint32_t idle_exit_s;
	int ready_fd; /* -1: none */
	bool debug;
	uint32_t durations_ms[GATE_TIMERS];
};

static const char *const wait_name[] = {
	[TIMER_HELLO] = "hello",       [TIMER_PEEK] = "peek",
	[TIMER_HEAD] = "head",	       [TIMER_IDLE] = "idle",
	[TIMER_LINGER] = "linger",     [TIMER_STALL] = "stall",
	[TIMER_LEAF] = "leaf",	       [TIMER_RESOLVE] = "resolve",
	[TIMER_DIAL] = "dial",	       [TIMER_PAUSE] = "pause",
	[TIMER_RESPONSE] = "response", [TIMER_POOL] = "pool",
	[TIMER_DRAIN] = "drain",       [TIMER_ASK] = "ask",
	[TIMER_TICK] = "tick",
};
static_assert(ARRAY_SIZE(wait_name) == GATE_TIMERS, "a wait without a name");

/* "NAME=MS". */
static bool main_wait(struct options *o, const char *text)
{
	const char *eq = strchr(text, '=');
	uint64_t ms;

	if (!eq || !slice_number(slice_str(eq + 1), 86400000, &ms) || !ms)
		return false;
	for (size_t i = 0; i < GATE_TIMERS; i++) {
		if (slice_eq(slice_str(wait_name[i]),
			     slice_of(text, (size_t)(eq - text)))) {
			o->durations_ms[i] = (uint32_t)ms;
			return true;
		}
	}
	return false;
}

static bool main_number(const char *text, uint32_t max, uint32_t *ret)
{
	uint64_t n;

	if (!slice_number(slice_str(text), max, &n))
		return false;
	*ret = (uint32_t)n;
	return true;
}

static bool main_option(struct options *o, int c, const char *arg)
{
	uint32_t n = 0;

	switch (c) {
	case 'c':
		o->config = arg;
		return true;
	case 'r':
		o->run = arg;
		return true;
	case 's':
		o->state = arg;
		return true;
	case 'i':
		return main_number(arg, 86400, &o->idle_exit_s);
	case 'f':
		if (!main_number(arg, 1 << 20, &n))
			return false;
		o->ready_fd = (int)n;
		return true;
	case 'w':
		return main_wait(o, arg);
	case 'd':
		o->debug = true;
		return true;
	default:
		return false;
	}
}

static bool main_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "run", required_argument, NULL, 'r' },
		{ "state", required_argument, NULL, 's' },
		{ "idle-exit", required_argument, NULL, 'i' },
		{ "ready-fd", required_argument, NULL, 'f' },
		{ "wait", required_argument, NULL, 'w' },
		{ "debug", no_argument, NULL, 'd' },
		{ 0 },
	};
	static const uint32_t durations[GATE_TIMERS] = TIMER_DURATIONS;
	int c;

	*o = (struct options){ .ready_fd = -1 };
	memcpy(o->durations_ms, durations, sizeof(durations));
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (!main_option(o, c, optarg))
			return false;
	}
	return o->config && o->run && o->state && optind == argc;
}

static bool main_path(const char *dir, const char *file, char ret[PATH_LEN])
{
	int n = snprintf(ret, PATH_LEN, "%s/%s", dir, file);

	return n > 0 && n < PATH_LEN;
}

/* A parent that replaces a dead one may find a file that was broken meanwhile;
 * it goes on with the one that was in force.
 */
static int main_config(struct parent *p)
{
	struct config_error err;
	int rc = config_load(p->config_path, &p->config, &err);

	if (rc == -ENOENT)
		return config_empty(&p->config);
	if (rc == 0) {
		parent_keep(p);
		return 0;
	}
	log_lines(LOG_LEVEL_ERROR, err.text);
	if (config_load(p->good_path, &p->config, &err) < 0)
		return rc;
	log_error("the configuration before stays in force");
	return 0;
}

static int main_tls(struct parent *p)
{
	struct config_settings settings;
	char err[TLS_ERR_MAX];
	int rc;

	config_settings(p->config, &settings);
	rc = tls_ctx_new(settings.upstream_ca, settings.upstream_ca_len,
			 &p->tls, err);
	if (rc < 0)
		log_error("%s", err);
	return rc;
}

/* The CA's certificate, for the portal to show. certgen is ready before us, so
 * a certificate that is not there is worth a word; leaves are minted anyway.
 */
static void main_ca(struct parent *p)
{
	int fd = open(p->ca_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, p->ca_pem, sizeof(p->ca_pem));

	if (n > 0 && bundle_check(slice_of(p->ca_pem, (size_t)n)) == 0)
		p->ca_pem_len = (size_t)n;
	else
		log_warn("%s: no certificate; the portal shows none",
			 p->ca_path);
	if (fd >= 0)
		(void)close(fd);
}

/* Memory that workers write and the parent reads. */
static int main_stats(struct parent *p)
{
	void *mem =
		mmap(NULL, sizeof(struct stats) * WORKERS_MAX,
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		return -errno;
	p->stats = mem;
	return 0;
}

static int main_listener(const char *text)
{
	union resolve_addr addr;
	int on = 1;
	int fd;

	if (address_parse(slice_str(text), &addr) < 0) {
		log_error("listen: '%s' is not ADDRESS:PORT", text);
		return ERR_SYNTAX;
	}
	fd = socket(addr.sa.sa_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr.sa.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
				 sizeof(on));
	if (bind(fd, &addr.sa, sizeof(addr)) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0) {
		int rc = -errno;

		log_error("listen: %s: %s", text, err_str(rc));
		(void)close(fd);
		return rc;
	}
	return fd;
}

static void main_add_listener(struct parent *p, int fd, enum listen_kind kind)
{
	struct parent_listener *l = &p->listeners[p->listeners_len++];

	*l = (struct parent_listener){ .fd = fd, .kind = (uint8_t)kind };
}

/* What a socket that somebody opened for us is there for: datagrams and port
 * 53 are DNS. Which address a datagram was sent to must be told with it, since
 * the answer must come from there.
 */
static int main_take_listener(struct parent *p, int fd)
{
	union resolve_addr addr = { 0 };
	socklen_t len = sizeof(addr);
	int type, on = 1, flags = fcntl(fd, F_GETFL);
	socklen_t type_len = sizeof(type);
	int rc = 0;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    getsockname(fd, &addr.sa, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0)
		return -errno;
	if (type == SOCK_DGRAM) {
		rc = addr.sa.sa_family == AF_INET
			     ? setsockopt(fd, SOL_IP, IP_RECVORIGDSTADDR, &on,
					  sizeof(on))
			     : setsockopt(fd, SOL_IPV6, IPV6_RECVORIGDSTADDR,
					  &on, sizeof(on));
		main_add_listener(p, fd, LISTEN_DNS_UDP);
	} else {
		main_add_listener(p, fd,
				  address_port(&addr) == 53 ? LISTEN_DNS_TCP
							    : LISTEN_TCP);
	}
	return rc < 0 ? -errno : 0;
}

/* Descriptors from 3 on, by systemd's protocol (LISTEN_PID, LISTEN_FDS). */
static int main_inherit(struct parent *p)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint32_t owner, n;
	int rc = 0;

	if (!pid || !fds || !main_number(pid, INT32_MAX, &owner) ||
	    owner != (uint32_t)getpid())
		return 0;
	if (!main_number(fds, INSTANCE_LISTENERS_MAX, &n)) {
		log_error("LISTEN_FDS: at most %d sockets",
			  INSTANCE_LISTENERS_MAX);
		return ERR_LIMIT;
	}
	for (uint32_t i = 0; rc == 0 && i < n; i++)
		rc = main_take_listener(p, 3 + (int)i);
	if (rc < 0)
		log_error("LISTEN_FDS: what was handed over are no sockets");
	return rc;
}

/* Open the listeners of one kind. */
static int main_listen_all(struct parent *p, const char *const *texts,
			   size_t len, enum listen_kind kind)
{
	if (len > INSTANCE_LISTENERS_MAX - p->listeners_len) {
		log_error("at most %d addresses to listen at",
			  INSTANCE_LISTENERS_MAX);
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < len; i++) {
		int fd = main_listener(texts[i]);

		if (fd < 0)
			return fd;
		main_add_listener(p, fd, kind);
	}
	return 0;
}

static int main_listeners(struct parent *p)
{
	struct config_settings settings;
	int rc = main_inherit(p);

	config_settings(p->config, &settings);
	if (rc == 0)
		rc = main_listen_all(p, settings.listen, settings.listen_len,
				     LISTEN_TCP);
	if (rc == 0)
		rc = main_listen_all(p, settings.proxy, settings.proxy_len,
				     LISTEN_PROXY);
	p->workers_len = settings.workers;
	if (!p->workers_len)
		p->workers_len = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
	p->workers_len = MAX(1u, MIN(p->workers_len, (uint32_t)WORKERS_MAX));
	return rc;
}

static int main_signals(struct parent *p)
{
	static const int ours[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM };

	(void)signal(SIGPIPE, SIG_IGN);
	p->signals = signals_open(ours, ARRAY_SIZE(ours));
	return MIN(p->signals, 0);
}

static int main_loop(struct parent *p, const char *control_path)
{
	static const struct loop_handlers handlers = {
		.event = parent_on_event,
		.timer = parent_on_timer,
	};
	static const uint32_t durations[] = { [PARENT_TIMER_TICK] = 1000 };
	struct loop_ref control = { .kind = PARENT_CONTROL };
	struct loop_ref signals = { .kind = PARENT_SIGNAL };
	int rc = loop_new(&handlers, p, durations, PARENT_TIMERS, &p->loop);

	if (rc == 0)
		rc = p->control = door_listen(control_path);
	if (rc >= 0)
		rc = loop_add(p->loop, p->control, control, LOOP_READ);
	if (rc >= 0)
		rc = loop_add(p->loop, p->signals, signals, LOOP_READ);
	if (rc >= 0)
		parent_tick_start(p);
	return rc;
}

static int main_sandboxes(struct parent *p)
{
	struct config_error err = { { 0 } };
	int rc = approve_open(p, &err);

	if (rc == 0)
		rc = secrets_read(p->config, &p->secrets, &err);
	if (rc == 0)
		rc = parent_apply(p, NULL, &err);
	if (rc < 0)
		log_lines(LOG_LEVEL_ERROR, err.text);
	return rc;
}

static void main_writers(struct parent *p, const char *path)
{
	int rc = writers_open(&p->writers, path);

	if (rc < 0)
		log_warn("%s: %s; should the clock be set back, an id might be "
			 "given twice",
			 path, err_str(rc));
}

/* Say that the doors answer. */
static void main_ready(int fd)
{
	if (fd >= 0) {
		(void)!write(fd, "", 1);
		(void)close(fd);
	}
}

static int main_run(struct parent *p, const struct options *o,
		    const char *control_path, const char *names_path)
{
	int rc = main_config(p);

	if (rc == 0)
		rc = h1_self_test();
	if (rc == 0)
		rc = main_tls(p);
	main_ca(p);
	if (rc == 0)
		rc = MIN(guard_learn_own(), 0);
	if (rc == 0)
		rc = names_open(names_path, &p->names);
	if (rc == 0)
		rc = quotas_new(&p->quotas);
	if (rc == 0)
		rc = main_stats(p);
	if (rc == 0)
		rc = main_listeners(p);
	if (rc == 0)
		rc = main_signals(p);
	if (rc == 0)
		rc = main_loop(p, control_path);
	if (rc >= 0)
		rc = main_sandboxes(p);
	if (rc == 0)
		rc = crew_start(p);
	if (rc < 0) {
		log_error("the gateway can't start: %s", err_str(rc));
		return EXIT_FAILURE;
	}
	log_info("%u workers, control door %s", p->workers_len, control_path);
	main_ready(o->ready_fd);
	rc = loop_run(p->loop);
	(void)unlink(control_path);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct parent parent;
	char control[PATH_LEN], certgen[PATH_LEN], spool[PATH_LEN];
	char names[PATH_LEN], good[PATH_LEN], ca[PATH_LEN], grants[PATH_LEN];
	char writers[PATH_LEN];
	struct options o;

	if (!main_options(&o, argc, argv)) {
		(void)fprintf(stderr,
			      "usage: penstock-gateway --config FILE --run DIR "
			      "--state DIR [--idle-exit SECONDS]\n"
			      "       [--ready-fd N] [--wait NAME=MS]… "
			      "[--debug]\n");
		return 2;
	}
	log_init("gateway", o.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, 0);
	if (!main_path(o.run, CONTROL_SOCKET, control) ||
	    !main_path(o.run, CERTGEN_SOCKET, certgen) ||
	    !main_path(o.run, SPOOL_DIR, spool) ||
	    !main_path(o.run, CONFIG_GOOD, good) ||
	    !main_path(o.state, CERTGEN_CA_CERT, ca) ||
	    !main_path(o.state, GRANTS_FILE, grants) ||
	    !main_path(o.state, WRITERS_FILE, writers) ||
	    !main_path(o.state, "names", names)) {
		log_error("the directories' paths are too long");
		return EXIT_FAILURE;
	}
	(void)mkdir(spool, 0700);
	parent.config_path = o.config;
	parent.good_path = good;
	parent.certgen_socket = certgen;
	parent.ca_path = ca;
	parent.spool_dir = spool;
	parent.grants_path = grants;
	parent.idle_exit_s = o.idle_exit_s;
	memcpy(parent.durations_ms, o.durations_ms, sizeof(o.durations_ms));
	main_writers(&parent, writers);
	table_init(&parent.doors, DOORS_MAX);
	return main_run(&parent, &o, control, names);
}
