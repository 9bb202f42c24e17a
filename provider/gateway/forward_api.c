/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/leases/{lease}/forward?service=&copy=&port=: a WebSocket that is one
 * TCP connection to the workload, whether the port is open to the world or not.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>

#include "lease/frames.h"
#include "provider/gateway/session.h"

#define CONNECT_S 5
#define HIGH	  ((size_t)256 * 1024)
#define LOW	  ((size_t)64 * 1024)

static const struct code PORT_REFUSED = { "port_refused", FAILED,
					  "nothing answers on this port of the workload" };

struct forward {
	struct agent *agent;
	struct hash lease;
	struct request *request; /* until the workload has answered */
	struct ws *ws;
	struct bufferevent *inner;
	unsigned port;
	bool in_ended, out_ended; /* towards the workload; from it */
	bool in_shut;
};

static void
forward_free(struct forward *f)
{
	ticket_give(f->agent, &f->lease, TICKET_FORWARD);
	bufferevent_free(f->inner);
	ws_free(f->ws);
	free(f);
}

static void
on_closed(void *ctx, const struct err *e)
{
	(void)e;
	forward_free(ctx);
}

static void
maybe_close(struct forward *f)
{
	if (f->in_ended && !f->in_shut &&
	    evbuffer_get_length(bufferevent_get_output(f->inner)) == 0) {
		f->in_shut = true;
		shutdown(bufferevent_getfd(f->inner), SHUT_WR);
	}
	if (f->in_shut && f->out_ended)
		ws_close(f->ws);
}

static void
on_message(void *ctx, const uint8_t *message, size_t message_len)
{
	struct forward *f = ctx;
	enum frame_kind kind;
	const uint8_t *data;
	size_t len;

	if (!frame_read(message, message_len, &kind, &data, &len) || kind != FRAME_STDIN ||
	    f->in_ended)
		return;
	f->in_ended = len == 0;
	bufferevent_write(f->inner, data, len);
	if (evbuffer_get_length(bufferevent_get_output(f->inner)) > HIGH)
		ws_pause(f->ws, true);
	maybe_close(f);
}

static void
on_drain(void *ctx)
{
	struct forward *f = ctx;

	if (!f->out_ended)
		bufferevent_enable(f->inner, EV_READ);
}

static const struct ws_events events = { .on_message = on_message,
					 .on_drain = on_drain,
					 .on_closed = on_closed };

static void
inner_read(struct bufferevent *bev, void *arg)
{
	struct forward *f = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	char buf[FRAMES_DATA_MAX];
	int n;

	while ((n = evbuffer_remove(in, buf, sizeof(buf))) > 0)
		ws_send(f->ws, FRAME_STDOUT, buf, (size_t)n);
	if (ws_backlog(f->ws) > WS_BACKLOG_HIGH)
		bufferevent_disable(bev, EV_READ);
}

static void
inner_write(struct bufferevent *bev, void *arg)
{
	struct forward *f = arg;

	(void)bev;
	ws_pause(f->ws, false);
	maybe_close(f);
}

static void
inner_connected(struct forward *f)
{
	struct request *r = f->request;

	f->request = NULL;
	bufferevent_set_timeouts(f->inner, NULL, NULL);
	bufferevent_setwatermark(f->inner, EV_WRITE, LOW, 0);
	bufferevent_setwatermark(f->inner, EV_READ, 0, HIGH);
	f->ws = ws_accept(r, FRAMES_FORWARD, &events, f);
	bufferevent_enable(f->inner, EV_READ | EV_WRITE);
}

static void
inner_event(struct bufferevent *bev, short what, void *arg)
{
	struct forward *f = arg;
	struct request *r = f->request;
	struct err e = ERR_NONE;

	if ((what & BEV_EVENT_CONNECTED) != 0) {
		inner_connected(f);
		return;
	}
	if (r != NULL) {
		err_set(&e, &PORT_REFUSED, "port %u of the workload", f->port);
		forward_free(f);
		request_fail(r, &e);
		return;
	}
	if ((what & BEV_EVENT_EOF) != 0 && !f->out_ended) {
		if (evbuffer_get_length(bufferevent_get_input(bev)) != 0)
			inner_read(bev, f);
		ws_send(f->ws, FRAME_STDOUT, NULL, 0);
		f->out_ended = true;
		bufferevent_disable(bev, EV_READ);
		maybe_close(f);
		return;
	}
	if ((what & BEV_EVENT_ERROR) != 0)
		ws_close(f->ws);
}

void
forward_open(struct request *r)
{
	struct agent *g = r->ctx;
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct timeval patience = { CONNECT_S, 0 };
	uint32_t port = query_number(r, "port"), unit;
	char address[NET_ADDRESS_SIZE];
	struct err e = ERR_NONE;
	struct forward *f;
	struct work w;

	if (!gateway_socket(r, FRAMES_FORWARD, &w, &unit))
		return;
	net_address(&g->jail_config.net, (uint16_t)w.units[unit].slot, 2, address);
	to.sin_port = htons((uint16_t)port);
	if (port == 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
		err_field(&e, &ERR_BAD_DATA, "/port", "port: 1 to 65535");
	else
		(void)!ticket_take(g, &w.hash, TICKET_FORWARD, &e);
	if (e.code != NULL) {
		request_fail(r, &e);
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->agent = g;
	f->lease = w.hash;
	f->request = r;
	f->port = port;
	f->inner = bufferevent_socket_new(g->loop.base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (f->inner == NULL)
		fatal("out of memory");
	bufferevent_setcb(f->inner, inner_read, inner_write, inner_event, f);
	bufferevent_set_timeouts(f->inner, &patience, &patience);
	bufferevent_enable(f->inner, EV_WRITE);
	/* A failure comes through inner_event(), at once or later. */
	(void)!bufferevent_socket_connect(f->inner, (struct sockaddr *)&to, sizeof(to));
}
