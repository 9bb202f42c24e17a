#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ledger.sh [EVENTS [PER_BLOCK]] - how long an empty database takes to read the history
# of the contract, through the real reader (gavel-market) from a node that remembers
# EVENTS events (100000), into a real PostgreSQL that syncs each commit; beside COPY of
# the same rows. Then vouchers checked per second, beside libsecp256k1 alone.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_TOP=$PWD
. demo/lib.sh
set +e
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
events=${1:-100000} per_block=${2:-3}
work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/d" && chown "$user" "$work" "$work/d"
port=$((20000 + RANDOM % 10000))
as_user "$pg_bin/initdb" -D "$work/d/pg" -U gavel -A trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null 2>&1
as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -w -l "$work/d/log" -o "-k $work/d -c listen_addresses=" start >/dev/null 2>&1
as_user "$pg_bin/createdb" -h "$work/d" -U gavel gavel
as_user "$pg_bin/createdb" -h "$work/d" -U gavel copied
sql() { as_user "$pg_bin/psql" -h "$work/d" -U gavel -d "$1" -v ON_ERROR_STOP=1 -qAtc "$2"; }
escrow=0x00000000000000000000000000000000000000e5
"${BUILD:-build}/tests/bench/vouchers" topics >"$work/topics"
python3 tests/bench/node.py "$port" "$escrow" "$events" "$per_block" "$work/topics" 2>/dev/null &
node_pid=$!
market_pid=
cleanup() {
	[ -z "$market_pid" ] || kill "$market_pid" 2>/dev/null
	kill -9 "$node_pid" 2>/dev/null
	as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -m immediate stop >/dev/null 2>&1
	rm -rf "$work"
}
trap cleanup EXIT
echo password >"$work/password"
"$bin/gavel-market" key new --password-file "$work/password" "$work/key.json" >/dev/null
chown "$user" "$work/key.json" "$work/password"
for name in gavel copied; do
	cat >"$work/$name.yaml" <<END
listen: 127.0.0.1
port: $((port + 1))
user: $user
database: "host=$work/d user=gavel dbname=$name"
key_file: $work/key.json
password_file: $work/password
rpc_url: http://127.0.0.1:$port
chain_id: 31337
chain_start: 1
escrow: "$escrow"
token: "0x0000000000000000000000000000000000000002"
sql_dir: $PWD/sql/schema
chain_poll_ms: 50
confirmations: 0
END
	as_user "$bin/gavel-market" -c "$work/$name.yaml" migrate 2>/dev/null
done
now() { date +%s%N; }
began=$(now)
"$bin/gavel-market" -c "$work/gavel.yaml" >"$work/log" 2>&1 &
market_pid=$!
tries=6000
until grep -q chain.caught_up "$work/log"; do
	sleep 0.1
	tries=$((tries - 1))
	[ $tries -gt 0 ] && kill -0 "$market_pid" 2>/dev/null || { tail -5 "$work/log"; exit 1; }
done
took=$((($(now) - began) / 1000000))
kill "$market_pid"
wait "$market_pid" 2>/dev/null
market_pid=
[ "$(sql gavel 'select count(*) from gavel.chain_event')" = "$events" ] || { echo "events are missing"; exit 1; }
entries=$(sql gavel 'select count(*) from gavel.ledger_entry')
[ "$(sql gavel "select count(*) from gavel.account a where total <> (select sum(amount) from gavel.ledger_entry e where e.account = a.name)")" = 0 ] ||
	{ echo "totals are wrong"; exit 1; }
for table in chain_event ledger_entry; do
	sql gavel "copy gavel.$table to stdout" >"$work/$table"
done
chmod a+r "$work"/chain_event "$work"/ledger_entry
began=$(now)
for table in chain_event ledger_entry; do
	sql copied "copy gavel.$table from stdin" <"$work/$table" || exit 1
done
copied=$((($(now) - began) / 1000000))
[ "$(sql copied 'select count(*), sum(total) from gavel.account')" = "$(sql gavel 'select count(*), sum(total) from gavel.account')" ] ||
	{ echo "the copy differs"; exit 1; }
echo "events           $events in $(((events + per_block - 1) / per_block)) blocks, $entries entries"
echo "read and stored  $took ms, $((events * 1000 / took)) events/s"
echo "COPY of the rows $copied ms, $((events * 1000 / copied)) events/s, the same triggers"
"${BUILD:-build}/tests/bench/vouchers"
