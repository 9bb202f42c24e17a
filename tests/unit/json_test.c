/* SPDX-License-Identifier: Apache-2.0 */
/* json.h: what outside text may be, refusals by name, and the round trip. */
#include "lib/json.h"

#include "tests/unit/tap.h"

struct inner {
	const char *name;
	uint32_t n;
};
static const struct json_field inner_fields[] = { JSON_STR(struct inner, name, 8, 0),
						  JSON_U32(struct inner, n, 10, JSON_OPTIONAL),
						  JSON_END };

struct outer {
	const char *text;
	bool flag;
	uint32_t small;
	uint64_t big;
	int64_t whole;
	struct id order;
	struct hash hash;
	struct address who;
	struct sig sig;
	struct amount money;
	struct rate rate;
	wall_t at;
	struct json *any;
	struct inner one;
	struct json_list many;
	struct json_strs words;
	struct json_bytes raw;
};
#define T struct outer
#define O JSON_OPTIONAL
static const struct json_field outer_fields[] = { JSON_STR(T, text, 10, 0),
						  JSON_BOOLEAN(T, flag, O),
						  JSON_U32(T, small, 100, O),
						  JSON_U64(T, big, O),
						  JSON_I64(T, whole, O),
						  { .name = "order",
						    .kind = JSON_KIND_ID,
						    .flags = O,
						    .offset = offsetof(T, order),
						    .prefix = ID_ORDER },
						  JSON_HASH(T, hash, O),
						  JSON_ADDRESS(T, who, O),
						  JSON_SIG(T, sig, O),
						  JSON_AMOUNT(T, money, O),
						  JSON_RATE(T, rate, O),
						  JSON_TIME(T, at, O),
						  JSON_NODE(T, any, O),
						  JSON_OBJ(T, one, inner_fields, O),
						  JSON_LIST(T, many, inner_fields, struct inner, 2,
							    O),
						  JSON_STRS(T, words, 2, O),
						  JSON_BASE64(T, raw, 4, O),
						  JSON_END };
#undef O
#undef T

static int
decode(struct arena *a, const char *text, struct outer *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	return json_decode(a, text, strlen(text), outer_fields, out, e);
}

static void
test_refusals(void)
{
	static const struct {
		const char *text;
		const struct code *code; /* NULL: taken */
		const char *field;
	} cases[] = {
		{ "{\"text\":\"x\"}", NULL, "" },
		{ "{}", &JSON_MISSING, "/text" },
		{ "{\"text\":null}", &JSON_TYPE, "/text" },
		{ "{\"text\":\"x\",\"flag\":null}", NULL, "" },
		{ "{\"text\":\"x\",\"other\":1}", &JSON_UNKNOWN, "/other" },
		{ "{\"text\":\"x\",\"text\":\"y\"}", &JSON_DUPLICATE, "text" },
		{ "{\"text\":\"0123456789\"}", NULL, "" },
		{ "{\"text\":\"0123456789a\"}", &ERR_TOO_BIG, "/text" },
		{ "{\"text\":5}", &JSON_TYPE, "/text" },
		{ "{\"text\":\"a\\u0000b\"}", &JSON_SYNTAX, "" },
		{ "{\"text\":\"x\",\"te\\u0000xt\":1}", &JSON_DUPLICATE, "te" },
		{ "[]", &JSON_TYPE, "" },
		{ "\"x\"", &JSON_TYPE, "" },
		{ "", &JSON_SYNTAX, "" },
		{ "   ", &JSON_SYNTAX, "" },
		{ "{\"text\":\"x\"", &JSON_SYNTAX, "" },
		{ "{\"text\":\"x\"}{", &JSON_SYNTAX, "" },
		{ "{\"text\":\"x\",}", &JSON_SYNTAX, "" },
		{ "{\"text\":\"\xff\"}", &JSON_SYNTAX, "" },
		{ "{\"text\":\"x\",\"flag\":\"true\"}", &JSON_TYPE, "/flag" },
		{ "{\"text\":\"x\",\"flag\":1}", &JSON_TYPE, "/flag" },
		/* Numbers. */
		{ "{\"text\":\"x\",\"small\":100}", NULL, "" },
		{ "{\"text\":\"x\",\"small\":101}", &JSON_TYPE, "/small" },
		{ "{\"text\":\"x\",\"small\":-1}", &JSON_TYPE, "/small" },
		{ "{\"text\":\"x\",\"small\":1.0}", &JSON_TYPE, "/small" },
		{ "{\"text\":\"x\",\"small\":1e1}", &JSON_TYPE, "/small" },
		{ "{\"text\":\"x\",\"small\":\"1\"}", &JSON_TYPE, "/small" },
		{ "{\"text\":\"x\",\"big\":18446744073709551615}", NULL, "" },
		{ "{\"text\":\"x\",\"big\":18446744073709551616}", &JSON_TYPE, "/big" },
		{ "{\"text\":\"x\",\"big\":99999999999999999999999999}", &JSON_TYPE, "/big" },
		{ "{\"text\":\"x\",\"whole\":-9223372036854775808}", NULL, "" },
		{ "{\"text\":\"x\",\"whole\":-9223372036854775809}", &JSON_TYPE, "/whole" },
		{ "{\"text\":\"x\",\"whole\":9223372036854775808}", &JSON_TYPE, "/whole" },
		{ "{\"text\":\"x\",\"money\":\"79228162514264337593543950335\"}", NULL, "" },
		{ "{\"text\":\"x\",\"money\":\"79228162514264337593543950336\"}", &JSON_TYPE,
		  "/money" },
		{ "{\"text\":\"x\",\"money\":5}", &JSON_TYPE, "/money" },
		{ "{\"text\":\"x\",\"money\":\"-5\"}", &JSON_TYPE, "/money" },
		{ "{\"text\":\"x\",\"rate\":\"1.5\"}", &JSON_TYPE, "/rate" },
		/* Text forms. */
		{ "{\"text\":\"x\",\"order\":\"bid_0000000000ZZZZZZZZZZZZZZZZ\"}", &JSON_TYPE,
		  "/order" },
		{ "{\"text\":\"x\",\"hash\":\"0x00\"}", &JSON_TYPE, "/hash" },
		{ "{\"text\":\"x\",\"who\":\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD\"}",
		  &JSON_TYPE, "/who" },
		{ "{\"text\":\"x\",\"at\":\"yesterday\"}", &JSON_TYPE, "/at" },
		{ "{\"text\":\"x\",\"raw\":\"AAECAw==\"}", NULL, "" },
		{ "{\"text\":\"x\",\"raw\":\"AAECAwQFBgc=\"}", &ERR_TOO_BIG, "/raw" },
		{ "{\"text\":\"x\",\"raw\":\"****\"}", &JSON_TYPE, "/raw" },
		/* Nested. */
		{ "{\"text\":\"x\",\"one\":{\"name\":\"a\",\"n\":11}}", &JSON_TYPE, "/one/n" },
		{ "{\"text\":\"x\",\"one\":[]}", &JSON_TYPE, "/one" },
		{ "{\"text\":\"x\",\"many\":[{\"name\":\"a\"},{\"nam\":\"b\"}]}", &JSON_UNKNOWN,
		  "/many/1/nam" },
		{ "{\"text\":\"x\",\"many\":[{\"name\":\"a\"},{}]}", &JSON_MISSING,
		  "/many/1/name" },
		{ "{\"text\":\"x\",\"many\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}",
		  &ERR_TOO_BIG, "/many" },
		{ "{\"text\":\"x\",\"many\":[1]}", &JSON_TYPE, "/many/0" },
		{ "{\"text\":\"x\",\"many\":{}}", &JSON_TYPE, "/many" },
		{ "{\"text\":\"x\",\"words\":[\"a\",1]}", &JSON_TYPE, "/words" },
		{ "{\"text\":\"x\",\"words\":[\"a\",\"b\",\"c\"]}", &JSON_TYPE, "/words" },
	};
	struct outer out;
	struct arena a;

	arena_init(&a, 0);
	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct err e = ERR_NONE;
		int r = decode(&a, cases[i].text, &out, &e);

		ok((r == 0) == (cases[i].code == NULL) && e.code == cases[i].code,
		   "case %zu is %s: %.60s", i,
		   cases[i].code == NULL ? "taken" : cases[i].code->name, cases[i].text);
		is_str(e.field, cases[i].field, "and names the field");
	}
	arena_release(&a);
}

static char *
nested(struct arena *a, int depth)
{
	char *s = arena_alloc(a, (size_t)depth * 2 + 1);

	memset(s, '[', (size_t)depth);
	memset(s + depth, ']', (size_t)depth);
	return s;
}

static void
test_limits(void)
{
	struct err e = ERR_NONE;
	struct json *doc;
	struct arena a;
	char *text;
	size_t n;

	arena_init(&a, 0);
	ok(json_parse(&a, nested(&a, JSON_DEPTH_MAX), JSON_DEPTH_MAX * 2, &doc, &e) == 0,
	   "as deep as allowed");
	ok(json_parse(&a, nested(&a, JSON_DEPTH_MAX + 1), (JSON_DEPTH_MAX + 1) * 2, &doc, &e) < 0 &&
		   e.code == &ERR_TOO_BIG,
	   "one deeper is refused");
	ok(json_parse(&a, nested(&a, 100000), 200000, &doc, &e) < 0 && e.code == &ERR_TOO_BIG,
	   "and so is absurdly deep");
	text = arena_alloc(&a, JSON_BYTES_MAX + 2);
	memset(text, ' ', JSON_BYTES_MAX + 1);
	text[0] = '1';
	ok(json_parse(&a, text, JSON_BYTES_MAX, &doc, &e) == 0, "as long as allowed");
	ok(json_parse(&a, text, JSON_BYTES_MAX + 1, &doc, &e) < 0 && e.code == &ERR_TOO_BIG,
	   "one longer is refused");
	/* [0,0,...]: the list counts as a value. */
	n = 0;
	text[n++] = '[';
	for (int i = 0; i < JSON_VALUES_MAX; i++) {
		text[n++] = '0';
		text[n++] = ',';
	}
	text[n - 1] = ']';
	ok(json_parse(&a, text, n, &doc, &e) < 0 && e.code == &ERR_TOO_BIG,
	   "one value too many is refused");
	text[n - 3] = ']';
	ok(json_parse(&a, text, n - 2, &doc, &e) == 0 && doc->count == JSON_VALUES_MAX - 1,
	   "as many as allowed");
	ok(json_parse(&a, "1\0", 2, &doc, &e) < 0, "a NUL after the text is refused");
	arena_release(&a);
}

static const char whole_text[] =
	"{\"text\":\"\\\"\\\\\\n\xc3\xa9\",\"flag\":true,\"small\":0,\"big\":18446744073709551615,"
	"\"whole\":-9223372036854775808,\"order\":\"ord_01ARYZ6S41ZZZZZZZZZZZZZZZZ\","
	"\"hash\":\"0x0000000000000000000000000000000000000000000000000000000000000001\","
	"\"who\":\"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\","
	"\"sig\":"
	"\"0x00000000000000000000000000000000000000000000000000000000000000000000000000000000"
	"0000000000000000000000000000000000000000000000ff\","
	"\"money\":\"79228162514264337593543950335\",\"rate\":\"39614081257132168796771975167\","
	"\"at\":\"2026-11-25T05:10:35.123456Z\",\"any\":{\"a\":[1.50,null,false,\"s\"]},"
	"\"one\":{\"name\":\"a\",\"n\":10},\"many\":[{\"name\":\"b\",\"n\":1},{\"name\":\"c\","
	"\"n\":0}],"
	"\"words\":[\"d\",\"\"],\"raw\":\"AAECAw==\"}";

static void
test_round_trip(void)
{
	struct err e = ERR_NONE;
	struct outer out;
	struct arena a;

	arena_init(&a, 0);
	if (ok(decode(&a, whole_text, &out, &e) == 0, "every kind is read"))
		is_str(json_encode(&a, outer_fields, &out), whole_text, "and written as it was");
	else
		printf("# %s\n", e.text);
	ok(out.big == UINT64_MAX && out.whole == INT64_MIN && out.money.units == AMOUNT_MAX &&
		   out.rate.nano == RATE_MAX,
	   "numbers at their extremes");
	ok(out.many.count == 2 && ((struct inner *)out.many.items)[1].name[0] == 'c',
	   "a list of structs");
	ok(out.words.count == 2 && out.raw.len == 4 && out.raw.b[3] == 3,
	   "lists of strings, bytes");
	arena_release(&a);
}

static void
test_optional(void)
{
	struct outer out = { .small = 42 };
	struct err e = ERR_NONE;
	struct arena a;

	arena_init(&a, 0);
	ok(json_decode(&a, "{\"text\":\"x\"}", 12, outer_fields, &out, &e) == 0 && out.small == 42,
	   "what is missing keeps its value");
	arena_release(&a);
}

static void
test_omit(void)
{
	static const struct json_field fields[] = {
		JSON_STR(struct inner, name, 8, JSON_OMIT_EMPTY),
		JSON_U32(struct inner, n, 0, JSON_OMIT_EMPTY), JSON_END
	};
	struct inner none = { NULL, 0 }, some = { "", 7 };
	struct arena a;

	arena_init(&a, 0);
	is_str(json_encode(&a, fields, &none), "{}", "empty members are left out");
	is_str(json_encode(&a, fields, &some), "{\"name\":\"\",\"n\":7}", "others are not");
	is_str(json_encode(&a, inner_fields, &none), "{\"name\":null,\"n\":0}",
	       "unless it is asked for");
	arena_release(&a);
}

static void
test_writer(void)
{
	struct jsonw *w = jsonw_new(false);
	size_t len;

	jsonw_open(w, '{');
	jsonw_member(w, "a", "%d\t<\x01>", 5);
	jsonw_name(w, "b");
	jsonw_open(w, '[');
	jsonw_int(w, INT64_MIN);
	jsonw_bool(w, false);
	jsonw_null(w);
	jsonw_str(w, NULL);
	jsonw_strn(w, "xyz", 2);
	jsonw_close(w, ']');
	jsonw_close(w, '}');
	is_str(jsonw_text(w, &len),
	       "{\"a\":\"5\\t<\\u0001>\",\"b\":[-9223372036854775808,false,null,null,\"xy\"]}",
	       "the writer escapes");
	is_int((long long)len, (long long)strlen(jsonw_text(w, NULL)), "and knows its length");
	jsonw_free(w);
}

/* What is no letter is replaced, and what comes out can be read again. */
static void
test_letters(void)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "h\xc3\xa9", "[\"h\xc3\xa9\"]" },
		{ "cut \xc3", "[\"cut \xef\xbf\xbd\"]" },
		{ "\xe2\x82 x", "[\"\xef\xbf\xbd\xef\xbf\xbd x\"]" },
		{ "\xc0\x80", "[\"\xef\xbf\xbd\xef\xbf\xbd\"]" },
		{ "\xed\xa0\x80", "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]" },
		{ "\xf0\x9f\x98\x80", "[\"\xf0\x9f\x98\x80\"]" },
		{ "\xff\xfe", "[\"\xef\xbf\xbd\xef\xbf\xbd\"]" },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct jsonw *w = jsonw_new(false);
		struct err e = ERR_NONE;
		struct json *doc;
		struct arena a;

		arena_init(&a, 0);
		jsonw_open(w, '[');
		jsonw_str(w, cases[i].text);
		jsonw_close(w, ']');
		is_str(jsonw_text(w, NULL), cases[i].json, "letters only");
		ok(json_parse(&a, cases[i].json, strlen(cases[i].json), &doc, &e) == 0,
		   "which can be read");
		jsonw_free(w);
		arena_release(&a);
	}
}

int
main(void)
{
	test_refusals();
	test_limits();
	test_round_trip();
	test_optional();
	test_omit();
	test_writer();
	test_letters();
	return tap_done();
}
