/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gavel port-forward: a port of this machine, on loopback only, that leads into
 * a workload; each connection is a WebSocket of its own.
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "lease/frames.h"
#include "tenant/tenant.h"

#define LOCAL_HIGH ((size_t)256 * 1024)
#define LOCAL_LOW  ((size_t)64 * 1024)

struct forwarding {
	struct context *c;
	struct loop loop;
	struct lease_ref lease;
	const char *path, *what;
	unsigned port; /* here */
};

struct pair {
	struct forwarding *f;
	struct bufferevent *local;
	struct ws *ws;
	bool open, in_ended, out_ended, out_shut;
};

static void
pair_free(struct pair *p)
{
	bufferevent_free(p->local);
	ws_free(p->ws);
	free(p);
}

static void
maybe_close(struct pair *p)
{
	if (p->out_ended && !p->out_shut &&
	    evbuffer_get_length(bufferevent_get_output(p->local)) == 0) {
		p->out_shut = true;
		shutdown(bufferevent_getfd(p->local), SHUT_WR);
	}
	if (p->out_shut && p->in_ended)
		ws_close(p->ws);
}

static void
on_open(void *ctx)
{
	struct pair *p = ctx;

	p->open = true;
	bufferevent_enable(p->local, EV_READ);
}

static void
on_message(void *ctx, const uint8_t *message, size_t message_len)
{
	struct pair *p = ctx;
	enum frame_kind kind;
	const uint8_t *data;
	size_t len;

	if (!frame_read(message, message_len, &kind, &data, &len) || kind != FRAME_STDOUT)
		return;
	p->out_ended = p->out_ended || len == 0;
	bufferevent_write(p->local, data, len);
	if (evbuffer_get_length(bufferevent_get_output(p->local)) > LOCAL_HIGH)
		ws_pause(p->ws, true);
	maybe_close(p);
}

static void
on_drain(void *ctx)
{
	struct pair *p = ctx;

	if (p->open && !p->in_ended)
		bufferevent_enable(p->local, EV_READ);
}

static void
on_closed(void *ctx, const struct err *e)
{
	struct pair *p = ctx;

	if (e->code != NULL && !(p->out_ended && p->in_ended))
		say(p->f->c, "connection to %s: %s [%s]", p->f->what, e->text, e->code->name);
	pair_free(p);
}

static const struct ws_events events = {
	.on_open = on_open, .on_message = on_message, .on_drain = on_drain, .on_closed = on_closed
};

static void
local_read(struct bufferevent *bev, void *arg)
{
	struct pair *p = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	char buf[FRAMES_DATA_MAX];
	int n;

	while ((n = evbuffer_remove(in, buf, sizeof(buf))) > 0)
		ws_send(p->ws, FRAME_STDIN, buf, (size_t)n);
	if (ws_backlog(p->ws) > WS_BACKLOG_HIGH)
		bufferevent_disable(bev, EV_READ);
}

static void
local_write(struct bufferevent *bev, void *arg)
{
	struct pair *p = arg;

	(void)bev;
	ws_pause(p->ws, false);
	maybe_close(p);
}

static void
local_event(struct bufferevent *bev, short what, void *arg)
{
	struct pair *p = arg;

	if ((what & BEV_EVENT_ERROR) != 0) {
		pair_free(p);
		return;
	}
	if ((what & BEV_EVENT_EOF) == 0 || p->in_ended)
		return;
	if (evbuffer_get_length(bufferevent_get_input(bev)) != 0)
		local_read(bev, p);
	p->in_ended = true;
	bufferevent_disable(bev, EV_READ);
	ws_send(p->ws, FRAME_STDIN, NULL, 0);
	maybe_close(p);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
	  void *arg)
{
	struct forwarding *f = arg;
	struct pair *p = xcalloc(1, sizeof(*p));
	struct err e = ERR_NONE;

	(void)listener;
	(void)from;
	(void)len;
	p->f = f;
	p->local = bufferevent_socket_new(f->loop.base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (p->local == NULL)
		fatal("out of memory");
	bufferevent_setcb(p->local, local_read, local_write, local_event, p);
	bufferevent_setwatermark(p->local, EV_WRITE, LOCAL_LOW, 0);
	bufferevent_setwatermark(p->local, EV_READ, 0, LOCAL_HIGH);
	bufferevent_enable(p->local, EV_WRITE);
	bufferevent_disable(p->local, EV_READ);
	/* Tokens live for minutes, a forward for days. */
	f->lease.gateway.token = context_token(f->c, &f->lease.provider, "exec", &f->lease.hash);
	p->ws = provider_socket(&f->loop, &f->lease.gateway, f->path, FRAMES_FORWARD, &events, p,
				&e);
	if (p->ws == NULL) {
		say(f->c, "%s", e.text);
		pair_free(p);
	}
}

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct forwarding *f = arg;

	(void)signo;
	(void)what;
	loop_stop(&f->loop);
}

static int
forward_listen(struct forwarding *f, uint32_t port, struct err *e)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct evconnlistener *listener;
	socklen_t len = sizeof(at);

	listener = evconnlistener_new_bind(f->loop.base, on_accept, f,
					   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
						   LEV_OPT_REUSEABLE,
					   64, (struct sockaddr *)&at, sizeof(at));
	if (listener == NULL ||
	    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&at, &len) != 0)
		return err_errno(e, "listen on 127.0.0.1:%u", port);
	f->port = ntohs(at.sin_port);
	return 0;
}

static int
forward_run(struct forwarding *f, uint32_t local, uint32_t port, struct err *e)
{
	static const int signos[] = { SIGINT, SIGTERM, SIGHUP };

	if (loop_init(&f->loop, e) < 0 || forward_listen(f, local, e) < 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < NELEMS(signos); i++)
		event_add(evsignal_new(f->loop.base, signos[i], on_signal, f), NULL);
	if (f->c->json)
		printf("{\"address\":\"127.0.0.1\",\"port\":%u,\"to\":%u}\n", f->port, port);
	else
		printf("127.0.0.1:%u leads to port %u of %s; Ctrl-C ends it\n", f->port, port,
		       f->what);
	fflush(stdout);
	loop_run(&f->loop);
	return 0;
}

int
cmd_port_forward(struct context *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = { { "service", required_argument, NULL, 's' },
						 { "copy", required_argument, NULL, 'c' },
						 { NULL, 0, NULL, 0 } };
	static struct forwarding f;
	struct deployment d = { .name = NULL };
	const char *service = NULL;
	uint32_t copy = 0, local, port;
	int opt;

	while ((opt = getopt_long(argc, argv, "s:", options, NULL)) != -1)
		switch (opt) {
		case 's': service = optarg; break;
		case 'c':
			if (copy_read(optarg, &copy, e) < 0)
				return -1;
			break;
		default: return option_fault(argv, "port-forward", e);
		}
	if (argc - optind < 1 || argc - optind > 2)
		return err_set(e, &TENANT_USAGE, "which port?");
	if (forward_ports_read(argv[argc - 1], &local, &port, e) < 0)
		return -1;
	f.c = c;
	if (lease_begin(c, argc - optind == 2 ? argv[optind] : NULL, &d, &f.lease, e) < 0)
		return -1;
	f.what = service != NULL ? service : d.name != NULL ? d.name : "the workload";
	f.path = arena_printf(&c->arena, "%s?port=%u&copy=%u", lease_path(c, &f.lease, "/forward"),
			      port, copy);
	if (service != NULL)
		f.path = arena_printf(&c->arena, "%s&service=%s", f.path,
				      query_text(&c->arena, service));
	return forward_run(&f, local, port, e);
}
