/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jail's verbs about layers. A layer is unpacked once, in a process of its
 * own, so that a slow archive stops nobody; whoever asks meanwhile is told to
 * ask again. In state_dir/unpack, by the layer's name:
 *
 *	NAME.lock    held by the process that unpacks it
 *	NAME.failed  its complaint, for who asks next; then it may be tried again
 *	NAME.size    what the files weigh
 *	NAME.work/   scratch; without a holder of the lock it is what a crash left
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "provider/jail/container.h"
#include "provider/jail/mounts.h"
#include "provider/jail/trash.h"
#include "provider/jail/unpack.h"

#define IMAGE_BYTES_MAX	  (UINT64_C(20) << 30)
#define IMAGE_ENTRIES_MAX UINT64_C(500000)
#define UNPACK_TIMEOUT_US (600 * SECOND_US)

static const char *
note_path(const struct jail *j, const struct hash *diff, const char *what)
{
	char name[LAYER_NAME_SIZE];

	return arena_printf(j->a, "%s/unpack/%s.%s", j->c->state_dir, layer_name(diff, name), what);
}

static uint64_t
bytes_max(const struct jail *j, const struct jail_layer *call)
{
	uint64_t most = j->c->image_bytes_max != 0 ? j->c->image_bytes_max : IMAGE_BYTES_MAX;

	return call->bytes_max != 0 ? MIN(call->bytes_max, most) : most;
}

static void
unpack_work(const struct jail *j, const struct jail_layer *call)
{
	struct err e = ERR_NONE, ignored = ERR_NONE;
	char name[LAYER_NAME_SIZE];
	uint64_t bytes = 0;
	struct unpack u = {
		.blob = blob_path(j->a, j->c->state_dir, &call->digest),
		.digest = call->digest,
		.diff = call->diff,
		.size = call->size,
		.work = note_path(j, &call->diff, "work"),
		.target = layer_dir(j->a, j->c->state_dir, &call->diff),
		.id = j->c->image_uid_base,
		.bytes_max = bytes_max(j, call),
		.entries_max =
			j->c->image_entries_max != 0 ? j->c->image_entries_max : IMAGE_ENTRIES_MAX,
		.timeout_us = UNPACK_TIMEOUT_US,
	};

	if (unpack_run(&u, &bytes, &e) == 0 &&
	    jail_file_put(j->a, note_path(j, &call->diff, "size"), &bytes, sizeof(bytes), &e) == 0)
		return;
	log_warn("jail.unpack", "layer=%s error=\"%s\"", layer_name(&call->diff, name), e.text);
	(void)!jail_file_put(j->a, note_path(j, &call->diff, "failed"), &e, sizeof(e), &ignored);
}

static const struct code *
unpack_code(const struct code *code)
{
	static const struct code *const known[] = { &IMAGE_TOO_BIG, &IMAGE_UNPACK,  &IMAGE_DIGEST,
						    &ERR_TIMEOUT,   &ERR_NOT_FOUND, &DISK_FULL };

	/* Written by another process of this very program; look all the same. */
	for (size_t i = 0; i < NELEMS(known); i++)
		if (code == known[i])
			return code;
	return &ERR_SYSTEM;
}

static int
unpack_failed(const struct jail *j, const char *failed, struct err *e)
{
	size_t len = 0;
	const struct err *past = (const void *)jail_file_text(j->a, failed, &len);

	if (past == NULL)
		return 0;
	unlink(failed);
	if (len != sizeof(*past))
		return 0;
	return err_set(e, unpack_code(past->code), "%.*s", (int)sizeof(past->text) - 1, past->text);
}

static int
unpack_fork(const struct jail *j, const struct jail_layer *call, int lock, struct err *e)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, "fork");
	if (pid == 0) {
		/* Keep the lock, and nothing of the jail's sockets. */
		if (dup2(lock, 3) == 3 && close_range(4, ~0u, 0) == 0 && fork() == 0)
			unpack_work(j, call);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static uint64_t
size_noted(const struct jail *j, const struct hash *diff)
{
	size_t len = 0;
	const char *text = jail_file_text(j->a, note_path(j, diff, "size"), &len);
	uint64_t bytes = 0;

	if (text != NULL && len == sizeof(bytes))
		memcpy(&bytes, text, sizeof(bytes));
	return bytes;
}

int
jail_unpack(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	const struct jail_layer *call = in;
	struct jail_unpack_reply *reply = out;
	const struct jail *j = ctx;
	int lock, result;

	(void)len;
	arena_release(j->a);
	*out_len = sizeof(*reply);
	*reply = (struct jail_unpack_reply){ .done = 0 };
	lock = open(note_path(j, &call->diff, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return err_errno(e, "lock the layer");
	/* The worker inherits the descriptor, and the lock with it. */
	if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
		close(lock);
		return 0;
	}
	if (layer_is_here(j->c->state_dir, &call->diff)) {
		reply->done = 1;
		reply->bytes = size_noted(j, &call->diff);
		result = reply->bytes <= bytes_max(j, call)
				 ? 0
				 : err_set(e, &IMAGE_TOO_BIG, "a layer of %llu bytes is too much",
					   (unsigned long long)reply->bytes);
	} else if ((result = unpack_failed(j, note_path(j, &call->diff, "failed"), e)) == 0) {
		result = unpack_fork(j, call, lock, e);
	}
	close(lock);
	return result;
}

static int
layer_used(const struct jail *j, struct container *l, const struct jail_ref *ref, void *arg)
{
	(void)j;
	(void)ref;
	for (uint32_t i = 0; l->call != NULL && i < l->call->layer_count; i++)
		if (hash_equal(&l->call->layers[i], arg))
			return 1;
	return 0;
}

/* First out of the way by one rename, so that no half of a layer is ever there. */
int
jail_forget(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct jail_forget call = *(const struct jail_forget *)in;
	const struct jail *j = ctx;
	const char *tree, *work, *trash;
	int lock, result = 0;

	(void)len;
	(void)out;
	arena_release(j->a);
	*out_len = 0;
	if (container_each(j, layer_used, &call.diff) != 0)
		return err_set(e, &JAIL_CONFLICT, "the layer is in use");
	lock = open(note_path(j, &call.diff, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) {
		if (lock >= 0)
			close(lock);
		return err_set(e, &JAIL_CONFLICT, "the layer is being unpacked");
	}
	tree = layer_dir(j->a, j->c->state_dir, &call.diff);
	work = note_path(j, &call.diff, "work");
	trash = arena_printf(j->a, "%s/trash", j->c->state_dir);
	if (trash_put(j->a, trash, work, e) < 0 || trash_put(j->a, trash, tree, e) < 0)
		result = -1;
	unlink(note_path(j, &call.diff, "size"));
	unlink(note_path(j, &call.diff, "failed"));
	unlink(note_path(j, &call.diff, "lock"));
	close(lock);
	return result;
}

/* Scratch without a living worker. */
int
jail_layers_clean(const struct jail *j, struct err *e)
{
	const char *dir = arena_printf(j->a, "%s/unpack", j->c->state_dir);
	const char *trash = arena_printf(j->a, "%s/trash", j->c->state_dir);
	DIR *d = opendir(dir);
	struct dirent *entry;
	int result = 0;

	while (d != NULL && result == 0 && (entry = readdir(d)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');
		int lock;

		if (dot == NULL || dot == entry->d_name || strcmp(dot, ".work") != 0)
			continue;
		lock = open(arena_printf(j->a, "%s/%.*s.lock", dir, (int)(dot - entry->d_name),
					 entry->d_name),
			    O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
			result = trash_put(j->a, trash,
					   arena_printf(j->a, "%s/%s", dir, entry->d_name), e);
		if (lock >= 0)
			close(lock);
	}
	if (d != NULL)
		closedir(d);
	return result;
}
