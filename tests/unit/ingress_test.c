/* SPDX-License-Identifier: Apache-2.0 */
/* The relays on loopback: copies in turn, dead ones passed over, sessions kept
 * apart. The relays run in a child, the upstreams in others, the client here. */
#include "provider/ingress/ingress.h"
#include "tests/unit/tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t children[10];
static size_t child_count;

static pid_t
child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	else
		children[child_count++] = pid;
	return pid;
}

/* Bound to a free port of 127.0.0.1. */
static int
bound(int type, unsigned *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		fatal("bind");
	*port = ntohs(at.sin_port);
	return fd;
}

static unsigned
free_port(int type)
{
	unsigned port;

	close(bound(type, &port));
	return port;
}

/* Answers only when the other side has said all. */
static unsigned
patient(void)
{
	unsigned port;
	int fd = bound(SOCK_STREAM, &port);

	if (listen(fd, 16) != 0)
		fatal("listen");
	if (child() != 0) {
		close(fd);
		return port;
	}
	for (;;) {
		char text[256] = "p";
		size_t have = 1;
		int c = accept(fd, NULL, NULL);
		ssize_t n;

		while ((n = recv(c, text + have, sizeof(text) - have, 0)) > 0)
			have += (size_t)n;
		(void)!write(c, text, have);
		close(c);
	}
}

/* Answers with its letter and what came. */
static unsigned
upstream(int type, char letter)
{
	unsigned port;
	int fd = bound(type, &port);

	if (type == SOCK_STREAM && listen(fd, 16) != 0)
		fatal("listen");
	if (child() != 0) {
		close(fd);
		return port;
	}
	for (;;) {
		char text[256] = { letter };
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		int c = type == SOCK_STREAM ? accept(fd, NULL, NULL) : fd;
		ssize_t n =
			recvfrom(c, text + 1, sizeof(text) - 1, 0, (struct sockaddr *)&from, &len);

		if (type == SOCK_STREAM) {
			(void)!write(c, text, (size_t)n + 1);
			close(c);
		} else {
			(void)!sendto(c, text, (size_t)n + 1, 0, (struct sockaddr *)&from, len);
		}
	}
}

static int
client(int type, unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) },
				  .sin_port = htons((uint16_t)port) };
	struct timeval patience = { 2, 0 };
	int fd = socket(AF_INET, type, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (int i = 0; i < 100; i++) {
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
			return fd;
		usleep(20000);
	}
	return fd;
}

static const char *
say(int fd, const char *word)
{
	static char text[256];
	ssize_t n = send(fd, word, strlen(word), MSG_NOSIGNAL);

	n = n < 0 ? n : recv(fd, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	return n < 0 ? "nothing" : text;
}

static const char *
say_once(unsigned port, const char *word)
{
	int fd = client(SOCK_STREAM, port);
	const char *text = say(fd, word);

	close(fd);
	return text;
}

static void
relays(const unsigned *ports, const struct ingress_target *tcp, const struct ingress_target *udp,
       const struct ingress_target *dead, const struct ingress_target *late)
{
	struct err e = ERR_NONE;
	struct loop l;

	if (loop_init(&l, &e) < 0 || ingress_open(&l, "127.0.0.1", ports[0], tcp, 3, &e) == NULL ||
	    ingress_open_udp(&l, "127.0.0.1", ports[1], udp, 2, &e) == NULL ||
	    ingress_open(&l, "127.0.0.1", ports[2], dead, 1, &e) == NULL ||
	    ingress_open_udp(&l, "127.0.0.1", ports[3], dead, 1, &e) == NULL ||
	    ingress_open(&l, "127.0.0.1", ports[4], late, 1, &e) == NULL)
		fatal("%s", e.text);
	loop_run(&l);
}

static void
test_errors(void)
{
	const struct ingress_target one = { "127.0.0.1", 1 }, wrong = { "here", 1 };
	struct err e = ERR_NONE;
	struct loop l;
	unsigned taken;
	int fd = bound(SOCK_DGRAM, &taken);

	if (loop_init(&l, &e) < 0)
		fatal("%s", e.text);
	ok(ingress_open(&l, "nowhere", 1, &one, 1, &e) == NULL, "an address that is none");
	ok(ingress_open(&l, "127.0.0.1", 1, &wrong, 1, &e) == NULL, "a target that is none");
	ok(ingress_open_udp(&l, "127.0.0.1", taken, &one, 1, &e) == NULL, "a port that is taken");
	close(fd);
	loop_release(&l);
}

int
main(void)
{
	struct ingress_target tcp[3] = { { "127.0.0.1", upstream(SOCK_STREAM, 'a') },
					 { "127.0.0.1", free_port(SOCK_STREAM) },
					 { "127.0.0.1", upstream(SOCK_STREAM, 'b') } };
	struct ingress_target udp[2] = { { "127.0.0.1", upstream(SOCK_DGRAM, 'c') },
					 { "127.0.0.1", upstream(SOCK_DGRAM, 'd') } };
	struct ingress_target dead = { "127.0.0.1", free_port(SOCK_STREAM) };
	struct ingress_target late = { "127.0.0.1", patient() };
	unsigned ports[5] = { free_port(SOCK_STREAM), free_port(SOCK_DGRAM), free_port(SOCK_STREAM),
			      free_port(SOCK_DGRAM), free_port(SOCK_STREAM) };
	char first[64], second[64];
	int one, two, a = 0, b = 0;

	test_errors();
	if (child() == 0) {
		relays(ports, tcp, udp, &dead, &late);
		_exit(0);
	}
	close(client(SOCK_STREAM, ports[2])); /* until they listen */
	for (int i = 0; i < 6; i++) {
		const char *text = say_once(ports[0], "hello");

		a += strcmp(text, "ahello") == 0;
		b += strcmp(text, "bhello") == 0;
	}
	is_int(a + b, 6, "every connection finds a copy that lives");
	ok(a >= 2 && b >= 2, "both have their turn");
	ok(strstr(say_once(ports[2], "hello"), "hello") == NULL,
	   "a relay without living copies closes");

	one = client(SOCK_STREAM, ports[4]);
	(void)!send(one, "half", 4, MSG_NOSIGNAL);
	shutdown(one, SHUT_WR);
	memset(first, 0, sizeof(first));
	(void)!recv(one, first, sizeof(first) - 1, 0);
	is_str(first, "phalf", "who has said all still hears the answer");
	is_int(recv(one, first, sizeof(first), 0), 0, "and then its end");
	close(one);

	one = client(SOCK_DGRAM, ports[1]);
	two = client(SOCK_DGRAM, ports[1]);
	snprintf(first, sizeof(first), "%s", say(one, "one"));
	snprintf(second, sizeof(second), "%s", say(two, "two"));
	ok(strcmp(first + 1, "one") == 0 && strcmp(second + 1, "two") == 0, "UDP echoes");
	ok(first[0] != second[0], "two clients, two copies");
	for (int i = 0; i < 3; i++)
		ok(say(one, "more")[0] == first[0], "a client stays with its copy");
	{
		int lost = client(SOCK_DGRAM, ports[3]);
		struct timeval brief = { 0, 200000 };

		setsockopt(lost, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
		is_str(say(lost, "x"), "nothing", "nobody there, no answer");
		is_str(say(lost, "x"), "nothing", "nor the second time");
	}
	ok(say(two, "still")[0] == second[0], "and the relay lives on");
	for (size_t i = 0; i < child_count; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	return tap_done();
}
