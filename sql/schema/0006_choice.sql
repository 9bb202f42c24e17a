-- SPDX-License-Identifier: Apache-2.0
-- Orders whose tenant picks from the ranking: state 'ranked' between bidding and
-- awarded. What it picked is signed; one that failed can be followed by another.

alter table gavel.round add column choose_by timestamptz; -- until when bids of a ranking hold
alter table gavel.bid add column price gavel.amount;      -- for which the tenant may take it

create table gavel.choice (
	order_hash  gavel.hash not null,
	round       integer not null,
	provider    gavel.address not null,
	sig         gavel.sig not null,           -- the tenant's, over Choice(order, round, provider)
	received_at timestamptz not null,
	attempt     integer not null,             -- winners that had failed by then
	primary key (order_hash, round, provider),
	unique (order_hash, round, attempt),      -- one at a time
	foreign key (order_hash, round) references gavel.round
);

drop index gavel.orders_held;
create index orders_held on gavel.orders (tenant) where state in ('open', 'bidding', 'ranked', 'awarded');

create or replace function gavel.free_balance(who bytea) returns numeric language sql stable as $$
	select coalesce((select total from gavel.account
	                 where name = 'balance:0x' || encode(who, 'hex')), 0)
	     - coalesce((select sum(deposit) from gavel.orders
	                 where tenant = who and state in ('open', 'bidding', 'ranked', 'awarded')), 0)
$$;

-- Whom of a round the tenant may still choose: ranked, and not failed since.
create function gavel.choosable(ord bytea, rnd integer) returns setof gavel.address language sql stable as $$
	select b.provider from gavel.bid b
	where b.order_hash = ord and b.round = rnd and b.price is not null
	  and not exists (select 1 from gavel.lease l
	                  where l.order_hash = ord and l.provider = b.provider and l.state = 'failed')
$$;
