/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/volumes.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/rules.h"
#include "provider/jail/mounts.h"
#include "provider/jail/quota.h"
#include "provider/jail/trash.h"

const struct code VOLUME_OTHER = { "volume_other", CONFLICT,
				   "the volume exists and has another size" };
const struct code VOLUME_LOST = { "volume_lost", UNAVAIL,
				  "the volume was made, and its disk is not there" };

/* ------------------------------------------------------------------ */
/* Names and paths.                                                    */

static bool
name_is_good(const char name[static 64])
{
	return memchr(name, '\0', 64) != NULL && rule_name(name) == NULL;
}

bool
jail_volume_is_good(const struct jail *j, const struct jail_volume *v)
{
	return jail_ref_is_good(&v->ref) && name_is_good(v->name) &&
	       v->class < j->c->volume_class_count;
}

static const char *
class_dir(const struct jail *j, uint8_t class)
{
	const char *dir = class < j->c->volume_class_count ? j->c->volume_dirs[class] : NULL;

	return dir != NULL ? dir : arena_printf(j->a, "%s/volumes", j->c->state_dir);
}

static const char *
volume_dir(const struct jail *j, const struct jail_volume *v)
{
	char id[JAIL_ID_SIZE];

	return arena_printf(j->a, "%s/%s-%s", class_dir(j, v->class), jail_id(&v->ref, id) + 3,
			    v->name);
}

/* Outside of the class's directory: of a disk that is not mounted nothing can be
 * read, least of all that it should be. */
static const char *
mark_path(const struct jail *j, const struct jail_volume *v)
{
	char id[JAIL_ID_SIZE];

	return arena_printf(j->a, "%s/made/%s-%s", j->c->state_dir, jail_id(&v->ref, id) + 3,
			    v->name);
}

static const char *
place(const struct jail *j, const struct container *l, const char *what, size_t i)
{
	return arena_printf(j->a, "%s/%s-%zu", l->dir, what, i);
}

static bool
volume_equal(const struct jail_volume *a, const struct jail_volume *b)
{
	return a->class == b->class && a->ref.copy == b->ref.copy &&
	       strcmp(a->ref.name, b->ref.name) == 0 && strcmp(a->name, b->name) == 0;
}

bool
volume_is_of(const struct container *l, const struct jail_volume *v)
{
	for (size_t i = 0; l->call != NULL && i < l->call->mount_count; i++)
		if (l->call->mounts[i].kind == JAIL_MOUNT_VOLUME &&
		    volume_equal(&l->call->mounts[i].volume, v))
			return true;
	return false;
}

/* ------------------------------------------------------------------ */
/* What a call asks for.                                               */

/* Its class is looked at when it is mounted: a record must stay readable when
 * the settings have changed. */
static bool
mount_is_good(const struct jail_mount *m)
{
	switch (m->kind) {
	case JAIL_MOUNT_DISK: return name_is_good(m->volume.name);
	case JAIL_MOUNT_RAM:
		return name_is_good(m->volume.name) && m->bytes >= DISK_BYTES_MIN &&
		       m->bytes <= MEMORY_BYTES_MAX;
	case JAIL_MOUNT_VOLUME:
		return jail_ref_is_good(&m->volume.ref) && name_is_good(m->volume.name) &&
		       m->bytes >= STORAGE_BYTES_MIN && m->bytes <= STORAGE_BYTES_MAX;
	default: return false;
	}
}

int
volumes_check(const struct jail_create *call, struct err *e)
{
	if (call->mount_count > JAIL_MOUNTS_MAX)
		return err_set(e, &JAIL_REFUSED, "create: %u mounts", call->mount_count);
	for (size_t i = 0; i < call->mount_count; i++) {
		if (!mount_is_good(&call->mounts[i]))
			return err_set(e, &JAIL_REFUSED, "create: mount %zu", i);
		for (size_t k = 0; k < i; k++)
			if (strcmp(call->mounts[k].volume.name, call->mounts[i].volume.name) == 0)
				return err_set(e, &JAIL_REFUSED, "create: mount %zu twice", i);
	}
	return 0;
}

int
volumes_bundle(const struct jail *j, const struct container *l, struct jail_text *t,
	       struct bundle *b, struct err *e)
{
	struct bundle_bind *binds = arena_alloc(j->a, (l->call->mount_count + 1) * sizeof(*binds));

	for (size_t i = 0; i < l->call->mount_count; i++) {
		const char *path = jail_text_next(t);

		if (path == NULL || rule_mount_path(path, false) != NULL)
			return err_set(e, &JAIL_REFUSED, "create: path of mount %zu", i);
		binds[i] = (struct bundle_bind){ place(j, l, "mount", i), path };
	}
	b->binds = binds;
	b->bind_count = l->call->mount_count;
	return 0;
}

/* ------------------------------------------------------------------ */
/* Making and mounting.                                                */

/* Whole blocks of the file system; at most what was bought. */
static uint64_t
whole_bytes(const struct jail_mount *m)
{
	return m->bytes & ~UINT64_C(4095);
}

/* Where the operator's directory keeps quotas, a directory with one; else a file
 * system of its own. */
static int
volume_fill(const struct jail *j, const struct jail_mount *m, const char *dir, struct err *e)
{
	const char *data = arena_printf(j->a, "%s/data", dir);

	if (j->c->volume_dirs[m->volume.class] == NULL || !quota_possible(dir))
		return disk_image_make(arena_printf(j->a, "%s/disk.img", dir), whole_bytes(m), 0,
				       true, e);
	return jail_dir_make(data, 0755, 0, 0, e) < 0 ? -1 : quota_set(data, whole_bytes(m), e);
}

/* The directory appears under its name when all is in it. */
static int
volume_make(const struct jail *j, const struct jail_mount *m, const char *dir, struct err *e)
{
	const char *fresh = arena_printf(j->a, "%s.new", dir);

	if (mounts_undo(fresh, e) < 0 || tree_remove(fresh, e) < 0 ||
	    jail_dir_make(class_dir(j, m->volume.class), 0700, 0, 0, e) < 0 ||
	    jail_dir_make(fresh, 0700, 0, 0, e) < 0)
		return -1;
	if (volume_fill(j, m, fresh, e) < 0) {
		struct err ignored = ERR_NONE;

		(void)!tree_remove(fresh, &ignored);
		return -1;
	}
	return rename(fresh, dir) == 0 ? 0 : err_errno(e, "rename to %s", dir);
}

static int
size_check(const struct jail_mount *m, uint64_t bytes, struct err *e)
{
	if (bytes == whole_bytes(m))
		return 0;
	return err_set(e, &VOLUME_OTHER, "volume %s has %llu bytes, not %llu", m->volume.name,
		       (unsigned long long)bytes, (unsigned long long)m->bytes);
}

/* A file system of its own, on `raw`; *data is the directory in it. Not its top:
 * lost+found is nobody's business. */
static int
image_open(const struct jail *j, const struct jail_mount *m, const char *dir, const char *raw,
	   const char **data, struct err *e)
{
	const char *image = arena_printf(j->a, "%s/disk.img", dir);
	struct stat st;

	if (lstat(image, &st) != 0)
		return err_errno(e, "look at %s", image);
	if (!S_ISREG(st.st_mode))
		return err_set(e, &VOLUME_OTHER, "%s is not a file", image);
	/* Loop devices left by a jail that died between attaching and mounting. */
	if (size_check(m, (uint64_t)st.st_size, e) < 0 || mounts_undo(dir, e) < 0 ||
	    jail_dir_make(raw, 0700, 0, 0, e) < 0 || disk_image_mount(image, raw, e) < 0)
		return -1;
	*data = arena_printf(j->a, "%s/data", raw);
	/* The files are not for whoever on the host may walk here. */
	if (chmod(raw, 0700) != 0 || (mkdir(*data, 0755) == 0 && chmod(*data, 0755) != 0))
		return err_errno(e, "make %s", *data);
	return 0;
}

/* It is there, or is made: but never a second time, empty, because the first is
 * out of sight. */
static int
volume_find(const struct jail *j, const struct jail_mount *m, const char *dir, struct err *e)
{
	const char *mark = mark_path(j, &m->volume);
	bool marked = access(mark, F_OK) == 0;

	if (access(dir, F_OK) != 0) {
		if (errno != ENOENT)
			return err_errno(e, "look at %s", dir);
		if (marked)
			return err_set(e, &VOLUME_LOST, "volume %s is not in %s: is that mounted?",
				       m->volume.name, class_dir(j, m->volume.class));
		if (volume_make(j, m, dir, e) < 0)
			return -1;
	}
	if (marked)
		return 0;
	return jail_dir_make(arena_printf(j->a, "%s/made", j->c->state_dir), 0700, 0, 0, e) < 0
		       ? -1
		       : jail_file_put(j->a, mark, "", 0, e);
}

static int
persistent_mount(const struct jail *j, const struct container *l, size_t i, struct err *e)
{
	const struct jail_mount *m = &l->call->mounts[i];
	const char *dir = volume_dir(j, &m->volume), *data = arena_printf(j->a, "%s/data", dir);
	uint32_t base = j->c->image_uid_base;
	uint64_t limit, used;

	if (!jail_volume_is_good(j, &m->volume))
		return err_set(e, &JAIL_REFUSED, "create: class of volume %s", m->volume.name);
	if (volume_find(j, m, dir, e) < 0)
		return -1;
	if (quota_read(data, &limit, &used)) {
		if (size_check(m, limit, e) < 0)
			return -1;
	} else if (image_open(j, m, dir, place(j, l, "raw", i), &data, e) < 0) {
		return -1;
	}
	if (chown(data, base + l->call->uid, base + l->call->gid) != 0)
		return err_errno(e, "hand over %s", data);
	return volume_mount(data, place(j, l, "mount", i), base, jail_slot_ids(j, l->call->slot),
			    BUNDLE_IDS, m->readonly != 0, e);
}

static int
directory_mount(const struct jail *j, const struct container *l, size_t i, uint32_t owner,
		uint32_t group, struct err *e)
{
	const struct jail_mount *m = &l->call->mounts[i];
	const char *dir = arena_printf(j->a, "%s/disk/volumes", l->dir);
	const char *own = arena_printf(j->a, "%s/%s", dir, m->volume.name);

	if (jail_dir_make(dir, 0711, 0, 0, e) < 0 || jail_dir_make(own, 0755, owner, group, e) < 0)
		return -1;
	return bound_mount(own, place(j, l, "mount", i), m->readonly != 0, e);
}

static int
one_mount(const struct jail *j, const struct container *l, size_t i, struct err *e)
{
	const struct jail_mount *m = &l->call->mounts[i];
	uint32_t ids = jail_slot_ids(j, l->call->slot);
	uint32_t owner = ids + l->call->uid, group = ids + l->call->gid;

	switch (m->kind) {
	case JAIL_MOUNT_VOLUME: return persistent_mount(j, l, i, e);
	case JAIL_MOUNT_RAM: return ram_mount(place(j, l, "mount", i), m->bytes, owner, group, e);
	default: return directory_mount(j, l, i, owner, group, e);
	}
}

int
volumes_mount(const struct jail *j, const struct container *l, const struct bundle *b,
	      struct err *e)
{
	for (size_t i = 0; i < l->call->mount_count; i++)
		if (one_mount(j, l, i, e) < 0 ||
		    point_make(l->dir, b->binds[i].to, b->host_id, false, e) < 0)
			return err_wrap(e, "volume %s", l->call->mounts[i].volume.name);
	return 0;
}

/* ------------------------------------------------------------------ */
/* Undoing.                                                            */

int
volumes_settle(const struct jail *j, const struct container *l, struct err *e)
{
	for (size_t i = 0; l->call != NULL && i < l->call->mount_count; i++)
		if (l->call->mounts[i].kind == JAIL_MOUNT_VOLUME &&
		    mounts_undo(volume_dir(j, &l->call->mounts[i].volume), e) < 0)
			return -1;
	return 0;
}

/* Of the same file system. */
static const char *
trash_of(const struct jail *j, uint8_t class)
{
	const char *own = j->c->volume_dirs[class];

	return own != NULL ? arena_printf(j->a, "%s/.trash", own)
			   : arena_printf(j->a, "%s/trash", j->c->state_dir);
}

void
volumes_clean(const struct jail *j)
{
	for (size_t i = 0; i < j->c->volume_class_count; i++)
		trash_empty(j->a, trash_of(j, (uint8_t)i));
}

int
volume_drop(const struct jail *j, const struct jail_volume *v, struct err *e)
{
	const char *dir = volume_dir(j, v), *gone = arena_printf(j->a, "%s.gone", dir);
	bool is_image = access(arena_printf(j->a, "%s/disk.img", dir), F_OK) == 0;

	if (tree_remove(gone, e) < 0 || tree_remove(arena_printf(j->a, "%s.new", dir), e) < 0)
		return -1;
	/* One file: its room is wanted back at once. Else out of the way first, so
	 * that a half removed one is never mounted. */
	if (!is_image && trash_put(j->a, trash_of(j, v->class), dir, e) < 0)
		return -1;
	if (is_image && rename(dir, gone) != 0)
		return err_errno(e, "rename %s", dir);
	if (unlink(mark_path(j, v)) != 0 && errno != ENOENT)
		return err_errno(e, "forget %s", dir);
	return tree_remove(gone, e);
}
