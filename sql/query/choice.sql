-- SPDX-License-Identifier: Apache-2.0

-- name: round_choose_by
-- args: hash order, int round, time choose_by
update gavel.round set choose_by = $3::timestamptz where order_hash = $1::bytea and number = $2::int;

-- name: bid_priced
-- args: id id, rate price
-- plan: once
update gavel.bid set price = $2::numeric where id = $1::bytea;

-- name: choice_order
-- args: id order
-- rows: 0..1  whose order it is, and where its ranking stands
select o.hash, o.tenant, o.state, o.round, r.choose_by
from gavel.orders o left join gavel.round r on r.order_hash = o.hash and r.number = o.round
where o.id = $1::bytea;

-- name: choice_place
-- args: hash order, int round, address provider, sig sig, time now
-- rows: 0..1  (no row: late, not in the ranking, or another one is being tried)
with target as (
	select o.hash, o.failures from gavel.orders o
	join gavel.round r on r.order_hash = o.hash and r.number = o.round
	where o.hash = $1::bytea and o.state = 'ranked' and o.round = $2::int and o.cancel_at is null
	  and $5::timestamptz < r.choose_by
	  and $3::bytea in (select gavel.choosable(o.hash, o.round))
	for update of o
), placed as (
	insert into gavel.choice (order_hash, round, provider, sig, received_at, attempt)
	select hash, $2::int, $3::bytea, $4::bytea, $5::timestamptz, failures from target
	on conflict do nothing returning order_hash
)
update gavel.orders o set next_at = $5::timestamptz from placed where o.hash = placed.order_hash
returning 1 as placed;

-- name: choice_why
-- args: hash order, int round, address provider
-- rows: 1  what stands in the way of a choice, or that it was made before
select o.state, o.round, r.choose_by,
       (select c.received_at from gavel.choice c where c.order_hash = o.hash and c.round = $2::int
          and c.provider = $3::bytea) as made_at,
       (select max(b.price) from (
          select price, order_hash, round, provider from gavel.bid union all
          select price, order_hash, round, provider from gavel.tick_bid) b
        where b.order_hash = o.hash and b.round = $2::int and b.provider = $3::bytea) as price,
       exists (select 1 from gavel.lease l where l.order_hash = o.hash and l.provider = $3::bytea
          and l.state = 'failed') as failed,
       exists (select 1 from gavel.choice c where c.order_hash = o.hash and c.round = o.round
          and c.attempt = o.failures) as other
from gavel.orders o left join gavel.round r on r.order_hash = o.hash and r.number = o.round
where o.hash = $1::bytea;

-- name: choice_live
-- args: hash order, int round
-- rows: 0..1  the choice to be awarded, with the transcript it is made from
select c.provider, c.sig, r.transcript
from gavel.choice c join gavel.round r on r.order_hash = c.order_hash and r.number = c.round
join gavel.orders o on o.hash = c.order_hash and o.failures = c.attempt
where c.order_hash = $1::bytea and c.round = $2::int;

-- name: choices_of_round
-- args: id order, int round
select c.provider, c.sig, c.round, c.received_at, o.hash
from gavel.choice c join gavel.orders o on o.hash = c.order_hash
where o.id = $1::bytea and c.round = $2::int order by c.received_at;
