-- SPDX-License-Identifier: Apache-2.0
-- The interruptible tier: lease/pool.h says what the statements are.

-- A provider's free units of one class, as it last signed.
create table gavel.pool (
	provider    gavel.address not null references gavel.provider,
	class       text not null,
	seq         numeric(20,0) not null,
	doc         text not null,                -- pool_doc
	seen_at     timestamptz not null,
	primary key (provider, class)
);

-- Every auction of a pool, chained; nothing of it is ever changed.
create table gavel.spot_price (
	provider    gavel.address not null,
	class       text not null,
	number      bigint not null,
	at          timestamptz not null,         -- when it was held
	price       gavel.amount not null,        -- of a unit
	hash        gavel.hash not null,          -- spot_price_hash(): the next one names it
	doc         text not null,                -- spot_price_doc
	primary key (provider, class, number),
	foreign key (provider, class) references gavel.pool
);

-- When an interruptible lease began to run and was interrupted, in its provider's words.
create table gavel.spot_run (
	lease       gavel.hash not null references gavel.lease,
	seq         bigint not null,
	state       integer not null check (state in (1, 2, 3)),
	at          bigint not null,              -- unix seconds
	doc         text not null,                -- spot_run_doc
	told        boolean not null default false,
	primary key (lease, seq)
);
create index spot_run_new on gavel.spot_run (lease) where not told;
-- Interruptible orders that wait for a pool.
create index orders_spot on gavel.orders (hash) where state in ('open', 'bidding') and grp->>'interruptible' = 'true';
