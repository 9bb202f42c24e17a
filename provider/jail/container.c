/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/rules.h"
#include "lib/log.h"
#include "provider/jail/aside.h"
#include "provider/jail/gpus.h"
#include "provider/jail/limits.h"
#include "provider/jail/lsm.h"
#include "provider/jail/mounts.h"
#include "provider/jail/throttle.h"
#include "provider/jail/volumes.h"

#define KILL_US	      (10 * SECOND_US)
#define TMP_BYTES_MAX (UINT64_C(64) << 20)
#define DISK_RATE     (UINT64_C(256) << 20)

/* ------------------------------------------------------------------ */
/* Names and paths.                                                    */

bool
jail_ref_is_good(const struct jail_ref *ref)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	return memchr(ref->name, '\0', sizeof(ref->name)) == ref->name + sizeof(ref->name) - 1 &&
	       strspn(ref->name, letters) == sizeof(ref->name) - 1;
}

const char *
jail_id(const struct jail_ref *ref, char out[static JAIL_ID_SIZE])
{
	snprintf(out, JAIL_ID_SIZE, "gv-%.26s-%u", ref->name, ref->copy);
	return out;
}

static bool
ref_of_id(const char *id, struct jail_ref *ref)
{
	char again[JAIL_ID_SIZE];

	memset(ref, 0, sizeof(*ref));
	if (strncmp(id, "gv-", 3) != 0 || strlen(id) < 31 || id[29] != '-')
		return false;
	memcpy(ref->name, id + 3, 26);
	ref->copy = (uint8_t)strtoul(id + 30, NULL, 10);
	return jail_ref_is_good(ref) && strcmp(jail_id(ref, again), id) == 0;
}

const char *
jail_log_dir(struct arena *a, const struct jail_config *c, const struct jail_ref *ref)
{
	char id[JAIL_ID_SIZE];

	return arena_printf(a, "%s/logs/%s", c->state_dir, jail_id(ref, id));
}

uint32_t
jail_slot_ids(const struct jail *j, uint16_t slot)
{
	return j->c->uid_base + (uint32_t)slot * BUNDLE_IDS;
}

/* ------------------------------------------------------------------ */
/* Small files.                                                        */

char *
jail_file_text(struct arena *a, const char *path, size_t *len)
{
	struct stat st;
	char *text;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0 || st.st_size > CHAN_BYTES_MAX) {
		close(fd);
		return NULL;
	}
	text = arena_alloc(a, (size_t)st.st_size + 1);
	n = read(fd, text, (size_t)st.st_size);
	close(fd);
	if (n != st.st_size)
		return NULL;
	if (len != NULL)
		*len = (size_t)n;
	return text;
}

static int
file_write(struct arena *a, const char *path, const void *data, size_t len, bool durable,
	   struct err *e)
{
	const char *fresh = arena_printf(a, "%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, "create %s", fresh);
	if (write(fd, data, len) != (ssize_t)len || (durable && fsync(fd) != 0)) {
		err_errno(e, "write %s", fresh);
		close(fd);
		return -1;
	}
	close(fd);
	return rename(fresh, path) == 0 ? 0 : err_errno(e, "rename to %s", path);
}

int
jail_file_note(struct arena *a, const char *path, const void *data, size_t len, struct err *e)
{
	return file_write(a, path, data, len, false, e);
}

int
jail_file_put(struct arena *a, const char *path, const void *data, size_t len, struct err *e)
{
	return file_write(a, path, data, len, true, e);
}

int
jail_dir_make(const char *path, mode_t mode, uint32_t uid, uint32_t gid, struct err *e)
{
	if ((mkdir(path, 0700) != 0 && errno != EEXIST) || chown(path, uid, gid) != 0 ||
	    chmod(path, mode) != 0)
		return err_errno(e, "make directory %s", path);
	return 0;
}

/* ------------------------------------------------------------------ */
/* The record of a container: the CREATE call as it came.              */

int
jail_create_check(const struct jail *j, const struct jail_create *call, size_t len, struct err *e)
{
	if (len < JAIL_CREATE_MIN || call->text_len != len - JAIL_CREATE_MIN ||
	    call->text_len == 0 || call->text[call->text_len - 1] != '\0')
		return err_set(e, &JAIL_REFUSED, "create: length");
	if (!jail_ref_is_good(&call->ref))
		return err_set(e, &JAIL_REFUSED, "create: name");
	if (call->slot >= j->c->slot_count)
		return err_set(e, &JAIL_REFUSED, "create: slot %u", call->slot);
	if (call->layer_count == 0 || call->layer_count > LAYERS_MAX)
		return err_set(e, &JAIL_REFUSED, "create: %u layers", call->layer_count);
	if (call->host_count > NET_LINKS_MAX || call->link_count > NET_LINKS_MAX)
		return err_set(e, &JAIL_REFUSED, "create: too many hosts or links");
	for (size_t i = 0; i < call->host_count; i++)
		if (call->host_slots[i] >= j->c->slot_count)
			return err_set(e, &JAIL_REFUSED, "create: slot of host %zu", i);
	for (size_t i = 0; i < call->link_count; i++)
		if (call->links[i].slot >= j->c->slot_count || call->links[i].port == 0 ||
		    (call->links[i].proto != IPPROTO_TCP && call->links[i].proto != IPPROTO_UDP))
			return err_set(e, &JAIL_REFUSED, "create: link %zu", i);
	if (call->shm_bytes > MEMORY_BYTES_MAX)
		return err_set(e, &JAIL_REFUSED, "create: size of /dev/shm");
	return volumes_check(call, e) < 0 ? -1 : gpus_check(call, e);
}

void
container_init(const struct jail *j, const struct jail_ref *ref, struct container *l)
{
	memset(l, 0, sizeof(*l));
	jail_id(ref, l->id);
	l->dir = arena_printf(j->a, "%s/leases/%s", j->c->state_dir, l->id);
	l->log_dir = jail_log_dir(j->a, j->c, ref);
	l->cgroup = arena_printf(j->a, "gavel-%s/%s", j->c->net.tag, l->id);
}

void
container_set_call(struct container *l, const struct jail_create *call)
{
	l->call = call;
	l->net = (struct net_lease){ call->slot, call->link_count, call->links };
}

/* Whether the container has a directory; call stays NULL when it died before its
 * record was written, which means before anything else was made. */
bool
container_load(const struct jail *j, const struct jail_ref *ref, struct container *l)
{
	struct err ignored = ERR_NONE;
	size_t len = 0;
	char *record;

	container_init(j, ref, l);
	record = jail_file_text(j->a, arena_printf(j->a, "%s/record", l->dir), &len);
	if (record != NULL && jail_create_check(j, (const void *)record, len, &ignored) == 0)
		container_set_call(l, (const void *)record);
	return access(l->dir, F_OK) == 0;
}

int
container_find(const struct jail *j, const void *in, struct container *l, struct err *e)
{
	const struct jail_ref *ref = in;

	if (!jail_ref_is_good(ref))
		return err_set(e, &JAIL_REFUSED, "name");
	if (!container_load(j, ref, l))
		return err_set(e, &JAIL_UNKNOWN, "%s", l->id);
	return 0;
}

/* Call fn for every container on the disk, until it returns other than 0. */
int
container_each(const struct jail *j,
	       int (*fn)(const struct jail *j, struct container *l, const struct jail_ref *ref,
			 void *arg),
	       void *arg)
{
	DIR *d = opendir(arena_printf(j->a, "%s/leases", j->c->state_dir));
	struct dirent *entry;
	int result = 0;

	while (d != NULL && result == 0 && (entry = readdir(d)) != NULL) {
		struct jail_ref ref;
		struct container l;

		if (ref_of_id(entry->d_name, &ref) && container_load(j, &ref, &l))
			result = fn(j, &l, &ref, arg);
	}
	if (d != NULL)
		closedir(d);
	return result;
}

bool
container_started(const struct jail *j, const struct container *l)
{
	return access(arena_printf(j->a, "%s/started", l->dir), F_OK) == 0;
}

enum jail_state
container_state(const struct jail *j, const struct container *l, struct runc_state *rs,
		struct shim_exit *exit)
{
	struct err ignored = ERR_NONE;
	bool known = runc_state_read(j->runc_root, l->id, rs, &ignored) == 0;

	*exit = (struct shim_exit){ .code = -1 };
	if (!known) {
		memset(rs, 0, sizeof(*rs));
		return JAIL_BROKEN;
	}
	/* The shim may need a moment between the death and its record. */
	if (!runc_alive(rs->pid, rs->start)) {
		if (shim_exit_read(l->log_dir, exit, &ignored) < 0 && shim_alive(l->dir))
			return JAIL_RUNNING;
		(void)!shim_exit_read(l->log_dir, exit, &ignored);
		return JAIL_EXITED;
	}
	if (!container_started(j, l))
		return JAIL_CREATED;
	return cgroup_frozen(&rs->cgroup) ? JAIL_PAUSED : JAIL_RUNNING;
}

/* ------------------------------------------------------------------ */
/* DESTROY.                                                            */

/* Everything the container can still have running, known or not. */
static int
processes_end(const struct jail *j, const struct container *l, struct err *e)
{
	struct runc_state rs;
	struct cgroup guess;
	struct err ignored = ERR_NONE;

	if (runc_state_read(j->runc_root, l->id, &rs, &ignored) == 0) {
		runc_signal(rs.pid, rs.start, SIGKILL);
		if (cgroup_kill(&rs.cgroup, KILL_US, e) < 0)
			return -1;
	}
	cgroup_guess(l->cgroup, &guess);
	return guess.count != 0 ? cgroup_kill(&guess, KILL_US, e) : 0;
}

static int
runtime_forget(const struct jail *j, const struct container *l, struct err *e)
{
	struct err ignored = ERR_NONE;
	struct cgroup guess, parents;
	struct runc_state rs;
	bool known = runc_state_read(j->runc_root, l->id, &rs, &ignored) == 0;

	if (runc_exists(j->runc_root, l->id) && runc_delete(j->runc_root, l->id, &ignored) < 0)
		log_warn("jail.delete", "container=%s error=\"%s\"", l->id, ignored.text);
	if (tree_remove(arena_printf(j->a, "%s/%s", j->runc_root, l->id), e) < 0)
		return -1;
	if (known && cgroup_remove(&rs.cgroup, e) < 0)
		return -1;
	cgroup_guess(l->cgroup, &guess);
	if (cgroup_remove(&guess, e) < 0)
		return -1;
	/* The provider's own level goes with its last container. */
	cgroup_guess(arena_printf(j->a, "gavel-%s", j->c->net.tag), &parents);
	for (size_t i = 0; i < parents.count; i++)
		rmdir(parents.paths[i].path);
	return 0;
}

/* Kill, then take apart from the top down; the directory with the record last. */
int
container_destroy(const struct jail *j, const struct container *l, struct err *e)
{
	if (processes_end(j, l, e) < 0)
		return -1;
	shim_end(l->dir);
	/* Once more: a runtime caught in the middle may have made another. */
	if (processes_end(j, l, e) < 0 || runtime_forget(j, l, e) < 0 ||
	    mounts_undo(l->dir, e) < 0 || volumes_settle(j, l, e) < 0)
		return -1;
	if (l->call != NULL && net_down(&j->c->net, &l->net, e) < 0)
		return -1;
	if (mounts_left(l->dir))
		return err_set(e, &ERR_SYSTEM, "mounts of %s are left", l->id);
	return tree_remove(l->dir, e);
}

/* ------------------------------------------------------------------ */
/* CREATE.                                                             */

const char *
jail_text_next(struct jail_text *t)
{
	const char *s = t->at;

	if (s >= t->end)
		return NULL;
	t->at += strlen(s) + 1; /* the last byte is a NUL: checked */
	return s;
}

const char *const *
jail_text_list(struct arena *a, struct jail_text *t, size_t count)
{
	const char **list = arena_alloc(a, (count + 1) * sizeof(*list));

	for (size_t i = 0; i < count; i++)
		if ((list[i] = jail_text_next(t)) == NULL)
			return NULL;
	return list;
}

/* The words of a call as a process; the texts that follow are left in t. */
int
container_process(const struct jail *j, const struct jail_create *call, struct jail_text *t,
		  struct bundle_process *p, struct err *e)
{
	*t = (struct jail_text){ call->text, call->text + call->text_len };
	p->uid = call->uid;
	p->gid = call->gid;
	p->nofile = call->nofile;
	p->arg_count = call->arg_count;
	p->env_count = call->env_count;
	p->args = jail_text_list(j->a, t, call->arg_count);
	p->env = p->args != NULL ? jail_text_list(j->a, t, call->env_count) : NULL;
	p->cwd = jail_text_next(t);
	if (p->args == NULL || p->env == NULL || p->cwd == NULL)
		return err_set(e, &JAIL_REFUSED, "create: text");
	gpus_env(j, call, p);
	return 0;
}

int
container_bundle(const struct jail *j, const struct container *l, struct jail_text *t,
		 struct bundle *b, struct err *e)
{
	const struct jail_create *call = l->call;
	struct jail_text paths;

	memset(b, 0, sizeof(*b));
	if (container_process(j, call, t, &b->process, e) < 0)
		return -1;
	b->hostname = jail_text_next(t);
	if (b->hostname == NULL)
		return err_set(e, &JAIL_REFUSED, "create: text");
	paths = *t;
	for (size_t i = 0; i < call->host_count; i++)
		(void)!jail_text_next(&paths);
	if (volumes_bundle(j, l, &paths, b, e) < 0 || gpus_bundle(j, l, b, e) < 0)
		return -1;
	b->root = arena_printf(j->a, "%s/merged", l->dir);
	b->readonly = call->readonly != 0;
	b->cgroup = l->cgroup;
	b->host_id = jail_slot_ids(j, call->slot);
	b->cpu_milli = call->cpu_milli;
	b->memory_bytes = call->memory_bytes;
	b->pids_max = call->pids_max;
	b->tmp_bytes = MIN(call->memory_bytes / 4, TMP_BYTES_MAX);
	b->shm_bytes = call->shm_bytes;
	b->apparmor = lsm_profile();
	return bundle_check(b, e);
}

static bool
host_is_good(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.");

	return len > 0 && len < 64 && name[len] == '\0';
}

/* hosts, resolv.conf and hostname, as files in the upper layer: no bind mounts. */
static int
names_write(const struct jail *j, const struct container *l, const struct bundle *b,
	    struct jail_text *t, struct err *e)
{
	const char *const *resolvers = j->c->net.resolvers;
	const char *hosts, *name, *resolv = "";
	char address[NET_ADDRESS_SIZE];

	hosts = arena_printf(j->a, "127.0.0.1 localhost\n%s %s\n",
			     net_address(&j->c->net, l->call->slot, 2, address), b->hostname);
	for (size_t i = 0; i < l->call->host_count; i++) {
		name = jail_text_next(t);
		if (name == NULL || !host_is_good(name))
			return err_set(e, &JAIL_REFUSED, "create: host %zu", i);
		hosts = arena_printf(j->a, "%s%s %s\n", hosts,
				     net_address(&j->c->net, l->call->host_slots[i], 2, address),
				     name);
	}
	if (j->c->net.dns_port != 0) {
		resolv = arena_printf(j->a, "nameserver %s\n",
				      net_address(&j->c->net, l->call->slot, 1, address));
		resolvers = NULL;
	}
	for (; resolvers != NULL && *resolvers != NULL; resolvers++)
		resolv = arena_printf(j->a, "%snameserver %s\n", resolv, *resolvers);
	if (upper_file(l->dir, "hosts", hosts, b->host_id, e) < 0 ||
	    upper_file(l->dir, "resolv.conf", resolv, b->host_id, e) < 0)
		return -1;
	return upper_file(l->dir, "hostname", arena_printf(j->a, "%s\n", b->hostname), b->host_id,
			  e);
}

/* The names of the layers from the topmost down to the first that hides the
 * rest, as the mount wants them. */
static const char *const *
layer_names(const struct jail *j, const struct jail_create *call)
{
	const char **names = arena_alloc(j->a, (call->layer_count + 1) * sizeof(*names));
	char name[LAYER_NAME_SIZE];
	size_t n = 0;

	for (uint32_t i = call->layer_count; i-- > 0;) {
		names[n++] = arena_strdup(j->a, layer_name(&call->layers[i], name));
		if (layer_is_opaque(layer_dir(j->a, j->c->state_dir, &call->layers[i])))
			break;
	}
	return names;
}

static int
tree_make(const struct jail *j, const struct container *l, const struct bundle *b,
	  struct jail_text *t, uint32_t *disk_kind, struct err *e)
{
	enum disk_kind kind;

	if (disk_mount(l->dir, l->call->storage_bytes, b->host_id, j->c->accept_ram_disk, &kind,
		       e) < 0 ||
	    names_write(j, l, b, t, e) < 0 ||
	    lower_mount(l->dir, arena_printf(j->a, "%s/layers", j->c->state_dir),
			j->c->image_uid_base, b->host_id, e) < 0 ||
	    merged_mount(l->dir, layer_names(j, l->call), bundle_mountpoints, e) < 0 ||
	    volumes_mount(j, l, b, e) < 0 || gpus_mount(j, l, b->host_id, e) < 0)
		return -1;
	*disk_kind = kind;
	return 0;
}

static int
logs_make(const struct jail *j, const struct container *l, struct err *e)
{
	if (jail_dir_make(l->log_dir, 0750, 0, j->c->agent_gid, e) < 0)
		return -1;
	/* Of an earlier life under the same name. */
	unlink(arena_printf(j->a, "%s/exit", l->log_dir));
	return 0;
}

/* Known only now: the disk is mounted, so its device has a number. */
static const char *
config_text(const struct jail *j, const struct container *l, const struct bundle *b)
{
	uint64_t rate = j->c->disk_bytes_per_s;
	struct bundle with = *b;

	if (throttle_possible("/sys/fs/cgroup")) {
		with.disk_count = throttle_disks("/sys", l->dir, with.disks);
		with.disk_bytes_per_s = rate != 0 ? rate : DISK_RATE;
	}
	return bundle_json(j->a, &with);
}

struct admission {
	const struct net_config *net;
	const struct net_lease *lease;
};

static int
admit(void *arg, struct err *e)
{
	const struct admission *a = arg;

	return net_admit(a->net, a->lease, e);
}

/* The filter learns of the wire while the runtime makes the container: neither
 * needs the other, and on the way back net_down() knows both. */
static int
admitted_start(const struct jail *j, const struct container *l, const struct shim *shim,
	       struct err *e)
{
	struct admission a = { &j->c->net, &l->net };
	struct err ignored = ERR_NONE;
	struct aside filter;

	if (aside_begin(&filter, admit, &a, e) < 0)
		return -1;
	if (shim_start(shim, e) == 0)
		return aside_end(&filter, e);
	(void)!aside_end(&filter, &ignored);
	return -1;
}

static int
container_make(const struct jail *j, const struct container *l, const struct bundle *b,
	       struct err *e)
{
	const char *config = config_text(j, l, b);
	struct runc_state rs;
	struct shim shim = { .id = l->id,
			     .bundle = l->dir,
			     .runc_root = j->runc_root,
			     .log_dir = l->log_dir,
			     .log_gid = j->c->agent_gid,
			     .owner_uid = b->host_id + b->process.uid,
			     .owner_gid = b->host_id + b->process.gid,
			     .log_bytes_max = j->c->log_bytes_max,
			     .log_bytes_per_s = j->c->log_bytes_per_s };

	if (logs_make(j, l, e) < 0 ||
	    jail_file_note(j->a, arena_printf(j->a, "%s/config.json", l->dir), config,
			   strlen(config), e) < 0 ||
	    admitted_start(j, l, &shim, e) < 0 || runc_state_read(j->runc_root, l->id, &rs, e) < 0)
		return -1;
	/* The process waits for its start: nothing of the workload has run. */
	if (limits_inside(rs.pid, e) < 0 || netns_keep(l->dir, rs.pid, e) < 0)
		return -1;
	return net_wire(&j->c->net, l->net.slot, arena_printf(j->a, "%s/netns", l->dir), e);
}

static int
container_build(const struct jail *j, struct container *l, const struct bundle *b,
		struct jail_text *t, size_t len, uint32_t *disk_kind, struct err *e)
{
	if (jail_dir_make(l->dir, 0711, 0, 0, e) < 0 ||
	    jail_file_put(j->a, arena_printf(j->a, "%s/record", l->dir), l->call, len, e) < 0 ||
	    tree_make(j, l, b, t, disk_kind, e) < 0)
		return -1;
	return container_make(j, l, b, e);
}

/* By the time the runtime puts its process into groups, nobody has to wait. */
int
container_create(const struct jail *j, struct container *l, const struct bundle *b,
		 struct jail_text *t, size_t len, uint32_t *disk_kind, struct err *e)
{
	struct aside warm;
	int result;

	if (aside_begin(&warm, cgroup_keep_warm, NULL, e) < 0)
		return -1;
	result = container_build(j, l, b, t, len, disk_kind, e);
	aside_kill(&warm);
	return result;
}
