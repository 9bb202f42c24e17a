-- SPDX-License-Identifier: Apache-2.0

-- name: receipt_get
-- args: hash item
-- rows: 0..1
select item, subject, round, idx, at, sig from gavel.receipt where item = $1::bytea order by at, idx limit 1;

-- name: receipts_due
-- args: int most
select item, subject, round, idx, at from gavel.receipt where sig is null order by idx limit $1::bigint;

-- name: receipts_signed
-- args: texts item, texts subject, texts round, texts idx, texts sig
-- rows: none; of as many receipts as were signed at once. Not planned once: a plan of
-- when there were few would read all of them.
update gavel.receipt r set sig = decode(g.sig, 'hex')
from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[]) as g (item, subject, round, idx, sig)
where r.item = decode(g.item, 'hex') and r.subject = decode(g.subject, 'hex') and r.round = g.round and r.idx = g.idx;
