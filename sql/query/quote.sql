-- SPDX-License-Identifier: Apache-2.0

-- name: quote_place
-- args: id id, address tenant, text doc, time now, time ends_at, int tenant_most, int all_most
-- rows: 0..1  (no row: the tenant has asked tenant_most times within a minute, or all
--              tenants all_most times within a second)
with swept as (
	delete from gavel.quote where at < $4::timestamptz - interval '1 hour'
)
insert into gavel.quote (id, tenant, doc, at, ends_at)
select $1::bytea, $2::bytea, $3::text, $4::timestamptz, $5::timestamptz
where (select count(*) from gavel.quote where tenant = $2::bytea and at > $4::timestamptz - interval '1 minute') < $6::bigint
  and (select count(*) from gavel.quote where at > $4::timestamptz - interval '1 second') < $7::bigint
on conflict do nothing returning 1 as placed;

-- name: quotes_announce
-- args: time now
-- plan: once
-- rows: one for each new question, told to all; events of old ones are swept
with told as (
	update gavel.quote set announced = true where not announced and ends_at > $1::timestamptz returning doc
), swept as (
	delete from gavel.event where type = 'quote.requested' and at < $1::timestamptz - interval '1 hour'
)
insert into gavel.event (type, subject, at, data)
select 'quote.requested', doc::jsonb->>'id', $1::timestamptz, doc::jsonb from told returning 1 as told;

-- name: quote_answer
-- args: id quote, address provider, text list, text reason, time now
-- rows: 0..1  (no row: no such question, it is over, or no such provider)
insert into gavel.quote_answer as a (quote, provider, list, reason, at)
select q.id, p.address, nullif($3::text, '')::numeric, nullif($4::text, ''), $5::timestamptz
from gavel.quote q, gavel.provider p
where q.id = $1::bytea and p.address = $2::bytea and q.ends_at > $5::timestamptz
on conflict (quote, provider) do update set at = a.at returning 1 as stored;

-- name: quote_known
-- args: id quote
select 1 as known from gavel.quote where id = $1::bytea;

-- name: quote_answers
-- args: id quote
select provider, list, reason from gavel.quote_answer where quote = $1::bytea order by list nulls last, reason, provider;

-- name: providers_online
-- args: time now
select count(*) as online from gavel.provider where seen_at > $1::timestamptz - interval '45 seconds';
