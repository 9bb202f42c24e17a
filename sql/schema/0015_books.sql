-- SPDX-License-Identifier: Apache-2.0
-- Standing offers take part in sealed rounds, and orders may go together. Each round is
-- closed with the book of the last record, and may be won, or picked, by an offer.
-- No foreign key: closing a round must not wait for a lock on ticks.
alter table gavel.round add column book_tick bigint;
alter table gavel.tick_bid add column price gavel.amount; -- for which the tenant may take it

create or replace function gavel.choosable(ord bytea, rnd integer) returns setof gavel.address language sql stable as $$
	select x.provider from (
		select b.provider from gavel.bid b
		where b.order_hash = ord and b.round = rnd and b.price is not null
		union
		select b.provider from gavel.tick_bid b
		where b.order_hash = ord and b.round = rnd and b.price is not null) x
	where not exists (select 1 from gavel.lease l
	                  where l.order_hash = ord and l.provider = x.provider and l.state = 'failed')
$$;

-- The offers in the book of tick n, some of which may have expired.
create function gavel.book_offers(n bigint) returns setof gavel.offer language sql stable as $$
	select * from gavel.offer where until_tick is null and from_tick <= n
	union all
	select * from gavel.offer where until_tick > n and from_tick <= n
$$;

-- Copies of one deployment that lie on different providers, owners or regions: orders of
-- one tenant and one set, which are awarded together.
alter table gavel.orders add column spread_set gavel.hash;
alter table gavel.orders add column spread_row integer;
alter table gavel.orders add column spread_rows integer;
create unique index orders_set on gavel.orders (tenant, spread_set, spread_row) where spread_set is not null;

-- Whether tick n may take this order: of a set all must be there, or it has been awarded
-- with them before.
create function gavel.set_is_there(o gavel.orders, n bigint, at timestamptz) returns boolean language sql stable as $$
	select o.spread_set is null or o.failures > 0 or o.spread_rows = (
		select count(*) from gavel.orders s
		where s.tenant = o.tenant and s.spread_set = o.spread_set and s.auction = 'fast'
		  and s.state in ('open', 'bidding') and s.first_tick <= n and s.cancel_at is null
		  and s.ends_at > at and s.failures = 0)
$$;
