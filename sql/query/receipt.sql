-- SPDX-License-Identifier: Apache-2.0

-- name: receipt_get
-- args: hash item
-- rows: 0..1
select item, subject, round, idx, at, sig from gavel.receipt where item = $1::bytea order by at, idx limit 1;

-- name: receipts_due
-- args: int most
select item, subject, round, idx, at from gavel.receipt where sig is null order by idx limit $1::bigint;

-- name: receipt_signed
-- args: hash item, hash subject, int round, int idx, sig sig
update gavel.receipt set sig = $5::bytea
where item = $1::bytea and subject = $2::bytea and round = $3::bigint and idx = $4::bigint;
