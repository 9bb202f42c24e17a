/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/runc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/proc.h"

const struct code RUNC_FAILED = { "runtime_failed", FAILED, "the container runtime refused" };
const struct code RUNC_OLD = { "runtime_old", INVALID,
			       "the container runtime has known security holes" };

#define STATE_MAX ((size_t)1024 * 1024)

/* Known escapes and where upstream closed them:
 *
 *	CVE-2024-45310                 1.1.14, 1.2.0-rc.3
 *	CVE-2025-31133, 52565, 52881   1.2.8, 1.3.3, 1.4.0-rc.3; never in 1.1
 *	CVE-2026-41579                 no release is known: a user namespace and
 *	                               real directories in our own top layer keep
 *	                               it off, whatever the version
 *
 * So the second row decides. What a distribution has patched under an old number
 * cannot be seen. */
bool
runc_version_is_good(const char *version)
{
	unsigned major, minor, patch, rc = 0;
	int len = 0;
	bool before; /* of the release: a candidate */

	if (sscanf(version, "%u.%u.%u%n", &major, &minor, &patch, &len) != 3)
		return false;
	before = version[len] == '-';
	if (before && sscanf(version + len, "-rc.%u", &rc) != 1)
		rc = 0;
	if (major != 1 || minor > 4)
		return major > 1 || (major == 1 && minor > 4);
	switch (minor) {
	case 2: return patch > 8 || (patch == 8 && !before);
	case 3: return patch > 3 || (patch == 3 && !before);
	case 4: return patch > 0 || !before || rc >= 3;
	default: return false;
	}
}

int
runc_check(bool accept, struct err *e)
{
	struct proc p = { .argv = (const char *const[]){ "runc", "--version", NULL } };
	char version[64] = "";
	struct arena a;
	int result = -1;

	arena_init(&a, 0);
	if (proc_now(&a, &p, e) < 0 || proc_check(&p, e) < 0)
		err_wrap(e, "runc");
	else if (sscanf(p.out, "runc version %63s", version) != 1)
		err_set(e, &RUNC_FAILED, "runc does not tell its version");
	else if (!accept && !runc_version_is_good(version))
		err_set(e, &RUNC_OLD, "runc %s; 1.2.8, 1.3.3, 1.4.0 or later is wanted", version);
	else
		result = 0;
	arena_release(&a);
	return result;
}

/* ------------------------------------------------------------------ */
/* Commands.                                                           */

static const char *const *
argv_of(struct arena *a, const char *const *words, size_t count)
{
	const char **argv = arena_alloc(a, (count + 1) * sizeof(*argv));

	for (size_t i = 0; i < count; i++)
		argv[i] = arena_strdup(a, words[i]);
	return argv;
}

const char *const *
runc_create_argv(struct arena *a, const char *root, const char *id, const char *bundle)
{
	const char *words[] = {
		"runc",	  "--root",   root,   "--log",	    arena_printf(a, "%s/runc.log", bundle),
		"create", "--bundle", bundle, "--pid-file", arena_printf(a, "%s/pid", bundle),
		id
	};

	return argv_of(a, words, NELEMS(words));
}

/* Never --cap: it would be honoured. */
const char *const *
runc_exec_argv(struct arena *a, const char *root, const char *id, const char *process_path,
	       const char *pid_path, const char *log_path, const char *console)
{
	const char *words[14] = { "runc",	"--root",     root,	  "--log",
				  log_path,	"exec",	      "--detach", "--process",
				  process_path, "--pid-file", pid_path };
	size_t count = 11;

	if (console != NULL) {
		words[count++] = "--console-socket";
		words[count++] = console;
	}
	words[count++] = id;
	return argv_of(a, words, count);
}

const char *
runc_explain(struct arena *a, const char *text)
{
	static const struct {
		const char *part, *meaning;
	} known[] = {
		{ "executable file not found", "the image has no such program" },
		{ "no such file or directory", NULL },
		{ "setting rlimit type 7", "more open files than this host may give" },
		{ "can't get final child's PID from pipe",
		  "runc could not set up the process (a host limit or oomScoreAdj)" },
		{ "container's cgroup is not empty", "an earlier try has left processes behind" },
	};
	size_t len = strlen(text), start;

	for (size_t i = 0; i < NELEMS(known); i++)
		if (known[i].meaning != NULL && strstr(text, known[i].part) != NULL)
			return arena_strdup(a, known[i].meaning);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	for (start = len; start > 0 && text[start - 1] != '\n'; start--)
		;
	return arena_strndup(a, text + start, MIN(len - start, (size_t)240));
}

/* Run one command; `fine` is text in its complaint that means: done already. */
static int
runc_run(const char *root, const char *verb, const char *id, const char *fine, struct err *e)
{
	struct proc p = { .argv = (const char *const[]){ "runc", "--root", root, verb, id, NULL } };
	struct arena a;
	int result;

	arena_init(&a, 0);
	result = proc_now(&a, &p, e);
	if (result == 0 && p.status != 0 && (fine == NULL || strstr(p.err, fine) == NULL))
		result = err_set(e, &RUNC_FAILED, "runc %s: %s", verb, runc_explain(&a, p.err));
	arena_release(&a);
	return result;
}

int
runc_start(const char *root, const char *id, struct err *e)
{
	return runc_run(root, "start", id, "already running container", e);
}

int
runc_pause(const char *root, const char *id, struct err *e)
{
	return runc_run(root, "pause", id, NULL, e);
}

int
runc_resume(const char *root, const char *id, struct err *e)
{
	return runc_run(root, "resume", id, "container not paused", e);
}

int
runc_delete(const char *root, const char *id, struct err *e)
{
	return runc_run(root, "delete", id, "does not exist", e);
}

bool
runc_exists(const char *root, const char *id)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", root, id);
	return access(path, F_OK) == 0;
}

/* ------------------------------------------------------------------ */
/* Its record.                                                         */

static bool
number_after(const char *text, size_t len, const char *key, uint64_t *out)
{
	const char *p = memmem(text, len, key, strlen(key));

	if (p == NULL)
		return false;
	p += strlen(key);
	*out = 0;
	for (; p < text + len && *p >= '0' && *p <= '9' && *out < UINT64_MAX / 16; p++)
		*out = *out * 10 + (uint64_t)(*p - '0');
	return *out != 0;
}

int
runc_state_parse(const char *text, size_t len, struct runc_state *out, struct err *e)
{
	uint64_t pid = 0;

	memset(out, 0, sizeof(*out));
	if (!number_after(text, len, "\"init_process_pid\":", &pid) || pid > INT32_MAX ||
	    !number_after(text, len, "\"init_process_start\":", &out->start))
		return err_set(e, &ERR_BAD_DATA, "the runtime's record names no process");
	out->pid = (int32_t)pid;
	return cgroup_from_state(text, len, &out->cgroup, e);
}

int
runc_state_read(const char *root, const char *id, struct runc_state *out, struct err *e)
{
	char path[512], *text;
	size_t len;
	FILE *f;
	int result;

	snprintf(path, sizeof(path), "%s/%s/state.json", root, id);
	f = fopen(path, "re");
	if (f == NULL)
		return err_errno(e, "open %s", path);
	text = xmalloc(STATE_MAX);
	len = fread(text, 1, STATE_MAX, f);
	fclose(f);
	result = runc_state_parse(text, len, out, e);
	free(text);
	return result;
}

/* Field 22 of /proc/PID/stat, counted from the last ')': the name before it is
 * the workload's to choose. 0: gone, or a zombie. */
static uint64_t
start_of(int32_t pid)
{
	char path[64], text[1024], *p;
	unsigned long long start = 0;
	char state = 'X';
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	p = strrchr(text, ')');
	if (p == NULL || sscanf(p + 1,
				" %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
				"%*s %*s %*s %llu",
				&state, &start) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : start;
}

bool
runc_alive(int32_t pid, uint64_t start)
{
	return pid > 1 && start != 0 && start_of(pid) == start;
}

bool
runc_signal(int32_t pid, uint64_t start, int signal)
{
	int fd;
	bool sent;

	if (pid <= 1)
		return false;
	/* The descriptor pins the process; then look whether it is the one. */
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return false;
	sent = runc_alive(pid, start) && syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0;
	close(fd);
	return sent;
}

bool
runc_hears(int32_t pid, int signal)
{
	char path[64], line[256];
	unsigned long long caught = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return true;
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "SigCgt:", 7) == 0)
			caught = strtoull(line + 7, NULL, 16);
	fclose(f);
	return (caught >> (signal - 1) & 1) != 0;
}
