/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a registry to layers on the disk, as a launch does it: tags, digests,
 * platforms, both formats, credentials, a tag that moves, a registry that is
 * gone, registries that lead elsewhere, and a store with a limit. Real
 * docker-registry, skopeo, jail and book; all on loopback. Needs root,
 * docker-registry, skopeo, runc, nft, curl; skips without them.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lease/signer.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "provider/image/cache.h"
#include "provider/jail/unpack.h"
#include "tests/e2e/images/tarball.h"
#include "tests/unit/tap.h"

#define TAG	  "pul"
#define AGENT	  54321u
#define MIB	  (UINT64_C(1) << 20)
#define OPEN_PORT 9641
#define AUTH_PORT 9642
#define EVIL_PORT 9643
#define TRAP_PORT 9644
#define AT	  "127.0.0.1:"
#define STR_(x)	  #x
#define STR(x)	  STR_(x)
#define OPEN	  AT STR(OPEN_PORT)
#define AUTH	  AT STR(AUTH_PORT)
#define EVIL	  AT STR(EVIL_PORT)
/* The password is "open sesame". */
#define HTPASSWD "tenant:$2y$04$hX3UeNVkfa10sxsmSbRMwOT1grAwj7TaTvqoxr.VM8gt76L6PeR8m"

static char state_dir[64], run_dir[64], work[80];
static const char *insecure[] = { OPEN, AUTH, EVIL };
static struct provider_settings settings = {
	.state_dir = state_dir,
	.insecure_registries = { insecure, 3 },
	.image_cache_bytes = UINT64_C(1) << 40,
	.image_max_bytes = 64 * MIB,
};
static struct jail_config config = {
	.state_dir = state_dir,
	.run_dir = run_dir,
	.net = { .tag = TAG, .network = 0x0a7d0000 },
	.uid_base = 0x42000000,
	.image_uid_base = 0x41ff0000,
	.slot_count = 2,
	.agent_uid = AGENT,
	.agent_gid = AGENT,
	.accept_old_runc = true,
	.accept_ram_disk = true,
};
static struct agent g;
static struct arena arena;
static pid_t registries[2], jail_pid, evil_pid;
static int root_pair[2];

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

static void
file_put(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "we");

	if (f == NULL || fwrite(data, 1, len, f) != len || fclose(f) != 0)
		fatal("write %s", path);
}

/* ------------------------------------------------------------------ */
/* Images into registries.                                              */

static const char *
blob_put(const char *layout, const void *data, size_t len, size_t *size)
{
	char text[HASH_TEXT_SIZE];
	struct hash h;

	sha256(data, len, &h);
	hash_text(&h, text);
	file_put(arena_printf(&arena, "%s/blobs/sha256/%s", layout, text + 2), data, len);
	*size = len;
	return arena_strdup(&arena, text + 2);
}

/* An image of a layer all share and one of its own, copied to `to`. */
static void
push(const char *to, const char *content, size_t megabytes, const char *options)
{
	const char *layout = arena_printf(&arena, "%s/push", work);
	const char *layers = "", *diffs = "", *hex, *text;
	char diff[HASH_TEXT_SIZE];
	size_t size;

	if (shell(arena_printf(&arena, "rm -rf %s; mkdir -p %s/blobs/sha256", layout, layout)) < 0)
		fatal("layout");
	for (int i = 0; i < 2; i++) {
		struct tarball t = { .len = 0 }, packed;
		struct hash h;

		if (i == 0) {
			TAR(&t, .name = "etc/passwd", .data = "web:x:33:33::/:/x\n", .len = 18);
			TAR(&t, .name = "base", .data = "shared", .len = 6);
		} else {
			uint8_t *noise = arena_alloc(&arena, megabytes * MIB + 1);

			for (size_t k = 0; k < megabytes * MIB; k += 4)
				memcpy(noise + k,
				       &(uint32_t){ (uint32_t)(k * 2654435761u) ^
						    (uint32_t)(k >> 7) * 40503u },
				       4);
			TAR(&t, .name = "content", .data = content, .len = strlen(content));
			TAR(&t, .name = "noise", .data = noise, .len = megabytes * MIB);
		}
		tar_end(&t);
		sha256(t.b, t.len, &h);
		tar_pack(&t, 'g', &packed);
		hex = blob_put(layout, packed.b, packed.len, &size);
		layers = arena_printf(
			&arena,
			"%s%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\","
			"\"digest\":\"sha256:%s\",\"size\":%zu}",
			layers, i > 0 ? "," : "", hex, size);
		diffs = arena_printf(&arena, "%s%s\"sha256:%s\"", diffs, i > 0 ? "," : "",
				     hash_text(&h, diff) + 2);
		tar_free(&t);
		tar_free(&packed);
	}
	text = arena_printf(
		&arena,
		"{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"User\":\"web\","
		"\"Cmd\":[\"/x\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
		diffs);
	hex = blob_put(layout, text, strlen(text), &size);
	text = arena_printf(
		&arena,
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		"\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":[%s]}",
		hex, size, layers);
	hex = blob_put(layout, text, strlen(text), &size);
	text = arena_printf(
		&arena,
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
		"\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:%s\","
		"\"size\":%zu,\"annotations\":{\"org.opencontainers.image.ref.name\":\"image\"}}]}",
		hex, size);
	file_put(arena_printf(&arena, "%s/index.json", layout), text, strlen(text));
	text = "{\"imageLayoutVersion\":\"1.0.0\"}";
	file_put(arena_printf(&arena, "%s/oci-layout", layout), text, strlen(text));
	if (shell(arena_printf(&arena,
			       "skopeo --insecure-policy copy --quiet --dest-tls-verify=false %s "
			       "oci:%s:image docker://%s",
			       options, layout, to)) < 0)
		fatal("push %s", to);
}

/* An index of one or two platforms around the manifest of OPEN/web:1. */
static void
push_index(const char *tag, const char *arch)
{
	if (shell(arena_printf(
		    &arena,
		    "cd %s; skopeo --insecure-policy inspect --raw --tls-verify=false "
		    "docker://" OPEN "/web:1 >m.json\n"
		    "d=$(sha256sum m.json | cut -d' ' -f1); s=$(wc -c <m.json)\n"
		    "t=application/vnd.oci.image\n"
		    "printf "
		    "'{\"schemaVersion\":2,\"mediaType\":\"%%s.index.v1+json\",\"manifests\":[' $t "
		    ">i.json\n"
		    "printf "
		    "'{\"mediaType\":\"%%s.manifest.v1+json\",\"digest\":\"sha256:%%s\",\"size\":%%"
		    "s,"
		    "\"platform\":{\"os\":\"linux\",\"architecture\":\"%%s\"}}' $t $d $s %s "
		    ">>i.json\n"
		    "printf ']}' >>i.json\n"
		    "curl -sf -X PUT -H \"Content-Type: $t.index.v1+json\" --data-binary @i.json "
		    "http://" OPEN "/v2/web/manifests/%s",
		    work, arch, tag)) < 0)
		fatal("push index");
}

static pid_t
registry_begin_at(unsigned port, bool auth)
{
	const char *name = arena_printf(&arena, "%s/registry-%u", work, port);
	const char *text = arena_printf(
		&arena,
		"version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\n"
		"http: {addr: \"" AT "%u\"}\nlog: {level: error}\n%s",
		name, port,
		auth ? arena_printf(&arena, "auth: {htpasswd: {realm: r, path: %s/htpasswd}}\n",
				    work)
		     : "");
	pid_t pid;

	file_put(arena_printf(&arena, "%s.yaml", name), text, strlen(text));
	file_put(arena_printf(&arena, "%s/htpasswd", work), HTPASSWD "\n", sizeof(HTPASSWD));
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execlp("docker-registry", "docker-registry", "serve",
		       arena_printf(&arena, "%s.yaml", name), NULL);
		_exit(127);
	}
	for (int tries = 0; tries < 100; tries++) {
		if (shell(arena_printf(&arena,
				       "curl -s -o /dev/null http://" AT
				       "%u/v2/ || exit 0; echo up >%s.up",
				       port, name)) == 0 &&
		    access(arena_printf(&arena, "%s.up", name), F_OK) == 0)
			return pid;
		usleep(50000);
	}
	fatal("the registry does not start");
}

/* A registry that sends whoever asks to the trap. */
static void
evil_begin(void)
{
	static const char answer[] =
		"HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\n"
		"Content-Length: 0\r\nLocation: http://" AT STR(TRAP_PORT) "/v2/x\r\n\r\n";
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(EVIL_PORT),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 8) != 0)
		fatal("listen");
	evil_pid = fork();
	while (evil_pid == 0) {
		int client = accept(fd, NULL, NULL);
		char buf[4096];

		if (read(client, buf, sizeof(buf)) > 0)
			(void)!write(client, answer, sizeof(answer) - 1);
		close(client);
	}
	close(fd);
}

static int
trap_begin(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(TRAP_PORT),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 8) != 0)
		fatal("listen");
	return fd;
}

/* ------------------------------------------------------------------ */
/* The steps of a launch that are about images.                         */

struct fetching {
	struct image img;
	size_t layer;
	struct jail_layer ask;
	struct chan_call call;
};

static struct {
	const struct service *service;
	const struct hash *pin;
	struct image img;
	struct err e;
	bool done, asked, secret_seen, auth_seen;
	uint64_t seen, total;
} now;

static const struct hash lease = { { 0x1e } };

static enum next
f_resolve(struct task *t)
{
	struct fetching *f = t->state;
	enum next n;

	image_begin(&f->img, &g, &lease, now.service, now.pin);
	n = image_resolve(t, &f->img);
	now.asked = n == TASK_WAIT;
	return n;
}
static enum next
f_choose(struct task *t)
{
	struct fetching *f = t->state;
	const struct proc *p = &f->img.registry.proc;

	for (size_t i = 0; p->argv != NULL && p->argv[i] != NULL; i++) {
		now.secret_seen = now.secret_seen || strstr(p->argv[i], "sesame") != NULL;
		now.auth_seen = now.auth_seen || strcmp(p->argv[i], "--authfile") == 0;
	}
	return image_choose(t, &f->img);
}
static enum next
f_fetch(struct task *t)
{
	return image_fetch(t, &((struct fetching *)t->state)->img);
}
static enum next
f_read(struct task *t)
{
	struct fetching *f = t->state;

	return image_read(&t->arena, &f->img, &t->err) < 0 ? TASK_FAIL : TASK_NEXT;
}
static enum next
f_unpack(struct task *t)
{
	struct fetching *f = t->state;

	image_layer(&f->img, f->layer, &f->ask);
	return jail_start(t, &g, &f->call, JAIL_UNPACK, &f->ask, sizeof(f->ask));
}
static enum next
f_unpacked(struct task *t)
{
	struct fetching *f = t->state;
	struct jail_unpack_reply reply;

	if (signer_answer(&f->call, &reply, sizeof(reply), &t->err) < 0)
		return TASK_FAIL;
	if (reply.done == 0)
		return task_sleep(t, 2000);
	if (image_unpacked(&f->img, f->layer, reply.bytes, &t->err) < 0)
		return TASK_FAIL;
	return ++f->layer < f->img.manifest.layer_count ? task_jump(t, f_unpack) : TASK_DONE;
}
static enum next
f_again(struct task *t)
{
	return task_jump(t, f_unpack);
}

static const struct step fetch_steps[] = { { "resolve", f_resolve }, { "choose", f_choose },
					   { "fetch", f_fetch },     { "read", f_read },
					   { "unpack", f_unpack },   { "unpacked", f_unpacked },
					   { "again", f_again },     STEP_END };

static void
f_done(struct task *t)
{
	now.img = ((struct fetching *)t->state)->img;
	now.e = t->err;
	now.done = true;
	loop_stop(&g.loop);
}

static void
watch(void *arg)
{
	uint64_t bytes, total;

	(void)arg;
	if (g.pulls == NULL)
		return;
	pull_progress(g.pulls, &bytes, &total);
	now.seen = MAX(now.seen, bytes);
	now.total = total;
}

static bool
launch(const struct service *s, const struct hash *pin)
{
	memset(&now, 0, sizeof(now));
	now.service = s;
	now.pin = pin;
	task_new(&g.loop, "fetch", fetch_steps, sizeof(struct fetching), 60 * SECOND_US, f_done,
		 &g);
	loop_run(&g.loop);
	return now.done && now.e.code == NULL;
}

static bool
launch_image(const char *reference, const struct hash *pin)
{
	const struct service s = { .name = "web", .image = arena_strdup(&arena, reference) };

	return launch(&s, pin);
}

static void
fine(bool result, const char *what)
{
	ok(result, "%s", what);
	if (!result)
		printf("#   %s: %s\n", now.e.code != NULL ? now.e.code->name : "-", now.e.text);
}

static void
refused(bool result, const struct code *code, const char *what)
{
	ok(!result && now.e.code == code, "%s: refused, %s", what, code->name);
	if (result || now.e.code != code)
		printf("#   got %s: %s\n", now.e.code != NULL ? now.e.code->name : "success",
		       now.e.text);
}

static int
count_in(const char *dir, const char *prefix)
{
	DIR *d = opendir(arena_printf(&arena, "%s/%s", state_dir, dir));
	struct dirent *entry;
	int n = 0;

	while (d != NULL && (entry = readdir(d)) != NULL)
		n += entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	if (d != NULL)
		closedir(d);
	return n;
}

static const char *
content_of(const struct image *img)
{
	const char *text = layers_file(&arena, state_dir, img->config.diffs, img->config.diff_count,
				       "content", 100);

	return text != NULL ? text : "-";
}

/* ------------------------------------------------------------------ */

static void
test_pull(void)
{
	struct jail_layer layer;
	struct hash first, shared;
	struct err e = ERR_NONE;
	uint32_t uid = 0, gid = 0;
	int blobs;

	fine(launch_image(OPEN "/web:1", NULL), "a tag of an open registry");
	first = now.img.source;
	shared = now.img.config.diffs[0];
	ok(now.total > 4 * MIB, "the size is known beforehand: %llu",
	   (unsigned long long)now.total);
	ok(now.seen > 0 && now.seen <= now.total, "and progress is seen: %llu",
	   (unsigned long long)now.seen);
	is_str(content_of(&now.img), "one", "the layers are there");
	ok(image_user(&arena, &now.img, &uid, &gid, &e) == 0 && uid == 33, "and their users");
	ok(g.pulls == NULL && count_in("agent", "pull-") == 0, "no scratch is left");
	image_layer(&now.img, 0, &layer);
	blobs = count_in("blobs/sha256", "");
	is_int(blobs, 4, "two layers, a config and a manifest are stored");
	fine(launch_image(OPEN "/other:1", NULL), "another image on the same base");
	ok(hash_equal(&shared, &now.img.config.diffs[0]), "shares its layer");
	is_int(count_in("blobs/sha256", ""), blobs + 3, "which is stored once");
	fine(launch_image(OPEN "/docker:1", NULL), "one in Docker's format");
	is_str(content_of(&now.img), "docker", "with its content");
	fine(launch_image(OPEN "/web:many", NULL), "an index of platforms");
	ok(hash_equal(&now.img.source, &first), "leads to the one for this machine");
	refused(launch_image(OPEN "/web:arm", NULL), &OCI_PLATFORM, "an index without ours");
	refused(launch_image(OPEN "/web:none", NULL), &IMAGE_NOT_FOUND, "a tag that is not there");
	refused(launch_image(OPEN "/web:1 --foo", NULL), &IMAGE_REFUSED, "words after the name");
	settings.image_max_bytes = 2 * MIB;
	blobs = count_in("blobs/sha256", "");
	refused(launch_image(OPEN "/large:1", NULL), &OCI_TOO_BIG, "an image that is too large");
	ok(now.total == 0 && count_in("blobs/sha256", "") == blobs,
	   "before a byte of it is fetched");
	settings.image_max_bytes = 64 * MIB;
}

static void
test_credentials(void)
{
	struct service s = { .name = "web",
			     .image = AUTH "/private:1",
			     .registry_user = "tenant",
			     .registry_password = "wrong",
			     .registry_host = AUTH };

	refused(launch(&s, NULL), &IMAGE_UNAUTHORIZED, "wrong credentials");
	refused(launch_image(AUTH "/private:1", NULL), &IMAGE_UNAUTHORIZED, "no credentials");
	s.registry_password = "open sesame";
	s.registry_host = "elsewhere.example";
	refused(launch(&s, NULL), &IMAGE_UNAUTHORIZED, "the right ones, but for another host");
	s.registry_host = AUTH;
	fine(launch(&s, NULL), "the right ones");
	ok(now.auth_seen && !now.secret_seen, "they were in no command line");
	ok(count_in("agent", "auth-") == 0, "and no file of them is left");
}

static void
test_addresses(int trap)
{
	static const char *const references[] = {
		"10.0.0.1/x:1",		"10.0.0.1:5000/x:1",	  "169.254.169.254/latest/x:1",
		"192.168.1.1:5000/x:1", AT STR(TRAP_PORT) "/x:1", "localhost:9644/x:1",
		"127.0.0.1/x:1",	"172.16.0.1:2375/x:1",	  "100.64.0.1/x:1",
		"127.1.2.3:9644/x:1",	"0.0.0.0:9644/x:1",	  "2130706433.:9644/x:1",
	};
	static const char *listed[] = { OPEN, AUTH, EVIL };

	for (size_t i = 0; i < NELEMS(references) - 1; i++)
		refused(launch_image(references[i], NULL), &REGISTRY_REFUSED, references[i]);
	ok(!launch_image(references[NELEMS(references) - 1], NULL), "a number for an address");
	settings.insecure_registries = (struct json_strs){ listed, 3 };
	ok(!launch_image(EVIL "/x:1", NULL), "a registry that redirects to this machine: %s",
	   now.e.text);
	ok(accept(trap, NULL, NULL) < 0, "the trap saw nobody");
}

/* What the agent may not do itself. */
static void
ask_root(char what)
{
	if (write(root_pair[1], &what, 1) != 1 || read(root_pair[1], &what, 1) != 1)
		fatal("ask root");
}

static void
serve_root(void)
{
	char what;

	close(root_pair[1]);
	while (read(root_pair[0], &what, 1) == 1) {
		if (what == 'm')
			push(OPEN "/web:1", "moved", 1, "");
		else
			kill(registries[0], SIGKILL);
		usleep(200000);
		(void)!write(root_pair[0], &what, 1);
	}
}

static void
test_pinned(void)
{
	struct hash pin;

	fine(launch_image(OPEN "/web:1", NULL), "a tag, once more");
	ok(now.asked, "asks the registry");
	pin = now.img.source;
	fine(launch_image(OPEN "/web:1", &pin), "the same, pinned");
	ok(!now.asked, "asks nobody");
	ask_root('m');
	fine(launch_image(OPEN "/web:1", &pin), "pinned, after the tag has moved");
	is_str(content_of(&now.img), "one", "it is what it was");
	fine(launch_image(OPEN "/web:1", NULL), "not pinned");
	is_str(content_of(&now.img), "moved", "it is what the tag means now");
	ask_root('k');
	fine(launch_image(OPEN "/web:1", &pin), "pinned, when the registry is gone");
	is_str(content_of(&now.img), "one", "it is what it was");
	refused(launch_image(OPEN "/web:1", NULL), &ERR_UNREACHABLE, "not pinned, then");
	now.img.source = pin;
}

static void
trimmed(void *arg)
{
	(void)arg;
	if (!g.trimming)
		loop_stop(&g.loop);
}

static void
trim(void)
{
	struct timer *poll;

	cache_trim(&g);
	poll = timer_every(&g.loop, 5000, 5000, trimmed, NULL);
	loop_run(&g.loop);
	timer_free(poll);
}

static uint64_t
stored(void)
{
	struct book_blob *rows;
	struct err e = ERR_NONE;
	uint64_t bytes = 0;
	size_t count;

	if (book_blobs(g.book, &arena, &rows, &count, &e) < 0)
		fatal("%s", e.text);
	for (size_t i = 0; i < count; i++)
		bytes += rows[i].bytes + rows[i].tree_bytes;
	return bytes;
}

static void
test_cache(void)
{
	struct work w = { .hash = { { 0x77 } }, .state = WORK_RUNNING };
	struct hash pin = now.img.source, diff;
	struct err e = ERR_NONE;
	uint64_t all = stored();
	int layers;

	w.award.group.name = "group";
	w.award.group.billing = "metered";
	w.images[w.image_count++] = (struct work_image){ OPEN "/web:1", pin };
	if (book_put(g.book, &w, &e) < 0)
		fatal("%s", e.text);
	fine(launch_image(OPEN "/web:1", &pin), "the pinned image is used");
	diff = now.img.config.diffs[1];
	settings.image_cache_bytes = all;
	trim();
	is_int((long long)stored(), (long long)all, "within the limit nothing goes");
	layers = count_in("blobs/sha256", "");
	settings.image_cache_bytes = all - 1;
	trim();
	ok(stored() < all && count_in("blobs/sha256", "") < layers, "above it something does");
	settings.image_cache_bytes = 0;
	trim();
	fine(launch_image(OPEN "/web:1", &pin), "at a limit of nothing, what runs is kept");
	ok(!now.asked && layer_is_here(state_dir, &diff), "all of it");
	is_int(count_in("blobs/sha256", ""), 4, "and nothing else");
	w.state = WORK_ENDED;
	if (book_put(g.book, &w, &e) < 0)
		fatal("%s", e.text);
	trim();
	is_int(count_in("blobs/sha256", ""), 0, "when the lease has ended it goes");
	ok(!layer_is_here(state_dir, &diff) && stored() == 0, "its trees too");
}

static int
agent_main(int jail, int trap)
{
	struct err e = ERR_NONE;

	if (syscall(SYS_setgroups, 0, NULL) != 0 || setresgid(AGENT, AGENT, AGENT) != 0 ||
	    setresuid(AGENT, AGENT, AGENT) != 0)
		fatal("give up root");
	umask(022);
	g.settings = &settings;
	g.jail_config = config;
	if (loop_init(&g.loop, &e) < 0)
		fatal("%s", e.text);
	g.jail = chan_open(&g.loop, jail);
	g.book = book_open(arena_printf(&arena, "%s/agent/book.sqlite", state_dir), &e);
	if (g.book == NULL)
		fatal("%s", e.text);
	file_put(arena_printf(&arena, "%s/agent/auth-9.json", state_dir), "x", 1);
	mkdir(arena_printf(&arena, "%s/agent/pull-9", state_dir), 0700);
	image_start(&g);
	ok(count_in("agent", "auth-") + count_in("agent", "pull-") == 0,
	   "a start removes old scratch");
	timer_every(&g.loop, 1000, 1000, watch, NULL);
	test_pull();
	test_credentials();
	test_addresses(trap);
	test_pinned();
	test_cache();
	book_close(g.book);
	return tap_done();
}

int
main(void)
{
	static const struct code *const codes[] = { &IMAGE_DIGEST, &IMAGE_TOO_BIG, &IMAGE_UNPACK,
						    &ERR_NOT_FOUND, &JAIL_CONFLICT };
	struct err e = ERR_NONE;
	int calls[2], execs[2], status = 1, trap;
	pid_t agent;

	if (geteuid() != 0 ||
	    system("command -v docker-registry skopeo runc nft curl >/dev/null") != 0) {
		printf("1..0 # SKIP needs root, docker-registry, skopeo, runc, nft, curl\n");
		return 77;
	}
	arena_init(&arena, 0);
	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_ERROR);
	snprintf(state_dir, sizeof(state_dir), "/var/tmp/gavel-pull-test.%d", getpid());
	snprintf(run_dir, sizeof(run_dir), "/run/gavel-pull-test.%d", getpid());
	snprintf(work, sizeof(work), "/var/tmp/gavel-pull-work.%d", getpid());
	if (shell(arena_printf(&arena, "mkdir -p %s; chmod 755 %s", work, work)) < 0 ||
	    jail_prepare(&config, &e) < 0)
		fatal("%s", e.text);
	registries[0] = registry_begin_at(OPEN_PORT, false);
	registries[1] = registry_begin_at(AUTH_PORT, true);
	evil_begin();
	trap = trap_begin();
	push(OPEN "/web:1", "one", 5, "");
	push(OPEN "/other:1", "other", 1, "");
	push(OPEN "/large:1", "large", 4, "");
	push(OPEN "/docker:1", "docker", 1, "--format v2s2");
	push(AUTH "/private:1", "private", 1, "--dest-creds 'tenant:open sesame'");
	push_index("many", "amd64");
	push_index("arm", "arm64");
	chan_register_codes(codes, NELEMS(codes));
	daemon_pair(calls);
	daemon_pair(execs);
	jail_pid = fork();
	if (jail_pid == 0) {
		close(calls[0]);
		umask(077);
		jail_serve(&config, calls[1], execs[1]);
		_exit(0);
	}
	close(calls[1]);
	fflush(stdout);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, root_pair) != 0)
		fatal("socketpair");
	agent = fork();
	if (agent == 0) {
		int result;

		close(root_pair[0]);
		result = agent_main(calls[0], trap);

		fflush(stdout);
		_exit(result);
	}
	close(calls[0]);
	serve_root();
	waitpid(agent, &status, 0);
	waitpid(jail_pid, NULL, 0);
	for (int i = 0; i < 2; i++)
		kill(registries[i], SIGKILL);
	kill(evil_pid, SIGKILL);
	if (net_stop(&config.net, &e) < 0)
		printf("# %s\n", e.text);
	shell(arena_printf(&arena, "rm -rf %s %s %s", state_dir, run_dir, work));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
