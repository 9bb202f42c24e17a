-- SPDX-License-Identifier: Apache-2.0

-- name: lease_award
-- args: hash order, hash lease, id id, int round, address tenant, address provider, text terms, rate rate, amount deposit
-- args: hash record, sig award_sig, time accept_by, time now
-- plan: once
-- rows: 0..1
with moved as (
	update gavel.orders set state = 'awarded', next_at = $12::timestamptz
	where hash = $1::bytea and state in ('bidding', 'ranked') and round = $4::int returning hash
)
insert into gavel.lease (hash, id, order_hash, round, tenant, provider, terms, rate, deposit, record, award_sig, accept_by, created_at)
select $2::bytea, $3::bytea, hash, $4::int, $5::bytea, $6::bytea, $7::jsonb, $8::numeric, $9::numeric, $10::bytea, $11::bytea,
       $12::timestamptz, $13::timestamptz
from moved returning 1 as awarded;

-- name: lease_accept
-- args: hash lease, address provider, sig sig, time now
-- plan: once
-- rows: 0..1
with accepted as (
	update gavel.lease set lease_sig = $3::bytea, state = 'opening'
	where hash = $1::bytea and provider = $2::bytea and state = 'awarded' and $4::timestamptz < accept_by and refused is null
	returning order_hash
)
update gavel.orders o set next_at = $4::timestamptz from accepted where o.hash = accepted.order_hash returning 1 as accepted;

-- name: lease_refuse
-- args: hash lease, address provider, text reason, time now
-- rows: 0..1
with refused as (
	update gavel.lease set refused = $3::text
	where hash = $1::bytea and provider = $2::bytea and state = 'awarded' returning order_hash
)
update gavel.orders o set next_at = $4::timestamptz from refused where o.hash = refused.order_hash returning 1 as refused;

-- name: lease_launched
-- args: hash lease, address provider, text endpoints, time now
-- plan: once
-- rows: 0..1
with launched as (
	update gavel.lease set launched_at = coalesce(launched_at, $4::timestamptz), endpoints = $3::jsonb,
	       launch_error = case when launched_at is not null then launch_error end
	where hash = $1::bytea and provider = $2::bytea and state = 'active' returning order_hash, provider, launched_at
), counted as (
	update gavel.provider p set launches = launches + 1 from launched
	where p.address = launched.provider and launched.launched_at = $4::timestamptz
)
update gavel.orders o set next_at = $4::timestamptz from launched where o.hash = launched.order_hash returning 1 as launched;

-- name: lease_launch_told
-- args: hash lease
-- plan: once
update gavel.lease set launch_told = true where hash = $1::bytea;

-- name: lease_launch_failed
-- args: hash lease, address provider, text error, time now
-- rows: 0..1
with failed as (
	update gavel.lease set launch_error = $3::text
	where hash = $1::bytea and provider = $2::bytea and state in ('opening', 'active')
	  and (launched_at is null or $4::timestamptz < launched_at + interval '60 seconds') returning order_hash
)
update gavel.orders o set next_at = $4::timestamptz from failed where o.hash = failed.order_hash returning 1 as failed;

-- name: lease_opened
-- args: hash lease, hash order, time opened_at, time next_at
-- plan: once
-- rows: 0..1
with opened as (
	update gavel.lease set state = 'active', opened_at = $3::timestamptz
	where hash = $1::bytea and state in ('opening', 'awarded') returning hash
)
update gavel.orders set state = 'leased', next_at = $4::timestamptz
where hash = $2::bytea and state = 'awarded' and exists (select 1 from opened) returning 1 as moved;

-- name: lease_release
-- args: hash lease, address provider, amount amount, sig release_sig, time now
-- rows: 0..1  (no row: not live, or a different last word was given before)
with released as (
	update gavel.lease set released = $3::numeric, release_sig = $4::bytea, state = 'closing'
	where hash = $1::bytea and provider = $2::bytea and state = 'active' and (released is null or released = $3::numeric)
	returning order_hash
)
update gavel.orders o set next_at = $5::timestamptz from released where o.hash = released.order_hash returning 1 as released;

-- name: lease_closed
-- args: hash lease, hash order, time now
-- rows: 0..1
with closed as (
	update gavel.lease l set state = 'closed', ended_at = $3::timestamptz
	where hash = $1::bytea and state in ('closing', 'active') returning hash
)
update gavel.orders set state = 'closed', next_at = null
where hash = $2::bytea and state = 'leased' and exists (select 1 from closed) returning 1 as moved;

-- name: lease_get
-- args: id id, hash hash
select l.*, o.id as order_id, o.grp, o.terms as order_terms, o.sig as order_sig,
       v.amount as voucher_amount, v.up_to as voucher_up_to, v.usage, v.usage_sig, v.payer_sig, v.provider_sig
from gavel.lease l join gavel.orders o on o.hash = l.order_hash
left join gavel.voucher v on v.lease = l.hash
where ($1::bytea is not null and l.id = $1::bytea) or ($2::bytea is not null and l.hash = $2::bytea);

-- name: lease_list
-- args: address tenant, address provider, text state, id after, int most
select l.*, o.id as order_id, o.grp, o.terms as order_terms, o.sig as order_sig,
       v.amount as voucher_amount, v.up_to as voucher_up_to, v.usage, v.usage_sig, v.payer_sig, v.provider_sig
from gavel.lease l join gavel.orders o on o.hash = l.order_hash
left join gavel.voucher v on v.lease = l.hash
where ($1::bytea is null or l.tenant = $1::bytea) and ($2::bytea is null or l.provider = $2::bytea)
  and ($3::text is null or l.state = $3::text) and ($4::bytea is null or l.id < $4::bytea)
order by l.id desc limit $5::bigint;

-- name: lent_key
-- args: hash lease, address key
-- rows: 0..1  (no row: the tenant has said nothing about this key)
select k.lim, k.until from gavel.chain_event c join gavel.lent_key k on k.event = c.seq
where c.lease = $1::bytea and c.account = $2::bytea and c.kind = 'Keyed' and c.canonical
order by c.block desc, c.log_index desc limit 1;

-- name: voucher_put
-- args: hash lease, amount amount, int up_to, sig payer_sig, sig provider_sig, text usage, sig usage_sig, time now
-- plan: once
-- rows: 0..1  (no row: an older or equal voucher, or a lease that is not live)
insert into gavel.voucher as v (lease, amount, up_to, payer_sig, provider_sig, usage, usage_sig, updated_at)
select hash, $2::numeric, $3::bigint, $4::bytea, $5::bytea, $6::jsonb, $7::bytea, $8::timestamptz
from gavel.lease where hash = $1::bytea and state in ('active', 'closing') and $2::numeric <= deposit
on conflict (lease) do update set amount = excluded.amount, up_to = excluded.up_to, payer_sig = excluded.payer_sig,
	provider_sig = excluded.provider_sig, usage = excluded.usage, usage_sig = excluded.usage_sig,
	updated_at = excluded.updated_at
where v.amount <= excluded.amount and v.up_to < excluded.up_to
returning 1 as stored;

-- name: lease_vouchers
-- args: id id, hash hash
-- rows: 0..; the lease's hash, and those of its vouchers that were sent to the chain,
-- earliest first; no row: there is no such lease
select l.hash, s.amount, s.up_to, s.payer_sig, s.provider_sig, s.usage, s.usage_sig
from gavel.lease l left join gavel.settled s on s.lease = l.hash
where ($1::bytea is not null and l.id = $1::bytea) or ($2::bytea is not null and l.hash = $2::bytea)
order by s.up_to limit 1000;
