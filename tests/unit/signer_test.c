/* SPDX-License-Identifier: Apache-2.0 */
/* signer.h: where the key holder lets a transaction go, and with which data. */
#include "lease/signer.h"

#include "lease/head.h"
#include "tests/unit/tap.h"

static struct signer s;
static struct arena arena;
static uint8_t head[HEAD_BYTES], spoiled[HEAD_BYTES], longer[HEAD_BYTES + 1];
static const uint8_t four[4] = { 1, 2, 3, 4 };

static const struct verb *
verb_of(const struct verb *verbs, unsigned number)
{
	for (const struct verb *v = verbs; v->name != NULL; v++)
		if (v->number == number)
			return v;
	return NULL;
}

/* The transaction as it would be sent, or false. */
static bool
signs(const struct address *to, const uint8_t *data, size_t len, struct tx *tx)
{
	const struct verb *v = verb_of(signer_market_verbs, SIGN_TX);
	struct signer_tx ask = { .nonce = 5, .gas = 30000, .tip = 1, .max_fee = 2, .to = *to };
	uint8_t *in = arena_alloc(&arena, sizeof(ask) + len),
		*out = arena_alloc(&arena, CHAN_BYTES_MAX);
	struct err e = ERR_NONE;
	size_t out_len = 0;

	memcpy(in, &ask, sizeof(ask));
	if (len > 0)
		memcpy(in + sizeof(ask), data, len);
	return v->run(&s, in, sizeof(ask) + len, out, &out_len, &e) == 0 &&
	       tx_read(out, out_len, tx);
}

int
main(void)
{
	struct address escrow = { { 0xe5 } }, token = { { 0x70 } }, stranger = { { 0x99 } }, self;
	struct head h = { .number = 3, .record = { { 4 } } };
	struct err e = ERR_NONE;
	uint8_t secret[32] = { [31] = 1 };
	struct tx tx;

	arena_init(&arena, 0);
	if (key_from_secret(secret, &s.key, &e) < 0)
		fatal("%s", e.text);
	domain_init(&s.domain, 31337, &escrow);
	s.token = token;
	self = s.key.address;
	head_write(&h, head);
	memcpy(longer, head, sizeof(head));
	memcpy(spoiled, head, sizeof(head));
	spoiled[11] ^= 1;

	ok(signs(&escrow, four, 4, &tx) && address_equal(&tx.to, &escrow) && tx.value == 0,
	   "to the escrow, without value");
	ok(signs(&token, four, 4, &tx), "to its token");
	ok(signs(&self, NULL, 0, &tx) && tx.data_len == 0 && tx.value == 0, "to itself, empty");
	ok(signs(&self, head, sizeof(head), &tx) && tx.data_len == HEAD_BYTES &&
		   memcmp(tx.data, head, HEAD_BYTES) == 0 && tx.value == 0 && tx.nonce == 5,
	   "to itself, with a head");
	ok(!signs(&self, longer, sizeof(longer), &tx), "not with a byte more");
	ok(!signs(&self, head, sizeof(head) - 1, &tx), "nor with a byte less");
	ok(!signs(&self, spoiled, sizeof(spoiled), &tx), "nor with another tag");
	ok(!signs(&self, four, 4, &tx), "nor with anything else");
	ok(!signs(&stranger, head, sizeof(head), &tx), "to nobody else, a head or not");
	ok(!signs(&stranger, NULL, 0, &tx), "and not empty either");
	ok(verb_of(signer_provider_verbs, SIGN_TX) == NULL, "a provider's signs no transactions");
	arena_release(&arena);
	return tap_done();
}
