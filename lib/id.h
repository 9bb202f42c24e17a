/* SPDX-License-Identifier: Apache-2.0 */
/*
 * id.h - prefixed, time-ordered names: "ord_01JF4Z8C0XVQ5WSM2T7E9KA3RB".
 *
 * 16 bytes: 48 bits of milliseconds since 1970, then 80 random bits, written
 * as 26 letters of Crockford's base 32 (the ULID specification). Minted by the
 * asker, so that asking again is harmless.
 */
#ifndef GAVEL_ID_H
#define GAVEL_ID_H

#include "bytes.h"

struct id {
	uint8_t b[16];
};

#define ID_TEXT_SIZE 32 /* "ord_" + 26 + NUL */

/* The prefixes: what a name names. */
#define ID_ORDER   "ord"
#define ID_BID	   "bid"
#define ID_LEASE   "lea"
#define ID_EVENT   "evt"
#define ID_QUOTE   "quo"
#define ID_REQUEST "req"

/* Pure: the caller brings the time and ten random bytes. */
struct id id_make(wall_t now, const uint8_t random[static 10]);
/* id_make() with the clock and fresh random bytes. */
struct id id_new(void);
const char *id_text(const char *prefix, const struct id *id, char out[static ID_TEXT_SIZE]);
int id_read(const char *prefix, const char *text, struct id *out, struct err *e) mustcheck;
bool id_equal(const struct id *a, const struct id *b);

#endif
