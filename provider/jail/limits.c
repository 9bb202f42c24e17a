/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST_INSTANCES 1024u /* of its own */
#define HOST_WATCHES   1048576u

static int
value_put(const char *path, uint64_t value, struct err *e)
{
	char text[24];
	int fd = open(path, O_WRONLY | O_CLOEXEC), n, result = 0;

	n = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		result = err_errno(e, "set %s", path);
	if (fd >= 0)
		close(fd);
	return result;
}

/* These files show the limits of whoever opens them: hence a process in there. */
static int
inside(const char *userns)
{
	struct err ignored = ERR_NONE;
	int fd = open(userns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWUSER) != 0)
		return 1;
	return value_put("/proc/sys/user/max_inotify_instances", LIMITS_INSTANCES, &ignored) < 0 ||
	       value_put("/proc/sys/user/max_inotify_watches", LIMITS_WATCHES, &ignored) < 0;
}

int
limits_inside(int32_t pid, struct err *e)
{
	char userns[64];
	int status = 0;
	pid_t child;

	snprintf(userns, sizeof(userns), "/proc/%d/ns/user", pid);
	child = fork();
	if (child < 0)
		return err_errno(e, "fork");
	if (child == 0)
		_exit(inside(userns));
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : err_set(e, &ERR_SYSTEM, "limits of the user namespace of %d", pid);
}

static int
raise_to(const char *sys, const char *name, uint64_t wanted, struct err *e)
{
	char path[300], text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/fs/inotify/%s", sys, name);
	f = fopen(path, "re");
	if (f == NULL)
		return err_errno(e, "read %s", path);
	(void)!fgets(text, sizeof(text), f);
	fclose(f);
	return strtoull(text, NULL, 10) >= wanted ? 0 : value_put(path, wanted, e);
}

int
limits_host(const char *sys, uint32_t workloads, struct err *e)
{
	uint64_t instances = HOST_INSTANCES + (uint64_t)workloads * LIMITS_INSTANCES;
	uint64_t watches = HOST_WATCHES + (uint64_t)workloads * LIMITS_WATCHES;

	if (raise_to(sys, "max_user_instances", MIN(instances, (uint64_t)INT32_MAX), e) < 0)
		return -1;
	return raise_to(sys, "max_user_watches", MIN(watches, (uint64_t)INT32_MAX), e);
}
