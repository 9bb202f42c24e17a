-- SPDX-License-Identifier: Apache-2.0

-- name: bids_place
-- args: texts ids, texts orders, texts rounds, texts providers, texts envelopes, texts declines, texts times
-- plan: once
-- rows: one for each that was placed; no row: the order takes no more, or the provider
-- has answered. Bytes are in hex, ids differ. The last row of an order says whether all
-- who were invited have answered. "offset 0": looked up one by one, however few orders
-- there seem to be when this is planned.
with given as (
	select decode(id, 'hex') as id, decode(ord, 'hex') as ord, round, decode(provider, 'hex') as provider,
	       decode(envelope, 'hex') as envelope, decline, at, n
	from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
	     with ordinality as g (id, ord, round, provider, envelope, decline, at, n)
), target as (
	select g.*, o.hash
	from given g cross join lateral (
		select o.hash from gavel.orders o join gavel.round r on r.order_hash = o.hash and r.number = o.round
		where o.id = g.ord and o.state = 'bidding' and o.round = g.round and g.at < r.ends_at and r.root is null
		  and exists (select 1 from gavel.provider p where p.address = g.provider)
		  and (g.decline is not null or 0 = (
			select count(*) from gavel.lease l where l.order_hash = o.hash and l.provider = g.provider and l.state = 'failed'))
		offset 0 for share of r) o
), placed as (
	insert into gavel.bid (id, order_hash, round, provider, envelope, decline, received_at)
	select id, hash, round, provider, envelope, decline, at from target order by n
	on conflict do nothing returning id, order_hash, round, seq, envelope, received_at
), receipted as (
	insert into gavel.receipt (item, subject, round, idx, at)
	select sha256(envelope), order_hash, round, seq, received_at from placed where envelope is not null
), counted as (
	select p.*, count(*) over w as here, row_number() over (w order by p.seq desc) = 1 as last
	from placed p window w as (partition by p.order_hash)
)
select c.id, c.seq, case when c.last then (
	select r.invited <= c.here + (select count(*) from gavel.bid b where b.order_hash = r.order_hash and b.round = r.number)
	from gavel.round r where r.order_hash = c.order_hash and r.number = c.round) end as complete
from counted c;

-- name: bid_wake
-- args: id order, time now
-- plan: once
-- rows: none; the clerk looks when the last invited provider has answered
update gavel.orders o set next_at = $2::timestamptz from gavel.round r
where o.id = $1::bytea and o.state = 'bidding' and r.order_hash = o.hash and r.number = o.round
  and (select count(*) from gavel.bid b where b.order_hash = o.hash and b.round = o.round) >= r.invited;

-- name: commit_unflushed
-- rows: one; the transaction is not waited for on disk: only what may be lost goes into it
select set_config('synchronous_commit', 'off', true);

-- name: bid_why
-- args: id order, int round, address provider
-- plan: once
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
-- plan: once
select b.id, b.seq, b.provider, b.envelope, b.decline, b.received_at, p.launches, p.failures
from gavel.bid b join gavel.provider p on p.address = b.provider
where b.order_hash = $1::bytea and b.round = $2::int order by b.seq;

-- name: round_last_tick
-- args: hash order, int round
-- plan: once
-- rows: 0..1: the last record, whose book takes part; once there is a root, the one that it names
select t.number, t.hash from gavel.round r
join gavel.tick t on t.number = coalesce(r.book_tick, (select max(number) from gavel.tick))
where r.order_hash = $1::bytea and r.number = $2::int;

-- name: round_offers
-- args: hash order, int round
-- plan: once
-- rows: the offers of the round's book
select o.doc, o.sig from gavel.round r cross join lateral gavel.book_offers(r.book_tick + 1) o
where r.order_hash = $1::bytea and r.number = $2::int;

-- name: bids_of_order
-- args: id order
-- rows: what may be shown: prices only after the round's key is out
select b.id, null::bytea as offer, null::bigint as tick, null::text as model, null::numeric as effective,
       b.price, b.round, b.provider, b.decline, b.received_at, b.rank, b.reason,
       case when r.seckey is not null then b.floor end as floor,
       case when r.seckey is not null then b.list end as list, b.seq
from gavel.bid b join gavel.orders o on o.hash = b.order_hash
join gavel.round r on r.order_hash = b.order_hash and r.number = b.round
where o.id = $1::bytea
union all
select null, b.offer, b.tick, b.model, b.effective, b.price, b.round, b.provider, null, b.at, b.rank, b.reason, b.floor, b.list, b.tick
from gavel.tick_bid b join gavel.orders o on o.hash = b.order_hash
where o.id = $1::bytea order by round, rank nulls last, seq, offer;

-- name: bid_opened
-- args: id id, rate floor, rate list, int rank, text reason
-- plan: once
update gavel.bid set floor = $2::numeric, list = $3::numeric, rank = $4::int, reason = $5::text where id = $1::bytea;

-- name: round_root
-- args: hash order, int round, hash root, sig sig, hash seckey, int book_tick
-- plan: once
-- rows: 0..1  the root closes the round: no bid is taken after it
update gavel.round set root = $3::bytea, sig = $4::bytea, seckey = $5::bytea, book_tick = nullif($6::bigint, -1)
where order_hash = $1::bytea and number = $2::int and root is null returning 1 as rooted;

-- name: round_outcome
-- args: hash order, int round, text outcome, text transcript
-- plan: once
update gavel.round set outcome = $3::text, transcript = $4::text where order_hash = $1::bytea and number = $2::int;

-- name: round_get
-- args: id order, int round
-- plan: once
select r.*, o.id from gavel.round r join gavel.orders o on o.hash = r.order_hash
where o.id = $1::bytea and r.number = $2::int;
