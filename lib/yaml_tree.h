/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_tree.h - YAML text to a tree that keeps what yaml.h folds away: tags,
 * aliases as aliases, keys that stand twice, keys that are no words.
 *
 * For readers that must take exactly what another program takes. The only door
 * to libyaml: Go's yaml.v3 is a translation of it, so both find the same
 * tokens and the same faults in a text, which libfyaml does not.
 *
 * Only the first document of a stream is read. Refused: more than 256 KiB,
 * nested deeper than 1,000, more than 65,536 nodes. A NUL, which double quotes
 * can write, becomes the bytes c0 80: no text has them otherwise.
 */
#ifndef GAVEL_YAML_TREE_H
#define GAVEL_YAML_TREE_H

#include "arena.h"

#define YAML_TREE_BYTES_MAX (256 * 1024)
#define YAML_TREE_NODES_MAX 65536u
#define YAML_TREE_DEPTH_MAX 1000u

enum yaml_tree_kind {
	YAML_TREE_SCALAR,
	YAML_TREE_LIST,
	YAML_TREE_MAP,	/* content: key, value, key, value, ... */
	YAML_TREE_ALIAS /* value: the anchor's name; target: what it names, perhaps above it */
};

struct yaml_tree {
	enum yaml_tree_kind kind;
	bool plain;	   /* a scalar without quotes, | or > */
	const char *tag;   /* as written, with its handle resolved; NULL: none, or "!" */
	const char *value; /* of a scalar; "" of a collection */
	struct yaml_tree *target;
	struct yaml_tree *up; /* the collection it stands in; NULL: none */
	struct yaml_tree **content;
	size_t count;
	unsigned line, column; /* from 1 */
};

/* *out is NULL when there is nothing in the text. Fails with YAML_SYNTAX (or
 * ERR_TOO_BIG) and "name:line:column: what". */
int yaml_tree_parse(struct arena *a, const char *name, const char *text, size_t len,
		    struct yaml_tree **out, struct err *e) mustcheck;

#endif
