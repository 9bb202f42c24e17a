/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/log.h"

#define FETCH_TIMEOUT (600 * SECOND_US)
#define TAG	      "image"

const struct code IMAGE_NOT_FOUND = { "image_not_found", INVALID,
				      "the registry has no such image" };
const struct code IMAGE_REFUSED = { "image_refused", INVALID, "the image cannot be used" };

static const char *
hex_of(struct arena *a, const struct hash *h)
{
	char text[HASH_TEXT_SIZE];

	return arena_strdup(a, hash_text(h, text) + 2);
}

static const char *
layout_dir(struct arena *a, const struct image *img, const struct hash *digest)
{
	return arena_printf(a, "%s/images/%s/oci", img->agent->settings->state_dir,
			    hex_of(a, digest));
}

/* The registry's host is what stands before the first slash, if it looks like
 * a host. */
static bool
is_insecure(const struct image *img)
{
	const struct json_strs *list = &img->agent->settings->insecure_registries;
	size_t n = strcspn(img->reference, "/");

	for (size_t i = 0; i < list->count; i++)
		if (strlen(list->items[i]) == n && strncmp(list->items[i], img->reference, n) == 0)
			return true;
	return false;
}

void
image_begin(struct image *img, struct agent *g, const char *reference)
{
	*img = (struct image){ .agent = g, .reference = reference };
}

/* HOME decides where skopeo looks for credentials: nowhere. */
static void
skopeo(struct arena *a, struct image *img, const char *const *args, size_t count)
{
	const char **argv = arena_alloc(a, (count + 4) * sizeof(*argv));
	const char **env = arena_alloc(a, 5 * sizeof(*env));
	size_t n = 0;

	argv[n++] = "skopeo";
	argv[n++] = "--insecure-policy";
	for (size_t i = 0; i < count; i++)
		if (args[i] != NULL)
			argv[n++] = args[i];
	env[0] = "PATH=/usr/local/bin:/usr/bin:/bin";
	env[1] = arena_printf(a, "HOME=%s/agent", img->agent->settings->state_dir);
	env[2] = arena_printf(a, "XDG_RUNTIME_DIR=%s/agent", img->agent->settings->state_dir);
	env[3] = arena_printf(a, "TMPDIR=%s/agent", img->agent->settings->state_dir);
	img->proc = (struct proc){
		.argv = argv, .env = env, .timeout_us = FETCH_TIMEOUT, .out_max = JSON_BYTES_MAX
	};
}

enum next
image_resolve(struct task *t, struct image *img)
{
	const char *const args[] = { "inspect", "--raw",
				     is_insecure(img) ? "--tls-verify=false" : NULL,
				     arena_printf(&t->arena, "docker://%s", img->reference) };

	if (strchr(img->reference, ' ') != NULL || img->reference[0] == '-') {
		err_set(&t->err, &IMAGE_REFUSED, "image \"%.80s\"", img->reference);
		return TASK_FAIL;
	}
	skopeo(&t->arena, img, args, NELEMS(args));
	return proc_start(t, &img->proc);
}

/* skopeo's message, shortened to what a tenant can use. */
static int
skopeo_check(const struct image *img, struct err *e)
{
	const char *text = img->proc.err != NULL ? img->proc.err : "";

	if (img->proc.status == 0)
		return 0;
	if (strstr(text, "manifest unknown") != NULL || strstr(text, "name unknown") != NULL ||
	    strstr(text, "not found") != NULL)
		return err_set(e, &IMAGE_NOT_FOUND, "image %.120s", img->reference);
	if (strstr(text, "connection refused") != NULL || strstr(text, "no such host") != NULL ||
	    strstr(text, "timeout") != NULL)
		return err_set(e, &ERR_UNREACHABLE, "the registry of image %.120s", img->reference);
	if (strstr(text, "unauthorized") != NULL || strstr(text, "denied") != NULL)
		return err_set(e, &IMAGE_REFUSED, "image %.120s needs credentials", img->reference);
	return proc_check(&img->proc, e) < 0 ? err_wrap(e, "image %.100s", img->reference) : 0;
}

static const char *
note_name(struct arena *a, const struct image *img)
{
	return arena_printf(a, "image:%s", hex_of(a, &img->source));
}

enum next
image_fetch(struct task *t, struct image *img)
{
	struct agent *g = img->agent;
	const char *known, *args[6];
	struct stat st;

	if (skopeo_check(img, &t->err) < 0)
		return TASK_FAIL;
	sha256(img->proc.out, img->proc.out_len, &img->source);
	known = book_noted(g->book, &t->arena, note_name(&t->arena, img));
	if (known != NULL && hash_read(known, &img->digest, &t->err) == 0) {
		img->dir = layout_dir(&t->arena, img, &img->digest);
		if (stat(img->dir, &st) == 0) {
			img->present = true;
			return TASK_NEXT;
		}
	}
	t->err = (struct err)ERR_NONE;
	img->dir = arena_printf(&t->arena, "%s/agent/pull-%s", g->settings->state_dir,
				hex_of(&t->arena, &img->source));
	args[0] = "copy";
	args[1] = "--remove-signatures";
	args[2] = "--quiet";
	args[3] = is_insecure(img) ? "--src-tls-verify=false" : NULL;
	args[4] = arena_printf(&t->arena, "docker://%s", img->reference);
	args[5] = arena_printf(&t->arena, "oci:%s:" TAG, img->dir);
	skopeo(&t->arena, img, args, NELEMS(args));
	log_info("image.fetching", "reference=%s", img->reference);
	return proc_start(t, &img->proc);
}

/* ------------------------------------------------------------------ */

static char *
layout_file(struct arena *a, const char *dir, const char *name, size_t *len, struct err *e)
{
	const char *path = arena_printf(a, "%s/%s", dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *text;
	ssize_t n;

	if (fd < 0) {
		err_errno(e, "open %s", name);
		return NULL;
	}
	text = arena_alloc(a, OCI_TEXT_MAX + 1);
	n = read(fd, text, OCI_TEXT_MAX);
	close(fd);
	*len = n > 0 ? (size_t)n : 0;
	return text;
}

static char *
layout_blob(struct arena *a, const char *dir, const struct oci_blob *blob, size_t *len,
	    struct err *e)
{
	char *text = layout_file(
		a, dir, arena_printf(a, "blobs/sha256/%s", hex_of(a, &blob->digest)), len, e);
	struct hash h;

	if (text == NULL)
		return NULL;
	sha256(text, *len, &h);
	if (!hash_equal(&h, &blob->digest)) {
		err_set(e, &IMAGE_REFUSED, "a blob does not have its digest");
		return NULL;
	}
	return text;
}

/* A fetched layout takes the name of what is in it. */
static int
settle_layout(struct arena *a, struct image *img, struct err *e)
{
	const char *to = layout_dir(a, img, &img->digest);
	const char *parent = arena_printf(a, "%s/images/%s", img->agent->settings->state_dir,
					  hex_of(a, &img->digest));
	char text[HASH_TEXT_SIZE];

	/* The jail walks here as another user: searchable, not listable. */
	if (mkdir(parent, 0711) != 0 && errno != EEXIST)
		return err_errno(e, "make %s", parent);
	if (chmod(parent, 0711) != 0)
		return err_errno(e, "make %s", parent);
	if (rename(img->dir, to) != 0 && errno != EEXIST && errno != ENOTEMPTY)
		return err_errno(e, "keep image %s", img->reference);
	img->dir = to;
	return book_note(img->agent->book, note_name(a, img), hash_text(&img->digest, text), e);
}

int
image_read(struct arena *a, struct image *img, struct err *e)
{
	struct oci_manifest manifest;
	struct oci_blob where;
	size_t len;
	char *text;

	if (!img->present && skopeo_check(img, e) < 0)
		return -1;
	text = layout_file(a, img->dir, "index.json", &len, e);
	if (text == NULL || oci_index(a, text, len, TAG, &where, e) < 0)
		return err_wrap(e, "image %.100s", img->reference);
	img->digest = where.digest;
	if (!img->present && settle_layout(a, img, e) < 0)
		return -1;
	text = layout_blob(a, img->dir, &where, &len, e);
	if (text == NULL || oci_manifest(a, text, len, &manifest, e) < 0)
		return err_wrap(e, "image %.100s", img->reference);
	text = layout_blob(a, img->dir, &manifest.config, &len, e);
	if (text == NULL || oci_config(a, text, len, &img->config, e) < 0)
		return err_wrap(e, "image %.100s", img->reference);
	return 0;
}

/* A file of the unpacked tree, its symlinks kept inside the tree. */
static const char *
tree_file(struct arena *a, const char *root, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int dir = open(root, O_PATH | O_CLOEXEC | O_DIRECTORY), fd;
	char *text;
	ssize_t n;

	if (dir < 0)
		return NULL;
	fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	close(dir);
	if (fd < 0)
		return NULL;
	text = arena_alloc(a, OCI_TEXT_MAX + 1);
	n = read(fd, text, OCI_TEXT_MAX);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

int
image_user(struct arena *a, const struct image *img, uint32_t *uid, uint32_t *gid, struct err *e)
{
	const char *root = arena_printf(a, "%s/roots/%s", img->agent->settings->state_dir,
					hex_of(a, &img->digest));

	return oci_user(img->config.user != NULL ? img->config.user : "",
			tree_file(a, root, "etc/passwd"), tree_file(a, root, "etc/group"), uid, gid,
			e);
}
