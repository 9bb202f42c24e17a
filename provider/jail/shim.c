/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "provider/jail/runc.h"

#define LOG_BYTES_MAX	  (UINT64_C(10) << 20)
#define LOG_BYTES_PER_S	  (UINT64_C(1) << 20)
#define BURST_S		  4
#define FLOOD_PAUSE_US	  10000 /* bounds the CPU a flood can make us burn */
#define DRAIN_US	  (SECOND_US / 2)
#define CREATE_TIMEOUT_MS 60000

/* One of the container's two outputs. */
struct stream {
	int fd; /* -1: closed */
	char letter;
	size_t len;
	char line[SHIM_LINE_MAX];
};

struct shim_log {
	const struct shim *s;
	int dir, file;
	uint64_t size, half, rate;
	int64_t tokens;
	mono_t filled;
	uint64_t dropped;
};

/* What the shim tells the jail once. */
struct ready {
	int32_t failed;
	char text[ERR_TEXT_MAX];
};

/* ------------------------------------------------------------------ */
/* The log.                                                            */

static void
log_open(struct shim_log *l)
{
	struct stat st;

	l->file =
		openat(l->dir, "log", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
	l->size = 0;
	if (l->file < 0)
		return;
	(void)!fchown(l->file, 0, l->s->log_gid);
	fchmod(l->file, 0640);
	if (fstat(l->file, &st) == 0)
		l->size = (uint64_t)st.st_size;
}

static void
log_put(struct shim_log *l, char letter, const char *text, size_t len)
{
	char line[SHIM_LINE_MAX + TIME_TEXT_SIZE + 8], at[TIME_TEXT_SIZE];
	int head =
		snprintf(line, TIME_TEXT_SIZE + 8, "%s %c ", time_text(clock_wall(), at), letter);
	size_t all = (size_t)head + len + 1;

	memcpy(line + head, text, len);
	line[all - 1] = '\n';
	if (l->size + all > l->half) {
		close(l->file);
		renameat(l->dir, "log", l->dir, "log.1");
		log_open(l);
	}
	if (write(l->file, line, all) == (ssize_t)all)
		l->size += all;
	else
		l->dropped += len;
}

static void
log_refill(struct shim_log *l)
{
	mono_t now = clock_mono();
	int64_t most = (int64_t)l->rate * BURST_S;
	int64_t more = (int64_t)((double)(now - l->filled) * (double)l->rate / 1e6);

	if (more <= 0)
		return;
	l->tokens = MIN(most, l->tokens + more);
	l->filled = now;
}

static void
log_tell_dropped(struct shim_log *l)
{
	char text[64];
	int n;

	if (l->dropped == 0)
		return;
	n = snprintf(text, sizeof(text), "%llu bytes dropped", (unsigned long long)l->dropped);
	l->dropped = 0;
	log_put(l, '-', text, (size_t)n);
}

/* The run's last line: why there is no more. */
static void
log_tell_end(struct shim_log *l, const struct shim_exit *x)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "exited %d%s", x->code,
			 x->oom ? ", out of memory" : "");

	log_put(l, '-', text, (size_t)n);
}

/* A whole line, or as much of one as fits. */
static void
log_line(struct shim_log *l, struct stream *in)
{
	int64_t cost = (int64_t)in->len + TIME_TEXT_SIZE;

	log_refill(l);
	if (l->tokens < cost) {
		l->dropped += in->len + 1;
	} else {
		l->tokens -= cost;
		log_tell_dropped(l);
		log_put(l, in->letter, in->line, in->len);
	}
	in->len = 0;
}

static void
log_feed(struct shim_log *l, struct stream *in, const char *data, size_t len)
{
	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t part = end != NULL ? (size_t)(end - data) : len;
		size_t take = MIN(part, sizeof(in->line) - in->len);

		memcpy(in->line + in->len, data, take);
		in->len += take;
		data += take;
		len -= take;
		if (take < part || (end == NULL && in->len == sizeof(in->line))) {
			log_line(l, in);
		} else if (end != NULL) {
			log_line(l, in);
			data++;
			len--;
		}
	}
}

/* One read; false at the end of the stream. */
static bool
stream_read(struct shim_log *l, struct stream *in)
{
	char buf[65536];
	ssize_t n = read(in->fd, buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n > 0) {
		log_feed(l, in, buf, (size_t)n);
		if (l->dropped != 0)
			usleep(FLOOD_PAUSE_US);
		return true;
	}
	if (in->len != 0)
		log_line(l, in);
	close(in->fd);
	in->fd = -1;
	return false;
}

/* ------------------------------------------------------------------ */
/* The exit record.                                                    */

static void
exit_write(const struct shim *s, int dir, const struct shim_exit *x)
{
	char text[128];
	int fd = openat(dir, "exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0640);
	int n = snprintf(text, sizeof(text), "code=%d signal=%d oom=%d at=%lld\n", x->code,
			 x->signal, x->oom, (long long)x->at);

	if (fd < 0)
		return;
	(void)!fchown(fd, 0, s->log_gid);
	fchmod(fd, 0640);
	if (write(fd, text, (size_t)n) == n && fsync(fd) == 0) {
		renameat(dir, "exit.new", dir, "exit");
		fsync(dir);
	}
	close(fd);
}

int
shim_exit_read(const char *log_dir, struct shim_exit *out, struct err *e)
{
	char path[512];
	int oom = 0, got = 0;
	long long at = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/exit", log_dir);
	f = fopen(path, "re");
	if (f == NULL)
		return err_set(e, &ERR_NOT_FOUND, "no exit record in %s", log_dir);
	got = fscanf(f, "code=%d signal=%d oom=%d at=%lld", &out->code, &out->signal, &oom, &at);
	fclose(f);
	if (got != 4)
		return err_set(e, &ERR_BAD_DATA, "exit record in %s", log_dir);
	out->oom = oom != 0;
	out->at = at;
	return 0;
}

/* ------------------------------------------------------------------ */
/* The process.                                                        */

_Noreturn static void
create_exec(const struct shim *s, int out, int err)
{
	struct arena a;
	int null = open("/dev/null", O_RDONLY);

	arena_init(&a, 0);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	syscall(SYS_close_range, 3u, ~0u, 0u);
	execvp("runc",
	       (char *const *)(uintptr_t)runc_create_argv(&a, s->runc_root, s->id, s->bundle));
	_exit(127);
}

static void
create_explain(const struct shim *s, int status, struct ready *r)
{
	char path[512], text[4096] = "";
	struct arena a;
	size_t len = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/runc.log", s->bundle);
	f = fopen(path, "re");
	if (f != NULL) {
		len = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[len] = '\0';
	arena_init(&a, 0);
	r->failed = 1;
	snprintf(r->text, sizeof(r->text), "runc create ended with %d: %s",
		 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		 runc_explain(&a, text));
	arena_release(&a);
}

static pid_t
pid_read(const char *bundle)
{
	char path[512];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/pid", bundle);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

/* Run `runc create`, whose child - the container's first process - becomes ours
 * when it ends, for we are a subreaper. 0: it failed. */
static pid_t
container_create(const struct shim *s, struct stream *out, struct stream *err, struct ready *r)
{
	int o[2], x[2], status = 0;
	pid_t pid;

	if (pipe2(o, O_CLOEXEC) != 0 || pipe2(x, O_CLOEXEC) != 0) {
		r->failed = 1;
		snprintf(r->text, sizeof(r->text), "pipe: %s", strerror(errno));
		return 0;
	}
	/* So that a program which opens /dev/stdout by its name may. */
	(void)!fchown(o[1], s->owner_uid, s->owner_gid);
	(void)!fchown(x[1], s->owner_uid, s->owner_gid);
	pid = fork();
	if (pid == 0)
		create_exec(s, o[1], x[1]);
	close(o[1]);
	close(x[1]);
	out->fd = o[0];
	err->fd = x[0];
	fcntl(out->fd, F_SETFL, O_NONBLOCK);
	fcntl(err->fd, F_SETFL, O_NONBLOCK);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	pid = pid_read(s->bundle);
	if (status == 0 && pid > 1)
		return pid;
	create_explain(s, status, r);
	return 0;
}

/* Copy until the container is dead and its pipes are empty; its wait status. */
static int
container_watch(struct shim_log *l, struct stream *out, struct stream *err, pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), status = 0;
	mono_t deadline = 0;

	while (out->fd >= 0 || err->fd >= 0 || deadline == 0) {
		struct pollfd fds[] = { { out->fd, POLLIN, 0 },
					{ err->fd, POLLIN, 0 },
					{ deadline == 0 ? pidfd : -1, POLLIN, 0 } };

		if (poll(fds, NELEMS(fds), deadline != 0 || l->dropped != 0 ? 50 : -1) < 0 &&
		    errno != EINTR)
			break;
		if (fds[0].revents != 0)
			stream_read(l, out);
		if (fds[1].revents != 0)
			stream_read(l, err);
		if (l->dropped != 0) {
			log_refill(l);
			if (l->tokens > (int64_t)l->rate)
				log_tell_dropped(l);
		}
		if (deadline == 0 && fds[2].revents != 0) {
			waitpid(pid, &status, 0);
			deadline = clock_mono() + DRAIN_US;
		}
		if (deadline != 0 && clock_mono() > deadline)
			break;
	}
	for (struct stream *in = out; in != NULL; in = in == out ? err : NULL)
		if (in->len != 0)
			log_line(l, in);
	log_tell_dropped(l);
	close(pidfd);
	return status;
}

static void
self_write(const struct shim *s)
{
	char path[512], stat[1024] = "", *p;
	unsigned long long start = 0;
	FILE *f = fopen("/proc/self/stat", "re");

	if (f == NULL)
		return;
	(void)!fread(stat, 1, sizeof(stat) - 1, f);
	fclose(f);
	p = strrchr(stat, ')');
	if (p == NULL || sscanf(p + 1,
				" %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
				"%*s %*s %*s %llu",
				&start) != 1)
		return;
	snprintf(path, sizeof(path), "%s/shim", s->bundle);
	f = fopen(path, "we");
	if (f == NULL)
		return;
	fprintf(f, "%d %llu\n", getpid(), start);
	fclose(f);
}

/* Away from whatever started us: session, descriptors, directory, signals. */
static void
self_detach(int keep)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "gavel-shim");
	prctl(PR_SET_PDEATHSIG, 0);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (keep > 3)
		syscall(SYS_close_range, 3u, (unsigned)keep - 1, 0u);
	syscall(SYS_close_range, (unsigned)keep + 1, ~0u, 0u);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	(void)!chdir("/");
}

_Noreturn static void
shim_main(const struct shim *s, int ready_fd)
{
	static struct stream out = { .fd = -1, .letter = 'o' }, err = { .fd = -1, .letter = 'e' };
	struct shim_log l = { .s = s, .file = -1 };
	struct shim_exit x = { .code = -1 };
	struct ready r = { 0 };
	struct runc_state state = { 0 };
	struct cgroup_usage usage = { 0 };
	struct err ignored = ERR_NONE;
	pid_t pid;
	int status;

	self_detach(ready_fd);
	self_write(s);
	l.dir = open(s->log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	l.half = MAX((s->log_bytes_max != 0 ? s->log_bytes_max : LOG_BYTES_MAX) / 2,
		     UINT64_C(4) * SHIM_LINE_MAX);
	l.rate = s->log_bytes_per_s != 0 ? s->log_bytes_per_s : LOG_BYTES_PER_S;
	l.tokens = (int64_t)l.rate * BURST_S;
	l.filled = clock_mono();
	log_open(&l);
	pid = container_create(s, &out, &err, &r);
	while (write(ready_fd, &r, sizeof(r)) < 0 && errno == EINTR)
		;
	close(ready_fd);
	if (pid == 0)
		_exit(1);
	/* The jail's free memory came along with the fork; nobody needs it here. */
	malloc_trim(0);
	(void)!runc_state_read(s->runc_root, s->id, &state, &ignored);
	status = container_watch(&l, &out, &err, pid);
	cgroup_read(&state.cgroup, &usage);
	x.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	x.code = x.signal != 0 ? 128 + x.signal : WEXITSTATUS(status);
	x.oom = usage.oom_kills != 0;
	x.at = clock_wall();
	log_tell_end(&l, &x);
	fsync(l.file);
	exit_write(s, l.dir, &x);
	_exit(0);
}

/* Fork twice: the shim is nobody's child but init's, so nobody must reap it. */
static int
shim_fork(const struct shim *s, int ready_fd, struct err *e)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, "fork");
	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			shim_main(s, ready_fd);
		_exit(pid < 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0 : err_set(e, &ERR_SYSTEM, "start the shim");
}

int
shim_start(const struct shim *s, struct err *e)
{
	struct ready r = { .failed = 1, .text = "the shim ended early" };
	struct pollfd pfd = { .events = POLLIN };
	int fds[2], result;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_errno(e, "pipe");
	result = shim_fork(s, fds[1], e);
	close(fds[1]);
	pfd.fd = fds[0];
	if (result == 0) {
		if (poll(&pfd, 1, CREATE_TIMEOUT_MS) == 0)
			result = err_set(e, &ERR_TIMEOUT, "create container %s", s->id);
		else if (read(fds[0], &r, sizeof(r)) < 0 || r.failed != 0)
			result = err_set(e, &RUNC_FAILED, "%.*s", (int)sizeof(r.text) - 1, r.text);
	}
	close(fds[0]);
	return result;
}

static bool
shim_find(const char *bundle, int *pid, uint64_t *start)
{
	char path[512];
	unsigned long long s = 0;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/shim", bundle);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	found = fscanf(f, "%d %llu", pid, &s) == 2;
	fclose(f);
	*start = s;
	return found;
}

bool
shim_alive(const char *bundle)
{
	uint64_t start;
	int pid;

	return shim_find(bundle, &pid, &start) && runc_alive(pid, start);
}

void
shim_end(const char *bundle)
{
	uint64_t start;
	int pid;

	/* It ends by itself when the container has: give it that moment, so that
	 * the exit record gets written. */
	for (int tries = 0; tries < 200 && shim_alive(bundle); tries++)
		usleep(5000);
	if (!shim_find(bundle, &pid, &start) || !runc_signal(pid, start, SIGKILL))
		return;
	for (int tries = 0; tries < 200 && shim_alive(bundle); tries++)
		usleep(5000);
}
