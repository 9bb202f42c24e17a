/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/image/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEAD_MAX    16384
#define HOST_MAX    256
#define CONNECT_MS  10000
#define IDLE_MS	    60000
#define LISTENERS   2
#define CONTROL_FD  3
#define LISTENER_FD 4
#define PORT_PLAIN  1024u /* below it only 443: other protocols live there */

/* ------------------------------------------------------------------ */
/* Addresses.                                                          */

static const struct {
	const char *prefix;
	unsigned bits;
} closed4[] = { { "0.0.0.0", 8 },      { "10.0.0.0", 8 },     { "100.64.0.0", 10 },
		{ "127.0.0.0", 8 },    { "169.254.0.0", 16 }, { "172.16.0.0", 12 },
		{ "192.0.0.0", 24 },   { "192.0.2.0", 24 },   { "192.88.99.0", 24 },
		{ "192.168.0.0", 16 }, { "198.18.0.0", 15 },  { "198.51.100.0", 24 },
		{ "203.0.113.0", 24 }, { "224.0.0.0", 3 } },
  closed6[] = { { "2001::", 23 }, { "2001:db8::", 32 }, { "2002::", 16 }, { "3fff::", 20 } };

static bool
bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8)) == 0;
}

static bool
is_within(int family, const uint8_t *address, const char *prefix, unsigned bits)
{
	uint8_t b[16];

	return inet_pton(family, prefix, b) == 1 && bits <= (family == AF_INET ? 32u : 128u) &&
	       bits_equal(address, b, bits);
}

static bool
is_denied(int family, const uint8_t *address, const struct json_strs *deny)
{
	for (size_t i = 0; deny != NULL && i < deny->count; i++) {
		char prefix[64];
		const char *slash = strchr(deny->items[i], '/');
		unsigned bits = family == AF_INET ? 32 : 128;

		snprintf(prefix, sizeof(prefix), "%.*s", (int)strcspn(deny->items[i], "/"),
			 deny->items[i]);
		if (slash != NULL)
			bits = (unsigned)strtoul(slash + 1, NULL, 10);
		if (is_within(family, address, prefix, bits))
			return true;
	}
	return false;
}

bool
gate_address_is_public(const struct sockaddr *sa, const struct json_strs *deny)
{
	const uint8_t *b;

	if (sa->sa_family == AF_INET) {
		b = (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
		for (size_t i = 0; i < NELEMS(closed4); i++)
			if (is_within(AF_INET, b, closed4[i].prefix, closed4[i].bits))
				return false;
		return !is_denied(AF_INET, b, deny);
	}
	if (sa->sa_family != AF_INET6)
		return false;
	/* Of IPv6 only what is given out to the world, 2000::/3: this leaves out
	 * mapped and translated IPv4, local, link-local and multicast. */
	b = (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	if ((b[0] & 0xe0) != 0x20)
		return false;
	for (size_t i = 0; i < NELEMS(closed6); i++)
		if (is_within(AF_INET6, b, closed6[i].prefix, closed6[i].bits))
			return false;
	return !is_denied(AF_INET6, b, deny);
}

bool
gate_host_is_listed(const struct json_strs *list, const char *host, unsigned port)
{
	char text[HOST_MAX + 8];

	snprintf(text, sizeof(text), "%s:%u", host, port);
	for (size_t i = 0; list != NULL && i < list->count; i++)
		if (strcasecmp(list->items[i], text) == 0 ||
		    ((port == 443 || port == 80) && strcasecmp(list->items[i], host) == 0))
			return true;
	return false;
}

bool
gate_host_is_loopback(const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	return strcasecmp(host, "localhost") == 0 ||
	       (inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127) ||
	       (inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six));
}

/* "host", "host:port", "[v6]:port" -> its parts. */
static bool
authority_split(const char *text, size_t len, unsigned port_else, char host[static HOST_MAX],
		unsigned *port)
{
	const char *colon = memrchr(text, ':', len), *end = text + len;

	*port = port_else;
	if (colon != NULL && memchr(colon, ']', (size_t)(end - colon)) == NULL) {
		*port = (unsigned)strtoul(colon + 1, NULL, 10);
		len = (size_t)(colon - text);
	}
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= HOST_MAX || memchr(text, '@', len) != NULL || *port == 0 ||
	    *port > 65535)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return true;
}

/* ------------------------------------------------------------------ */
/* One connection, in a process of its own.                             */

_Noreturn static void
refuse(int client, const char *host, const char *why)
{
	static const char answer[] = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n"
				     "Content-Length: 0\r\n\r\n";

	dprintf(2, GATE_REFUSED ": %.100s: %s\n", host, why);
	(void)!write(client, answer, sizeof(answer) - 1);
	_exit(1);
}

static int
address_connect(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
	struct pollfd p = { fd, POLLOUT, 0 };
	socklen_t len = sizeof(error);

	if (fd < 0)
		return -1;
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
		return fd;
	if (errno == EINPROGRESS && poll(&p, 1, CONNECT_MS) == 1 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
		return fd;
	close(fd);
	return -1;
}

/* Resolved once: what was looked at is what is connected to. */
static int
host_connect(int client, const struct gate *g, const char *host, unsigned port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV }, *all;
	bool listed = gate_host_is_listed(g->private_hosts, host, port) ||
		      gate_host_is_listed(g->insecure_hosts, host, port);
	bool open_to_all = false;
	char service[8];
	int fd = -1;

	if (!listed && port != 443 && port < PORT_PLAIN)
		refuse(client, host, "no port of a registry");
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, &all) != 0) {
		dprintf(2, "gavel-gate: %.100s: no such host\n", host);
		return -1;
	}
	for (const struct addrinfo *a = all; a != NULL && fd < 0; a = a->ai_next)
		if (listed || gate_address_is_public(a->ai_addr, g->deny)) {
			open_to_all = true;
			fd = address_connect(a);
		}
	freeaddrinfo(all);
	if (!open_to_all)
		refuse(client, host, "not a public address");
	if (fd < 0)
		dprintf(2, "gavel-gate: %.100s: connection refused\n", host);
	return fd;
}

static bool
write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		struct pollfd w = { fd, POLLOUT, 0 };
		ssize_t n = write(fd, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN || poll(&w, 1, IDLE_MS) != 1) {
			return false;
		}
	}
	return true;
}

_Noreturn static void
relay(int a, int b)
{
	struct pollfd p[2] = { { a, POLLIN, 0 }, { b, POLLIN, 0 } };
	static char buf[65536];
	int open_ends = 2;

	while (open_ends > 0 && poll(p, 2, IDLE_MS) > 0)
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (p[i].revents == 0)
				continue;
			n = read(i == 0 ? a : b, buf, sizeof(buf));
			if (n < 0 && errno == EAGAIN)
				continue;
			if (n > 0 && write_all(i == 0 ? b : a, buf, (size_t)n))
				continue;
			if (n < 0)
				_exit(0);
			shutdown(i == 0 ? b : a, SHUT_WR);
			p[i].fd = -1;
			open_ends--;
		}
	_exit(0);
}

/* The request's head, NUL-ended; the bytes read are all there is before the
 * answer: neither CONNECT nor GET has a body. */
static size_t
head_read(int client, char head[static HEAD_MAX + 1])
{
	size_t len = 0;

	while (len < HEAD_MAX) {
		struct pollfd p = { client, POLLIN, 0 };
		ssize_t n;

		if (poll(&p, 1, IDLE_MS) != 1 ||
		    (n = read(client, head + len, HEAD_MAX - len)) <= 0)
			_exit(0);
		len += (size_t)n;
		head[len] = '\0';
		if (strstr(head, "\r\n\r\n") != NULL)
			return len;
	}
	_exit(0);
}

/* GET http://host/path: forward GET /path, one request a connection. */
_Noreturn static void
plain_serve(int client, const struct gate *g, char *head)
{
	char *url = strstr(head, "http://"), *rest, host[HOST_MAX];
	size_t line;
	unsigned port;
	int fd;

	if (url == NULL || url > head + 8 || memchr(head, '\n', (size_t)(url - head)) != NULL)
		_exit(0);
	rest = url + strcspn(url + 7, "/ \r\n") + 7;
	if (!authority_split(url + 7, (size_t)(rest - url - 7), 80, host, &port))
		refuse(client, "a URL", "not understood");
	if (!gate_host_is_listed(g->insecure_hosts, host, port))
		refuse(client, host, "only over TLS");
	fd = host_connect(client, g, host, port);
	if (fd < 0)
		_exit(0);
	line = strcspn(rest, "\r");
	dprintf(fd, "%.*s%s%.*s\r\nConnection: close%s", (int)(url - head), head,
		rest[0] == '/' ? "" : "/", (int)line, rest, rest + line);
	relay(client, fd);
}

_Noreturn static void
proxy_serve(int client, const struct gate *g)
{
	static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	static char head[HEAD_MAX + 1];
	char host[HOST_MAX];
	unsigned port;
	int fd;

	head_read(client, head);
	if (strncmp(head, "CONNECT ", 8) != 0)
		plain_serve(client, g, head);
	if (!authority_split(head + 8, strcspn(head + 8, " \r\n"), 443, host, &port))
		refuse(client, "a name", "not understood");
	fd = host_connect(client, g, host, port);
	if (fd < 0 || write(client, established, sizeof(established) - 1) < 0)
		_exit(0);
	relay(client, fd);
}

/* Who asks for a registry on this machine comes here without a proxy. */
_Noreturn static void
direct_serve(int client, const struct gate *g)
{
	char host[HOST_MAX];
	unsigned port;
	int fd;

	if (!authority_split(g->host, strlen(g->host), 443, host, &port))
		_exit(0);
	fd = host_connect(client, g, host, port);
	if (fd < 0)
		_exit(0);
	relay(client, fd);
}

/* ------------------------------------------------------------------ */
/* The gate's process: outside.                                         */

static int
listeners_take(int control, int fds[static LISTENERS])
{
	union {
		char bytes[CMSG_SPACE(LISTENERS * sizeof(int))];
		struct cmsghdr align;
	} space;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = space.bytes,
			      .msg_controllen = sizeof(space.bytes) };
	struct cmsghdr *c;

	if (recvmsg(control, &msg, MSG_CMSG_CLOEXEC) != 1 || (c = CMSG_FIRSTHDR(&msg)) == NULL ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(LISTENERS * sizeof(int)))
		return -1;
	memcpy(fds, CMSG_DATA(c), LISTENERS * sizeof(int));
	return 0;
}

_Noreturn static void
gate_serve(int control, const struct gate *g)
{
	int fds[LISTENERS], null = open("/dev/null", O_RDWR);

	dup2(null, 0);
	dup2(null, 1);
	dup2(control, CONTROL_FD);
	syscall(SYS_close_range, CONTROL_FD + 1u, ~0u, 0u);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (listeners_take(CONTROL_FD, fds) < 0)
		_exit(1);
	for (;;) {
		struct pollfd p[1 + LISTENERS] = { { CONTROL_FD, POLLIN, 0 } };

		for (int i = 0; i < LISTENERS; i++)
			p[1 + i] = (struct pollfd){ fds[i], POLLIN, 0 };
		if (poll(p, 1 + LISTENERS, -1) < 0 || p[0].revents != 0)
			_exit(0); /* the program has ended: the other end is its */
		for (int i = 0; i < LISTENERS; i++) {
			int client = p[1 + i].revents != 0
					     ? accept4(fds[i], NULL, NULL, SOCK_CLOEXEC)
					     : -1;

			if (client >= 0 && fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				if (i == 0)
					proxy_serve(client, g);
				direct_serve(client, g);
			}
			if (client >= 0)
				close(client);
		}
	}
}

/* ------------------------------------------------------------------ */
/* The program's process: inside.                                       */

static int
file_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), result;

	if (fd < 0)
		return -1;
	result = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	close(fd);
	return result;
}

/* The same user in namespaces of its own; the network has its loopback only. */
static int
inside_enter(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	char map[64];
	int fd, result;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return -1;
	/* Whoever gave up root has its files in /proc closed until it runs another
	 * program, which is what follows. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
	if (file_put("/proc/self/setgroups", "deny") < 0 || file_put("/proc/self/uid_map", map) < 0)
		return -1;
	snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
	if (file_put("/proc/self/gid_map", map) < 0)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	result = ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
	return result;
}

static int
inside_listen(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 64) == 0)
		return fd;
	return -1;
}

static int
listeners_give(int control, const int fds[static LISTENERS])
{
	union {
		char bytes[CMSG_SPACE(LISTENERS * sizeof(int))];
		struct cmsghdr align;
	} space = { .bytes = { 0 } };
	struct iovec iov = { (char[]){ 1 }, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = space.bytes,
			      .msg_controllen = sizeof(space.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(LISTENERS * sizeof(int));
	memcpy(CMSG_DATA(c), fds, LISTENERS * sizeof(int));
	return sendmsg(control, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int
gate_enter(void *arg)
{
	const struct gate *g = arg;
	char host[HOST_MAX] = "";
	int control[2], fds[LISTENERS];
	unsigned port = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		close(control[1]);
		gate_serve(control[0], g);
	}
	close(control[0]);
	if (inside_enter() < 0) {
		dprintf(2, "gavel-gate: this machine gives no user namespace: %s\n",
			strerror(errno));
		return -1;
	}
	if (!authority_split(g->host, strlen(g->host), 443, host, &port) ||
	    !gate_host_is_loopback(host) || port < PORT_PLAIN)
		port = 0; /* any: nobody will ask there */
	fds[0] = inside_listen(GATE_PORT);
	fds[1] = inside_listen(port);
	if (fds[0] < 0 || fds[1] < 0 || listeners_give(control[1], fds) < 0)
		return -1;
	close(fds[0]);
	close(fds[1]);
	/* Kept open over exec: the gate goes when this end does. */
	return fcntl(control[1], F_SETFD, 0);
}
