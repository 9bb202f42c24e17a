#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# order_to_running.sh [N] - an order posted until its container is up, image on
# disk, median of N (20), beside bare `runc run` of the same image in the same
# run; market CPU per bid or decline; gas of open, settle and close. Prints a
# table. Needs root, and a machine that does nothing else.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/../.." || exit 1
bench_load before
runs=${1:-20}
export GAVEL_TOP=$PWD GAVEL_DEMO_DIR=$PWD/build/bench GAVEL_DEMO_PORT=5480 GAVEL_DEMO_SETTLE=500
. demo/lib.sh
set +e
export XDG_STATE_HOME=$dir/tenant-state
trap 'demo/stop.sh quiet' EXIT
demo/up.sh >/dev/null 2>&1 || { echo "the market does not come up" >&2; exit 1; }
sql() { as_user "$pg_bin/psql" -h "$dir/pgsock" -U gavel -d gavel -Atc "$1"; }
sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/" examples/web.yaml >"$dir/web.yaml"

# CPU ticks of the market's processes so far.
market_ticks() {
	total=0
	for pid in $(cat "$dir/pid/market") $(pgrep -P "$(cat "$dir/pid/market")"); do
		read -r -a stat <"/proc/$pid/stat"
		total=$((total + stat[13] + stat[14]))
	done
	echo $total
}

one() { # one I: deploy, close.
	tenant -q deploy "$dir/web.yaml" --deposit 0.1 --name "bench$1" >/dev/null 2>&1 || echo "deploy $1 failed" >&2
	tenant -q close "bench$1" >/dev/null 2>&1 || echo "close $1 failed" >&2
}
for i in 0 -1 -2; do one "$i"; done # every provider has its image
# What the market burns with nothing to do: its polls of chain and desk.
idle=$(market_ticks)
sleep 10
idle=$(($(market_ticks) - idle))
began=$(date +%s)
since=$(sql 'select now()')
ticks=$(market_ticks)
for i in $(seq "$runs"); do one "$i"; done
ticks=$(($(market_ticks) - ticks))
elapsed=$(($(date +%s) - began))
bids=$(sql "select count(*) from gavel.bid where received_at > '$since'")

# A settlement of one lease: run, countersign, wait for the batch.
tenant -q deploy "$dir/web.yaml" --deposit 0.1 --name settle >/dev/null 2>&1
for i in 1 2 3; do sleep 1.2; tenant -q agent --once; done
sleep 2
tenant -q close settle >/dev/null 2>&1

# The same image by runc alone.
work=$(mktemp -d)
umoci unpack --rootless --image "$dir/image/oci:web" "$work/bundle" >/dev/null 2>&1
bare=$(tests/bench/runc_start.sh "$runs" 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)?' | tail -1)
rm -rf "$work"

spread() { # SQL expression over lease l and order o -> median [min-max]
	sql "select round(percentile_cont(0.5) within group (order by v)::numeric, 1) || ' [' ||
		round(min(v)::numeric, 1) || '-' || round(max(v)::numeric, 1) || ']'
		from (select extract(epoch from ($1)) * 1000 as v from gavel.lease l join gavel.orders o on o.hash = l.order_hash
		where l.created_at > '$since' and l.launched_at is not null) x"
}
echo "| figure | value |"
echo "| --- | --- |"
echo "| orders | $runs, three providers, one window closed early |"
echo "| order stored -> award signed, ms | $(spread 'l.created_at - o.created_at') |"
echo "| order stored -> workload healthy, ms | $(spread 'l.launched_at - o.created_at') |"
echo "| award signed -> workload healthy, ms | $(spread 'l.launched_at - l.created_at') |"
echo "| bare runc run, ms (median) | $bare |"
echo "| market CPU per order, from order to close, idle taken off, ms | $(awk "BEGIN { printf \"%.1f\", ($ticks - $idle * $elapsed / 10) * 10 / $runs }") |"
echo "| the same per bid or decline, ms | $(awk "BEGIN { printf \"%.1f\", ($ticks - $idle * $elapsed / 10) * 10 / $bids }") |"
echo "| market CPU idle (chain polled every 25 ms), % of a core | $(awk "BEGIN { printf \"%.1f\", $idle / 10 }") |"
for kind in open settle close; do
	echo "| gas of $kind, one lease | $(sql "select round(avg(gas_used)) from gavel.tx t where kind = '$kind' and state = 'mined' and (select count(*) from gavel.intent i where i.tx = t.id) = 1") |"
done
bench_load after
