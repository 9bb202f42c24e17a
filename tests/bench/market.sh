#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# market.sh [SECONDS] - the market alone: a chain that is empty, for the desk reads it
# before it works on orders (node.py), and no provider's machine. A real
# gavel-market on a PostgreSQL with fsync takes sealed bids of 100 providers over 8 and
# 64 connections, beside pgbench's one-row inserts on the same database and beside the
# same HTTP server with the signature checked and nothing stored; and is read, beside a
# bare evhttp. CPU is that of all the market's processes, and of all PostgreSQL's.
# Figures of one run compare with one another only. Needs root.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_TOP=$PWD
. demo/lib.sh
set +e
seconds=${1:-5}
bench=${BUILD:-build}/tests/bench/market
providers=100 orders=4000
work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/d" && chown "$user" "$work" "$work/d"
port=$((20000 + RANDOM % 10000))
pids=
cleanup() {
	for pid in $pids; do kill "$pid" 2>/dev/null; done
	as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -m immediate stop >/dev/null 2>&1
	rm -rf "$work"
}
trap cleanup EXIT
sql() { as_user "$pg_bin/psql" -h "$work/d" -U gavel -d gavel -v ON_ERROR_STOP=1 -qAt "$@"; }
pgbench() { as_user "$pg_bin/pgbench" -h "$work/d" -U gavel -n "$@" gavel 2>&1; }

as_user "$pg_bin/initdb" -D "$work/d/pg" -U gavel -A trust -E UTF8 --locale=C.UTF-8 >/dev/null 2>&1
as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -w -l "$work/d/log" \
	-o "-k $work/d -c listen_addresses= -c shared_buffers=256MB -c max_wal_size=4GB" start >/dev/null 2>&1
postmaster=$(head -1 "$work/d/pg/postmaster.pid")
as_user "$pg_bin/createdb" -h "$work/d" -U gavel gavel
echo password >"$work/password"
market_address=$("$bin/gavel-market" key new --password-file "$work/password" "$work/key.json")
chown "$user" "$work/key.json" "$work/password"
cat >"$work/market.yaml" <<END
listen: 127.0.0.1
port: $port
user: $user
database: "host=$work/d user=gavel dbname=gavel"
key_file: $work/key.json
password_file: $work/password
rpc_url: http://127.0.0.1:$((port + 4))
chain_id: 31337
escrow: "0x0000000000000000000000000000000000000001"
token: "0x0000000000000000000000000000000000000002"
sql_dir: $PWD/sql/schema
openapi_file: $PWD/docs/openapi.yaml
chain_poll_ms: 60000
accept_ms: 60000
END
as_user "$bin/gavel-market" -c "$work/market.yaml" migrate 2>/dev/null
"$bench" seed $providers $orders | sql >/dev/null
sql -c 'create table public.one_row (id bytea primary key, order_hash bytea, provider bytea, envelope bytea, at timestamptz)'
echo "insert into public.one_row values (decode(md5(random()::text), 'hex'), decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 20), 'hex'), decode(repeat('ef', 450), 'hex'), now())" >"$work/insert.sql"
chmod a+r "$work/insert.sql"
python3 tests/bench/node.py $((port + 4)) 0x0000000000000000000000000000000000000001 0 1 /dev/null &
pids="$pids $!"
for try in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$((port + 4))") 2>/dev/null && break; sleep 0.05; done
"$bin/gavel-market" -c "$work/market.yaml" >"$work/market.log" 2>&1 &
market_pid=$!
pids="$pids $market_pid"
"$bench" plain $((port + 1)) & plain_pid=$!
"$bench" http $((port + 2)) "$market_address" & http_pid=$!
"$bench" verify $((port + 3)) "$market_address" & verify_pid=$!
pids="$pids $plain_pid $http_pid $verify_pid"
for p in 0 1 2 3; do
	for try in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$((port + p))") 2>/dev/null && break; sleep 0.05; done
done
sleep 1

# Nanoseconds of CPU of these processes.
cpu() {
	total=0
	for pid in "$@"; do
		read -r ns _ <"/proc/$pid/schedstat" 2>/dev/null && total=$((total + ns))
	done
	echo $total
}
# shellcheck disable=SC2046
market_cpu() { cpu "$market_pid" $(pgrep -P "$market_pid"); }
# Backends come and go; those that stay are what is compared.
# shellcheck disable=SC2046
postgres_cpu() { cpu "$postmaster" $(pgrep -P "$postmaster"); }
field() { echo "$1" | sed -n "s/.*\b$2=\([0-9.]*\).*/\1/p"; }
div() { awk "BEGIN { printf \"%.${3:-2}f\", $2 ? ($1) / ($2) : 0 }"; }
row() { echo "| $1 | $2 | ${3:-} |"; }

first=0
bids() { # bids CONNECTIONS: sets rate, p50, p99, cpu_m and cpu_p per bid in us
	m=$(market_cpu) p=$(postgres_cpu)
	out=$("$bench" bids $port "$1" "$seconds" $providers $orders $first "$market_address")
	m=$(($(market_cpu) - m)) p=$(($(postgres_cpu) - p))
	first=$((first + $(field "$out" count) + $(field "$out" bad) + $1 + providers))
	[ "$(field "$out" bad)" = 0 ] || echo "refused: $out" >&2
	rate=$(field "$out" rate) p50=$(field "$out" p50) p99=$(field "$out" p99)
	cpu_m=$(div "$m" "$(field "$out" count) * 1000" 1) cpu_p=$(div "$p" "$(field "$out" count) * 1000" 1)
}
other() { # other PORT PID CONNECTIONS: the same of a server to compare with
	m=$(cpu "$2")
	out=$("$bench" bids "$1" "$3" "$seconds" $providers $orders 0 "$market_address")
	rate=$(field "$out" rate) cpu_m=$(div "$(cpu "$2") - $m" "$(field "$out" count) * 1000" 1)
}
inserts() { pgbench -M prepared -f "$work/insert.sql" -c "$1" -j 1 -T "$seconds" | sed -n 's/^tps = \([0-9]*\).*/\1/p'; }

bench_load before
echo "| figure | value | ratio |"
echo "| --- | --- | --- |"
insert8=$(inserts 8) insert32=$(inserts 32)
row 'pgbench, one-row inserts, 8 clients' "$insert8/s"
row 'pgbench, one-row inserts, 32 clients' "$insert32/s"
other $((port + 2)) "$http_pid" 64
http_cpu=$cpu_m
row 'HTTP and JSON of a bid only, 64 connections' "$rate/s, $cpu_m us of CPU each"
other $((port + 3)) "$verify_pid" 64
ceiling=$rate ceiling_cpu=$cpu_m
row 'and its signature: the ceiling' "$rate/s, $cpu_m us of CPU each" 1.00
for connections in 8 64; do
	bids $connections
	row "sealed bids stored, $connections connections" "$rate/s, p50 $p50 ms, p99 $p99 ms" \
		"$(div "$rate" "$ceiling") of the ceiling, $(div "$rate" "$insert8") and $(div "$rate" "$insert32") of the inserts"
	row "CPU of the market for each: HTTP + signature + the rest" \
		"$cpu_m us: $http_cpu + $(div "$ceiling_cpu - $http_cpu" 1 1) + $(div "$cpu_m - $ceiling_cpu" 1 1)" "$(div "$cpu_m" "$ceiling_cpu") of the ceiling's"
	row 'CPU of PostgreSQL for each' "$cpu_p us"
done
stored=$(sql -c 'select count(*) from gavel.bid')
row 'bids in the database' "$stored"

reading() { # reading PORT PIDS PATH CONNECTIONS
	c=$(cpu $2)
	out=$("$bench" get "$1" "$4" "$seconds" "$3")
	rate=$(field "$out" rate) cpu_m=$(div "$(cpu $2) - $c" "$(field "$out" count) * 1000" 1)
	[ "$(field "$out" bad)" = 0 ] || echo "refused: $out" >&2
}
web_pids=$(pgrep -P "$market_pid")
reading $((port + 1)) "$plain_pid" / 64
hello=$rate hello_cpu=$cpu_m
row 'bare evhttp, hello, 64 connections' "$rate/s, $cpu_m us of CPU" 1.00
for path in /healthz /.well-known/gavel "/v1/price-index"; do
	reading "$port" "$web_pids" "$path" 64
	row "GET $path" "$rate/s, $cpu_m us of CPU" "$(div "$rate" "$hello"), CPU $(div "$cpu_m" "$hello_cpu")"
done

# Orders, from posting to award. Three providers are invited, and known well enough.
count=400
sql -c "update gavel.provider set launches = 50, seen_at = '2000-01-01'"
sql -c "update gavel.provider set seen_at = now() + interval '1 day' where ctid in (select ctid from gavel.provider order by ctid limit 3)"
"$bench"_orders tenants 100 | sql >/dev/null
states() { sql -c "select count(*) from gavel.orders where idem_key like 'ord%' and state = '$1'"; }
until_all() { # until_all STATE COUNT: seconds it takes
	t=$(date +%s%N)
	while [ "$(states "$1")" -lt "$2" ] && [ $(($(date +%s%N) - t)) -lt 60000000000 ]; do sleep 0.05; done
	[ "$(states "$1")" -ge "$2" ] || echo "only $(states "$1") of $2 are $1" >&2
	div "$(date +%s%N) - $t" 1000000000 2
}
rounds() { sql -F ' ' -c "select encode(o.id, 'hex'), encode(o.hash, 'hex'), encode(r.pubkey, 'hex') from gavel.orders o join gavel.round r on r.order_hash = o.hash and r.number = o.round
	where o.idem_key like 'ord%' and o.state = 'bidding' order by o.created_at limit $1" >"$work/rounds"; }
m=$(market_cpu) p=$(postgres_cpu)
out=$("$bench"_orders post "$port" 64 100 $((2 * count)) "$market_address")
row 'orders posted, 64 connections' "$(field "$out" rate)/s, p50 $(field "$out" p50) ms, p99 $(field "$out" p99) ms" "$(div "$(field "$out" rate)" "$ceiling") of the ceiling for bids"
took=$(until_all bidding $((2 * count)))
row 'CPU of market and PostgreSQL for each, posted and announced' "$(div "$(market_cpu) - $m" "2000 * $count" 0) and $(div "$(postgres_cpu) - $p" "2000 * $count" 0) us, the last announced $took s after the last post"
rounds $count
out=$("$bench"_orders answer "$port" 1 3 "$market_address" "$work/rounds")
until_all awarded $count >/dev/null
latency() { sql -c "select round(1000 * percentile_disc($1) within group (order by v)::numeric, 1) from (select extract(epoch from l.created_at - max(b.received_at)) as v
	from gavel.lease l join gavel.bid b on b.order_hash = l.order_hash group by l.hash, l.created_at) x"; }
row "last bid received -> award signed and stored, $count orders, one connection" "p50 $(latency 0.5) ms, p99 $(latency 0.99) ms"
# The others: bids are in, and all rounds end at once.
sql -c "update gavel.round set invited = 1000000 where root is null"
rounds $count
"$bench"_orders answer "$port" 64 3 "$market_address" "$work/rounds" >/dev/null
m=$(market_cpu) p=$(postgres_cpu)
sql -c "update gavel.round r set ends_at = now() from gavel.orders o where o.hash = r.order_hash and o.idem_key like 'ord%' and o.state = 'bidding';
	update gavel.orders set next_at = now() where idem_key like 'ord%' and state = 'bidding'"
took=$(until_all awarded $((2 * count)))
row "rounds closed, opened, cleared, awarded, $count due at once" "$(div $count "$took" 0)/s: $took s"
row 'CPU of market and PostgreSQL for each' "$(div "$(market_cpu) - $m" "1000 * $count" 0) and $(div "$(postgres_cpu) - $p" "1000 * $count" 0) us"
sql -c "select transcript from gavel.round where outcome = 'awarded'" >"$work/transcripts"
out=$("$bench"_orders audit "$work/transcripts")
row "audit of an order from its transcript, $(field "$out" count) of three bids" "$(field "$out" cpu_ms) ms of CPU"

# Providers' event streams: an event reaches all; CPU a push beside a plain send.
streams=10000 events=10
# shellcheck disable=SC2046
anon() { for pid in $web_pids; do sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$pid/status"; done | awk '{ s += $1 } END { print s }'; }
memory=$(anon)
"$bench" streams "$port" $streams $events >"$work/streams" &
pid=$!
for try in $(seq 200); do grep -q ready "$work/streams" && break; sleep 0.1; done
row "streams held open, of $streams" "$(ss -Htn state established "sport = :$port" | wc -l)"
row 'memory of the market for each' "$(div "($(anon) - $memory) * 1.0" "$streams" 2) KiB"
sleep 1
m=$(cpu $web_pids)
for try in $(seq $events); do
	sql -c "insert into gavel.event (type, subject, at, data) values ('bench', 'ord_', now(), jsonb_build_object('pad', repeat('x', 190)))"
	sleep 0.6
done
wait $pid
m=$(($(cpu $web_pids) - m))
push=$(div "$m" "$streams * $events * 1000" 1)
send=$(field "$("$bench" sends 9000 20)" cpu)
row "streams that got all $events events" "$(field "$(tail -1 "$work/streams")" all)"
row 'CPU of a push of 250 bytes' "$push us" "$(div "$push" "$send") of a plain send"
row 'CPU of a plain send of 250 bytes to 9,000 peers in turn' "$send us" 1.00
bench_load after
