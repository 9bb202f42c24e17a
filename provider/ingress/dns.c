/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/ingress/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "provider/ingress/dns_wire.h"
#include "provider/ingress/ingress_in.h"
#include "provider/run/live.h"

#define ZONES_OLD_US   SECOND_US /* the book is read again for the next question */
#define ZONES_FRESH_US (50 * MILLI_US)
#define RATE_PER_S     50
#define BURST	       100
#define ASKED_MAX      32 /* of a slot, under way to the world */
#define CONNS_MAX      4  /* of a slot */
#define ANSWER_S       4
#define CONN_S	       10
#define TURN_MAX       32

struct slot {
	struct dns_zone zone; /* placement NULL: nobody lives here */
	int64_t tokens_us;    /* a question costs SECOND_US / RATE_PER_S */
	mono_t filled_at;
	unsigned asked, conns;
};

struct dns {
	struct agent *agent;
	int fd;
	struct event *ev;
	struct evconnlistener *listener;
	struct slot *slots;
	uint32_t slot_count;
	struct arena zones; /* of the zones */
	mono_t read_at;
	uint64_t moves;	 /* of the agent, then */
	size_t resolver; /* the one to ask */
};

/* ------------------------------------------------------------------ */
/* Zones, from the book.                                                */

/* Copies that take traffic; all of them while none does, so that a name is known
 * before its service is ready. */
static bool
is_named(const struct agent *g, const struct work *w, uint32_t unit)
{
	if (w->units[unit].role != UNIT_LIVE || live_takes_traffic(g, w, unit))
		return w->units[unit].role == UNIT_LIVE;
	for (uint32_t u = 0; u < w->unit_count; u++)
		if (w->units[u].service == w->units[unit].service && live_takes_traffic(g, w, u))
			return false;
	return true;
}

static void
zone_make(struct dns *d, const struct work *w)
{
	struct dns_host *hosts = arena_alloc(&d->zones, WORK_UNITS_MAX * sizeof(*hosts));
	struct err ignored = ERR_NONE;
	struct manifest m;
	size_t count = 0;

	if (w->unit_count == 0 || work_manifest(&d->zones, w, &m, &ignored) < 0)
		return;
	for (uint32_t u = 0; u < w->unit_count; u++) {
		const struct service *s =
			(const struct service *)m.services.items + w->units[u].service;

		if (!is_named(d->agent, w, u))
			continue;
		hosts[count++] = (struct dns_host){ s->name, d->agent->jail_config.net.network +
								     4 * w->units[u].slot + 2 };
	}
	for (uint32_t u = 0; u < w->unit_count; u++)
		if (w->units[u].role != UNIT_NONE && w->units[u].slot < d->slot_count)
			d->slots[w->units[u].slot].zone =
				(struct dns_zone){ m.group, hosts, count };
}

static void
zones_read(struct dns *d)
{
	struct err e = ERR_NONE;
	struct work *works;
	size_t count;

	d->read_at = clock_mono();
	d->moves = d->agent->moves;
	for (uint32_t i = 0; i < d->slot_count; i++)
		d->slots[i].zone.placement = NULL;
	arena_release(&d->zones);
	if (book_live(d->agent->book, &d->zones, &works, &count, &e) < 0) {
		log_warn("book.failed", "error=\"%s\"", e.text);
		return;
	}
	for (size_t i = 0; i < count; i++)
		zone_make(d, &works[i]);
}

/* Who asks: the slot whose workload has this address, or NULL. */
static struct slot *
slot_of(struct dns *d, const struct sockaddr_in *from)
{
	uint32_t at = ntohl(from->sin_addr.s_addr) - d->agent->jail_config.net.network;
	mono_t now = clock_mono();
	struct slot *s;

	if (at / 4 >= d->slot_count || at % 4 != 2)
		return NULL;
	s = &d->slots[at / 4];
	/* A slot may have gone to another lease, and a name to another slot. */
	if (now - d->read_at > ZONES_OLD_US || d->moves != d->agent->moves ||
	    (s->zone.placement == NULL && now - d->read_at > ZONES_FRESH_US))
		zones_read(d);
	return s->zone.placement != NULL ? s : NULL;
}

static bool
slot_may_ask(struct slot *s)
{
	mono_t now = clock_mono();
	const int64_t cost = SECOND_US / RATE_PER_S;

	s->tokens_us = MIN(s->tokens_us + (now - s->filled_at), BURST * cost);
	s->filled_at = now;
	if (s->tokens_us < cost)
		return false;
	s->tokens_us -= cost;
	return true;
}

/* ------------------------------------------------------------------ */
/* To the world and back, over UDP. A socket for each question: its port is as
 * hard to guess as the number.                                          */

struct asked {
	struct dns *dns;
	struct slot *slot;
	struct sockaddr_in from;
	struct in_addr at;	    /* which address of ours it asked */
	uint8_t number[2], sent[2]; /* of the workload; ours */
	int fd;
	struct event *ev;
};

static bool
resolver_address(struct dns *d, struct sockaddr_in *to)
{
	const struct json_strs *list = &d->agent->settings->resolvers;

	*to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(53) };
	return list->count > 0 &&
	       inet_pton(AF_INET, list->items[d->resolver % list->count], &to->sin_addr) == 1;
}

static void
asked_free(struct asked *q)
{
	q->slot->asked--;
	event_free(q->ev);
	close(q->fd);
	free(q);
}

static void
on_answer(evutil_socket_t fd, short what, void *arg)
{
	uint8_t packet[DNS_PACKET_MAX];
	struct asked *q = arg;
	ssize_t n;

	if ((what & EV_TIMEOUT) != 0) {
		q->dns->resolver++; /* the workload asks again; then another one */
		asked_free(q);
		return;
	}
	n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
	if (n >= 12 && memcmp(packet, q->sent, 2) != 0)
		return; /* not the answer: wait for it */
	if (n >= 12) {
		memcpy(packet, q->number, 2);
		world_send(q->dns->fd, packet, (size_t)n, &q->from, q->at);
	} else {
		q->dns->resolver++;
	}
	asked_free(q);
}

static bool
forward(struct dns *d, struct slot *s, const struct sockaddr_in *from, struct in_addr at,
	uint8_t *packet, size_t len)
{
	struct timeval patience = { ANSWER_S, 0 };
	struct sockaddr_in to;
	struct asked *q;
	int fd;

	if (s->asked >= ASKED_MAX || !resolver_address(d, &to))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	q = xcalloc(1, sizeof(*q));
	*q = (struct asked){ .dns = d, .slot = s, .from = *from, .at = at, .fd = fd };
	memcpy(q->number, packet, 2);
	random_bytes(q->sent, 2);
	memcpy(packet, q->sent, 2);
	q->ev = event_new(d->agent->loop.base, fd, EV_READ | EV_PERSIST, on_answer, q);
	event_add(q->ev, &patience);
	s->asked++;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	    send(fd, packet, len, MSG_DONTWAIT) == (ssize_t)len)
		return true;
	d->resolver++;
	asked_free(q);
	return true; /* lost, as UDP is: the workload asks again */
}

static void
on_question(evutil_socket_t fd, short what, void *arg)
{
	struct dns *d = arg;

	(void)what;
	for (int i = 0; i < TURN_MAX; i++) {
		uint8_t packet[DNS_PACKET_MAX], reply[512];
		struct sockaddr_in from;
		struct in_addr at;
		size_t reply_len = sizeof(reply);
		enum dns_verdict verdict;
		struct slot *s;
		ssize_t n = world_recv(fd, packet, sizeof(packet), &from, &at);

		if (n < 0)
			return;
		s = slot_of(d, &from);
		if (s == NULL || !slot_may_ask(s))
			continue;
		verdict = dns_answer(&s->zone, packet, (size_t)n, reply, &reply_len);
		if (verdict == DNS_FORWARD && !forward(d, s, &from, at, packet, (size_t)n)) {
			reply_len = dns_refuse(packet, (size_t)n, 5, reply, sizeof(reply));
			verdict = DNS_ANSWER;
		}
		if (verdict == DNS_ANSWER && reply_len > 0)
			world_send(fd, reply, reply_len, &from, at);
	}
}

/* ------------------------------------------------------------------ */
/* TCP: what does not fit a packet. Questions of the lease are answered, others
 * go on over one connection to the resolver.                            */

struct conn {
	struct dns *dns;
	struct slot *slot;
	struct bufferevent *in, *out; /* the workload's; the resolver's, or NULL */
};

static void
conn_free(struct conn *c)
{
	c->slot->conns--;
	bufferevent_free(c->in);
	if (c->out != NULL)
		bufferevent_free(c->out);
	free(c);
}

static void
on_conn_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & BEV_EVENT_CONNECTED) == 0)
		conn_free(arg);
}

static void
on_world_read(struct bufferevent *bev, void *arg)
{
	struct conn *c = arg;

	bufferevent_write_buffer(c->in, bufferevent_get_input(bev));
}

static bool
conn_forward(struct conn *c, const uint8_t *message, size_t len)
{
	struct timeval patience = { CONN_S, 0 };
	struct sockaddr_in to;

	if (!resolver_address(c->dns, &to))
		return false;
	if (c->out == NULL) {
		struct bufferevent *out =
			bufferevent_socket_new(c->dns->agent->loop.base, -1, BEV_OPT_CLOSE_ON_FREE);

		if (out == NULL)
			fatal("out of memory");
		if (bufferevent_socket_connect(out, (struct sockaddr *)&to, sizeof(to)) != 0) {
			bufferevent_free(out);
			return false;
		}
		c->out = out;
		bufferevent_setcb(out, on_world_read, NULL, on_conn_event, c);
		bufferevent_set_timeouts(out, &patience, &patience);
		bufferevent_enable(out, EV_READ | EV_WRITE);
	}
	bufferevent_write(c->out, message, len);
	return true;
}

/* One whole message, its length in front. */
static void
conn_message(struct conn *c, const uint8_t *message, size_t len)
{
	uint8_t reply[2 + 512];
	size_t reply_len = sizeof(reply) - 2;
	enum dns_verdict verdict =
		slot_may_ask(c->slot) && c->slot->zone.placement != NULL
			? dns_answer(&c->slot->zone, message + 2, len - 2, reply + 2, &reply_len)
			: DNS_DROP;

	if (verdict == DNS_FORWARD && !conn_forward(c, message, len)) {
		reply_len = dns_refuse(message + 2, len - 2, 5, reply + 2, sizeof(reply) - 2);
		verdict = DNS_ANSWER;
	}
	if (verdict != DNS_ANSWER)
		return;
	reply[0] = (uint8_t)(reply_len >> 8);
	reply[1] = (uint8_t)reply_len;
	bufferevent_write(c->in, reply, reply_len + 2);
}

static void
on_conn_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	uint8_t message[2 + DNS_PACKET_MAX];

	while (evbuffer_copyout(in, message, 2) == 2) {
		size_t len = 2 + ((size_t)message[0] << 8 | message[1]);

		if (len > sizeof(message)) {
			conn_free(arg);
			return;
		}
		if (evbuffer_get_length(in) < len)
			return;
		evbuffer_remove(in, message, len);
		conn_message(arg, message, len);
	}
}

static void
on_conn(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len,
	void *arg)
{
	struct timeval patience = { CONN_S, 0 };
	struct dns *d = arg;
	struct slot *s = len >= (int)sizeof(struct sockaddr_in)
				 ? slot_of(d, (struct sockaddr_in *)from)
				 : NULL;
	struct conn *c;

	(void)listener;
	if (s == NULL || s->conns >= CONNS_MAX) {
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	s->conns++;
	*c = (struct conn){ .dns = d, .slot = s };
	c->in = bufferevent_socket_new(d->agent->loop.base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->in == NULL)
		fatal("out of memory");
	bufferevent_setcb(c->in, on_conn_read, NULL, on_conn_event, c);
	bufferevent_set_timeouts(c->in, &patience, &patience);
	bufferevent_enable(c->in, EV_READ | EV_WRITE);
}

/* ------------------------------------------------------------------ */

void
dns_start(struct agent *g)
{
	const unsigned port = g->settings->dns_port;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct dns *d;
	int yes = 1;

	if (port == 0)
		return;
	d = xcalloc(1, sizeof(*d));
	arena_init(&d->zones, 0);
	d->agent = g;
	d->read_at = -ZONES_OLD_US;
	d->slot_count = g->settings->slots;
	d->slots = xcalloc(d->slot_count, sizeof(*d->slots));
	d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0 || setsockopt(d->fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof(yes)) != 0 ||
	    bind(d->fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		fatal("dns_port %u: %s", port, strerror(errno));
	d->ev = event_new(g->loop.base, d->fd, EV_READ | EV_PERSIST, on_question, d);
	event_add(d->ev, NULL);
	d->listener = evconnlistener_new_bind(g->loop.base, on_conn, d,
					      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
						      LEV_OPT_REUSEABLE,
					      64, (struct sockaddr *)&at, sizeof(at));
	if (d->listener == NULL)
		fatal("dns_port %u: %s", port, strerror(errno));
}
