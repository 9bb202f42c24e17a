/* SPDX-License-Identifier: Apache-2.0 */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "provider/runc.h"

enum { IN, OUT, ERR, STATUS, PIPES };

_Noreturn static void
command_exec(const struct exec *x, int pipes[PIPES][2])
{
	struct arena a;

	arena_init(&a, 0);
	dup2(pipes[IN][0], 0);
	dup2(pipes[OUT][1], 1);
	dup2(pipes[ERR][1], 2);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	execvp("runc", (char *const *)(uintptr_t)runc_exec_argv(&a, x->runc_root, x->id,
								x->process_path, x->pid_path));
	_exit(127);
}

/* Nobody wants the result: end the command, then runc, which waits for it. */
static void
command_kill(const struct exec *x, pid_t runc)
{
	FILE *f = fopen(x->pid_path, "re");
	int pid = 0;

	if (f != NULL) {
		if (fscanf(f, "%d", &pid) != 1)
			pid = 0;
		fclose(f);
	}
	kill(pid > 1 ? pid : runc, SIGKILL);
}

_Noreturn static void
minder_main(const struct exec *x, int pipes[PIPES][2])
{
	struct pollfd fds[2] = { { .events = 0 }, { .events = POLLIN } };
	int status = 0, null = open("/dev/null", O_RDWR);
	int32_t result;
	pid_t pid;

	setsid();
	prctl(PR_SET_NAME, "gavel-exec");
	signal(SIGPIPE, SIG_IGN);
	pid = fork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		command_exec(x, pipes);
	}
	fds[0].fd = dup2(pipes[STATUS][1], 3);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	syscall(SYS_close_range, 4u, ~0u, 0u);
	fds[1].fd = (int)syscall(SYS_pidfd_open, pid, 0);
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[1].revents != 0)
			break;
		if (fds[0].revents != 0) {
			command_kill(x, pid);
			usleep(20000);
		}
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	unlink(x->process_path);
	unlink(x->pid_path);
	(void)!write(3, &result, sizeof(result));
	_exit(0);
}

static int
minder_fork(const struct exec *x, int pipes[PIPES][2], struct err *e)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, "fork");
	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			minder_main(x, pipes);
		_exit(pid < 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : err_set(e, &ERR_SYSTEM, "start a command");
}

int
exec_start(const struct exec *x, int fds[static 4], struct err *e)
{
	int pipes[PIPES][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int result = 0;

	for (int i = 0; i < PIPES && result == 0; i++)
		if (pipe2(pipes[i], O_CLOEXEC) != 0)
			result = err_errno(e, "pipe");
	for (int i = IN; i <= ERR && result == 0; i++)
		(void)!fchown(pipes[i][0], x->owner_uid, x->owner_gid);
	if (result == 0)
		result = minder_fork(x, pipes, e);
	for (int i = 0; i < PIPES; i++) {
		int theirs = pipes[i][i == IN ? 0 : 1];

		fds[i] = pipes[i][i == IN ? 1 : 0];
		if (theirs >= 0)
			close(theirs);
		if (result < 0 && fds[i] >= 0)
			close(fds[i]);
	}
	return result;
}
