/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/image/cache.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lease/signer.h"
#include "lib/clock.h"
#include "lib/log.h"

#define TRIM_LIMIT_US (600 * SECOND_US)

static int
blob_use(const struct image *img, const struct hash *blob, uint64_t bytes, const struct hash *diff,
	 struct err *e)
{
	struct book_blob row = { .digest = *blob, .bytes = bytes, .used = clock_wall() };

	if (diff != NULL) {
		row.diff = *diff;
		row.has_tree = true;
	}
	return book_blob_use(img->agent->book, &row, e);
}

int
cache_use(const struct image *img, struct err *e)
{
	const struct oci_manifest *m = &img->manifest;

	if (blob_use(img, &img->digest, OCI_TEXT_MAX / 64, NULL, e) < 0 ||
	    blob_use(img, &m->config.digest, m->config.size, NULL, e) < 0)
		return -1;
	for (size_t i = 0; i < m->layer_count; i++)
		if (blob_use(img, &m->layers[i].digest, m->layers[i].size, &img->config.diffs[i],
			     e) < 0)
			return -1;
	return 0;
}

int
cache_unpacked(const struct image *img, size_t i, uint64_t bytes, struct err *e)
{
	return book_blob_tree(img->agent->book, &img->manifest.layers[i].digest, bytes, e);
}

void
cache_scan(struct agent *g)
{
	char dir[300], path[600];
	struct err e = ERR_NONE;
	struct dirent *entry;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/blobs/sha256", g->settings->state_dir);
	d = opendir(dir);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		struct book_blob row = { .used = clock_wall() };
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (strlen(entry->d_name) != 64 || stat(path, &st) != 0 ||
		    hash_read(entry->d_name, &row.digest, &e) < 0)
			continue;
		row.bytes = (uint64_t)st.st_size;
		if (book_blob_find(g->book, &row, &e) < 0)
			log_warn("cache.book", "error=\"%s\"", e.text);
	}
	if (d != NULL)
		closedir(d);
}

/* ------------------------------------------------------------------ */
/* Trim.                                                                */

struct trim {
	struct book_blob *rows; /* the longest unused first */
	size_t count, at;
	uint64_t bytes; /* of all */
	struct hash *kept;
	size_t kept_count;
	struct jail_forget ask;
	struct chan_call call;
};

static void
keep(struct arena *a, struct trim *c, const struct hash *h)
{
	c->kept = arena_grow(a, c->kept, c->kept_count, sizeof(*c->kept));
	c->kept[c->kept_count++] = *h;
}

static bool
is_kept(const struct trim *c, const struct hash *h)
{
	for (size_t i = 0; i < c->kept_count; i++)
		if (hash_equal(&c->kept[i], h))
			return true;
	return false;
}

/* The parts of an image that a living lease has pinned, as far as they are here. */
static void
keep_pinned(struct agent *g, struct arena *a, struct trim *c, const struct work_image *pin)
{
	struct image img = { .agent = g, .reference = pin->reference, .source = pin->source };
	struct err ignored = ERR_NONE;
	struct arena texts;

	arena_init(&texts, 0);
	if (image_load(&texts, &img, &ignored) == 0) {
		keep(a, c, &img.digest);
		keep(a, c, &img.manifest.config.digest);
		for (size_t i = 0; i < img.manifest.layer_count; i++) {
			keep(a, c, &img.manifest.layers[i].digest);
			keep(a, c, &img.config.diffs[i]);
		}
	}
	arena_release(&texts);
}

static int
trim_gather(struct task *t, struct trim *c)
{
	struct agent *g = t->owner;
	struct work *works;
	size_t count;

	cache_scan(g);
	if (book_blobs(g->book, &t->arena, &c->rows, &c->count, &t->err) < 0 ||
	    book_live(g->book, &t->arena, &works, &count, &t->err) < 0)
		return -1;
	c->bytes = 0;
	for (size_t i = 0; i < c->count; i++)
		c->bytes += c->rows[i].bytes + c->rows[i].tree_bytes;
	for (size_t i = 0; i < count && c->bytes > g->settings->image_cache_bytes; i++)
		for (uint32_t k = 0; k < works[i].image_count; k++)
			keep_pinned(g, &t->arena, c, &works[i].images[k]);
	for (const struct pull *p = g->pulls; p != NULL; p = p->next)
		for (size_t i = 0; i < p->manifest.layer_count; i++)
			keep(&t->arena, c, &p->manifest.layers[i].digest);
	return 0;
}

static enum next
trim_look(struct task *t)
{
	return trim_gather(t, t->state) < 0 ? TASK_FAIL : TASK_NEXT;
}

/* Since we looked. */
static bool
was_used(const struct agent *g, const struct book_blob *row)
{
	return book_blob_used(g->book, &row->digest) != row->used;
}

/* The next that may go; first its tree, then its blob, then its row. */
static enum next
trim_tree(struct task *t)
{
	struct trim *c = t->state;
	struct agent *g = t->owner;
	const struct book_blob *row;

	while (c->at < c->count && (is_kept(c, &c->rows[c->at].digest) ||
				    (c->rows[c->at].has_tree && is_kept(c, &c->rows[c->at].diff))))
		c->at++;
	if (c->at == c->count || c->bytes <= g->settings->image_cache_bytes)
		return TASK_DONE;
	row = &c->rows[c->at];
	if (was_used(g, row)) {
		c->at++;
		return task_jump(t, trim_tree);
	}
	if (!row->has_tree)
		return TASK_NEXT;
	c->ask.diff = row->diff;
	return jail_start(t, g, &c->call, JAIL_FORGET, &c->ask, sizeof(c->ask));
}

static enum next
trim_blob(struct task *t)
{
	struct trim *c = t->state;
	struct agent *g = t->owner;
	const struct book_blob *row = &c->rows[c->at++];
	const char *path = blob_path(&t->arena, g->settings->state_dir, &row->digest);
	char text[HASH_TEXT_SIZE];

	/* Somebody began to use it meanwhile: the jail knows better. */
	if (was_used(g, row) || (row->has_tree && c->call.err.code != NULL))
		return task_jump(t, trim_tree);
	if (unlink(path) != 0 && errno != ENOENT) {
		err_errno(&t->err, "remove %s", path);
		return TASK_FAIL;
	}
	if (book_blob_drop(g->book, &row->digest, &t->err) < 0)
		return TASK_FAIL;
	c->bytes -= row->bytes + row->tree_bytes;
	log_info("cache.dropped", "blob=%s bytes=%llu", hash_text(&row->digest, text),
		 (unsigned long long)(row->bytes + row->tree_bytes));
	return task_jump(t, trim_tree);
}

static const struct step trim_steps[] = {
	{ "look", trim_look }, { "tree", trim_tree }, { "blob", trim_blob }, STEP_END
};

static void
trim_done(struct task *t)
{
	struct agent *g = t->owner;

	g->trimming = false;
	if (t->err.code != NULL)
		log_warn("cache.failed", "error=\"%s\"", t->err.text);
}

void
cache_trim(struct agent *g)
{
	if (g->trimming)
		return;
	g->trimming = true;
	task_new(&g->loop, "trim", trim_steps, sizeof(struct trim), TRIM_LIMIT_US, trim_done, g);
}
