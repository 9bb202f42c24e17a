/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/ingress.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1000
#define IDLE_S		3600
#define BUFFER_MAX	((size_t)256 * 1024)

struct pair {
	struct pair *next, **self;
	struct ingress *in;
	struct bufferevent *out, *inner; /* the world's side, the workload's side */
	bool connected;
};

struct ingress {
	struct loop *loop;
	struct evconnlistener *listener;
	struct sockaddr_in target;
	unsigned port, count;
	struct pair *pairs;
};

static void
pair_free(struct pair *p)
{
	*p->self = p->next;
	if (p->next != NULL)
		p->next->self = p->self;
	p->in->count--;
	bufferevent_free(p->out);
	bufferevent_free(p->inner);
	free(p);
}

static struct bufferevent *
other(const struct pair *p, const struct bufferevent *bev)
{
	return bev == p->out ? p->inner : p->out;
}

/* Take what came; where the other side is slow, stop reading until it drains. */
static void
on_read(struct bufferevent *bev, void *arg)
{
	struct pair *p = arg;
	struct evbuffer *to = bufferevent_get_output(other(p, bev));

	evbuffer_add_buffer(to, bufferevent_get_input(bev));
	if (evbuffer_get_length(to) > BUFFER_MAX)
		bufferevent_disable(bev, EV_READ);
}

static void on_event(struct bufferevent *bev, short what, void *arg);

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct pair *p = arg;

	bufferevent_enable(other(p, bev), EV_READ);
}

/* One side is done: what it sent must still arrive. */
static void
on_last_write(struct bufferevent *bev, void *arg)
{
	(void)bev;
	pair_free(arg);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct pair *p = arg;
	struct bufferevent *rest;

	if ((what & BEV_EVENT_CONNECTED) != 0) {
		p->connected = true;
		return;
	}
	rest = other(p, bev);
	if ((what & BEV_EVENT_EOF) != 0 && evbuffer_get_length(bufferevent_get_output(rest)) > 0) {
		bufferevent_disable(bev, EV_READ);
		bufferevent_setcb(rest, NULL, on_last_write, on_event, p);
		return;
	}
	pair_free(p);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
	  void *arg)
{
	struct ingress *in = arg;
	struct timeval idle = { IDLE_S, 0 };
	struct pair *p;

	(void)listener;
	(void)from;
	(void)len;
	if (in->count >= CONNECTIONS_MAX) {
		close(fd);
		return;
	}
	p = xcalloc(1, sizeof(*p));
	p->in = in;
	p->out = bufferevent_socket_new(in->loop->base, fd, BEV_OPT_CLOSE_ON_FREE);
	p->inner = bufferevent_socket_new(in->loop->base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (p->out == NULL || p->inner == NULL)
		fatal("out of memory");
	p->next = in->pairs;
	p->self = &in->pairs;
	if (p->next != NULL)
		p->next->self = &p->next;
	in->pairs = p;
	in->count++;
	bufferevent_setcb(p->out, on_read, on_write, on_event, p);
	bufferevent_setcb(p->inner, on_read, on_write, on_event, p);
	bufferevent_set_timeouts(p->out, &idle, &idle);
	bufferevent_enable(p->out, EV_READ | EV_WRITE);
	bufferevent_enable(p->inner, EV_READ | EV_WRITE);
	if (bufferevent_socket_connect(p->inner, (struct sockaddr *)&in->target,
				       sizeof(in->target)) != 0)
		pair_free(p);
}

struct ingress *
ingress_open(struct loop *l, const char *address, unsigned outside, const char *inside_address,
	     unsigned inside, struct err *e)
{
	struct ingress *in = xcalloc(1, sizeof(*in));
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)outside) };

	in->loop = l;
	in->port = outside;
	in->target =
		(struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)inside) };
	if (inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
	    inet_pton(AF_INET, inside_address, &in->target.sin_addr) != 1) {
		free(in);
		err_set(e, &ERR_CONFIG, "ingress: %s or %s is not an address", address,
			inside_address);
		return NULL;
	}
	in->listener = evconnlistener_new_bind(l->base, on_accept, in,
					       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
						       LEV_OPT_REUSEABLE,
					       256, (struct sockaddr *)&at, sizeof(at));
	if (in->listener == NULL) {
		err_errno(e, "listen on %s:%u", address, outside);
		free(in);
		return NULL;
	}
	return in;
}

void
ingress_close(struct ingress *in)
{
	if (in == NULL)
		return;
	while (in->pairs != NULL)
		pair_free(in->pairs); /* NOLINT: it takes itself off the list */
	evconnlistener_free(in->listener);
	free(in);
}

unsigned
ingress_port(const struct ingress *in)
{
	return in->port;
}
