/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn static void
aside_main(int fd, pid_t parent, int (*run)(void *arg, struct err *e), void *arg)
{
	struct err e = ERR_NONE;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(fd, 3) != 3 || syscall(SYS_close_range, 4u, ~0u, 0u) != 0)
		_exit(1);
	fcntl(3, F_SETFD, FD_CLOEXEC);
	if (run(arg, &e) == 0)
		_exit(0);
	(void)!write(3, &e, sizeof(e));
	_exit(1);
}

int
aside_begin(struct aside *s, int (*run)(void *arg, struct err *e), void *arg, struct err *e)
{
	pid_t self = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_errno(e, "pipe");
	s->pid = fork();
	if (s->pid == 0)
		aside_main(fds[1], self, run, arg);
	close(fds[1]);
	s->fd = fds[0];
	if (s->pid > 0)
		return 0;
	err_errno(e, "fork");
	close(s->fd);
	return -1;
}

static int
aside_wait(struct aside *s)
{
	int status = 0;

	close(s->fd);
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int
aside_end(struct aside *s, struct err *e)
{
	struct err past = ERR_NONE;
	ssize_t n;

	/* The code in it is a pointer, of this very program: it holds here too. */
	while ((n = read(s->fd, &past, sizeof(past))) < 0 && errno == EINTR)
		;
	if (aside_wait(s) == 0)
		return 0;
	if (n == sizeof(past) && past.code != NULL)
		*e = past;
	else
		err_set(e, &ERR_SYSTEM, "a process of the jail has ended early");
	return -1;
}

void
aside_kill(struct aside *s)
{
	kill(s->pid, SIGKILL);
	aside_wait(s);
}
