-- SPDX-License-Identifier: Apache-2.0

-- name: audit_put
-- args: address auditor, address provider, text seq, text doc, int expires, time now
-- rows: 0..1  (no row: no such provider, or a higher seq is known)
insert into gavel.audit as a (auditor, provider, seq, doc, expires, at)
select $1::bytea, p.address, $3::numeric, $4::text, $5::bigint, $6::timestamptz
from gavel.provider p where p.address = $2::bytea
on conflict (provider, auditor) do update set seq = excluded.seq, doc = excluded.doc, expires = excluded.expires,
	at = excluded.at
where a.seq < excluded.seq or (a.seq = excluded.seq and a.doc = excluded.doc) returning 1 as stored;

-- name: audit_list
-- args: address provider
select doc from gavel.audit where provider = $1::bytea order by at desc limit 1000;

-- name: audits_of_round
-- args: hash order, int round
-- plan: once
-- rows: statements about the round's bidders, and whose offers are in its book, by auditors that the order names
select a.doc from gavel.orders o cross join lateral (
	select b.provider from gavel.bid b
	where b.order_hash = o.hash and b.round = $2::int and b.envelope is not null
	union
	select f.provider from gavel.round r cross join lateral gavel.book_offers(r.book_tick + 1) f
	where r.order_hash = o.hash and r.number = $2::int) p
join gavel.audit a on a.provider = p.provider
where o.hash = $1::bytea and '0x' || encode(a.auditor, 'hex') in (
	select lower(x) from jsonb_array_elements_text(
		coalesce(o.grp->'signed_by', '[]') || coalesce(o.grp->'signed_any', '[]')) x)
order by a.provider, a.auditor;
