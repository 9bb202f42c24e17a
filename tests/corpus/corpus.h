/* SPDX-License-Identifier: Apache-2.0 */
/* corpus.h - between corpus.c, fixture.c and mutate.c. */
#ifndef GAVEL_CORPUS_H
#define GAVEL_CORPUS_H

#include "deploy/akash.h"

#define FILE_CPU_MS_MAX 50.0 /* of the processor's time: others may be busy */

/* One line of TAP. */
bool corpus_ok(bool passed, const char *fmt, ...) printflike(2, 3);
/* NULL: not readable. */
char *corpus_file(struct arena *a, const char *path, size_t *len) mustcheck;
double corpus_cpu_ms(void);
/* A directory with manifest.json and group-specs.json; TAP. */
void corpus_fixture(const char *dir);
/* Mutants of the deployment files below the directories; exit status. */
int corpus_mutate(unsigned long count, char **dirs, int dir_count) mustcheck;

#endif
