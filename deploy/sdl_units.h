/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdl_units.h - quantities and prices as deployment files write them, read with
 * whole-number arithmetic. Pure.
 *
 * Each returns NULL, or the rule that is broken; `hint` then says what to write
 * instead, when there is one obvious thing.
 */
#ifndef GAVEL_SDL_UNITS_H
#define GAVEL_SDL_UNITS_H

#include "lib/amount.h"

struct sdl_hint {
	char text[120]; /* "" : nothing to add */
};

/* "250m" or "0.25": thousandths of a CPU. */
const char *sdl_cpu_read(const char *text, uint32_t *milli, struct sdl_hint *hint) mustcheck;
/* "64Mi", "1.5G", "1024": bytes, rounded down. */
const char *sdl_size_read(const char *text, uint64_t *bytes, struct sdl_hint *hint) mustcheck;
/* A price of Akash: micro-denomination per block, read as base units per 6 s. */
const char *sdl_block_rate_read(const char *text, struct rate *rate) mustcheck;
/* Ours: tokens of 6 decimals per so many seconds. */
const char *sdl_token_rate_read(const char *text, uint32_t seconds, struct rate *rate) mustcheck;

/* 90s, 10m, 1h30m, 24h: whole seconds. */
const char *sdl_duration_read(const char *text, uint32_t *seconds) mustcheck;

#define SDL_HOUR_S  3600u
#define SDL_MONTH_S (730u * 3600u)

#endif
