#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# alone.sh - the market is killed for good: the provider takes what was signed, the
# tenant ends its leases and gets the exact rest, and the tokens add up. TAP.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 77; }
export GAVEL_DEMO_DIR=$PWD/build/e2e-alone GAVEL_DEMO_PORT=7780 GAVEL_DEMO_LAUNCH=15 GAVEL_DEMO_SETTLE=3600000
export GAVEL_TOP=$PWD
. demo/lib.sh
set +e
export XDG_STATE_HOME=$dir/tenant-state
trap 'demo/stop.sh quiet' EXIT
n=0 bad=0
ok() { # ok WHAT CONDITION...
	what=$1
	shift
	n=$((n + 1))
	if "$@"; then echo "ok $n - $what"; else
		echo "not ok $n - $what"
		bad=1
	fi
}
has() { grep -qE "$1" "$2"; }
demo/up.sh >/dev/null 2>&1 || { echo "not ok 1 - the market comes up"; tail -5 "$dir"/log/*.log; exit 1; }
sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/" examples/web.yaml >"$dir/web.yaml"
tenant -q deploy "$dir/web.yaml" --deposit 5 --name web >/dev/null 2>&1
ok 'a lease runs' test $? = 0
tenant -q deploy "$dir/web.yaml" --deposit 5 --name two >/dev/null 2>&1
ok 'and another' test $? = 0
sleep 3
tenant -q agent --once
tenant -q topup web 1.5 >"$dir/topup.out" 2>&1
ok 'a deposit is topped up' has 'deposit 6.50 TUSD' "$dir/topup.out"
tenant --json cost web >"$dir/cost.out" 2>/dev/null
ok 'and its cost counts it' has '"deposit": "6500000"' "$dir/cost.out"
ok 'with the end of the deposit' has '"ends_at": "20' "$dir/cost.out"
tenant deploy "$dir/web.yaml" --deposit 0.01 --name short >/dev/null 2>&1
tenant cost short >"$dir/short.out" 2>&1
ok 'one that ends within the hour: a warning' has 'ends in less than 1 hour' "$dir/short.out"
sleep 2 # until the first reading
tenant status short >"$dir/short.out" 2>&1
ok 'in the status too' has 'ends in less than 1 hour' "$dir/short.out"
tenant agent --once >"$dir/short.out" 2>&1
ok 'and by the agent' has 'ends in less than 1 hour' "$dir/short.out"
tenant -q close short >/dev/null 2>&1

# --- for good -------------------------------------------------------------------
ppid=$(cat "$dir/pid/market")
kill -9 "$ppid" $(pgrep -P "$ppid")
provider=
for name in dc1 dc2 dc3; do
	grep -q lease.running "$dir/log/$name.log" && provider="$provider $name"
done
settle() {
	for name in $provider; do
		"$bin/gavel-provider" -c "$dir/$name.yaml" settle "$@" || return 1
	done
}
sleep 2
tenant agent --once >"$dir/agent.out" 2>&1
ok 'the agent signs for both, by what it has seen itself' test "$(grep -c '^0x.* signed 0\.' "$dir/agent.out")" = 2
sleep 3 # the provider reads on: what it signs now is no word on what was signed before
settle --plan >"$dir/plan.out" 2>&1
ok 'a plan moves nothing' has '  settle: 0.00 of [56]\.[05]0 TUSD paid' "$dir/plan.out"
sent() { # transactions of the provider
	curl -sf -H 'Content-Type: application/json' "http://127.0.0.1:$rpc_port" --data \
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getTransactionCount\",\"params\":[\"$(cat "$dir/keys/${provider##* }.address")\",\"latest\"]}" |
		member result
}
before=$(sent)
settle >"$dir/settle.out" 2>&1
sed 's/^/# /' "$dir/settle.out"
if [ "$(echo "$provider" | wc -w)" = 1 ]; then # both leases are its
	ok 'two leases are settled' test "$(grep -c '  settle: ' "$dir/settle.out")" = 2
	ok 'in one transaction' test $(($(sent) - before)) = 1
fi
ok 'the provider is paid what was signed' has '  settle: 0.0*[1-9][0-9]* of [56]\.[05]0 TUSD paid' "$dir/settle.out"
settle >"$dir/settle.out" 2>&1
ok 'and not twice' sh -c "! grep -q '  settle: ' '$dir/settle.out'"
"$bin/gavel-provider" -c "$dir/${provider##* }.yaml" settle 0x00 >"$dir/none.out" 2>&1
ok 'a lease that is not in the book: status 7' test $? = 7

before=$(tenant -q --json balance | member escrow)
tenant close --on-chain web >"$dir/close.out" 2>&1
ok 'the tenant closes by itself, with its provider' test $? = 0
paid=$(tenant -q --json cost web | tr -d ' \n' | grep -o '"paid":"[0-9]*"' | tr -dc 0-9)
after=$(tenant -q --json balance | member escrow)
ok 'and gets the exact rest' test $((after - before)) = $((6500000 - paid))
tenant close --on-chain web >"$dir/close.out" 2>&1
ok 'again: it is closed, and nothing moves' test "$(tenant -q --json balance | member escrow)" = "$after"

tenant close --on-chain --no-provider two >"$dir/stop.out" 2>&1
ok 'without its provider: stopped' has 'nothing accrues since' "$dir/stop.out"
ok 'it says until when the provider may answer' has 'settle or claim until 20' "$dir/stop.out"
ok 'and what gas costs' has 'gas: about [0-9]+, at most 0\.' "$dir/stop.out"
settle >"$dir/claim.out" 2>&1
ok 'the provider claims what nobody signed' has '  claim: ' "$dir/claim.out"
tenant -q close --on-chain --no-provider two >"$dir/early.out" 2>&1
ok 'not before the window is over' has 'settle or claim until' "$dir/early.out"
tenant -q close --on-chain --no-provider --wait two >"$dir/expire.out" 2>&1
ok 'after it the lease is expired' has '^closed: ' "$dir/expire.out"
held=$(tenant -q --json balance "$(member escrow <"$dir/contract.json")" | member wallet)
sum=0
for who in tenant market dc1 dc2 dc3; do
	sum=$((sum + $(tenant -q --json balance "$(cat "$dir/keys/$who.address")" | member escrow)))
done
ok 'what all parties own is what the contract holds' test "$sum" = "$held"
tenant -q audit ledger >"$dir/audit.out" 2>&1
ok 'every balance is right, by the chain alone' test $? = 0
echo "1..$n"
exit $bad
