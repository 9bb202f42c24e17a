-- SPDX-License-Identifier: Apache-2.0
-- Standing offers take part in sealed rounds: each is closed with the book of the last
-- record, and may be won, or picked, by an offer.
alter table gavel.round add column book_tick bigint references gavel.tick;
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
