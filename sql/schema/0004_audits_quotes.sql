-- SPDX-License-Identifier: Apache-2.0
-- What auditors say of providers, the latest statement of each about each: a
-- revocation stays as a row, so that an older statement cannot come back.
create table gavel.audit (
	auditor     gavel.address not null,
	provider    gavel.address not null references gavel.provider,
	seq         numeric(20,0) not null,
	doc         text not null,                -- audit_doc, as it was signed
	expires     bigint not null,              -- unix seconds; 0: taken back
	at          timestamptz not null,
	primary key (provider, auditor)
);

-- Questions about prices. Nothing is ordered by them; they are swept after an hour.
create table gavel.quote (
	id          bytea primary key check (length(id) = 16),
	tenant      gavel.address not null,
	doc         text not null,                -- quote_doc: what the event says
	at          timestamptz not null,
	ends_at     timestamptz not null,
	announced   boolean not null default false
);
create index quote_new on gavel.quote (at) where not announced;
create index quote_by_tenant on gavel.quote (tenant, at);
create index quote_by_time on gavel.quote (at);
create table gavel.quote_answer (
	quote       bytea not null references gavel.quote on delete cascade,
	provider    gavel.address not null references gavel.provider,
	list        gavel.amount,                 -- null: declined
	reason      text,
	at          timestamptz not null,
	primary key (quote, provider),
	check ((list is null) <> (reason is null))
);
create index event_quotes on gavel.event (at) where type = 'quote.requested';
