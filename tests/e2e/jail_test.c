/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail against the real runtime: every verb, hostile calls, kill -9, and a
 * look afterwards that nothing is left. Needs root, runc, umoci, nft, ip and a
 * static busybox; skips without them. Makes its own image, touches no network
 * outside its own veths.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "provider/jail/exec.h"
#include "provider/jail/jail_client.h"
#include "provider/jail/mounts.h"
#include "provider/jail/shim.h"
#include "provider/jail/unpack.h"
#include "tests/e2e/layout.h"
#include "tests/unit/tap.h"

#define TAG   "tst"
#define AGENT 54321u
#define MIB   (UINT64_C(1) << 20)

static const char *const resolvers[] = { "192.0.2.53", NULL };
static char state_dir[64], run_dir[64];
static struct jail_config config = {
	.state_dir = state_dir,
	.run_dir = run_dir,
	.net = { .tag = TAG, .network = 0x0a7b0000, .resolvers = resolvers }, /* 10.123/16 */
	.uid_base = 0x40000000,
	.image_uid_base = 0x3fff0000,
	.slot_count = 8,
	.agent_uid = AGENT,
	.agent_gid = AGENT,
	.log_bytes_max = 256 * 1024,
	.log_bytes_per_s = 64 * 1024,
	.accept_old_runc = true,
	.accept_ram_disk = true,
};

static struct arena arena;
static pid_t jail_pid;
static int jail_fd, exec_fd;

static struct layout image;

/* ------------------------------------------------------------------ */
/* The jail as a child, and calls to it.                               */

static void
jail_begin(void)
{
	static const struct code *const codes[] = { &JAIL_UNKNOWN,  &JAIL_CONFLICT, &JAIL_REFUSED,
						    &BUNDLE_BAD,    &ERR_NOT_FOUND, &IMAGE_DIGEST,
						    &IMAGE_TOO_BIG, &IMAGE_UNPACK };
	struct err e = ERR_NONE;
	int calls[2], execs[2];

	chan_register_codes(codes, NELEMS(codes));
	daemon_pair(calls);
	daemon_pair(execs);
	if (jail_prepare(&config, &e) < 0)
		fatal("jail_prepare: %s", e.text);
	jail_pid = fork();
	if (jail_pid == 0) {
		close(calls[0]);
		close(execs[0]);
		log_init("test/jail", LOG_WARN);
		signal(SIGPIPE, SIG_IGN);
		umask(077);
		jail_serve(&config, calls[1], execs[1]);
		_exit(0);
	}
	close(calls[1]);
	close(execs[1]);
	jail_fd = calls[0];
	exec_fd = execs[0];
}

static void
jail_end(int sig)
{
	if (sig != 0)
		kill(jail_pid, sig);
	close(jail_fd);
	close(exec_fd);
	waitpid(jail_pid, NULL, 0);
}

static int
call(enum jail_verb verb, const void *in, size_t len, void *out, size_t out_len, struct err *e)
{
	struct chan_call c = { .verb = verb, .in = in, .in_len = len };

	*e = (struct err)ERR_NONE;
	if (chan_now(&arena, jail_fd, &c, e) < 0)
		return -1;
	if (out != NULL)
		memcpy(out, c.out, MIN(out_len, c.out_len));
	return (int)c.out_len;
}

static int
call_ref(enum jail_verb verb, const struct jail_ref *ref, struct err *e)
{
	return call(verb, ref, sizeof(*ref), NULL, 0, e);
}

static bool
fine(int result, const struct err *e, const char *what)
{
	ok(result >= 0, "%s", what);
	if (result < 0)
		printf("#   %s: %s\n", e->code->name, e->text);
	return result >= 0;
}

static void
refused(int result, const struct err *e, const struct code *code, const char *what)
{
	ok(result < 0 && strcmp(e->code->name, code->name) == 0, "refused: %s", what);
	if (result >= 0 || strcmp(e->code->name, code->name) != 0)
		printf("#   got %s: %s\n", result < 0 ? e->code->name : "success", e->text);
}

static struct jail_ref
ref_of(uint8_t copy)
{
	return (struct jail_ref){ .name = "01jf4z8c0xvq5wsm2t7e9ka3rb", .copy = copy };
}

static struct jail_create create;

/* A container of slot = copy running `sh -c script`. */
static int
make(uint8_t copy, const char *script, struct err *e)
{
	const char *args[] = { "sh", "-c", script };
	const char *env[] = { "PATH=/bin", "COLOUR=blue \"quoted\"" };
	struct jail_host hosts[] = { { "other", 1 } };
	struct bundle_process p = { .args = args,
				    .arg_count = 3,
				    .env = env,
				    .env_count = 2,
				    .cwd = "/",
				    .uid = 1000,
				    .gid = 1000 };
	struct jail_create_reply reply = { 0 };
	size_t len;

	create.ref = ref_of(copy);
	create.slot = copy;
	create.layer_count = image.count;
	for (uint32_t i = 0; i < image.count; i++)
		create.layers[i] = image.layers[i].diff;
	create.cpu_milli = 500;
	create.memory_bytes = create.memory_bytes != 0 ? create.memory_bytes : 64 * MIB;
	create.storage_bytes = 32 * MIB;
	create.pids_max = 32;
	if (jail_create_pack(&create, &p, "web-0", hosts, 1, &len, e) < 0)
		return -1;
	if (call(JAIL_CREATE, &create, len, &reply, sizeof(reply), e) < 0)
		return -1;
	return (int)reply.disk_kind;
}

static struct jail_stat
stat_of(uint8_t copy)
{
	struct jail_ref ref = ref_of(copy);
	struct jail_stat st = { .state = 99 };
	struct err e;

	if (call(JAIL_STAT, &ref, sizeof(ref), &st, sizeof(st), &e) < 0)
		printf("#   stat: %s\n", e.text);
	return st;
}

static struct jail_stat
wait_exit(uint8_t copy)
{
	struct jail_stat st = stat_of(copy);

	for (int tries = 0; tries < 200 && st.state != JAIL_EXITED; tries++) {
		usleep(50000);
		st = stat_of(copy);
	}
	return st;
}

static void
destroy(uint8_t copy, bool logs, const char *what)
{
	struct jail_destroy d = { .ref = ref_of(copy), .drop_logs = logs };
	struct err e;

	fine(call(JAIL_DESTROY, &d, sizeof(d), NULL, 0, &e), &e, what);
}

static const char *
logs_of(uint8_t copy)
{
	struct jail_ref ref = ref_of(copy);
	const char *path = arena_printf(&arena, "%s/log", jail_log_dir(&arena, &config, &ref));
	char *text = arena_alloc(&arena, MIB);
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return "";
	(void)!fread(text, 1, MIB - 1, f);
	fclose(f);
	return text;
}

static bool
log_has(uint8_t copy, const char *part)
{
	for (int tries = 0; tries < 40; tries++) {
		if (strstr(logs_of(copy), part) != NULL)
			return true;
		usleep(50000);
	}
	printf("#   no \"%s\" in: %.1500s\n", part, logs_of(copy));
	return false;
}

/* ------------------------------------------------------------------ */
/* The image.                                                          */

static int
shell(const char *script)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct proc p = { .argv = argv };
	struct err e = ERR_NONE;

	if (proc_now(&arena, &p, &e) < 0 || p.status != 0) {
		printf("#   %s%s\n", e.text, p.err != NULL ? p.err : "");
		return -1;
	}
	return 0;
}

/* Of two layers: busybox and users; and, as hostile images have it, links where
 * directories belong. The upper one deletes, replaces and adds. */
static void
image_make(struct layout *img, const char *extra)
{
	const char *dir = arena_printf(&arena, "%s/make", state_dir);

	if (shell(arena_printf(
		    &arena,
		    "umask 022; rm -rf %s; mkdir -p %s; cd %s; umoci init --layout oci\n"
		    "umoci new --image oci:image\n"
		    "umoci unpack --image oci:image b\n"
		    "mkdir -p b/rootfs/bin b/rootfs/etc b/rootfs/home b/rootfs/old/deep; cd "
		    "b/rootfs\n"
		    "cp \"$(command -v busybox)\" bin/busybox\n"
		    "for t in sh cat id ls sleep echo nc wget dd kill mount stat touch grep "
		    "yes head ip rm mkdir; do ln -s busybox bin/$t; done\n"
		    "mkdir suid; cp bin/busybox suid/id; chmod 4755 suid/id\n"
		    "echo 'web:x:1000:1000::/:/bin/sh' > etc/passwd\n"
		    "echo lower > gone; echo lower > kept; echo lower > old/below\n"
		    "chown 1000:1000 home\ncd ../..\n"
		    "umoci repack --image oci:image b; rm -rf b; umoci unpack --image oci:image b\n"
		    "cd b/rootfs; rm gone; rm -r old; mkdir old; echo upper > old/above\n"
		    "%s\ncd ../..; umoci repack --image oci:image b\n",
		    dir, dir, dir, extra)) < 0)
		fatal("cannot make the test image");
	layout_import(&arena, &config, arena_printf(&arena, "%s/oci", dir), img);
}

static int
unpack_layer(const struct jail_layer *layer, struct jail_unpack_reply *reply, struct err *e)
{
	for (int tries = 0; tries < 600; tries++) {
		if (call(JAIL_UNPACK, layer, sizeof(*layer), reply, sizeof(*reply), e) < 0)
			return -1;
		if (reply->done != 0)
			return 0;
		usleep(20000);
	}
	return err_set(e, &ERR_TIMEOUT, "unpack");
}

static int
unpack(const struct layout *img, struct err *e)
{
	struct jail_unpack_reply reply;

	for (uint32_t i = 0; i < img->count; i++)
		if (unpack_layer(&img->layers[i], &reply, e) < 0)
			return -1;
	return 0;
}

/* ------------------------------------------------------------------ */
/* The checks.                                                         */

static bool
is_gone(const struct jail_layer *layer)
{
	char name[LAYER_NAME_SIZE];

	layer_name(&layer->diff, name);
	return access(arena_printf(&arena, "%s/unpack/%s.work", state_dir, name), F_OK) != 0 &&
	       access(layer_dir(&arena, state_dir, &layer->diff), F_OK) != 0;
}

static void
test_unpack(void)
{
	struct jail_layer missing = { .digest = { { 9 } }, .diff = { { 9 } }, .size = 7 };
	struct jail_unpack_reply reply;
	struct jail_layer bad;
	struct layout big;
	struct stat st = { 0 };
	struct err e;

	is_int(image.count, 2, "the image has two layers");
	fine(unpack(&image, &e), &e, "unpack");
	fine(unpack(&image, &e), &e, "unpack again");
	fine(unpack_layer(&image.layers[0], &reply, &e), &e, "one layer again");
	stat("/bin/busybox", &st);
	ok(reply.bytes >= (uint64_t)st.st_size, "and its size is told: %llu",
	   (unsigned long long)reply.bytes);
	stat(arena_printf(&arena, "%s/bin/busybox",
			  layer_dir(&arena, state_dir, &image.layers[0].diff)),
	     &st);
	is_int(st.st_uid, config.image_uid_base, "its files belong to the image's ids");
	refused(unpack_layer(&missing, &reply, &e), &e, &ERR_NOT_FOUND,
		"a layer that is not there");
	bad = image.layers[0];
	bad.diff.b[0] ^= 1;
	refused(unpack_layer(&bad, &reply, &e), &e, &IMAGE_DIGEST, "another diff id");
	ok(is_gone(&bad), "nothing of it is left");
	bad.size++;
	refused(unpack_layer(&bad, &reply, &e), &e, &IMAGE_DIGEST, "another size");
	image_make(&big, "dd if=/dev/urandom of=noise bs=1M count=64 2>/dev/null");
	bad = big.layers[1];
	bad.bytes_max = 16 * MIB;
	refused(unpack_layer(&bad, &reply, &e), &e, &IMAGE_TOO_BIG, "a layer larger than allowed");
	ok(is_gone(&bad), "nothing of it is left");
	fine(unpack(&big, &e), &e, "within the limit it unpacks");
	refused(unpack_layer(&bad, &reply, &e), &e, &IMAGE_TOO_BIG,
		"and there it is too large still");
}

static void
test_life(void)
{
	struct jail_ref ref = ref_of(0);
	struct jail_stat st;
	struct err e;
	mono_t begin = clock_mono();
	int kind;

	kind = make(
		0,
		"echo hello; echo \"$COLOUR\" >&2; id; cat /etc/hosts /etc/hostname; "
		"echo by-name > /dev/stdout; "
		"dd if=/dev/zero of=/home/f bs=1024 count=3000 2>/dev/null; "
		"grep -E 'NoNewPrivs|CapEff|CapBnd|Seccomp:' /proc/self/status; "
		"echo setuid:$(/suid/id -u); echo tree:$(cat /kept):$(ls /old):$(ls /gone 2>&1); "
		"trap 'exit 7' TERM; "
		"while :; do sleep 1; done",
		&e);
	if (!fine(kind, &e, "create"))
		return;
	printf("# create took %lld ms\n", (long long)((clock_mono() - begin) / MILLI_US));
	ok(kind == DISK_LOOP || kind == DISK_TMPFS, "disk kind %d", kind);
	is_int(stat_of(0).state, JAIL_CREATED, "it waits");
	fine(make(0,
		  "echo hello; echo \"$COLOUR\" >&2; id; cat /etc/hosts /etc/hostname; "
		  "echo by-name > /dev/stdout; "
		  "dd if=/dev/zero of=/home/f bs=1024 count=3000 2>/dev/null; "
		  "grep -E 'NoNewPrivs|CapEff|CapBnd|Seccomp:' /proc/self/status; "
		  "echo setuid:$(/suid/id -u); echo tree:$(cat /kept):$(ls /old):$(ls /gone 2>&1); "
		  "trap 'exit 7' TERM; "
		  "while :; do sleep 1; done",
		  &e),
	     &e, "create again, the same");
	refused(make(0, "other", &e), &e, &JAIL_CONFLICT, "create again, another");
	fine(call_ref(JAIL_START, &ref, &e), &e, "start");
	fine(call_ref(JAIL_START, &ref, &e), &e, "start again");
	ok(log_has(0, " o hello\n"), "stdout reaches the log");
	ok(log_has(0, " e blue \"quoted\"\n"), "stderr and environment too");
	ok(log_has(0, "uid=1000(web) gid=1000"), "it runs as the user asked for");
	ok(log_has(0, "10.123.0.6 other"), "it knows its peers by name");
	ok(log_has(0, "by-name"), "it may open /dev/stdout by name");
	ok(log_has(0, "NoNewPrivs:\t1") && log_has(0, "Seccomp:\t2"), "no new privileges, seccomp");
	ok(log_has(0, "CapEff:\t0000000000000000") && log_has(0, "CapBnd:\t0000000000000000"),
	   "no capabilities");
	ok(log_has(0, "setuid:1000\n"), "a setuid program gains nothing");
	ok(log_has(0, "tree:lower:above:ls: /gone: No such"), "layers lie over one another");
	st = stat_of(0);
	is_int(st.state, JAIL_RUNNING, "it runs");
	ok(st.pid > 1, "it has a pid");
	ok(st.cpu_ns > 0, "CPU is metered: %llu ns", (unsigned long long)st.cpu_ns);
	ok(st.memory_bytes > 0, "memory is metered: %llu", (unsigned long long)st.memory_bytes);
	ok(st.disk_bytes >= 3000 * 1024, "disk is metered: %llu",
	   (unsigned long long)st.disk_bytes);
}

static void
test_pause(void)
{
	struct jail_ref ref = ref_of(0);
	struct jail_limit ask = { .ref = ref, .cpu_milli = 50 };
	struct err e;
	uint64_t before;

	fine(call_ref(JAIL_PAUSE, &ref, &e), &e, "pause");
	fine(call_ref(JAIL_PAUSE, &ref, &e), &e, "pause again");
	is_int(stat_of(0).state, JAIL_PAUSED, "it is paused");
	before = stat_of(0).cpu_ns;
	usleep(300000);
	is_int((long long)(stat_of(0).cpu_ns - before), 0, "a paused container uses no CPU");
	fine(call_ref(JAIL_RESUME, &ref, &e), &e, "resume");
	fine(call_ref(JAIL_RESUME, &ref, &e), &e, "resume again");
	is_int(stat_of(0).state, JAIL_RUNNING, "it runs again");

	fine(call(JAIL_LIMIT, &ask, sizeof(ask), NULL, 0, &e), &e, "less CPU");
	ask.cpu_milli = 1000;
	fine(call(JAIL_LIMIT, &ask, sizeof(ask), NULL, 0, &e), &e, "and more again");
	ask.cpu_milli = 0;
	refused(call(JAIL_LIMIT, &ask, sizeof(ask), NULL, 0, &e), &e, &JAIL_CONFLICT,
		"none is no limit");
	ask = (struct jail_limit){ .ref = ref_of(77), .cpu_milli = 50 };
	refused(call(JAIL_LIMIT, &ask, sizeof(ask), NULL, 0, &e), &e, &JAIL_UNKNOWN,
		"of no container");
}

static const char *
read_all(int fd)
{
	char *text = arena_alloc(&arena, 65536);
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, 65535 - len)) > 0)
		len += (size_t)n;
	close(fd);
	return text;
}

static int
exec_in(uint8_t copy, const char *const *args, size_t count, int fds[static JAIL_EXEC_FDS])
{
	static struct jail_exec x;
	struct jail_exec_reply reply = { 0 };
	struct err e = ERR_NONE;
	size_t len;

	x.ref = ref_of(copy);
	if (jail_exec_pack(&x, args, count, &len, &e) < 0 ||
	    call(JAIL_EXEC, &x, len, &reply, sizeof(reply), &e) < 0 ||
	    jail_exec_receive(exec_fd, reply.number, fds, &e) < 0) {
		printf("#   exec: %s\n", e.text);
		return -1;
	}
	return 0;
}

static void
test_exec(void)
{
	const char *args[] = { "sh", "-c",
			       "cat; id -u; grep CapEff /proc/self/status; "
			       "echo bad >&2; exit 3" };
	const char *sleeper[] = { "sleep", "1000" }, *none[] = { "no-such-program" };
	int fds[JAIL_EXEC_FDS];
	int32_t status = -1;
	const char *out;
	uint64_t pids;

	if (!ok(exec_in(0, args, 3, fds) == 0, "exec"))
		return;
	(void)!write(fds[JAIL_STDIN], "typed\n", 6);
	close(fds[JAIL_STDIN]);
	out = read_all(fds[JAIL_STDOUT]);
	ok(strstr(out, "typed\n1000\n") != NULL && strstr(out, "CapEff:\t0000000000000000"),
	   "its input and output are ours, its rights the container's");
	is_str(read_all(fds[JAIL_STDERR]), "bad\n", "and its errors");
	ok(read(fds[JAIL_STATUS], &status, sizeof(status)) == sizeof(status) && status == 3,
	   "its status is %d", status);
	close(fds[JAIL_STATUS]);
	if (ok(exec_in(0, none, 1, fds) == 0, "exec of a missing program")) {
		out = read_all(fds[JAIL_STDERR]);
		ok(read(fds[JAIL_STATUS], &status, sizeof(status)) == sizeof(status) && status != 0,
		   "fails with %d: %.80s", status, out);
		for (int i = 0; i < JAIL_EXEC_FDS; i++)
			if (i != JAIL_STDERR)
				close(fds[i]);
	}
	pids = stat_of(0).pids;
	if (!ok(exec_in(0, sleeper, 2, fds) == 0, "exec a sleeper"))
		return;
	usleep(300000);
	ok(stat_of(0).pids > pids, "it sleeps");
	for (int i = 0; i < JAIL_EXEC_FDS; i++)
		close(fds[i]);
	for (int tries = 0; tries < 60 && stat_of(0).pids > pids; tries++)
		usleep(50000);
	ok(stat_of(0).pids <= pids, "closing the status pipe ends the command");
}

/* A terminal: its descriptor, its size, Ctrl-C, and its end with the session. */
static void
test_terminal(void)
{
	const char *args[] = { "sh", "-c", "[ -t 0 ] && echo a terminal; sleep 1000" };
	struct pollfd p = { .events = POLLIN };
	int fds[JAIL_EXEC_FDS], master;
	struct jail_exec_reply reply = { 0 };
	static struct jail_exec x;
	struct winsize size = { 0 };
	int32_t status = -1;
	struct err e = ERR_NONE;
	char text[256] = "";
	size_t len;

	x.ref = ref_of(0);
	x.terminal = 2;
	if (jail_exec_pack(&x, args, 3, &len, &e) < 0)
		return;
	refused(call(JAIL_EXEC, &x, len, NULL, 0, &e), &e, &JAIL_REFUSED, "half a terminal");
	x.terminal = 1;
	x.rows = 33;
	x.cols = 101;
	if (!fine(call(JAIL_EXEC, &x, len, &reply, sizeof(reply), &e), &e,
		  "exec with a terminal") ||
	    !fine(jail_exec_receive(exec_fd, reply.number, fds, &e), &e, "its descriptors"))
		return;
	ok(fds[JAIL_STDOUT] < 0 && fds[JAIL_STDERR] < 0, "a terminal instead of pipes");
	master = descriptor_take(fds[JAIL_STDIN]);
	ok(master >= 0 && ioctl(master, TIOCGWINSZ, &size) == 0 && size.ws_row == 33 &&
		   size.ws_col == 101,
	   "it comes, with its size");
	p.fd = master;
	if (poll(&p, 1, 5000) == 1)
		(void)!read(master, text, sizeof(text) - 1);
	ok(strncmp(text, "a terminal", 10) == 0, "the command is on it");
	usleep(200000);
	(void)!write(master, "\003", 1);
	ok(read(fds[JAIL_STATUS], &status, sizeof(status)) == sizeof(status) && status == 130,
	   "Ctrl-C: %d", status);
	close(master);
	close(fds[JAIL_STDIN]);
	close(fds[JAIL_STATUS]);
}

/* A tar of a file inside, by no program of the image; paths that are none. */
static void
test_files(void)
{
	static struct jail_files f;
	struct jail_exec_reply reply = { 0 };
	int fds[JAIL_EXEC_FDS];
	int32_t status = -1;
	const char *out;
	struct err e = ERR_NONE;

	f.ref = ref_of(0);
	memcpy(f.path, "etc/hosts", 10);
	refused(call(JAIL_FILES, &f, JAIL_FILES_MIN + 10, NULL, 0, &e), &e, &JAIL_REFUSED,
		"a relative path");
	memcpy(f.path, "/etc/hosts", 11);
	refused(call(JAIL_FILES, &f, JAIL_FILES_MIN + 8, NULL, 0, &e), &e, &JAIL_REFUSED,
		"a path without an end");
	f.put = 7;
	refused(call(JAIL_FILES, &f, JAIL_FILES_MIN + 11, NULL, 0, &e), &e, &JAIL_REFUSED,
		"a direction that is none");
	f.put = 0;
	if (!fine(call(JAIL_FILES, &f, JAIL_FILES_MIN + 11, &reply, sizeof(reply), &e), &e,
		  "files out") ||
	    !fine(jail_exec_receive(exec_fd, reply.number, fds, &e), &e, "their descriptors"))
		return;
	out = read_all(fds[JAIL_STDOUT]);
	ok(strncmp(out, "hosts", 5) == 0 || strncmp(out, "PaxHeader/hosts", 15) == 0,
	   "an archive of the file");
	ok(read(fds[JAIL_STATUS], &status, sizeof(status)) == sizeof(status) && status == 0,
	   "its status is %d", status);
	for (int i = 0; i < JAIL_EXEC_FDS; i++)
		if (i != JAIL_STDOUT)
			close(fds[i]);
}

/* Whether a TCP connection to the container opens. */
static bool
connects(uint16_t slot, uint16_t port)
{
	char text[NET_ADDRESS_SIZE];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct pollfd p = { .events = POLLOUT };
	int error = 1;
	socklen_t len = sizeof(error);

	inet_pton(AF_INET, net_address(&config.net, slot, 2, text), &to.sin_addr);
	p.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)!connect(p.fd, (struct sockaddr *)&to, sizeof(to));
	if (poll(&p, 1, 1000) == 1)
		getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	close(p.fd);
	return error == 0;
}

static void
test_net(void)
{
	struct jail_ref one = ref_of(1), two = ref_of(2);
	struct jail_stat st;
	struct err e;
	int host = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(18099) };

	(void)!bind(host, (struct sockaddr *)&any, sizeof(any));
	listen(host, 4);
	if (!fine(make(1, "while :; do nc -l -p 80 -e echo one; done", &e), &e,
		  "create a server") ||
	    !fine(call_ref(JAIL_START, &one, &e), &e, "start it"))
		return;
	/* Slot 2 may talk to port 80 of slot 1. */
	create.link_count = 1;
	create.links[0] = (struct net_link){ .slot = 1, .port = 80, .proto = IPPROTO_TCP };
	fine(make(2,
		  "sleep 1; try() { nc -w 2 $1 $2 </dev/null >/dev/null 2>&1 && echo open:$1:$2 || "
		  "echo shut:$1:$2; }; try other 80; try 10.123.0.2 80; try 10.123.0.9 18099; "
		  "try 10.123.0.5 18099; try 169.254.169.254 80; ip addr add 10.123.0.99/32 dev "
		  "eth0; "
		  "cat /etc/resolv.conf; echo done; sleep 1000",
		  &e),
	     &e, "create a client");
	create.link_count = 0;
	fine(call_ref(JAIL_START, &two, &e), &e, "start it");
	ok(connects(1, 80), "the host reaches the server, on a low port as uid 1000");
	for (int tries = 0; tries < 6 && strstr(logs_of(2), "o done\n") == NULL; tries++)
		usleep(2000000);
	ok(log_has(2, "open:other:80"), "the linked peer is reached");
	ok(log_has(2, "shut:10.123.0.2:80"), "a peer without a link is not");
	ok(log_has(2, "shut:10.123.0.9:18099"), "the host is not, at its end of the wire");
	ok(log_has(2, "shut:10.123.0.5:18099"), "nor at another");
	ok(log_has(2, "shut:169.254.169.254:80"), "the metadata address is not");
	ok(log_has(2, "nameserver 192.0.2.53"), "the resolver is the configured one");
	st = stat_of(2);
	ok(st.tx_bytes > 0 && st.rx_bytes > 0, "traffic is metered: %llu out, %llu in",
	   (unsigned long long)st.tx_bytes, (unsigned long long)st.rx_bytes);
	destroy(2, true, "destroy the client");
	destroy(1, true, "destroy the server");
	close(host);
}

static void
test_exit(void)
{
	struct jail_ref ref = ref_of(3);
	struct jail_stat st;
	struct err e;

	fine(make(3, "exit 41", &e), &e, "create one that exits");
	fine(call_ref(JAIL_START, &ref, &e), &e, "start");
	st = wait_exit(3);
	is_int(st.state, JAIL_EXITED, "it has exited");
	is_int(st.exit_code, 41, "with its code");
	ok(st.oom == 0 && st.exited_at > 0, "not for memory, at a known time");
	fine(call_ref(JAIL_STOP, &ref, &e), &e, "stop what has ended");
	fine(call_ref(JAIL_KILL, &ref, &e), &e, "kill what has ended");
	refused(call_ref(JAIL_PAUSE, &ref, &e), &e, &JAIL_CONFLICT, "pause what has ended");
	destroy(3, true, "destroy it");
	create.memory_bytes = 16 * MIB;
	fine(make(3, "x=x; while :; do x=$x$x; done", &e), &e, "create one that eats memory");
	create.memory_bytes = 0;
	fine(call_ref(JAIL_START, &ref, &e), &e, "start");
	st = wait_exit(3);
	is_int(st.exit_code, 137, "the kernel killed it");
	ok(st.oom == 1, "for memory, and we say so");
	destroy(3, true, "destroy it");
	fine(make(3, "(while :; do sleep 100 & done) 2>/dev/null; exec sleep 100", &e), &e,
	     "create a fork bomb");
	fine(call_ref(JAIL_START, &ref, &e), &e, "start");
	usleep(500000);
	st = stat_of(3);
	ok(st.pids > 20 && st.pids <= 32, "it has at most its processes: %llu",
	   (unsigned long long)st.pids);
	destroy(3, true, "destroy it");
}

static void
test_logs(void)
{
	struct jail_ref ref = ref_of(4);
	const char *dir = jail_log_dir(&arena, &config, &ref);
	struct stat log = { 0 }, old = { 0 };
	struct err e;

	fine(make(4, "yes 0123456789012345678901234567890123456789 & sleep 3; kill $!; echo end",
		  &e),
	     &e, "create a flood");
	fine(call_ref(JAIL_START, &ref, &e), &e, "start");
	wait_exit(4);
	stat(arena_printf(&arena, "%s/log", dir), &log);
	stat(arena_printf(&arena, "%s/log.1", dir), &old);
	ok(log.st_size + old.st_size <= 256 * 1024 + 16384, "its logs are bounded: %lld + %lld",
	   (long long)log.st_size, (long long)old.st_size);
	ok(log_has(4, " bytes dropped\n"), "and say what is missing");
	ok(log.st_gid == AGENT && (log.st_mode & 0777) == 0640, "the agent may read them");
	destroy(4, false, "destroy it");
	ok(access(dir, F_OK) == 0, "its logs outlive it");
	destroy(4, true, "destroy again, with its logs");
	ok(access(dir, F_OK) != 0, "and go when asked");
}

static void
test_refusals(void)
{
	struct jail_ref bad = { .name = "../../etc/passwd/aaaaaaaaa" }, none = ref_of(77);
	struct layout link, first = image;
	static struct jail_create c;
	struct err e;

	refused(call_ref(JAIL_START, &bad, &e), &e, &JAIL_REFUSED, "a name with a path in it");
	refused(call_ref(JAIL_START, &none, &e), &e, &JAIL_UNKNOWN, "a container nobody made");
	refused(call(JAIL_CREATE, &c, JAIL_CREATE_MIN, NULL, 0, &e), &e, &JAIL_REFUSED,
		"an empty call");
	c = create;
	c.ref = ref_of(5);
	c.slot = 0;
	refused(call(JAIL_CREATE, &c, JAIL_CREATE_MIN + c.text_len, NULL, 0, &e), &e,
		&JAIL_CONFLICT, "a slot in use");
	c.slot = 8;
	refused(call(JAIL_CREATE, &c, JAIL_CREATE_MIN + c.text_len, NULL, 0, &e), &e, &JAIL_REFUSED,
		"a slot out of range");
	c.slot = 5;
	c.uid = 65536;
	refused(call(JAIL_CREATE, &c, JAIL_CREATE_MIN + c.text_len, NULL, 0, &e), &e, &BUNDLE_BAD,
		"a user out of range");
	c.uid = 0;
	c.text[c.text_len - 1] = 'x';
	refused(call(JAIL_CREATE, &c, JAIL_CREATE_MIN + c.text_len, NULL, 0, &e), &e, &JAIL_REFUSED,
		"text without an end");
	c.text[c.text_len - 1] = '\0';
	c.arg_count = 200;
	refused(call(JAIL_CREATE, &c, JAIL_CREATE_MIN + c.text_len, NULL, 0, &e), &e, &JAIL_REFUSED,
		"more arguments than text");
	/* An image whose mount points are links to the host. */
	shell(arena_printf(&arena, "mkdir -p %s/decoy; echo x > %s/decoy/ptmx", state_dir,
			   state_dir));
	image_make(&link, arena_printf(&arena,
				       "rmdir etc 2>/dev/null || rm -r etc; "
				       "for d in dev proc sys tmp etc run; do ln -s %s/decoy $d; "
				       "done",
				       state_dir));
	fine(unpack(&link, &e), &e, "unpack an image full of links");
	image = link;
	if (fine(make(5, "ls /dev | grep null", &e), &e, "create from it")) {
		struct jail_ref ref = ref_of(5);

		fine(call_ref(JAIL_START, &ref, &e), &e, "start");
		is_int(wait_exit(5).exit_code, 0, "it has devices of its own");
	}
	destroy(5, true, "destroy it");
	ok(shell(arena_printf(&arena, "cd %s/decoy; [ \"$(ls)\" = ptmx ]; [ \"$(cat ptmx)\" = x ]",
			      state_dir)) == 0,
	   "the host's directory is untouched");
	image = first;
}

static void
test_crash(void)
{
	struct jail_ref ref = ref_of(0);
	struct jail_forget in = { image.layers[0].diff };
	static struct jail_entry entries[JAIL_LIST_MAX];
	struct err e;
	int n;

	jail_end(SIGKILL);
	jail_begin();
	n = call(JAIL_LIST, NULL, 0, entries, sizeof(entries), &e);
	is_int(n, sizeof(entries[0]), "after kill -9 of the jail the list has one container");
	is_int(entries[0].state, JAIL_RUNNING, "which runs");
	refused(call(JAIL_FORGET, &in, sizeof(in), NULL, 0, &e), &e, &JAIL_CONFLICT,
		"forgetting a layer in use");
	fine(call_ref(JAIL_STOP, &ref, &e), &e, "stop");
	is_int(wait_exit(0).exit_code, 7, "its exit status was kept by the shim");
	destroy(0, true, "destroy");
	destroy(0, true, "destroy again");
	refused(call_ref(JAIL_STAT, &ref, &e), &e, &JAIL_UNKNOWN, "stat of what is gone");
	fine(call(JAIL_FORGET, &in, sizeof(in), NULL, 0, &e), &e, "forget the layer");
	ok(is_gone(&image.layers[0]), "it is gone");
}

/* Kill the jail at many points of a CREATE; DESTROY must always clean up. */
static void
test_kill_points(void)
{
	struct err e;
	int left = 0;

	fine(unpack(&image, &e), &e, "unpack once more");
	for (useconds_t us = 1000; us < 300000; us = us * 5 / 3) {
		struct jail_destroy d = { .ref = ref_of(6), .drop_logs = 1 };
		pid_t child = fork();

		if (child == 0) {
			(void)!make(6, "sleep 1000", &e);
			_exit(0);
		}
		usleep(us);
		jail_end(SIGKILL);
		waitpid(child, NULL, 0);
		jail_begin();
		if (call(JAIL_DESTROY, &d, sizeof(d), NULL, 0, &e) < 0) {
			printf("#   after %u us: %s\n", us, e.text);
			left++;
		}
		if (shell("sleep 0.05; ! ls -d /sys/fs/cgroup/*/gavel-" TAG
			  " 2>/dev/null | grep -q .") < 0) {
			printf("#   after %u us: a cgroup\n", us);
			left++;
		}
	}
	is_int(left, 0, "kill -9 during create never leaves anything");
}

static void
test_nothing_left(void)
{
	char name[NET_IF_SIZE];
	bool wires = false;

	for (uint16_t slot = 0; slot < config.slot_count; slot++)
		wires = wires || if_nametoindex(net_if(&config.net, slot, name)) != 0;
	ok(!wires, "no wire is left");
	ok(!mounts_left(state_dir), "no mount and no loop device is left");
	ok(shell("! find /sys/fs/cgroup -maxdepth 5 -name 'gavel-" TAG "' | grep -q .") == 0,
	   "no cgroup is left");
	ok(shell(arena_printf(&arena, "[ -z \"$(ls -A %s/leases %s/runc | grep -v :)\" ]",
			      state_dir, run_dir)) == 0,
	   "no record is left");
	ok(shell("! nft list set inet gavel_" TAG " leases | grep -q elements") == 0,
	   "no element is left in the filter");
	ok(shell("for i in 1 2 3 4 5; do ps -eo pid,stat,comm | grep -E 'gavel-(shim|exec)' | grep "
		 "-v ' Z' | "
		 "grep -v grep >&2 || exit 0; sleep 0.2; done; exit 1") == 0,
	   "no shim is left");
}

int
main(void)
{
	struct err e = ERR_NONE;

	if (geteuid() != 0 || system("command -v runc umoci nft ip busybox >/dev/null") != 0) {
		printf("1..0 # SKIP needs root, runc, umoci, nft, ip, busybox\n");
		return 77;
	}
	arena_init(&arena, 0);
	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_WARN);
	snprintf(state_dir, sizeof(state_dir), "/var/tmp/gavel-jail-test.%d", getpid());
	snprintf(run_dir, sizeof(run_dir), "/run/gavel-jail-test.%d", getpid());
	jail_begin();
	image_make(&image, "");
	test_unpack();
	test_life();
	test_pause();
	test_exec();
	test_terminal();
	test_files();
	test_net();
	test_exit();
	test_logs();
	test_refusals();
	test_crash();
	test_kill_points();
	test_nothing_left();
	jail_end(0);
	fine(net_stop(&config.net, &e), &e, "the filter goes");
	shell(arena_printf(&arena, "rm -rf %s %s", state_dir, run_dir));
	arena_release(&arena);
	return tap_done();
}
