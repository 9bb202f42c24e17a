/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - JSON (RFC 8259) in and out, through one table per type.
 *
 *	struct bid { struct id id; struct rate price; const char *note; };
 *	const struct json_field bid_fields[] = {
 *		JSON_ID(struct bid, id, ID_BID), JSON_RATE(struct bid, price),
 *		JSON_STR(struct bid, note, 200, JSON_OPTIONAL), JSON_END
 *	};
 *	json_parse(&arena, body, len, &doc, e) ... json_read(&arena, doc, bid_fields, &bid, e)
 *	json_write(w, bid_fields, &bid)
 *
 * Unknown, duplicate, missing and oversized fields are refused by name: the
 * error's field is a JSON pointer. Numbers stay text until a field asks for an
 * integer; nothing passes through double. Money travels as decimal strings.
 * Limits on outside text: 256 KiB, depth 32, 65,536 values.
 *
 * The only door to yajl. The tree is also what yaml.h returns, so one set of
 * tables serves settings files and deployment files too; there each node knows
 * its line and column.
 */
#ifndef GAVEL_JSON_H
#define GAVEL_JSON_H

#include "amount.h"
#include "id.h"

extern const struct code JSON_SYNTAX;
extern const struct code JSON_UNKNOWN;	 /* a field nobody asked for */
extern const struct code JSON_DUPLICATE; /* the same field twice */
extern const struct code JSON_MISSING;
extern const struct code JSON_TYPE; /* a field of another type or form */

#define JSON_BYTES_MAX	(256 * 1024)
#define JSON_DEPTH_MAX	32
#define JSON_VALUES_MAX 65536

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A value. Members of an object and elements of an array hang on `first`,
 * linked by `next`. All memory is the arena's. */
struct json {
	enum json_type type;
	bool quoted;	  /* YAML: the scalar stood in quotes */
	bool truth;	  /* JSON_BOOL */
	unsigned line;	  /* YAML: from 1; 0: unknown */
	unsigned column;  /* YAML: from 1 */
	const char *name; /* in an object: the member's name */
	unsigned name_line, name_column;
	const char *text; /* JSON_STRING, JSON_NUMBER: as written */
	size_t text_len;
	size_t count; /* of children */
	struct json *first, *last, *next;
};

int json_parse(struct arena *a, const char *text, size_t len, struct json **out,
	       struct err *e) mustcheck;
/* The same without limits on bytes and values: for what this program has written itself,
 * and where the caller has set a limit on bytes. */
int json_parse_large(struct arena *a, const char *text, size_t len, struct json **out,
		     struct err *e) mustcheck;
/* The member, or NULL. */
struct json *json_get(const struct json *object, const char *name);

enum json_kind {
	JSON_KIND_END,
	JSON_KIND_STR,	   /* const char *            */
	JSON_KIND_BOOL,	   /* bool                    */
	JSON_KIND_U32,	   /* uint32_t, a number      */
	JSON_KIND_I64,	   /* int64_t, a number       */
	JSON_KIND_U64,	   /* uint64_t, a number      */
	JSON_KIND_ID,	   /* struct id               */
	JSON_KIND_HASH,	   /* struct hash             */
	JSON_KIND_ADDRESS, /* struct address          */
	JSON_KIND_SIG,	   /* struct sig              */
	JSON_KIND_AMOUNT,  /* struct amount, a string */
	JSON_KIND_RATE,	   /* struct rate, a string   */
	JSON_KIND_TIME,	   /* wall_t, RFC 3339        */
	JSON_KIND_NODE,	   /* struct json *, any value; written as it is */
	JSON_KIND_OBJECT,  /* a struct in place, by sub                   */
	JSON_KIND_LIST,	   /* struct json_list: array of structs, by sub  */
	JSON_KIND_STRS,	   /* struct json_strs: array of strings          */
	JSON_KIND_BASE64,  /* struct json_bytes, base64 text              */
};

struct json_list {
	void *items; /* count x sub_size bytes, the arena's */
	size_t count;
};

struct json_strs {
	const char **items;
	size_t count;
};

struct json_bytes {
	uint8_t *b;
	size_t len;
};

#define JSON_OPTIONAL	1u /* may be missing: the member keeps its value */
#define JSON_OMIT_EMPTY 2u /* not written when NULL, 0, false or empty */

struct json_field {
	const char *name;
	enum json_kind kind;
	unsigned flags;
	size_t offset;
	size_t max;	    /* STR: bytes; LIST, STRS: elements; U32..U64: value (0: any) */
	const char *prefix; /* ID */
	const struct json_field *sub;
	size_t sub_size;
};

#define JSON_FIELD_(T, m, k, f, mx)                                                                \
	{                                                                                          \
		.name = #m, .kind = k, .flags = f, .offset = offsetof(T, m), .max = mx             \
	}
#define JSON_STR(T, m, max_bytes, f) JSON_FIELD_(T, m, JSON_KIND_STR, f, max_bytes)
#define JSON_BOOLEAN(T, m, f)	     JSON_FIELD_(T, m, JSON_KIND_BOOL, f, 0)
#define JSON_U32(T, m, most, f)	     JSON_FIELD_(T, m, JSON_KIND_U32, f, most)
#define JSON_I64(T, m, f)	     JSON_FIELD_(T, m, JSON_KIND_I64, f, 0)
#define JSON_U64(T, m, f)	     JSON_FIELD_(T, m, JSON_KIND_U64, f, 0)
#define JSON_ID(T, m, pre)                                                                         \
	{                                                                                          \
		.name = #m, .kind = JSON_KIND_ID, .offset = offsetof(T, m), .prefix = pre          \
	}
#define JSON_HASH(T, m, f)		JSON_FIELD_(T, m, JSON_KIND_HASH, f, 0)
#define JSON_ADDRESS(T, m, f)		JSON_FIELD_(T, m, JSON_KIND_ADDRESS, f, 0)
#define JSON_SIG(T, m, f)		JSON_FIELD_(T, m, JSON_KIND_SIG, f, 0)
#define JSON_AMOUNT(T, m, f)		JSON_FIELD_(T, m, JSON_KIND_AMOUNT, f, 0)
#define JSON_RATE(T, m, f)		JSON_FIELD_(T, m, JSON_KIND_RATE, f, 0)
#define JSON_TIME(T, m, f)		JSON_FIELD_(T, m, JSON_KIND_TIME, f, 0)
#define JSON_NODE(T, m, f)		JSON_FIELD_(T, m, JSON_KIND_NODE, f, 0)
#define JSON_BASE64(T, m, max_bytes, f) JSON_FIELD_(T, m, JSON_KIND_BASE64, f, max_bytes)
#define JSON_STRS(T, m, most, f)	JSON_FIELD_(T, m, JSON_KIND_STRS, f, most)
#define JSON_OBJ(T, m, fields, f)                                                                  \
	{                                                                                          \
		.name = #m, .kind = JSON_KIND_OBJECT, .flags = f, .offset = offsetof(T, m),        \
		.sub = fields                                                                      \
	}
#define JSON_LIST(T, m, fields, type, most, f)                                                     \
	{                                                                                          \
		.name = #m, .kind = JSON_KIND_LIST, .flags = f, .offset = offsetof(T, m),          \
		.max = most, .sub = fields, .sub_size = sizeof(type)                               \
	}
#define JSON_END                                                                                   \
	{                                                                                          \
		.name = NULL, .kind = JSON_KIND_END                                                \
	}

/* Fill the struct from the object; strings are the arena's. */
int json_read(struct arena *a, const struct json *object, const struct json_field *fields,
	      void *out, struct err *e) mustcheck;
/* json_parse() and json_read() in one. */
int json_decode(struct arena *a, const char *text, size_t len, const struct json_field *fields,
		void *out, struct err *e) mustcheck;

/* Writing. Calls must nest properly: a mistake is a bug and asserts. */
struct jsonw;
struct jsonw *jsonw_new(bool pretty);
void jsonw_free(struct jsonw *w);
/* The text so far, NUL-ended; valid until the next call. */
const char *jsonw_text(struct jsonw *w, size_t *len);
void jsonw_open(struct jsonw *w, char bracket);	 /* '{' or '[' */
void jsonw_close(struct jsonw *w, char bracket); /* '}' or ']' */
void jsonw_name(struct jsonw *w, const char *name);
void jsonw_str(struct jsonw *w, const char *text); /* NULL: null */
void jsonw_strn(struct jsonw *w, const char *text, size_t len);
void jsonw_int(struct jsonw *w, int64_t v);
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
void jsonw_node(struct jsonw *w, const struct json *node);
/* name and value in one, printf-like string. */
void jsonw_member(struct jsonw *w, const char *name, const char *fmt, ...) printflike(3, 4);
/* An object, or only its members. */
void json_write(struct jsonw *w, const struct json_field *fields, const void *in);
void json_write_members(struct jsonw *w, const struct json_field *fields, const void *in);
/* The object as text in the arena. */
const char *json_encode(struct arena *a, const struct json_field *fields, const void *in) mustcheck;

#endif
