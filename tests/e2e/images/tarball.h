/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tarball.h - archives as no honest tool writes them, in memory: every field of
 * a header as the test wants it. For tests only.
 */
#ifndef GAVEL_TARBALL_H
#define GAVEL_TARBALL_H

#include "lib/bytes.h"

struct tarball {
	uint8_t *b;
	size_t len, size;
	char *pax; /* records waiting for their entry */
	size_t pax_len;
};

struct tar_entry {
	const char *name;
	char type; /* 0: '0' */
	const char *link;
	const void *data;
	size_t len;
	unsigned mode;
	int64_t uid;
	int64_t size; /* instead of len, when size_is_set */
	bool size_is_set;
	unsigned major, minor;
	int64_t mtime;
	uint64_t sparse; /* a hole of so many bytes, in GNU's old form */
};

void tar_add(struct tarball *t, const struct tar_entry *e);
#define TAR(t, ...) tar_add(t, &(struct tar_entry){ __VA_ARGS__ })
/* A record of the pax header before the entry that follows; several add up. */
void tar_pax(struct tarball *t, const char *key, const void *value, size_t len);
void tar_bytes(struct tarball *t, const void *data, size_t len);
void tar_end(struct tarball *t);
void tar_free(struct tarball *t);

/* filter: 'g' gzip, 'z' zstd, 0 as it is. */
void tar_pack(const struct tarball *t, char filter, struct tarball *out);

#endif
