-- SPDX-License-Identifier: Apache-2.0

-- name: chain_tip
-- args: int unused
-- rows: 0..2 the highest checkpoints, the last one first
select number, hash, (select number from gavel.chain_final) as final
from gavel.chain_block where $1::bigint = 0 order by number desc limit 2;

-- name: chain_block_put
-- args: int number, hash hash, hash parent, int at
insert into gavel.chain_block (number, hash, parent, at) values ($1::bigint, $2::bytea, $3::bytea, $4::bigint);

-- name: chain_forget
-- args: int keep
-- rows: none; of the blocks further back, which are final, only the last is kept
delete from gavel.chain_block
where number < (select max(number) from gavel.chain_block where number <= $1::bigint);

-- name: chain_final_put
-- args: int number, hash hash
-- rows: none; only forward, and not before we have read it
insert into gavel.chain_final (number, hash)
select $1::bigint, $2::bytea where $1::bigint <= (select max(number) from gavel.chain_block)
on conflict (one) do update set number = excluded.number, hash = excluded.hash
where gavel.chain_final.number < excluded.number;

-- name: chain_events_put
-- args: text events
-- rows: none; events: [[block, block hash, tx hash, log index, part, kind, lease, account,
-- time, paid, refund, order or null, [["account", "signed amount"], ...]], ...]: hashes in
-- hexadecimal, entries that sum to zero, the order of an opening. If it opened a lease
-- that is not known here (the database was restored, or another holder of the
-- signatures was faster), the order is done. One statement for all: planning is dearer
-- than a row
with given as (
	select (e->>0)::bigint as block, decode(e->>1, 'hex') as block_hash, decode(e->>2, 'hex') as tx_hash, (e->>3)::int as log_index,
	       (e->>4)::int as part, e->>5 as kind, decode(e->>6, 'hex') as lease, decode(e->>7, 'hex') as account, (e->>8)::bigint as at,
	       (e->>9)::numeric as paid, (e->>10)::numeric as refund, decode(e->>11, 'hex') as order_hash, e->12 as entries
	from jsonb_array_elements($1::jsonb) e
), put as (
	insert into gavel.chain_event as chain_event (block, block_hash, tx_hash, log_index, part, kind, lease, account, at, paid, refund, order_hash)
	select block, block_hash, tx_hash, log_index, part, kind, lease, account, at, paid, refund, order_hash
	from given order by block, log_index, part
	on conflict (block_hash, log_index, part) do update set canonical = true -- the block has come back
	where not chain_event.canonical returning seq, block_hash, log_index, part, kind, lease, order_hash, at
), entered as (
	insert into gavel.ledger_entry (event, account, amount)
	select p.seq, e.value->>0, (e.value->>1)::numeric
	from put p join given g on g.block_hash = p.block_hash and g.log_index = p.log_index and g.part = p.part,
	     jsonb_array_elements(g.entries) e order by p.seq
), strange as (
	select put.* from put where put.kind = 'Opened' and not exists (select 1 from gavel.lease k where k.hash = put.lease)
), beaten as (
	update gavel.lease l set state = 'failed', ended_at = to_timestamp(s.at), reason = 'another lease of the order is open'
	from strange s where l.order_hash = s.order_hash and l.state in ('awarded', 'opening')
), done as (
	update gavel.orders o set state = 'expired', next_at = null, reason = 'the chain has a lease of it that is not known here'
	from strange s where o.hash = s.order_hash and o.state in ('open', 'bidding', 'awarded')
)
update gavel.orders o set next_at = to_timestamp(0) from gavel.lease l, put
where l.hash = put.lease and o.hash = l.order_hash;

-- name: chain_key_put
-- args: hash block_hash, int log_index, amount lim, int until
-- rows: none; after chain_events_put of the same log
insert into gavel.lent_key (event, lim, until)
select seq, $3::numeric, $4::bigint from gavel.chain_event
where block_hash = $1::bytea and log_index = $2::int and kind = 'Keyed'
on conflict do nothing;

-- name: chain_recount
-- args: hash lease, int above
-- rows: none; what a lease holds, paid and gave back, from the canonical events
-- alone; lease null: of all leases that had events above a block
update gavel.lease l set paid = coalesce(x.paid, 0), refund = coalesce(x.refund, 0),
	deposit = coalesce(x.deposit, l.deposit)
from (
	select w.hash, max(c.paid) as paid, max(c.refund) filter (where c.kind in ('Closed', 'Voided')) as refund,
	       sum(e.amount) filter (where c.kind in ('Opened', 'ToppedUp')) as deposit
	from gavel.lease w left join gavel.chain_event c on c.lease = w.hash and c.canonical
	left join gavel.ledger_entry e on e.event = c.seq and e.account = 'escrow:0x' || encode(w.hash, 'hex')
	where w.hash = $1::bytea or ($1::bytea is null and w.hash in
	      (select lease from gavel.chain_event where block > $2::bigint))
	group by w.hash
) x where l.hash = x.hash;

-- name: chain_rewind
-- args: int above
-- rows: the events undone; entries are reversed, not removed. Transactions of
-- these blocks are under way again: the stored bytes are sent until they are in
with undone as (
	update gavel.chain_event set canonical = false where block > $1::bigint and canonical returning seq, lease, kind, block_hash, log_index
), reversed as (
	insert into gavel.ledger_entry (event, account, amount, reverses)
	select e.event, e.account, -e.amount, true from gavel.ledger_entry e join undone on undone.seq = e.event
), gone as (
	delete from gavel.chain_block where number > $1::bigint
), unmined as (
	update gavel.tx set state = 'sent', block = null where block > $1::bigint and state in ('mined', 'reverted') returning id
), unsettled as (
	update gavel.intent i set state = 'sent', error = '' from unmined
	where i.tx = unmined.id and i.state = 'done'
	  and not exists (select 1 from gavel.intent j where j.kind = i.kind and j.lease = i.lease and j.state in ('pending', 'sent'))
), woken as (
	update gavel.orders o set next_at = to_timestamp(0)
	from gavel.lease l, undone where l.hash = undone.lease and o.hash = l.order_hash
)
select lease, kind from undone;

-- name: chain_rewind_states
-- args: int unused
-- rows: none; from the canonical events alone: leases whose opening is no longer on
-- the chain wait for it again, and leases whose end is not have not ended
with lost as (
	update gavel.lease l set state = 'opening', opened_at = null
	where state in ('active', 'closing') and $1::bigint = 0
	  and not exists (select 1 from gavel.chain_event c where c.lease = l.hash and c.canonical and c.kind = 'Opened')
	returning order_hash, hash
), again as (
	update gavel.intent i set state = 'pending', tx = null from lost where i.lease = lost.hash and i.kind = 'open' and i.state = 'done'
	  and not exists (select 1 from gavel.intent j where j.kind = 'open' and j.lease = i.lease and j.state in ('pending', 'sent'))
), unended as (
	update gavel.lease l set state = case when l.released is null then 'active' else 'closing' end, ended_at = null
	where l.state = 'closed' and $1::bigint = 0
	  and exists (select 1 from gavel.chain_event c where c.lease = l.hash)
	  and not exists (select 1 from gavel.chain_event c where c.lease = l.hash and c.canonical and c.kind in ('Closed', 'Voided'))
	returning order_hash
), unclosed as (
	update gavel.orders o set state = 'leased', next_at = to_timestamp(0) from unended
	where o.hash = unended.order_hash and o.state = 'closed'
)
update gavel.orders o set state = 'awarded', next_at = to_timestamp(0) from lost where o.hash = lost.order_hash and o.state = 'leased';

-- name: intent_add
-- args: text kind, hash lease, amount amount, time now
-- rows: none; twice is once, and what has just failed waits a while
insert into gavel.intent (kind, lease, amount, created_at)
select $1::text, $2::bytea, $3::numeric, $4::timestamptz
where not exists (select 1 from gavel.intent i where i.lease = $2::bytea and i.kind = $1::text
                    and i.state = 'failed' and i.created_at > $4::timestamptz - interval '5 seconds')
on conflict do nothing;

-- name: intents_moot
-- args: int unused
-- rows: none; what is wished of a lease that has ended on the chain, by another hand or before this
-- database was restored, would only be skipped there
update gavel.intent i set state = 'failed', error = 'the lease has ended'
where i.state = 'pending' and i.kind <> 'open' and $1::bigint = 0
  and exists (select 1 from gavel.chain_event c where c.lease = i.lease and c.canonical and c.kind in ('Closed', 'Voided'));

-- name: intents_pending
-- args: int most
-- rows: the oldest kind's pending intents with what their calldata needs
select i.id, i.kind, i.lease, i.amount, l.terms as lease_terms, l.lease_sig, l.award_sig, l.record, l.released, l.release_sig,
       o.terms as order_terms, o.sig as order_sig, v.amount as voucher_amount, v.up_to, v.payer_sig, v.provider_sig
from gavel.intent i join gavel.lease l on l.hash = i.lease join gavel.orders o on o.hash = l.order_hash
left join gavel.voucher v on v.lease = i.lease
where i.state = 'pending'
  and i.kind = (select kind from gavel.intent where state = 'pending' order by id limit 1)
order by i.id limit $1::bigint;

-- name: tx_put
-- args: int nonce, hash hash, bytes raw, text kind, text intents, int head, time now
-- rows: 1; intents: [id, ...]; head: the record whose head it carries, or -1
with put as (
	insert into gavel.tx (nonce, hash, raw, kind, head, created_at)
	values ($1::bigint, $2::bytea, $3::bytea, $4::text, nullif($6::bigint, -1), $7::timestamptz) returning id
), evidence as (
	insert into gavel.settled (lease, amount, up_to, payer_sig, provider_sig, usage, usage_sig)
	select v.lease, v.amount, v.up_to, v.payer_sig, v.provider_sig, v.usage, v.usage_sig
	from gavel.intent i join gavel.voucher v on v.lease = i.lease
	where $4::text in ('settle', 'close') and i.id in (select value::bigint from jsonb_array_elements_text($5::jsonb))
	on conflict do nothing
), moved as (
	update gavel.intent i set state = 'sent', tx = put.id from put
	where i.id in (select value::bigint from jsonb_array_elements_text($5::jsonb))
)
select id as tx from put;

-- name: tx_replace
-- args: int nonce, hash hash, bytes raw, text kind, time now
-- rows: 1; the same nonce with other fees: its intents go with it, and its head if it
-- still has data
with put as (
	insert into gavel.tx (nonce, hash, raw, kind, created_at, head)
	select $1::bigint, $2::bytea, $3::bytea, $4::text, $5::timestamptz,
	       (select max(x.head) from gavel.tx x where x.nonce = $1::bigint and x.state in ('signed', 'sent')
	           and $4::text not in ('cancel', 'fill'))
	returning id
), moved as (
	update gavel.intent i set tx = put.id from put
	where i.state = 'sent' and i.tx in (select id from gavel.tx where nonce = $1::bigint and state in ('signed', 'sent'))
)
select id as tx from put;

-- name: tx_lost
-- args: int nonce
-- rows: none; something else has used the nonce: the wishes are to be granted anew
with lost as (
	update gavel.tx set state = 'lost' where nonce = $1::bigint and state in ('signed', 'sent') returning id
)
update gavel.intent i set state = 'pending', tx = null from lost where i.tx = lost.id and i.state = 'sent';

-- name: tx_moot
-- args: int nonce, time now
-- rows: 1; whether nothing that it would do can be done any more
select count(*) > 0 and bool_and(
	exists (select 1 from gavel.chain_event c where c.lease = i.lease and c.canonical and c.kind in ('Closed', 'Voided'))
	or (i.kind = 'open' and to_timestamp((l.terms->>'openBy')::bigint) < $2::timestamptz)) as moot
from gavel.intent i join gavel.lease l on l.hash = i.lease
where i.state = 'sent' and i.tx in (select id from gavel.tx where nonce = $1::bigint and state in ('signed', 'sent'));

-- name: tx_open
-- args: int unused
-- rows: the transactions whose end is not known, by nonce; of those with one nonce,
-- which replace each other, the last is the one that is sent
select id, nonce, hash, raw, kind, state, created_at from gavel.tx
where state in ('signed', 'sent') and $1::bigint = 0 order by nonce, id;

-- name: tx_state
-- args: int id, text state, int block, int gas_used
update gavel.tx set state = $2::text, block = nullif($3::bigint, 0), gas_used = nullif($4::bigint, 0) where id = $1::bigint;

-- name: tx_done
-- args: int id, text state, int block, int gas_used, text error
-- rows: none; its intents end with it
with ended as (
	update gavel.tx set state = $2::text, block = $3::bigint, gas_used = $4::bigint where id = $1::bigint returning id, nonce
), others as (
	update gavel.tx t set state = 'replaced' from ended
	where t.nonce = ended.nonce and t.id <> ended.id and t.state in ('signed', 'sent')
), moved as (
	update gavel.intent i set state = case when $2::text = 'mined' and $5::text = '' then 'done' else 'failed' end, error = $5::text
	from ended where i.tx in (select t.id from gavel.tx t where t.nonce = ended.nonce) and i.state = 'sent' returning i.lease
)
update gavel.orders o set next_at = to_timestamp(0) from gavel.lease l, moved
where l.hash = moved.lease and o.hash = l.order_hash;

-- name: intent_failed
-- args: int tx, hash lease, text error
-- rows: none; one lease of a batch was skipped by the contract
with failed as (
	update gavel.intent set state = 'failed', error = $3::text
	where tx in (select t.id from gavel.tx t where t.nonce = (select nonce from gavel.tx where id = $1::bigint))
	  and state = 'sent' and lease = $2::bytea returning lease
)
update gavel.orders o set next_at = to_timestamp(0) from gavel.lease l, failed
where l.hash = failed.lease and o.hash = l.order_hash;

-- name: intent_refused
-- args: text intents, text error
with failed as (
	update gavel.intent set state = 'failed', error = $2::text
	where id in (select value::bigint from jsonb_array_elements_text($1::jsonb)) returning lease
)
update gavel.orders o set next_at = to_timestamp(0) from gavel.lease l, failed
where l.hash = failed.lease and o.hash = l.order_hash;

-- name: settle_due
-- args: int most, time now, int within_s, amount worth
-- rows: none; vouchers worth settling become intents: what is unpaid is worth it, or has
-- waited so long, or is the last there is, for its tenant has stopped the lease or its
-- deposit is used up; so is one that was paid in a time to come: our clock is behind.
-- With one go those that have waited half as long: a transaction of many costs each of
-- them a quarter.
with waiting as (
	select v.lease, v.amount, v.updated_at,
	       extract(epoch from $2::timestamptz - greatest(coalesce(l.opened_at, l.created_at),
	               (select max(i.created_at) from gavel.intent i where i.lease = v.lease and i.kind = 'settle'))) as waited,
	       v.amount >= l.deposit or ($4::numeric > 0 and v.amount - l.paid >= $4::numeric)
	       or exists (select 1 from gavel.chain_event c where c.lease = v.lease and c.canonical and c.kind = 'Stopped') as at_once
	from gavel.voucher v join gavel.lease l on l.hash = v.lease
	where l.state = 'active' and v.amount > l.paid
	  and not exists (select 1 from gavel.intent i where i.lease = v.lease and i.state in ('pending', 'sent'))
)
insert into gavel.intent (kind, lease, amount, created_at)
select 'settle', lease, amount, $2::timestamptz from waiting
where at_once or waited >= $3::bigint or waited < -300
   or (2 * waited >= $3::bigint and exists (select 1 from waiting where at_once or waited >= $3::bigint))
order by updated_at limit $1::bigint
on conflict do nothing;

-- name: void_strays
-- args: time now
-- rows: none; a winner that was passed over opened its lease all the same: the
-- deposit goes back while the contract still takes a void
insert into gavel.intent (kind, lease, created_at)
select 'void', l.hash, $1::timestamptz from gavel.lease l
where l.state = 'failed' and l.ended_at > $1::timestamptz - interval '2 hours'
  and exists (select 1 from gavel.chain_event c where c.lease = l.hash and c.canonical and c.kind = 'Opened')
  and not exists (select 1 from gavel.chain_event c where c.lease = l.hash and c.canonical and c.kind in ('Voided', 'Closed'))
  and not exists (select 1 from gavel.intent i where i.lease = l.hash and i.kind = 'void'
                    and i.created_at > $1::timestamptz - interval '5 seconds')
on conflict do nothing;
