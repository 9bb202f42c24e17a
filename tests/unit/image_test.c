/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may use an image that is on the disk already. The registry is one that the
 * gate refuses, so a question to it fails; its answers are put into the call.
 */
#include "provider/image/image.h"

#include <sys/stat.h>
#include <unistd.h>

#include "deploy/oci.h"
#include "lib/bytes.h"
#include "lib/proc.h"
#include "tests/unit/tap.h"

#define TAR_TYPE "application/vnd.oci.image.layer.v1.tar"
#define ASKED	 TASK_FAIL /* by the gate */

static struct arena arena;
static struct provider_settings settings = { .image_max_bytes = 1 << 20 };
static struct agent agent = { .settings = &settings };
static const struct hash owner = { { 1 } }, stranger = { { 2 } };
static char dir[] = "/tmp/gavel-image-XXXXXX";
static const char *manifest; /* its text */
static struct hash source;

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (f == NULL || fputs(text, f) < 0)
		fatal("write %s", path);
	fclose(f);
}

static const char *
blob(const char *text, struct hash *digest)
{
	char hex[HASH_TEXT_SIZE];

	sha256(text, strlen(text), digest);
	put(blob_path(&arena, dir, digest), text);
	return arena_printf(&arena, "sha256:%s", hash_text(digest, hex) + 2);
}

/* A whole image in the store, under the digest that the registry has for it. */
static void
image_put(void)
{
	struct hash config, layer = { { 9 } };
	char hex[HASH_TEXT_SIZE];
	const char *diff = hash_text(&layer, hex) + 2, *name;

	name = blob(arena_printf(&arena,
				 "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{},"
				 "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}",
				 diff),
		    &config);
	manifest = arena_printf(&arena,
				"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
				"vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":100},"
				"\"layers\":[{\"mediaType\":\"" TAR_TYPE
				"\",\"digest\":\"sha256:%s\",\"size\":7}]}",
				name, diff);
	blob(manifest, &source);
	if (mkdir(layer_dir(&arena, dir, &layer), 0755) != 0)
		fatal("make a layer");
}

static void
note(const char *what, const struct hash *h, const char *value)
{
	struct err e = ERR_NONE;
	char hex[HASH_TEXT_SIZE];

	is_int(book_note(agent.book, arena_printf(&arena, "%s:%s", what, hash_text(h, hex) + 2),
			 value, &e),
	       0, "note");
}

static void
begin(struct task *t, struct image *img, const struct hash *lease, const char *user, bool pinned)
{
	static char reference[200];
	char hex[HASH_TEXT_SIZE];
	struct service s = {
		.name = "web", .image = reference, .registry_user = user, .registry_password = user
	};

	snprintf(reference, sizeof(reference), "127.0.0.1:9/x@sha256:%s",
		 hash_text(&source, hex) + 2);
	*t = (struct task){ .owner = &agent };
	arena_init(&t->arena, 0);
	image_begin(img, &agent, lease, &s, pinned ? &source : NULL);
}

/* What the registry says to the question before. */
static void
answer(struct image *img, const char *text, int status)
{
	img->registry.proc.out = arena_strdup(&arena, text);
	img->registry.proc.out_len = strlen(text);
	img->registry.proc.err = arena_strdup(&arena, "unauthorized");
	img->registry.proc.status = status;
}

static enum next
resolve(const struct hash *lease, bool pinned)
{
	struct image img;
	struct task t;
	enum next next;

	begin(&t, &img, lease, NULL, pinned);
	next = image_resolve(&t, &img);
	ok(img.present == (next == TASK_NEXT), "used from the disk, or not");
	arena_release(&t.arena);
	return next;
}

/* The registry gives the manifest, or it does not. */
static enum next
ask(const struct hash *lease, const char *text, int status)
{
	struct image img;
	struct task t;
	enum next next;

	begin(&t, &img, lease, NULL, false);
	is_int(image_resolve(&t, &img), ASKED, "the registry is asked");
	answer(&img, text, status);
	next = image_choose(&t, &img);
	if (next == TASK_NEXT)
		next = image_fetch(&t, &img);
	ok(img.present == (next == TASK_NEXT), "used from the disk, or not");
	arena_release(&t.arena);
	return next;
}

static void
test_public(void)
{
	is_int(resolve(&owner, false), TASK_NEXT, "an image that nobody locked is free to use");
	is_int(resolve(&stranger, true), TASK_NEXT, "pinned, too");
}

/* Fetched with credentials: noted before the first byte. */
static void
test_locked(void)
{
	struct hash elsewhere = { { 77 } };
	char hex[HASH_TEXT_SIZE];
	struct image img;
	struct task t;

	note("image", &source, hash_text(&elsewhere, hex));
	begin(&t, &img, &owner, "me", false);
	img.known = true;
	img.source = source;
	answer(&img, manifest, 0);
	is_int(image_fetch(&t, &img), ASKED, "the fetch of the owner");
	arena_release(&t.arena);
	note("image", &source, hash_text(&source, hex));

	is_int(resolve(&owner, false), TASK_NEXT, "the lease that fetched it has it");
	is_int(resolve(&stranger, false), ASKED, "who knows the digest only does not");
	is_int(resolve(&stranger, true), ASKED, "nor by a pin, which precedes the answer");
	is_int(ask(&stranger, "", 1), TASK_FAIL, "the registry refuses: so do we");
	is_int(resolve(&stranger, false), ASKED, "and go on asking");
	is_int(ask(&stranger, "{}", 0), TASK_FAIL, "another manifest is no proof");
	is_int(resolve(&stranger, false), ASKED, "still");
	is_int(ask(&stranger, manifest, 0), TASK_NEXT, "the registry shows it: it may be used");
	is_int(resolve(&stranger, true), TASK_NEXT, "and from then on without asking");
}

int
main(void)
{
	struct err e = ERR_NONE;
	const char *rm[] = { "rm", "-rf", dir, NULL };
	struct proc p = { .argv = rm };
	char hex[HASH_TEXT_SIZE];

	arena_init(&arena, 0);
	if (mkdtemp(dir) == NULL)
		fatal("mkdtemp");
	settings.state_dir = dir;
	for (const char *const *name =
		     (const char *const[]){ "blobs", "blobs/sha256", "layers", "agent", NULL };
	     *name != NULL; name++)
		if (mkdir(arena_printf(&arena, "%s/%s", dir, *name), 0755) != 0)
			fatal("make %s", *name);
	agent.book = book_open(arena_printf(&arena, "%s/book", dir), &e);
	if (agent.book == NULL)
		fatal("%s", e.text);
	image_put();
	note("image", &source, hash_text(&source, hex));
	test_public();
	test_locked();
	book_close(agent.book);
	if (proc_now(&arena, &p, &e) < 0)
		printf("# %s\n", e.text);
	arena_release(&arena);
	return tap_done();
}
