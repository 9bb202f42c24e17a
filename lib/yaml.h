/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.h - YAML text to the tree of json.h, with lines and columns.
 *
 * The only door to libfyaml; yaml_format.h writes YAML. Serves settings files and deployment files.
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

/* A part of the text as it stands, for what rewrites files and must keep the
 * rest. Collections come as a mark at their beginning and one at their end;
 * between these of a mapping, keys and values take turns. */
enum yaml_part { YAML_MAP, YAML_MAP_END, YAML_LIST, YAML_LIST_END, YAML_SCALAR, YAML_ALIAS };

struct yaml_mark {
	enum yaml_part part;
	char style;	   /* of a scalar ' " | > or 0, of a collection in brackets { or [ */
	size_t start, end; /* bytes: with quotes; the lines of | and >; empty if nothing is there */
	const char *text;  /* of a scalar: what it means; of an alias: its name */
	size_t text_len;
	const char *anchor; /* or NULL */
};

/* Refuses what yaml_parse() with YAML_ALIASES refuses. */
int yaml_scan(struct arena *a, const char *name, const char *text, size_t len,
	      struct yaml_mark **out, size_t *count, struct err *e) mustcheck;
int yaml_parse(struct arena *a, const char *name, const char *text, size_t len, unsigned flags,
	       struct json **out, struct err *e) mustcheck;

#endif
