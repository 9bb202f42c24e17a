-- SPDX-License-Identifier: Apache-2.0

-- name: orders_unclassed
-- args: time since, int most
select o.hash, o.grp from gavel.orders o
where o.created_at >= $1::timestamptz
  and not exists (select 1 from gavel.order_class c where c.order_hash = o.hash)
order by o.created_at limit $2::bigint;

-- name: order_class_put
-- args: hash order, text class, text region, rate reference
-- rows: none; what was picked by hand does not count in the index
insert into gavel.order_class (order_hash, class, region, reference, manual)
select hash, $2::text, $3::text, $4::numeric, coalesce(grp->>'accept' = 'manual', false)
from gavel.orders where hash = $1::bytea on conflict do nothing;

-- name: index_trades
-- args: time since, time until, int most
-- rows: a class after the other, and of each a region after the other
select * from gavel.index_trades($1::timestamptz, $2::timestamptz) t order by t.class, t.region, t.id limit $3::bigint;

-- name: index_trades_page
-- args: time since, time until, text class, text region, id after, int most
select * from gavel.index_trades($1::timestamptz, $2::timestamptz) t
where ($3::text is null or t.class = $3::text) and ($4::text is null or t.region = $4::text)
  and ($5::bytea is null or t.id > $5::bytea)
order by t.id limit $6::bigint;

-- name: index_orders
-- args: time since, time until
-- rows: for each class, and each region that was asked for, what became of the orders
select c.class, coalesce(c.region, '') as region, count(f.at) as awarded,
       count(*) filter (where f.at is null and o.state = 'unfilled') as unmatched,
       (percentile_disc(0.5) within group (order by extract(epoch from f.at - o.created_at) * 1000))::bigint as award_ms
from gavel.orders o join gavel.order_class c on c.order_hash = o.hash
left join lateral (select min(l.created_at) as at from gavel.lease l where l.order_hash = o.hash) f on true
where o.created_at > $1::timestamptz and o.created_at <= $2::timestamptz
group by grouping sets ((c.class), (c.class, c.region))
having grouping(c.region) = 1 or c.region <> '';

-- name: index_put
-- args: text class, text region, int window_s, time at, int leases, int owners, bool published, int p25, int median, int p75
-- rows: none; what is not published leaves the last published values
insert into gavel.price_index as i (class, region, window_s, at, leases, owners, awarded, unmatched, published_at, p25, median, p75)
select $1::text, $2::text, $3::int, $4::timestamptz, $5::int, $6::int, 0, 0,
       case when $7::bool then $4::timestamptz end, case when $7::bool then $8::bigint end,
       case when $7::bool then $9::bigint end, case when $7::bool then $10::bigint end
on conflict (class, region, window_s) do update
set at = excluded.at, leases = excluded.leases, owners = excluded.owners,
    published_at = coalesce(excluded.published_at, i.published_at), p25 = coalesce(excluded.p25, i.p25),
    median = coalesce(excluded.median, i.median), p75 = coalesce(excluded.p75, i.p75);

-- name: index_begin
-- args: int window_s, time at
-- rows: none; before the rows of `at` are put: what had trades and has none now
update gavel.price_index set at = $2::timestamptz, leases = 0, owners = 0, awarded = 0, unmatched = 0, award_ms = null
where window_s = $1::int;

-- name: index_put_orders
-- args: text class, text region, int window_s, time at, int awarded, int unmatched, text award_ms
insert into gavel.price_index as i (class, region, window_s, at, leases, owners, awarded, unmatched, award_ms)
values ($1::text, $2::text, $3::int, $4::timestamptz, 0, 0, $5::int, $6::int, nullif($7::text, '')::bigint)
on conflict (class, region, window_s) do update
set awarded = excluded.awarded, unmatched = excluded.unmatched, award_ms = excluded.award_ms;

-- name: index_sweep
-- args: int window_s
-- rows: none; classes of which nothing is known any more
delete from gavel.price_index
where window_s = $1::int and leases = 0 and awarded = 0 and unmatched = 0 and published_at is null;

-- name: index_list
-- args: text class, text region, int window_s, int most
-- rows: region null: each class over all regions, and each of its regions
select * from gavel.price_index
where window_s = $3::int and ($1::text is null or class = $1::text) and ($2::text is null or region = $2::text)
order by class, region limit $4::bigint;
