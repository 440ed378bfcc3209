#include "ship/sink.h"

int sink_open(const struct config_ship *ship, struct sink **ret,
	      const char **ret_what)
{
	return ship->kind == CONFIG_SHIP_POSTGRESQL
		       ? sink_pg_open(ship, ret, ret_what)
		       : sink_http_open(ship, ret, ret_what);
}

void sink_files(const struct sink *s, const char *ret[SINK_FILES_MAX])
{
	s->ops->files(s, ret);
}

void sink_send(struct sink *s, const struct sink_load *load,
	       struct sink_result *ret)
{
	*ret = (struct sink_result){ .answer = SINK_LATER };
	s->ops->send(s, load, ret);
}
