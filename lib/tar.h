/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar.h - a file or a tree as a tar stream (POSIX pax), and back: what `cp`
 * needs. A door to libarchive; the other one, provider/jail/untar.c, reads layers. Blocking, on
 * descriptors: for children and the command line.
 *
 * The stream's first component is the last name of what was sent, or "." for
 * the contents of a directory (its path ends in "/."). Regular files,
 * directories and symbolic links; all else, and other file systems below the
 * one that was named, are left out and counted. A link that is named itself is
 * followed, those below are sent as links.
 *
 * Receiving trusts nothing: no absolute name, no "..", no hard link, no way
 * through a symbolic link of the stream's; of the mode only rwxrwxrwx.
 */
#ifndef GAVEL_TAR_H
#define GAVEL_TAR_H

#include "err.h"

extern const struct code TAR_NO_FILE, TAR_NO_SPACE, TAR_READ_ONLY, TAR_REFUSED, TAR_UNSAFE,
	TAR_BROKEN;

struct tar_count {
	uint64_t bytes; /* of files */
	uint64_t files, skipped;
	/* Called now and then, if not NULL. */
	void (*on_progress)(struct tar_count *count);
};

struct tar_rules {
	uint64_t bytes_max; /* 0: no limit */
	bool own;	    /* what is made belongs to uid, gid */
	uint32_t uid, gid;
};

/* Work in the current directory's file system view; paths may be relative. */
int tar_send(int fd, const char *path, struct tar_count *count, struct err *e) mustcheck;
/* As `cp -r` would: into the target if it is a directory, else under its name. */
int tar_receive(int fd, const char *target, const struct tar_rules *rules, struct tar_count *count,
		struct err *e) mustcheck;

#endif
