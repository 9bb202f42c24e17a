/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/exec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "provider/jail/runc.h"

#define CONSOLE_TIMEOUT_MS 20000
#define KILL_ROUNDS	   20

enum { IN, OUT, ERR, STATUS, ENDS };

/* What the minder keeps. */
struct minder {
	const struct exec *x;
	int listener; /* for the runtime to hand in the terminal; -1: pipes */
	int console;  /* to the agent */
	int status;   /* pipe to the agent: whoever reads it wants the command */
};

/* ------------------------------------------------------------------ */
/* Descriptors over sockets.                                           */

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int
descriptor_send(int socket, int fd)
{
	union control control = { .bytes = { 0 } };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int
descriptor_take(int socket)
{
	union control control;
	char name[256]; /* runc sends the name of the terminal along */
	struct iovec iov = { name, sizeof(name) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* The runtime opened /dev/ptmx of a container that may have put anything there:
 * take a pseudo terminal's master and nothing else. Masters are 5:2, whatever
 * their devpts; terminals 136 to 143. */
static bool
is_terminal(int fd)
{
	struct stat st;
	struct statfs fs;
	int number;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 5 &&
	       minor(st.st_rdev) == 2 && fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC &&
	       ioctl(fd, TIOCGPTN, &number) == 0;
}

/* ------------------------------------------------------------------ */
/* The end of a session that nobody wants any more.                     */

static bool
in_session(const char *name, pid_t session, pid_t *pid)
{
	char path[64], text[512] = "", *p;
	int sid = 0;
	FILE *f;

	*pid = (pid_t)strtol(name, NULL, 10);
	if (*pid <= 1)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", *pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	(void)!fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	p = strrchr(text, ')'); /* the name before it is the workload's to choose */
	return p != NULL && sscanf(p + 1, " %*c %*d %*d %d", &sid) == 1 && sid == session;
}

/* The command is our child and not reaped yet: its number, which is the session's,
 * cannot be another's. */
static void
session_kill(pid_t session)
{
	for (int round = 0, found = 1; found != 0 && round < KILL_ROUNDS; round++) {
		DIR *d = opendir("/proc");
		struct dirent *entry;
		pid_t pid;

		found = 0;
		kill(session, SIGKILL);
		while (d != NULL && (entry = readdir(d)) != NULL)
			if (in_session(entry->d_name, session, &pid) && pid != session)
				found += kill(pid, SIGKILL) == 0;
		if (d != NULL)
			closedir(d);
		if (found != 0)
			usleep(5000);
	}
}

/* ------------------------------------------------------------------ */
/* The minder.                                                         */

_Noreturn static void
runtime_exec(const struct minder *m, const int ends[ENDS])
{
	const struct exec *x = m->x;
	struct arena a;

	arena_init(&a, 0);
	signal(SIGPIPE, SIG_DFL);
	dup2(ends[IN], 0);
	dup2(ends[OUT], 1);
	dup2(ends[ERR], 2);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	execvp("runc",
	       (char *const *)(uintptr_t)runc_exec_argv(&a, x->runc_root, x->id, x->process_path,
							x->pid_path, x->log_path, x->console));
	_exit(127);
}

/* Wait for the terminal from the runtime and hand it on. */
static bool
console_pass(const struct minder *m)
{
	struct pollfd p = { m->listener, POLLIN, 0 };
	int peer, fd = -1;
	bool passed;

	if (poll(&p, 1, CONSOLE_TIMEOUT_MS) != 1 ||
	    (peer = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
		return false;
	p.fd = peer;
	if (poll(&p, 1, CONSOLE_TIMEOUT_MS) == 1)
		fd = descriptor_take(peer);
	close(peer);
	passed = fd >= 0 && is_terminal(fd) && descriptor_send(m->console, fd) == 0;
	if (fd >= 0)
		close(fd);
	return passed;
}

static pid_t
pid_read(const char *path)
{
	FILE *f = fopen(path, "re");
	int pid = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

/* Wait for the child; when the reader of the status has gone, `session` ends. */
static int
child_wait(const struct minder *m, pid_t pid, bool session)
{
	struct pollfd fds[2] = { { m->status, 0, 0 }, { -1, POLLIN, 0 } };
	int status = 0;

	fds[1].fd = (int)syscall(SYS_pidfd_open, pid, 0);
	while (fds[1].fd >= 0 && (poll(fds, 2, -1) >= 0 || errno == EINTR)) {
		if (fds[1].revents != 0)
			break;
		if (fds[0].revents != 0) {
			if (session)
				session_kill(pid);
			fds[0].fd = -1;
		}
	}
	/* It may have ended by itself just when the reader left. */
	if (session && poll(fds, 1, 0) == 1)
		session_kill(pid);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	close(fds[1].fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* As a shell would say it. */
static int
complaint_status(const char *text)
{
	if (strstr(text, "executable file not found") != NULL ||
	    strstr(text, "no such file or directory") != NULL)
		return 127;
	return strstr(text, "permission denied") != NULL ? 126 : 255;
}

static void
tell(const struct minder *m, int32_t status, const char *text)
{
	char out[sizeof(status) + 400];
	size_t len = MIN(strlen(text), sizeof(out) - sizeof(status));

	memcpy(out, &status, sizeof(status));
	memcpy(out + sizeof(status), text, len);
	(void)!write(m->status, out, sizeof(status) + len);
}

static void
complaint_tell(const struct minder *m)
{
	char text[2048] = "";
	struct arena a;
	FILE *f = fopen(m->x->log_path, "re");

	if (f != NULL) {
		(void)!fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	arena_init(&a, 0);
	tell(m, complaint_status(text), m->x->console != NULL ? runc_explain(&a, text) : "");
	arena_release(&a);
}

/* A runtime that was killed leaves what it had begun to us. */
static void
children_kill(void)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	int pid;

	while (f != NULL && fscanf(f, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	if (f != NULL)
		fclose(f);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void
minder_run(struct minder *m, const int ends[ENDS])
{
	const struct exec *x = m->x;
	pid_t runtime, command;
	bool passed = true;
	int status;

	runtime = fork();
	if (runtime == 0)
		runtime_exec(m, ends);
	for (int i = IN; i <= ERR; i++)
		if (ends[i] > 2)
			close(ends[i]);
	if (x->console != NULL) {
		passed = console_pass(m);
		unlink(x->console);
		close(m->listener);
		close(m->console);
		if (!passed)
			kill(runtime, SIGKILL);
	}
	status = child_wait(m, runtime, false);
	command = pid_read(x->pid_path);
	unlink(x->process_path);
	unlink(x->pid_path);
	if (status != 0 || !passed || command <= 1) {
		children_kill();
		complaint_tell(m);
	}
	unlink(x->log_path);
	if (status == 0 && passed && command > 1)
		tell(m, child_wait(m, command, true), "");
}

_Noreturn static void
minder_main(struct minder *m, const int ends[ENDS])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), high[ENDS];

	setsid();
	prctl(PR_SET_NAME, "gavel-exec");
	/* The runtime ends when the command runs: then the command is our child. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	if (chdir(m->x->dir) != 0)
		_exit(1);
	/* All we keep to the numbers from 100 on, and nothing of the jail's. */
	for (int i = 0; i < ENDS; i++)
		high[i] = dup3(ends[i] >= 0 ? ends[i] : null, 100 + i, O_CLOEXEC);
	m->status = high[STATUS];
	m->listener = m->listener >= 0 ? dup3(m->listener, 104, O_CLOEXEC) : -1;
	m->console = m->console >= 0 ? dup3(m->console, 105, O_CLOEXEC) : -1;
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	syscall(SYS_close_range, 3u, 99u, 0u);
	syscall(SYS_close_range, 106u, ~0u, 0u);
	minder_run(m, high);
	_exit(0);
}

static int
minder_fork(struct minder *m, const int ends[ENDS], struct err *e)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, "fork");
	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			minder_main(m, ends);
		_exit(pid < 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : err_set(e, &ERR_SYSTEM, "start a command");
}

/* ------------------------------------------------------------------ */

/* Below the container's directory by a short name: a socket's path may not be
 * long. The caller's directory is put back. */
static int
console_listen(const struct exec *x, struct err *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", x->console);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || here < 0 || chdir(x->dir) != 0 ||
	    (unlink(x->console) != 0 && errno != ENOENT) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 1) != 0) {
		err_errno(e, "listen for the terminal");
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	if (here >= 0 && fchdir(here) != 0)
		fatal("the way back: %s", strerror(errno));
	close(here);
	return fd;
}

static int
pipes_make(const struct exec *x, int ours[ENDS], int theirs[ENDS], struct err *e)
{
	int first = x->console != NULL ? STATUS : IN;

	for (int i = 0; i < ENDS; i++)
		ours[i] = theirs[i] = -1;
	for (int i = first; i < ENDS; i++) {
		int p[2];

		if (pipe2(p, O_CLOEXEC) != 0)
			return err_errno(e, "pipe");
		ours[i] = p[i == IN ? 1 : 0];
		theirs[i] = p[i == IN ? 0 : 1];
		/* So that a program which opens /dev/stdout by its name may. */
		if (i != STATUS)
			(void)!fchown(p[0], x->owner_uid, x->owner_gid);
	}
	return 0;
}

int
exec_start(const struct exec *x, int fds[static JAIL_EXEC_FDS], struct err *e)
{
	struct minder m = { .x = x, .listener = -1, .console = -1 };
	int ours[ENDS], theirs[ENDS], pair[2] = { -1, -1 };
	int result = pipes_make(x, ours, theirs, e);

	if (result == 0 && x->console != NULL) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
			result = err_errno(e, "socketpair");
		else if ((m.listener = console_listen(x, e)) < 0)
			result = -1;
		ours[IN] = pair[0];
		m.console = pair[1];
	}
	if (result == 0)
		result = minder_fork(&m, theirs, e);
	for (int i = 0; i < ENDS; i++) {
		if (theirs[i] >= 0)
			close(theirs[i]);
		if (result < 0 && ours[i] >= 0)
			close(ours[i]);
		fds[i] = result < 0 ? -1 : ours[i];
	}
	if (m.listener >= 0)
		close(m.listener);
	if (m.console >= 0)
		close(m.console);
	return result;
}
