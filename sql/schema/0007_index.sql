-- SPDX-License-Identifier: Apache-2.0
-- The price index: what matched leases pay beside the reference price of what they
-- reserve. Advice for people; nothing that clears an auction reads these tables.

-- Where a lease ran, as its provider said when it won: later words do not move the past.
alter table gavel.lease add column region text not null default '';
create function gavel.provider_region(who bytea) returns text language sql stable as $$
	select coalesce((select a->>'value' from gavel.provider p, jsonb_array_elements(p.attributes) a
	                 where p.address = who and a->>'key' = 'region' limit 1), '')
$$;
update gavel.lease set region = gavel.provider_region(provider);
create function gavel.lease_set_region() returns trigger language plpgsql as $$
begin
	new.region := gavel.provider_region(new.provider);
	return new;
end $$;
create trigger set_region before insert on gavel.lease
	for each row execute function gavel.lease_set_region();
-- Who has failed an order is asked at each of its bids.
create index lease_failed on gavel.lease (order_hash, provider) where state = 'failed';
create index lease_ran on gavel.lease (ended_at) where launched_at is not null;

-- What an order is of, written once by the clerk: index_class(), index_reference().
create table gavel.order_class (
	order_hash  gavel.hash primary key references gavel.orders,
	class       text not null,                -- cpu, or the GPU model asked for
	region      text not null,                -- asked for; '': any
	reference   gavel.amount not null,        -- price of its reservation by the reference vector
	manual      boolean not null default false -- the tenant picked: no price of a market
);

-- As of some time: a lease that ended later still runs.
create function gavel.index_trades(since timestamptz, until timestamptz)
returns table (class text, region text, lease bytea, id bytea, provider bytea, tenant bytea, rate numeric,
               reference numeric, ran_s bigint, defaulted boolean, manual boolean) language sql stable as $$
	select c.class, l.region, l.hash, l.id, l.provider, l.tenant, l.rate, c.reference,
	       floor(extract(epoch from least(coalesce(l.ended_at, until), until) - l.launched_at))::bigint,
	       l.state = 'failed' and l.ended_at <= until, c.manual
	from gavel.lease l join gavel.order_class c on c.order_hash = l.order_hash
	where l.launched_at < until and (l.ended_at is null or l.ended_at > since)
$$;

-- The last word of each: region '' is all regions together. The quartiles are those
-- of published_at, which is older than `at` when there is too little now.
create table gavel.price_index (
	class        text not null,
	region       text not null,
	window_s     integer not null,
	at           timestamptz not null,
	leases       integer not null,
	owners       integer not null,
	awarded      integer not null,            -- orders of the window that found a winner
	unmatched    integer not null,            -- and that ended without
	award_ms     bigint,                      -- median from order to first award
	published_at timestamptz,
	p25          bigint,                      -- price / reference, in millionths
	median       bigint,
	p75          bigint,
	primary key (class, region, window_s)
);
