/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/jwt.h"

#define LIFE_MAX_S 1000
#define SKEW_S 60

const struct code TOKEN_BAD = { "token_bad", DENIED, "the access token is not valid here" };
const struct code TOKEN_EXPIRED = { "token_expired", DENIED, "the access token is out of date" };
const struct code TOKEN_MISSING = { "token_missing", DENIED, "an access token is needed" };

static const struct json_field claims_fields[] = {
	JSON_ADDRESS(struct jwt_claims, iss, 0),
	JSON_ADDRESS(struct jwt_claims, aud, 0),
	JSON_I64(struct jwt_claims, nbf, 0),
	JSON_I64(struct jwt_claims, exp, 0),
	JSON_STRS(struct jwt_claims, scope, 8, 0),
	JSON_HASH(struct jwt_claims, lease, JSON_OPTIONAL | JSON_OMIT_EMPTY),
	JSON_END
};

static const char header[] = "{\"alg\":\"ES256K\",\"typ\":\"JWT\"}";

const char *
jwt_make(struct arena *a, const struct key *key, const struct jwt_claims *claims)
{
	const char *body = json_encode(a, claims_fields, claims), *input;
	struct hash digest;
	struct sig sig;

	input = arena_printf(a, "%s.%s", base64url_text(a, header, strlen(header)),
			     base64url_text(a, body, strlen(body)));
	sha256(input, strlen(input), &digest);
	key_sign(key, &digest, &sig);
	sig.b[32] &= 0x7f; /* RFC 8812 has r and s only; the parity is tried out */
	return arena_printf(a, "%s.%s", input, base64url_text(a, sig.b, sizeof(sig.b)));
}

static bool
signed_by(const struct hash *digest, const uint8_t *rs, const struct address *who)
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

int
jwt_check(struct arena *a, const char *text, wall_t now, const struct address *aud,
	  const char *scope, struct jwt_claims *claims, struct err *e)
{
	const char *dot = text != NULL ? strchr(text, '.') : NULL, *last;
	int64_t seconds = now / SECOND_US;
	size_t head_len, body_len, sig_len;
	uint8_t *head, *body, *sig;
	struct hash digest;
	bool allowed = false;

	if (text == NULL)
		return err_set(e, &TOKEN_MISSING, "send Authorization: Bearer with a token");
	last = dot != NULL ? strchr(dot + 1, '.') : NULL;
	if (last == NULL || strlen(text) > 4096)
		return err_set(e, &TOKEN_BAD, "not a compact JWT");
	*claims = (struct jwt_claims){ .nbf = 0 };
	if (base64_read(a, text, (size_t)(dot - text), &head, &head_len, e) < 0 ||
	    base64_read(a, dot + 1, (size_t)(last - dot - 1), &body, &body_len, e) < 0 ||
	    base64_read(a, last + 1, strlen(last + 1), &sig, &sig_len, e) < 0 ||
	    json_decode(a, (char *)body, body_len, claims_fields, claims, e) < 0)
		return err_set(e, &TOKEN_BAD, "token: cannot be read");
	if (head_len != strlen(header) || memcmp(head, header, head_len) != 0 || sig_len != 64)
		return err_set(e, &TOKEN_BAD, "token: only ES256K is taken");
	sha256(text, (size_t)(last - text), &digest);
	if (!signed_by(&digest, sig, &claims->iss))
		return err_set(e, &TOKEN_BAD, "token: not signed by its issuer");
	if (!address_equal(&claims->aud, aud))
		return err_set(e, &TOKEN_BAD, "token: made for another audience");
	if (claims->exp - claims->nbf > LIFE_MAX_S)
		return err_set(e, &TOKEN_BAD, "token: lives longer than 15 minutes");
	if (seconds + SKEW_S < claims->nbf || seconds > claims->exp)
		return err_set(e, &TOKEN_EXPIRED, "token: expired %lld s ago (check the clocks)",
			       (long long)(seconds - claims->exp));
	for (size_t i = 0; i < claims->scope.count; i++)
		allowed = allowed || strcmp(claims->scope.items[i], scope) == 0;
	return allowed ? 0 : err_set(e, &TOKEN_BAD, "token: does not allow %s", scope);
}
