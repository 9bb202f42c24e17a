/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/tar.h"
#include "provider/jail/runc.h"

/* Load the call's number, its third argument; no new code, no other program. */
static int
filter_code(void)
{
#define LOAD(member)	   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ANSWER(what)	   BPF_STMT(BPF_RET | BPF_K, what)
	struct sock_filter code[] = {
		LOAD(arch),
		IF(AUDIT_ARCH_X86_64, 1, 0),
		ANSWER(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		IF(SYS_execve, 8, 0),
		IF(SYS_execveat, 7, 0),
		IF(SYS_ptrace, 6, 0),
		IF(SYS_mmap, 2, 0),
		IF(SYS_mprotect, 1, 0),
		IF(SYS_pkey_mprotect, 0, 2),
		LOAD(args[2]),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
		ANSWER(SECCOMP_RET_ALLOW),
		ANSWER(SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog program = { NELEMS(code), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
			       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0
		       ? 0
		       : -1;
#undef LOAD
#undef IF
#undef ANSWER
}

/* Into the container, by the process itself and not by a number that might be
 * another's by now. */
static int
container_enter(const struct archive_job *job, struct err *e)
{
	int fd = (int)syscall(SYS_pidfd_open, job->pid, 0);

	if (fd < 0 || !runc_alive(job->pid, job->start))
		return err_set(e, &JAIL_CONFLICT, "the container has ended");
	if (cgroup_enter(job->cgroup, e) < 0)
		return -1;
	if (setns(fd, CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return err_errno(e, "enter the container");
	close(fd);
	if (chdir("/") != 0 || setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0 ||
	    setresuid(0, 0, 0) != 0)
		return err_errno(e, "become root of the container");
	/* A change of ids clears it, and a process inside must not look into us. */
	prctl(PR_SET_DUMPABLE, 0);
	return filter_code() == 0 ? 0 : err_errno(e, "filter system calls");
}

/* 0 stdin, 1 stdout, 2 stderr, 3 status; nothing else is open. */
_Noreturn static void
worker_main(const struct archive_job *job)
{
	struct tar_rules rules = {
		.bytes_max = job->bytes_max, .own = true, .uid = job->uid, .gid = job->gid
	};
	struct tar_count count = { .bytes = 0 };
	struct err e = ERR_NONE;
	int32_t status = 0;
	int result;

	setsid();
	prctl(PR_SET_NAME, "gavel-files");
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	setlocale(LC_CTYPE, "C.UTF-8");
	result = container_enter(job, &e);
	if (result == 0)
		result = job->put ? tar_receive(0, job->path, &rules, &count, &e)
				  : tar_send(1, job->path, &count, &e);
	if (result < 0) {
		status = kind_exit_status(e.code->kind);
		dprintf(2, "%s [%s]\n", e.text, e.code->name);
	} else if (count.skipped != 0) {
		dprintf(2, "%llu left out: neither file, directory nor link\n",
			(unsigned long long)count.skipped);
	}
	(void)!write(3, &status, sizeof(status));
	_exit(0);
}

static int
worker_fork(const struct archive_job *job, const int theirs[static JAIL_EXEC_FDS], struct err *e)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, "fork");
	if (pid == 0) {
		int high[JAIL_EXEC_FDS];

		pid = fork();
		if (pid != 0)
			_exit(pid < 0);
		for (int i = 0; i < JAIL_EXEC_FDS; i++)
			high[i] = dup3(theirs[i], 100 + i, O_CLOEXEC);
		for (int i = 0; i < JAIL_EXEC_FDS; i++)
			dup2(high[i], i);
		syscall(SYS_close_range, (unsigned)JAIL_EXEC_FDS, ~0u, 0u);
		worker_main(job);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : err_set(e, &ERR_SYSTEM, "start a copy");
}

int
archive_start(const struct archive_job *job, int fds[static JAIL_EXEC_FDS], struct err *e)
{
	int theirs[JAIL_EXEC_FDS] = { -1, -1, -1, -1 }, result = 0;

	for (int i = 0; i < JAIL_EXEC_FDS; i++)
		fds[i] = -1;
	for (int i = 0; i < JAIL_EXEC_FDS && result == 0; i++) {
		int p[2];

		if (pipe2(p, O_CLOEXEC) != 0) {
			result = err_errno(e, "pipe");
			break;
		}
		fds[i] = p[i == JAIL_STDIN ? 1 : 0];
		theirs[i] = p[i == JAIL_STDIN ? 0 : 1];
	}
	if (result == 0)
		result = worker_fork(job, theirs, e);
	for (int i = 0; i < JAIL_EXEC_FDS; i++) {
		if (theirs[i] >= 0)
			close(theirs[i]);
		if (result < 0 && fds[i] >= 0) {
			close(fds[i]);
			fds[i] = -1;
		}
	}
	return result;
}
