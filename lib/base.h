/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base.h - the few words every file may use.
 *
 * Knows nothing of the trade. Included by every other header of lib/.
 */
#ifndef GAVEL_BASE_H
#define GAVEL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 u128;

/* Microseconds. wall_t since 1970 UTC: stored and sent. mono_t since boot:
 * deadlines only, never leaves the process. */
typedef int64_t wall_t;
typedef int64_t mono_t;

#define SECOND_US INT64_C(1000000)
#define MILLI_US  INT64_C(1000)

#define mustcheck	       __attribute__((warn_unused_result))
#define printflike(fmt, first) __attribute__((format(printf, fmt, first)))

#define NELEMS(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Functions that C offers and that have hurt people: using one does not
 * compile. */
#define BANNED(name) name##_is_banned_here
#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef strtok
#define strtok(...) BANNED(strtok)
#undef atoi
#define atoi(...) BANNED(atoi)
#undef atol
#define atol(...) BANNED(atol)

#endif
