/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/standing.h"

#define PAST_STRETCH 5000u /* blocks at once; halved when a node says too many */

static int
view(struct arena *a, struct evm *evm, const struct address *escrow, struct calldata data,
     uint64_t block, const uint8_t **out, size_t *len, struct err *e)
{
	struct json *result;

	if (evm_now(a, evm, rpc_call_at(a, escrow, data, block), &result, e) < 0)
		return -1;
	return rpc_bytes_read(a, result, out, len, e);
}

/* All of one block, so that the parts fit together. */
int
standing_now(struct arena *a, struct evm *evm, const struct address *escrow,
	     const struct lease_terms *terms, struct standing *out, struct err *e)
{
	struct hash lease = lease_hash(terms);
	u128 start, up_to, payable_at;
	struct evm_block head;
	const uint8_t *data;
	struct json *result;
	size_t len;

	*out = (struct standing){ .now = 0 };
	if (evm_now(a, evm, rpc_block(a, "latest", 0), &result, e) < 0 ||
	    rpc_block_read(result, &head, e) < 0 ||
	    view(a, evm, escrow, escrow_lease_state(a, &lease), head.number, &data, &len, e) < 0)
		return err_wrap(e, "lease");
	if (!escrow_lease_read(data, len, &out->lease))
		return err_set(e, &EVM_BAD_REPLY, "there is no escrow contract at this address");
	if (view(a, evm, escrow, escrow_start_of(a, &lease), head.number, &data, &len, e) < 0)
		return err_wrap(e, "lease");
	if (!abi_word_uint(data, len, 0, &start) || start > UINT32_MAX)
		return err_set(e, &EVM_BAD_REPLY, "a lease's start");
	if (view(a, evm, escrow, escrow_claim_of(a, &lease), head.number, &data, &len, e) < 0)
		return err_wrap(e, "lease");
	if (!abi_word_uint(data, len, 0, &out->claimed.units) ||
	    !abi_word_uint(data, len, 1, &up_to) || !abi_word_uint(data, len, 2, &payable_at) ||
	    up_to > UINT32_MAX || payable_at > UINT32_MAX)
		return err_set(e, &EVM_BAD_REPLY, "a lease's claim");
	out->start = (uint32_t)start;
	out->claimed_up_to = (uint32_t)up_to;
	out->payable_at = (uint32_t)payable_at;
	out->now = (uint32_t)head.time;
	out->block = head.number;
	out->ended = out->lease.deposit.units == 0 &&
		     (out->lease.up_to != 0 || out->now > terms->openBy);
	return 0;
}

static int
read_logs(struct arena *a, const struct address *escrow, const struct hash *lease,
	  const struct evm_log *logs, size_t log_count, struct standing *s, struct err *e)
{
	for (size_t i = 0; i < log_count; i++) {
		const struct evm_log *log = &logs[i];
		struct escrow_event *ev;
		size_t count = escrow_events_read(a, log->topics, log->topic_count, log->data,
						  log->len, &ev);

		if (!address_equal(&log->address, escrow))
			continue;
		for (size_t j = 0; j < count; j++) {
			const char *reason = escrow_reason(ev[j].reason);

			if (!hash_equal(&ev[j].lease, lease))
				continue;
			if (ev[j].kind == ESCROW_SKIPPED && e != NULL)
				return err_set(e, &EVM_REFUSED, "%s",
					       reason != NULL ? reason : "unknown");
			if (ev[j].kind != ESCROW_CLOSED)
				continue;
			s->ended = true;
			s->lease.paid = ev[j].paid;
		}
	}
	return 0;
}

int
standing_receipt(struct arena *a, const struct address *escrow, const struct hash *lease,
		 const struct evm_receipt *receipt, struct standing *s, struct err *e)
{
	return read_logs(a, escrow, lease, receipt->logs, receipt->log_count, s, e);
}

int
standing_past(struct arena *a, struct evm *evm, const struct address *escrow,
	      const struct hash *lease, struct standing *s, struct err *e)
{
	uint64_t to = s->block, last = to > STANDING_PAST ? to - STANDING_PAST : 0,
		 stretch = PAST_STRETCH;

	if (s->lease.deposit.units != 0 || s->lease.up_to != 0)
		return 0;
	for (;;) {
		uint64_t from = to - last >= stretch ? to - stretch + 1 : last;
		struct evm_log *logs;
		struct json *result;
		size_t count;

		if (evm_now(a, evm, rpc_logs(a, escrow, from, to), &result, e) < 0) {
			if (!evm_logs_too_many(e) || from == to)
				return -1;
			*e = (struct err)ERR_NONE;
			stretch = (to - from + 1) / 2;
			continue;
		}
		if (rpc_logs_read(a, result, &logs, &count, e) < 0)
			return -1;
		(void)read_logs(a, escrow, lease, logs, count, s, NULL);
		if (s->lease.paid.units != 0 || from == last)
			return 0;
		to = from - 1;
	}
}

bool
standing_unknown(const struct standing *s)
{
	return s->lease.deposit.units == 0 && !s->ended;
}

bool
standing_claim_pending(const struct standing *s)
{
	return s->claimed_up_to > s->lease.up_to;
}

const char *
way_name(enum way way)
{
	static const char *const names[] = { "none",   "wait",	"stop",	  "close",
					     "settle", "claim", "finish", "expire" };

	return names[way];
}

static struct way_step
go(enum way way, uint32_t at)
{
	return (struct way_step){ way, at };
}

/* From when on anyone may expire a stopped lease: its own window, and that of a
 * claim that is left. The first second that does not count is the one after. */
static uint32_t
expires_at(const struct standing *s, const struct lease_terms *terms)
{
	uint32_t at = s->lease.stop_at + 1 + terms->window;

	return standing_claim_pending(s) ? MAX(at, s->payable_at) : at;
}

static bool
is_over(const struct standing *s)
{
	return standing_unknown(s) || s->ended;
}

struct way_step
standing_tenant(const struct standing *s, const struct lease_terms *terms)
{
	uint32_t at = expires_at(s, terms);

	if (is_over(s))
		return go(WAY_NONE, 0);
	if (s->lease.stop_at == 0)
		return go(WAY_STOP, 0);
	return s->now < at ? go(WAY_WAIT, at) : go(WAY_EXPIRE, 0);
}

static uint32_t
ends(const struct standing *s)
{
	return s->lease.stop_at != 0 ? s->lease.stop_at : s->now;
}

/* Whether the contract takes the voucher, and it moves something. */
static bool
pays(const struct standing *s, const struct lease_terms *terms, const struct voucher_terms *v)
{
	uint32_t up_to = MIN(v->upTo, ends(s));
	struct amount most;

	if (v->amount.units == 0 || v->upTo > s->now || up_to < s->lease.up_to)
		return false;
	most = amount_min(rate_due(terms->rate, up_to - s->start), s->lease.deposit);
	return amount_cmp(amount_min(v->amount, most), s->lease.paid) > 0;
}

/* Signed money first, then what time makes due. A claim is made once a window at
 * the most: a wider one would only begin its wait anew. */
struct way_step
standing_provider(const struct standing *s, const struct lease_terms *terms,
		  const struct voucher_terms *voucher, bool final)
{
	bool stopped = s->lease.stop_at != 0, full;
	uint32_t end = ends(s), at;

	if (is_over(s))
		return go(WAY_NONE, 0);
	if (final && voucher->upTo <= s->now && amount_cmp(voucher->amount, s->lease.paid) >= 0 &&
	    MIN(voucher->upTo, end) >= s->lease.up_to)
		return go(WAY_CLOSE, 0);
	if (pays(s, terms, voucher))
		return go(WAY_SETTLE, 0);
	if (standing_claim_pending(s) && s->now >= s->payable_at)
		return go(WAY_FINISH, 0);
	if (standing_claim_pending(s) && (!stopped || s->claimed_up_to >= end))
		return go(WAY_WAIT, stopped ? expires_at(s, terms) : s->payable_at);
	full = amount_cmp(s->lease.paid, s->lease.deposit) >= 0;
	if (!full && end > s->lease.up_to && end > s->claimed_up_to &&
	    rate_due(terms->base, end - s->lease.up_to).units != 0) {
		at = s->start + terms->launch + 1;
		return !stopped && s->now < at ? go(WAY_WAIT, at) : go(WAY_CLAIM, 0);
	}
	if (!stopped)
		return go(WAY_NONE, 0);
	at = expires_at(s, terms);
	return s->now < at ? go(WAY_WAIT, at) : go(WAY_EXPIRE, 0);
}

struct amount
standing_at_most(const struct standing *s, const struct lease_terms *terms, uint32_t at)
{
	struct amount due = { 0 };

	if (is_over(s))
		return s->lease.paid;
	if (at > s->start)
		due = rate_due(terms->rate, at - s->start);
	due = amount_min(due, s->lease.deposit);
	return amount_cmp(due, s->lease.paid) > 0 ? due : s->lease.paid;
}
