/* SPDX-License-Identifier: Apache-2.0 */
#include "jail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/bundle.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "provider/jail/jail_client.h"
#include "provider/jail/mounts.h"

#define TAG	  "bnch"
#define AGENT	  54322u
#define WAIT_US	  (30 * SECOND_US)
#define BARE_ID	  "gavel-bench-bare"
#define BARE_SLOT (BENCH_SLOTS - 1)
#define UP	  "echo up; exec httpd -f -p 8080 -h /www"

static char state_dir[64], run_dir[64];

/* Something has failed: take apart what there is, then say it. */
_Noreturn static void
give_up(struct bench *b, const char *what, const struct err *e)
{
	fprintf(stderr, "bench: %s: %s\n", what, e->text);
	bench_end(b);
	exit(1);
}

static const char *
shell_try(struct bench *b, const char *script, struct err *e)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct proc p = { .argv = argv, .timeout_us = 120 * SECOND_US };

	return proc_now(&b->arena, &p, e) < 0 || proc_check(&p, e) < 0 ? NULL : p.out;
}

const char *
bench_shell(struct bench *b, const char *script)
{
	struct err e = ERR_NONE;
	const char *out = shell_try(b, script, &e);

	if (out == NULL)
		give_up(b, script, &e);
	return out;
}

/* ------------------------------------------------------------------ */
/* The jail.                                                           */

static int
call(struct bench *b, enum jail_verb verb, const void *in, size_t len, void *out, size_t out_len,
     struct err *e)
{
	struct chan_call c = { .verb = verb, .in = in, .in_len = len };

	if (chan_now(&b->arena, b->fd, &c, e) < 0)
		return -1;
	if (out != NULL)
		memcpy(out, c.out, MIN(out_len, c.out_len));
	return 0;
}

static void
must(struct bench *b, enum jail_verb verb, const void *in, size_t len, void *out, size_t out_len)
{
	static const char *const names[] = {
		[JAIL_UNPACK] = "UNPACK", [JAIL_CREATE] = "CREATE",   [JAIL_START] = "START",
		[JAIL_STAT] = "STAT",	  [JAIL_DESTROY] = "DESTROY", [JAIL_FORGET] = "FORGET"
	};
	struct err e = ERR_NONE;

	if (call(b, verb, in, len, out, out_len, &e) < 0)
		give_up(b, names[verb], &e);
}

static struct jail_ref
ref_of(uint8_t n)
{
	return (struct jail_ref){ .name = "01jf4z8c0xvq5wsm2t7e9bench", .copy = n };
}

/* Two layers: busybox, and 16 MiB of text that compresses as programs do. */
static void
image_make(struct bench *b)
{
	b->oci = arena_printf(&b->arena, "%s/make/oci", state_dir);
	bench_shell(
		b,
		arena_printf(
			&b->arena,
			"umask 022; mkdir -p %s/make; cd %s/make; umoci init --layout oci\n"
			"umoci new --image oci:image; umoci unpack --image oci:image b\n"
			"mkdir -p b/rootfs/bin b/rootfs/www; cd b/rootfs\n"
			"cp \"$(command -v busybox)\" bin/busybox\n"
			"for t in sh echo httpd sleep; do ln -s busybox bin/$t; done\n"
			"echo hello >www/index.html; cd ../..; umoci repack --image oci:image b\n"
			"rm -rf b; umoci unpack --image oci:image b; mkdir b/rootfs/data\n"
			"seq 1000000 3097151 >b/rootfs/data/text\n"
			"umoci repack --image oci:image b; rm -rf b\n",
			state_dir, state_dir));
	layout_import(&b->arena, &b->config, b->oci, &b->image);
}

static void
jail_fork(struct bench *b)
{
	int calls[2], execs[2];

	daemon_pair(calls);
	daemon_pair(execs);
	b->jail = fork();
	if (b->jail == 0) {
		close(calls[0]);
		close(execs[0]);
		log_init("bench/jail", LOG_WARN);
		umask(077);
		jail_serve(&b->config, calls[1], execs[1]);
		_exit(0);
	}
	close(calls[1]);
	close(execs[1]);
	b->fd = calls[0];
}

void
bench_begin(struct bench *b)
{
	static const char *const resolvers[] = { "192.0.2.53", NULL };
	static const struct code *const codes[] = { &JAIL_UNKNOWN, &JAIL_CONFLICT, &JAIL_REFUSED };
	struct err e = ERR_NONE;

	signal(SIGPIPE, SIG_IGN);
	log_init("bench", LOG_WARN);
	chan_register_codes(codes, NELEMS(codes));
	snprintf(state_dir, sizeof(state_dir), "/var/tmp/gavel-bench.%d", getpid());
	snprintf(run_dir, sizeof(run_dir), "/run/gavel-bench.%d", getpid());
	memset(b, 0, sizeof(*b));
	arena_init(&b->arena, 0);
	b->config = (struct jail_config){
		.state_dir = state_dir,
		.run_dir = run_dir,
		.net = { .tag = TAG, .network = 0x0a7a0000, .resolvers = resolvers },
		.uid_base = 0x48000000,
		.image_uid_base = 0x47ff0000,
		.slot_count = BENCH_SLOTS,
		.agent_uid = AGENT,
		.agent_gid = AGENT,
		.accept_old_runc = true,
		.accept_ram_disk = true,
	};
	if (jail_prepare(&b->config, &e) < 0)
		fatal("jail_prepare: %s", e.text);
	jail_fork(b);
	image_make(b);
}

unsigned
bench_end(struct bench *b)
{
	struct jail_destroy d = { .drop_logs = 1 };
	struct err e = ERR_NONE;
	char wire[NET_IF_SIZE];
	unsigned left = 0;

	for (unsigned n = 0; n < BENCH_SLOTS; n++) {
		d.ref = ref_of((uint8_t)n);
		if (call(b, JAIL_DESTROY, &d, sizeof(d), NULL, 0, &e) < 0)
			left++;
		left += if_nametoindex(net_if(&b->config.net, (uint16_t)n, wire)) != 0;
	}
	close(b->fd);
	waitpid(b->jail, NULL, 0);
	shell_try(b,
		  arena_printf(&b->arena, "runc --root %s/bare delete -f " BARE_ID " || true",
			       run_dir),
		  &e);
	shell_try(b,
		  arena_printf(&b->arena, "! mountpoint -q %s/bare/merged || umount %s/bare/merged",
			       state_dir, state_dir),
		  &e);
	left += mounts_left(state_dir);
	left += shell_try(b, "! find /sys/fs/cgroup -maxdepth 5 -name 'gavel-" TAG "' | grep -q .",
			  &e) == NULL;
	left += shell_try(b, arena_printf(&b->arena, "[ -z \"$(ls -A %s/leases)\" ]", state_dir),
			  &e) == NULL;
	left += net_stop(&b->config.net, &e) < 0;
	shell_try(b, arena_printf(&b->arena, "rm -rf --one-file-system %s %s", state_dir, run_dir),
		  &e);
	arena_release(&b->arena);
	return left;
}

void
bench_unpack(struct bench *b)
{
	for (uint32_t i = 0; i < b->image.count; i++) {
		struct jail_unpack_reply reply = { .done = 0 };

		for (;;) {
			must(b, JAIL_UNPACK, &b->image.layers[i], sizeof(b->image.layers[i]),
			     &reply, sizeof(reply));
			if (reply.done != 0)
				break;
			usleep(1000);
		}
	}
}

void
bench_forget(struct bench *b)
{
	for (uint32_t i = 0; i < b->image.count; i++)
		must(b, JAIL_FORGET, &b->image.layers[i].diff, sizeof(struct jail_forget), NULL, 0);
}

static const char *const args[] = { "sh", "-c", UP };
static const char *const env[] = { "PATH=/bin" };
static const struct bundle_process process = { .args = args,
					       .arg_count = 3,
					       .env = env,
					       .env_count = 1,
					       .cwd = "/",
					       .uid = 1000,
					       .gid = 1000 };

void
bench_create(struct bench *b, uint8_t n)
{
	static struct jail_create c;
	struct err e = ERR_NONE;
	size_t len;

	memset(&c, 0, JAIL_CREATE_MIN);
	c.ref = ref_of(n);
	c.slot = n;
	c.cpu_milli = 500;
	c.memory_bytes = BENCH_MEMORY;
	c.storage_bytes = BENCH_DISK;
	c.pids_max = 32;
	layout_use(&b->image, &c);
	if (jail_create_pack(&c, &process, "web-0", NULL, 0, &len, &e) < 0)
		give_up(b, "pack", &e);
	must(b, JAIL_CREATE, &c, len, NULL, 0);
}

void
bench_start(struct bench *b, uint8_t n)
{
	struct jail_ref ref = ref_of(n);

	must(b, JAIL_START, &ref, sizeof(ref), NULL, 0);
}

struct jail_stat
bench_stat(struct bench *b, uint8_t n)
{
	struct jail_ref ref = ref_of(n);
	struct jail_stat st = { .state = JAIL_BROKEN };

	must(b, JAIL_STAT, &ref, sizeof(ref), &st, sizeof(st));
	return st;
}

void
bench_destroy(struct bench *b, uint8_t n)
{
	struct jail_destroy d = { .ref = ref_of(n), .drop_logs = 1 };

	must(b, JAIL_DESTROY, &d, sizeof(d), NULL, 0);
}

const char *
bench_dir(struct bench *b, uint8_t n)
{
	struct jail_ref ref = ref_of(n);
	char id[JAIL_ID_SIZE];

	return arena_printf(&b->arena, "%s/leases/%s", state_dir, jail_id(&ref, id));
}

bool
bench_answers(const struct bench *b, uint8_t n)
{
	char text[NET_ADDRESS_SIZE];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(BENCH_PORT) };
	struct pollfd p = { .events = POLLOUT };
	int error = 1;
	socklen_t len = sizeof(error);

	inet_pton(AF_INET, net_address(&b->config.net, n, 2, text), &to.sin_addr);
	p.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)!connect(p.fd, (struct sockaddr *)&to, sizeof(to));
	if (poll(&p, 1, 1000) == 1)
		getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	close(p.fd);
	return error == 0;
}

void
bench_answer(const struct bench *b, uint8_t n)
{
	mono_t until = clock_mono() + WAIT_US;
	struct err e = ERR_NONE;

	while (!bench_answers(b, n)) {
		if (clock_mono() > until) {
			err_set(&e, &ERR_TIMEOUT, "container %u does not answer", n);
			give_up((struct bench *)(uintptr_t)b, "wait", &e);
		}
		usleep(500);
	}
}

/* ------------------------------------------------------------------ */
/* runc alone.                                                         */

/* The layers as they are on an overlay of directories, owned by the container's
 * ids from the start: no disk of its own, no shifted mount, no wire, no log. */
void
bench_bare_make(struct bench *b)
{
	uint32_t id = b->config.uid_base + BARE_SLOT * BUNDLE_IDS;
	struct bundle bundle = { .process = process,
				 .hostname = "web-0",
				 .cgroup = "gavel-" TAG "-bare",
				 .host_id = id,
				 .cpu_milli = 500,
				 .memory_bytes = BENCH_MEMORY,
				 .pids_max = 32,
				 .tmp_bytes = BENCH_MEMORY / 4 };
	const char *dir = arena_printf(&b->arena, "%s/bare", state_dir), *json;
	struct err e = ERR_NONE;
	FILE *f;

	bench_shell(b,
		    arena_printf(&b->arena,
				 "umask 022; mkdir -p %s; cd %s; umoci unpack --image %s:image u\n"
				 "mv u/rootfs lower; rm -r u; mkdir upper work merged\n"
				 "for d in dev etc proc run sys tmp; do mkdir -p upper/$d; done\n"
				 "chown -R %u:%u lower upper; chmod 711 .\n"
				 "mount -t overlay overlay -o lowerdir=lower,upperdir=upper,"
				 "workdir=work merged\n",
				 dir, dir, b->oci, id, id));
	bundle.root = arena_printf(&b->arena, "%s/merged", dir);
	if (bundle_check(&bundle, &e) < 0)
		give_up(b, "bare bundle", &e);
	json = bundle_json(&b->arena, &bundle);
	f = fopen(arena_printf(&b->arena, "%s/config.json", dir), "we");
	if (f == NULL || fputs(json, f) < 0 || fclose(f) != 0)
		give_up(b, "bare bundle", &e);
}

static pid_t
bare_exec(const char *root, const char *dir, int out)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 0);
	dup2(out, 1);
	execlp("runc", "runc", "--root", root, "run", "--bundle", dir, BARE_ID, NULL);
	_exit(127);
}

int64_t
bench_bare_run(struct bench *b)
{
	const char *dir = arena_printf(&b->arena, "%s/bare", state_dir);
	const char *root = arena_printf(&b->arena, "%s/bare", run_dir);
	struct err e = ERR_NONE;
	char text[16] = "";
	mono_t begin, took;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		fatal("pipe: %s", strerror(errno));
	begin = clock_mono();
	pid = bare_exec(root, dir, fds[1]);
	close(fds[1]);
	if (read(fds[0], text, sizeof(text) - 1) <= 0 || strcmp(text, "up\n") != 0) {
		err_set(&e, &ERR_SYSTEM, "the process does not say that it is up");
		give_up(b, "runc run", &e);
	}
	took = clock_mono() - begin;
	bench_shell(b, arena_printf(&b->arena, "runc --root %s kill " BARE_ID " KILL", root));
	waitpid(pid, NULL, 0); /* which deletes it */
	close(fds[0]);
	return took;
}

/* ------------------------------------------------------------------ */
/* Figures.                                                            */

static int
us_compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t
bench_median(int64_t *us, size_t n)
{
	qsort(us, n, sizeof(*us), us_compare);
	return us[n / 2];
}

const char *
bench_spread(struct bench *b, int64_t *us, size_t n)
{
	double median = (double)bench_median(us, n) / 1e3;

	return arena_printf(&b->arena, "%.1f ms [%.1f-%.1f]", median, (double)us[0] / 1e3,
			    (double)us[n - 1] / 1e3);
}
