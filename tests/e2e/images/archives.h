/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archives.h - hostile layers: how each is built, and what must become of it.
 * For tests only.
 */
#ifndef GAVEL_ARCHIVES_H
#define GAVEL_ARCHIVES_H

#include "lib/arena.h"
#include "tests/e2e/images/tarball.h"

struct hostile {
	const char *what;
	void (*make)(struct tarball *t);
	char filter;		 /* as of tar_pack */
	const struct code *code; /* refused so, by UNPACK or by CREATE; NULL: it runs */
	const char *script;	 /* what then ends with 0; with a code: the try of CREATE */
	bool unended;		 /* no end of archive */
};

extern const struct hostile hostile[];
extern const size_t hostile_count;

/* Memory for the archives, and the directory of the host that they aim at: before
 * the first make(). */
void hostile_begin(struct arena *a, const char *decoy);
/* part, so many times */
char *text_many(struct arena *a, const char *part, size_t times);

#endif
