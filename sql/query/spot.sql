-- SPDX-License-Identifier: Apache-2.0

-- name: pool_put
-- args: address provider, text class, text seq, text doc, time now
-- rows: 0..1  (no row: a newer statement is known, or no such provider)
insert into gavel.pool as p (provider, class, seq, doc, seen_at)
select address, $2::text, $3::numeric, $4::text, $5::timestamptz from gavel.provider where address = $1::bytea
on conflict (provider, class) do update set seq = excluded.seq, doc = excluded.doc, seen_at = excluded.seen_at
where p.seq <= excluded.seq returning 1 as stored;

-- name: pools_due
-- args: time now, int period_us
-- rows: pools whose price is older than the period, or that have none
select p.provider, p.class, p.doc, coalesce(s.number, 0) as number, s.hash
from gavel.pool p
left join lateral (select number, hash, at from gavel.spot_price s where s.provider = p.provider and s.class = p.class
                   order by number desc limit 1) s on true
where p.seen_at > $1::timestamptz - interval '45 seconds'
  and (s.at is null or s.at <= $1::timestamptz - $2::bigint * interval '1 microsecond')
order by p.provider, p.class;

-- name: pool_runs
-- args: address provider
-- rows: interruptible leases of this provider, and orders that only lack room there
select l.hash as id, o.grp, l.rate, r.state, r.at, extract(epoch from l.created_at)::bigint as created, true as leased
from gavel.lease l join gavel.orders o on o.hash = l.order_hash
left join lateral (select state, at from gavel.spot_run where lease = l.hash order by seq desc limit 1) r on true
where l.provider = $1::bytea and l.state in ('awarded', 'opening', 'active') and o.grp->>'interruptible' = 'true'
  and r.state is distinct from 3
union all
select o.hash, o.grp, (o.terms->>'maxRate')::numeric, null, null, 0, false
from gavel.orders o
where o.state in ('open', 'bidding') and o.grp->>'interruptible' = 'true'
  and $1::bytea = (select b.provider from gavel.bid b where b.order_hash = o.hash and b.decline = 'capacity'
                   order by b.round desc, b.provider limit 1)
order by id limit 512;

-- name: spot_price_add
-- args: address provider, text class, int number, time at, rate price, hash hash, text doc
-- rows: 0..1
insert into gavel.spot_price (provider, class, number, at, price, hash, doc)
values ($1::bytea, $2::text, $3::bigint, $4::timestamptz, $5::numeric, $6::bytea, $7::text)
on conflict do nothing returning 1 as stored;

-- name: pool_list
-- args: time now
-- rows: every pool of a provider that is there, with the price that stands
select p.provider, p.class, p.doc, s.number, s.price, s.at, s.doc as price_doc
from gavel.pool p
left join lateral (select number, price, at, doc from gavel.spot_price s where s.provider = p.provider and s.class = p.class
                   order by number desc limit 1) s on true
where p.seen_at > $1::timestamptz - interval '45 seconds' order by p.class, s.price, p.provider;

-- name: spot_prices
-- args: address provider, text class, int after, int since, int most
-- rows: after this number, and from the one on that stood at `since`; 0: from the first
select doc from gavel.spot_price where provider = $1::bytea and class = $2::text
  and number > greatest($3::bigint, (select coalesce(max(number) - 1, 0) from gavel.spot_price
                        where provider = $1::bytea and class = $2::text and at <= to_timestamp($4::bigint - 3)))
order by number limit $5::bigint;

-- name: spot_run_put
-- args: hash lease, address provider, int seq, int state, int at, text doc
-- rows: 0..1  (no row: not an interruptible lease of this provider, or not the next one)
insert into gavel.spot_run (lease, seq, state, at, doc)
select l.hash, $3::bigint, $4::int, $5::bigint, $6::text
from gavel.lease l join gavel.orders o on o.hash = l.order_hash
where l.hash = $1::bytea and l.provider = $2::bytea and o.grp->>'interruptible' = 'true'
  and l.state in ('active', 'closing')
  and $3::bigint = coalesce((select max(seq) from gavel.spot_run r where r.lease = l.hash), 0) + 1
on conflict do nothing returning 1 as stored;

-- name: spot_run_get
-- args: hash lease, int seq
select doc from gavel.spot_run where lease = $1::bytea and seq = $2::bigint;

-- name: spot_runs
-- args: hash lease
select doc from gavel.spot_run where lease = $1::bytea order by seq limit 4096;

-- name: pool_statements
-- args: address provider, int since
-- rows: what the provider said of its interruptible leases, and what each pays at most
select r.doc, l.rate, o.grp, l.hash, r.seq, r.state, r.at
from gavel.spot_run r join gavel.lease l on l.hash = r.lease join gavel.orders o on o.hash = l.order_hash
where l.provider = $1::bytea and r.at >= $2::bigint order by r.at, r.lease, r.seq limit 4096;

-- name: spot_runs_announce
-- args: time now
-- plan: once
-- rows: one for each new statement, told to all
with told as (
	update gavel.spot_run set told = true where not told returning lease, seq, state, at
)
insert into gavel.event (type, subject, at, data)
select case t.state when 1 then 'lease.runs' when 2 then 'lease.interrupted' else 'lease.paused' end, '', $1::timestamptz,
       jsonb_build_object('lease_hash', '0x' || encode(t.lease, 'hex'), 'order_hash', '0x' || encode(l.order_hash, 'hex'),
                          'tenant', '0x' || encode(l.tenant, 'hex'), 'provider', '0x' || encode(l.provider, 'hex'),
                          'seq', t.seq, 'at', t.at)
from told t join gavel.lease l on l.hash = t.lease order by t.at returning 1 as told;
