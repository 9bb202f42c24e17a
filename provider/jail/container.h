/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.h - one container of the jail: its record on the disk, its state,
 * making all of it and taking all of it apart. Part of the jail (jail.h), runs
 * as root; the verbs that call it are in jail.c.
 *
 * The record is the CREATE call as it came, checked again whenever it is read.
 * It is written before the first thing is made and goes after the last, so that
 * whatever died in between can be found and undone.
 */
#ifndef GAVEL_CONTAINER_H
#define GAVEL_CONTAINER_H

#include "deploy/bundle.h"
#include "deploy/cdi.h"
#include "provider/jail/jail.h"
#include "provider/jail/runc.h"
#include "provider/jail/shim.h"

struct jail {
	const struct jail_config *c;
	struct arena *a; /* of the call */
	int exec_fd;
	uint32_t exec_number;
	char runc_root[160];
	const struct cdi_edits *gpus; /* by number */
};

struct container {
	char id[JAIL_ID_SIZE];
	const char *dir, *log_dir, *cgroup;
	const struct jail_create *call; /* NULL: no record. May end before its text does */
	struct net_lease net;
};

/* The strings of a call, in order. */
struct jail_text {
	const char *at, *end;
};

int jail_create_check(const struct jail *j, const struct jail_create *call, size_t len,
		      struct err *e) mustcheck;
uint32_t jail_slot_ids(const struct jail *j, uint16_t slot);

/* The verbs UNPACK and FORGET, and what a crash of them left: jail_layers.c. */
int jail_unpack(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e);
int jail_forget(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e);
int jail_layers_clean(const struct jail *j, struct err *e) mustcheck;

/* NULL after the last. */
const char *jail_text_next(struct jail_text *t);
const char *const *jail_text_list(struct arena *a, struct jail_text *t, size_t count) mustcheck;

/* Small files of our own: NULL when it cannot be read; written whole or not at
 * all. Put is durable; a note is of no use after a power cut, with which the
 * containers go. */
char *jail_file_text(struct arena *a, const char *path, size_t *len) mustcheck;
int jail_file_note(struct arena *a, const char *path, const void *data, size_t len,
		   struct err *e) mustcheck;
int jail_file_put(struct arena *a, const char *path, const void *data, size_t len,
		  struct err *e) mustcheck;
int
jail_dir_make(const char *path, mode_t mode, uint32_t uid, uint32_t gid, struct err *e) mustcheck;

void container_init(const struct jail *j, const struct jail_ref *ref, struct container *l);
void container_set_call(struct container *l, const struct jail_create *call);
/* Whether the container has a directory; call stays NULL when it died before its
 * record was written, which means before anything else was made. */
bool container_load(const struct jail *j, const struct jail_ref *ref, struct container *l);
/* As container_load(), or JAIL_UNKNOWN. `in` is a struct jail_ref from a call. */
int
container_find(const struct jail *j, const void *in, struct container *l, struct err *e) mustcheck;
/* Call fn for every container on the disk, until it returns other than 0. */
int container_each(const struct jail *j,
		   int (*fn)(const struct jail *j, struct container *l, const struct jail_ref *ref,
			     void *arg),
		   void *arg);
bool container_started(const struct jail *j, const struct container *l);
/* rs is zero when the runtime has no record; x->code is -1 when not known. */
enum jail_state container_state(const struct jail *j, const struct container *l,
				struct runc_state *rs, struct shim_exit *x);

/* The words of a call as a process; the texts that follow are left in t. */
int container_process(const struct jail *j, const struct jail_create *call, struct jail_text *t,
		      struct bundle_process *p, struct err *e) mustcheck;
/* The whole call as a bundle, checked; the host names are left in t. */
int container_bundle(const struct jail *j, const struct container *l, struct jail_text *t,
		     struct bundle *b, struct err *e) mustcheck;
/* Record, disk, tree, network, config, shim; after a failure the caller destroys.
 * len: of the call. */
int container_create(const struct jail *j, struct container *l, const struct bundle *b,
		     struct jail_text *t, size_t len, uint32_t *disk_kind, struct err *e) mustcheck;
/* All of it gone, and looked at. Logs stay. */
int container_destroy(const struct jail *j, const struct container *l, struct err *e) mustcheck;

#endif
