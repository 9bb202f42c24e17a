/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to hurt the host. Each tells how far it came, then holds what it has for
 * a while, so that the machine can be looked at meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define MIB ((size_t)1 << 20)

static void
tell(const char *key, unsigned long long value)
{
	printf("bomb|%s|%llu\n", key, value);
	fflush(stdout);
}

static void
hold(void)
{
	for (;;)
		pause();
}

static void
forks(void)
{
	unsigned long long made = 0, refused = 0;

	for (int i = 0; i < 6000; i++) {
		pid_t pid = fork();

		if (pid == 0)
			hold();
		made += pid > 0;
		refused += pid < 0;
	}
	tell("made", made);
	tell("refused", refused);
	hold();
}

static void *
idle(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void
threads(void)
{
	unsigned long long made = 0, refused = 0;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < 5000; i++) {
		pthread_t t;

		if (pthread_create(&t, &attr, idle, NULL) == 0)
			made++;
		else
			refused++;
	}
	tell("made", made);
	tell("refused", refused);
	hold();
}

static void
eat(void)
{
	for (;;) {
		char *p = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (p != MAP_FAILED)
			memset(p, 1, 4 * MIB);
	}
}

static void
memory_child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		eat();
	waitpid(pid, &status, 0);
	tell("killed by", WIFSIGNALED(status) ? (unsigned)WTERMSIG(status) : 0);
	hold();
}

/* Fill one file; how many bytes it took and why no more. */
static void
fill_bytes(const char *path)
{
	static char block[65536];
	unsigned long long bytes = 0;
	int fd = open(path, O_WRONLY | O_CREAT, 0600), error = errno;

	memset(block, 'x', sizeof(block));
	while (fd >= 0) {
		ssize_t n = write(fd, block, sizeof(block));

		if (n < 0) {
			error = errno;
			break;
		}
		bytes += (unsigned long long)n;
		if (bytes > (unsigned long long)MIB * 4096) /* a limit is missing */
			break;
	}
	tell("bytes", bytes);
	tell("full", error == ENOSPC);
	hold();
}

static void
fill_inodes(const char *dir)
{
	unsigned long long made = 0;
	char path[256];
	int fd;

	for (; made < 200000; made++) {
		snprintf(path, sizeof(path), "%s/f%llu", dir, made);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	tell("made", made);
	tell("full", errno == ENOSPC);
	hold();
}

static void
logs(void)
{
	static char line[1024];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (;;)
		(void)!write(1, line, sizeof(line));
}

static void
spin(void)
{
	volatile unsigned long n = 0;

	tell("spins", 1);
	(void)!fork();
	(void)!fork();
	for (;;)
		n = n + 1;
}

static void
descriptors(void)
{
	unsigned long long made = 0;
	int error = 0;

	for (;; made++) {
		int fd = open("/dev/null", O_RDONLY);

		if (fd < 0) {
			error = errno;
			break;
		}
	}
	/* Told on a descriptor that was there before. */
	tell("made", made);
	tell("stopped", error == EMFILE);
	hold();
}

static void
terminals(void)
{
	unsigned long long made = 0;

	while (made < 900 && open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0)
		made++;
	tell("made", made);
	hold();
}

static void
watches(void)
{
	unsigned long long made = 0;

	while (made < 900 && inotify_init() >= 0)
		made++;
	tell("made", made);
	hold();
}

static unsigned long long
milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
}

/* 12 MiB past the page cache, there and back. */
static void
disk_io(void)
{
	int fd = open("/home/io", O_RDWR | O_CREAT | O_DIRECT, 0600);
	unsigned long long begin = milliseconds();
	char *block = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long long bytes = 0;

	memset(block, 'y', MIB);
	for (int i = 0; i < 12 && fd >= 0; i++) {
		ssize_t n = write(fd, block, MIB);

		bytes += n > 0 ? (unsigned long long)n : 0;
	}
	tell("written", bytes);
	tell("write ms", milliseconds() - begin);
	begin = milliseconds();
	bytes = 0;
	lseek(fd, 0, SEEK_SET);
	for (int i = 0; i < 12 && fd >= 0; i++) {
		ssize_t n = read(fd, block, MIB);

		bytes += n > 0 ? (unsigned long long)n : 0;
	}
	tell("read", bytes);
	tell("read ms", milliseconds() - begin);
	hold();
}

int
probe_bomb(const char *name)
{
	/* PID 1 is spared signals it does not ask for; do not ask. */
	signal(SIGCHLD, SIG_DFL);
	if (strcmp(name, "forks") == 0)
		forks();
	else if (strcmp(name, "threads") == 0)
		threads();
	else if (strcmp(name, "memory-child") == 0)
		memory_child();
	else if (strcmp(name, "memory") == 0)
		eat();
	else if (strcmp(name, "tmp-bytes") == 0)
		fill_bytes("/tmp/fill");
	else if (strcmp(name, "tmp-inodes") == 0)
		fill_inodes("/tmp");
	else if (strcmp(name, "dev-inodes") == 0)
		fill_inodes("/dev");
	else if (strcmp(name, "disk-bytes") == 0)
		fill_bytes("/home/fill");
	else if (strcmp(name, "disk-inodes") == 0)
		fill_inodes("/home");
	else if (strcmp(name, "logs") == 0)
		logs();
	else if (strcmp(name, "spin") == 0)
		spin();
	else if (strcmp(name, "descriptors") == 0)
		descriptors();
	else if (strcmp(name, "terminals") == 0)
		terminals();
	else if (strcmp(name, "watches") == 0)
		watches();
	else if (strcmp(name, "disk-io") == 0)
		disk_io();
	return 2;
}
