/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_tree.c - libyaml's events to a tree. Knows nothing of what it says.
 *
 * Since yaml.v3 was translated, libyaml has changed its mind in three places,
 * and is led back here: %YAML 1.2 is refused; so is ? within a word of a flow
 * collection ([a?b] is not a list of one); and a word there may end with a
 * colon ({a: b:}), which libyaml no longer takes. For the last the colon is
 * hidden behind another character while libyaml reads.
 */
#include "lib/yaml_tree.h"

#include "lib/yaml.h"

#include <assert.h>

#include <yaml.h>

struct anchor {
	const char *name;
	struct yaml_tree *node;
	struct anchor *next;
};

#define BUCKETS 1024u

struct grower {
	struct arena *arena;
	const char *file;
	struct err *e;
	struct yaml_tree *root;
	struct yaml_tree *open; /* the innermost collection being filled */
	size_t depth;
	size_t nodes;
	struct anchor *anchors[BUCKETS]; /* by hash of the name, latest first */
	size_t flows;			 /* how many of the open collections are in [] or {} */
	const char *colon;		 /* stands for a colon; NULL: nothing does */
	size_t colon_wanted; /* character to hide and read again; 0: none (never the first) */
};

static int
grower_fail(struct grower *g, const struct code *code, yaml_mark_t at, const char *what)
{
	return err_set(g->e, code, "%s:%zu:%zu: %.160s", g->file, at.line + 1, at.column + 1, what);
}

/* Colons out of their hiding place. */
static char *
colons_back(const char *colon, char *text)
{
	char *at = text;

	while ((at = strstr(at, colon)) != NULL) {
		*at++ = ':';
		memmove(at, at + strlen(colon) - 1, strlen(at + strlen(colon) - 1) + 1);
	}
	return text;
}

/* The bytes as a C string; see the header for NUL. */
static char *
keep_text(struct arena *a, const yaml_char_t *text, size_t len)
{
	size_t zeros = 0;
	char *out, *p;

	for (size_t i = 0; i < len; i++)
		zeros += text[i] == 0;
	if (zeros == 0)
		return arena_strndup(a, (const char *)text, len);
	out = p = arena_alloc(a, len + zeros + 1);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == 0)
			*p++ = (char)0xc0;
		*p++ = text[i] == 0 ? (char)0x80 : (char)text[i];
	}
	return out;
}

static const char *
keep_name(struct arena *a, const yaml_char_t *name)
{
	return name != NULL ? arena_strdup(a, (const char *)name) : NULL;
}

static struct anchor **
bucket_of(struct grower *g, const char *name)
{
	unsigned h = 5381;

	for (; *name != '\0'; name++)
		h = h * 33 + (unsigned char)*name;
	return &g->anchors[h % BUCKETS];
}

/* A later anchor of the same name hides the earlier one. */
static void
anchor_set(struct grower *g, const yaml_char_t *name, struct yaml_tree *node)
{
	struct anchor **bucket, *anchor;

	if (name == NULL)
		return;
	anchor = ARENA_NEW(g->arena, struct anchor);
	*anchor = (struct anchor){ keep_name(g->arena, name), node, NULL };
	bucket = bucket_of(g, anchor->name);
	anchor->next = *bucket;
	*bucket = anchor;
}

static struct yaml_tree *
anchor_named(struct grower *g, const char *name)
{
	for (const struct anchor *a = *bucket_of(g, name); a != NULL; a = a->next)
		if (strcmp(a->name, name) == 0)
			return a->node;
	return NULL;
}

/* A node at its place in the tree. NULL: too many. */
static struct yaml_tree *
grow(struct grower *g, enum yaml_tree_kind kind, const yaml_char_t *tag, yaml_mark_t at)
{
	struct yaml_tree *n, *up = g->open;

	if (++g->nodes > YAML_TREE_NODES_MAX) {
		grower_fail(g, &ERR_TOO_BIG, at, "more than 65536 values");
		return NULL;
	}
	n = ARENA_NEW(g->arena, struct yaml_tree);
	n->kind = kind;
	n->value = "";
	n->up = up;
	n->tag = tag != NULL && strcmp((const char *)tag, "!") != 0 ? keep_name(g->arena, tag)
								    : NULL;
	n->line = (unsigned)at.line + 1;
	n->column = (unsigned)at.column + 1;
	if (up == NULL) {
		g->root = n;
		return n;
	}
	up->content = arena_grow(g->arena, up->content, up->count, sizeof(struct yaml_tree *));
	up->content[up->count++] = n;
	return n;
}

static int
on_scalar(struct grower *g, const yaml_event_t *event)
{
	struct yaml_tree *n = grow(g, YAML_TREE_SCALAR, event->data.scalar.tag, event->start_mark);
	char *text;

	if (n == NULL)
		return -1;
	n->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	text = keep_text(g->arena, event->data.scalar.value, event->data.scalar.length);
	n->value = g->colon != NULL ? colons_back(g->colon, text) : text;
	if (n->plain && g->flows > 0 && strchr(text, '?') != NULL)
		return grower_fail(g, &YAML_SYNTAX, event->start_mark,
				   "? within a word in [] or {}: write it in quotes");
	anchor_set(g, event->data.scalar.anchor, n);
	return 0;
}

static int
on_alias(struct grower *g, const yaml_event_t *event)
{
	struct yaml_tree *n = grow(g, YAML_TREE_ALIAS, NULL, event->start_mark);

	if (n == NULL)
		return -1;
	n->value = keep_name(g->arena, event->data.alias.anchor);
	n->target = anchor_named(g, n->value);
	if (n->target == NULL)
		return grower_fail(g, &YAML_SYNTAX, event->start_mark,
				   "the alias names nothing that stands before it");
	return 0;
}

static int
on_start(struct grower *g, enum yaml_tree_kind kind, bool flow, const yaml_char_t *tag,
	 const yaml_char_t *anchor, yaml_mark_t at)
{
	struct yaml_tree *n;

	if (g->depth == YAML_TREE_DEPTH_MAX)
		return grower_fail(g, &ERR_TOO_BIG, at, "nested deeper than 1000");
	n = grow(g, kind, tag, at);
	if (n == NULL)
		return -1;
	anchor_set(g, anchor, n);
	g->open = n;
	g->depth++;
	g->flows += flow || g->flows > 0; /* within flow all is flow */
	return 0;
}

/* 1: the document is read. */
static int
on_event(struct grower *g, const yaml_event_t *event)
{
	const yaml_version_directive_t *version = event->data.document_start.version_directive;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		/* libyaml takes %YAML 1.2, yaml.v3 does not. */
		if (version != NULL && (version->major != 1 || version->minor != 1))
			return grower_fail(g, &YAML_SYNTAX, event->start_mark,
					   "%YAML of another version than 1.1");
		return 0;
	case YAML_SCALAR_EVENT: return on_scalar(g, event);
	case YAML_ALIAS_EVENT: return on_alias(g, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(g, YAML_TREE_LIST,
				event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE,
				event->data.sequence_start.tag, event->data.sequence_start.anchor,
				event->start_mark);
	case YAML_MAPPING_START_EVENT:
		return on_start(g, YAML_TREE_MAP,
				event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE,
				event->data.mapping_start.tag, event->data.mapping_start.anchor,
				event->start_mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		assert(g->open != NULL);
		g->open = g->open->up;
		g->depth--;
		g->flows -= g->flows > 0;
		return 0;
	case YAML_DOCUMENT_END_EVENT:
	case YAML_STREAM_END_EVENT: return 1;
	default: return 0;
	}
}

static int
parser_fail(struct grower *g, const yaml_parser_t *parser)
{
	yaml_mark_t at = parser->problem_mark;

	if (parser->error == YAML_MEMORY_ERROR)
		fatal("out of memory");
	if (parser->error == YAML_SCANNER_ERROR && parser->problem != NULL &&
	    strcmp(parser->problem, "found unexpected ':'") == 0)
		g->colon_wanted = at.index;
	/* The reader knows bytes and not lines. */
	if (parser->error == YAML_READER_ERROR)
		at = parser->mark;
	return grower_fail(g, &YAML_SYNTAX, at,
			   parser->problem != NULL ? parser->problem : "not YAML");
}

static int
parse(struct grower *g, const char *text, size_t len)
{
	yaml_parser_t parser;
	yaml_event_t event;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		fatal("out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (rc == 0) {
		if (!yaml_parser_parse(&parser, &event)) {
			rc = parser_fail(g, &parser);
			break;
		}
		rc = on_event(g, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}

/* A character for private use that the text has not. */
static const char *
colon_choose(struct arena *a, const char *text, size_t len)
{
	char c[4] = "\xee\x80\x80";

	for (unsigned i = 0; i < 64; i++) {
		c[2] = (char)(0x80 + i);
		if (memmem(text, len, c, 3) == NULL)
			return arena_strdup(a, c);
	}
	return NULL;
}

/* The text with the wanted colon hidden. NULL: that cannot be done. */
static char *
colon_hide(struct grower *g, const char *text, size_t *len)
{
	size_t at = *len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, index = 0;
	char *out;

	for (; at < *len && index < g->colon_wanted; index++)
		for (at++; at < *len && ((unsigned char)text[at] & 0xc0) == 0x80; at++)
			;
	if (at >= *len || text[at] != ':')
		return NULL;
	if (g->colon == NULL)
		g->colon = colon_choose(g->arena, text, *len);
	if (g->colon == NULL)
		return NULL;
	out = arena_alloc(g->arena, *len + 3);
	memcpy(out, text, at);
	memcpy(out + at, g->colon, 3);
	memcpy(out + at + 3, text + at + 1, *len - at - 1);
	*len += 2;
	return out;
}

#define COLONS_MAX 32u /* each is another reading */

int
yaml_tree_parse(struct arena *a, const char *name, const char *text, size_t len,
		struct yaml_tree **out, struct err *e)
{
	const char *colon = NULL;

	if (len > YAML_TREE_BYTES_MAX)
		return err_set(e, &ERR_TOO_BIG, "%s: %zu bytes of YAML, at most %d", name, len,
			       YAML_TREE_BYTES_MAX);
	for (unsigned readings = 0;; readings++) {
		struct err why = ERR_NONE;
		struct grower g = { .arena = a, .file = name, .e = &why, .colon = colon };

		if (parse(&g, text, len) >= 0) {
			*out = g.root;
			return 0;
		}
		text = g.colon_wanted > 0 && readings < COLONS_MAX ? colon_hide(&g, text, &len)
								   : NULL;
		if (text == NULL) {
			*e = why;
			return -1;
		}
		colon = g.colon;
	}
}
