#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kills.sh - kill -9 at random moments, of the whole market or of one of its roles, or of
# a provider, while leases are opened, settled and closed; then every sum is checked. How
# long the killing goes on, in seconds: KILLS_SECONDS (40). TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_DEMO_LAUNCH=60 GAVEL_DEMO_SETTLE=300
export GAVEL_DEMO_MARKET="tx_bump_s: 2"
. tests/e2e/lib.sh kills
killer=
cleanup() { [ -z "$killer" ] || kill "$killer" 2>/dev/null; }
up
market() {
	setsid "$bin/gavel-market" -c "$dir/market.yaml" >>"$dir/log/market.log" 2>&1 </dev/null &
	echo $! >"$dir/pid/market"
}
# All of it, or the web, the clerk or the signer alone: the parent ends the others.
kill_market() {
	pid=$(cat "$dir/pid/market")
	roles=$(pgrep -P "$pid")
	case $((RANDOM % 3)) in
	0) kill -9 "$pid" $roles ;;
	1) kill -9 "$(tr ' ' '\n' <<<"$roles" | shuf -n 1)" ;;
	2) kill -9 "$pid" ; sleep 0.2; kill -9 $roles ;;
	esac 2>/dev/null
	tries=50
	while kill -0 "$pid" 2>/dev/null && [ $tries -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	kill -9 "$pid" $roles 2>/dev/null
}
provider() {
	setsid "$bin/gavel-provider" -c "$dir/$1.yaml" >>"$dir/log/$1.log" 2>&1 </dev/null &
	echo $! >"$dir/pid/$1"
}
# All of one, or its agent, signer or jail alone. The jail has its workers with it.
kill_provider() {
	pid=$(cat "$dir/pid/$1")
	roles=$(pgrep -P "$pid")
	case $((RANDOM % 2)) in
	0) kill -9 "$pid" $roles ;;
	1) kill -9 "$(tr ' ' '\n' <<<"$roles" | shuf -n 1)" ;;
	esac 2>/dev/null
	tries=50
	while kill -0 "$pid" 2>/dev/null && [ $tries -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	kill -9 "$pid" $roles 2>/dev/null
	provider "$1"
}
killing() {
	while :; do
		sleep "0.$((RANDOM % 9 + 1))"
		[ $((RANDOM % 2)) = 0 ] || sleep $((RANDOM % 2 + 1))
		if [ $((RANDOM % 3)) = 0 ]; then
			kill_provider dc$((RANDOM % 3 + 1))
			echo x >>"$dir/killed.providers"
			continue
		fi
		kill_market
		market
		echo x >>"$dir/killed"
	done
}
killing 2>/dev/null &
killer=$!
until=$(($(date +%s) + ${KILLS_SECONDS:-40}))
i=0
while [ "$(date +%s)" -lt $until ]; do
	i=$((i + 1))
	timeout 20 "$bin/gavel" -C "$dir/tenant.yaml" -q deploy "$dir/web.yaml" --deposit 2 --name "k$i" --no-wait
	timeout 5 "$bin/gavel" -C "$dir/tenant.yaml" -q agent --once
	[ $i -lt 3 ] || timeout 5 "$bin/gavel" -C "$dir/tenant.yaml" -q close "k$((i - 2))"
done >"$dir/work.out" 2>&1
kill "$killer" && wait "$killer" 2>/dev/null
killer=
kill_market
market
for dc in dc1 dc2 dc3; do
	kill -0 "$(cat "$dir/pid/$dc")" 2>/dev/null || provider $dc
done
ok "providers were killed too, $(wc -l <"$dir/killed.providers" 2>/dev/null) times" test -s "$dir/killed.providers"
ok "killed $(wc -l <"$dir/killed" 2>/dev/null) times, it comes up" soon 20 curl -sf "$url/readyz"
ok 'something was opened meanwhile' sql_is "select count(*) > 0 from gavel.chain_event where kind = 'Opened'" t
soon 60 sql_is "select count(*) from gavel.orders where state in ('open', 'bidding', 'awarded')" 0 >/dev/null
ok 'no order is left in between' sql_is "select count(*) from gavel.orders where state in ('open', 'bidding', 'awarded')" 0
for k in $(seq "$i"); do # whatever still runs is closed now
	timeout 70 "$bin/gavel" -C "$dir/tenant.yaml" -q close "k$k" >/dev/null 2>&1
done
ok 'every lease has ended' soon 30 sql_is "select count(*) from gavel.lease where state not in ('closed', 'failed')" 0
ok 'every transaction too' soon 30 sql_is "select count(*) from gavel.tx where state in ('signed', 'sent')" 0
ok 'every wish too' soon 30 sql_is "select count(*) from gavel.intent where state in ('pending', 'sent')" 0
ok 'the ledger is the chain' soon 20 tenant -q audit ledger --market "$url"
ok 'every event sums to zero' sql_is "select count(*) from (select event from gavel.ledger_entry group by event having sum(amount) <> 0) x" 0
ok 'every total is the sum of its entries' sql_is \
	"select count(*) from gavel.account a where total <> (select sum(amount) from gavel.ledger_entry e where e.account = a.name)" 0
ok 'no order was leased twice' sql_is "select count(*) from (select order_hash from gavel.chain_event where kind = 'Opened' and canonical group by order_hash having count(*) > 1) x" 0
ok 'no lease was ended twice' sql_is "select count(*) from (select lease from gavel.chain_event where kind in ('Closed', 'Voided') and canonical group by lease having count(*) > 1) x" 0
ok 'no nonce was mined twice' sql_is "select count(*) from (select nonce from gavel.tx where state in ('mined', 'reverted') group by nonce having count(*) > 1) x" 0
ok 'no nonce is missing' sql_is \
	"select count(distinct nonce) from gavel.tx where state in ('mined', 'reverted')" \
	$(($(rpc eth_getTransactionCount "\"$(cat "$dir/keys/market.address")\",\"latest\"" | member result) - $(sql "select min(nonce) from gavel.tx")))
ok 'nothing is left in escrow' sql_is "select coalesce(sum(total), 0) from gavel.account where name like 'escrow:%'" 0
ok 'the tenant has what it did not pay' sql_is \
	"select total + (select sum(paid) from gavel.lease) from gavel.account where name = lower('balance:$(cat "$dir/keys/tenant.address")')" 50000000
true_leases() {
	for hash in $(sql "select '0x' || encode(lease, 'hex') from gavel.chain_event where kind = 'Opened' and canonical"); do
		tenant -q audit lease "$hash" || { echo "lease $hash"; return 1; }
	done
}
ok 'every lease is true to its last token' true_leases
for dc in dc1 dc2 dc3; do # nothing of a closed lease is left on the machine
	ok "no container is left at $dc" soon 20 sh -c "! cat /sys/fs/cgroup/pids/gavel-$tag$dc/gv-*/cgroup.procs /sys/fs/cgroup/gavel-$tag$dc/gv-*/cgroup.procs 2>/dev/null | grep -q ."
done
finish
