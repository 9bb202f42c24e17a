/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_format.h - YAML text in one form: block style, two blanks a level, quotes
 * only where they are needed, keys in the order that the caller ranks them.
 * Every comment stays at what it was beside or above. Formatting a formatted
 * text changes nothing.
 *
 * Knows nothing of what the text means. What it loses: the choice of quotes,
 * brackets and indentation, line breaks inside of values that are not | or >,
 * more than one empty line together, document marks and directives.
 */
#ifndef GAVEL_YAML_FORMAT_H
#define GAVEL_YAML_FORMAT_H

#include "yaml.h"

/* Where the key stands: names from the top, NULL for an entry of a list. Lower
 * comes first; keys of one rank stay as they are. */
typedef size_t yaml_rank(void *ctx, const char *const *path, size_t depth, const char *key);

extern const struct code YAML_FORMAT; /* the text could not be kept */

/* The result is read again: it says the same, or this fails. With an anchor in
 * the text keys keep their order, for an alias must stand behind its anchor.
 * rank may be NULL. */
int yaml_format(struct arena *a, const char *name, const char *text, size_t len, yaml_rank *rank,
		void *ctx, const char **out, struct err *e) mustcheck;

/* Whether two trees say the same: mappings in any order; quotes count only
 * around a word that is a number, true, null or the like without them. */
bool yaml_same(const struct json *a, const struct json *b) mustcheck;
/* The text as a scalar: as it is where it needs no quotes. */
const char *yaml_scalar(struct arena *a, const char *text, size_t len) mustcheck;

#endif
