/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

const char *
probe_result(long result)
{
	return result >= 0 ? "ok" : strerrorname_np(errno);
}

const char *
probe_try(long (*attempt)(void))
{
	static char text[32];
	int status = 0, result[2];
	pid_t pid;

	if (pipe(result) != 0)
		return "no pipe";
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return "no fork";
	if (pid == 0) {
		const char *said = probe_result(attempt());

		(void)!write(result[1], said, strlen(said) + 1);
		_exit(0);
	}
	close(result[1]);
	memset(text, 0, sizeof(text));
	(void)!read(result[0], text, sizeof(text) - 1);
	close(result[0]);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
	return text;
}

static int
serve(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(80) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, peer;

	signal(SIGPIPE, SIG_IGN);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0 || listen(fd, 64) != 0)
		return 1;
	printf("serving\n");
	fflush(stdout);
	while ((peer = accept(fd, NULL, NULL)) >= 0 || errno == EINTR || errno == ECONNABORTED) {
		(void)!write(peer, "alive\n", 6);
		close(peer);
	}
	return 1;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "serve") == 0)
		return serve();
	if (strcmp(what, "bomb") == 0 && argc > 2)
		return probe_bomb(argv[2]);
	if (strcmp(what, "self") == 0)
		probe_self();
	else if (strcmp(what, "calls") == 0)
		probe_calls();
	else if (strcmp(what, "paths") == 0)
		probe_paths();
	else if (strcmp(what, "devices") == 0)
		probe_devices();
	else
		return 2;
	printf("end|%s|ok\n", what);
	return 0;
}
