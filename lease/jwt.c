/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/jwt.h"

#define LIFE_MAX_S 1000 /* a quarter of an hour and some skew */
#define SKEW_S	   60
#define TEXT_MAX   4096u
#define SCOPES_MAX 8

const struct code TOKEN_BAD = { "token_bad", DENIED, "the access token is not valid here" };
const struct code TOKEN_EXPIRED = { "token_expired", DENIED, "the access token is out of date" };
const struct code TOKEN_MISSING = { "token_missing", DENIED, "an access token is needed" };

struct header {
	const char *alg, *typ;
};

static const struct json_field header_fields[] = {
	JSON_STR(struct header, alg, 16, 0),
	JSON_STR(struct header, typ, 16, JSON_OPTIONAL | JSON_OMIT_EMPTY), JSON_END
};

static const struct json_field claims_fields[] = {
	JSON_ADDRESS(struct jwt_claims, iss, 0),
	JSON_ADDRESS(struct jwt_claims, aud, 0),
	JSON_I64(struct jwt_claims, nbf, 0),
	JSON_I64(struct jwt_claims, exp, 0),
	JSON_STRS(struct jwt_claims, scope, SCOPES_MAX, 0),
	JSON_HASH(struct jwt_claims, lease, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_END
};

const char *
jwt_make(struct arena *a, const struct key *key, const struct jwt_claims *claims)
{
	static const struct header header = { "ES256K", "JWT" };
	const char *head = json_encode(a, header_fields, &header);
	const char *body = json_encode(a, claims_fields, claims), *input;
	struct hash digest;
	struct sig sig;

	input = arena_printf(a, "%s.%s", base64url_text(a, head, strlen(head)),
			     base64url_text(a, body, strlen(body)));
	sha256(input, strlen(input), &digest);
	key_sign(key, &digest, &sig);
	sig.b[32] &= 0x7f; /* RFC 8812 has r and s only; the parity is tried out */
	return arena_printf(a, "%s.%s", input, base64url_text(a, sig.b, sizeof(sig.b)));
}

/* Either of the two points that r stands for. A high s is refused, so a token
 * has one form only. */
static bool
signed_by(const struct hash *digest, const uint8_t rs[static 64], const struct address *who)
{
	struct err ignored = ERR_NONE;
	struct sig sig;

	memcpy(sig.b, rs, sizeof(sig.b));
	if ((sig.b[32] & 0x80) != 0)
		return false;
	if (sig_check(&sig, digest, who, &ignored) == 0)
		return true;
	sig.b[32] |= 0x80;
	return sig_check(&sig, digest, who, &ignored) == 0;
}

static int
part_read(struct arena *a, const char *text, size_t len, const struct json_field *fields, void *out)
{
	struct err ignored = ERR_NONE;
	uint8_t *json;
	size_t json_len;

	if (base64_read(a, text, len, &json, &json_len, &ignored) < 0)
		return -1;
	return json_decode(a, (const char *)json, json_len, fields, out, &ignored);
}

/* Form and signature: afterwards the claims are the issuer's words. */
static int
jwt_open(struct arena *a, const char *text, struct jwt_claims *claims, struct err *e)
{
	const char *dot = strchr(text, '.'), *last = dot != NULL ? strchr(dot + 1, '.') : NULL;
	struct header header = { "", "JWT" };
	struct err ignored = ERR_NONE;
	struct hash digest;
	uint8_t *sig;
	size_t sig_len;

	if (last == NULL || strlen(text) > TEXT_MAX)
		return err_set(e, &TOKEN_BAD, "token: not a compact JWT");
	if (part_read(a, text, (size_t)(dot - text), header_fields, &header) < 0 ||
	    strcmp(header.alg, "ES256K") != 0 || strcmp(header.typ, "JWT") != 0)
		return err_set(e, &TOKEN_BAD, "token: only ES256K is taken");
	if (part_read(a, dot + 1, (size_t)(last - dot - 1), claims_fields, claims) < 0)
		return err_set(e, &TOKEN_BAD, "token: its claims cannot be read");
	if (base64_read(a, last + 1, strlen(last + 1), &sig, &sig_len, &ignored) < 0 ||
	    sig_len != 64)
		return err_set(e, &TOKEN_BAD, "token: its signature cannot be read");
	sha256(text, (size_t)(last - text), &digest);
	if (!signed_by(&digest, sig, &claims->iss))
		return err_set(e, &TOKEN_BAD, "token: not signed by its issuer");
	return 0;
}

static int
jwt_check_time(const struct jwt_claims *claims, int64_t now, struct err *e)
{
	/* Bounded first: the differences below cannot overflow. */
	if (claims->nbf < 0 || claims->exp < claims->nbf || claims->exp > INT64_MAX / 2)
		return err_set(e, &TOKEN_BAD, "token: its times make no sense");
	if (claims->exp - claims->nbf > LIFE_MAX_S)
		return err_set(e, &TOKEN_BAD, "token: lives longer than 15 minutes");
	if (now + SKEW_S < claims->nbf)
		return err_set(e, &TOKEN_EXPIRED, "token: begins in %lld s (check the clocks)",
			       (long long)(claims->nbf - now));
	if (now > claims->exp)
		return err_set(e, &TOKEN_EXPIRED, "token: expired %lld s ago (check the clocks)",
			       (long long)(now - claims->exp));
	return 0;
}

int
jwt_check(struct arena *a, const char *text, wall_t now, const struct address *aud,
	  const char *scope, struct jwt_claims *claims, struct err *e)
{
	if (text == NULL)
		return err_set(e, &TOKEN_MISSING, "send Authorization: Bearer with a token");
	*claims = (struct jwt_claims){ .nbf = 0 };
	if (jwt_open(a, text, claims, e) < 0)
		return -1;
	if (!address_equal(&claims->aud, aud))
		return err_set(e, &TOKEN_BAD, "token: made for another audience");
	if (jwt_check_time(claims, now / SECOND_US, e) < 0)
		return -1;
	for (size_t i = 0; i < claims->scope.count; i++)
		if (strcmp(claims->scope.items[i], scope) == 0)
			return 0;
	return err_set(e, &TOKEN_BAD, "token: does not allow %s", scope);
}
