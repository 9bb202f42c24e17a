/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/image/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "provider/image/cache.h"

#define PASSWD_MAX OCI_TEXT_MAX

void
image_begin(struct image *img, struct agent *g, const struct hash *lease, const struct service *s,
	    const struct hash *pin)
{
	*img = (struct image){ .agent = g, .lease = *lease, .reference = s->image };
	registry_begin(&img->registry, g, s);
	img->known = pin != NULL;
	if (pin != NULL)
		img->source = *pin;
}

static const char *
note_name(struct arena *a, const struct hash *source)
{
	char text[HASH_TEXT_SIZE];

	return arena_printf(a, "image:%s", hash_text(source, text) + 2);
}

/* ------------------------------------------------------------------ */
/* From the disk.                                                       */

static char *
text_read(struct arena *a, const char *path, size_t *len, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *text;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) != 0) {
		err_errno(e, "open %s", path);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	*len = (size_t)MIN((uint64_t)st.st_size, (uint64_t)OCI_TEXT_MAX + 1);
	text = arena_alloc(a, *len + 1);
	n = read(fd, text, *len);
	close(fd);
	*len = n > 0 ? (size_t)n : 0;
	return text;
}

static char *
blob_read(struct arena *a, const struct image *img, const struct hash *digest, size_t *len,
	  struct err *e)
{
	char *text = text_read(a, blob_path(a, img->agent->settings->state_dir, digest), len, e);
	struct hash h;

	if (text == NULL)
		return NULL;
	sha256(text, *len, &h);
	if (!hash_equal(&h, digest)) {
		err_set(e, &IMAGE_REFUSED, "a part of the image does not have its digest");
		return NULL;
	}
	return text;
}

static bool
layer_is_at_hand(struct arena *a, const struct image *img, size_t i)
{
	const char *dir = img->agent->settings->state_dir;
	struct stat st;

	return layer_is_here(dir, &img->config.diffs[i]) ||
	       (stat(blob_path(a, dir, &img->manifest.layers[i].digest), &st) == 0 &&
		(uint64_t)st.st_size == img->manifest.layers[i].size);
}

/* Manifest and config, and that they fit together. */
static int
image_parts(struct arena *a, struct image *img, struct err *e)
{
	size_t len;
	char *text = blob_read(a, img, &img->digest, &len, e);

	if (text == NULL || oci_manifest(a, text, len, &img->manifest, e) < 0)
		return -1;
	text = blob_read(a, img, &img->manifest.config.digest, &len, e);
	if (text == NULL || oci_config(a, text, len, &img->config, e) < 0)
		return -1;
	if (img->config.diff_count != img->manifest.layer_count || img->config.diff_count == 0)
		return err_set(e, &OCI_BAD, "%zu layers, but %zu diff ids in the config",
			       img->manifest.layer_count, img->config.diff_count);
	return 0;
}

int
image_load(struct arena *a, struct image *img, struct err *e)
{
	const char *known = book_noted(img->agent->book, a, note_name(a, &img->source));

	if (known == NULL)
		return err_set(e, &ERR_NOT_FOUND, "image %.100s is not on the disk",
			       img->reference);
	if (hash_read(known, &img->digest, e) < 0 || image_parts(a, img, e) < 0)
		return -1;
	for (size_t i = 0; i < img->manifest.layer_count; i++)
		if (!layer_is_at_hand(a, img, i))
			return err_set(e, &ERR_NOT_FOUND, "a layer is not on the disk");
	img->present = true;
	return 0;
}

/* ------------------------------------------------------------------ */
/* Whose it is.                                                         */

/* Set once the image was fetched with somebody's credentials; that of a lease,
 * once the registry has given the manifest to that very lease. The pin does not
 * tell: it is written before the registry has answered for the digest. */
static const char *
private_name(struct arena *a, const struct image *img, const struct hash *lease)
{
	char source[HASH_TEXT_SIZE], text[HASH_TEXT_SIZE];

	return arena_printf(a, "private:%s%s%s", hash_text(&img->source, source) + 2,
			    lease != NULL ? ":" : "",
			    lease != NULL ? hash_text(lease, text) + 2 : "");
}

/* To know the digest of somebody's image is not to have it. */
static bool
image_is_open(struct arena *a, const struct image *img)
{
	struct book *b = img->agent->book;

	return book_noted(b, a, private_name(a, img, NULL)) == NULL ||
	       book_noted(b, a, private_name(a, img, &img->lease)) != NULL;
}

static int
image_let_in(struct arena *a, const struct image *img, struct err *e)
{
	return image_is_open(a, img)
		       ? 0
		       : book_note(img->agent->book, private_name(a, img, &img->lease), "1", e);
}

/* Before the first byte, for a fetch that fails leaves parts behind. */
static int
image_shut(struct arena *a, const struct image *img, struct err *e)
{
	struct book *b = img->agent->book;

	if (img->registry.user == NULL || img->registry.password == NULL)
		return 0;
	if (book_note(b, private_name(a, img, &img->lease), "1", e) < 0)
		return -1;
	return book_note(b, private_name(a, img, NULL), "1", e);
}

/* Known, here, and for this lease: then nobody has to be asked. */
static bool
image_is_here(struct arena *a, struct image *img)
{
	struct err ignored = ERR_NONE;

	return img->known && image_is_open(a, img) && image_load(a, img, &ignored) == 0;
}

/* ------------------------------------------------------------------ */
/* From the registry.                                                   */

enum next
image_resolve(struct task *t, struct image *img)
{
	if (!img->known && reference_digest(img->reference, &img->source))
		img->known = true;
	if (image_is_here(&t->arena, img))
		return TASK_NEXT;
	if (img->known)
		img->registry.reference = reference_pin(&t->arena, img->reference, &img->source);
	return registry_inspect(t, &img->registry);
}

/* skopeo prints what the registry sent: whether it is what was asked for is
 * looked at here. */
static int
answer_check(struct image *img, struct hash *digest, struct err *e)
{
	const struct proc *p = &img->registry.proc;

	if (registry_check(&img->registry, e) < 0)
		return -1;
	if (p->out_len > OCI_TEXT_MAX)
		return err_set(e, &OCI_TOO_BIG, "image %.100s: a manifest of more than %u bytes",
			       img->reference, OCI_TEXT_MAX);
	sha256(p->out, p->out_len, digest);
	if (img->known && !hash_equal(digest, &img->source))
		return err_set(e, &IMAGE_REFUSED, "image %.100s: the manifest has another digest",
			       img->reference);
	return 0;
}

enum next
image_choose(struct task *t, struct image *img)
{
	const struct proc *p = &img->registry.proc;
	struct oci_blob chosen;
	struct hash digest;
	int several;

	if (img->present)
		return TASK_NEXT;
	if (answer_check(img, &digest, &t->err) < 0)
		return TASK_FAIL;
	several = oci_choose(&t->arena, p->out, p->out_len, &chosen, &t->err);
	if (several < 0) {
		err_wrap(&t->err, "image %.100s", img->reference);
		return TASK_FAIL;
	}
	img->source = several ? chosen.digest : digest;
	img->known = true;
	if (!several || image_is_here(&t->arena, img))
		return TASK_NEXT;
	img->asked = true;
	img->registry.reference = reference_pin(&t->arena, img->reference, &img->source);
	return registry_inspect(t, &img->registry);
}

static int
dir_entry_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
pull_end(void *arg)
{
	struct pull *p = arg;

	for (struct pull **at = &p->agent->pulls; *at != NULL; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			nftw(p->dir, dir_entry_remove, 8, FTW_DEPTH | FTW_PHYS);
			return;
		}
}

static void
pull_begin(struct task *t, struct image *img)
{
	static unsigned number;
	struct agent *g = img->agent;
	struct pull *p = ARENA_NEW(&t->arena, struct pull);

	p->agent = g;
	p->lease = img->lease;
	p->reference = arena_strdup(&t->arena, img->reference);
	p->dir = arena_printf(&t->arena, "%s/agent/pull-%u", g->settings->state_dir, number++);
	p->manifest = img->manifest;
	nftw(p->dir, dir_entry_remove, 8, FTW_DEPTH | FTW_PHYS);
	p->next = g->pulls;
	g->pulls = p;
	img->pull = p;
	/* Its list entry and its directory go with the task, however that ends. */
	arena_defer(&t->arena, pull_end, p);
}

/* Too large is said before the first byte of a layer is fetched. */
static int
size_check(const struct image *img, struct err *e)
{
	uint64_t most = img->agent->settings->image_max_bytes;

	if (img->manifest.layer_bytes <= most)
		return 0;
	return err_set(e, &OCI_TOO_BIG,
		       "image %.100s: layers of %llu bytes, at most %llu are taken", img->reference,
		       (unsigned long long)img->manifest.layer_bytes, (unsigned long long)most);
}

static uint64_t
largest_layer(const struct oci_manifest *m)
{
	uint64_t most = 0;

	for (size_t i = 0; i < m->layer_count; i++)
		most = MAX(most, m->layers[i].size);
	return most;
}

enum next
image_fetch(struct task *t, struct image *img)
{
	const struct proc *p = &img->registry.proc;
	struct hash digest;

	if (img->present)
		return TASK_NEXT;
	if (img->asked && answer_check(img, &digest, &t->err) < 0)
		return TASK_FAIL;
	if (oci_manifest(&t->arena, p->out, p->out_len, &img->manifest, &t->err) < 0 ||
	    size_check(img, &t->err) < 0) {
		err_wrap(&t->err, "image %.100s", img->reference);
		return TASK_FAIL;
	}
	/* The registry has shown this lease the manifest. */
	if (image_let_in(&t->arena, img, &t->err) < 0)
		return TASK_FAIL;
	if (image_is_here(&t->arena, img))
		return TASK_NEXT;
	if (image_shut(&t->arena, img, &t->err) < 0)
		return TASK_FAIL;
	pull_begin(t, img);
	img->registry.reference = reference_pin(&t->arena, img->reference, &img->source);
	return registry_copy(t, &img->registry, img->pull->dir, largest_layer(&img->manifest));
}

/* The index that skopeo wrote says what the image is called in the store. */
static int
fetched_read(struct arena *a, struct image *img, struct err *e)
{
	char text[HASH_TEXT_SIZE];
	struct oci_blob where;
	size_t len;
	char *index;

	if (registry_check(&img->registry, e) < 0)
		return -1;
	index = text_read(a, arena_printf(a, "%s/index.json", img->pull->dir), &len, e);
	if (index == NULL || oci_index(a, index, len, REGISTRY_TAG, &where, e) < 0)
		return -1;
	if (book_note(img->agent->book, note_name(a, &img->source), hash_text(&where.digest, text),
		      e) < 0)
		return -1;
	return image_load(a, img, e);
}

int
image_read(struct arena *a, struct image *img, struct err *e)
{
	if (!img->present && fetched_read(a, img, e) < 0)
		return err_wrap(e, "image %.100s", img->reference);
	if (cache_use(img, e) < 0)
		return -1;
	if (img->pull != NULL)
		pull_end(img->pull);
	return 0;
}

/* ------------------------------------------------------------------ */
/* For the jail.                                                        */

void
image_layer(const struct image *img, size_t i, struct jail_layer *out)
{
	uint64_t most = img->agent->settings->image_max_bytes;

	*out = (struct jail_layer){
		.digest = img->manifest.layers[i].digest,
		.diff = img->config.diffs[i],
		.size = img->manifest.layers[i].size,
		/* 0 would mean no limit of ours. */
		.bytes_max = MAX(most - MIN(img->unpacked_bytes, most), UINT64_C(1)),
	};
}

int
image_unpacked(struct image *img, size_t i, uint64_t bytes, struct err *e)
{
	img->unpacked_bytes += bytes;
	return cache_unpacked(img, i, bytes, e);
}

uint32_t
image_layers(const struct image *img, struct hash out[static LAYERS_MAX])
{
	uint32_t n = 0;

	for (size_t i = 0; i < img->config.diff_count; i++) {
		bool again = false;

		for (size_t k = i + 1; k < img->config.diff_count && !again; k++)
			again = hash_equal(&img->config.diffs[i], &img->config.diffs[k]);
		if (!again)
			out[n++] = img->config.diffs[i];
	}
	return n;
}

int
image_user(struct arena *a, const struct image *img, uint32_t *uid, uint32_t *gid, struct err *e)
{
	const char *dir = img->agent->settings->state_dir;
	const char *user = img->config.user != NULL ? img->config.user : "";
	size_t n = img->config.diff_count;

	if (user[0] == '\0')
		return oci_user(user, NULL, NULL, uid, gid, e);
	return oci_user(user, layers_file(a, dir, img->config.diffs, n, "etc/passwd", PASSWD_MAX),
			layers_file(a, dir, img->config.diffs, n, "etc/group", PASSWD_MAX), uid,
			gid, e);
}

/* ------------------------------------------------------------------ */
/* Progress.                                                            */

static uint64_t
file_bytes(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Whole blobs in the store, and what grows in the directory of the fetch. */
void
pull_progress(const struct pull *p, uint64_t *bytes, uint64_t *total)
{
	DIR *d = opendir(p->dir);
	struct dirent *entry;
	struct arena a;

	arena_init(&a, 0);
	*bytes = 0;
	*total = p->manifest.layer_bytes;
	for (size_t i = 0; i < p->manifest.layer_count; i++)
		*bytes += file_bytes(blob_path(&a, p->agent->settings->state_dir,
					       &p->manifest.layers[i].digest));
	while (d != NULL && (entry = readdir(d)) != NULL)
		if (strncmp(entry->d_name, "oci-put-blob", 12) == 0)
			*bytes += file_bytes(arena_printf(&a, "%s/%s", p->dir, entry->d_name));
	if (d != NULL)
		closedir(d);
	*bytes = MIN(*bytes, *total);
	arena_release(&a);
}

void
image_start(struct agent *g)
{
	char dir[300], path[600];
	struct dirent *entry;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/agent", g->settings->state_dir);
	d = opendir(dir);
	while (d != NULL && (entry = readdir(d)) != NULL)
		if (strncmp(entry->d_name, "pull-", 5) == 0 ||
		    strncmp(entry->d_name, "auth-", 5) == 0) {
			snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
			nftw(path, dir_entry_remove, 8, FTW_DEPTH | FTW_PHYS);
		}
	if (d != NULL)
		closedir(d);
	cache_scan(g);
}
