/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/jail/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "provider/jail/archive.h"
#include "provider/jail/container.h"
#include "provider/jail/exec.h"
#include "provider/jail/gpus.h"
#include "provider/jail/limits.h"
#include "provider/jail/mounts.h"
#include "provider/jail/selfcheck.h"
#include "provider/jail/trash.h"
#include "provider/jail/volumes.h"

const struct code JAIL_UNKNOWN = { "container_unknown", NOT_FOUND, "there is no such container" };
const struct code JAIL_CONFLICT = { "container_conflict", CONFLICT,
				    "the container's state does not allow it" };
const struct code JAIL_REFUSED = { "jail_refused", INVALID, "the call to the jail is malformed" };

/* A verb begins: what the one before has made goes. */
static struct jail *
jail_turn(void *ctx)
{
	struct jail *j = ctx;

	arena_release(j->a);
	return j;
}

/* ------------------------------------------------------------------ */
/* CREATE and DESTROY.                                                 */

struct slot_search {
	uint16_t slot;
	const char *except;
};

static int
slot_taken(const struct jail *j, struct container *l, const struct jail_ref *ref, void *arg)
{
	const struct slot_search *s = arg;

	(void)j;
	(void)ref;
	return l->call != NULL && l->call->slot == s->slot && strcmp(l->id, s->except) != 0;
}

struct sharing {
	const struct jail_create *call;
	const char *self;
};

/* A device or a volume that another container has. */
static int
share_found(const struct jail *j, struct container *l, const struct jail_ref *ref, void *arg)
{
	const struct sharing *s = arg;

	(void)j;
	(void)ref;
	if (l->call == NULL || strcmp(l->id, s->self) == 0)
		return 0;
	for (size_t i = 0; i < s->call->mount_count; i++)
		if (s->call->mounts[i].kind == JAIL_MOUNT_VOLUME &&
		    volume_is_of(l, &s->call->mounts[i].volume))
			return 1;
	for (size_t i = 0; i < s->call->gpu_count; i++)
		if (memchr(l->call->gpus, s->call->gpus[i], l->call->gpu_count) != NULL)
			return 2;
	return 0;
}

/* In a scratch arena: the shim of the new container inherits what the jail has at
 * hand then, for as long as it lives, and this is all the others' records. */
static int
others_look(const struct jail *j,
	    int (*fn)(const struct jail *j, struct container *l, const struct jail_ref *ref,
		      void *arg),
	    void *arg)
{
	struct jail look = *j;
	struct arena scratch;
	int result;

	arena_init(&scratch, 0);
	look.a = &scratch;
	result = container_each(&look, fn, arg);
	arena_release(&scratch);
	return result;
}

/* 1: this very container exists already. Remains of another try are removed. */
static int
create_find(const struct jail *j, const struct jail_create *call, size_t len, struct container *l,
	    struct err *e)
{
	struct slot_search search = { call->slot, l->id };
	struct sharing sharing = { call, l->id };
	struct runc_state rs;
	struct shim_exit x;
	int shared;

	if (others_look(j, slot_taken, &search) != 0)
		return err_set(e, &JAIL_CONFLICT, "slot %u is in use", call->slot);
	shared = others_look(j, share_found, &sharing);
	if (shared != 0)
		return err_set(e, &JAIL_CONFLICT, "a %s is in use by another container",
			       shared == 1 ? "volume" : "device");
	if (!container_load(j, &call->ref, l))
		return 0;
	if (l->call != NULL && container_state(j, l, &rs, &x) != JAIL_BROKEN) {
		if (l->call->text_len == call->text_len && memcmp(l->call, call, len) == 0)
			return 1;
		return err_set(e, &JAIL_CONFLICT, "%s exists and is different", l->id);
	}
	return container_destroy(j, l, e);
}

static int
verb_create(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	const struct jail_create *call = in;
	struct jail_create_reply *reply = out;
	struct err ignored = ERR_NONE;
	struct jail *j = jail_turn(ctx);
	struct container l;
	struct bundle b;
	struct jail_text t;
	int found;

	*out_len = sizeof(*reply);
	*reply = (struct jail_create_reply){ DISK_LOOP };
	if (jail_create_check(j, call, len, e) < 0)
		return -1;
	container_init(j, &call->ref, &l);
	found = create_find(j, call, len, &l, e);
	if (found < 0)
		return err_wrap(e, "create %s", l.id);
	if (found > 0) {
		if (access(arena_printf(j->a, "%s/disk.img", l.dir), F_OK) != 0)
			reply->disk_kind = DISK_TMPFS;
		return 0;
	}
	container_set_call(&l, call);
	if (container_bundle(j, &l, &t, &b, e) < 0)
		return -1;
	for (uint32_t i = 0; i < call->layer_count; i++)
		if (!layer_is_here(j->c->state_dir, &call->layers[i]))
			return err_set(e, &ERR_NOT_FOUND, "layer %u is not unpacked", i);
	if (container_create(j, &l, &b, &t, len, &reply->disk_kind, e) == 0)
		return 0;
	if (container_destroy(j, &l, &ignored) < 0)
		log_warn("jail.undo", "container=%s error=\"%s\"", l.id, ignored.text);
	return err_wrap(e, "create %s", l.id);
}

static int
verb_destroy(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	const struct jail_destroy *call = in;
	struct jail *j = jail_turn(ctx);
	struct container l;

	(void)len;
	(void)out;
	*out_len = 0;
	if (!jail_ref_is_good(&call->ref))
		return err_set(e, &JAIL_REFUSED, "destroy: name");
	if ((container_load(j, &call->ref, &l) || runc_exists(j->runc_root, l.id)) &&
	    container_destroy(j, &l, e) < 0)
		return err_wrap(e, "destroy %s", l.id);
	return call->drop_logs != 0 ? tree_remove(l.log_dir, e) : 0;
}

/* ------------------------------------------------------------------ */
/* START, STAT, PAUSE, RESUME, STOP, KILL.                             */

static int
verb_start(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct jail *j = jail_turn(ctx);
	struct runc_state rs;
	struct shim_exit x;
	struct container l;
	enum jail_state state;

	(void)len;
	(void)out;
	*out_len = 0;
	if (container_find(j, in, &l, e) < 0)
		return -1;
	state = container_state(j, &l, &rs, &x);
	if (container_started(j, &l) && state != JAIL_BROKEN)
		return 0;
	if (state != JAIL_CREATED)
		return err_set(e, &JAIL_CONFLICT, "start %s: it is not waiting to start", l.id);
	if (runc_start(j->runc_root, l.id, e) < 0)
		return err_wrap(e, "start %s", l.id);
	return jail_file_note(j->a, arena_printf(j->a, "%s/started", l.dir), "", 0, e);
}

static int
verb_stat(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct jail_stat *st = out;
	struct cgroup_usage usage;
	struct net_usage net;
	struct jail *j = jail_turn(ctx);
	struct runc_state rs;
	struct shim_exit x;
	struct container l;

	(void)len;
	if (container_find(j, in, &l, e) < 0)
		return -1;
	memset(st, 0, sizeof(*st));
	*out_len = sizeof(*st);
	st->state = container_state(j, &l, &rs, &x);
	cgroup_read(&rs.cgroup, &usage);
	st->exit_code = x.code;
	st->exit_signal = x.signal;
	st->exited_at = x.at;
	st->oom = x.oom || usage.oom_kills != 0;
	st->pid = st->state == JAIL_EXITED ? 0 : rs.pid;
	st->cpu_ns = usage.cpu_ns;
	st->memory_bytes = usage.memory_bytes;
	st->memory_peak_bytes = usage.memory_peak_bytes;
	st->oom_kills = usage.oom_kills;
	st->pids = usage.pids;
	st->disk_bytes = disk_used(l.dir);
	if (l.call != NULL) {
		net_read(&j->c->net, l.call->slot, &net);
		st->rx_bytes = net.rx_bytes;
		st->tx_bytes = net.tx_bytes;
	}
	return 0;
}

/* The container, alive. */
static int
container_live(const struct jail *j, const void *in, struct container *l, enum jail_state *state,
	       struct runc_state *rs, struct err *e)
{
	struct shim_exit x;

	if (container_find(j, in, l, e) < 0)
		return -1;
	*state = container_state(j, l, rs, &x);
	if (*state != JAIL_CREATED && *state != JAIL_RUNNING && *state != JAIL_PAUSED)
		return err_set(e, &JAIL_CONFLICT, "%s does not run", l->id);
	return 0;
}

static int
verb_pause(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct jail *j = jail_turn(ctx);
	struct runc_state rs;
	enum jail_state state;
	struct container l;

	(void)len;
	(void)out;
	*out_len = 0;
	if (container_live(j, in, &l, &state, &rs, e) < 0)
		return -1;
	return state == JAIL_PAUSED ? 0 : runc_pause(j->runc_root, l.id, e);
}

static int
verb_resume(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct jail *j = jail_turn(ctx);
	struct runc_state rs;
	enum jail_state state;
	struct container l;

	(void)len;
	(void)out;
	*out_len = 0;
	if (container_live(j, in, &l, &state, &rs, e) < 0)
		return -1;
	return state != JAIL_PAUSED ? 0 : runc_resume(j->runc_root, l.id, e);
}

static int
verb_limit(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct jail *j = jail_turn(ctx);
	struct jail_limit ask;
	struct runc_state rs;
	enum jail_state state;
	struct container l;

	(void)len;
	(void)out;
	*out_len = 0;
	memcpy(&ask, in, sizeof(ask));
	if (ask.cpu_milli == 0 || ask.cpu_milli > 1000000)
		return err_set(e, &JAIL_CONFLICT, "%u thousandths of a CPU", ask.cpu_milli);
	if (container_live(j, &ask.ref, &l, &state, &rs, e) < 0)
		return -1;
	return cgroup_limit_cpu(&rs.cgroup, ask.cpu_milli, e);
}

static int
verb_stop(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct jail *j = jail_turn(ctx);
	struct runc_state rs;
	struct shim_exit x;
	enum jail_state state;
	struct container l;

	(void)len;
	(void)out;
	*out_len = 0;
	if (container_find(j, in, &l, e) < 0)
		return -1;
	state = container_state(j, &l, &rs, &x);
	/* TERM would not reach what is frozen, nor what has not begun. */
	if (state == JAIL_PAUSED && runc_resume(j->runc_root, l.id, e) < 0)
		return err_wrap(e, "stop %s", l.id);
	runc_signal(rs.pid, rs.start,
		    state == JAIL_CREATED || !runc_hears(rs.pid, SIGTERM) ? SIGKILL : SIGTERM);
	return 0;
}

static int
verb_kill(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct jail *j = jail_turn(ctx);
	struct runc_state rs;
	struct shim_exit x;
	struct container l;

	(void)len;
	(void)out;
	*out_len = 0;
	if (container_find(j, in, &l, e) < 0)
		return -1;
	(void)container_state(j, &l, &rs, &x);
	/* Its first process takes the rest of the pid namespace along. */
	runc_signal(rs.pid, rs.start, SIGKILL);
	cgroup_thaw(&rs.cgroup);
	return 0;
}

/* ------------------------------------------------------------------ */
/* LIST.                                                               */

struct listing {
	struct jail_entry *entries;
	size_t count;
};

static int
list_add(const struct jail *j, struct container *l, const struct jail_ref *ref, void *arg)
{
	struct listing *list = arg;
	struct jail_entry *entry = &list->entries[list->count];
	struct runc_state rs;
	struct shim_exit x;

	if (list->count == JAIL_LIST_MAX)
		return 1;
	entry->ref = *ref;
	entry->slot = l->call != NULL ? l->call->slot : UINT16_MAX;
	entry->state = (uint16_t)container_state(j, l, &rs, &x);
	list->count++;
	return 0;
}

static int
verb_list(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct listing list = { .entries = out };

	(void)in;
	(void)len;
	(void)e;
	container_each(jail_turn(ctx), list_add, &list);
	*out_len = list.count * sizeof(*list.entries);
	return 0;
}

/* ------------------------------------------------------------------ */
/* EXEC.                                                               */

static int
fds_send(int socket, uint32_t number, const int fds[static JAIL_EXEC_FDS], struct err *e)
{
	union {
		char bytes[CMSG_SPACE(JAIL_EXEC_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec iov = { &number, sizeof(number) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int there[JAIL_EXEC_FDS] = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < JAIL_EXEC_FDS; i++)
		if (fds[i] >= 0)
			there[count++] = fds[i];
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
	memcpy(CMSG_DATA(c), there, count * sizeof(int));
	/* Never wait: an agent that does not fetch must not stop the jail. */
	if (sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return err_errno(e, "hand out descriptors");
	return 0;
}

static int
fds_give(const struct jail *j, uint32_t number, const int fds[static JAIL_EXEC_FDS], struct err *e)
{
	int result = fds_send(j->exec_fd, number, fds, e);

	for (int i = 0; i < JAIL_EXEC_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return result;
}

static int
exec_process(const struct jail *j, const struct container *l, const struct jail_exec *call,
	     const char **json, struct err *e)
{
	struct bundle_process p;
	struct jail_text t, words = { call->text, call->text + call->text_len };

	if (container_process(j, l->call, &t, &p, e) < 0)
		return -1;
	p.terminal = call->terminal != 0;
	p.rows = call->rows;
	p.cols = call->cols;
	p.arg_count = call->arg_count;
	p.args = jail_text_list(j->a, &words, call->arg_count);
	if (p.args == NULL)
		return err_set(e, &JAIL_REFUSED, "exec: text");
	if (bundle_process_check(&p, e) < 0)
		return -1;
	*json = bundle_process_json(j->a, &p);
	return 0;
}

static int
exec_check(const struct jail_exec *call, size_t len, struct err *e)
{
	if (call->text_len != len - JAIL_EXEC_MIN || call->text_len == 0 ||
	    call->text[call->text_len - 1] != '\0' || call->arg_count > BUNDLE_ARGS_MAX ||
	    call->terminal > 1 || call->rows > UINT16_MAX || call->cols > UINT16_MAX)
		return err_set(e, &JAIL_REFUSED, "exec: length");
	return 0;
}

static int
verb_exec(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	const struct jail_exec *call = in;
	struct jail_exec_reply *reply = out;
	struct jail *j = jail_turn(ctx);
	struct exec x = { .runc_root = j->runc_root };
	int fds[JAIL_EXEC_FDS];
	enum jail_state state;
	struct runc_state rs;
	const char *json = NULL;
	struct container l;

	if (exec_check(call, len, e) < 0 || container_live(j, &call->ref, &l, &state, &rs, e) < 0)
		return -1;
	if (state != JAIL_RUNNING || l.call == NULL)
		return err_set(e, &JAIL_CONFLICT, "exec in %s: it is not running", l.id);
	if (exec_process(j, &l, call, &json, e) < 0)
		return -1;
	reply->number = ++j->exec_number;
	*out_len = sizeof(*reply);
	x.id = l.id;
	x.dir = l.dir;
	if (call->terminal != 0)
		x.console = arena_printf(j->a, "exec-%u.tty", reply->number);
	x.process_path = arena_printf(j->a, "%s/exec-%u.json", l.dir, reply->number);
	x.pid_path = arena_printf(j->a, "%s/exec-%u.pid", l.dir, reply->number);
	x.log_path = arena_printf(j->a, "%s/exec-%u.log", l.dir, reply->number);
	x.owner_uid = jail_slot_ids(j, l.call->slot) + l.call->uid;
	x.owner_gid = jail_slot_ids(j, l.call->slot) + l.call->gid;
	if (jail_file_put(j->a, x.process_path, json, strlen(json), e) < 0 ||
	    exec_start(&x, fds, e) < 0)
		return -1;
	return fds_give(j, reply->number, fds, e);
}

static int
verb_files(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	const struct jail_files *call = in;
	struct jail_exec_reply *reply = out;
	struct jail *j = jail_turn(ctx);
	struct archive_job job = { .put = call->put != 0, .bytes_max = call->bytes_max };
	int fds[JAIL_EXEC_FDS];
	enum jail_state state;
	struct runc_state rs;
	struct container l;

	if (call->put > 1 || len <= JAIL_FILES_MIN || call->path[0] != '/' ||
	    strnlen(call->path, len - JAIL_FILES_MIN) != len - JAIL_FILES_MIN - 1)
		return err_set(e, &JAIL_REFUSED, "files: path");
	if (container_live(j, &call->ref, &l, &state, &rs, e) < 0)
		return -1;
	if (state != JAIL_RUNNING || l.call == NULL)
		return err_set(e, &JAIL_CONFLICT, "files of %s: it is not running", l.id);
	job.path = call->path;
	job.pid = rs.pid;
	job.start = rs.start;
	job.cgroup = &rs.cgroup;
	job.uid = l.call->uid;
	job.gid = l.call->gid;
	reply->number = ++j->exec_number;
	*out_len = sizeof(*reply);
	if (archive_start(&job, fds, e) < 0)
		return -1;
	return fds_give(j, reply->number, fds, e);
}

/* ------------------------------------------------------------------ */
/* DROP.                                                               */

static int
volume_used(const struct jail *j, struct container *l, const struct jail_ref *ref, void *arg)
{
	(void)j;
	(void)ref;
	return volume_is_of(l, arg);
}

static int
verb_drop(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct jail_volume call = *(const struct jail_volume *)in;
	struct jail *j = jail_turn(ctx);

	(void)len;
	(void)out;
	*out_len = 0;
	if (!jail_volume_is_good(j, &call))
		return err_set(e, &JAIL_REFUSED, "drop: volume");
	if (container_each(j, volume_used, &call) != 0)
		return err_set(e, &JAIL_CONFLICT, "volume %s is in use", call.name);
	return volume_drop(j, &call, e);
}

/* ------------------------------------------------------------------ */
/* The role.                                                           */

struct rebuild {
	struct net_lease *leases;
	size_t count;
};

static int
rebuild_add(const struct jail *j, struct container *l, const struct jail_ref *ref, void *arg)
{
	struct rebuild *r = arg;

	(void)ref;
	if (l->call == NULL)
		return 0;
	r->leases = arena_grow(j->a, r->leases, r->count, sizeof(*r->leases));
	r->leases[r->count++] = l->net;
	return 0;
}

static int
dirs_make(const struct jail_config *c, struct arena *a, struct err *e)
{
	const struct {
		const char *path;
		mode_t mode;
		uint32_t uid, gid;
	} dirs[] = {
		{ c->state_dir, 0711, 0, 0 },
		{ arena_printf(a, "%s/blobs", c->state_dir), 0711, c->agent_uid, c->agent_gid },
		{ arena_printf(a, "%s/blobs/sha256", c->state_dir), 0711, c->agent_uid,
		  c->agent_gid },
		{ arena_printf(a, "%s/agent", c->state_dir), 0700, c->agent_uid, c->agent_gid },
		{ arena_printf(a, "%s/layers", c->state_dir), 0711, 0, 0 },
		{ arena_printf(a, "%s/unpack", c->state_dir), 0711, 0, 0 },
		{ arena_printf(a, "%s/leases", c->state_dir), 0711, 0, 0 },
		{ arena_printf(a, "%s/volumes", c->state_dir), 0700, 0, 0 },
		{ arena_printf(a, "%s/logs", c->state_dir), 0750, 0, c->agent_gid },
		{ c->run_dir, 0711, 0, 0 },
		{ arena_printf(a, "%s/runc", c->run_dir), 0711, 0, 0 },
	};

	for (size_t i = 0; i < NELEMS(dirs); i++)
		if (jail_dir_make(dirs[i].path, dirs[i].mode, dirs[i].uid, dirs[i].gid, e) < 0)
			return -1;
	return 0;
}

/* Paths end up in mount options and in /proc/mounts: only what needs no
 * escaping there. */
static bool
path_is_good(const char *path)
{
	return path[0] == '/' && strstr(path, "..") == NULL && strlen(path) < 128 &&
	       path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "-_./")] == '\0';
}

static int
config_check(const struct jail_config *c, struct err *e)
{
	uint64_t end = c->uid_base + (uint64_t)c->slot_count * BUNDLE_IDS;

	if (!path_is_good(c->state_dir) || !path_is_good(c->run_dir))
		return err_set(e, &ERR_CONFIG, "directories must be absolute and plain");
	if (c->slot_count == 0 || c->slot_count > NET_SLOT_MAX + 1)
		return err_field(e, &ERR_CONFIG, "slot_count", "1 to %u containers",
				 NET_SLOT_MAX + 1);
	if (c->uid_base % BUNDLE_IDS != 0 || c->uid_base < BUNDLE_IDS ||
	    end > UINT32_MAX - BUNDLE_IDS)
		return err_field(e, &ERR_CONFIG, "uid_base", "user ids %u and up", c->uid_base);
	if (c->image_uid_base % BUNDLE_IDS != 0 || c->image_uid_base < BUNDLE_IDS ||
	    (c->image_uid_base >= c->uid_base && c->image_uid_base < end))
		return err_field(e, &ERR_CONFIG, "image_uid_base", "user ids %u and up",
				 c->image_uid_base);
	for (size_t i = 0; i < c->volume_class_count; i++)
		if (c->volume_dirs[i] != NULL && !path_is_good(c->volume_dirs[i]))
			return err_field(e, &ERR_CONFIG, "volumes",
					 "directories must be absolute and plain");
	if (c->agent_uid == 0 || c->agent_gid == 0)
		return err_field(e, &ERR_CONFIG, "agent_uid", "the agent may not be root");
	return 0;
}

static void
runc_root_set(struct jail *j)
{
	snprintf(j->runc_root, sizeof(j->runc_root), "%s/runc", j->c->run_dir);
}

/* Loads the AppArmor profile, too, where there is one to load. */
static int
host_check(const struct jail_config *c, struct err *e)
{
	struct selfcheck_result results[SELFCHECK_COUNT];

	if (selfcheck(c, &selfcheck_real, results) != 0)
		return selfcheck_verdict(results, e);
	for (size_t i = 0; i < SELFCHECK_COUNT; i++)
		if (!results[i].ok)
			log_warn("jail.host", "%s=\"%s\" cure=\"%s\"", results[i].name,
				 results[i].detail, results[i].cure);
	return 0;
}

int
jail_prepare(const struct jail_config *c, struct err *e)
{
	struct rebuild r = { NULL, 0 };
	struct cdi_edits *gpus;
	struct arena a;
	struct jail j = { .c = c, .a = &a };
	int result;

	if (config_check(c, e) < 0 || host_check(c, e) < 0 ||
	    limits_host("/proc/sys", c->slot_count, e) < 0)
		return -1;
	arena_init(&a, 0);
	result = gpus_load(c, &a, &gpus, e) < 0 || dirs_make(c, &a, e) < 0 ||
				 jail_layers_clean(&j, e) < 0
			 ? -1
			 : 0;
	if (result == 0) {
		trash_empty(&a, arena_printf(&a, "%s/trash", c->state_dir));
		volumes_clean(&j);
		container_each(&j, rebuild_add, &r);
		result = net_start(&c->net, r.leases, r.count, e);
	}
	arena_release(&a);
	return result;
}

void
jail_serve(const struct jail_config *c, int fd, int exec_fd)
{
	static const size_t ref = sizeof(struct jail_ref), layer = sizeof(struct jail_layer);
	static const size_t forget = sizeof(struct jail_forget);
	static const size_t destroy = sizeof(struct jail_destroy);
	static const size_t volume = sizeof(struct jail_volume);
	static const size_t limit = sizeof(struct jail_limit);
	const struct verb verbs[] = {
		{ "unpack", JAIL_UNPACK, layer, layer, jail_unpack },
		{ "create", JAIL_CREATE, JAIL_CREATE_MIN, sizeof(struct jail_create), verb_create },
		{ "start", JAIL_START, ref, ref, verb_start },
		{ "stat", JAIL_STAT, ref, ref, verb_stat },
		{ "pause", JAIL_PAUSE, ref, ref, verb_pause },
		{ "resume", JAIL_RESUME, ref, ref, verb_resume },
		{ "stop", JAIL_STOP, ref, ref, verb_stop },
		{ "kill", JAIL_KILL, ref, ref, verb_kill },
		{ "exec", JAIL_EXEC, JAIL_EXEC_MIN, sizeof(struct jail_exec), verb_exec },
		{ "destroy", JAIL_DESTROY, destroy, destroy, verb_destroy },
		{ "list", JAIL_LIST, 0, 0, verb_list },
		{ "forget", JAIL_FORGET, forget, forget, jail_forget },
		{ "files", JAIL_FILES, JAIL_FILES_MIN + 2, sizeof(struct jail_files), verb_files },
		{ "drop", JAIL_DROP, volume, volume, verb_drop },
		{ "limit", JAIL_LIMIT, limit, limit, verb_limit },
		VERB_END
	};
	struct arena a, kept;
	struct jail j = { .c = c, .a = &a, .exec_fd = exec_fd };
	struct cdi_edits *gpus;
	struct err e = ERR_NONE;

	runc_root_set(&j);
	arena_init(&a, 0);
	arena_init(&kept, 0);
	if (gpus_load(c, &kept, &gpus, &e) < 0)
		fatal("%s", e.text);
	j.gpus = gpus;
	chan_serve(fd, verbs, &j);
	arena_release(&kept);
	arena_release(&a);
}
