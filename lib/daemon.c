/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define GRACE_S 5

void
daemon_pair(int fds[2])
{
	int size = 256 * 1024;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		fatal("socketpair: %s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	}
}

void
daemon_harden(bool keep_root)
{
	struct rlimit none = { 0, 0 };

	umask(077);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	/* The jail starts runc, which must be able to gain what it lacks. */
	if (!keep_root && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		fatal("no_new_privs: %s", strerror(errno));
}

void
daemon_become(const char *user)
{
	struct passwd *pw;

	if (user == NULL || geteuid() != 0)
		return;
	pw = getpwnam(user);
	if (pw == NULL || pw->pw_uid == 0)
		fatal("user \"%s\" does not exist or is root; this part must not run as root",
		      user);
	/* cppcheck-suppress nullPointerRedundantCheck ; fatal() does not return */
	if (initgroups(user, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 ||
	    setuid(pw->pw_uid) != 0 || setuid(0) == 0)
		fatal("become %s: %s", user, strerror(errno));
}

/* Close what belongs to other roles. The list of kept descriptors is short. */
static void
role_keep_fds(const struct role *role)
{
	long most = sysconf(_SC_OPEN_MAX);

	for (int fd = 3; fd < MIN(most, 1024L); fd++) {
		bool keep = false;

		for (size_t i = 0; i < NELEMS(role->fds) && role->fds[i] >= 0; i++)
			keep = keep || role->fds[i] == fd;
		if (!keep)
			close(fd);
	}
}

static pid_t
role_start(const struct role *role, pid_t parent)
{
	pid_t pid = fork();
	sigset_t none;

	if (pid < 0)
		fatal("fork: %s", strerror(errno));
	if (pid != 0)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	setpgid(0, 0);
	log_init(role->name, getenv("GAVEL_DEBUG") != NULL ? LOG_DEBUG : LOG_INFO);
	prctl(PR_SET_NAME,
	      strchr(role->name, '/') != NULL ? strchr(role->name, '/') + 1 : role->name);
	role_keep_fds(role);
	if (!role->keep_root)
		daemon_become(role->user);
	daemon_harden(role->keep_root);
	/* After the change of user, which clears it. Nobody serves without its parent. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	role->run(role->ctx, role->fds);
	_exit(0);
}

static void
end_all(pid_t *pids, size_t count)
{
	struct timespec pause = { 0, 20000000 };

	for (size_t i = 0; i < count; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGTERM);
	for (int tries = GRACE_S * 50; tries > 0; tries--) {
		size_t alive = 0;

		for (size_t i = 0; i < count; i++) {
			if (pids[i] > 0 && waitpid(pids[i], NULL, WNOHANG) == pids[i])
				pids[i] = 0;
			alive += pids[i] > 0;
		}
		if (alive == 0)
			return;
		nanosleep(&pause, NULL);
	}
	for (size_t i = 0; i < count; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
}

int
daemon_run(const struct role *roles, size_t count)
{
	pid_t *pids = xcalloc(count, sizeof(*pids)), parent = getpid(), dead = 0;
	sigset_t watched;
	int signo = 0, status = 0, result = 0;

	sigemptyset(&watched);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGINT);
	sigaddset(&watched, SIGCHLD);
	sigprocmask(SIG_BLOCK, &watched, NULL);
	for (size_t i = 0; i < count; i++)
		pids[i] = role_start(&roles[i], parent);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < NELEMS(roles[i].fds) && roles[i].fds[k] >= 0; k++)
			close(roles[i].fds[k]);
	while (dead == 0) {
		if (sigwait(&watched, &signo) != 0 || signo != SIGCHLD)
			break;
		dead = waitpid(-1, &status, WNOHANG);
		if (dead < 0)
			break;
		for (size_t i = 0; i < count; i++) {
			if (dead == 0 || pids[i] != dead)
				continue;
			log_error("role.died", "role=%s status=%d signal=%d", roles[i].name,
				  WIFEXITED(status) ? WEXITSTATUS(status) : 0,
				  WIFSIGNALED(status) ? WTERMSIG(status) : 0);
			pids[i] = 0;
			result = 1;
		}
		if (dead != 0 && result == 0)
			dead = 0; /* a stranger re-parented to us */
	}
	end_all(pids, count);
	free(pids);
	return result;
}
