/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images as an attacker makes them, against the real jail. Each is refused with
 * a stable code and within its limits, or runs and harms nothing; a directory of
 * the host that they aim at stays as it was, and nothing is left over. Needs
 * root, runc, nft, ip and a static busybox; skips without them.
 */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/oci.h"
#include "lib/clock.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "provider/jail/jail_client.h"
#include "provider/jail/mounts.h"
#include "provider/jail/runc.h"
#include "provider/jail/unpack.h"
#include "tests/e2e/images/archives.h"
#include "tests/unit/tap.h"

#define TAG   "img"
#define AGENT 54321u
#define MIB   (UINT64_C(1) << 20)

static char state_dir[64], run_dir[64], decoy[96]; /* decoy: what images aim at */
static const char *const resolvers[] = { NULL };
static struct jail_config config = {
	.state_dir = state_dir,
	.run_dir = run_dir,
	.net = { .tag = TAG, .network = 0x0a7c0000, .resolvers = resolvers }, /* 10.124/16 */
	.uid_base = 0x41000000,
	.image_uid_base = 0x40ff0000,
	.slot_count = 2,
	.agent_uid = AGENT,
	.agent_gid = AGENT,
	.image_bytes_max = 512 * MIB,
	.image_entries_max = 20000,
	.accept_old_runc = true,
	.accept_ram_disk = true,
};

static struct arena arena;
static pid_t jail_pid;
static int jail_fd, exec_fd;
static struct jail_layer base;

/* ------------------------------------------------------------------ */
/* The jail.                                                           */

static void
jail_begin(void)
{
	static const struct code *const codes[] = { &JAIL_UNKNOWN,  &JAIL_CONFLICT, &JAIL_REFUSED,
						    &BUNDLE_BAD,    &ERR_NOT_FOUND, &IMAGE_DIGEST,
						    &IMAGE_TOO_BIG, &IMAGE_UNPACK,  &MOUNT_UNSAFE,
						    &RUNC_FAILED };
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
		log_init("test/jail", LOG_ERROR);
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
	return 0;
}

static int
unpack(const struct jail_layer *layer, struct err *e)
{
	struct jail_unpack_reply reply = { .done = 0 };
	mono_t until = clock_mono() + 60 * SECOND_US;

	while (clock_mono() < until) {
		if (call(JAIL_UNPACK, layer, sizeof(*layer), &reply, sizeof(reply), e) < 0)
			return -1;
		if (reply.done != 0)
			return 0;
		usleep(5000);
	}
	return err_set(e, &ERR_TIMEOUT, "unpack");
}

static int
run(const struct jail_layer *layers, size_t count, const char *script, struct err *e)
{
	static struct jail_create create;
	static const char *env[] = { "PATH=/bin", "TWO=lines\nhere" };
	const char *args[] = { "/bin/sh", "-c", script };
	struct bundle_process p = { .args = args,
				    .arg_count = 3,
				    .env = env,
				    .env_count = 2,
				    .cwd = "/",
				    .uid = 1000,
				    .gid = 1000 };
	struct jail_ref ref = { .name = "01jf4z8c0xvq5wsm2t7e9ka3rb" };
	struct jail_stat st = { .state = 99 };
	size_t len;

	memset(&create, 0, sizeof(create));
	create.ref = ref;
	for (size_t i = 0; i < count; i++)
		create.layers[create.layer_count++] = layers[i].diff;
	create.cpu_milli = 1000;
	create.memory_bytes = 64 * MIB;
	create.storage_bytes = 8 * MIB;
	create.pids_max = 32;
	if (jail_create_pack(&create, &p, "web-0", NULL, 0, &len, e) < 0 ||
	    call(JAIL_CREATE, &create, len, NULL, 0, e) < 0 ||
	    call(JAIL_START, &ref, sizeof(ref), NULL, 0, e) < 0)
		return -1;
	for (int tries = 0; tries < 400 && st.state != JAIL_EXITED; tries++) {
		usleep(10000);
		if (call(JAIL_STAT, &ref, sizeof(ref), &st, sizeof(st), e) < 0)
			return -1;
	}
	return st.state == JAIL_EXITED ? st.exit_code : 999;
}

static void
destroy(void)
{
	struct jail_destroy d = { .ref = { .name = "01jf4z8c0xvq5wsm2t7e9ka3rb" }, .drop_logs = 1 };
	struct err e;

	if (call(JAIL_DESTROY, &d, sizeof(d), NULL, 0, &e) < 0)
		ok(false, "destroy: %s", e.text);
}

static void
forget(const struct jail_layer *layer)
{
	struct jail_forget f = { layer->diff };
	struct err e;

	if (call(JAIL_FORGET, &f, sizeof(f), NULL, 0, &e) < 0)
		ok(false, "forget: %s", e.text);
}

/* ------------------------------------------------------------------ */
/* The store, and the decoy.                                           */

static void
blob_put(const struct tarball *t, struct jail_layer *layer)
{
	const char *path;
	FILE *f;

	sha256(t->b, t->len, &layer->digest);
	layer->size = t->len;
	path = blob_path(&arena, state_dir, &layer->digest);
	f = fopen(path, "we");
	if (f == NULL || fwrite(t->b, 1, t->len, f) != t->len || fclose(f) != 0 ||
	    chown(path, AGENT, AGENT) != 0 || chmod(path, 0600) != 0)
		fatal("write %s", path);
}

static struct jail_layer
layer_of(const struct tarball *t, char filter)
{
	struct jail_layer layer = { .bytes_max = 0 };
	struct tarball packed;

	sha256(t->b, t->len, &layer.diff);
	tar_pack(t, filter, &packed);
	blob_put(&packed, &layer);
	tar_free(&packed);
	return layer;
}

static struct sha256 *tree_sum;

static int
tree_add(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct {
		uint64_t mode, uid, gid, size, mtime, links, rdev;
	} facts = { st->st_mode,
		    st->st_uid,
		    st->st_gid,
		    (uint64_t)st->st_size,
		    (uint64_t)st->st_mtim.tv_nsec,
		    st->st_nlink,
		    st->st_rdev };
	char text[4096] = "";
	int fd;

	(void)ftw;
	sha256_add(tree_sum, path, strlen(path) + 1);
	sha256_add(tree_sum, &facts, sizeof(facts));
	if (type == FTW_F && (fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
		sha256_add(tree_sum, text, (size_t)MAX(read(fd, text, sizeof(text)), (ssize_t)0));
		close(fd);
	}
	return 0;
}

static struct hash
decoy_hash(void)
{
	struct hash h;

	tree_sum = sha256_new();
	nftw(decoy, tree_add, 16, FTW_PHYS);
	sha256_end(tree_sum, &h);
	return h;
}

static int
shell(const char *script)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct proc p = { .argv = argv };
	struct err e = ERR_NONE;

	if (proc_now(&arena, &p, &e) < 0 || p.status != 0) {
		printf("# %s%s\n", e.text, p.err != NULL ? p.err : "");
		return -1;
	}
	return 0;
}

static bool
nothing_left(void)
{
	return shell(arena_printf(&arena,
				  "! ls %s/unpack | grep -q work; [ -z \"$(ls %s/leases)\" ]",
				  state_dir, state_dir)) == 0 &&
	       !mounts_left(state_dir);
}

/* ------------------------------------------------------------------ */
/* One after the other.                                                */

static void
base_make(void)
{
	static const char *const applets[] = { "sh", "cat", "ls", "wc", "id", "echo", "[", "test" };
	struct tarball t = { .len = 0 };
	struct stat st;
	int fd = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	void *data;
	struct err e;

	if (fd < 0 || fstat(fd, &st) != 0)
		fatal("no busybox");
	data = arena_alloc(&arena, (size_t)st.st_size);
	if (read(fd, data, (size_t)st.st_size) != st.st_size)
		fatal("no busybox");
	close(fd);
	TAR(&t, .name = "bin/busybox", .data = data, .len = (size_t)st.st_size, .mode = 0755);
	for (size_t i = 0; i < NELEMS(applets); i++)
		TAR(&t, .name = arena_printf(&arena, "bin/%s", applets[i]), .type = '2',
		    .link = "busybox");
	TAR(&t, .name = "below/one", .data = "one", .len = 3);
	TAR(&t, .name = "below/two", .data = "two", .len = 3);
	tar_end(&t);
	base = layer_of(&t, 'z');
	tar_free(&t);
	if (unpack(&base, &e) < 0)
		fatal("base: %s", e.text);
}

static void
case_run(const struct hostile *c, const struct hash *before)
{
	struct jail_layer layers[2] = { base };
	struct tarball t = { .len = 0 };
	struct err e = ERR_NONE;
	mono_t began;
	struct hash after;
	int result;

	c->make(&t);
	if (!c->unended)
		tar_end(&t);
	layers[1] = layer_of(&t, c->filter);
	tar_free(&t);
	began = clock_mono();
	result = unpack(&layers[1], &e);
	if (result == 0 && c->code != NULL && c->script != NULL) {
		result = run(layers, 2, c->script, &e);
		destroy();
	}
	if (c->code != NULL) {
		ok(result < 0 && e.code == c->code, "%s: refused, %s", c->what, c->code->name);
		if (result == 0 || e.code != c->code)
			printf("#   got %s: %s\n", result < 0 ? e.code->name : "a tree", e.text);
	} else if (result == 0) {
		result = run(layers, 2, c->script, &e);
		ok(result == 0, "%s: runs, and sees what it should", c->what);
		if (result != 0)
			printf("#   %d %s\n", result, e.text);
		destroy();
	} else {
		ok(false, "%s: %s", c->what, e.text);
	}
	if (clock_mono() - began > 10 * SECOND_US)
		ok(false, "%s took too long", c->what);
	forget(&layers[1]);
	unlink(blob_path(&arena, state_dir, &layers[1].digest));
	after = decoy_hash();
	if (!hash_equal(before, &after) || !nothing_left())
		ok(false, "%s changed the host, or left something", c->what);
}

/* ------------------------------------------------------------------ */
/* Bytes that are not what they are said to be.                         */

static void
expect(const struct jail_layer *layer, const struct code *code, const char *what)
{
	struct err e = ERR_NONE;
	int result = unpack(layer, &e);

	ok(result < 0 && e.code == code, "%s: refused, %s", what, code->name);
	if (result == 0 || e.code != code)
		printf("#   got %s: %s\n", result < 0 ? e.code->name : "a tree", e.text);
	forget(layer);
}

static void
test_bytes(void)
{
	struct tarball t = { .len = 0 }, packed, again;
	struct jail_layer good, bad;
	struct hash other;
	const char *path;

	TAR(&t, .name = "file", .data = text_many(&arena, "data", 9000), .len = 36000);
	tar_end(&t);
	good = layer_of(&t, 'g');
	tar_pack(&t, 'g', &packed);
	bad = good;
	bad.diff.b[7] ^= 1;
	expect(&bad, &IMAGE_DIGEST, "another diff id");
	bad = good;
	bad.size--;
	expect(&bad, &IMAGE_DIGEST, "another size");
	bad = good;
	bad.digest.b[0] ^= 1;
	expect(&bad, &ERR_NOT_FOUND, "a blob that is missing");
	blob_put(&packed, &bad);
	packed.b[packed.len / 2] ^= 1; /* under the name of the good one */
	path = blob_path(&arena, state_dir, &good.digest);
	blob_put(&packed, &bad);
	if (rename(blob_path(&arena, state_dir, &bad.digest), path) != 0)
		fatal("rename");
	expect(&good, &IMAGE_DIGEST, "a blob with one other bit");
	packed.b[packed.len / 2] ^= 1;
	packed.len -= 20;
	bad = good;
	blob_put(&packed, &bad);
	expect(&bad, &IMAGE_UNPACK, "gzip cut short");
	packed.len += 20;
	tar_bytes(&packed, "trailing garbage", 16);
	bad = good;
	blob_put(&packed, &bad);
	/* The digest covers it, and no file comes of it. */
	ok(unpack(&bad, &(struct err)ERR_NONE) == 0, "garbage after the gzip does nothing");
	forget(&bad);
	packed.len -= 16;
	tar_pack(&packed, 'g', &again);
	bad = good;
	sha256(packed.b, packed.len, &bad.diff);
	blob_put(&again, &bad);
	expect(&bad, &IMAGE_DIGEST, "gzip within gzip");
	again.len = 0;
	bad = good;
	blob_put(&again, &bad);
	expect(&bad, &IMAGE_UNPACK, "an empty blob");
	/* Not a file: a link to a secret, a pipe. */
	unlink(path);
	if (symlink(arena_printf(&arena, "%s/file", decoy), path) != 0)
		fatal("symlink");
	{
		struct err e = ERR_NONE;

		ok(unpack(&good, &e) < 0, "a link for a blob is not followed");
		unlink(path);
		if (mkfifo(path, 0666) != 0)
			fatal("mkfifo");
		expect(&good, &IMAGE_DIGEST, "a pipe for a blob");
	}
	sha256(t.b, t.len, &other);
	tar_free(&t);
	tar_free(&packed);
	tar_free(&again);
}

static void
test_stack(void)
{
	struct jail_layer layers[LAYERS_MAX] = { base };
	struct err e = ERR_NONE;
	bool all = true;
	int result;

	for (size_t i = 1; i < LAYERS_MAX; i++) {
		struct tarball t = { .len = 0 };

		TAR(&t, .name = arena_printf(&arena, "l/%zu", i), .data = "x", .len = 1);
		TAR(&t, .name = "top", .data = arena_printf(&arena, "%03zu", i), .len = 3);
		tar_end(&t);
		layers[i] = layer_of(&t, 0);
		tar_free(&t);
		all = all && unpack(&layers[i], &e) == 0;
	}
	ok(all, "126 more layers unpack");
	result =
		run(layers, LAYERS_MAX,
		    "[ $(ls /l | wc -l) = 126 ] && [ $(cat /top) = 126 ] && [ -e /below/one ]", &e);
	is_int(result, 0, "and lie over one another, 127 of them");
	if (result != 0)
		printf("#   %s\n", e.text);
	destroy();
	for (size_t i = 1; i < LAYERS_MAX; i++)
		forget(&layers[i]);
	ok(nothing_left(), "nothing of them is left");
}

/* ------------------------------------------------------------------ */
/* Manifests and configs: what the agent reads.                         */

static void
test_texts(void)
{
	static const char hex[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	const char *blob =
		arena_printf(&arena,
			     "{\"mediaType\":\"application/"
			     "vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:%s\",\"size\":1}",
			     hex);
	struct service service = { .name = "web" };
	struct bundle_process p = { .args = NULL };
	struct image_config image;
	struct oci_manifest m;
	struct oci_blob chosen;
	struct err e = ERR_NONE;
	uint32_t uid, gid;
	const char *text;

#define REFUSED(call, want, what)                                                                  \
	do {                                                                                       \
		e = (struct err)ERR_NONE;                                                          \
		ok((call) < 0 && e.code == &(want), "%s: refused, %s", what, (want).name);         \
	} while (0)
	text = arena_printf(&arena, "{\"config\":%s,\"layers\":[%s%s]}", blob, blob,
			    text_many(&arena, arena_printf(&arena, ",%s", blob), 127));
	REFUSED(oci_manifest(&arena, text, strlen(text), &m, &e), OCI_TOO_BIG, "128 layers");
	text = arena_printf(&arena,
			    "{\"config\":%s,\"layers\":[{\"mediaType\":\"application/"
			    "vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:%s\",\"size\":1,"
			    "\"urls\":[\"http://10.0.0.1/x\"]}]}",
			    blob, hex);
	REFUSED(oci_manifest(&arena, text, strlen(text), &m, &e), OCI_BAD, "a layer elsewhere");
	text = arena_printf(&arena,
			    "{\"config\":%s,\"layers\":[{\"mediaType\":\"application/"
			    "zip\",\"digest\":\"sha256:%s\",\"size\":1}]}",
			    blob, hex);
	REFUSED(oci_manifest(&arena, text, strlen(text), &m, &e), OCI_BAD,
		"a layer of another kind");
	text = arena_printf(
		&arena, "{\"config\":{\"digest\":\"sha256:%s\",\"size\":100000000},\"layers\":[]}",
		hex);
	REFUSED(oci_manifest(&arena, text, strlen(text), &m, &e), OCI_TOO_BIG,
		"a config of 100 MB");
	text = "{\"schemaVersion\":1,\"fsLayers\":[]}";
	REFUSED(oci_choose(&arena, text, strlen(text), &chosen, &e), OCI_BAD, "schema 1");
	text = "{\"schemaVersion\":2,\"manifests\":[{\"platform\":{\"os\":\"linux\","
	       "\"architecture\":\"arm64\"}}]}";
	REFUSED(oci_choose(&arena, text, strlen(text), &chosen, &e), OCI_PLATFORM, "arm64 alone");
	REFUSED(oci_config(&arena, "not json", 8, &image, &e), JSON_SYNTAX,
		"a config that is not JSON");
	text = "{\"config\":{\"Env\":[\"A=a\\u0000b\"]}}";
	REFUSED(oci_config(&arena, text, strlen(text), &image, &e), JSON_SYNTAX,
		"a NUL in a variable");
	text = "{\"rootfs\":{\"diff_ids\":[\"md5:00\"]}}";
	REFUSED(oci_config(&arena, text, strlen(text), &image, &e), OCI_BAD, "a diff id of md5");
	text = "{\"config\":{\"Cmd\":[\"x\"],\"WorkingDir\":\"/proc/self/fd/7\"}}";
	if (oci_config(&arena, text, strlen(text), &image, &e) < 0)
		fatal("%s", e.text);
	REFUSED(oci_process(&arena, &image, &service, &p, &e), BUNDLE_BAD, "a WORKDIR in /proc");
	if (oci_config(&arena, "{}", 2, &image, &e) < 0)
		fatal("%s", e.text);
	REFUSED(oci_process(&arena, &image, &service, &p, &e), BUNDLE_BAD, "no entrypoint");
	REFUSED(oci_user("4294967296", NULL, NULL, &uid, &gid, &e), BUNDLE_BAD, "user 2^32");
	REFUSED(oci_user("-1", NULL, NULL, &uid, &gid, &e), BUNDLE_BAD, "user -1");
	REFUSED(oci_user("web", "web:x:4294967296:0::/:/\n", NULL, &uid, &gid, &e), BUNDLE_BAD,
		"a passwd file with uid 2^32");
	REFUSED(oci_user("web", text_many(&arena, "\xff\x01:", 60000), NULL, &uid, &gid, &e),
		BUNDLE_BAD, "a huge binary passwd file");
#undef REFUSED
}

/* ------------------------------------------------------------------ */
/* kill -9 of the jail and of what it started, while a layer unpacks.   */

static void
test_kill(void)
{
	struct jail_unpack_reply reply = { .done = 0 };
	struct tarball t = { .len = 0 };
	struct jail_layer big;
	char name[LAYER_NAME_SIZE];
	const char *work;
	struct err e = ERR_NONE;
	int lock;

	TAR(&t, .name = "big", .size = (int64_t)(192 * MIB), .size_is_set = true);
	tar_bytes(&t, NULL, 192 * MIB);
	for (size_t i = 512; i < t.len; i += 64)
		t.b[i] = (uint8_t)(i * 2654435761u >> 24);
	tar_end(&t);
	big = layer_of(&t, 0);
	tar_free(&t);
	layer_name(&big.diff, name);
	work = arena_printf(&arena, "%s/unpack/%s.work", state_dir, name);
	if (call(JAIL_UNPACK, &big, sizeof(big), &reply, sizeof(reply), &e) < 0)
		fatal("%s", e.text);
	for (int tries = 0; tries < 200 && access(work, F_OK) != 0; tries++)
		usleep(1000);
	ok(access(work, F_OK) == 0 && !layer_is_here(state_dir, &big.diff),
	   "half way, it is in its scratch directory only");
	jail_end(SIGKILL);
	shell(arena_printf(&arena,
			   "for p in /proc/[0-9]*; do readlink $p/fd/3 2>/dev/null | "
			   "grep -qx '%s/unpack/%s.lock' && kill -9 ${p#/proc/}; done; true",
			   state_dir, name));
	lock = open(arena_printf(&arena, "%s/unpack/%s.lock", state_dir, name), O_RDWR | O_CLOEXEC);
	ok(flock(lock, LOCK_EX) == 0, "whoever worked is dead");
	close(lock);
	ok(!layer_is_here(state_dir, &big.diff), "the layer did not appear");
	jail_begin();
	ok(access(work, F_OK) != 0, "the next start removes the rest");
	ok(unpack(&big, &e) == 0, "and then it unpacks");
	forget(&big);
}

int
main(void)
{
	struct err e = ERR_NONE;
	struct hash before;

	if (geteuid() != 0 || system("command -v runc nft ip busybox >/dev/null") != 0 ||
	    access("/bin/busybox", R_OK) != 0) {
		printf("1..0 # SKIP needs root, runc, nft, ip, busybox\n");
		return 77;
	}
	arena_init(&arena, 0);
	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_ERROR);
	snprintf(state_dir, sizeof(state_dir), "/var/tmp/gavel-images-test.%d", getpid());
	snprintf(run_dir, sizeof(run_dir), "/run/gavel-images-test.%d", getpid());
	snprintf(decoy, sizeof(decoy), "/var/tmp/gavel-decoy.%d", getpid());
	if (shell(arena_printf(&arena,
			       "mkdir -p %s/dir; echo secret >%s/file; echo x >%s/ptmx; "
			       "chmod 777 %s %s/dir; chmod 666 %s/file",
			       decoy, decoy, decoy, decoy, decoy, decoy)) < 0)
		fatal("decoy");
	before = decoy_hash();
	jail_begin();
	base_make();
	hostile_begin(&arena, decoy);
	test_texts();
	for (size_t i = 0; i < hostile_count; i++)
		case_run(&hostile[i], &before);
	test_bytes();
	test_stack();
	test_kill();
	jail_end(0);
	if (net_stop(&config.net, &e) < 0)
		printf("# %s\n", e.text);
	shell(arena_printf(&arena, "rm -rf %s %s %s", state_dir, run_dir, decoy));
	arena_release(&arena);
	return tap_done();
}
