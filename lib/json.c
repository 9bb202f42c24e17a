/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "clock.h"

const struct code JSON_SYNTAX = { "json_syntax", INVALID, "the text is not JSON" };
const struct code JSON_UNKNOWN = { "field_unknown", INVALID, "there is no field of this name" };
const struct code JSON_DUPLICATE = { "field_duplicate", INVALID, "the field stands twice" };
const struct code JSON_MISSING = { "field_missing", INVALID, "a required field is missing" };
const struct code JSON_TYPE = { "field_type", INVALID, "the field has another type or form" };

/* ------------------------------------------------------------------ */
/* Text to tree: yajl's callbacks, with the limits yajl does not have. */

struct reader {
	struct arena *arena;
	struct err *e;
	struct json *stack[JSON_DEPTH_MAX];
	unsigned depth;
	unsigned values, values_max;
	const char *name; /* of the member to come */
	struct json *root;
};

static struct json *
reader_add(struct reader *r, enum json_type type)
{
	struct json *parent = r->depth > 0 ? r->stack[r->depth - 1] : NULL;
	struct json *v;

	if (++r->values > r->values_max) {
		err_set(r->e, &ERR_TOO_BIG, "more than %u values", r->values_max);
		return NULL;
	}
	v = ARENA_NEW(r->arena, struct json);
	v->type = type;
	if (parent == NULL) {
		r->root = v;
		return v;
	}
	v->name = r->name;
	r->name = NULL;
	if (parent->last != NULL)
		parent->last->next = v;
	else
		parent->first = v;
	parent->last = v;
	parent->count++;
	return v;
}

static int
on_null(void *ctx)
{
	return reader_add(ctx, JSON_NULL) != NULL;
}

static int
on_bool(void *ctx, int truth)
{
	struct json *v = reader_add(ctx, JSON_BOOL);

	if (v != NULL)
		v->truth = truth != 0;
	return v != NULL;
}

static int
reader_add_text(struct reader *r, enum json_type type, const char *text, size_t len)
{
	struct json *v = reader_add(r, type);

	if (v == NULL)
		return 0;
	if (memchr(text, '\0', len) != NULL) {
		err_set(r->e, &JSON_SYNTAX, "a string has a NUL in it");
		return 0;
	}
	v->text = arena_strndup(r->arena, text, len);
	v->text_len = len;
	return 1;
}

static int
on_number(void *ctx, const char *text, size_t len)
{
	return reader_add_text(ctx, JSON_NUMBER, text, len);
}

static int
on_string(void *ctx, const unsigned char *text, size_t len)
{
	return reader_add_text(ctx, JSON_STRING, (const char *)text, len);
}

static int
reader_push(struct reader *r, enum json_type type)
{
	struct json *v;

	if (r->depth == JSON_DEPTH_MAX) {
		err_set(r->e, &ERR_TOO_BIG, "nested deeper than %d", JSON_DEPTH_MAX);
		return 0;
	}
	v = reader_add(r, type);
	if (v != NULL)
		r->stack[r->depth++] = v;
	return v != NULL;
}

static int
on_start_map(void *ctx)
{
	return reader_push(ctx, JSON_OBJECT);
}

static int
on_start_array(void *ctx)
{
	return reader_push(ctx, JSON_ARRAY);
}

static int
on_end(void *ctx)
{
	((struct reader *)ctx)->depth--;
	return 1;
}

static int
on_map_key(void *ctx, const unsigned char *name, size_t len)
{
	struct reader *r = ctx;
	struct json *object = r->stack[r->depth - 1];

	r->name = arena_strndup(r->arena, (const char *)name, len);
	if (strlen(r->name) == len && json_get(object, r->name) == NULL)
		return 1;
	err_field(r->e, &JSON_DUPLICATE, r->name, "field \"%.60s\" stands twice", r->name);
	return 0;
}

static int
parse(struct arena *a, const char *text, size_t len, unsigned values_max, struct json **out,
      struct err *e)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null,
		.yajl_boolean = on_bool,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_start_map,
		.yajl_map_key = on_map_key,
		.yajl_end_map = on_end,
		.yajl_start_array = on_start_array,
		.yajl_end_array = on_end,
	};
	struct err inner = ERR_NONE;
	struct reader r = { .arena = a, .e = &inner, .values_max = values_max };
	yajl_handle y;
	yajl_status status;

	y = yajl_alloc(&callbacks, NULL, &r);
	if (y == NULL)
		fatal("out of memory");
	status = yajl_parse(y, (const unsigned char *)text, len);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(y);
	if (status != yajl_status_ok && inner.code == NULL)
		err_set(&inner, &JSON_SYNTAX, "not JSON near byte %zu", yajl_get_bytes_consumed(y));
	yajl_free(y);
	if (inner.code == NULL && r.root == NULL)
		err_set(&inner, &JSON_SYNTAX, "expected JSON, got nothing");
	if (inner.code != NULL) {
		*e = inner;
		return -1;
	}
	*out = r.root;
	return 0;
}

int
json_parse(struct arena *a, const char *text, size_t len, struct json **out, struct err *e)
{
	if (len > JSON_BYTES_MAX)
		return err_set(e, &ERR_TOO_BIG, "%zu bytes of JSON, at most %d", len,
			       JSON_BYTES_MAX);
	return parse(a, text, len, JSON_VALUES_MAX, out, e);
}

int
json_parse_large(struct arena *a, const char *text, size_t len, struct json **out, struct err *e)
{
	return parse(a, text, len, ~0u, out, e);
}

struct json *
json_get(const struct json *object, const char *name)
{
	if (object == NULL || object->type != JSON_OBJECT)
		return NULL;
	for (struct json *m = object->first; m != NULL; m = m->next)
		if (m->name != NULL && strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

/* ------------------------------------------------------------------ */
/* Tree to struct.                                                     */

/* Where we are, for messages: a chain of names on the C stack. */
struct place {
	const struct place *up;
	const char *name;
	size_t index;
};

static size_t
place_pointer(const struct place *p, char *out, size_t size)
{
	size_t n = 0;

	if (p == NULL || size == 0)
		return 0;
	n = place_pointer(p->up, out, size);
	if (n >= size - 1)
		return n;
	if (p->name != NULL)
		n += (size_t)snprintf(out + n, size - n, "/%s", p->name);
	else
		n += (size_t)snprintf(out + n, size - n, "/%zu", p->index);
	return MIN(n, size - 1);
}

static int
place_fail(const struct place *p, const struct json *v, const struct code *code, struct err *e,
	   const char *detail)
{
	char pointer[64] = "", where[40] = "";

	place_pointer(p, pointer, sizeof(pointer));
	if (v != NULL && v->line != 0)
		snprintf(where, sizeof(where), "line %u, column %u: ", v->line, v->column);
	return err_field(e, code, pointer, "%s%s: %s", where, pointer, detail);
}

static int read_object(struct arena *a, const struct json *object, const struct json_field *fields,
		       void *out, const struct place *place, struct err *e);

static int
read_number(const struct json *v, uint64_t max, uint64_t *out, const char **detail)
{
	char *end;

	*detail = "expected a whole number, not negative";
	if (v->type != JSON_NUMBER || v->text[0] < '0' || v->text[0] > '9')
		return -1;
	errno = 0;
	*out = strtoull(v->text, &end, 10);
	if (*end != '\0')
		return -1;
	*detail = "the number is too large";
	return errno != 0 || *out > max ? -1 : 0;
}

static int
read_i64(const struct json *v, int64_t *out, const char **detail)
{
	char *end;

	*detail = "expected a whole number";
	if (v->type != JSON_NUMBER)
		return -1;
	errno = 0;
	*out = strtoll(v->text, &end, 10);
	return *end != '\0' || errno != 0 ? -1 : 0;
}

static int
read_strs(struct arena *a, const struct json *v, const struct json_field *f, struct json_strs *out,
	  const char **detail)
{
	size_t i = 0;

	*detail = "expected a list of strings";
	if (v->type != JSON_ARRAY)
		return -1;
	out->items = arena_alloc(a, (v->count + 1) * sizeof(*out->items));
	for (const struct json *item = v->first; item != NULL; item = item->next) {
		if (item->type != JSON_STRING)
			return -1;
		out->items[i++] = item->text;
	}
	out->count = i;
	*detail = "the list is too long";
	return f->max != 0 && i > f->max ? -1 : 0;
}

static int
read_list(struct arena *a, const struct json *v, const struct json_field *f, struct json_list *out,
	  const struct place *place, struct err *e)
{
	struct place at = { .up = place };
	char *items;

	if (v->type != JSON_ARRAY)
		return place_fail(place, v, &JSON_TYPE, e, "expected a list");
	if (f->max != 0 && v->count > f->max)
		return place_fail(place, v, &ERR_TOO_BIG, e, "the list is too long");
	items = arena_alloc(a, (v->count + 1) * f->sub_size);
	for (const struct json *item = v->first; item != NULL; item = item->next) {
		if (read_object(a, item, f->sub, items + at.index * f->sub_size, &at, e) < 0)
			return -1;
		at.index++;
	}
	out->items = items;
	out->count = at.index;
	return 0;
}

/* Text kinds: each says what it expected through e. */
static int
read_text(struct arena *a, const struct json *v, const struct json_field *f, void *out,
	  struct err *e)
{
	switch (f->kind) {
	case JSON_KIND_ID: return id_read(f->prefix, v->text, out, e);
	case JSON_KIND_HASH: return hash_read(v->text, out, e);
	case JSON_KIND_ADDRESS: return address_read(v->text, out, e);
	case JSON_KIND_SIG: return sig_read(v->text, out, e);
	case JSON_KIND_AMOUNT: return amount_read(v->text, out, e);
	case JSON_KIND_RATE: return rate_read(v->text, out, e);
	case JSON_KIND_TIME: return time_read(v->text, out, e);
	case JSON_KIND_BASE64: {
		struct json_bytes *bytes = out;

		if (f->max != 0 && v->text_len > f->max * 4 / 3 + 4)
			return err_set(e, &ERR_TOO_BIG, "more than %zu bytes", f->max);
		return base64_read(a, v->text, v->text_len, &bytes->b, &bytes->len, e);
	}
	default:
		if (f->max != 0 && v->text_len > f->max)
			return err_set(e, &ERR_TOO_BIG, "more than %zu bytes", f->max);
		*(const char **)out = v->text;
		return 0;
	}
}

static int
read_field(struct arena *a, const struct json *v, const struct json_field *f, char *base,
	   const struct place *place, struct err *e)
{
	void *out = base + f->offset;
	const char *detail = "expected true or false";
	struct err inner = ERR_NONE;
	uint64_t u = 0;

	switch (f->kind) {
	case JSON_KIND_BOOL:
		if (v->type != JSON_BOOL)
			return place_fail(place, v, &JSON_TYPE, e, detail);
		*(bool *)out = v->truth;
		return 0;
	case JSON_KIND_U32:
		if (read_number(v, f->max != 0 ? f->max : UINT32_MAX, &u, &detail) < 0)
			return place_fail(place, v, &JSON_TYPE, e, detail);
		*(uint32_t *)out = (uint32_t)u;
		return 0;
	case JSON_KIND_U64:
		if (read_number(v, UINT64_MAX, &u, &detail) < 0)
			return place_fail(place, v, &JSON_TYPE, e, detail);
		*(uint64_t *)out = u;
		return 0;
	case JSON_KIND_I64:
		if (read_i64(v, out, &detail) < 0)
			return place_fail(place, v, &JSON_TYPE, e, detail);
		return 0;
	case JSON_KIND_NODE: *(const struct json **)out = v; return 0;
	case JSON_KIND_OBJECT: return read_object(a, v, f->sub, out, place, e);
	case JSON_KIND_LIST: return read_list(a, v, f, out, place, e);
	case JSON_KIND_STRS:
		if (read_strs(a, v, f, out, &detail) < 0)
			return place_fail(place, v, &JSON_TYPE, e, detail);
		return 0;
	default: break;
	}
	if (v->type != JSON_STRING)
		return place_fail(place, v, &JSON_TYPE, e, "expected a string");
	if (read_text(a, v, f, out, &inner) < 0)
		return place_fail(place, v, inner.code == &ERR_TOO_BIG ? &ERR_TOO_BIG : &JSON_TYPE,
				  e, inner.text);
	return 0;
}

static const struct json_field *
field_named(const struct json_field *fields, const char *name)
{
	for (; fields->kind != JSON_KIND_END; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

static int
read_object(struct arena *a, const struct json *object, const struct json_field *fields, void *out,
	    const struct place *place, struct err *e)
{
	struct place at = { .up = place };

	if (object->type != JSON_OBJECT)
		return place_fail(place, object, &JSON_TYPE, e, "expected an object");
	for (const struct json *m = object->first; m != NULL; m = m->next) {
		const struct json_field *f = field_named(fields, m->name);

		at.name = m->name;
		if (f == NULL)
			return place_fail(&at, m, &JSON_UNKNOWN, e, "there is no such field");
		if (m->type == JSON_NULL && (f->flags & JSON_OPTIONAL) != 0)
			continue;
		if (read_field(a, m, f, out, &at, e) < 0)
			return -1;
	}
	for (const struct json_field *f = fields; f->kind != JSON_KIND_END; f++) {
		at.name = f->name;
		if ((f->flags & JSON_OPTIONAL) == 0 && json_get(object, f->name) == NULL)
			return place_fail(&at, object, &JSON_MISSING, e, "the field is required");
	}
	return 0;
}

int
json_read(struct arena *a, const struct json *object, const struct json_field *fields, void *out,
	  struct err *e)
{
	return read_object(a, object, fields, out, NULL, e);
}

int
json_decode(struct arena *a, const char *text, size_t len, const struct json_field *fields,
	    void *out, struct err *e)
{
	struct json *doc;

	if (json_parse(a, text, len, &doc, e) < 0)
		return -1;
	return json_read(a, doc, fields, out, e);
}

/* ------------------------------------------------------------------ */
/* Writing.                                                            */

struct jsonw {
	yajl_gen gen;
};

static void
jsonw_check(yajl_gen_status status)
{
	/* Anything else is a call out of order: ours to mend. */
	assert(status == yajl_gen_status_ok || status == yajl_gen_generation_complete);
	(void)status;
}

struct jsonw *
jsonw_new(bool pretty)
{
	struct jsonw *w = xmalloc(sizeof(*w));

	w->gen = yajl_gen_alloc(NULL);
	if (w->gen == NULL)
		fatal("out of memory");
	yajl_gen_config(w->gen, yajl_gen_beautify, pretty ? 1 : 0);
	yajl_gen_config(w->gen, yajl_gen_indent_string, "  ");
	return w;
}

void
jsonw_free(struct jsonw *w)
{
	if (w == NULL)
		return;
	yajl_gen_free(w->gen);
	free(w);
}

const char *
jsonw_text(struct jsonw *w, size_t *len)
{
	const unsigned char *text;
	size_t n;

	jsonw_check(yajl_gen_get_buf(w->gen, &text, &n));
	if (len != NULL)
		*len = n;
	return (const char *)text;
}

void
jsonw_open(struct jsonw *w, char bracket)
{
	jsonw_check(bracket == '{' ? yajl_gen_map_open(w->gen) : yajl_gen_array_open(w->gen));
}

void
jsonw_close(struct jsonw *w, char bracket)
{
	jsonw_check(bracket == '}' ? yajl_gen_map_close(w->gen) : yajl_gen_array_close(w->gen));
}

/* Length of the letter at p (RFC 3629), 0 if what stands there is none. */
static size_t
letter(const unsigned char *p, size_t len)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 0 || n > len || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Strangers' text, perhaps cut in the middle of a letter: what is no letter
 * becomes U+FFFD, or nobody could read the document again. */
void
jsonw_strn(struct jsonw *w, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t good = 0, n, out = 0;
	unsigned char *clean;

	while (good < len && (n = letter(p + good, len - good)) > 0)
		good += n;
	if (good == len) {
		jsonw_check(yajl_gen_string(w->gen, p, len));
		return;
	}
	clean = xmalloc(3 * len);
	for (size_t i = 0; i<len; i += MAX(n, (size_t)1), out += n> 0 ? n : 3) {
		n = letter(p + i, len - i);
		memcpy(clean + out, n > 0 ? p + i : (const unsigned char *)"\xef\xbf\xbd",
		       n > 0 ? n : 3);
	}
	jsonw_check(yajl_gen_string(w->gen, clean, out));
	free(clean);
}

void
jsonw_name(struct jsonw *w, const char *name)
{
	jsonw_strn(w, name, strlen(name));
}

void
jsonw_str(struct jsonw *w, const char *text)
{
	if (text == NULL)
		jsonw_null(w);
	else
		jsonw_strn(w, text, strlen(text));
}

void
jsonw_int(struct jsonw *w, int64_t v)
{
	jsonw_check(yajl_gen_integer(w->gen, v));
}

void
jsonw_bool(struct jsonw *w, bool v)
{
	jsonw_check(yajl_gen_bool(w->gen, v));
}

void
jsonw_null(struct jsonw *w)
{
	jsonw_check(yajl_gen_null(w->gen));
}

void
jsonw_node(struct jsonw *w, const struct json *node)
{
	const struct json *child;

	switch (node == NULL ? JSON_NULL : node->type) {
	case JSON_NULL: jsonw_null(w); return;
	case JSON_BOOL: jsonw_bool(w, node->truth); return;
	case JSON_NUMBER: jsonw_check(yajl_gen_number(w->gen, node->text, node->text_len)); return;
	case JSON_STRING: jsonw_strn(w, node->text, node->text_len); return;
	case JSON_ARRAY:
	case JSON_OBJECT: break;
	}
	jsonw_open(w, node->type == JSON_OBJECT ? '{' : '[');
	for (child = node->first; child != NULL; child = child->next) {
		if (node->type == JSON_OBJECT)
			jsonw_name(w, child->name);
		jsonw_node(w, child);
	}
	jsonw_close(w, node->type == JSON_OBJECT ? '}' : ']');
}

void
jsonw_member(struct jsonw *w, const char *name, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	jsonw_name(w, name);
	jsonw_str(w, text);
}

static bool field_empty(const struct json_field *f, const void *in);

/* An object of which nothing would be written. */
static bool
object_empty(const struct json_field *fields, const void *in)
{
	for (const struct json_field *f = fields; f->name != NULL; f++)
		if ((f->flags & JSON_OMIT_EMPTY) == 0 ||
		    !field_empty(f, (const char *)in + f->offset))
			return false;
	return true;
}

static bool
field_empty(const struct json_field *f, const void *in)
{
	switch (f->kind) {
	case JSON_KIND_STR:
	case JSON_KIND_NODE: return *(void *const *)in == NULL;
	case JSON_KIND_BOOL: return !*(const bool *)in;
	case JSON_KIND_U32: return *(const uint32_t *)in == 0;
	case JSON_KIND_I64:
	case JSON_KIND_TIME:
	case JSON_KIND_U64: return *(const uint64_t *)in == 0;
	case JSON_KIND_LIST: return ((const struct json_list *)in)->count == 0;
	case JSON_KIND_STRS: return ((const struct json_strs *)in)->count == 0;
	case JSON_KIND_BASE64: return ((const struct json_bytes *)in)->len == 0;
	case JSON_KIND_OBJECT: return object_empty(f->sub, in);
	case JSON_KIND_ADDRESS: return address_is_zero(in);
	case JSON_KIND_AMOUNT: return ((const struct amount *)in)->units == 0;
	case JSON_KIND_RATE: return ((const struct rate *)in)->nano == 0;
	case JSON_KIND_HASH: {
		static const struct hash zero;
		return hash_equal(in, &zero);
	}
	case JSON_KIND_SIG: {
		static const struct sig zero;
		return memcmp(in, &zero, sizeof(zero)) == 0;
	}
	default: return false;
	}
}

static void
write_bytes(struct jsonw *w, const struct json_bytes *bytes)
{
	struct arena a;

	arena_init(&a, 0);
	jsonw_str(w, base64_text(&a, bytes->b, bytes->len));
	arena_release(&a);
}

static void
write_field(struct jsonw *w, const struct json_field *f, const void *in)
{
	char text[SIG_TEXT_SIZE];

	switch (f->kind) {
	case JSON_KIND_STR: jsonw_str(w, *(const char *const *)in); return;
	case JSON_KIND_BOOL: jsonw_bool(w, *(const bool *)in); return;
	case JSON_KIND_U32: jsonw_int(w, *(const uint32_t *)in); return;
	case JSON_KIND_I64: jsonw_int(w, *(const int64_t *)in); return;
	case JSON_KIND_U64: {
		int n = snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)in);

		jsonw_check(yajl_gen_number(w->gen, text, (size_t)n));
		return;
	}
	case JSON_KIND_ID: jsonw_str(w, id_text(f->prefix, in, text)); return;
	case JSON_KIND_HASH: jsonw_str(w, hash_text(in, text)); return;
	case JSON_KIND_ADDRESS: jsonw_str(w, address_text(in, text)); return;
	case JSON_KIND_SIG: jsonw_str(w, sig_text(in, text)); return;
	case JSON_KIND_AMOUNT:
		jsonw_str(w, u128_text(((const struct amount *)in)->units, text));
		return;
	case JSON_KIND_RATE: jsonw_str(w, u128_text(((const struct rate *)in)->nano, text)); return;
	case JSON_KIND_TIME: jsonw_str(w, time_text(*(const wall_t *)in, text)); return;
	case JSON_KIND_NODE: jsonw_node(w, *(const struct json *const *)in); return;
	case JSON_KIND_OBJECT: json_write(w, f->sub, in); return;
	case JSON_KIND_BASE64: write_bytes(w, in); return;
	case JSON_KIND_LIST: {
		const struct json_list *list = in;

		jsonw_open(w, '[');
		for (size_t i = 0; i < list->count; i++)
			json_write(w, f->sub, (const char *)list->items + i * f->sub_size);
		jsonw_close(w, ']');
		return;
	}
	case JSON_KIND_STRS: {
		const struct json_strs *strs = in;

		jsonw_open(w, '[');
		for (size_t i = 0; i < strs->count; i++)
			jsonw_str(w, strs->items[i]);
		jsonw_close(w, ']');
		return;
	}
	case JSON_KIND_END: break;
	}
	assert(!"unknown kind of field");
}

void
json_write_members(struct jsonw *w, const struct json_field *fields, const void *in)
{
	for (const struct json_field *f = fields; f->kind != JSON_KIND_END; f++) {
		const char *member = (const char *)in + f->offset;

		if ((f->flags & JSON_OMIT_EMPTY) != 0 && field_empty(f, member))
			continue;
		jsonw_name(w, f->name);
		write_field(w, f, member);
	}
}

void
json_write(struct jsonw *w, const struct json_field *fields, const void *in)
{
	jsonw_open(w, '{');
	json_write_members(w, fields, in);
	jsonw_close(w, '}');
}

const char *
json_encode(struct arena *a, const struct json_field *fields, const void *in)
{
	struct jsonw *w = jsonw_new(false);
	const char *text, *copy;
	size_t len;

	json_write(w, fields, in);
	text = jsonw_text(w, &len);
	copy = arena_strndup(a, text, len);
	jsonw_free(w);
	return copy;
}
