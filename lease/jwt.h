/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt.h - short-lived tokens for talking, never for value: compact JWTs
 * (RFC 7519) with ES256K (RFC 8812). The issuer is an address; its public key
 * is recovered from the signature. Pure: the caller brings the time.
 *
 * A token says who asks. Whether that one may ask this (is it the tenant of the
 * lease?) is for the caller to decide from `claims`.
 */
#ifndef GAVEL_JWT_H
#define GAVEL_JWT_H

#include "lease/key.h"
#include "lib/json.h"

/* Form, signature, audience or scope; outside nbf to exp; none given. */
extern const struct code TOKEN_BAD, TOKEN_EXPIRED, TOKEN_MISSING;

struct jwt_claims {
	struct address iss, aud;
	int64_t nbf, exp;	/* unix seconds; at most 15 minutes apart */
	struct json_strs scope; /* "manifest", "status", "logs", "exec", "close", "provider" */
	struct hash lease;	/* zero: any of the issuer's */
};

const char *
jwt_make(struct arena *a, const struct key *key, const struct jwt_claims *claims) mustcheck;
/* Signature, audience, time (a minute of skew before nbf) and that scope is
 * among the token's. NULL text: TOKEN_MISSING. On failure claims mean nothing. */
int jwt_check(struct arena *a, const char *text, wall_t now, const struct address *aud,
	      const char *scope, struct jwt_claims *claims, struct err *e) mustcheck;

#endif
