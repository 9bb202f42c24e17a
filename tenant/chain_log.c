/* SPDX-License-Identifier: Apache-2.0 */
/* The contract's events, from block to block, as a node gives them. */
#include "lib/clock.h"
#include "tenant/tenant.h"

#define STRETCH 5000u /* blocks at once; halved when a node says too many */

/* Of another contract than asked for: the node lies, or does not filter. */
static int
ours(struct context *c, const struct evm_log *log, struct err *e)
{
	char text[ADDRESS_TEXT_SIZE];

	if (address_equal(&log->address, &c->escrow))
		return 0;
	return err_set(e, &EVM_BAD_REPLY, "block %llu, log %llu is of %s, not of the contract",
		       (unsigned long long)log->block, (unsigned long long)log->index,
		       address_text(&log->address, text));
}

int
chain_logs(struct context *c, uint64_t from, uint64_t to, chain_log_fn *fn, void *ctx,
	   struct err *e)
{
	uint64_t stretch = STRETCH;

	for (uint64_t at = from; at <= to;) {
		uint64_t end = MIN(to, at + stretch - 1);
		struct evm_log *logs;
		struct json *result;
		struct arena a;
		size_t count = 0;
		int rc;

		arena_init(&a, 0);
		rc = evm_now(&a, &c->evm, rpc_logs(&a, &c->escrow, at, end), &result, e);
		if (rc < 0 && evm_logs_too_many(e) && stretch > 1) {
			arena_release(&a);
			*e = (struct err)ERR_NONE;
			stretch = stretch / 2;
			continue;
		}
		if (rc == 0)
			rc = rpc_logs_read(&a, result, &logs, &count, e);
		for (size_t i = 0; i < count && rc == 0; i++)
			rc = ours(c, &logs[i], e) < 0 ? -1 : fn(ctx, &logs[i], e);
		arena_release(&a);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
		at = end + 1;
		stretch = MIN(stretch * 2, STRETCH);
	}
	return 0;
}

int
chain_block(struct context *c, const char *tag, uint64_t number, struct evm_block *out,
	    struct err *e)
{
	struct json *result;

	if (evm_now(&c->arena, &c->evm, rpc_block(&c->arena, tag, number), &result, e) < 0)
		return -1;
	return rpc_block_read(result, out, e);
}

int
chain_word(struct context *c, const struct address *to, struct calldata data, uint64_t block,
	   u128 *out, struct err *e)
{
	const uint8_t *bytes;
	struct json *result;
	size_t len;

	if (evm_now(&c->arena, &c->evm, rpc_call_at(&c->arena, to, data, block), &result, e) < 0 ||
	    rpc_bytes_read(&c->arena, result, &bytes, &len, e) < 0)
		return -1;
	return abi_word_uint(bytes, len, 0, out) ? 0 : err_set(e, &EVM_BAD_REPLY, "a number");
}

int
chain_lease(struct context *c, const struct hash *lease, uint64_t block, struct escrow_lease *out,
	    struct err *e)
{
	const uint8_t *bytes;
	struct json *result;
	size_t len;

	if (evm_now(&c->arena, &c->evm,
		    rpc_call_at(&c->arena, &c->escrow, escrow_lease_state(&c->arena, lease), block),
		    &result, e) < 0 ||
	    rpc_bytes_read(&c->arena, result, &bytes, &len, e) < 0)
		return -1;
	return escrow_lease_read(bytes, len, out) ? 0 : err_set(e, &EVM_BAD_REPLY, "a lease");
}

int
market_block(struct context *c, const struct market_client *m, const struct address *who,
	     struct json **doc, uint64_t *block, struct err *e)
{
	char text[ADDRESS_TEXT_SIZE];

	if (market_get(&c->arena, m,
		       arena_printf(&c->arena, "/v1/accounts/%s", address_text(who, text)), doc,
		       e) < 0)
		return -1;
	*block = (uint64_t)number_of(*doc, "block");
	return 0;
}
