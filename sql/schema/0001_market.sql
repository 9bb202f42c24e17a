-- SPDX-License-Identifier: Apache-2.0
-- The market's memory. Hashes and addresses are bytea, money is numeric(39,0)
-- in base units, rates are numeric(39,0) in 10^-9 base units per second.
-- States move only along the tables of lease/life.c; every UPDATE repeats the
-- old state in its WHERE, and no row means that somebody was faster.

create domain gavel.hash as bytea check (length(value) = 32);
create domain gavel.address as bytea check (length(value) = 20);
create domain gavel.sig as bytea check (length(value) = 64);
create domain gavel.amount as numeric(39,0) check (value >= 0);

create table gavel.provider (
	address     gavel.address primary key,
	record      jsonb not null,               -- provider_terms and attributes
	attributes  jsonb not null,
	sig         gavel.sig not null,
	seq         bigint not null,
	seen_at     timestamptz not null,         -- of its last registration: the heartbeat
	launches    integer not null default 0,
	failures    integer not null default 0
);

create table gavel.orders (
	hash        gavel.hash primary key,       -- order_hash(): what was signed
	id          bytea not null unique check (length(id) = 16),
	tenant      gavel.address not null,
	nonce       numeric(20,0) not null,
	idem_key    text not null,
	terms       jsonb not null,
	sig         gavel.sig not null,
	grp         jsonb not null,               -- struct group; "group" is a reserved word
	care_hours  integer not null default 1,
	window_us   bigint not null,              -- bidding window the tenant asked for
	deposit     gavel.amount not null,
	state       text not null default 'open',
	round       integer not null default 0,
	failures    integer not null default 0,
	ends_at     timestamptz not null,         -- no award later
	next_at     timestamptz,                  -- when the clerk must look again; null: on a fact
	cancel_at   timestamptz,                  -- asked by the tenant
	reason      text not null default '',     -- how it ended
	created_at  timestamptz not null,
	unique (tenant, nonce),
	unique (tenant, idem_key)
);
create index orders_due on gavel.orders (next_at) where next_at is not null;
create index orders_by_time on gavel.orders (created_at desc, hash);
create index orders_held on gavel.orders (tenant) where state in ('open', 'bidding', 'awarded');

create table gavel.round (
	order_hash  gavel.hash not null references gavel.orders,
	number      integer not null,
	pubkey      gavel.hash not null,          -- X25519, to seal bids to
	starts_at   timestamptz not null,
	ends_at     timestamptz not null,
	invited     integer not null,
	root        gavel.hash,                   -- of all envelopes, signed before the key is shown
	sig         gavel.sig,
	seckey      gavel.hash,                   -- published after the root: opens every bid
	outcome     text,
	transcript  text,                         -- its Keccak-256 is what the award names
	primary key (order_hash, number)
);

create table gavel.bid (
	seq         bigserial unique,             -- order of receipt
	id          bytea primary key check (length(id) = 16),
	order_hash  gavel.hash not null,
	round       integer not null,
	provider    gavel.address not null,
	envelope    bytea,                        -- the sealed box; null: a decline
	decline     text,                         -- reason code; null: a bid
	received_at timestamptz not null,
	floor       gavel.amount,                 -- after the opening
	list        gavel.amount,
	rank        integer,
	reason      text,                         -- why it was not taken, or "won"
	unique (order_hash, round, provider),     -- sealed once
	foreign key (order_hash, round) references gavel.round,
	check ((envelope is null) <> (decline is null))
);

create table gavel.lease (
	hash        gavel.hash primary key,       -- lease_hash(): the id on chain
	id          bytea not null unique check (length(id) = 16),
	order_hash  gavel.hash not null references gavel.orders,
	round       integer not null,
	tenant      gavel.address not null,
	provider    gavel.address not null,
	terms       jsonb not null,
	rate        gavel.amount not null,
	deposit     gavel.amount not null,
	record      gavel.hash not null,          -- hash of the transcript
	award_sig   gavel.sig not null,
	lease_sig   gavel.sig,                    -- the winner's acceptance
	state       text not null default 'awarded',
	accept_by   timestamptz not null,
	refused     text,                         -- by the winner, with its reason
	opened_at   timestamptz,
	launched_at timestamptz,
	launch_told boolean not null default false,
	launch_error text,
	endpoints   jsonb,                        -- where the workload can be reached
	released    gavel.amount,                 -- the winner's last word
	release_sig gavel.sig,
	paid        gavel.amount not null default 0,
	refund      gavel.amount not null default 0,
	ended_at    timestamptz,
	reason      text not null default '',
	created_at  timestamptz not null
);
-- At most one live lease per order.
create unique index lease_live on gavel.lease (order_hash) where state not in ('closed', 'failed');
create index lease_by_tenant on gavel.lease (tenant, created_at desc);
create index lease_by_provider on gavel.lease (provider, created_at desc);

-- The highest co-signed cumulative amount of each lease, with its meter reading.
create table gavel.voucher (
	lease        gavel.hash primary key references gavel.lease,
	amount       gavel.amount not null,
	up_to        bigint not null,
	payer_sig    gavel.sig not null,
	provider_sig gavel.sig not null,
	usage        jsonb not null,
	usage_sig    gavel.sig not null,
	updated_at   timestamptz not null
);

-- What the chain said, by block; a reorganisation makes rows not canonical.
create table gavel.chain_block (
	number      bigint primary key,
	hash        gavel.hash not null,
	parent      gavel.hash not null,
	at          bigint not null
);
create table gavel.chain_event (
	seq         bigserial primary key,
	block       bigint not null,
	block_hash  gavel.hash not null,
	tx_hash     gavel.hash not null,
	log_index   integer not null,
	kind        text not null,
	lease       gavel.hash,
	account     gavel.address,
	canonical   boolean not null default true,
	at          bigint not null,
	unique (block_hash, log_index)
);
create index chain_event_lease on gavel.chain_event (lease) where canonical;

-- Double entry, append only: the entries of one chain event sum to zero.
create table gavel.ledger_entry (
	seq         bigserial primary key,
	event       bigint not null references gavel.chain_event,
	account     text not null,               -- "balance:0x..", "escrow:0x..", "world"
	amount      numeric(39,0) not null,      -- signed: negative leaves the account
	reverses    boolean not null default false
);
create index ledger_entry_account on gavel.ledger_entry (account);
create function gavel.ledger_is_append_only() returns trigger language plpgsql as $$
begin
	raise exception 'the ledger is append-only';
end $$;
create trigger append_only before update or delete on gavel.ledger_entry
	for each row execute function gavel.ledger_is_append_only();

-- Running totals of the ledger, so that a balance costs one row.
create table gavel.account (
	name        text primary key,
	total       numeric(39,0) not null
);
create function gavel.ledger_total() returns trigger language plpgsql as $$
begin
	insert into gavel.account as a (name, total) values (new.account, new.amount)
	on conflict (name) do update set total = a.total + excluded.total;
	return null;
end $$;
create trigger total after insert on gavel.ledger_entry
	for each row execute function gavel.ledger_total();

-- Transactions to be. An intent is one lease's wish; a tx carries many.
create table gavel.tx (
	id          bigserial primary key,
	nonce       bigint not null,
	hash        gavel.hash not null unique,
	raw         bytea not null,
	kind        text not null,
	state       text not null default 'signed', -- signed, sent, mined, reverted, replaced
	block       bigint,
	gas_used    bigint,
	created_at  timestamptz not null
);
create table gavel.intent (
	id          bigserial primary key,
	kind        text not null,                -- open, void, settle, close
	lease       gavel.hash not null references gavel.lease,
	amount      gavel.amount not null default 0, -- settle: the cumulative amount asked for
	state       text not null default 'pending', -- pending, sent, done, failed
	tx          bigint references gavel.tx,
	error       text not null default '',
	created_at  timestamptz not null
);
create unique index intent_live on gavel.intent (kind, lease) where state in ('pending', 'sent');
create index intent_pending on gavel.intent (id) where state = 'pending';

-- What happened, for everyone: the source of GET /v1/events. Written only by
-- the clerk, over one connection, so that seq grows in the order of commits.
create table gavel.event (
	seq         bigserial primary key,
	type        text not null,
	subject     text not null,                -- ord_..., lea_...
	at          timestamptz not null,
	data        jsonb not null
);

-- Tokens that the escrow holds for an address and that no live order claims.
create function gavel.free_balance(who bytea) returns numeric language sql stable as $$
	select coalesce((select total from gavel.account
	                 where name = 'balance:0x' || encode(who, 'hex')), 0)
	     - coalesce((select sum(deposit) from gavel.orders
	                 where tenant = who and state in ('open', 'bidding', 'awarded')), 0)
$$;
