/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a workload can reach: the packet filter of net.c between namespaces of
 * our own. A provider with a LAN and the internet on either side, leases below:
 *
 *	lease 0..3 --- (this process) --- lan0: 192.168.77.2
 *	                              --- wan0: the world, and whoever pretends to be
 *	                                  metadata service, private or provider's own
 *
 * Nothing runs in those namespaces: sockets are made in them and used from here,
 * and connections are opened without being accepted.
 */
#include "kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/proc.h"

#define TAG	 "isn"
#define LEASES	 4
#define PUBLIC	 "93.184.216.34"
#define FLOOD	 500
#define SCAN	 300
#define OPEN_US	 (1500 * MILLI_US)
#define FLOOD_US (900 * MILLI_US)

static const char *const deny[] = { "5.9.9.0/24", NULL };
static const char *const resolvers[] = { "10.1.2.53", NULL };
static const struct net_link link_to_one = { .slot = 1, .port = 80, .proto = IPPROTO_TCP };
static struct net_config net = {
	.tag = TAG, .network = 0x0ac80000, .deny = deny, .resolvers = resolvers
};
static const struct net_lease leases[LEASES] = {
	{ 0, 1, &link_to_one }, { 1, 0, NULL }, { 2, 0, NULL }, { 3, 0, NULL }
};

/* A network namespace, kept by a process that sleeps. */
struct place {
	pid_t pid;
	char netns[32];
};
static struct place provider, lan, wan, homes[LEASES];

/* ------------------------------------------------------------------ */
/* Namespaces and sockets in them.                                     */

static void
place_make(struct place *p)
{
	int ready[2];
	char byte;

	if (pipe(ready) != 0 || (p->pid = fork()) < 0)
		fatal("a namespace");
	if (p->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		fatal("a namespace");
	close(ready[0]);
	snprintf(p->netns, sizeof(p->netns), "/proc/%d/ns/net", p->pid);
}

static void
place_end(struct place *p)
{
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
}

static int
enter(void *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC), result;

	if (fd < 0)
		return -1;
	result = setns(fd, CLONE_NEWNET);
	close(fd);
	return result;
}

#define NO_DAD "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad\n"

static void
shell_in(struct place *p, const char *script)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct proc run = { .argv = argv, .before_exec = enter, .before_exec_arg = p->netns };
	struct err e = ERR_NONE;

	if (proc_now(&kit_arena, &run, &e) < 0 || run.status != 0)
		fatal("%s: %s%s", script, e.text, run.err != NULL ? run.err : "");
}

/* One after the other of a kind: to change namespaces takes the kernel 10 ms. */
static void
sockets_in(struct place *p, int family, int type, int *fds, int count)
{
	if (enter(p->netns) != 0)
		fatal("enter %s", p->netns);
	for (int i = 0; i < count; i++) {
		fds[i] = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fds[i] < 0)
			fatal("a socket in %s: %s", p->netns, strerror(errno));
	}
	if (enter(provider.netns) != 0)
		fatal("return from %s", p->netns);
}

static int
socket_in(struct place *p, int family, int type)
{
	int fd;

	sockets_in(p, family, type, &fd, 1);
	return fd;
}

/* A dead end for IPv4 and IPv6; never closed before the end. */
static int
listen_in(struct place *p, uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket_in(p, AF_INET6, SOCK_STREAM);

	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0 || listen(fd, 4096) != 0)
		fatal("listen on %u: %s", port, strerror(errno));
	return fd;
}

static socklen_t
address_of(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (strchr(text, ':') == NULL) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		inet_pton(AF_INET, text, &four->sin_addr);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	inet_pton(AF_INET6, text, &six->sin6_addr);
	return sizeof(*six);
}

/* Begin to connect; -1 when that fails at once. */
static int
begin(int fd, const char *address, uint16_t port)
{
	struct sockaddr_storage to;
	socklen_t len = address_of(address, port, &to);
	struct linger at_once = { 1, 0 };

	/* Ends with a reset, so that the filter forgets it as well. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (connect(fd, (struct sockaddr *)&to, len) != 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
open_to(struct place *from, const char *address, uint16_t port)
{
	int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;

	return begin(socket_in(from, family, SOCK_STREAM), address, port);
}

/* Wait until each has opened or failed, us at most. results[i]: 0, an errno, or
 * -1 when nothing came back. How many are open. */
static int
wait_for(const int *fds, int *results, int count, int64_t us)
{
	static struct pollfd polled[FLOOD];
	mono_t deadline = clock_mono() + us;
	int open = 0, left = count;

	for (int i = 0; i < count; i++) {
		polled[i] = (struct pollfd){ fds[i], POLLOUT, 0 };
		results[i] = -1;
	}
	while (left > 0 && clock_mono() < deadline) {
		poll(polled, (nfds_t)count, (int)MAX((deadline - clock_mono()) / MILLI_US, 1));
		left = 0;
		for (int i = 0; i < count; i++) {
			socklen_t size = sizeof(results[i]);

			if (polled[i].fd >= 0 && polled[i].revents != 0) {
				getsockopt(fds[i], SOL_SOCKET, SO_ERROR, &results[i], &size);
				open += results[i] == 0;
				polled[i].fd = -1;
			}
			left += polled[i].fd >= 0;
		}
	}
	return open;
}

static void
close_all(const int *fds, int count)
{
	for (int i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static bool
reaches(struct place *from, const char *address, uint16_t port)
{
	int fd = open_to(from, address, port), result = -1;

	(void)wait_for(&fd, &result, 1, OPEN_US);
	close_all(&fd, 1);
	return result == 0;
}

/* ------------------------------------------------------------------ */
/* The places.                                                         */

static int listeners[32];
static int listener_count, sink, meter_listener;

static void
listen_all(void)
{
	static const uint16_t world[] = { 80, 443, 25, 465, 587, 53 };

	for (size_t i = 0; i < NELEMS(world); i++)
		listeners[listener_count++] = listen_in(&wan, world[i]);
	listeners[listener_count++] = listen_in(&lan, 80);
	listeners[listener_count++] = listen_in(&provider, 8443);
	listeners[listener_count++] = listen_in(&homes[0], 80);
	listeners[listener_count++] = listen_in(&homes[1], 80);
	listeners[listener_count++] = listen_in(&homes[1], 81);
	meter_listener = listeners[listener_count++] = listen_in(&wan, 9000);
	sink = listeners[listener_count++] = socket_in(&wan, AF_INET, SOCK_DGRAM);
}

/* IPv6 is off in a lease. The filter must hold even if it were not. */
static void
six_make(void)
{
	shell_in(&provider, "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
	for (unsigned i = 0; i < 2; i++) {
		shell_in(&provider,
			 arena_printf(&kit_arena,
				      "echo 0 >/proc/sys/net/ipv6/conf/gv" TAG "-%u/disable_ipv6; "
				      "ip addr add 2a00:1450:4002:%u::1/64 dev gv" TAG "-%u nodad",
				      i, i, i));
		shell_in(&homes[i],
			 arena_printf(&kit_arena,
				      "echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6; "
				      "echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6; "
				      "ip addr add 2a00:1450:4002:%u::2/64 dev eth0 nodad; "
				      "ip route add default via 2a00:1450:4002:%u::1",
				      i, i));
	}
}

static void
places_make(void)
{
	static const char *const world[] = { PUBLIC "/32",	 "169.254.169.254/32",
					     "10.1.2.3/32",	 "10.1.2.53/32",
					     "172.16.5.5/32",	 "100.64.9.9/32",
					     "198.18.3.3/32",	 "2606:2800:220::1/128",
					     "fd00:ec2::254/128" };

	place_make(&lan);
	place_make(&wan);
	/* A router does not ask for a neighbour before its own address is sure, which
	 * takes a second or two. */
	shell_in(&lan, NO_DAD);
	shell_in(&wan, NO_DAD);
	shell_in(&provider,
		 arena_printf(&kit_arena,
			      NO_DAD "ip link set lo up\n"
				     "ip link add lan0 type veth peer name eth0 netns %d\n"
				     "ip link add wan0 type veth peer name eth0 netns %d\n"
				     "ip addr add 192.168.77.1/24 dev lan0; ip link set lan0 up\n"
				     "ip addr add 5.9.9.2/24 dev wan0\n"
				     "ip addr add 2a00:1450:4001::2/64 dev wan0 nodad\n"
				     "ip link set wan0 up; ip route add default via 5.9.9.1\n"
				     "ip route add default via 2a00:1450:4001::1\n",
			      lan.pid, wan.pid));
	shell_in(&lan, "ip link set lo up; ip addr add 192.168.77.2/24 dev eth0; "
		       "ip link set eth0 up; ip route add default via 192.168.77.1");
	shell_in(&wan, "ip link set lo up; ip addr add 5.9.9.1/24 dev eth0; "
		       "ip addr add 2a00:1450:4001::1/64 dev eth0 nodad; ip link set eth0 up; "
		       "ip route add default via 5.9.9.2; "
		       "ip route add default via 2a00:1450:4001::2");
	for (size_t i = 0; i < NELEMS(world); i++)
		shell_in(&wan, arena_printf(&kit_arena, "ip addr add %s dev lo", world[i]));
}

static void
leases_make(void)
{
	struct err e = ERR_NONE;

	if (net_start(&net, NULL, 0, &e) < 0)
		fatal("%s", e.text);
	for (size_t i = 0; i < LEASES; i++) {
		place_make(&homes[i]);
		if (net_up(&net, &leases[i], homes[i].netns, &e) < 0)
			fatal("%s", e.text);
	}
	/* The way back for the control, which has no masquerade. */
	six_make();
}

static void
filter_on(void)
{
	struct err e = ERR_NONE;

	check(net_start(&net, leases, LEASES, &e) == 0, "the filter is loaded %s", e.text);
}

static void
filter_off(void)
{
	struct err e = ERR_NONE;

	check(net_stop(&net, &e) == 0, "the filter is away %s", e.text);
}

/* ------------------------------------------------------------------ */
/* Destinations.                                                       */

static const struct {
	const char *what, *address;
	uint16_t port;
	bool wanted;
} places[] = {
	{ "the world, port 80", PUBLIC, 80, true },
	{ "the world, port 443", PUBLIC, 443, true },
	{ "another lease, the linked port", "10.200.0.6", 80, true },
	{ "the resolver, port 53", "10.1.2.53", 53, true },
	{ "mail, port 25", PUBLIC, 25, false },
	{ "mail, port 465", PUBLIC, 465, false },
	{ "mail, port 587", PUBLIC, 587, false },
	{ "the metadata service", "169.254.169.254", 80, false },
	{ "10/8", "10.1.2.3", 80, false },
	{ "the resolver, another port", "10.1.2.53", 80, false },
	{ "172.16/12", "172.16.5.5", 80, false },
	{ "100.64/10", "100.64.9.9", 80, false },
	{ "198.18/15", "198.18.3.3", 80, false },
	{ "the LAN", "192.168.77.2", 80, false },
	{ "the provider, this wire", "10.200.0.1", 8443, false },
	{ "the provider, another wire", "10.200.0.5", 8443, false },
	{ "the provider, LAN address", "192.168.77.1", 8443, false },
	{ "the provider, public address", "5.9.9.2", 8443, false },
	{ "the provider's own prefix", "5.9.9.1", 80, false },
	{ "another lease, another port", "10.200.0.6", 81, false },
	{ "the world by IPv6", "2606:2800:220::1", 80, false },
	{ "the metadata service by IPv6", "fd00:ec2::254", 80, false },
	{ "the provider by IPv6", "2a00:1450:4001::2", 8443, false },
	{ "another lease by IPv6", "2a00:1450:4002:1::2", 80, false },
	{ "the metadata service, mapped", "::ffff:169.254.169.254", 80, false },
	{ "the LAN, mapped", "::ffff:192.168.77.2", 80, false },
};

static void
try_all(bool walls)
{
	int fds[NELEMS(places)], results[NELEMS(places)];

	for (size_t i = 0; i < NELEMS(places); i++)
		fds[i] = open_to(&homes[0], places[i].address, places[i].port);
	(void)wait_for(fds, results, NELEMS(places), OPEN_US);
	for (size_t i = 0; i < NELEMS(places); i++) {
		bool want = !walls || places[i].wanted;

		check((results[i] == 0) == want, "%s: %s is %s", walls ? "filter" : "control",
		      places[i].what, want ? "reached" : "not reached");
	}
	close_all(fds, NELEMS(fds));
}

/* ------------------------------------------------------------------ */
/* False senders.                                                      */

static const char *const senders[] = { "10.200.0.6", "8.8.8.8", "192.168.77.9", "10.200.9.9",
				       "93.184.216.35" };

static int
arrived(void)
{
	char byte[8];
	int count = 0;

	usleep(300000);
	while (recv(sink, byte, sizeof(byte), 0) > 0)
		count++;
	return count;
}

static void
send_from(struct place *p, const char *source)
{
	struct sockaddr_storage from, to;
	socklen_t from_len = address_of(source, 0, &from), to_len = address_of(PUBLIC, 999, &to);
	int fd = socket_in(p, AF_INET, SOCK_DGRAM);

	if (bind(fd, (struct sockaddr *)&from, from_len) != 0 ||
	    sendto(fd, "false", 5, 0, (struct sockaddr *)&to, to_len) != 5)
		fatal("send as %s: %s", source, strerror(errno));
	close(fd);
}

static long
refused_count(void)
{
	const char *argv[] = { "nft", "list", "chain", "inet", "gavel_" TAG, "prerouting", NULL };
	static const char key[] = "@leases counter packets ";
	struct proc p = { .argv = argv };
	struct err e = ERR_NONE;
	const char *at;

	if (proc_now(&kit_arena, &p, &e) < 0 || (at = strstr(p.out, key)) == NULL)
		return -1;
	return strtol(at + strlen(key), NULL, 10);
}

static void
spoof(bool walls)
{
	long before = walls ? refused_count() : 0;

	/* Only now: with a neighbour's address a lease would talk to itself. */
	for (size_t i = 0; i < NELEMS(senders); i++) {
		shell_in(&homes[0],
			 arena_printf(&kit_arena, "ip addr add %s/32 dev eth0", senders[i]));
		send_from(&homes[0], senders[i]);
		shell_in(&homes[0],
			 arena_printf(&kit_arena, "ip addr del %s/32 dev eth0", senders[i]));
	}
	if (!walls) {
		check(arrived() == NELEMS(senders), "control: packets of false senders arrive");
		return;
	}
	check(arrived() == 0, "no packet of a false sender arrives");
	check(refused_count() - before == NELEMS(senders), "each was counted");
	send_from(&homes[0], "10.200.0.2");
	check(arrived() == 1, "one of the true sender does");
}

static void
spoof_prepare(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(999) };

	if (bind(sink, (struct sockaddr *)&any, sizeof(any)) != 0)
		fatal("the sink");
}

/* ------------------------------------------------------------------ */
/* Too much.                                                           */

static int
flood(struct place *from, int *fds, int *results, int count, uint16_t port, int step)
{
	sockets_in(from, AF_INET, SOCK_STREAM, fds, count);
	for (int i = 0; i < count; i++)
		fds[i] = begin(fds[i], PUBLIC, (uint16_t)(port + i * step));
	return wait_for(fds, results, count, FLOOD_US);
}

static void
test_floods(bool walls)
{
	static int fds[FLOOD], results[FLOOD];
	int answered = 0, open = flood(&homes[2], fds, results, FLOOD, 80, 0);

	if (!walls)
		check_between(open, FLOOD - 5, FLOOD, "control: opened at once");
	else
		check_between(open, 30, 80, "of 500 opened at once");
	check(reaches(&homes[1], PUBLIC, 80), "a neighbour can connect meanwhile");
	close_all(fds, FLOOD);
	(void)flood(&homes[3], fds, results, SCAN, 10000, 1);
	for (int i = 0; i < SCAN; i++)
		answered += results[i] == ECONNREFUSED;
	if (!walls)
		check_between(answered, SCAN - 5, SCAN, "control: ports told by a scan");
	else
		check_between(answered, 0, 80, "of 300 ports, told by a scan");
	close_all(fds, SCAN);
}

static void
test_flows(void)
{
	static int fds[140], results[140], more[50];
	struct err e = ERR_NONE;

	net.new_per_s = net.new_burst = 1000;
	filter_on();
	check(flood(&homes[2], fds, results, 140, 80, 0) == 100,
	      "of 140 flows kept open exactly 100");
	for (int i = 0; i < 140; i++) {
		/* What is not open is given up, or it would be tried again. */
		if (results[i] != 0) {
			close(fds[i]);
			fds[i] = -1;
		}
	}
	check(reaches(&homes[1], PUBLIC, 80), "a neighbour has a count of its own");
	/* The next tenant of this slot: same address, the old flows still known. */
	check(net_down(&net, &leases[2], &e) == 0 && !net_left(&net, 2), "the lease goes");
	place_end(&homes[2]);
	place_make(&homes[2]);
	check(net_up(&net, &leases[2], homes[2].netns, &e) == 0, "another comes %s", e.text);
	check(flood(&homes[2], more, results, 50, 80, 0) == 50, "and begins with none");
	close_all(more, 50);
	close_all(fds, 140);
	net.new_per_s = net.new_burst = 0;
}

/* ------------------------------------------------------------------ */
/* Bandwidth.                                                          */

/* Kilobytes that pass in a second and a half, from or to the lease. */
static long
kilobytes(struct place *home, bool out)
{
	static char bytes[65536];
	int own = open_to(home, PUBLIC, 9000), other = -1, result = -1;
	mono_t deadline = clock_mono() + OPEN_US;
	size_t count = 0;

	(void)wait_for(&own, &result, 1, OPEN_US);
	for (int tries = 0; tries < 100 && other < 0; tries++) {
		other = accept4(meter_listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		usleep(5000);
	}
	if (result != 0 || other < 0)
		return -1;
	while (clock_mono() < deadline) {
		struct pollfd p = { out ? other : own, POLLIN, 0 };
		ssize_t n;

		while (write(out ? own : other, bytes, sizeof(bytes)) > 0)
			;
		poll(&p, 1, 20);
		while ((n = read(p.fd, bytes, sizeof(bytes))) > 0)
			count += (size_t)n;
	}
	close(own);
	close(other);
	return (long)(count / 1000);
}

static void
test_bandwidth(void)
{
	struct err e = ERR_NONE;

	check_between(kilobytes(&homes[3], true), 6000, 340000, "by default out, kB in 1.5 s");
	check_between(kilobytes(&homes[3], false), 6000, 250000, "by default in, kB in 1.5 s");
	net.in_mbit = 16;
	net.out_mbit = 8;
	filter_on();
	check(net_up(&net, &leases[3], homes[3].netns, &e) == 0, "8 Mbit/s out, 16 in %s", e.text);
	/* The bucket holds a second's worth: empty it first. */
	(void)kilobytes(&homes[3], true);
	check_between(kilobytes(&homes[3], true), 150, 1800, "out, kB in 1.5 s");
	check_between(kilobytes(&homes[3], false), 600, 3600, "in, kB in 1.5 s");
	check_between(kilobytes(&homes[1], true), 1800, 2900,
		      "the neighbour has a full bucket of its own, kB");
	net.in_mbit = net.out_mbit = 0;
}

static void
run(void)
{
	places_make();
	leases_make();
	listen_all();
	spoof_prepare();
	filter_off();
	try_all(false);
	spoof(false);
	test_floods(false);
	check(reaches(&homes[1], "10.200.0.2", 80), "control: one lease reaches the other");
	filter_on();
	try_all(true);
	spoof(true);
	check(!reaches(&homes[1], "10.200.0.2", 80), "a link is one way");
	test_floods(true);
	test_flows();
	filter_on();
	test_bandwidth();
}

void
test_reach(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct err e = ERR_NONE;

	place_make(&provider);
	if (home < 0 || enter(provider.netns) != 0)
		fatal("enter a namespace");
	/* net_up() hands its own pid to `ip`: this process is the provider now. */
	run();
	for (size_t i = 0; i < LEASES; i++)
		check(net_down(&net, &leases[i], &e) == 0 && !net_left(&net, (uint16_t)i),
		      "wire %zu goes %s", i, e.text);
	close_all(listeners, listener_count);
	for (size_t i = 0; i < LEASES; i++)
		place_end(&homes[i]);
	place_end(&lan);
	place_end(&wan);
	if (setns(home, CLONE_NEWNET) != 0)
		fatal("leave the namespace");
	close(home);
	place_end(&provider);
}
