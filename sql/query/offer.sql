-- SPDX-License-Identifier: Apache-2.0
-- The first four are one batch: the row of the provider is locked by offer_claim,
-- so that two offers of one provider follow each other.

-- name: offer_claim
-- args: address provider, text seq, hash hash
-- rows: 0..1  (no row: no such provider, or a seq that was used)
update gavel.provider set offer_seq = $2::numeric, offer_last = $3::bytea
where address = $1::bytea and offer_seq < $2::numeric returning 1 as claimed;

-- name: offer_replace
-- args: address provider, hash hash, text nodes, time now
-- rows: those that it replaces; from the next tick on
with head as (
	select h.next from gavel.tick_head h
	where exists (select 1 from gavel.provider p where p.address = $1::bytea and p.offer_last = $2::bytea)
	  and not exists (select 1 from gavel.offer o where o.hash = $2::bytea)
	for share of h
)
update gavel.offer o set until_tick = head.next + 1, replaced_at = $4::timestamptz from head
where o.provider = $1::bytea and o.until_tick is null and o.nodes && $3::text[] returning o.hash;

-- name: offer_put
-- args: hash hash, address provider, text seq, int expires, text nodes, text doc, sig sig, time now, int most
-- rows: 0..1  (no row: not claimed, here already, or too many)
with head as (
	select h.next from gavel.tick_head h
	where exists (select 1 from gavel.provider p where p.address = $2::bytea and p.offer_last = $1::bytea)
	  and (select count(*) from gavel.offer o where o.provider = $2::bytea and o.until_tick is null
	         and o.expires > extract(epoch from $8::timestamptz)) < $9::bigint
	for share of h
), put as (
	insert into gavel.offer (hash, provider, seq, expires, nodes, doc, sig, received_at, since, from_tick, until_tick)
	select $1::bytea, $2::bytea, $3::numeric, $4::bigint, $5::text[], $6::text, $7::bytea, $8::timestamptz,
	       coalesce((select min(o.since) from gavel.offer o where o.provider = $2::bytea
	                   and o.expires > extract(epoch from $8::timestamptz)
	                   and (o.until_tick is null or o.replaced_at = $8::timestamptz)), $8::timestamptz),
	       head.next + 1, case when $4::bigint = 0 then head.next + 1 end
	from head on conflict do nothing returning hash, from_tick
)
insert into gavel.receipt (item, subject, round, idx, at)
select hash, decode(repeat('00', 32), 'hex'), from_tick, nextval('gavel.receipt_index'), $8::timestamptz from put
on conflict do nothing returning round;

-- name: offer_why
-- args: address provider, hash hash
-- rows: 1: why it was not put
select (select offer_seq from gavel.provider where address = $1::bytea) as seq,
       exists (select 1 from gavel.provider where address = $1::bytea) as registered,
       exists (select 1 from gavel.offer where hash = $2::bytea) as here;

-- name: offer_get
-- args: hash hash
select o.*, (o.until_tick is null and o.expires > extract(epoch from now())) as live from gavel.offer o where o.hash = $1::bytea;

-- name: offer_list
-- args: address provider, time now, hash after, int most
select o.*, true as live from gavel.offer o
where o.until_tick is null and o.expires > extract(epoch from $2::timestamptz)
  and ($1::bytea is null or o.provider = $1::bytea) and ($3::bytea is null or o.hash > $3::bytea)
order by o.hash limit $4::bigint;
