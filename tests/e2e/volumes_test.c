/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes and devices against the real runtime: data outlives the container and
 * changes slots with it, sizes hold, read-only holds, memory is counted, what is
 * dropped is gone; a made-up device opens for the lease that has it and for no
 * other. Needs root, runc, umoci, nft, ip, mke2fs and a static busybox; skips
 * without them.
 */
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "provider/jail/gpus.h"
#include "provider/jail/jail_client.h"
#include "provider/jail/mounts.h"
#include "provider/jail/shim.h"
#include "provider/jail/volumes.h"
#include "tests/e2e/layout.h"
#include "tests/unit/tap.h"

#define TAG   "vol"
#define AGENT 54322u
#define MIB   (UINT64_C(1) << 20)

static const char *const resolvers[] = { "192.0.2.53", NULL };
static const char *const gpus[] = { "gavel.test/gpu=0", "gavel.test/gpu=1" };
static char state_dir[64], run_dir[64], cdi_dir[96], fast_dir[96];
static const char *volume_dirs[] = { NULL, fast_dir };
static struct jail_config config = {
	.state_dir = state_dir,
	.run_dir = run_dir,
	.net = { .tag = TAG, .network = 0x0a7c0000, .resolvers = resolvers }, /* 10.124/16 */
	.uid_base = 0x50000000,
	.image_uid_base = 0x4fff0000,
	.slot_count = 8,
	.agent_uid = AGENT,
	.agent_gid = AGENT,
	.accept_old_runc = true,
	.accept_ram_disk = true,
	.volume_dirs = volume_dirs,
	.volume_class_count = 2,
	.gpus = gpus,
	.gpu_count = 2,
	.cdi_dir = cdi_dir,
};

static struct arena arena;
static pid_t jail_pid;
static int jail_fd;
static struct layout image;

/* ------------------------------------------------------------------ */
/* The jail as a child, and calls to it.                               */

static void
jail_begin(void)
{
	static const struct code *const codes[] = { &JAIL_UNKNOWN, &JAIL_CONFLICT, &JAIL_REFUSED,
						    &BUNDLE_BAD,   &MOUNT_UNSAFE,  &VOLUME_OTHER,
						    &VOLUME_LOST,  &CDI_BAD };
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
		log_init("test/jail", LOG_WARN);
		signal(SIGPIPE, SIG_IGN);
		umask(077);
		jail_serve(&config, calls[1], execs[1]);
		_exit(0);
	}
	close(calls[1]);
	close(execs[1]);
	jail_fd = calls[0];
}

static void
jail_end(int sig)
{
	if (sig != 0)
		kill(jail_pid, sig);
	close(jail_fd);
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

static struct jail_ref
ref_of(uint8_t copy)
{
	return (struct jail_ref){ .name = "01jf4z8c0xvq5wsm2t7e9ka3rc", .copy = copy };
}

/* What the next container gets; emptied by make(). */
static struct {
	struct jail_mount mounts[JAIL_MOUNTS_MAX];
	const char *paths[JAIL_MOUNTS_MAX];
	size_t count;
	uint8_t gpus[4];
	uint16_t gpu_count;
	uint64_t memory_bytes, shm_bytes;
} want;

static struct jail_mount *
mount_add(uint8_t kind, const char *name, uint64_t bytes, const char *path)
{
	struct jail_mount *m = &want.mounts[want.count];

	*m = (struct jail_mount){ .kind = kind, .bytes = bytes };
	snprintf(m->volume.name, sizeof(m->volume.name), "%s", name);
	if (kind == JAIL_MOUNT_VOLUME)
		m->volume.ref = ref_of(0);
	want.paths[want.count++] = path;
	return m;
}

static int
make(uint8_t copy, uint16_t slot, const char *script, struct err *e)
{
	static struct jail_create create;
	const char *args[] = { "sh", "-c", script };
	const char *env[] = { "PATH=/bin", "GPU_MODEL=mine" };
	struct bundle_process p = { .args = args,
				    .arg_count = 3,
				    .env = env,
				    .env_count = 2,
				    .cwd = "/",
				    .uid = 1000,
				    .gid = 1000 };
	struct jail_ref ref = ref_of(copy);
	struct jail_create_reply reply;
	size_t len;
	int result = 0;

	memset(&create, 0, sizeof(create));
	create.ref = ref;
	create.slot = slot;
	layout_use(&image, &create);
	create.cpu_milli = 500;
	create.memory_bytes = want.memory_bytes != 0 ? want.memory_bytes : 64 * MIB;
	create.storage_bytes = 16 * MIB;
	create.shm_bytes = want.shm_bytes;
	create.pids_max = 32;
	if (jail_create_pack(&create, &p, "web-0", NULL, 0, &len, e) < 0)
		return -1;
	for (size_t i = 0; i < want.count && result == 0; i++)
		result = jail_mount_add(&create, &want.mounts[i], want.paths[i], &len, e);
	memcpy(create.gpus, want.gpus, sizeof(want.gpus));
	create.gpu_count = want.gpu_count;
	memset(&want, 0, sizeof(want));
	if (result < 0)
		return -1;
	if (call(JAIL_CREATE, &create, len, &reply, sizeof(reply), e) < 0)
		return -1;
	return call(JAIL_START, &ref, sizeof(ref), NULL, 0, e);
}

static struct jail_stat
wait_exit(uint8_t copy)
{
	struct jail_ref ref = ref_of(copy);
	struct jail_stat st = { .state = 99 };
	struct err e;

	for (int tries = 0; tries < 400 && st.state != JAIL_EXITED; tries++) {
		if (tries > 0)
			usleep(25000);
		if (call(JAIL_STAT, &ref, sizeof(ref), &st, sizeof(st), &e) < 0)
			printf("#   stat: %s\n", e.text);
	}
	return st;
}

static const char *
logs_of(uint8_t copy)
{
	struct jail_ref ref = ref_of(copy);
	const char *path = arena_printf(&arena, "%s/log", jail_log_dir(&arena, &config, &ref));
	char *text = arena_alloc(&arena, 64 * 1024);
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return "";
	(void)!fread(text, 1, 64 * 1024 - 1, f);
	fclose(f);
	return text;
}

static void
logged(uint8_t copy, const char *part, const char *what)
{
	for (int tries = 0; tries < 20 && strstr(logs_of(copy), part) == NULL; tries++)
		usleep(25000);
	ok(strstr(logs_of(copy), part) != NULL, "%s", what);
	if (strstr(logs_of(copy), part) == NULL)
		printf("#   no \"%s\" in: %.1500s\n", part, logs_of(copy));
}

static void
destroy(uint8_t copy)
{
	struct jail_destroy d = { .ref = ref_of(copy), .drop_logs = 1 };
	struct err e;

	if (call(JAIL_DESTROY, &d, sizeof(d), NULL, 0, &e) < 0)
		fine(-1, &e, "destroy");
}

/* A container from start to end; its words are in the log until destroy(). */
static bool
run(uint8_t copy, uint16_t slot, const char *script)
{
	struct err e;

	if (make(copy, slot, script, &e) < 0) {
		fine(-1, &e, script);
		return false;
	}
	return wait_exit(copy).state == JAIL_EXITED;
}

/* ------------------------------------------------------------------ */

static void
image_put(void)
{
	const char *dir = arena_printf(&arena, "%s/make", state_dir);
	struct err e = ERR_NONE;

	if (shell(arena_printf(
		    &arena,
		    "umask 022; mkdir -p %s; cd %s; umoci init --layout oci\n"
		    "umoci new --image oci:image\n"
		    "umoci unpack --image oci:image b\n"
		    "mkdir -p b/rootfs/bin b/rootfs/etc b/rootfs/var/lib; cd b/rootfs\n"
		    "chown 1000:1000 var/lib; chmod 750 var/lib\n"
		    "cp \"$(command -v busybox)\" bin/busybox\n"
		    "for t in sh cat id ls sleep dd stat touch head env df mount umount rm test; "
		    "do ln -s busybox bin/$t; done\n"
		    "ln -s /etc trap; echo file > plain\n"
		    "echo 'web:x:1000:1000::/:/bin/sh' > etc/passwd\ncd ../..\n"
		    "umoci repack --image oci:image b; rm -rf b\n",
		    dir, dir)) < 0)
		fatal("cannot make the test image");
	layout_import(&arena, &config, arena_printf(&arena, "%s/oci", dir), &image);
	if (layout_unpack(&arena, jail_fd, &image, &e) < 0)
		fatal("unpack: %s", e.text);
}

static int
drop(const char *name, uint8_t class, struct err *e)
{
	struct jail_volume v = { .ref = ref_of(0), .class = class };

	snprintf(v.name, sizeof(v.name), "%s", name);
	return call(JAIL_DROP, &v, sizeof(v), NULL, 0, e);
}

static void
test_persistent(void)
{
	struct err e;
	struct stat st;
	const char *image_path = arena_printf(
		&arena, "%s/volumes/01jf4z8c0xvq5wsm2t7e9ka3rc-0-data/disk.img", state_dir);

	mount_add(JAIL_MOUNT_VOLUME, "data", 24 * MIB + 100, "/var/lib/db/data");
	run(0, 0,
	    "id -u; echo kept > /var/lib/db/data/f; mkdir /x 2>&1; stat -c 'own %u %a' "
	    "/var/lib/db/data/f /var/lib/db/data; stat -c 'above %u %a' /var/lib; ls -A "
	    "/var/lib/db/data; dd if=/dev/zero of=/var/lib/db/data/big bs=1M count=64 2>&1; "
	    "stat -c 'size %s' /var/lib/db/data/big");
	logged(0, "own 1000 644", "the file belongs to the workload's user");
	logged(0, "above 1000 750", "the directory above keeps what the image says");
	logged(0, "No space left on device", "its size is a limit");
	ok(strstr(logs_of(0), "lost+found") == NULL, "it begins empty");
	ok(stat(image_path, &st) == 0 && st.st_size == (off_t)(24 * MIB),
	   "on the disk it has the whole blocks of what was asked for");
	destroy(0);
	ok(access(image_path, F_OK) == 0, "it outlives the container");
	ok(!mounts_left(state_dir), "and is mounted nowhere");

	mount_add(JAIL_MOUNT_VOLUME, "data", 24 * MIB + 100, "/mnt");
	run(0, 5,
	    "rm /mnt/big; cat /mnt/f; stat -c 'own %u' /mnt/f; echo more >> /mnt/f; "
	    "cat /mnt/f");
	logged(0, "kept", "another slot reads what was written");
	logged(0, "own 1000", "as the same user");
	logged(0, "more", "and writes on");
	destroy(0);

	mount_add(JAIL_MOUNT_VOLUME, "data", 24 * MIB + 100, "/mnt")->readonly = 1;
	run(0, 1, "cat /mnt/f; touch /mnt/g 2>&1; mount -o remount,rw /mnt 2>&1; echo end");
	logged(0, "Read-only file system", "read-only holds");
	logged(0, "more", "and can be read");
	logged(0, "end", "to the end");
	destroy(0);

	mount_add(JAIL_MOUNT_VOLUME, "data", 48 * MIB, "/mnt");
	refused(make(0, 0, "true", &e), &e, &VOLUME_OTHER, "another size");
	mount_add(JAIL_MOUNT_VOLUME, "data", 48 * MIB, "/mnt")->volume.class = 2;
	refused(make(0, 0, "true", &e), &e, &JAIL_REFUSED, "a class that is not offered");
	mount_add(JAIL_MOUNT_VOLUME, "../x", 24 * MIB, "/mnt");
	refused(make(0, 0, "true", &e), &e, &JAIL_REFUSED, "a name that leads elsewhere");
	mount_add(JAIL_MOUNT_VOLUME, "data", 24 * MIB, "/proc/x");
	refused(make(0, 0, "true", &e), &e, &JAIL_REFUSED, "a mount below /proc");
	mount_add(JAIL_MOUNT_VOLUME, "data", 24 * MIB + 100, "/trap/x");
	refused(make(0, 0, "true", &e), &e, &MOUNT_UNSAFE, "a mount behind a link");
	mount_add(JAIL_MOUNT_VOLUME, "data", 24 * MIB + 100, "/plain");
	refused(make(0, 0, "true", &e), &e, &MOUNT_UNSAFE, "a mount on a file");
	ok(!mounts_left(state_dir), "nothing of these is left");
}

static void
test_sharing(void)
{
	struct err e;

	mount_add(JAIL_MOUNT_VOLUME, "data", 24 * MIB + 100, "/mnt");
	fine(make(0, 0, "sleep 100", &e), &e, "a container has the volume");
	mount_add(JAIL_MOUNT_VOLUME, "data", 24 * MIB + 100, "/mnt");
	refused(make(1, 1, "true", &e), &e, &JAIL_CONFLICT, "a second one with it");
	refused(drop("data", 0, &e), &e, &JAIL_CONFLICT, "to drop what is mounted");
	/* All of it dies at once: the agent and the jail, then the workload. */
	jail_end(SIGKILL);
	jail_begin();
	destroy(0);
	mount_add(JAIL_MOUNT_VOLUME, "data", 24 * MIB + 100, "/mnt");
	run(0, 2, "cat /mnt/f");
	logged(0, "kept", "it survives kill -9 of the jail");
	destroy(0);
	fine(drop("data", 0, &e), &e, "drop");
	fine(drop("data", 0, &e), &e, "drop again");
	ok(shell(arena_printf(&arena, "[ -z \"$(ls -A %s/volumes)\" ]", state_dir)) == 0,
	   "nothing of it is left");
	mount_add(JAIL_MOUNT_VOLUME, "data", 24 * MIB, "/mnt");
	run(0, 3, "ls -A /mnt; echo empty");
	ok(strstr(logs_of(0), "o f\n") == NULL, "a new one of that name begins empty");
	destroy(0);
	fine(drop("data", 0, &e), &e, "drop it too");
}

static void
test_classes(void)
{
	struct err e;

	mount_add(JAIL_MOUNT_VOLUME, "quick", 8 * MIB, "/mnt")->volume.class = 1;
	run(0, 0, "echo there > /mnt/f; cat /mnt/f");
	logged(0, "there", "a volume of another class");
	ok(shell(arena_printf(&arena, "ls %s/*-quick/disk.img", fast_dir)) == 0,
	   "is in that class's directory");
	destroy(0);
	/* As after a reboot without the mount of the class. */
	shell(arena_printf(&arena, "mv %s %s.away; mkdir %s", fast_dir, fast_dir, fast_dir));
	mount_add(JAIL_MOUNT_VOLUME, "quick", 8 * MIB, "/mnt")->volume.class = 1;
	refused(make(0, 0, "true", &e), &e, &VOLUME_LOST, "its disk is away");
	ok(shell(arena_printf(&arena, "[ -z \"$(ls -A %s)\" ]", fast_dir)) == 0,
	   "and nothing empty is made in its place");
	shell(arena_printf(&arena, "rmdir %s; mv %s.away %s", fast_dir, fast_dir, fast_dir));
	mount_add(JAIL_MOUNT_VOLUME, "quick", 8 * MIB, "/mnt")->volume.class = 1;
	run(0, 0, "cat /mnt/f");
	logged(0, "there", "it is back, and so are the files");
	destroy(0);
	fine(drop("quick", 1, &e), &e, "and is dropped there");
	ok(shell(arena_printf(&arena, "[ -z \"$(ls -A %s/made)\" ]", state_dir)) == 0,
	   "no mark of it is left");
}

static void
test_passing(void)
{
	struct jail_stat st;

	mount_add(JAIL_MOUNT_DISK, "cache", 0, "/cache");
	mount_add(JAIL_MOUNT_DISK, "fixed", 0, "/tmp/fixed")->readonly = 1;
	mount_add(JAIL_MOUNT_RAM, "ram", 8 * MIB, "/ram");
	run(0, 0,
	    "echo x > /cache/f; cat /cache/f; touch /tmp/fixed/f 2>&1; "
	    "dd if=/dev/zero of=/ram/f bs=1M count=64 2>&1; stat -c 'ram %s' /ram/f; "
	    "dd if=/dev/zero of=/cache/f bs=1M count=64 2>&1; stat -c 'own %u' /ram /cache; "
	    "i=0; while [ $i -lt 2000 ]; do touch /ram/$i 2>/dev/null || break; i=$((i+1)); "
	    "done; echo files $i");
	logged(0, "o x\n", "a directory of the container's own disk");
	logged(0, "Read-only file system", "read-only, below /tmp");
	logged(0, "ram 8388608", "memory has its size");
	logged(0, "own 1000", "both belong to the workload's user");
	ok(strstr(logs_of(0), "files 2000") == NULL, "and a limit of files");
	destroy(0);
	mount_add(JAIL_MOUNT_DISK, "cache", 0, "/cache");
	run(0, 0, "ls -A /cache; echo fresh");
	ok(strstr(logs_of(0), "o f\n") == NULL, "they go with the container");
	destroy(0);

	want.shm_bytes = 24 * MIB; /* more than a quarter of the memory */
	run(0, 0, "dd if=/dev/zero of=/dev/shm/f bs=1M count=40 2>&1; stat -c 'shm %s' /dev/shm/f");
	logged(0, "shm 25165824", "/dev/shm has the size that was asked for");
	destroy(0);

	want.memory_bytes = 16 * MIB;
	mount_add(JAIL_MOUNT_RAM, "ram", 64 * MIB, "/ram");
	run(0, 0, "dd if=/dev/zero of=/ram/f bs=1M count=48");
	st = wait_exit(0);
	ok(st.oom != 0 || st.exit_code != 0, "memory of a volume counts as the container's");
	destroy(0);
}

/* ------------------------------------------------------------------ */
/* Devices.                                                             */

static void
spec_write(const char *name, const char *text, mode_t mode)
{
	const char *path = arena_printf(&arena, "%s/%s", cdi_dir, name);
	FILE *f = fopen(path, "we");

	if (f == NULL || fputs(text, f) < 0)
		fatal("write %s", path);
	fclose(f);
	if (chmod(path, mode) != 0)
		fatal("chmod %s", path);
}

static void
specs_make(void)
{
	if (shell(arena_printf(
		    &arena,
		    "mkdir -p %s; chmod 755 %s; cd %s; mkdir lib; echo driver > lib/one.so; "
		    "mknod -m 666 node0 c 10 229; mknod -m 666 node1 c 10 229",
		    cdi_dir, cdi_dir, cdi_dir)) < 0)
		fatal("cannot make devices");
	/* /dev/fuse: no container may open it, unless given. */
	spec_write(
		"test.json",
		arena_printf(&arena,
			     "{\"cdiVersion\":\"0.6.0\",\"kind\":\"gavel.test/gpu\",\"devices\":["
			     "{\"name\":\"0\",\"containerEdits\":{\"deviceNodes\":[{\"path\":"
			     "\"/dev/gpu0\",\"hostPath\":\"%s/node0\"}],\"env\":["
			     "\"GPU_MODEL=made-up\"]}}],\"containerEdits\":{\"env\":[\"GPU_ALL=1\"]"
			     ",\"mounts\":[{\"hostPath\":\"%s/lib/one.so\",\"containerPath\":"
			     "\"/usr/lib/one.so\",\"options\":[\"rw\"]},{\"hostPath\":\"%s/lib\","
			     "\"containerPath\":\"/opt/driver\"}]}}",
			     cdi_dir, cdi_dir, cdi_dir),
		0644);
	spec_write("test.yaml",
		   arena_printf(&arena,
				"cdiVersion: 0.5.0\nkind: gavel.test/gpu\ndevices:\n- name: \"1\"\n"
				"  containerEdits:\n    deviceNodes:\n    - path: /dev/gpu1\n"
				"      hostPath: %s/node1\n      permissions: r\n",
				cdi_dir),
		   0644);
	spec_write("other.json", "{\"cdiVersion\":\"9.0.0\"}", 0644);
}

static void
test_devices(void)
{
	struct err e;

	want.gpus[0] = 0;
	want.gpu_count = 1;
	run(0, 0,
	    "echo model $GPU_MODEL all $GPU_ALL; ls /dev; exec 3</dev/gpu0 && echo opened; "
	    "cat /usr/lib/one.so /opt/driver/one.so; touch /opt/driver/x 2>&1; "
	    "echo x 2>&1 > /usr/lib/one.so; exec 4</dev/gpu1");
	logged(0, "model made-up all 1", "the device's variables, before the image's");
	logged(0, "opened", "the device opens");
	logged(0, "driver", "the vendor's files are there");
	logged(0, "Read-only file system", "read-only, whatever the specification says");
	ok(strstr(logs_of(0), "gpu1") == NULL || strstr(logs_of(0), "can't open") != NULL,
	   "another device is not there");
	destroy(0);

	run(1, 1, "ls /dev; (exec 3</dev/gpu0 && echo opened); echo all:$GPU_ALL:");
	ok(strstr(logs_of(1), "opened") == NULL, "a lease without it does not see it");
	logged(1, "all::", "nor its variables");
	destroy(1);

	want.gpus[0] = 1;
	want.gpu_count = 1;
	run(0, 0, "exec 3</dev/gpu1 && echo opened; (exec 4>/dev/gpu1) 2>&1; echo end");
	logged(0, "opened", "a device from YAML opens for reading");
	logged(0, "end", "and");
	logged(0, "Operation not permitted", "not for writing");
	destroy(0);

	want.gpus[0] = 0;
	want.gpu_count = 1;
	fine(make(0, 0, "sleep 100", &e), &e, "a container has the device");
	want.gpus[0] = 0;
	want.gpu_count = 1;
	refused(make(1, 1, "true", &e), &e, &JAIL_CONFLICT, "a second one with it");
	want.gpus[0] = 2;
	want.gpu_count = 1;
	refused(make(1, 1, "true", &e), &e, &JAIL_REFUSED, "a number that is no device");
	want.gpus[0] = want.gpus[1] = 1;
	want.gpu_count = 2;
	refused(make(1, 1, "true", &e), &e, &JAIL_REFUSED, "one device twice");
	destroy(0);
}

static int
load(struct err *e)
{
	struct cdi_edits *out;

	*e = (struct err)ERR_NONE;
	return gpus_load(&config, &arena, &out, e);
}

static void
test_specs(void)
{
	static const char hook[] =
		"{\"cdiVersion\":\"0.6.0\",\"kind\":\"gavel.test/"
		"gpu\",\"devices\":[{\"name\":\"0\","
		"\"containerEdits\":{\"hooks\":[{\"hookName\":\"createContainer\",\"path\":"
		"\"/usr/bin/hook\"}]}}]}";
	const char *json = arena_printf(&arena, "%s/test.json", cdi_dir);
	struct err e;

	fine(load(&e), &e, "specifications, one of another version beside them");
	chmod(json, 0666);
	refused(load(&e), &e, &CDI_BAD, "a file that others can write");
	ok(strstr(e.text, "only root can write") != NULL, "and it says so: %s", e.text);
	chmod(json, 0644);
	chmod(cdi_dir, 0777);
	refused(load(&e), &e, &CDI_BAD, "a directory that others can write");
	chmod(cdi_dir, 0755);
	spec_write("twice.json", hook, 0644);
	refused(load(&e), &e, &CDI_BAD, "a hook");
	ok(strstr(e.text, "createContainer hook /usr/bin/hook") != NULL, "it is named: %s", e.text);
	unlink(arena_printf(&arena, "%s/twice.json", cdi_dir));
	unlink(json);
	refused(load(&e), &e, &CDI_BAD, "a device that is in no file");
}

int
main(void)
{
	struct err e = ERR_NONE;

	if (geteuid() != 0 ||
	    system("command -v runc umoci nft ip mke2fs busybox >/dev/null") != 0) {
		printf("1..0 # SKIP needs root, runc, umoci, nft, ip, mke2fs, busybox\n");
		return 77;
	}
	arena_init(&arena, 0);
	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_WARN);
	snprintf(state_dir, sizeof(state_dir), "/var/tmp/gavel-volume-test.%d", getpid());
	snprintf(run_dir, sizeof(run_dir), "/run/gavel-volume-test.%d", getpid());
	snprintf(cdi_dir, sizeof(cdi_dir), "%s.cdi", state_dir);
	snprintf(fast_dir, sizeof(fast_dir), "%s.fast", state_dir);
	specs_make();
	jail_begin();
	image_put();
	test_persistent();
	test_sharing();
	test_classes();
	test_passing();
	test_devices();
	test_specs();
	jail_end(0);
	ok(!mounts_left(state_dir) && !mounts_left(fast_dir), "no mount is left");
	fine(net_stop(&config.net, &e), &e, "the filter goes");
	shell(arena_printf(&arena, "rm -rf %s %s %s %s", state_dir, run_dir, cdi_dir, fast_dir));
	arena_release(&arena);
	return tap_done();
}
