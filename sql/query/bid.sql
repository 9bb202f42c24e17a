-- SPDX-License-Identifier: Apache-2.0

-- name: bid_place
-- args: id id, id order, int round, address provider, bytes envelope, time now, hash item
-- rows: 0..1  (no row: the order takes no more bids)
with target as (
	select o.hash from gavel.orders o
	join gavel.round r on r.order_hash = o.hash and r.number = o.round
	join gavel.provider p on p.address = $4::bytea
	where o.id = $2::bytea and o.state = 'bidding' and o.round = $3::int
	  and $6::timestamptz < r.ends_at and r.root is null
	  and not exists (select 1 from gavel.lease l where l.order_hash = o.hash and l.provider = $4::bytea and l.state = 'failed')
	for share of r
), placed as (
	insert into gavel.bid (id, order_hash, round, provider, envelope, received_at)
	select $1::bytea, hash, $3::int, $4::bytea, $5::bytea, $6::timestamptz from target
	on conflict do nothing returning order_hash, seq
), receipted as (
	insert into gavel.receipt (item, subject, round, idx, at)
	select $7::bytea, order_hash, $3::int, seq, $6::timestamptz from placed
)
select order_hash, seq from placed;

-- name: bid_decline
-- args: id id, id order, int round, address provider, text reason, time now
-- rows: 0..1
with target as (
	select o.hash from gavel.orders o
	join gavel.round r on r.order_hash = o.hash and r.number = o.round
	join gavel.provider p on p.address = $4::bytea
	where o.id = $2::bytea and o.state = 'bidding' and o.round = $3::int
	  and $6::timestamptz < r.ends_at and r.root is null
	for share of r
), placed as (
	insert into gavel.bid (id, order_hash, round, provider, decline, received_at)
	select $1::bytea, hash, $3::int, $4::bytea, $5::text, $6::timestamptz from target
	on conflict do nothing returning order_hash, seq
)
select order_hash, seq from placed;

-- name: bid_wake
-- args: id order, time now
-- rows: none; the clerk looks when the last invited provider has answered
update gavel.orders o set next_at = $2::timestamptz from gavel.round r
where o.id = $1::bytea and o.state = 'bidding' and r.order_hash = o.hash and r.number = o.round
  and (select count(*) from gavel.bid b where b.order_hash = o.hash and b.round = o.round) >= r.invited;

-- name: bid_why
-- args: id order, int round, address provider
-- rows: 0..1  why a bid was not placed
select o.state, o.round, r.ends_at, (r.root is not null) as rooted,
       exists (select 1 from gavel.provider where address = $3::bytea) as registered,
       (select b.id from gavel.bid b where b.order_hash = o.hash and b.round = $2::int and b.provider = $3::bytea) as bid_id,
       (select b.seq from gavel.bid b where b.order_hash = o.hash and b.round = $2::int and b.provider = $3::bytea) as bid_seq,
       (select b.envelope from gavel.bid b where b.order_hash = o.hash and b.round = $2::int and b.provider = $3::bytea) as envelope
from gavel.orders o left join gavel.round r on r.order_hash = o.hash and r.number = o.round
where o.id = $1::bytea;

-- name: bids_of_round
-- args: hash order, int round
select b.id, b.seq, b.provider, b.envelope, b.decline, b.received_at, p.launches, p.failures
from gavel.bid b join gavel.provider p on p.address = b.provider
where b.order_hash = $1::bytea and b.round = $2::int order by b.seq;

-- name: bids_of_order
-- args: id order
-- rows: what may be shown: prices only after the round's key is out
select b.id, null::bytea as offer, null::bigint as tick, null::text as model, null::numeric as effective,
       b.round, b.provider, b.decline, b.received_at, b.rank, b.reason,
       case when r.seckey is not null then b.floor end as floor,
       case when r.seckey is not null then b.list end as list, b.seq
from gavel.bid b join gavel.orders o on o.hash = b.order_hash
join gavel.round r on r.order_hash = b.order_hash and r.number = b.round
where o.id = $1::bytea
union all
select null, b.offer, b.tick, b.model, b.effective, b.round, b.provider, null, b.at, b.rank, b.reason, b.floor, b.list, b.tick
from gavel.tick_bid b join gavel.orders o on o.hash = b.order_hash
where o.id = $1::bytea order by round, rank nulls last, seq, offer;

-- name: bid_opened
-- args: id id, rate floor, rate list, int rank, text reason
update gavel.bid set floor = $2::numeric, list = $3::numeric, rank = $4::int, reason = $5::text where id = $1::bytea;

-- name: round_root
-- args: hash order, int round, hash root, sig sig, hash seckey
-- rows: 0..1  the root closes the round: no bid is taken after it
update gavel.round set root = $3::bytea, sig = $4::bytea, seckey = $5::bytea
where order_hash = $1::bytea and number = $2::int and root is null returning 1 as rooted;

-- name: round_outcome
-- args: hash order, int round, text outcome, text transcript
update gavel.round set outcome = $3::text, transcript = $4::text where order_hash = $1::bytea and number = $2::int;

-- name: round_get
-- args: id order, int round
select r.*, o.id from gavel.round r join gavel.orders o on o.hash = r.order_hash
where o.id = $1::bytea and r.number = $2::int;
