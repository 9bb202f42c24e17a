#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dry.sh - a deposit that is used up: the workload pauses with its volume intact,
# runs again after a top-up, and ends after the time of grace; and a tenant that
# does not sign. What is paid is exact, in tokens. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_DEMO_LAUNCH=15 GAVEL_DEMO_SETTLE=1000
export GAVEL_DEMO_SETTINGS="volumes: [{class: beta2, bytes: 96MiB}]
volume_keep_s: 1h
paused_keep_s: 25
unpaid_max_s: 8"
. tests/e2e/lib.sh dry
listener=
cleanup() { [ -z "$listener" ] || kill "$listener" 2>/dev/null; }
up
curl -sN "$url/v1/events" >"$dir/events.out" &
listener=$!

# With a volume, reserved; and as it is, metered.
sed -e "s/127.0.0.1:5000/127.0.0.1:$registry_port/" -e '/^# Pay for/,$d' \
	-e "s|^    expose:|    params: {storage: {data: {mount: /data}}}\n    expose:|" \
	-e "/^        storage:/,/size: 64Mi/c\\        storage:\n          - {size: 32Mi}\n          - {name: data, size: 24Mi, attributes: {persistent: true, class: beta2}}" \
	examples/web.yaml >"$dir/db.yaml"

run() { tenant -q deploy "$dir/$1.yaml" --name "$2" "${@:3}" >"$dir/$2.out" 2>&1; }
status() { tenant --json status "$1" 2>/dev/null | jq -r "$2"; }
is() { [ "$(status "$1" "$2")" = "$3" ]; }
phase() { is "$1" .provider.phase "$2"; }
inside() { tenant exec "$1" -- sh -c "$2" </dev/null 2>&1; }
cost() { tenant -q --json cost "$1" 2>/dev/null | jq -r "$2"; }
tokens() { printf '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000)); }
provider_of() { # NAME: dc1, dc2 or dc3
	for dc in dc1 dc2 dc3; do
		[ "$(tr A-F a-f <"$dir/keys/$dc.address")" = "$(status "$1" .lease.provider | tr A-F a-f)" ] && echo $dc
	done
}
claimed() { # what the last log of the contract says was claimed, cumulative
	word=$(curl -sf -H 'Content-Type: application/json' "$rpc_url" \
		--data "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getLogs\",\"params\":[{\"fromBlock\":\"latest\",\"address\":\"$(member escrow <"$dir/contract.json")\"}]}" |
		jq -r '.result[-1].data')
	echo $((16#${word:2:64}))
}
again() { # again DC: kill -9 of the whole daemon, and start it again
	kill_daemon "$1"
	start "$1" "$bin/gavel-provider" -c "$dir/$1.yaml"
}

run db first --deposit 1
ok 'a lease runs' test $? = 0
rate=$(status first .lease.terms.rate)
tenant -q close --delete-volumes first >/dev/null 2>&1
deposit=$((rate * 12 / 1000000000))

# --- dry ------------------------------------------------------------------------
run db db --deposit "$(tokens $deposit)"
ok 'another, whose deposit is for seconds' test $? = 0
inside db 'echo kept > /data/f' >/dev/null
start agent "$bin/gavel" -C "$dir/tenant.yaml" agent --every 1
dc=$(provider_of db)
ok 'it pauses' soon 25 phase db paused
ok 'why: the deposit' is db .provider.dues.why deposit_used_up
tenant status db >"$dir/status.out" 2>&1
ok 'the status says what to do' has 'gavel topup db AMOUNT' "$dir/status.out"
ok 'and until when' has 'until 20.*, then the lease ends' "$dir/status.out"
tenant cost db >"$dir/cost.out" 2>&1
ok 'so does the cost' has 'paused .*the deposit is used up' "$dir/cost.out"
ok 'its containers are gone' soon 15 sh -c "! ls '$dir/$dc/leases' | grep -q ."
ok 'and its volume is not' test -n "$(find "$dir/$dc/volumes" -name '*-data*')"
paid_is() { [ "$(cost "$1" .paid)" = "$2" ]; }
ok 'the whole deposit is paid' soon 15 paid_is db $deposit
again "$dc"
ok 'killed while it is paused: it is paused' soon 15 phase db paused
sleep 2
ok 'and no container is started' sh -c "! ls '$dir/$dc/leases' | grep -q ."
ok 'nor is more paid than the deposit' paid_is db $deposit

ok 'programs were told that it ends' has '"within": "1h"' "$dir/events.out"
ok 'and that it is used up' soon 12 has '"within": "0"' "$dir/events.out"

# --- and topped up ----------------------------------------------------------------
more=$((rate * 600 / 1000000000))
began=$(date +%s%N)
tenant -q topup db "$(tokens $more)" >/dev/null 2>&1
ok 'topped up: it runs' soon 15 phase db running
echo "# after $((($(date +%s%N) - began) / 1000000)) ms"
ok 'the market told of it' soon 5 has '^event: lease.topped_up' "$dir/events.out"
answers() { inside db 'cat /data/f' | grep -q '^kept'; }
ok 'with what was in its volume' soon 15 answers
again "$dc"
ok 'killed while it runs again: it runs' soon 15 answers
sleep 2
tenant -q close --keep-volumes db >"$dir/close.out" 2>&1
ok 'closed' test $? = 0
tenant --json receipt db >"$dir/receipt.json"
paid=$(jq -r .paid "$dir/receipt.json")
refund=$(jq -r .refund "$dir/receipt.json")
up_to=$(jq -r .voucher.usage.upTo "$dir/receipt.json")
opened=$(date -d "$(jq -r .opened_at "$dir/receipt.json")" +%s)
paused=$(status db .provider.dues.paused_s)
ok 'there was a pause' test "$paused" -ge 3
ok 'paid is rate x (time - pause), to the unit' test "$paid" = $((rate * (up_to - opened - paused) / 1000000000))
ok 'and the rest came back' test $((paid + refund)) = $((deposit + more))

# --- nobody tops it up --------------------------------------------------------------
before=$(escrow tenant)
run db over --deposit "$(tokens $deposit)"
ok 'a third one' test $? = 0
inside over 'echo old > /data/f' >/dev/null
ok 'it pauses too' soon 30 phase over paused
dc=$(provider_of over)
again "$dc"
ok 'after the time of grace the lease ends' soon 60 is over .lease.state closed
ok 'all of the deposit was paid' is over .lease.paid $deposit
ok 'and no more' test $((before - $(escrow tenant))) = $deposit
ok 'its volume is kept, by the rule for closed leases' has 'kept until' <(tenant -q volumes over)
end agent

# --- metered, and nobody signs ------------------------------------------------------
run web mute --deposit 1
ok 'a metered lease' test $? = 0
rate=$(status mute .lease.terms.rate) base=$(status mute .lease.terms.base)
dc=$(provider_of mute)
inside mute 'while :; do :; done' >/dev/null 2>&1 &
burner=$!
ok 'nobody signs: it is throttled' soon 25 is mute .provider.dues.state throttled
ok 'and still runs' phase mute running
tenant status mute >"$dir/status.out" 2>&1
ok 'the status says why' has 'throttled .*not countersigned' "$dir/status.out"
quota() { # of the container of the lease that runs, in us of 100 ms
	find /sys/fs/cgroup -path "*gavel-$tag$dc/gv-*" \( -name cpu.max -o -name cpu.cfs_quota_us \) -exec cut -d' ' -f1 {} \; 2>/dev/null |
		sort -u | tr '\n' ' '
}
ok 'with the CPU that the base pays for' soon 10 sh -c "grep -q 'unit.cpu.*milli=125' '$dir/log/$dc.log'"
ok 'and no more, the kernel says' test "$(quota)" = '12500 '
sleep 4
unsigned=$(status mute .provider.dues.unsigned)
ok 'what may be lost is within the window' test "$unsigned" -le $(((rate - base) * 8 / 1000000000 + 1))
echo "# $unsigned of at most $(((rate - base) * 8 / 1000000000 + 1)) units"
again "$dc"
ok 'killed while it is throttled: it is throttled' soon 15 is mute .provider.dues.state throttled
ok 'with nothing more at stake' test "$(status mute .provider.dues.unsigned)" -le $((unsigned + 1))
tenant -q agent --once >/dev/null 2>&1
ok 'a voucher: it runs' soon 15 is mute .provider.dues.state running
fast() { [ "$(quota)" = '25000 ' ]; }
ok 'with all of its CPU' soon 10 fast
kept=$(find "$XDG_STATE_HOME" -name ".signed-$(status mute .lease.hash)*")
cp "$kept" "$dir/kept.json"
jq -c '.amount = "99999"' "$dir/kept.json" >"$kept"
sleep 2
tenant agent --once >"$dir/agent.out" 2>&1
ok 'a reading that asks less than one signed before: not signed' has '\[usage_falls\]' "$dir/agent.out"
cp "$dir/kept.json" "$kept"
# The payer counts again: by a card with which the lease would cost less, and by one that
# is not the card it was shown.
card=$(find "$XDG_STATE_HOME" -name ".card-$(status mute .lease.hash)*")
ok 'the card was held against the sealed bid' test "$(jq .bid "$card")" = true
cp "$card" "$dir/card.json"
jq -c '.group.services[0].resources.cpu_milli *= 10' "$dir/card.json" >"$card"
tenant agent --once >"$dir/agent.out" 2>&1
ok 'a reading that asks more than it costs: not signed' has 'it asks [0-9]*, what it measured costs [0-9]* .*\[usage_price\]' "$dir/agent.out"
jq -c '.price.card.cpu_milli += "0"' "$dir/card.json" >"$card"
tenant agent --once >"$dir/agent.out" 2>&1
ok 'another card than before: not signed' has '\[usage_card\]' "$dir/agent.out"
jq -c '.price.nonce = "0x'"$(printf '%064d' 7)"'"' "$dir/card.json" >"$card"
tenant agent --once >"$dir/agent.out" 2>&1
ok 'another nonce: not signed' has '\[usage_card\]' "$dir/agent.out"
cp "$dir/card.json" "$card"
tenant agent --once >"$dir/agent.out" 2>&1
ok 'the true ones again: signed' has 'signed 0\.' "$dir/agent.out"
kill $burner 2>/dev/null
tenant -q close mute >/dev/null 2>&1
ok 'closed' is mute .lease.state closed
ok 'its audit knows what throttled time may cost' tenant audit lease mute
# --- a third party signs, by a policy -----------------------------------------------
"$bin/gavel-market" key new --password-file "$dir/keys/password" "$dir/keys/auditor.json" >"$dir/keys/auditor.address"
sed "s|keys/tenant.json|keys/auditor.json|" "$dir/tenant.yaml" >"$dir/auditor.yaml"
auditor() { "$bin/gavel" -C "$dir/auditor.yaml" agent --once --for "$(cat "$dir/keys/tenant.address")" "$@" 2>&1; }
run web named --deposit 1 --cosigner "$(cat "$dir/keys/auditor.address")"
ok 'a lease with a cosigner' test $? = 0
inside named 'while :; do :; done' >/dev/null 2>&1 &
burner=$!
sleep 3
echo 'total: "0.5"' >"$dir/policy.yaml"
auditor --policy "$dir/policy.yaml" >"$dir/auditor.out"
ok 'within its policy the cosigner signs' has 'signed 0\.' "$dir/auditor.out"
ok 'and the market settles it' soon 10 sh -c "'$bin/gavel' -C '$dir/tenant.yaml' -q --json cost named | jq -e '.paid != \"0\"'"
paid=$(cost named .paid)
sleep 2
printf 'total: "%s"\n' "$(tokens $((paid + 1)))" >"$dir/policy.yaml"
auditor --policy "$dir/policy.yaml" >"$dir/auditor.out"
ok 'above it, it refuses' has '\[policy_total\]' "$dir/auditor.out"
echo 'providers: ["0x0000000000000000000000000000000000000001"]' >"$dir/policy.yaml"
auditor --policy "$dir/policy.yaml" >"$dir/auditor.out"
ok 'nor for another provider' has '\[policy_provider\]' "$dir/auditor.out"
echo 'total: 0' >"$dir/policy.yaml"
auditor --policy "$dir/policy.yaml" >"$dir/auditor.out"
ok 'a limit of 0 is a mistake' has 'total: more than 0' "$dir/auditor.out"
ok 'a stranger signs for nobody' test -z "$("$bin/gavel" -C "$dir/auditor.yaml" -q agent --once 2>&1)"
ok 'unsigned: throttled' soon 25 is named .provider.dues.state throttled
kill $burner 2>/dev/null
tenant close --on-chain --no-provider named >"$dir/stop.out" 2>&1
ok 'the tenant stops it on chain' has 'nothing accrues since' "$dir/stop.out"
ok 'its provider hears of it, and stops' soon 15 phase named ended
dc=$(provider_of named)
rate=$(status named .lease.terms.rate) base=$(status named .lease.terms.base)
paid=$(cost named .paid)
"$bin/gavel-provider" -c "$dir/$dc.yaml" --json settle "$(status named .lease.id)" >"$dir/settle.out" 2>&1
ok 'the provider claims' has '"step": "claim"' "$dir/settle.out"
claimed=$(claimed)
signed_to=$(status named .lease.voucher.usage.upTo)
stop=$(tenant -q --json close --on-chain --no-provider named | jq -r .stop_at)
ok 'only the base since the last signature' test "$claimed" = $((paid + base * (stop - signed_to) / 1000000000))
echo "# claimed $claimed, paid $paid, base $base, $((stop - signed_to)) s"

held=$(tenant -q --json balance "$(member escrow <"$dir/contract.json")" | member wallet)
sum=0
for who in tenant market dc1 dc2 dc3; do
	sum=$((sum + $(escrow $who)))
done
sum=$((sum + 1000000 - paid)) # what is locked in the last one
ok 'what all parties own is what the contract holds' test "$sum" = "$held"
tenant -q audit ledger --market "$url" >"$dir/audit.out" 2>&1
ok 'and every balance is right' test $? = 0
finish
