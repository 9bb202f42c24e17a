/* SPDX-License-Identifier: Apache-2.0 */
/* corpus.h - between corpus.c and mutate.c. */
#ifndef GAVEL_CORPUS_H
#define GAVEL_CORPUS_H

#include "deploy/akash.h"

#define FILE_CPU_MS_MAX 50.0 /* of the processor's time: others may be busy */

/* NULL: not readable. */
char *corpus_file(struct arena *a, const char *path, size_t *len) mustcheck;
double corpus_cpu_ms(void);
/* Mutants of the deployment files below the directories; exit status. */
int corpus_mutate(unsigned long count, char **dirs, int dir_count) mustcheck;

#endif
