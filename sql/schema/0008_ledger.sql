-- SPDX-License-Identifier: Apache-2.0
-- Double entry, kept by the database itself: what one statement adds to an event
-- sums to zero, nothing is changed or taken away, and running totals follow the
-- entries and nothing else. By statement, so that many rows cost one look.
create function gavel.ledger_balances() returns trigger language plpgsql security definer
set search_path = pg_catalog as $$
begin
	if exists (select from added group by event having sum(amount) <> 0) then
		raise exception 'the entries of an event do not sum to zero';
	end if;
	insert into gavel.account as a (name, total)
	select account, sum(amount) from added group by account order by account
	on conflict (name) do update set total = a.total + excluded.total;
	return null;
end $$;
drop trigger total on gavel.ledger_entry;
drop function gavel.ledger_total();
create trigger balances after insert on gavel.ledger_entry
	referencing new table as added for each statement execute function gavel.ledger_balances();
create trigger never_truncated before truncate on gavel.ledger_entry
	for each statement execute function gavel.ledger_is_append_only();

-- A total is changed by entries, which is by a trigger, or not at all.
create function gavel.account_follows() returns trigger language plpgsql as $$
begin
	if pg_trigger_depth() < 2 then
		raise exception 'totals follow the ledger';
	end if;
	return coalesce(new, old);
end $$;
create trigger follows before insert or update or delete on gavel.account
	for each row execute function gavel.account_follows();
create trigger never_truncated before truncate on gavel.account
	for each statement execute function gavel.ledger_is_append_only();

-- Of an event only this changes: whether the chain still says it.
create function gavel.event_stands() returns trigger language plpgsql as $$
declare
	same gavel.chain_event := new;
begin
	same.canonical := old.canonical;
	if same is distinct from old then
		raise exception 'events of the chain are append-only';
	end if;
	return new;
end $$;
create trigger stands before update on gavel.chain_event
	for each row execute function gavel.event_stands();
create trigger never_deleted before delete on gavel.chain_event
	for each row execute function gavel.ledger_is_append_only();
create trigger never_truncated before truncate on gavel.chain_event
	for each statement execute function gavel.ledger_is_append_only();

-- The role that serves may read all and write all but the past. It must not own the
-- tables, or it could take the triggers away: migrate with one role, serve with another.
create function gavel.serve_as(who text) returns void language plpgsql as $$
begin
	execute format('grant usage on schema gavel to %I', who);
	execute format('grant select, insert, update, delete on all tables in schema gavel to %I', who);
	execute format('grant usage, select on all sequences in schema gavel to %I', who);
	execute format('revoke update, delete, truncate on gavel.ledger_entry, gavel.account from %I', who);
	execute format('revoke insert on gavel.account from %I', who);
	execute format('revoke delete, truncate on gavel.chain_event from %I', who);
end $$;

-- The vouchers that were sent to the chain: evidence for each payment, and no more of
-- them than payments.
create table gavel.settled (
	lease        gavel.hash not null references gavel.lease,
	amount       gavel.amount not null,
	up_to        bigint not null,
	payer_sig    gavel.sig not null,
	provider_sig gavel.sig not null,
	usage        jsonb not null,
	usage_sig    gavel.sig not null,
	primary key (lease, up_to)
);

-- Of an opening, whose order it was: the contract takes an order once.
alter table gavel.chain_event add order_hash gavel.hash;
create index chain_event_order on gavel.chain_event (order_hash) where order_hash is not null;
create index chain_event_block on gavel.chain_event (block);
