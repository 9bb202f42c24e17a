/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail.h - the role that has root: a vocabulary of a dozen verbs about
 * containers, served over one channel, each with a fixed struct.
 *
 * The jail takes numbers, ids, the strings a process is made of and the places
 * inside where volumes are mounted; it takes no path of the host, opens no
 * network connection, and never looks into a tenant's files. JSON it reads only
 * before it serves: the operator's own CDI specifications of the devices that
 * its configuration names, from files that only root can write. It trusts the agent to name leases
 *and slots, and nothing else: whoever has taken over the agent can start containers, and only
 *within these walls.
 *
 * A container is one copy of one service of a lease: struct jail_ref. Its id for
 * the runtime is "gv-<name>-<copy>". Its `slot`, chosen by the agent and unique
 * among live containers, decides its id range (uid_base + slot * 65536), its /30
 * (network + 4 * slot) and the name of its wire.
 *
 *	UNPACK layer           -> running | done; ask again until done
 *	CREATE what and where  -> walls up, process waiting; nothing has run
 *	START  ref
 *	STAT   ref             -> state, exit, meters
 *	PAUSE, RESUME  ref
 *	STOP   ref             TERM, returns at once; the agent waits its grace. KILL
 *	                       when its first process has no ears for TERM
 *	KILL   ref             KILL, returns at once
 *	EXEC   ref, argv       -> number; descriptors come on the second socket
 *	FILES  ref, path       -> the same: a tar of files inside, out or in
 *	DESTROY ref            all of it gone, checked by looking
 *	LIST                   -> every container of this provider, from the disk
 *	FORGET layer           the unpacked tree removed, unless in use
 *	DROP   volume          a persistent volume and all in it, unless in use
 *
 * Every verb may be repeated. Whatever dies when (kill -9 included), LIST and
 * DESTROY clean up: the record of a container is written before the first thing
 * is made and removed after the last is gone. A container does not need the
 * jail, the agent or the parent: its shim (shim.h) keeps logs and exit status.
 *
 * On disk, under state_dir (0711, root):
 *	blobs/sha256/<hex>   parts of images, written by the agent 0711 agent
 *	layers/<name>/       a layer's tree, shared by all; the    0711 root
 *	                     name is of its diff id (layers.h)
 *	trash/               layers on their way out (trash.h);    0700 root
 *	                     .trash/ in a class's directory, too
 *	unpack/              scratch, locks, complaints and sizes  0711 root
 *	leases/<id>/         record, config.json, lower, disk,     0711 root
 *	                     merged, netns, pid, shim, started, runc.log,
 *	                     mount-N, raw-N of volumes and devices
 *	volumes/<id>-<name>/ disk.img of a persistent volume;      0700 root
 *	                     outlives the container, until DROP
 *	made/<id>-<name>     empty: the volume was made (volumes.h) 0700 root
 *	logs/<id>/           log, log.1, exit; outlives the lease  0750 root:agent
 *	agent/               the agent's own                       0700 agent
 * and under run_dir: runc/, the runtime's records, gone after a reboot as the
 * containers are. Both directories must be reachable (0711) by any uid: the
 * workload's first process walks there.
 *
 * EXEC. The jail makes four pipes, starts a minder that runs `runc exec` with
 * three of them, and sends the other ends - stdin, stdout, stderr, status - in
 * one packet { number } on the socket `exec_fd` before it answers the call. The
 * status pipe yields one int32 (exit status, 128 + signal), perhaps some text
 * that explains it, and then ends. Closing the status pipe kills the command with
 * its session. With a terminal two descriptors come: a socket that yields the
 * terminal's master (descriptor_take()), and the status. The terminal is of the
 * container's own devpts; the agent sets its size.
 *
 * FILES. The same four pipes, but behind them is no program of the image: a
 * child of the jail enters the container's user and mount namespaces and its
 * cgroups, and reads or writes a tar there itself (archive.h).
 */
#ifndef GAVEL_JAIL_H
#define GAVEL_JAIL_H

#include "lib/bytes.h"
#include "lib/chan.h"
#include "provider/jail/layers.h"
#include "provider/jail/net.h"

extern const struct code JAIL_UNKNOWN;	/* no such container */
extern const struct code JAIL_CONFLICT; /* the slot or the state does not allow it */
extern const struct code JAIL_REFUSED;	/* malformed call */

struct jail_config {
	const char *state_dir, *run_dir; /* absolute, plain */
	struct net_config net;		 /* net.tag also names the cgroup */
	uint32_t uid_base;		 /* multiple of 65536 */
	uint32_t image_uid_base;	 /* a range of its own, not among the slots' */
	uint32_t slot_count;		 /* at most NET_SLOT_MAX + 1 */
	uint32_t agent_uid, agent_gid;
	uint64_t image_bytes_max;		 /* unpacked; 0: 20 GiB */
	uint64_t image_entries_max;		 /* 0: 500,000 */
	uint64_t log_bytes_max, log_bytes_per_s; /* per container; 0: shim.h */
	uint64_t disk_bytes_per_s; /* per container, reading and writing each; 0: 256 MiB */
	bool accept_old_runc;
	bool accept_ram_disk; /* without a loop device, rather than refuse */
	/* Where the persistent volumes of a class are, by its number; an entry
	 * of NULL: state_dir/volumes. */
	const char *const *volume_dirs;
	size_t volume_class_count;
	/* Names of devices ("nvidia.com/gpu=0"): CREATE knows them by number. */
	const char *const *gpus;
	size_t gpu_count;
	const char *cdi_dir; /* besides /etc/cdi and /var/run/cdi; or NULL */
};

enum jail_verb {
	JAIL_UNPACK = 1,
	JAIL_CREATE,
	JAIL_START,
	JAIL_STAT,
	JAIL_PAUSE,
	JAIL_RESUME,
	JAIL_STOP,
	JAIL_KILL,
	JAIL_EXEC,
	JAIL_DESTROY,
	JAIL_LIST,
	JAIL_FORGET,
	JAIL_FILES,
	JAIL_DROP,
	JAIL_LIMIT,
};

/* 26 letters of the lease's id in lower case, NUL; which copy of it. */
struct jail_ref {
	char name[27];
	uint8_t copy;
};

#define JAIL_ID_SIZE 40 /* "gv-" + 26 + "-255" + NUL */

struct jail_layer {
	struct hash digest, diff; /* of the blob; of the archive in it */
	uint64_t size;		  /* of the blob */
	uint64_t bytes_max;	  /* what its image may still unpack to; 0: the setting */
};

struct jail_unpack_reply {
	uint64_t bytes; /* of the files, when done */
	uint32_t done;	/* 0: running */
};

struct jail_forget {
	struct hash diff;
};

/* A persistent volume: the container it was made for, which may be long gone,
 * its name, and the number of its class. */
struct jail_volume {
	struct jail_ref ref;
	char name[64];
	uint8_t class;
};

enum jail_mount_kind {
	JAIL_MOUNT_DISK = 1, /* a directory of the container's own disk */
	JAIL_MOUNT_RAM,	     /* memory of `bytes`, counted against the container's */
	JAIL_MOUNT_VOLUME,   /* made at first use, exactly `bytes` */
};

struct jail_mount {
	struct jail_volume volume; /* DISK and RAM: only its name */
	uint8_t kind, readonly;
	uint64_t bytes;
};

#define JAIL_MOUNTS_MAX 4
#define JAIL_GPUS_MAX	24

#define JAIL_TEXT_MAX (64u * 1024)

struct jail_create {
	struct jail_ref ref;
	struct hash layers[LAYERS_MAX]; /* diff ids from the lowest up, each once */
	uint32_t layer_count;
	uint64_t memory_bytes, storage_bytes;
	uint64_t shm_bytes; /* of /dev/shm; 0: the usual part of the memory */
	uint32_t cpu_milli, pids_max;
	uint32_t uid, gid; /* inside */
	uint32_t nofile;   /* 0: the default */
	uint16_t slot;
	uint16_t readonly; /* the root file system: 0 or 1 */
	uint16_t arg_count, env_count, host_count, link_count;
	uint16_t host_slots[NET_LINKS_MAX]; /* host i of the text is at this slot */
	struct net_link links[NET_LINKS_MAX];
	uint16_t mount_count, gpu_count;
	struct jail_mount mounts[JAIL_MOUNTS_MAX];
	uint8_t gpus[JAIL_GPUS_MAX]; /* numbers of devices */
	uint32_t text_len;
	/* NUL-ended: args, env, cwd, hostname, then host_count names, then
	 * mount_count paths inside */
	char text[JAIL_TEXT_MAX];
};

struct jail_create_reply {
	uint32_t disk_kind; /* enum disk_kind of mounts.h */
};

enum jail_state {
	JAIL_BROKEN, /* a record, no container: died in CREATE, or a reboot */
	JAIL_CREATED,
	JAIL_RUNNING,
	JAIL_PAUSED,
	JAIL_EXITED,
};

struct jail_stat {
	uint32_t state;	   /* enum jail_state */
	int32_t exit_code; /* JAIL_EXITED: 0..255, 128 + signal; -1: not known */
	int32_t exit_signal;
	uint32_t oom; /* the kernel has killed for memory */
	wall_t exited_at;
	int64_t pid; /* on the host; 0: none */
	uint64_t cpu_ns;
	uint64_t memory_bytes, memory_peak_bytes, oom_kills, pids;
	uint64_t rx_bytes, tx_bytes; /* as the workload sees them */
	uint64_t disk_bytes;
};

struct jail_destroy {
	struct jail_ref ref;
	uint32_t drop_logs; /* 0 or 1 */
};

/* How much CPU it has from now on; CREATE said how much at first. */
struct jail_limit {
	struct jail_ref ref;
	uint32_t cpu_milli;
};

struct jail_exec {
	struct jail_ref ref;
	uint32_t terminal;   /* 0 or 1 */
	uint32_t rows, cols; /* of the terminal, below 65536; 0: not known */
	uint32_t arg_count;
	uint32_t text_len;
	char text[JAIL_TEXT_MAX]; /* NUL-ended arguments */
};

#define JAIL_PATH_MAX 4096u

struct jail_files {
	struct jail_ref ref;
	uint32_t put;		  /* 0: read, 1: write */
	uint64_t bytes_max;	  /* of the files together; 0: no limit but the disk */
	char path[JAIL_PATH_MAX]; /* inside, absolute, NUL-ended */
};

struct jail_exec_reply {
	uint32_t number;
};

enum jail_exec_fd { JAIL_STDIN, JAIL_STDOUT, JAIL_STDERR, JAIL_STATUS, JAIL_EXEC_FDS };

struct jail_entry {
	struct jail_ref ref;
	uint16_t slot;
	uint16_t state; /* enum jail_state */
};

#define JAIL_LIST_MAX (CHAN_BYTES_MAX / sizeof(struct jail_entry))

/* Packets may be cut after the text. */
#define JAIL_CREATE_MIN offsetof(struct jail_create, text)
#define JAIL_EXEC_MIN	offsetof(struct jail_exec, text)
#define JAIL_FILES_MIN	offsetof(struct jail_files, path)

bool jail_ref_is_good(const struct jail_ref *ref);
const char *jail_id(const struct jail_ref *ref, char out[static JAIL_ID_SIZE]);
/* For the agent: where the container's logs are. */
const char *
jail_log_dir(struct arena *a, const struct jail_config *c, const struct jail_ref *ref) mustcheck;

/* The self-check (selfcheck.h), directories, packet filter: before any role starts,
 * or as the jail's first act. Containers that run stay as they are. HOST_UNFIT when
 * a promise about the walls cannot be kept here. */
int jail_prepare(const struct jail_config *c, struct err *e) mustcheck;
/* The role: serve `fd` until it closes. exec_fd as above. */
void jail_serve(const struct jail_config *c, int fd, int exec_fd);

#endif
