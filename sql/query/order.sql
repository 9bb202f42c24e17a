-- SPDX-License-Identifier: Apache-2.0

-- name: order_turn
-- args: address tenant
-- plan: once
-- rows: 1; orders of one tenant are placed one after the other: the next statement of
-- the batch sees what the one before has left of balance and quota
select pg_advisory_xact_lock(7237, hashtext(encode($1::bytea, 'hex'))) is null as waited;

-- name: order_place
-- args: hash hash, id id, address tenant, text nonce, text idem_key, text terms, sig sig, text grp
-- args: int care_hours, int window_us, amount deposit, time ends_at, time now, text auction
-- args: hash spread_set, int spread_row, int spread_rows, int most
-- plan: once
-- rows: 0..1  (no row: the tenant's free balance is short, it has `most` open orders, or the
-- order exists)
with head as (
	select next from gavel.tick_head for share
), placed as (
	insert into gavel.orders (hash, id, tenant, nonce, idem_key, terms, sig, grp, care_hours, window_us,
	                          deposit, ends_at, next_at, created_at, auction, first_tick,
	                          spread_set, spread_row, spread_rows)
	select $1::bytea, $2::bytea, $3::bytea, $4::numeric, $5::text, $6::jsonb, $7::bytea, $8::jsonb, $9::int, $10::bigint,
	       $11::numeric, $12::timestamptz, $13::timestamptz, $13::timestamptz, $14::text,
	       case when $14::text = 'fast' then head.next end, $15::bytea, $16::int, $17::int
	from head where gavel.free_balance($3::bytea) >= $11::numeric
	  and (select count(*) from gavel.orders q where q.tenant = $3::bytea
	         and q.state in ('open', 'bidding', 'ranked', 'awarded')) < $18::bigint
	on conflict do nothing
	returning hash, first_tick
)
insert into gavel.receipt (item, subject, round, idx, at)
select hash, decode(repeat('00', 32), 'hex'), coalesce(first_tick, 0), nextval('gavel.receipt_index'), $13::timestamptz
from placed returning 1 as placed;

-- name: order_same
-- args: address tenant, text nonce, text idem_key, id id, hash spread_set, int spread_row
-- plan: once
-- rows: the orders that stand in the way of one like this
select hash, id, idem_key, (nonce = $2::numeric) as same_nonce, gavel.free_balance($1::bytea) as free
from gavel.orders where (tenant = $1::bytea and (nonce = $2::numeric or idem_key = $3::text)) or id = $4::bytea
  or (tenant = $1::bytea and spread_set = $5::bytea and spread_row = $6::int);

-- name: account_free
-- args: address who
-- plan: once
select gavel.free_balance($1::bytea) as free,
       (select count(*) from gavel.orders where tenant = $1::bytea
          and state in ('open', 'bidding', 'ranked', 'awarded')) as open,
       coalesce((select total from gavel.account where name = 'balance:0x' || encode($1::bytea, 'hex')), 0) as balance,
       coalesce((select max(number) from gavel.chain_block), 0) as block;

-- name: account_entries
-- args: address who, int block, int log, int part, int most, time since, time until
-- rows: 0..; what moved its balance, after the event named by block, log and part,
-- with the balance after each; undone events are left out, and one event is one row
select x.* from (
	select c.block, c.log_index, c.part, c.tx_hash, c.kind, c.lease, c.at, e.amount,
	       sum(e.amount) over (order by c.block, c.log_index, c.part) as balance
	from (select event, sum(amount) as amount from gavel.ledger_entry
	      where account = 'balance:0x' || encode($1::bytea, 'hex') group by event) e
	join gavel.chain_event c on c.seq = e.event
	where c.canonical
) x where (x.block, x.log_index, x.part) > ($2::bigint, $3::bigint, $4::bigint)
  and ($6::timestamptz is null or x.at >= extract(epoch from $6::timestamptz))
  and ($7::timestamptz is null or x.at < extract(epoch from $7::timestamptz))
order by x.block, x.log_index, x.part limit $5::bigint;

-- name: order_get
-- args: id id
-- plan: once
select o.*, l.id as lease_id, l.hash as lease_hash, l.state as lease_state, l.provider as lease_provider,
       l.rate as lease_rate, l.endpoints as lease_endpoints, l.launched_at as lease_launched_at,
       l.reason as lease_reason,
       coalesce((select jsonb_agg(jsonb_build_object('provider', '0x' || encode(f.provider, 'hex'),
                    'reason', coalesce(f.launch_error, f.refused, f.reason)) order by f.created_at)
                 from gavel.lease f where f.order_hash = o.hash and f.state = 'failed'), '[]') as failed,
       (select jsonb_agg(s.tick order by s.tick) from gavel.tick_order s where s.order_hash = o.hash) as ticks,
       (select count(*) from gavel.bid b where b.order_hash = o.hash and b.round = o.round and b.envelope is not null) as bids,
       (select count(*) from gavel.bid b where b.order_hash = o.hash and b.round = o.round and b.decline is not null) as declines
from gavel.orders o
left join lateral (select * from gavel.lease where order_hash = o.hash order by created_at desc limit 1) l on true
where o.id = $1::bytea;

-- name: order_list
-- args: address tenant, text state, id after, int most
select o.*, l.id as lease_id, l.hash as lease_hash, l.state as lease_state, l.provider as lease_provider,
       l.rate as lease_rate, l.endpoints as lease_endpoints, l.launched_at as lease_launched_at,
       l.reason as lease_reason, '[]' as failed, null as ticks, 0 as bids, 0 as declines
from gavel.orders o
left join lateral (select * from gavel.lease where order_hash = o.hash order by created_at desc limit 1) l on true
where ($1::bytea is null or o.tenant = $1::bytea) and ($2::text is null or o.state = $2::text)
  and ($3::bytea is null or o.id < $3::bytea)
order by o.id desc limit $4::bigint;

-- name: order_cancel
-- args: id id, address tenant, time now
-- plan: once
-- rows: 0..1  (no row: not this tenant's, or too late)
update gavel.orders set cancel_at = $3::timestamptz, next_at = $3::timestamptz
where id = $1::bytea and tenant = $2::bytea and state in ('open', 'bidding', 'ranked', 'awarded')
returning 1 as asked;

-- name: order_wake
-- args: hash order, time now
-- plan: once
update gavel.orders set next_at = $2::timestamptz where hash = $1::bytea;

-- name: orders_due
-- args: time now, int most
-- plan: once
-- rows: everything life_next() asks about, for the orders whose time has come
select o.hash, o.id, o.tenant, o.state, o.auction, o.round, o.failures, o.ends_at, o.cancel_at, o.terms, o.grp, o.sig,
       o.care_hours, o.window_us,
       r.ends_at as round_ends, r.invited, r.pubkey, (r.outcome = 'no_bid') as deserted,
       (select count(*) from gavel.bid b where b.order_hash = o.hash and b.round = o.round) as answered,
       l.hash as lease_hash, l.id as lease_id, l.state as lease_state, l.provider, l.rate, l.accept_by,
       r.choose_by, (r.outcome = 'ranked' and exists (select gavel.choosable(o.hash, o.round))) as ranked,
       exists (select 1 from gavel.choice c where c.order_hash = o.hash and c.round = o.round
          and c.attempt = o.failures) as chosen,
       (select p.seen_at from gavel.provider p where p.address = l.provider) as seen_at,
       coalesce(l.paid, 0) > 0 as was_paid,
       l.terms as lease_terms, l.award_sig, l.lease_sig, l.record, l.refused,
       l.launched_at, l.launch_told, l.launch_error, l.released, l.release_sig,
       (select count(*) from gavel.intent i where i.lease = l.hash and i.kind = 'open' and i.state in ('pending', 'sent')) as open_pending,
       (select count(*) from gavel.intent i where i.lease = l.hash and i.kind = 'open' and i.state = 'failed') as open_failed,
       (select count(*) from gavel.intent i where i.lease = l.hash and i.kind = 'void' and i.state in ('pending', 'sent')) as void_pending,
       (select count(*) from gavel.intent i where i.lease = l.hash and i.kind = 'close' and i.state in ('pending', 'sent')) as close_pending,
       (select min(at) from gavel.chain_event c where c.lease = l.hash and c.canonical and c.kind = 'Opened') as opened,
       (select count(*) from gavel.chain_event c where c.lease = l.hash and c.canonical and c.kind = 'Voided') as voided,
       (select count(*) from gavel.chain_event c where c.lease = l.hash and c.canonical and c.kind = 'Closed') as closed
from gavel.orders o
left join gavel.round r on r.order_hash = o.hash and r.number = o.round
left join lateral (select * from gavel.lease where order_hash = o.hash and state not in ('closed', 'failed')
                   order by created_at desc limit 1) l on true
where o.next_at <= $1::timestamptz
order by o.next_at limit $2::bigint;

-- name: order_sleep
-- args: hash order, time until, time seen
-- plan: once
-- rows: none; a fact that came meanwhile (next_at moved) is not slept over
update gavel.orders set next_at = $2::timestamptz where hash = $1::bytea and next_at <= $3::timestamptz;

-- name: order_move
-- args: hash order, text old, text new, text reason, time next_at
-- plan: once
-- rows: 0..1
update gavel.orders set state = $3::text, reason = $4::text, next_at = $5::timestamptz
where hash = $1::bytea and state = $2::text returning 1 as moved;

-- name: order_announce
-- args: hash order, int round, hash pubkey, time now, time ends_at
-- plan: once
-- rows: 0..1: the round as announced
with moved as (
	update gavel.orders set state = 'bidding', round = $2::int, next_at = $5::timestamptz
	where hash = $1::bytea and state = 'open' and round = $2::int - 1 returning hash
)
insert into gavel.round (order_hash, number, pubkey, starts_at, ends_at, invited)
select hash, $2::int, $3::bytea, $4::timestamptz, $5::timestamptz,
       (select count(*) from gavel.provider p where p.seen_at > $4::timestamptz - interval '45 seconds'
          and not exists (select 1 from gavel.lease l where l.order_hash = $1::bytea and l.provider = p.address and l.state = 'failed'))
from moved returning invited;

-- name: order_fail_award
-- args: hash order, text old, hash lease, text reason, time now
-- plan: once
-- rows: 0..1
with failed as (
	update gavel.lease set state = 'failed', reason = $4::text, ended_at = $5::timestamptz
	where hash = $3::bytea and state in ('awarded', 'opening', 'active', 'closing') returning provider, launched_at
), counted as (
	update gavel.provider p set failures = failures + 1, launches = launches - (failed.launched_at is not null)::int from failed where p.address = failed.provider
)
update gavel.orders set state = 'open', failures = failures + 1, next_at = $5::timestamptz
where hash = $1::bytea and state = $2::text and exists (select 1 from failed) returning failures;

-- name: order_excluded
-- args: hash order
-- plan: once
select provider from gavel.lease where order_hash = $1::bytea and state = 'failed';
