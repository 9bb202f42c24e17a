/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nonces.c - which nonce the next order gets. Nonces in their order are the
 * cheapest to open with: the contract keeps the last 128 beside the balance. So
 * they begin where the chain is, go on from what was given out here, and those of
 * orders that may still open stay within reach. A file with a lock holds them:
 * several deployments at once get different ones.
 */
#include <unistd.h>

#include "lib/clock.h"
#include "tenant/tenant.h"

/* The contract remembers 127 below the highest; some room for other machines that
 * sign with the same key. */
#define REACH	   100
#define FLYING_MAX 256
#define SMALL	   ((uint64_t)UINT32_MAX)

struct flying {
	uint64_t nonce;
	uint32_t open_by;
};
static const struct json_field flying_fields[] = { JSON_U64(struct flying, nonce, 0),
						   JSON_U32(struct flying, open_by, 0, 0),
						   JSON_END };

struct given {
	uint64_t next; /* never below: a market takes no nonce twice */
	struct json_list flying;
};
static const struct json_field given_fields[] = {
	JSON_U64(struct given, next, 0),
	JSON_LIST(struct given, flying, flying_fields, struct flying, FLYING_MAX, 0), JSON_END
};

static const char *
file_name(struct context *c)
{
	char text[HASH_TEXT_SIZE];
	struct hash h;
	uint8_t both[52];

	memcpy(both, c->domain.separator.b, 32);
	memcpy(both + 32, c->key.address.b, 20);
	sha256(both, sizeof(both), &h);
	return arena_printf(&c->arena, "../nonces/%.18s", hash_text(&h, text));
}

static int
chain_next(struct context *c, uint64_t *next, struct err *e)
{
	const uint8_t *bytes;
	size_t len;
	u128 v;

	if (evm_call_now(&c->arena, &c->evm, &c->escrow,
			 escrow_next_nonce(&c->arena, &c->key.address), &bytes, &len, e) < 0)
		return err_wrap(e, "next nonce");
	if (!abi_word_uint(bytes, len, 0, &v) || v > SMALL + 1)
		return err_set(e, &EVM_BAD_REPLY, "next nonce");
	*next = (uint64_t)v;
	return 0;
}

/* Those whose time is over cannot open any more. Returns the lowest that can. */
static uint64_t
land(struct given *g, uint32_t now)
{
	struct flying *f = g->flying.items;
	uint64_t lowest = UINT64_MAX;
	size_t kept = 0;

	for (size_t i = 0; i < g->flying.count; i++) {
		if (f[i].open_by < now)
			continue;
		lowest = MIN(lowest, f[i].nonce);
		f[kept++] = f[i];
	}
	g->flying.count = kept;
	return lowest;
}

static uint64_t
choose(uint64_t next, uint64_t lowest)
{
	uint64_t nonce;

	if (next < SMALL && (lowest >= next || next - lowest < REACH))
		return next;
	/* Any number above: one slot of the contract's more, and in any order. */
	random_bytes(&nonce, sizeof(nonce));
	return nonce | (SMALL + 1) << 31;
}

static int
take(struct context *c, const char *name, uint32_t open_by, uint64_t at_least, uint64_t *nonce,
     struct err *e)
{
	struct given g = { .next = 0 };
	struct json *doc;
	uint64_t chain, lowest;
	struct flying *f;
	int found = state_read(c, name, &doc, e);

	if (found < 0 || (found > 0 && json_read(&c->arena, doc, given_fields, &g, e) < 0) ||
	    chain_next(c, &chain, e) < 0)
		return -1;
	lowest = land(&g, (uint32_t)(clock_wall() / SECOND_US));
	g.next = MAX(MAX(g.next, chain), at_least);
	*nonce = g.flying.count < FLYING_MAX ? choose(g.next, lowest) : choose(UINT64_MAX, 0);
	if (*nonce != g.next)
		return 0;
	g.next++;
	f = arena_alloc(&c->arena, (g.flying.count + 1) * sizeof(*f));
	if (g.flying.count != 0)
		memcpy(f, g.flying.items, g.flying.count * sizeof(*f));
	f[g.flying.count++] = (struct flying){ *nonce, open_by };
	g.flying.items = f;
	return state_write(c, name, json_encode(&c->arena, given_fields, &g), e);
}

int
nonce_take(struct context *c, uint32_t open_by, uint64_t at_least, uint64_t *nonce, struct err *e)
{
	const char *name = file_name(c);
	int result, lock = state_lock(c, name, e);

	if (lock < 0)
		return -1;
	result = take(c, name, open_by, at_least, nonce, e);
	close(lock);
	return result;
}
