-- SPDX-License-Identifier: Apache-2.0

-- name: provider_put
-- args: address address, text record, text attributes, sig sig, text seq, time now
-- rows: 0..1  (no row: a newer record is known)
insert into gavel.provider as p (address, record, attributes, sig, seq, seen_at)
values ($1::bytea, $2::jsonb, $3::jsonb, $4::bytea, $5::bigint, $6::timestamptz)
on conflict (address) do update set record = excluded.record, attributes = excluded.attributes, sig = excluded.sig,
	seq = excluded.seq, seen_at = excluded.seen_at
where p.seq <= excluded.seq returning 1 as stored;

-- name: provider_list
-- args: time now
select *, (seen_at > $1::timestamptz - interval '45 seconds') as online from gavel.provider order by address;

-- name: provider_get
-- args: address address, time now
select *, (seen_at > $2::timestamptz - interval '45 seconds') as online from gavel.provider where address = $1::bytea;
