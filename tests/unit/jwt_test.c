/* SPDX-License-Identifier: Apache-2.0 */
/* jwt_test.c - tokens: the form of RFC 8812, and every reason to refuse one. */
#include "lease/jwt.h"

#include "tests/unit/tap.h"

#define NOW_S INT64_C(1800000000)
#define NOW   (NOW_S * SECOND_US)

static struct arena arena;
static struct key key, other;
static struct address audience = { { 0xaa } };

static struct jwt_claims
claims_good(void)
{
	static const char *scope[] = { "status", "logs" };

	return (struct jwt_claims){ .iss = key.address,
				    .aud = audience,
				    .nbf = NOW_S - 30,
				    .exp = NOW_S + 600,
				    .scope = { scope, 2 },
				    .lease = { { 1, 2, 3 } } };
}

static void
test_good(void)
{
	struct jwt_claims claims = claims_good(), got;
	const char *text = jwt_make(&arena, &key, &claims);
	struct err e = ERR_NONE;

	ok(strncmp(text, "eyJhbGciOiJFUzI1NksiLCJ0eXAiOiJKV1QifQ.", 39) == 0,
	   "begins with {\"alg\":\"ES256K\",\"typ\":\"JWT\"}");
	is_int((long long)strlen(strrchr(text, '.') + 1), 86, "ends with r and s, 64 bytes");
	is_int(jwt_check(&arena, text, NOW, &audience, "logs", &got, &e), 0, "is taken");
	ok(address_equal(&got.iss, &key.address) && hash_equal(&got.lease, &claims.lease) &&
		   got.exp == claims.exp && got.scope.count == 2,
	   "and says what it was made of");
	claims.lease = (struct hash){ { 0 } };
	text = jwt_make(&arena, &key, &claims);
	ok(jwt_check(&arena, text, NOW, &audience, "status", &got, &e) == 0 &&
		   hash_equal(&got.lease, &claims.lease),
	   "without a lease it is for any");
}

/* Both parities of R must be found: a third of a hundred tokens would fail. */
static void
test_parities(void)
{
	struct jwt_claims claims = claims_good(), got;
	unsigned good = 0;

	for (unsigned i = 0; i < 100; i++) {
		struct err e = ERR_NONE;

		claims.lease.b[31] = (uint8_t)i;
		good += jwt_check(&arena, jwt_make(&arena, &key, &claims), NOW, &audience, "logs",
				  &got, &e) == 0;
	}
	is_int(good, 100, "100 tokens of both parities");
}

static void
test_claims(void)
{
	static const struct {
		const char *what;
		int64_t nbf, exp; /* from now */
		int64_t now;	  /* from now */
		const char *scope;
		uint8_t aud;
		bool other_iss;
		const struct code *code; /* NULL: taken */
	} cases[] = {
		{ "in its last second", 0, 600, 600, "logs", 0xaa, false, NULL },
		{ "a second later", 0, 600, 601, "logs", 0xaa, false, &TOKEN_EXPIRED },
		{ "a minute early", 60, 600, 0, "logs", 0xaa, false, NULL },
		{ "more than a minute early", 61, 600, 0, "logs", 0xaa, false, &TOKEN_EXPIRED },
		{ "as long as can be", 0, 1000, 0, "logs", 0xaa, false, NULL },
		{ "too long", 0, 1001, 0, "logs", 0xaa, false, &TOKEN_BAD },
		{ "ends before it begins", 0, -1, 0, "logs", 0xaa, false, &TOKEN_BAD },
		{ "before 1970", -NOW_S - 1, 0, 0, "logs", 0xaa, false, &TOKEN_BAD },
		{ "the end of time", INT64_MAX - NOW_S - 5, INT64_MAX - NOW_S, 0, "logs", 0xaa,
		  false, &TOKEN_BAD },
		{ "all of time", INT64_MIN + 1, INT64_MAX - NOW_S, 0, "logs", 0xaa, false,
		  &TOKEN_BAD },
		{ "half of it", INT64_MIN / 2 - NOW_S - 9, INT64_MAX / 2 - NOW_S, 0, "logs", 0xaa,
		  false, &TOKEN_BAD },
		{ "for another", 0, 600, 0, "logs", 0xab, false, &TOKEN_BAD },
		{ "to do something else", 0, 600, 0, "exec", 0xaa, false, &TOKEN_BAD },
		{ "to do part of a word", 0, 600, 0, "log", 0xaa, false, &TOKEN_BAD },
		{ "in another's name", 0, 600, 0, "logs", 0xaa, true, &TOKEN_BAD },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct jwt_claims claims = claims_good(), got;
		struct address aud = { { cases[i].aud } };
		struct err e = ERR_NONE;
		int result;

		claims.nbf = NOW_S + cases[i].nbf;
		claims.exp = NOW_S + cases[i].exp;
		if (cases[i].other_iss)
			claims.iss = other.address;
		result = jwt_check(&arena, jwt_make(&arena, &key, &claims),
				   NOW + cases[i].now * SECOND_US, &aud, cases[i].scope, &got, &e);
		ok(cases[i].code == NULL ? result == 0 : result < 0 && e.code == cases[i].code,
		   "%s: %s", cases[i].what, e.text);
	}
}

/* A token of our own making, signed well, whatever it says. */
static const char *
token(const char *header, const char *claims)
{
	const char *input =
		arena_printf(&arena, "%s.%s", base64url_text(&arena, header, strlen(header)),
			     base64url_text(&arena, claims, strlen(claims)));
	struct hash digest;
	struct sig sig;

	sha256(input, strlen(input), &digest);
	key_sign(&key, &digest, &sig);
	sig.b[32] &= 0x7f;
	return arena_printf(&arena, "%s.%s", input, base64url_text(&arena, sig.b, sizeof(sig.b)));
}

static void
test_forms(void)
{
	char iss[ADDRESS_TEXT_SIZE], aud[ADDRESS_TEXT_SIZE];
	const char *claims =
		arena_printf(&arena,
			     "{\"scope\":[\"logs\"],\"exp\":%lld,\"nbf\":%lld,"
			     "\"aud\":\"%s\",\"iss\":\"%s\"}",
			     (long long)NOW_S + 60, (long long)NOW_S, address_text(&audience, aud),
			     address_text(&key.address, iss));
	const char *wide = arena_printf(&arena,
					"{\"scope\":[\"logs\",\"%04000d\"],\"exp\":%lld,"
					"\"nbf\":%lld,\"aud\":\"%s\",\"iss\":\"%s\"}",
					0, (long long)NOW_S + 60, (long long)NOW_S, aud, iss);
	const char *good = token("{\"typ\":\"JWT\",\"alg\":\"ES256K\"}", claims);
	const struct {
		const char *what, *text;
		bool taken;
	} cases[] = {
		{ "header and claims in another order", good, true },
		{ "no typ", token("{\"alg\":\"ES256K\"}", claims), true },
		{ "alg none", token("{\"alg\":\"none\"}", claims), false },
		{ "alg HS256", token("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims), false },
		{ "no alg", token("{\"typ\":\"JWT\"}", claims), false },
		{ "crit", token("{\"alg\":\"ES256K\",\"crit\":[\"x\"]}", claims), false },
		{ "typ other", token("{\"alg\":\"ES256K\",\"typ\":\"JWE\"}", claims), false },
		{ "claims no object", token("{\"alg\":\"ES256K\"}", "[]"), false },
		{ "claims empty", token("{\"alg\":\"ES256K\"}", "{}"), false },
		{ "a claim of its own", token("{\"alg\":\"ES256K\"}", "{\"admin\":true,\"exp\":1}"),
		  false },
		{ "nothing", "", false },
		{ "one part", "abc", false },
		{ "two parts", "abc.def", false },
		{ "empty parts", "..", false },
		{ "four parts", arena_printf(&arena, "%s.x", good), false },
		{ "no base64", "a!b.c.d", false },
		{ "longer than 4 KiB", token("{\"alg\":\"ES256K\"}", wide), false },
		{ "without signature",
		  arena_printf(&arena, "%.*s", (int)(strrchr(good, '.') - good + 1), good), false },
	};

	for (size_t i = 0; i < NELEMS(cases); i++) {
		struct jwt_claims got;
		struct err e = ERR_NONE;
		int result = jwt_check(&arena, cases[i].text, NOW, &audience, "logs", &got, &e);

		ok(cases[i].taken ? result == 0 : result < 0 && e.code == &TOKEN_BAD, "%s: %s",
		   cases[i].what, e.text);
	}
}

static void
test_each_byte(void)
{
	struct jwt_claims claims = claims_good(), got;
	char *text = arena_strdup(&arena, jwt_make(&arena, &key, &claims));
	struct err e = ERR_NONE;
	unsigned taken = 0;

	for (char *p = text; *p != '\0'; p++) {
		char was = *p;

		*p = was == 'A' ? 'B' : 'A';
		taken += jwt_check(&arena, text, NOW, &audience, "logs", &got, &e) == 0;
		*p = was;
	}
	is_int(taken, 0, "no letter can be another");
	ok(jwt_check(&arena, NULL, NOW, &audience, "logs", &got, &e) < 0 &&
		   e.code == &TOKEN_MISSING,
	   "no token at all");
}

int
main(void)
{
	arena_init(&arena, 0);
	key_new(&key);
	key_new(&other);
	test_good();
	test_parities();
	test_claims();
	test_forms();
	test_each_byte();
	key_release(&key);
	key_release(&other);
	arena_release(&arena);
	return tap_done();
}
