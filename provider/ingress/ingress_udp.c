/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/ingress/ingress_in.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSIONS_MAX 1000
#define IDLE_S	     60
#define BUCKETS	     256u
#define TURN_MAX     64 /* packets of one socket before others have their turn */
#define PACKET_MAX   65535

struct session {
	struct session *next, **self; /* in its bucket */
	struct relay *in;
	struct sockaddr_in client;
	struct in_addr at; /* which address of ours it talks to */
	int fd;		   /* connected to the target */
	struct event *ev;
};

struct relay {
	struct ingress base;
	int fd;
	struct event *ev;
	unsigned count;
	struct session *buckets[BUCKETS];
};

static const struct timeval idle = { IDLE_S, 0 };

/* ------------------------------------------------------------------ */
/* From and to the world, by the address of ours that the client knows.  */

union control {
	char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct cmsghdr align;
};

ssize_t
world_recv(int fd, void *data, size_t len, struct sockaddr_in *from, struct in_addr *at)
{
	union control c;
	struct iovec iov = { data, len };
	struct msghdr m = { .msg_name = from,
			    .msg_namelen = sizeof(*from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = c.bytes,
			    .msg_controllen = sizeof(c.bytes) };
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

	*at = (struct in_addr){ INADDR_ANY };
	for (struct cmsghdr *h = n >= 0 ? CMSG_FIRSTHDR(&m) : NULL; h != NULL;
	     h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(h), sizeof(info));
			*at = info.ipi_spec_dst;
		}
	return n;
}

void
world_send(int fd, const void *data, size_t len, const struct sockaddr_in *to, struct in_addr at)
{
	union control c = { .bytes = { 0 } };
	struct in_pktinfo info = { .ipi_spec_dst = at };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr m = { .msg_name = (void *)(uintptr_t)to,
			    .msg_namelen = sizeof(*to),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = c.bytes,
			    .msg_controllen = sizeof(c.bytes) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = IPPROTO_IP;
	h->cmsg_type = IP_PKTINFO;
	h->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(h), &info, sizeof(info));
	(void)!sendmsg(fd, &m, MSG_DONTWAIT); /* it is UDP: what does not fit is lost */
}

/* ------------------------------------------------------------------ */
/* Sessions.                                                            */

static struct session **
bucket_of(struct relay *in, const struct sockaddr_in *client)
{
	uint32_t h =
		(ntohl(client->sin_addr.s_addr) * 2654435761u) ^ (ntohs(client->sin_port) * 40503u);

	return &in->buckets[(h >> 8 ^ h) % BUCKETS];
}

static void
session_free(struct session *s)
{
	*s->self = s->next;
	if (s->next != NULL)
		s->next->self = s->self;
	s->in->count--;
	event_free(s->ev);
	close(s->fd);
	free(s);
}

static void
on_reply(evutil_socket_t fd, short what, void *arg)
{
	static char packet[PACKET_MAX];
	struct session *s = arg;

	if ((what & EV_TIMEOUT) != 0) {
		session_free(s);
		return;
	}
	for (int i = 0; i < TURN_MAX; i++) {
		ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) { /* refused: nobody listens there */
			session_free(s);
			return;
		}
		world_send(s->in->fd, packet, (size_t)n, &s->client, s->at);
	}
}

static struct session *
session_new(struct relay *in, const struct sockaddr_in *client, struct in_addr at)
{
	const struct ingress *b = &in->base;
	struct session *s, **bucket = bucket_of(in, client);
	int fd;

	if (in->count >= SESSIONS_MAX || b->target_count == 0)
		return NULL;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return NULL;
	if (connect(fd, (const struct sockaddr *)&b->targets[in->base.turn++ % b->target_count],
		    sizeof(b->targets[0])) != 0) {
		close(fd);
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	*s = (struct session){
		.next = *bucket, .self = bucket, .in = in, .client = *client, .at = at, .fd = fd
	};
	if (s->next != NULL)
		s->next->self = &s->next;
	*bucket = s;
	in->count++;
	s->ev = event_new(b->loop->base, fd, EV_READ | EV_PERSIST, on_reply, s);
	return s;
}

static void
on_packet(evutil_socket_t fd, short what, void *arg)
{
	static char packet[PACKET_MAX];
	struct relay *in = arg;

	(void)what;
	for (int i = 0; i < TURN_MAX; i++) {
		struct sockaddr_in from;
		struct in_addr at;
		ssize_t n = world_recv(fd, packet, sizeof(packet), &from, &at);
		struct session *s;

		if (n < 0)
			return;
		for (s = *bucket_of(in, &from); s != NULL; s = s->next)
			if (s->client.sin_addr.s_addr == from.sin_addr.s_addr &&
			    s->client.sin_port == from.sin_port)
				break;
		if (s == NULL && (s = session_new(in, &from, at)) == NULL)
			continue;
		event_add(s->ev, &idle); /* both directions keep it alive */
		if (send(s->fd, packet, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    errno == ECONNREFUSED)
			session_free(s);
	}
}

/* ------------------------------------------------------------------ */

static void
relay_end(struct ingress *base)
{
	struct relay *in = (struct relay *)base;

	for (size_t i = 0; i < BUCKETS; i++)
		while (in->buckets[i] != NULL)
			session_free(in->buckets[i]); /* NOLINT: it takes itself off the list */
	event_free(in->ev);
	close(in->fd);
}

struct ingress *
ingress_open_udp(struct loop *l, const char *address, unsigned outside,
		 const struct ingress_target *targets, size_t count, struct err *e)
{
	struct relay *in = xcalloc(1, sizeof(*in));
	struct sockaddr_in at;
	int yes = 1;

	if (ingress_init(&in->base, l, address, outside, targets, count, &at, e) < 0) {
		free(in);
		return NULL;
	}
	in->base.end = relay_end;
	in->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (in->fd < 0 || setsockopt(in->fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof(yes)) != 0 ||
	    bind(in->fd, (struct sockaddr *)&at, sizeof(at)) != 0) {
		err_errno(e, "listen on udp %s:%u", address, outside);
		if (in->fd >= 0)
			close(in->fd);
		free(in);
		return NULL;
	}
	in->ev = event_new(l->base, in->fd, EV_READ | EV_PERSIST, on_packet, in);
	event_add(in->ev, NULL);
	return &in->base;
}
