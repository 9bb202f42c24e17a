/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/gpus.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "provider/jail/mounts.h"

/* ------------------------------------------------------------------ */
/* Finding the specifications.                                         */

static bool
only_root_writes(const struct stat *st)
{
	return st->st_uid == 0 && (st->st_mode & 022) == 0;
}

/* -1: whoever else can write it says what comes into containers; to be mended
 * whatever is in it. */
static int
text_read(struct arena *a, int dir, const char *path, const char *name, char **out, size_t *out_len,
	  struct err *e)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *text = arena_alloc(a, JSON_BYTES_MAX + 1);
	struct stat st;
	ssize_t len;

	if (fd < 0)
		return err_errno(e, "open %s/%s", path, name);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !only_root_writes(&st)) {
		close(fd);
		return err_set(e, &CDI_BAD, "%s/%s: must be a file that only root can write", path,
			       name);
	}
	len = read(fd, text, JSON_BYTES_MAX + 1);
	close(fd);
	if (len < 0 || len > JSON_BYTES_MAX)
		return err_set(e, &CDI_BAD, "%s/%s: more than %d bytes", path, name,
			       JSON_BYTES_MAX);
	*out = text;
	*out_len = (size_t)len;
	return 0;
}

struct search {
	struct arena *a;
	const char *device, *found_in;
	struct cdi_edits *out;
	struct err why; /* the first file that could not be used */
};

static int
search_file(struct search *s, int dir, const char *path, const char *name, struct err *e)
{
	struct err why = ERR_NONE;
	struct cdi_spec spec;
	struct cdi_edits edits;
	size_t len = 0;
	char *text;
	int found;

	if (text_read(s->a, dir, path, name, &text, &len, e) < 0)
		return -1;
	/* A file of another device may be of a later version: it matters only
	 * when ours is not found. */
	if (cdi_read(s->a, arena_printf(s->a, "%s/%s", path, name), text, len, &spec, &why) < 0) {
		if (s->why.code == NULL)
			s->why = why;
		return 0;
	}
	found = cdi_device(s->a, &spec, s->device, &edits, e);
	if (found <= 0)
		return found;
	if (s->found_in != NULL)
		return err_set(e, &CDI_BAD, "%s is in %s and in %s/%s", s->device, s->found_in,
			       path, name);
	s->found_in = arena_printf(s->a, "%s/%s", path, name);
	*s->out = edits;
	return 0;
}

static bool
is_spec(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] != '.' && dot != NULL &&
	       (strcmp(dot, ".json") == 0 || strcmp(dot, ".yaml") == 0);
}

static int
search_dir(struct search *s, const char *path, struct err *e)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	struct stat st;
	int result = 0;

	if (d == NULL)
		return 0;
	if (fstat(dirfd(d), &st) != 0 || !only_root_writes(&st))
		result = err_set(e, &CDI_BAD, "%s: must be a directory that only root can write",
				 path);
	while (result == 0 && (entry = readdir(d)) != NULL)
		if (is_spec(entry->d_name))
			result = search_file(s, dirfd(d), path, entry->d_name, e);
	closedir(d);
	return result;
}

int
gpus_load(const struct jail_config *c, struct arena *a, struct cdi_edits **out, struct err *e)
{
	const char *const dirs[] = { "/etc/cdi", "/var/run/cdi", c->cdi_dir };

	*out = arena_alloc(a, (c->gpu_count + 1) * sizeof(**out));
	for (size_t i = 0; i < c->gpu_count; i++) {
		struct search s = { .a = a, .device = c->gpus[i], .out = &(*out)[i] };
		const char *fault = cdi_name_fault(c->gpus[i]);

		if (fault != NULL)
			return err_set(e, &CDI_BAD, "%.120s: %s", c->gpus[i], fault);
		for (size_t k = 0; k < NELEMS(dirs); k++)
			if (dirs[k] != NULL && search_dir(&s, dirs[k], e) < 0)
				return -1;
		if (s.found_in == NULL)
			return err_set(e, &CDI_BAD, "%s is in no specification%s%s", c->gpus[i],
				       s.why.code != NULL ? "; " : "", s.why.text);
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* Into a container.                                                   */

int
gpus_check(const struct jail_create *call, struct err *e)
{
	if (call->gpu_count > JAIL_GPUS_MAX)
		return err_set(e, &JAIL_REFUSED, "create: %u devices", call->gpu_count);
	for (size_t i = 0; i < call->gpu_count; i++) {
		for (size_t k = 0; k < i; k++)
			if (call->gpus[k] == call->gpus[i])
				return err_set(e, &JAIL_REFUSED, "create: device %u twice",
					       call->gpus[i]);
	}
	return 0;
}

static bool
has_variable(const char *const *list, size_t count, const char *variable)
{
	size_t len = strcspn(variable, "=") + 1;

	for (size_t i = 0; i < count; i++)
		if (strncmp(list[i], variable, len) == 0)
			return true;
	return false;
}

void
gpus_env(const struct jail *j, const struct jail_create *call, struct bundle_process *p)
{
	const char **list = NULL;
	size_t count = 0, of_devices;

	for (size_t g = 0; g < call->gpu_count; g++) {
		static const struct json_strs none;
		const struct json_strs *env =
			call->gpus[g] < j->c->gpu_count ? &j->gpus[call->gpus[g]].env : &none;

		for (size_t i = 0; i < env->count; i++) {
			if (has_variable(list, count, env->items[i]))
				continue;
			list = arena_grow(j->a, list, count, sizeof(*list));
			list[count++] = env->items[i];
		}
	}
	of_devices = count;
	for (size_t i = 0; of_devices > 0 && i < p->env_count; i++) {
		if (has_variable(list, of_devices, p->env[i]))
			continue;
		list = arena_grow(j->a, list, count, sizeof(*list));
		list[count++] = p->env[i];
	}
	if (of_devices > 0) {
		p->env = list;
		p->env_count = count;
	}
}

/* Two devices of one vendor share most of their files: each place once. */
static bool
is_bound(const struct bundle *b, const char *to)
{
	for (size_t i = 0; i < b->bind_count; i++)
		if (strcmp(b->binds[i].to, to) == 0)
			return true;
	return false;
}

static void
bind_add(const struct jail *j, struct bundle *b, const char *from, const char *to)
{
	struct bundle_bind *list =
		arena_grow(j->a, (void *)(uintptr_t)b->binds, b->bind_count, sizeof(*list));

	list[b->bind_count++] = (struct bundle_bind){ from, to };
	b->binds = list;
}

static int
node_add(const struct jail *j, const struct cdi_node *n, struct bundle *b, struct err *e)
{
	const char *from = n->hostPath != NULL ? n->hostPath : n->path;
	const char *access = n->permissions != NULL ? n->permissions : "rw";
	struct bundle_node *list;
	struct stat st;

	if (stat(from, &st) != 0)
		return err_errno(e, "device %s", from);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, &CDI_BAD, "%s is not a device", from);
	list = arena_grow(j->a, (void *)(uintptr_t)b->nodes, b->node_count, sizeof(*list));
	/* Making nodes of that number is not for workloads. */
	list[b->node_count++] = (struct bundle_node){
		.type = S_ISCHR(st.st_mode) ? 'c' : 'b',
		.major = major(st.st_rdev),
		.minor = minor(st.st_rdev),
		.access = strchr(access, 'w') == NULL	? "r"
			  : strchr(access, 'r') == NULL ? "w"
							: "rw",
	};
	b->nodes = list;
	bind_add(j, b, from, n->path);
	return 0;
}

/* Where the vendor's file i of device g is prepared. */
static const char *
prepared(const struct jail *j, const struct container *l, size_t g, size_t i)
{
	return arena_printf(j->a, "%s/device-%zu-%zu", l->dir, g, i);
}

int
gpus_bundle(const struct jail *j, const struct container *l, struct bundle *b, struct err *e)
{
	for (size_t g = 0; g < l->call->gpu_count; g++) {
		const struct cdi_edits *edits;
		const struct cdi_mount *mounts;
		const struct cdi_node *nodes;

		if (l->call->gpus[g] >= j->c->gpu_count)
			return err_set(e, &JAIL_REFUSED, "create: device %u", l->call->gpus[g]);
		edits = &j->gpus[l->call->gpus[g]];
		mounts = edits->mounts.items;
		nodes = edits->deviceNodes.items;
		for (size_t i = 0; i < edits->mounts.count; i++)
			if (!is_bound(b, mounts[i].containerPath))
				bind_add(j, b, prepared(j, l, g, i), mounts[i].containerPath);
		for (size_t i = 0; i < edits->deviceNodes.count; i++)
			if (!is_bound(b, nodes[i].path) && node_add(j, &nodes[i], b, e) < 0)
				return -1;
	}
	return 0;
}

int
gpus_mount(const struct jail *j, const struct container *l, uint32_t host_id, struct err *e)
{
	for (size_t g = 0; g < l->call->gpu_count; g++) {
		const struct cdi_edits *edits = &j->gpus[l->call->gpus[g]];
		const struct cdi_mount *mounts = edits->mounts.items;

		for (size_t i = 0; i < edits->mounts.count; i++) {
			const char *to = prepared(j, l, g, i);
			struct stat st;

			if (bound_mount(mounts[i].hostPath, to, true, e) < 0)
				return err_wrap(e, "device %s", j->c->gpus[l->call->gpus[g]]);
			if (stat(to, &st) != 0)
				return err_errno(e, "look at %s", to);
			if (point_make(l->dir, mounts[i].containerPath, host_id,
				       !S_ISDIR(st.st_mode), e) < 0)
				return -1;
		}
	}
	return 0;
}
