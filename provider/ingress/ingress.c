/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/ingress/ingress_in.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1000
#define HALF_OPEN_S	300
#define IDLE_S		3600
#define CONNECT_S	3
#define BUFFER_MAX	((size_t)256 * 1024)

struct pair {
	struct pair *next, **self;
	struct relay *in;
	struct bufferevent *out, *inner; /* the world's side, the workload's side */
	size_t tries;
	bool connected;
	bool out_ended, inner_ended; /* said all */
	bool out_told, inner_told;   /* that the other one has */
};

struct relay {
	struct ingress base;
	struct evconnlistener *listener;
	unsigned count;
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
	if (p->inner != NULL)
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

/* One side has ended and the other has all that it said: it is told. The pair
 * goes when both have ended; until then the second may still answer. */
static void
pass_end(struct pair *p, struct bufferevent *to)
{
	bool *told = to == p->out ? &p->out_told : &p->inner_told;
	struct timeval patience = { HALF_OPEN_S, 0 };

	if (*told || evbuffer_get_length(bufferevent_get_output(to)) > 0)
		return;
	*told = true;
	shutdown(bufferevent_getfd(to), SHUT_WR);
	bufferevent_set_timeouts(to, &patience, NULL);
	if (p->out_told && p->inner_told)
		pair_free(p);
}

static bool
has_ended(const struct pair *p, const struct bufferevent *bev)
{
	return bev == p->out ? p->out_ended : p->inner_ended;
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct pair *p = arg;

	if (!p->connected)
		return;
	if (has_ended(p, other(p, bev)))
		pass_end(p, bev);
	else
		bufferevent_enable(other(p, bev), EV_READ);
}

/* To the target whose turn it is. Nothing is read from the world before it
 * answers, so the next one can be tried without loss. */
static int
pair_connect(struct pair *p)
{
	struct ingress *in = &p->in->base;
	struct timeval patience = { CONNECT_S, 0 };

	while (p->tries++ < in->target_count) {
		const struct sockaddr_in *to = &in->targets[in->turn++ % in->target_count];

		if (p->inner != NULL)
			bufferevent_free(p->inner);
		p->inner = bufferevent_socket_new(in->loop->base, -1, BEV_OPT_CLOSE_ON_FREE);
		if (p->inner == NULL)
			fatal("out of memory");
		bufferevent_setcb(p->inner, on_read, on_write, on_event, p);
		bufferevent_set_timeouts(p->inner, &patience, &patience);
		bufferevent_enable(p->inner, EV_READ | EV_WRITE);
		if (bufferevent_socket_connect(p->inner, (const struct sockaddr *)to,
					       sizeof(*to)) == 0)
			return 0;
	}
	return -1;
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct pair *p = arg;

	if ((what & BEV_EVENT_CONNECTED) != 0) {
		p->connected = true;
		bufferevent_set_timeouts(p->inner, NULL, NULL);
		bufferevent_enable(p->out, EV_READ);
		return;
	}
	if (!p->connected && bev == p->inner) {
		if (pair_connect(p) < 0)
			pair_free(p);
		return;
	}
	if ((what & BEV_EVENT_EOF) == 0) {
		pair_free(p);
		return;
	}
	bufferevent_disable(bev, EV_READ);
	if (bev == p->out)
		p->out_ended = true;
	else
		p->inner_ended = true;
	pass_end(p, other(p, bev));
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
	  void *arg)
{
	struct relay *in = arg;
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
	p->out = bufferevent_socket_new(in->base.loop->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (p->out == NULL)
		fatal("out of memory");
	p->next = in->pairs;
	p->self = &in->pairs;
	if (p->next != NULL)
		p->next->self = &p->next;
	in->pairs = p;
	in->count++;
	bufferevent_setcb(p->out, on_read, on_write, on_event, p);
	bufferevent_set_timeouts(p->out, &idle, &idle);
	bufferevent_enable(p->out, EV_WRITE);
	if (pair_connect(p) < 0)
		pair_free(p);
}

static void
relay_end(struct ingress *base)
{
	struct relay *in = (struct relay *)base;

	while (in->pairs != NULL)
		pair_free(in->pairs); /* NOLINT: it takes itself off the list */
	evconnlistener_free(in->listener);
}

struct ingress *
ingress_open(struct loop *l, const char *address, unsigned outside,
	     const struct ingress_target *targets, size_t count, struct err *e)
{
	struct relay *in = xcalloc(1, sizeof(*in));
	struct sockaddr_in at;

	if (ingress_init(&in->base, l, address, outside, targets, count, &at, e) < 0) {
		free(in);
		return NULL;
	}
	in->base.end = relay_end;
	in->listener = evconnlistener_new_bind(l->base, on_accept, in,
					       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
						       LEV_OPT_REUSEABLE,
					       256, (struct sockaddr *)&at, sizeof(at));
	if (in->listener == NULL) {
		err_errno(e, "listen on %s:%u", address, outside);
		free(in);
		return NULL;
	}
	return &in->base;
}

/* ------------------------------------------------------------------ */
/* Of both kinds.                                                      */

int
ingress_init(struct ingress *in, struct loop *l, const char *address, unsigned outside,
	     const struct ingress_target *targets, size_t count, struct sockaddr_in *at,
	     struct err *e)
{
	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)outside) };
	in->loop = l;
	if (inet_pton(AF_INET, address, &at->sin_addr) != 1)
		return err_set(e, &ERR_CONFIG, "ingress: %s is not an address", address);
	ingress_aim(in, targets, count);
	if (in->target_count != count)
		return err_set(e, &ERR_CONFIG, "ingress: a target that is none, or too many");
	return 0;
}

void
ingress_aim(struct ingress *in, const struct ingress_target *targets, size_t count)
{
	in->target_count = 0;
	for (size_t i = 0; i < count && in->target_count < INGRESS_TARGETS_MAX; i++) {
		struct sockaddr_in *to = &in->targets[in->target_count];

		*to = (struct sockaddr_in){ .sin_family = AF_INET,
					    .sin_port = htons((uint16_t)targets[i].port) };
		if (inet_pton(AF_INET, targets[i].address, &to->sin_addr) == 1)
			in->target_count++;
	}
}

void
ingress_close(struct ingress *in)
{
	if (in == NULL)
		return;
	in->end(in);
	free(in);
}
