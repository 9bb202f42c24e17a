/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.c - libfyaml's events to the tree of json.h, within our limits.
 *
 * Events and not libfyaml's own documents: so every limit is checked before
 * memory is spent, and an alias costs no more than the nodes it stands for.
 */
#include "lib/yaml.h"

#include <assert.h>

#include <libfyaml.h>

const struct code YAML_SYNTAX = { "yaml_syntax", INVALID, "the text is not YAML" };

#define DEPTH_MAX 16
#define NODES_MAX 4096

struct frame {
	struct json *node;  /* array or object being filled */
	const char *anchor; /* or NULL */
	bool named;	    /* object: name, line, column are of the value to come */
	const char *name;
	unsigned name_line, name_column;
};

struct anchor {
	const char *name;
	const struct json *node; /* NULL: not closed yet, an alias would be a loop */
	struct anchor *next;
};

struct loader {
	struct arena *arena;
	const char *file;
	unsigned flags;
	struct err *e;
	struct frame stack[DEPTH_MAX];
	unsigned depth;
	unsigned nodes;
	size_t text_bytes; /* with aliases expanded */
	unsigned documents;
	struct anchor *anchors;
	struct json *root;
	bool scan; /* marks, and no tree */
	struct yaml_mark *marks;
	size_t mark_count;
};

static int
loader_fail(struct loader *l, const struct code *code, unsigned line, unsigned column,
	    const char *detail)
{
	return err_set(l->e, code, "%s:%u:%u: %s", l->file, line, column, detail);
}

/* ------------------------------------------------------------------ */
/* Text.                                                               */

/* Length of the UTF-8 sequence at p; 0: none that is legal. */
static size_t
utf8_len(const unsigned char *p, size_t left)
{
	static const struct {
		unsigned char first, last, low, high;
		size_t len;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < NELEMS(forms); i++) {
		if (*p < forms[i].first || *p > forms[i].last)
			continue;
		if (forms[i].len > left ||
		    (forms[i].len > 1 && (p[1] < forms[i].low || p[1] > forms[i].high)))
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

/* The offset of the first byte that is not UTF-8 text (a NUL is not), or len. */
static size_t
utf8_good(const char *text, size_t len)
{
	size_t at = 0, n;

	while (at < len) {
		n = utf8_len((const unsigned char *)text + at, len - at);
		if (n == 0)
			return at;
		at += n;
	}
	return len;
}

static int
check_text(const char *file, const char *text, size_t len, struct err *e)
{
	size_t good;
	unsigned line = 1, column = 1;

	if (len > YAML_BYTES_MAX)
		return err_set(e, &ERR_TOO_BIG, "%s: %zu bytes of YAML, at most %d", file, len,
			       YAML_BYTES_MAX);
	good = utf8_good(text, len);
	if (good == len)
		return 0;
	for (size_t i = 0; i < good; i++) {
		column += ((unsigned char)text[i] & 0xc0) != 0x80;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	return err_set(e, &YAML_SYNTAX, "%s:%u:%u: byte 0x%02x is not UTF-8 text", file, line,
		       column, (unsigned char)text[good]);
}

/* ------------------------------------------------------------------ */
/* Nodes.                                                              */

static void
node_append(struct json *parent, struct json *v)
{
	v->next = NULL;
	if (parent->last != NULL)
		parent->last->next = v;
	else
		parent->first = v;
	parent->last = v;
	parent->count++;
}

static int
loader_count(struct loader *l, unsigned line, unsigned column, size_t text_bytes)
{
	if (++l->nodes > NODES_MAX)
		return loader_fail(l, &ERR_TOO_BIG, line, column, "more than 4096 values");
	l->text_bytes += text_bytes;
	if (l->text_bytes > YAML_BYTES_MAX)
		return loader_fail(l, &ERR_TOO_BIG, line, column,
				   "the aliases stand for more than 64 KiB");
	return 0;
}

/* Hang the value on the open collection; the root hangs on nothing. */
static void
loader_attach(struct loader *l, struct json *v)
{
	struct frame *f;

	if (l->depth == 0) {
		l->root = v;
		return;
	}
	f = &l->stack[l->depth - 1];
	if (f->node->type == JSON_OBJECT) {
		v->name = f->name;
		v->name_line = f->name_line;
		v->name_column = f->name_column;
		f->named = false;
	}
	node_append(f->node, v);
}

static bool
word_is(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* A number as JSON writes it: 007, 0x10, 1_000 and .5 stay text. */
static bool
is_number(const char *p)
{
	size_t n;

	p += *p == '-';
	n = strspn(p, "0123456789");
	if (n == 0 || (n > 1 && p[0] == '0'))
		return false;
	p += n;
	if (*p == '.') {
		n = strspn(p + 1, "0123456789");
		if (n == 0)
			return false;
		p += 1 + n;
	}
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '+' || *p == '-';
		n = strspn(p, "0123456789");
		if (n == 0)
			return false;
		p += n;
	}
	return *p == '\0';
}

static void
scalar_type(const struct loader *l, struct json *v)
{
	static const char *const none[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "true", "True", "TRUE", NULL };
	static const char *const no[] = { "false", "False", "FALSE", NULL };

	v->type = JSON_STRING;
	if (v->quoted)
		return;
	if (word_is(v->text, none)) {
		v->type = JSON_NULL;
	} else if ((l->flags & YAML_TYPED) == 0) {
		return;
	} else if (word_is(v->text, yes) || word_is(v->text, no)) {
		v->type = JSON_BOOL;
		v->truth = word_is(v->text, yes);
	} else if (is_number(v->text)) {
		v->type = JSON_NUMBER;
	}
}

/* ------------------------------------------------------------------ */
/* Aliases.                                                            */

static const char *
token_text(struct loader *l, struct fy_token *token)
{
	size_t len = 0;
	const char *text = token != NULL ? fy_token_get_text(token, &len) : NULL;

	return text != NULL ? arena_strndup(l->arena, text, len) : NULL;
}

/* A later anchor of the same name hides the earlier one. */
static void
anchor_set(struct loader *l, const char *name, const struct json *node)
{
	struct anchor *a;

	if (name == NULL)
		return;
	a = ARENA_NEW(l->arena, struct anchor);
	a->name = name;
	a->node = node;
	a->next = l->anchors;
	l->anchors = a;
}

/* A deep copy, counted like nodes that stand in the text. NULL: too much. */
static struct json *
node_copy(struct loader *l, const struct json *from, unsigned depth)
{
	struct json *v;

	if (depth >= DEPTH_MAX) {
		loader_fail(l, &ERR_TOO_BIG, from->line, from->column, "nested deeper than 16");
		return NULL;
	}
	if (loader_count(l, from->line, from->column, from->text_len) < 0)
		return NULL;
	v = arena_copy(l->arena, from, sizeof(*from));
	v->first = v->last = v->next = NULL;
	v->count = 0;
	for (const struct json *child = from->first; child != NULL; child = child->next) {
		struct json *c = node_copy(l, child, depth + 1);

		if (c == NULL)
			return NULL;
		node_append(v, c);
	}
	return v;
}

static int
on_alias(struct loader *l, const char *name, unsigned line, unsigned column)
{
	const struct anchor *a = l->anchors;
	struct json *v;

	while (a != NULL && (name == NULL || strcmp(a->name, name) != 0))
		a = a->next;
	if (a == NULL || a->node == NULL)
		return loader_fail(l, &YAML_SYNTAX, line, column,
				   "the alias names nothing that stands before it");
	v = node_copy(l, a->node, l->depth);
	if (v == NULL)
		return -1;
	loader_attach(l, v);
	return 0;
}

static int
merge_one(struct loader *l, struct json *object, const struct json *from)
{
	if (from->type != JSON_OBJECT)
		return loader_fail(l, &YAML_SYNTAX, from->line, from->column,
				   "<< takes a mapping or a list of mappings");
	for (const struct json *m = from->first; m != NULL; m = m->next) {
		struct json *v;

		if (json_get(object, m->name) != NULL)
			continue;
		v = node_copy(l, m, l->depth);
		if (v == NULL)
			return -1;
		node_append(object, v);
	}
	return 0;
}

/* At the end of a mapping: "<<" gives way to the members it names, which never
 * replace one that is written out. */
static int
merge_keys(struct loader *l, struct json *object)
{
	struct json *merge = json_get(object, "<<");
	struct json *members = object->first;

	if (merge == NULL)
		return 0;
	object->first = object->last = NULL;
	object->count = 0;
	for (struct json *m = members, *next; m != NULL; m = next) {
		next = m->next;
		if (m != merge)
			node_append(object, m);
	}
	if (merge->type != JSON_ARRAY)
		return merge_one(l, object, merge);
	for (const struct json *from = merge->first; from != NULL; from = from->next)
		if (merge_one(l, object, from) < 0)
			return -1;
	return 0;
}

/* ------------------------------------------------------------------ */
/* Events.                                                             */

static int
on_key(struct loader *l, struct frame *f, const char *text, unsigned line, unsigned column)
{
	char detail[120];

	if (*text == '\0')
		return loader_fail(l, &YAML_SYNTAX, line, column, "a key is empty");
	if (json_get(f->node, text) != NULL) {
		snprintf(detail, sizeof(detail), "key \"%.60s\" stands twice", text);
		return loader_fail(l, &JSON_DUPLICATE, line, column, detail);
	}
	f->named = true;
	f->name = text;
	f->name_line = line;
	f->name_column = column;
	return 0;
}

static int
on_scalar(struct loader *l, struct fy_event *event, const char *anchor, unsigned line,
	  unsigned column)
{
	struct frame *f = l->depth > 0 ? &l->stack[l->depth - 1] : NULL;
	struct fy_token *token = event->scalar.value;
	size_t len = 0;
	const char *text = token != NULL ? fy_token_get_text(token, &len) : "";
	struct json *v;

	if (text == NULL)
		fatal("out of memory");
	if (utf8_good(text, len) != len)
		return loader_fail(l, &YAML_SYNTAX, line, column,
				   "an escape stands for no character");
	if (loader_count(l, line, column, len) < 0)
		return -1;
	text = arena_strndup(l->arena, text, len);
	if (f != NULL && f->node->type == JSON_OBJECT && !f->named)
		return on_key(l, f, text, line, column);
	v = ARENA_NEW(l->arena, struct json);
	v->line = line;
	v->column = column;
	v->text = text;
	v->text_len = len;
	v->quoted = token != NULL && fy_token_scalar_style(token) != FYSS_PLAIN;
	/* libfyaml points behind the opening quote. */
	if (v->quoted && fy_token_scalar_style(token) <= FYSS_DOUBLE_QUOTED && column > 1)
		v->column--;
	scalar_type(l, v);
	loader_attach(l, v);
	anchor_set(l, anchor, v);
	return 0;
}

static int
on_start(struct loader *l, enum json_type type, const char *anchor, unsigned line, unsigned column)
{
	struct json *v;

	if (l->depth == DEPTH_MAX)
		return loader_fail(l, &ERR_TOO_BIG, line, column, "nested deeper than 16");
	if (loader_count(l, line, column, 0) < 0)
		return -1;
	v = ARENA_NEW(l->arena, struct json);
	v->type = type;
	v->line = line;
	v->column = column;
	loader_attach(l, v);
	anchor_set(l, anchor, NULL);
	l->stack[l->depth++] = (struct frame){ .node = v, .anchor = anchor };
	return 0;
}

static int
on_end(struct loader *l)
{
	struct frame *f = &l->stack[--l->depth];

	assert(f->node != NULL);
	if (f->node->type == JSON_OBJECT && (l->flags & YAML_ALIASES) != 0 &&
	    merge_keys(l, f->node) < 0)
		return -1;
	anchor_set(l, f->anchor, f->node);
	return 0;
}

static int
on_document(struct loader *l, unsigned line, unsigned column)
{
	if (++l->documents == 1)
		return 0;
	return loader_fail(l, &YAML_SYNTAX, line, column, "a second document: one is expected");
}

/* Anchors, aliases and tags where they may not be. */
static int
check_decoration(struct loader *l, struct fy_event *event, unsigned line, unsigned column)
{
	const struct frame *f = l->depth > 0 ? &l->stack[l->depth - 1] : NULL;
	bool key = f != NULL && f->node->type == JSON_OBJECT && !f->named;
	bool anchor = fy_event_get_anchor_token(event) != NULL || event->type == FYET_ALIAS;

	if (fy_event_get_tag_token(event) != NULL)
		return loader_fail(l, &YAML_SYNTAX, line, column, "tags are not read here");
	if (anchor && (l->flags & YAML_ALIASES) == 0)
		return loader_fail(l, &YAML_SYNTAX, line, column,
				   "anchors and aliases are not read here");
	if (key && (anchor || event->type == FYET_SEQUENCE_START ||
		    event->type == FYET_MAPPING_START || event->type == FYET_ALIAS))
		return loader_fail(l, &YAML_SYNTAX, line, column, "a key must be a plain word");
	return 0;
}

/* What is left empty has no mark of its own: it stands at its key. */
static void
event_place(const struct loader *l, struct fy_event *event, unsigned *line, unsigned *column)
{
	const struct fy_mark *mark = fy_event_start_mark(event);
	const struct frame *f = l->depth > 0 ? &l->stack[l->depth - 1] : NULL;

	*line = *column = 1;
	if (mark != NULL) {
		*line = (unsigned)mark->line + 1;
		/* libfyaml points behind the star of an alias. */
		*column = (unsigned)mark->column + (event->type != FYET_ALIAS);
	} else if (f != NULL) {
		*line = f->named ? f->name_line : f->node->line;
		*column = f->named ? f->name_column : f->node->column;
	}
}

static int
on_event(struct loader *l, struct fy_event *event)
{
	unsigned line, column;
	const char *anchor;

	event_place(l, event, &line, &column);
	switch (event->type) {
	case FYET_DOCUMENT_START: return on_document(l, line, column);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END: return on_end(l);
	case FYET_ALIAS:
	case FYET_SCALAR:
	case FYET_MAPPING_START:
	case FYET_SEQUENCE_START: break;
	default: return 0;
	}
	if (check_decoration(l, event, line, column) < 0)
		return -1;
	if (event->type == FYET_ALIAS)
		return on_alias(l, token_text(l, event->alias.anchor), line, column);
	anchor = token_text(l, fy_event_get_anchor_token(event));
	if (event->type == FYET_SCALAR)
		return on_scalar(l, event, anchor, line, column);
	return on_start(l, event->type == FYET_MAPPING_START ? JSON_OBJECT : JSON_ARRAY, anchor,
			line, column);
}

/* ------------------------------------------------------------------ */
/* The parser.                                                         */

static void
no_output(struct fy_diag *diag, void *user, const char *text, size_t len)
{
	(void)diag;
	(void)user;
	(void)text;
	(void)len;
}

static int
syntax_fail(struct loader *l, struct fy_diag *diag)
{
	void *prev = NULL;
	const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &prev);

	if (error == NULL || error->msg == NULL)
		return err_set(l->e, &YAML_SYNTAX, "%s: not YAML", l->file);
	return err_set(l->e, &YAML_SYNTAX, "%s:%d:%d: %.160s", l->file, MAX(error->line, 1),
		       MAX(error->column, 1), error->msg);
}

/* ------------------------------------------------------------------ */
/* Marks.                                                              */

static char
scalar_style(struct fy_token *token)
{
	switch (token != NULL ? fy_token_scalar_style(token) : FYSS_PLAIN) {
	case FYSS_SINGLE_QUOTED: return '\'';
	case FYSS_DOUBLE_QUOTED: return '"';
	case FYSS_LITERAL: return '|';
	case FYSS_FOLDED: return '>';
	default: return 0;
	}
}

static void
scan_scalar(struct loader *l, struct fy_event *event, struct yaml_mark *m)
{
	struct fy_token *token = event->scalar.value;
	const char *text = token != NULL ? fy_token_get_text(token, &m->text_len) : "";

	if (text == NULL)
		fatal("out of memory");
	m->part = YAML_SCALAR;
	m->text = arena_strndup(l->arena, text, m->text_len);
	m->style = scalar_style(token);
	/* libfyaml's marks are inside the quotes. */
	if (m->style == '"' || m->style == '\'') {
		m->start--;
		m->end++;
	}
}

static int
scan_event(struct loader *l, struct fy_event *event)
{
	const struct fy_mark *from = fy_event_start_mark(event), *to = fy_event_end_mark(event);
	struct yaml_mark *m, *before;

	switch (event->type) {
	case FYET_ALIAS:
	case FYET_SCALAR:
	case FYET_MAPPING_START:
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_START:
	case FYET_SEQUENCE_END: break;
	default: return 0;
	}
	l->marks = arena_grow(l->arena, l->marks, l->mark_count, sizeof(*m));
	m = &l->marks[l->mark_count];
	assert(m != NULL);
	before = l->mark_count++ > 0 ? m - 1 : NULL;
	*m = (struct yaml_mark){ .start = before != NULL ? before->end : 0 };
	m->start = from != NULL ? from->input_pos : m->start;
	m->end = from != NULL && to != NULL ? to->input_pos : m->start;
	m->anchor = token_text(l, fy_event_get_anchor_token(event));
	switch (event->type) {
	case FYET_MAPPING_START: m->part = YAML_MAP; break;
	case FYET_MAPPING_END: m->part = YAML_MAP_END; break;
	case FYET_SEQUENCE_START: m->part = YAML_LIST; break;
	case FYET_SEQUENCE_END: m->part = YAML_LIST_END; break;
	case FYET_ALIAS:
		m->part = YAML_ALIAS;
		m->start--; /* the star */
		m->text = token_text(l, event->alias.anchor);
		m->text_len = m->text != NULL ? strlen(m->text) : 0;
		break;
	default: scan_scalar(l, event, m);
	}
	/* Only a bracket has a width. */
	if (m->part <= YAML_LIST_END && m->end > m->start)
		m->style = m->part <= YAML_MAP_END ? '{' : '[';
	return 0;
}

/* ------------------------------------------------------------------ */

static int
load(struct loader *l, struct fy_parser *parser, struct fy_diag *diag)
{
	struct fy_event *event;
	int rc = 0;

	while (rc == 0 && (event = fy_parser_parse(parser)) != NULL) {
		rc = l->scan ? scan_event(l, event) : on_event(l, event);
		fy_parser_event_free(parser, event);
	}
	if (rc == 0 && (fy_parser_get_stream_error(parser) || fy_diag_got_error(diag)))
		return syntax_fail(l, diag);
	if (rc == 0 && l->root == NULL && l->mark_count == 0)
		return err_set(l->e, &YAML_SYNTAX, "%s: there is nothing in it", l->file);
	return rc;
}

static int
parse(struct loader *l, const char *text, size_t len)
{
	struct fy_diag_cfg diag_cfg;
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE };
	struct fy_parser *parser;
	int rc;

	if (check_text(l->file, text, len, l->e) < 0)
		return -1;
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.output_fn = no_output;
	diag_cfg.fp = NULL;
	cfg.diag = fy_diag_create(&diag_cfg);
	if (cfg.diag == NULL)
		fatal("out of memory");
	fy_diag_set_collect_errors(cfg.diag, true);
	parser = fy_parser_create(&cfg);
	if (parser == NULL)
		fatal("out of memory");
	/* An empty string would be taken for one that ends with NUL. */
	if (len == 0 || fy_parser_set_string(parser, text, len) != 0)
		rc = err_set(l->e, &YAML_SYNTAX, "%s: there is nothing in it", l->file);
	else
		rc = load(l, parser, cfg.diag);
	fy_parser_destroy(parser);
	fy_diag_destroy(cfg.diag);
	return rc;
}

int
yaml_parse(struct arena *a, const char *name, const char *text, size_t len, unsigned flags,
	   struct json **out, struct err *e)
{
	struct loader l = { .arena = a, .file = name, .flags = flags, .e = e };
	int rc = parse(&l, text, len);

	if (rc == 0)
		*out = l.root;
	return rc;
}

int
yaml_scan(struct arena *a, const char *name, const char *text, size_t len, struct yaml_mark **out,
	  size_t *count, struct err *e)
{
	struct loader l = { .arena = a, .file = name, .e = e, .scan = true };
	struct json *root;

	/* What is no tree of ours has no marks that could be relied on. */
	if (yaml_parse(a, name, text, len, YAML_ALIASES, &root, e) < 0 || parse(&l, text, len) < 0)
		return -1;
	*out = l.marks;
	*count = l.mark_count;
	return 0;
}
