-- SPDX-License-Identifier: Apache-2.0

-- name: head_due
-- args: time now, int every_s
-- rows: 0..1: the newest record, if no transaction that is under way or mined (also one
-- that failed: its data is on the chain all the same) has its head; due: a transaction
-- of its own is worth it, since something happened so long ago that is under no head
with last as (
	select head from gavel.tx where head is not null and state not in ('lost', 'replaced') order by head desc limit 1
)
select t.number, t.hash,
       coalesce((select s.at <= $1::timestamptz - make_interval(secs => $2::bigint) from gavel.tick s
                 where s.stirs and s.number > coalesce(l.head, -1) order by s.number limit 1), false) as due
from (select number, hash from gavel.tick order by number desc limit 1) t left join last l on true
where l.head is null or l.head < t.number;

-- name: heads_list
-- args: int after, int tick, int most
-- rows: mined transactions of the market's key by nonce, above `after`; tick >= 0: from
-- the last of them with a head of a record below that tick
select x.nonce, x.hash, x.block, x.head, t.hash as record
from gavel.tx x left join gavel.tick t on t.number = x.head
where x.state in ('mined', 'reverted') and x.nonce > $1::bigint
  and ($2::bigint < 0 or x.nonce >= coalesce(
	(select y.nonce from gavel.tx y where y.head < $2::bigint and y.state in ('mined', 'reverted') order by y.head desc limit 1), 0))
order by x.nonce limit $3::bigint;
