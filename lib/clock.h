/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - the one place that reads the clock, and time as text. */
#ifndef GAVEL_CLOCK_H
#define GAVEL_CLOCK_H

#include "err.h"

wall_t clock_wall(void);
mono_t clock_mono(void);

#define TIME_TEXT_SIZE 32

/* RFC 3339 in UTC with microseconds: 2026-11-25T05:10:35.123456Z */
const char *time_text(wall_t t, char out[static TIME_TEXT_SIZE]);
int time_read(const char *text, wall_t *out, struct err *e) mustcheck;
/* "1 d 4 h", "3 min 20 s", "412 ms": the two largest parts. */
const char *duration_text(int64_t us, char out[static TIME_TEXT_SIZE]);

#endif
