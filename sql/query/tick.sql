-- SPDX-License-Identifier: Apache-2.0

-- name: tick_look
-- args: time now, int in_book_s, amount bond_min, int bond_hours, int class_launches
-- rows: 1: the open tick, the last record, who waits, and whether the book is another than the one signed
with lately as materialized (
	select r.provider, r.nodes from gavel.offer r
	where r.replaced_at > $1::timestamptz - make_interval(secs => $2::bigint)
), running as materialized (
	select l.provider, sum(l.rate) as rate from gavel.lease l where l.state not in ('closed', 'failed') group by l.provider
), standing as materialized (
	select p.address, p.launches, p.failures,
	       gavel.bond_of(p.address) >= greatest($3::numeric, div(coalesce(
	               (select r.rate from running r where r.provider = p.address), 0) * $4::bigint * 3600, 1000000000)) as bonded,
	       gavel.launched_of(p.address, $1::timestamptz) >= $5::bigint as proven
	from gavel.provider p
	where exists (select 1 from gavel.offer o where o.provider = p.address and o.until_tick is null)
), live as (
	select o.hash, o.provider, s.launches, s.failures, s.bonded, s.proven,
	       ($1::timestamptz - o.since >= make_interval(secs => $2::bigint)) as settled,
	       ($1::timestamptz - o.received_at >= make_interval(secs => $2::bigint)) as aged,
	       (select count(*) from lately r where r.provider = o.provider and r.nodes && o.nodes) as seen
	from gavel.offer o join standing s on s.address = o.provider
	where o.until_tick is null and o.expires >= floor(extract(epoch from $1::timestamptz))
), taken as (
	select l.hash from gavel.lease l where l.state not in ('closed', 'failed')
	  and l.provider in (select provider from live)
)
select h.next, t.number as last, t.at as last_at, t.print,
       (select count(*) from gavel.orders o where o.auction = 'fast' and o.state in ('open', 'bidding')
          and o.ends_at > $1::timestamptz and o.cancel_at is null and o.failures < 3
          and gavel.set_is_there(o, h.next, $1::timestamptz)
          and (o.looked < o.failures or o.looked_print is distinct from t.print)) as waiting,
       md5(coalesce((select string_agg(live::text, ',' order by hash) from live), '') || '/'
        || coalesce((select string_agg(encode(hash, 'hex'), ',' order by hash) from taken), '')) as print_now
from gavel.tick_head h
left join lateral (select number, at, print from gavel.tick order by number desc limit 1) t on true;

-- name: tick_cut
-- args: int number
-- rows: 0..1; waits for all that is being taken into this tick
update gavel.tick_head set next = $1::bigint + 1 where next = $1::bigint returning next;

-- name: tick_take
-- args: int number, time now
-- rows: none; from here on the desk leaves these orders to the tick
update gavel.orders o set state = 'bidding', round = failures + 1
where auction = 'fast' and state = 'open' and first_tick <= $1::bigint and cancel_at is null
  and ends_at > $2::timestamptz and failures < 3 and gavel.set_is_there(o, $1::bigint, $2::timestamptz);

-- name: tick_orders
-- args: int number
-- rows: the orders of the tick, by hash
select o.hash, o.id, o.tenant, o.terms, o.sig, o.grp, o.care_hours, o.failures, o.round, o.first_tick,
       f.hash as first_hash,
       coalesce((select string_agg('0x' || encode(l.provider, 'hex'), ' ' order by l.provider)
                 from (select distinct provider from gavel.lease where order_hash = o.hash and state = 'failed') l), '') as denied,
       (select jsonb_agg(jsonb_build_object('provider', '0x' || encode(w.provider, 'hex'), 'owner', w.doc->>'owner',
                  'region', w.doc->>'region') order by w.provider)
        from (select distinct l.provider, x.doc::jsonb as doc from gavel.orders s
              join gavel.lease l on l.order_hash = s.hash and l.state not in ('closed', 'failed')
              join gavel.tick_bid b on b.order_hash = s.hash and b.round = l.round and b.reason = 'won'
              join gavel.offer x on x.hash = b.offer
              where o.failures > 0 and s.tenant = o.tenant and s.spread_set = o.spread_set and s.hash <> o.hash) w) as taken
from gavel.orders o left join gavel.tick f on f.number = o.first_tick - 1
where o.auction = 'fast' and o.state = 'bidding' and o.first_tick <= $1::bigint order by o.hash;

-- name: tick_offers
-- args: int number, time now
-- rows: the offers of this tick's book and of the next one's, by hash, and how their providers stand
with running as materialized (
	select l.provider, sum(l.rate) as rate from gavel.lease l where l.state not in ('closed', 'failed') group by l.provider
), standing as materialized (
	select p.address, p.launches, p.failures, gavel.bond_of(p.address) as bond,
	       coalesce((select r.rate from running r where r.provider = p.address), 0) as running,
	       gavel.launched_of(p.address, $2::timestamptz) as class_launches
	from gavel.provider p
	where exists (select 1 from gavel.offer o where o.provider = p.address and (o.until_tick is null or o.until_tick > $1::bigint))
)
select o.hash, o.doc, o.sig, o.from_tick, coalesce(o.until_tick, 9223372036854775807) as until_tick,
       extract(epoch from $2::timestamptz - o.since)::bigint as in_book_s,
       extract(epoch from $2::timestamptz - o.received_at)::bigint as age_s,
       s.launches, s.failures, s.bond, s.running, s.class_launches
from gavel.offer o join standing s on s.address = o.provider
where o.until_tick is null or o.until_tick > $1::bigint order by o.hash;

-- name: tick_past
-- args: time now, int in_book_s
-- rows: what was replaced so lately that its floors still count
select o.hash, r.doc from gavel.offer o
join gavel.offer r on r.provider = o.provider and r.nodes && o.nodes and r.hash <> o.hash and r.expires <> 0
  and r.replaced_at > $1::timestamptz - make_interval(secs => $2::bigint)
where o.until_tick is null order by o.hash;

-- name: tick_taken
-- args: int unused
-- rows: what live leases take of which node
select l.hash, l.provider, n.node, n.takes from gavel.lease l join gavel.lease_node n on n.lease = l.hash
where l.state not in ('closed', 'failed') and $1::bigint = 0;

-- name: tick_unplaced
-- args: int unused
-- rows: live leases of whom no node is known: those of sealed rounds
select l.hash, l.provider, o.grp from gavel.lease l join gavel.orders o on o.hash = l.order_hash
where l.state not in ('closed', 'failed') and $1::bigint = 0
  and l.provider in (select provider from gavel.offer where until_tick is null)
  and not exists (select 1 from gavel.lease_node n where n.lease = l.hash) order by l.created_at, l.hash;

-- name: tick_audits
-- args: time now
-- rows: statements in force about those in the book, by auditors that the tick's orders name
select a.doc from gavel.audit a
where a.expires > extract(epoch from $1::timestamptz)
  and a.provider in (select provider from gavel.offer where until_tick is null)
  and '0x' || encode(a.auditor, 'hex') in (
	select lower(x) from gavel.orders o, jsonb_array_elements_text(
		coalesce(o.grp->'signed_by', '[]') || coalesce(o.grp->'signed_any', '[]')) x
	where o.auction = 'fast' and o.state = 'bidding')
order by a.provider, a.auditor;

-- name: tick_receipts
-- args: int number
-- rows: of the orders that begin with this tick: not of who has taken his back before it
select r.item, r.subject, r.round, r.idx, r.at, r.sig from gavel.receipt r
join gavel.tick_order o on o.order_hash = r.item and o.tick = r.round where r.round = $1::bigint and r.sig is not null order by r.idx;

-- name: tick_store
-- args: int number, hash hash, text record, sig sig, text transcript, text book, text print, bool stirs, time at
-- rows: none; a second record of a number breaks the batch
insert into gavel.tick (number, hash, record, sig, transcript, book, print, stirs, at)
values ($1::bigint, $2::bytea, $3::text, $4::bytea, $5::text, $6::text, $7::text, $8::boolean, $9::timestamptz);

-- name: tick_order_seen
-- args: hash order, int number, text print
with seen as (
	insert into gavel.tick_order (order_hash, tick) values ($1::bytea, $2::bigint) on conflict do nothing
)
update gavel.orders set looked = failures, looked_print = $3::text, last_tick = $2::bigint where hash = $1::bytea;

-- name: tick_bids_clear
-- args: hash order, int round
delete from gavel.tick_bid where order_hash = $1::bytea and round = $2::int;

-- name: tick_bids_put
-- args: hash order, int round, int number, text rows, time now
insert into gavel.tick_bid (order_hash, round, tick, offer, provider, model, floor, list, effective, rank, reason, price, at)
select $1::bytea, $2::int, $3::bigint, decode(substr(x.offer, 3), 'hex'), decode(substr(x.provider, 3), 'hex'), x.model,
       x.floor, x.list, x.effective, x.rank, x.reason, x.price, $5::timestamptz
from jsonb_to_recordset($4::jsonb) as x(offer text, provider text, model text, floor numeric, list numeric,
	effective numeric, rank int, reason text, price numeric);

-- name: lease_node_put
-- args: hash lease, text node, text takes
-- rows: none; nothing when the lease was not awarded
insert into gavel.lease_node (lease, node, takes)
select hash, $2::text, $3::text from gavel.lease where hash = $1::bytea on conflict do nothing;

-- name: tick_list
-- args: int after, int most
select number, hash, record, sig from gavel.tick where number > $1::bigint order by number limit $2::bigint;

-- name: tick_get
-- args: int number
-- rows: 0..1
select t.number, t.hash, t.record, t.sig, t.transcript, t.book
from gavel.tick t where t.number = $1::bigint;

-- name: tick_book
-- args: int number
-- rows: 0..1: the record, the book that it signed, and the next record
select t.record, t.sig, t.book, n.record as next_record, n.sig as next_sig
from gavel.tick t left join gavel.tick n on n.number = t.number + 1 where t.number = $1::bigint;

-- name: tick_open_orders
-- args: int number
-- rows: orders of the tick whose maximum nobody but its tenant and the market knows: not ended, never awarded
select o.hash from gavel.tick_order s join gavel.orders o on o.hash = s.order_hash
where s.tick = $1::bigint and exists (
	-- of a set none is shown before all may be
	select 1 from gavel.orders x
	where (x.hash = o.hash or (x.tenant = o.tenant and x.spread_set = o.spread_set)) and x.state in ('open', 'bidding')
	  and not exists (select 1 from gavel.lease l where l.order_hash = x.hash));

-- name: ticks_of_order
-- args: id order
-- rows: the ticks that it took part in
select s.tick from gavel.tick_order s join gavel.orders o on o.hash = s.order_hash where o.id = $1::bytea order by s.tick;
