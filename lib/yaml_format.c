/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_format.c - a text to nodes with their comments, and these to text.
 *
 * Comments stand between the marks of yaml_scan(). One behind something on its
 * line belongs to that; one on a line of its own to what comes next, unless it
 * is indented like a collection that ends there: then it is that one's last.
 */
#include "lib/yaml_format.h"

#include <assert.h>

#include "lib/text.h"

const struct code YAML_FORMAT = { "yaml_format", INVALID, "the text cannot be formatted" };

#define DEPTH_MAX 40u

/* Comments from # on; "" is an empty line. */
struct lines {
	const char **items;
	size_t count;
};

struct node {
	const struct yaml_mark *mark;
	struct node *key; /* of a value in a mapping */
	struct node *first, *last, *next;
	struct lines before, after, foot;
	size_t column; /* of a collection in block style: of its entries */
};

struct format {
	struct arena *arena;
	const char *file, *text;
	size_t len;
	struct err *e;
	yaml_rank *rank;
	void *ctx;
	/* reading */
	struct node *root;
	struct node *open[DEPTH_MAX];
	size_t depth;
	struct node *closed[DEPTH_MAX]; /* since the last mark with a place, inner first */
	size_t closed_count;
	struct node *key;  /* waits for its value */
	struct node *last; /* the last node with a place */
	size_t end;	   /* and where it ended */
	/* writing */
	struct text out;
	const char *path[DEPTH_MAX];
	size_t path_len;
};

static void
lines_add(struct format *f, struct lines *l, const char *line)
{
	l->items = arena_grow(f->arena, l->items, l->count, sizeof(*l->items));
	l->items[l->count++] = line;
}

/* The other's lines, then these; the other is empty afterwards. */
static void
lines_put_before(struct format *f, struct lines *l, struct lines *other)
{
	struct lines own = *l;

	*l = *other;
	*other = (struct lines){ NULL, 0 };
	for (size_t i = 0; i < own.count; i++)
		lines_add(f, l, own.items[i]);
}

static void
lines_move(struct format *f, struct lines *from, struct lines *to)
{
	for (size_t i = 0; i < from->count; i++)
		lines_add(f, to, from->items[i]);
	*from = (struct lines){ NULL, 0 };
}

static bool
is_collection(const struct node *n)
{
	return n->mark->part == YAML_MAP || n->mark->part == YAML_LIST;
}

/* ------------------------------------------------------------------ */
/* Reading: comments.                                                  */

static size_t
line_start(const struct format *f, size_t at)
{
	while (at > 0 && f->text[at - 1] != '\n')
		at--;
	return at;
}

static bool
is_own_line(const struct format *f, size_t at)
{
	size_t from = line_start(f, at);

	return strspn(f->text + from, " \t") >= at - from;
}

/* Whom a comment in its own line belongs to: the last lines of a collection
 * that has just ended, or what comes next. *level only rises, so the order of
 * comments stays. */
static struct lines *
owner(const struct format *f, size_t column, struct node *next, size_t *level)
{
	const struct node *parent = f->depth > 0 ? f->open[f->depth - 1] : NULL;
	size_t i = *level;

	if (next != NULL && parent != NULL && column <= parent->column)
		i = f->closed_count;
	while (i < f->closed_count && f->closed[i]->column > column)
		i++;
	while (i + 1 < f->closed_count && f->closed[i + 1]->column == f->closed[i]->column)
		i++;
	*level = i;
	if (i < f->closed_count)
		return &f->closed[i]->foot;
	return next != NULL ? &next->before : &f->root->foot;
}

/* A dash before it on the line: it speaks of the entry to come. */
static bool
follows_dash(const struct format *f, size_t from, size_t at)
{
	for (; from < at; from++)
		if ((f->text[from] == '-' || f->text[from] == '?') &&
		    strchr(" \t\r\n", f->text[from + 1]) != NULL &&
		    (from == 0 || strchr(" \t\n", f->text[from - 1]) != NULL))
			return true;
	return false;
}

static struct lines *
same_line_owner(struct format *f, size_t at, struct node *next)
{
	struct node *last = f->last;
	bool opened = last != NULL && is_collection(last) && f->depth > 0 &&
		      f->open[f->depth - 1] == last;

	if (next != NULL && (last == NULL || opened || follows_dash(f, f->end, at)))
		return &next->before;
	return last != NULL ? &last->after : &f->root->foot;
}

/* How many line ends stand right before. */
static size_t
line_ends_before(const struct format *f)
{
	const struct yaml_mark *m = f->last != NULL ? f->last->mark : NULL;
	size_t at = f->end, n = 0;

	if (m == NULL || m->part != YAML_SCALAR || (m->style != '|' && m->style != '>'))
		return 0;
	if (m->text_len > 1 && strcmp(m->text + m->text_len - 2, "\n\n") == 0)
		return 1; /* those are the text's own */
	while (at > m->start && strchr(" \t\r\n", f->text[at - 1]) != NULL)
		n += f->text[--at] == '\n';
	return n;
}

static const char *
comment_at(struct format *f, size_t at, size_t *end)
{
	size_t len = strcspn(f->text + at, "\r\n");

	*end = at + len;
	while (len > 0 && (f->text[at + len - 1] == ' ' || f->text[at + len - 1] == '\t'))
		len--;
	return arena_strndup(f->arena, f->text + at, len);
}

/* The comments from the end of the last mark to `to`, where `next` begins;
 * `inside` is the collection that ends there with a bracket. */
static void
gap_read(struct format *f, size_t to, struct node *next, struct node *inside)
{
	size_t line_ends = line_ends_before(f), level = 0;
	bool blank = line_ends > 1; /* an empty line stands before what comes next */
	struct lines *l;

	for (size_t i = f->end; i < to; i++) {
		size_t end;
		const char *comment;

		line_ends += f->text[i] == '\n';
		blank = blank || line_ends > 1;
		if (strchr(" \t\r\n", f->text[i]) == NULL)
			line_ends = 0;
		if (f->text[i] != '#' || (i > 0 && strchr(" \t\r\n", f->text[i - 1]) == NULL))
			continue;
		comment = comment_at(f, i, &end);
		if (!is_own_line(f, i))
			l = same_line_owner(f, i, next);
		else if (inside != NULL)
			l = &inside->foot;
		else
			l = owner(f, i - line_start(f, i), next, &level);
		if (blank)
			lines_add(f, l, "");
		lines_add(f, l, comment);
		blank = false;
		i = end - 1;
	}
	if (blank && next != NULL)
		lines_add(f, &next->before, "");
}

/* ------------------------------------------------------------------ */
/* Reading: nodes.                                                     */

static int
attach(struct format *f, struct node *n)
{
	struct node *parent = f->depth > 0 ? f->open[f->depth - 1] : NULL;

	if (parent == NULL) {
		f->root = n;
	} else if (parent->mark->part == YAML_MAP && f->key == NULL) {
		f->key = n;
		return 0;
	} else {
		n->key = parent->mark->part == YAML_MAP ? f->key : NULL;
		f->key = NULL;
		if (parent->last != NULL)
			parent->last->next = n;
		else
			parent->first = n;
		parent->last = n;
	}
	if (!is_collection(n))
		return 0;
	if (f->depth == DEPTH_MAX)
		return err_set(f->e, &YAML_FORMAT, "%s: nested too deep", f->file);
	n->column = n->mark->start - line_start(f, n->mark->start);
	f->open[f->depth++] = n;
	return 0;
}

static void
on_end(struct format *f, const struct yaml_mark *m)
{
	struct node *n = f->open[--f->depth];

	if (m->style == 0) {
		f->closed[f->closed_count++] = n;
		return;
	}
	gap_read(f, m->start, NULL, n);
	f->last = n;
	f->end = m->end;
	f->closed_count = 0;
}

static int
on_mark(struct format *f, const struct yaml_mark *m)
{
	struct node *n;

	if (m->part == YAML_MAP_END || m->part == YAML_LIST_END) {
		on_end(f, m);
		return 0;
	}
	n = ARENA_NEW(f->arena, struct node);
	n->mark = m;
	/* What is empty has no place: comments are read at the next that has one. */
	if (m->part == YAML_SCALAR && m->start == m->end)
		return attach(f, n);
	if (f->root == NULL)
		f->root = n;
	gap_read(f, m->start, n, NULL);
	f->closed_count = 0;
	f->end = m->end;
	/* A collection in block style begins where its first entry does. */
	if (!is_collection(n) || m->style != 0)
		f->last = n;
	return attach(f, n);
}

/* ------------------------------------------------------------------ */
/* Between: keys in order, every comment where it can be written.       */

static size_t
rank_of(struct format *f, const struct node *value)
{
	return f->rank(f->ctx, f->path, f->path_len, value->key->mark->text);
}

static void
members_sort(struct format *f, struct node *map)
{
	struct node *sorted = NULL, *next;

	for (struct node *n = map->first; n != NULL; n = next) {
		struct node **at = &sorted;
		size_t rank = rank_of(f, n);

		next = n->next;
		while (*at != NULL && rank_of(f, *at) <= rank)
			at = &(*at)->next;
		n->next = *at;
		*at = n;
	}
	map->first = sorted;
	for (map->last = sorted; map->last != NULL && map->last->next != NULL;)
		map->last = map->last->next;
}

/* The one whose lines stand above the entry. */
static struct node *
head_of(struct node *n)
{
	return n->key != NULL ? n->key : n;
}

/* Without empty lines at its ends. */
static struct lines
lines_trimmed(struct lines l)
{
	while (l.count > 0 && *l.items[0] == '\0') {
		l.items++;
		l.count--;
	}
	while (l.count > 0 && *l.items[l.count - 1] == '\0')
		l.count--;
	return l;
}

/* One comment at most can stand behind an entry; a collection has none where
 * it begins with a dash. */
static void
entry_settle(struct format *f, struct node *n)
{
	struct node *head = head_of(n);
	struct lines after = { NULL, 0 };
	size_t keep = n->key != NULL || !is_collection(n) || n->first == NULL;

	if (n->key != NULL) {
		lines_move(f, &n->key->after, &after);
		if (!is_collection(n) || n->first == NULL)
			lines_move(f, &n->before, &head->before);
	}
	lines_move(f, &n->after, &after);
	if (is_collection(n) && n->first == NULL)
		lines_move(f, &n->foot, &head->before);
	for (size_t i = 0; i < after.count; i++)
		if (*after.items[i] != '\0')
			lines_add(f, i + keep < after.count ? &head->before : &head->after,
				  after.items[i]);
}

/* Comments above the first entry of a collection that begins on the line of a
 * dash go above the dash. */
static void
first_settle(struct format *f, struct node *n)
{
	struct lines lead;

	if (!is_collection(n) || n->first == NULL || n->key != NULL)
		return;
	lead = lines_trimmed(head_of(n->first)->before);
	head_of(n->first)->before = (struct lines){ NULL, 0 };
	if (n->mark->anchor == NULL)
		lines_move(f, &lead, &n->before);
	else
		head_of(n->first)->before = lead;
}

static void
settle(struct format *f, struct node *n)
{
	/* What stands between a key and its collection speaks of the first entry. */
	if (n->key != NULL && n->first != NULL)
		lines_put_before(f, &head_of(n->first)->before, &n->before);
	if (n->mark->part == YAML_MAP && f->rank != NULL)
		members_sort(f, n);
	for (struct node *c = n->first; c != NULL; c = c->next) {
		f->path[f->path_len++] = c->key != NULL ? c->key->mark->text : NULL;
		entry_settle(f, c);
		settle(f, c);
		f->path_len--;
	}
	if (n != f->root)
		first_settle(f, n);
}

/* ------------------------------------------------------------------ */
/* Writing.                                                            */

static void entries_write(struct format *f, const struct node *n, size_t indent, bool inlined);

static void
lines_write(struct format *f, const struct lines *l, size_t indent, bool first)
{
	for (size_t i = 0; i < l->count; i++) {
		if (first && *l->items[i] == '\0')
			continue;
		first = false;
		if (*l->items[i] != '\0')
			text_pad(&f->out, indent);
		text_addf(&f->out, "%s\n", l->items[i]);
	}
}

static void
after_write(struct format *f, const struct node *head)
{
	if (head->after.count > 0)
		text_addf(&f->out, " %s", head->after.items[0]);
	text_add(&f->out, "\n");
}

static const char *
scalar_text(struct format *f, const struct yaml_mark *m)
{
	const char *source = f->text + m->start;
	size_t len = m->end - m->start;

	if (m->part == YAML_ALIAS)
		return arena_printf(f->arena, "*%s", m->text);
	if (m->style == 0 && memchr(source, '\n', len) == NULL)
		return arena_strndup(f->arena, source, len);
	return yaml_scalar(f->arena, m->text, m->text_len);
}

/* Whether a text can be written in lines after |. */
static bool
is_literal(const struct yaml_mark *m)
{
	const char *p = m->text;

	if (strspn(p, "\n") == m->text_len)
		return false;
	for (; *p != '\0'; p++)
		if (((unsigned char)*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f ||
		    strncmp(p, "\xc2\x85", 2) == 0 || strncmp(p, "\xe2\x80\xa8", 3) == 0 ||
		    strncmp(p, "\xe2\x80\xa9", 3) == 0 || strncmp(p, "\xef\xbb\xbf", 3) == 0)
			return false;
	return true;
}

static void
block_lines(struct format *f, const char *p, const char *end, size_t strip, size_t indent)
{
	while (p < end) {
		size_t len = strcspn(p, "\n"), skip = MIN(strspn(p, " "), strip);

		len = MIN(len, (size_t)(end - p));
		if (len > skip) {
			text_pad(&f->out, indent);
			text_add_n(&f->out, p + skip, len - skip);
		}
		text_add(&f->out, "\n");
		p += len + 1;
	}
}

static void
literal_write(struct format *f, const struct yaml_mark *m, const struct node *head, size_t indent)
{
	const char *first = m->text + strspn(m->text, "\n"), *end = m->text + m->text_len;
	const char *chomp = end[-1] != '\n' ? "-" : m->text_len > 1 && end[-2] == '\n' ? "+" : "";

	text_addf(&f->out, "|%s%s", *first == ' ' ? "2" : "", chomp);
	after_write(f, head);
	block_lines(f, m->text, end, 0, indent);
}

/* What stands between > and the end of its line, without the comment. */
static const char *
folded_header(struct format *f, const struct yaml_mark *m)
{
	size_t at = m->start;

	if (at > 0 && f->text[at - 1] == '\n')
		at--;
	at = line_start(f, at);
	for (; at < m->start; at++)
		if (f->text[at] == '>' && strchr("+- \t\r\n123456789#", f->text[at + 1]) != NULL &&
		    (at == 0 || f->text[at - 1] == ' '))
			return arena_strndup(f->arena, f->text + at + 1,
					     strspn(f->text + at + 1, "+-123456789"));
	return "1";
}

static void
block_write(struct format *f, const struct yaml_mark *m, const struct node *head, size_t indent)
{
	const char *header = m->style == '>' ? folded_header(f, m) : "1";
	const char *p = f->text + m->start, *end = f->text + m->end, *first = p;
	bool cr = memchr(p, '\r', m->end - m->start) != NULL;

	/* Blanks at the beginning, counted in the header, are kept best as |. */
	if (strpbrk(header, "123456789") != NULL || cr || strspn(m->text, "\n") == m->text_len) {
		if (is_literal(m)) {
			literal_write(f, m, head, indent);
			return;
		}
		text_add(&f->out, yaml_scalar(f->arena, m->text, m->text_len));
		after_write(f, head);
		return;
	}
	text_addf(&f->out, ">%s", header);
	after_write(f, head);
	while (first < end && strspn(first, " ") == strcspn(first, "\n"))
		first += strcspn(first, "\n") + 1;
	/* Line ends after the last line belong to + only. */
	while (*header != '+' && end > p && strchr(" \n", end[-1]) != NULL)
		end--;
	block_lines(f, p, end, strspn(first, " "), indent);
}

static void
value_write(struct format *f, const struct node *n, const struct node *head, size_t indent)
{
	const struct yaml_mark *m = n->mark;

	if (m->anchor != NULL)
		text_addf(&f->out, " &%s", m->anchor);
	if (is_collection(n)) {
		text_add(&f->out, m->part == YAML_MAP ? " {}" : " []");
	} else if (m->style == '|' || m->style == '>') {
		text_add(&f->out, " ");
		block_write(f, m, head, indent + 2);
		return;
	} else if (m->start != m->end) {
		text_addf(&f->out, " %s", scalar_text(f, m));
	}
	after_write(f, head);
}

static void
member_write(struct format *f, const struct node *n, size_t indent)
{
	const struct yaml_mark *key = n->key->mark;

	if (key->anchor != NULL)
		text_addf(&f->out, "&%s ", key->anchor);
	text_addf(&f->out, "%s%s:", scalar_text(f, key), key->part == YAML_ALIAS ? " " : "");
	if (!is_collection(n) || n->first == NULL) {
		value_write(f, n, n->key, indent);
		return;
	}
	if (n->mark->anchor != NULL)
		text_addf(&f->out, " &%s", n->mark->anchor);
	after_write(f, n->key);
	entries_write(f, n, indent + 2, false);
}

static void
item_write(struct format *f, const struct node *n, size_t indent)
{
	text_add(&f->out, "-");
	if (!is_collection(n) || n->first == NULL) {
		value_write(f, n, n, indent);
	} else if (n->mark->anchor != NULL) {
		text_addf(&f->out, " &%s\n", n->mark->anchor);
		entries_write(f, n, indent + 2, false);
	} else {
		text_add(&f->out, " ");
		entries_write(f, n, indent + 2, true);
	}
}

/* inlined: the first entry stands on a line that is begun. */
static void
entries_write(struct format *f, const struct node *n, size_t indent, bool inlined)
{
	for (const struct node *c = n->first; c != NULL; c = c->next) {
		const struct node *head = c->key != NULL ? c->key : c;

		if (!inlined || c != n->first) {
			lines_write(f, &head->before, indent, c == n->first);
			text_pad(&f->out, indent);
		}
		if (c->key != NULL)
			member_write(f, c, indent);
		else
			item_write(f, c, indent);
	}
	lines_write(f, &n->foot, indent, false);
}

/* The comments at the top, as far as an empty line parts them from what comes
 * first, are the file's. */
static void
head_write(struct format *f)
{
	struct lines all = f->root->before, rest = all;
	size_t head = 0;

	for (size_t i = 1; i < all.count; i++)
		if (*all.items[i] == '\0')
			head = i;
	if (head > 0) {
		rest.items += head;
		rest.count -= head;
		all.count = head;
		lines_write(f, &all, 0, true);
		text_add(&f->out, "\n");
	}
	f->root->before = lines_trimmed(rest);
}

static void
root_write(struct format *f)
{
	struct node *root = f->root;
	struct lines after;

	assert(root != NULL);
	after = root->after;

	head_write(f);
	if (!is_collection(root) || root->first == NULL) {
		lines_write(f, &root->before, 0, true);
		if (root->mark->style == '|' || root->mark->style == '>') {
			text_add(&f->out, "--- ");
			block_write(f, root->mark, root, 2);
		} else {
			text_add(&f->out, is_collection(root)
						  ? root->mark->part == YAML_MAP ? "{}" : "[]"
						  : scalar_text(f, root->mark));
			after_write(f, root);
		}
		lines_write(f, &root->foot, 0, false);
		return;
	}
	lines_put_before(f, &head_of(root->first)->before, &root->before);
	root->after = (struct lines){ NULL, 0 };
	lines_move(f, &after, &root->foot);
	settle(f, root);
	if (root->mark->anchor != NULL)
		text_addf(&f->out, "--- &%s\n", root->mark->anchor);
	entries_write(f, root, 0, false);
}

/* ------------------------------------------------------------------ */

static int
check_same(struct format *f, const char *out)
{
	struct json *before, *after;

	if (yaml_parse(f->arena, f->file, f->text, f->len, YAML_ALIASES, &before, f->e) < 0)
		return -1;
	if (yaml_parse(f->arena, f->file, out, strlen(out), YAML_ALIASES, &after, f->e) < 0)
		return err_wrap(f->e, "formatted");
	if (!yaml_same(before, after))
		return err_set(f->e, &YAML_FORMAT, "%s: formatted it would say something else",
			       f->file);
	return 0;
}

int
yaml_format(struct arena *a, const char *name, const char *text, size_t len, yaml_rank *rank,
	    void *ctx, const char **out, struct err *e)
{
	struct format f = { .arena = a,
			    .file = name,
			    .len = len,
			    .e = e,
			    .rank = rank,
			    .ctx = ctx,
			    .out = TEXT(a) };
	struct yaml_mark *marks;
	size_t count;

	f.text = arena_strndup(a, text, len);
	if (yaml_scan(a, name, f.text, len, &marks, &count, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (marks[i].anchor != NULL)
			f.rank = NULL;
		if (on_mark(&f, &marks[i]) < 0)
			return -1;
	}
	gap_read(&f, len, NULL, NULL);
	root_write(&f);
	if (check_same(&f, text_get(&f.out)) < 0)
		return -1;
	*out = text_get(&f.out);
	return 0;
}
