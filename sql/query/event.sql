-- SPDX-License-Identifier: Apache-2.0

-- name: event_add
-- args: text type, text subject, time now, text data
-- plan: once
insert into gavel.event (type, subject, at, data) values ($1::text, $2::text, $3::timestamptz, $4::jsonb);

-- name: events_after
-- args: int seq, int most
-- plan: once
select seq, type, subject, at, data from gavel.event where seq > $1::bigint order by seq limit $2::bigint;

-- name: event_last
-- args: int unused
-- plan: once
select coalesce(max(seq), 0) as seq from gavel.event where $1::bigint = 0;
