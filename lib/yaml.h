/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.h - YAML text to the tree of json.h, with lines and columns.
 *
 * The only door to libfyaml. Serves settings files and deployment files.
 * Scalars are always JSON_STRING with their raw text (`quoted` tells whether
 * it stood in quotes; an empty or ~ plain scalar is JSON_NULL): what a scalar
 * means is the reader's to say. Plain true/false/numbers become JSON_BOOL and
 * JSON_NUMBER only with YAML_TYPED, for settings read through json tables.
 *
 * Refused: duplicate keys, anchors, aliases and tags unless YAML_ALIASES,
 * more than 64 KiB (settings, deployment files), depth beyond 16, more than
 * 4,096 nodes.
 */
#ifndef GAVEL_YAML_H
#define GAVEL_YAML_H

#include "json.h"

extern const struct code YAML_SYNTAX;

#define YAML_BYTES_MAX (64 * 1024)
#define YAML_TYPED     1u
#define YAML_ALIASES   2u /* expand aliases and merge keys, within the limits */

int yaml_parse(struct arena *a, const char *name, const char *text, size_t len, unsigned flags,
	       struct json **out, struct err *e) mustcheck;

#endif
