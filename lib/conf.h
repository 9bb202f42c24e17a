/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.h - settings files: YAML to a struct, by the same tables as JSON.
 *
 *	struct settings s = { .port = 8480, .timeout_ms = 400 };   // defaults
 *	conf_read(&arena, "/etc/gavel/market.yaml", fields, &s, e)
 *
 * An optional field that is missing keeps its default. A number whose field
 * name ends with a unit takes that unit when it stands alone, and a duration or
 * size otherwise:
 *
 *	timeout_ms: 400		timeout_ms: 2s		window_min_s: 10m
 *	cache_bytes: 65536	cache_bytes: 64MiB
 *
 * Durations: us ms s m h d. Sizes: kB MB GB TB, KiB MiB GiB TiB. What is not a
 * whole number in the field's unit is refused. _min and _max may follow the
 * unit. Text fields take numbers and true or false as they are written.
 *
 * Errors say file:line:column, the setting and the rule, with ERR_CONFIG; the
 * error's field is the setting as a JSON pointer.
 */
#ifndef GAVEL_CONF_H
#define GAVEL_CONF_H

#include "lib/json.h"

int conf_read(struct arena *a, const char *path, const struct json_field *fields, void *out,
	      struct err *e) mustcheck;
/* The same of a text; `name` stands for the file in errors. */
int conf_parse(struct arena *a, const char *name, const char *text, size_t len,
	       const struct json_field *fields, void *out, struct err *e) mustcheck;

#endif
