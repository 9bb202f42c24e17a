-- SPDX-License-Identifier: Apache-2.0

-- name: deposits_tell
-- args: time now
-- rows: one for each lease whose deposit ends sooner than was told; it is told. By what
-- was signed last, and the full rate since. After a top-up it may be told again.
with lasts as (
	select l.hash, l.deposit_told,
	       (l.deposit - greatest(l.paid, coalesce(v.amount, 0))) * 1000000000 / l.rate
	       - extract(epoch from $1::timestamptz)
	       + greatest(coalesce(v.up_to, 0), extract(epoch from l.opened_at)) as left_s
	from gavel.lease l left join gavel.voucher v on v.lease = l.hash
	where l.state = 'active' and l.rate > 0 and l.opened_at is not null
), levels as (
	select hash, deposit_told, floor(greatest(left_s, 0)) as left_s,
	       case when left_s <= 0 then 4 when left_s <= 3600 then 3
	            when left_s <= 86400 then 2 when left_s <= 604800 then 1 else 0 end as level
	from lasts
), moved as (
	update gavel.lease l set deposit_told = n.level from levels n
	where l.hash = n.hash and l.deposit_told <> n.level returning l.hash, n.level, n.left_s, n.deposit_told
)
insert into gavel.event (type, subject, at, data)
select 'lease.deposit_low', '0x' || encode(hash, 'hex'), $1::timestamptz,
       jsonb_build_object('lease', '0x' || encode(hash, 'hex'), 'left_s', left_s,
                          'within', (array['7d', '1d', '1h', '0'])[level])
from moved where level > deposit_told returning 1 as told;
