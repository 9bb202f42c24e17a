/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/signer.h"

#include "lease/head.h"
#include "lease/jwt.h"
#include "lease/offer.h"
#include "lease/pool.h"
#include "lease/record.h"
#include "lease/seal.h"
#include "lib/clock.h"

static const struct code SIGNER_REFUSED = { "signer_refused", DENIED,
					    "the key holder does not sign this" };

static int
sign_terms(struct signer *s, const struct hash *struct_hash, void *out, size_t *out_len)
{
	struct hash digest = terms_digest(&s->domain, struct_hash);
	struct sig sig;

	key_sign(&s->key, &digest, &sig);
	memcpy(out, &sig, sizeof(sig));
	*out_len = sizeof(sig);
	return 0;
}

static int
verb_address(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct signer *s = ctx;

	(void)in;
	(void)len;
	(void)e;
	memcpy(out, &s->key.address, sizeof(s->key.address));
	*out_len = sizeof(s->key.address);
	return 0;
}

/* A verb that hashes a flat statement and signs it. */
#define SIGN_VERB(name, type, hash_fn)                                                             \
	static int verb_##name(void *ctx, const void *in, size_t len, void *out, size_t *out_len,  \
			       struct err *e)                                                      \
	{                                                                                          \
		type terms;                                                                        \
		struct hash h;                                                                     \
                                                                                                   \
		(void)len;                                                                         \
		(void)e;                                                                           \
		memcpy(&terms, in, sizeof(terms));                                                 \
		h = hash_fn(&terms);                                                               \
		return sign_terms(ctx, &h, out, out_len);                                          \
	}

SIGN_VERB(award, struct award_terms, award_hash)
SIGN_VERB(bid, struct bid_terms, bid_hash)
SIGN_VERB(lease, struct lease_terms, lease_hash)
SIGN_VERB(release, struct release_terms, release_hash)
SIGN_VERB(pool, struct pool_terms, pool_hash)
SIGN_VERB(spot_run, struct spot_run_terms, spot_run_hash)
SIGN_VERB(spot_price, struct spot_price_terms, spot_price_hash)
SIGN_VERB(record, struct record_terms, record_hash)

static int
verb_receipt(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct receipt_terms terms;
	size_t count = len / sizeof(terms), one;

	if (len % sizeof(terms) != 0)
		return err_set(e, &SIGNER_REFUSED, "half a receipt");
	for (size_t i = 0; i < count; i++) {
		struct hash h;

		memcpy(&terms, (const uint8_t *)in + i * sizeof(terms), sizeof(terms));
		h = receipt_hash(&terms);
		sign_terms(ctx, &h, (uint8_t *)out + i * sizeof(struct sig), &one);
	}
	*out_len = count * sizeof(struct sig);
	return 0;
}

/* Hashed and not read: the key holder parses no JSON. Whose offer it is counts. */
static int
verb_offer(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct signer *s = ctx;
	struct offer_head head;
	struct hash h;

	memcpy(&head, in, sizeof(head));
	if (!address_equal(&head.provider, &s->key.address))
		return err_set(e, &SIGNER_REFUSED, "an offer in the name of another provider");
	h = offer_head_hash(&head, (const uint8_t *)in + sizeof(head), len - sizeof(head));
	return sign_terms(s, &h, out, out_len);
}

/* The usage and its voucher, so that the two cannot differ. */
static int
verb_usage(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct usage_terms usage;
	struct voucher_terms voucher;
	struct hash h;

	(void)len;
	(void)e;
	memcpy(&usage, in, sizeof(usage));
	h = usage_hash(&usage);
	sign_terms(ctx, &h, out, out_len);
	voucher = (struct voucher_terms){ usage.lease, usage.amount, usage.upTo };
	h = voucher_hash(&voucher);
	sign_terms(ctx, &h, (uint8_t *)out + sizeof(struct sig), out_len);
	*out_len = 2 * sizeof(struct sig);
	return 0;
}

static int
verb_provider(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct signer_provider p;
	struct hash h;

	(void)len;
	(void)e;
	memcpy(&p, in, sizeof(p));
	p.url[sizeof(p.url) - 1] = '\0';
	p.terms.url = p.url;
	h = provider_hash(&p.terms);
	return sign_terms(ctx, &h, out, out_len);
}

static void
round_keys(const struct signer *s, const struct signer_round *r, struct hash *public_key,
	   struct hash *secret_key)
{
	uint8_t text[13 + 32 + 32 + 8];
	struct hash seed;

	memcpy(text, "gavel round 1", 13);
	memcpy(text + 13, s->key.secret, 32);
	memcpy(text + 45, r->order.b, 32);
	for (unsigned i = 0; i < 8; i++)
		text[77 + i] = (uint8_t)(r->round >> (56 - 8 * i));
	sha256(text, sizeof(text), &seed);
	seal_keys_from_seed(seed.b, public_key->b, secret_key->b);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(&seed, sizeof(seed));
}

static int
verb_round_key(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct signer_round r;
	struct hash public_key, secret_key;

	(void)len;
	(void)e;
	memcpy(&r, in, sizeof(r));
	round_keys(ctx, &r, &public_key, &secret_key);
	explicit_bzero(&secret_key, sizeof(secret_key));
	memcpy(out, &public_key, sizeof(public_key));
	*out_len = sizeof(public_key);
	return 0;
}

static int
verb_round_close(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct signer *s = ctx;
	struct signer_round r;
	struct signer_round_closed closed;
	struct round_terms terms;
	struct hash h, digest;

	(void)len;
	(void)e;
	memcpy(&r, in, sizeof(r));
	terms = (struct round_terms){ .order = r.order, .round = r.round, .root = r.root };
	round_keys(s, &r, &terms.key, &closed.key);
	h = round_hash(&terms);
	digest = terms_digest(&s->domain, &h);
	key_sign(&s->key, &digest, &closed.sig);
	memcpy(out, &closed, sizeof(closed));
	*out_len = sizeof(closed);
	return 0;
}

/* To itself without data it does nothing: it takes a nonce's place. With a head it says
 * which record is the market's, and nothing else can be said. */
static bool
may_send(const struct signer *s, const struct address *to, const uint8_t *data, size_t len)
{
	struct head head;

	if (address_equal(to, &s->key.address))
		return len == 0 || head_read(data, len, &head);
	return address_equal(to, &s->domain.contract) || address_equal(to, &s->token);
}

static int
verb_tx(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct signer *s = ctx;
	struct signer_tx ask;
	struct arena a;
	struct tx tx;
	struct hash hash;
	const uint8_t *raw;
	size_t raw_len;
	int result = 0;

	memcpy(&ask, in, sizeof(ask));
	if (!may_send(s, &ask.to, (const uint8_t *)in + sizeof(ask), len - sizeof(ask)))
		return err_set(e, &SIGNER_REFUSED,
			       "a transaction to anything but the escrow or its token");
	arena_init(&a, 0);
	tx = (struct tx){
		.chain_id = s->domain.chain_id,
		.nonce = ask.nonce,
		.tip = ask.tip,
		.max_fee = ask.max_fee,
		.gas = ask.gas,
		.to = ask.to,
		.data = (const uint8_t *)in + sizeof(ask),
		.data_len = len - sizeof(ask),
	};
	raw = tx_sign(&a, &tx, &s->key, &raw_len, &hash);
	if (raw_len > CHAN_BYTES_MAX)
		result = err_set(e, &ERR_TOO_BIG, "transaction of %zu bytes", raw_len);
	else
		memcpy(out, raw, raw_len);
	*out_len = raw_len;
	arena_release(&a);
	return result;
}

static int
verb_token(void *ctx, const void *in, size_t len, void *out, size_t *out_len, struct err *e)
{
	struct signer *s = ctx;
	struct signer_token ask;
	const char *scopes[1];
	struct jwt_claims claims;
	struct arena a;
	const char *text;

	(void)len;
	(void)e;
	memcpy(&ask, in, sizeof(ask));
	ask.scope[sizeof(ask.scope) - 1] = '\0';
	scopes[0] = ask.scope;
	arena_init(&a, 0);
	claims = (struct jwt_claims){
		.iss = s->key.address,
		.aud = ask.audience,
		.nbf = (int64_t)(ask.now / SECOND_US) - 30,
		.exp = (int64_t)(ask.now / SECOND_US) + MIN(ask.lives_s, 900u),
		.scope = { scopes, 1 },
		.lease = ask.lease,
	};
	text = jwt_make(&a, &s->key, &claims);
	*out_len = strlen(text) + 1;
	memcpy(out, text, *out_len);
	arena_release(&a);
	return 0;
}

#define FLAT(name, number, type, fn)                                                               \
	{                                                                                          \
		name, number, sizeof(type), sizeof(type), fn                                       \
	}

const struct verb signer_market_verbs[] = {
	{ "address", SIGN_ADDRESS, 0, 0, verb_address },
	FLAT("award", SIGN_AWARD, struct award_terms, verb_award),
	FLAT("round_key", SIGN_ROUND_KEY, struct signer_round, verb_round_key),
	FLAT("round_close", SIGN_ROUND_CLOSE, struct signer_round, verb_round_close),
	FLAT("spot_price", SIGN_SPOT_PRICE, struct spot_price_terms, verb_spot_price),
	{ "tx", SIGN_TX, sizeof(struct signer_tx), CHAN_BYTES_MAX, verb_tx },
	{ "receipt", SIGN_RECEIPT, sizeof(struct receipt_terms),
	  SIGN_RECEIPTS_MAX * sizeof(struct receipt_terms), verb_receipt },
	FLAT("record", SIGN_RECORD, struct record_terms, verb_record),
	VERB_END
};

const struct verb signer_provider_verbs[] = {
	{ "address", SIGN_ADDRESS, 0, 0, verb_address },
	FLAT("bid", SIGN_BID, struct bid_terms, verb_bid),
	FLAT("lease", SIGN_LEASE, struct lease_terms, verb_lease),
	FLAT("usage", SIGN_USAGE, struct usage_terms, verb_usage),
	FLAT("release", SIGN_RELEASE, struct release_terms, verb_release),
	FLAT("provider", SIGN_PROVIDER, struct signer_provider, verb_provider),
	FLAT("token", SIGN_TOKEN, struct signer_token, verb_token),
	{ "offer", SIGN_OFFER, sizeof(struct offer_head), CHAN_BYTES_MAX, verb_offer },
	FLAT("pool", SIGN_POOL, struct pool_terms, verb_pool),
	FLAT("spot_run", SIGN_SPOT_RUN, struct spot_run_terms, verb_spot_run),
	VERB_END
};

enum next
signer_start(struct task *t, struct chan *c, struct chan_call *call, enum signer_verb verb,
	     const void *in, size_t len)
{
	*call = (struct chan_call){ .verb = verb, .in = in, .in_len = len };
	return chan_start(t, c, call);
}

int
signer_answer(const struct chan_call *call, void *out, size_t len, struct err *e)
{
	if (call->err.code != NULL) {
		*e = call->err;
		return err_wrap(e, "signer");
	}
	if (call->out_len != len)
		return err_set(e, &CHAN_CLOSED, "signer: answer of %zu bytes", call->out_len);
	memcpy(out, call->out, len);
	return 0;
}
