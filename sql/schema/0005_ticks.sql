-- SPDX-License-Identifier: Apache-2.0
-- Standing offers, ticks that clear orders against them, and receipts. A row of
-- tick is a record that the market signed; what is taken while tick n is open
-- holds the one row of tick_head shared, so that closing n waits for all of it.
create table gavel.tick_head (
	one         boolean primary key default true check (one),
	next        bigint not null               -- the number of the open tick
);
insert into gavel.tick_head (next) values (1);

create table gavel.tick (
	number      bigint primary key,           -- a tick is cleared once
	hash        gavel.hash not null unique,   -- record_hash(): what an award names
	record      text not null,                -- record_terms
	sig         gavel.sig not null,
	transcript  text not null,                -- tick_transcript of this tick, all of it
	book        text not null,                -- tick_book: what prices the next tick
	print       text not null,                -- tick_print() of that book: has it changed since?
	at          timestamptz not null          -- the record's time
);

-- An offer is in the book of ticks from_tick <= n < until_tick.
create table gavel.offer (
	hash        gavel.hash primary key,
	provider    gavel.address not null references gavel.provider,
	seq         numeric(20,0) not null,
	expires     bigint not null,              -- unix seconds; 0: it only withdraws
	nodes       text[] not null,              -- names; in one live offer of a provider only
	doc         text not null,                -- offer, canonical
	sig         gavel.sig not null,
	received_at timestamptz not null,
	since       timestamptz not null,         -- from when on the provider's offers are in the book
	from_tick   bigint not null,
	until_tick  bigint,
	replaced_at timestamptz
);
create index offer_live on gavel.offer (provider) where until_tick is null;
create index offer_past on gavel.offer (replaced_at) where replaced_at is not null;
create index offer_until on gavel.offer (until_tick) where until_tick is not null;
alter table gavel.provider add offer_seq numeric(20,0) not null default 0;
alter table gavel.provider add offer_last gavel.hash; -- of the offer with that seq

-- What the market has taken; sig follows as soon as the key holder is reached.
create sequence gavel.receipt_index;
create table gavel.receipt (
	item        gavel.hash not null,
	subject     gavel.hash not null,          -- the order of a bid; else zeroes
	round       bigint not null,              -- of the order; or the tick it takes part in first
	idx         bigint not null,
	at          timestamptz not null,
	sig         gavel.sig,
	primary key (item, subject, round, idx)
);
create index receipt_due on gavel.receipt (idx) where sig is null;

alter table gavel.orders add auction text not null default 'sealed' check (auction in ('sealed', 'fast'));
alter table gavel.orders add first_tick bigint;       -- fast: the first it takes part in
alter table gavel.orders add last_tick bigint;        -- fast: the last that looked at it
alter table gavel.orders add looked integer not null default -1; -- failures when it was last looked at
alter table gavel.orders add looked_print text;       -- and the print of the book that it was looked at with
create index orders_fast on gavel.orders (first_tick) where auction = 'fast' and state in ('open', 'bidding');

-- Ticks that an order took part in, for whoever audits it.
create table gavel.tick_order (
	order_hash  gavel.hash not null references gavel.orders,
	tick        bigint not null references gavel.tick,
	primary key (order_hash, tick)
);
-- What became of each offer, at the last look of each of the order's rounds.
create table gavel.tick_bid (
	order_hash  gavel.hash not null references gavel.orders,
	round       integer not null,
	tick        bigint not null,
	offer       gavel.hash not null,
	provider    gavel.address not null,
	model       text not null,
	floor       gavel.amount,                 -- null: it took no part
	list        gavel.amount,
	effective   gavel.amount,
	rank        integer,
	reason      text not null,
	at          timestamptz not null,
	primary key (order_hash, round, offer, model)
);
-- What a lease takes of each node, so that the next tick knows what is free.
create table gavel.lease_node (
	lease       gavel.hash not null references gavel.lease,
	node        text not null,
	takes       text not null,                -- shape
	primary key (lease, node)
);

-- What the ledger knows of a provider's bond.
create function gavel.bond_of(who bytea) returns numeric language sql stable as $$
	select coalesce((select total from gavel.account where name = 'bond:0x' || encode(who, 'hex')), 0)
$$;
create index lease_launched on gavel.lease (provider, launched_at) where launched_at is not null;

-- Launches of the last day.
create function gavel.launched_of(who bytea, at timestamptz) returns bigint language sql stable as $$
	select count(*) from gavel.lease l where l.provider = who and l.launched_at > at - interval '1 day'
$$;
