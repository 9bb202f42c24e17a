#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fast.sh - standing offers and fast orders on real parts: three providers that offer
# by their cards, orders awarded in ticks at the runner-up's price, a provider that
# has withdrawn, one that cannot launch, one that is not fit to start. TAP.
cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh fast
up
# Of an order: from the order to its award, and who has it at what price.
order() { tenant --json status "$1" | jq -r ".order$2"; }
lease() { tenant --json status "$1" | jq -r ".lease$2"; }
since() { # since ORDER_TIME LATER: ms
	echo $((($(date -d "$2" +%s%N) - $(date -d "$1" +%s%N)) / 1000000))
}
fast() { tenant deploy "$dir/web.yaml" --auction fast --deposit 2 --name "$@" 2>&1; }
dc1=$(cat "$dir/keys/dc1.address") dc2=$(cat "$dir/keys/dc2.address")
#$(cat "$dir/keys/dc3.address")


# ---- offers ----
like 'three offers stand' "$(until_offers 3)" '^3$'
established
like 'by the month, for people' "$(tenant providers)" '^    floor +vCPU [0-9.]+, GiB memory [0-9.]+, .* TUSD a month$'
like 'as the card says: 12000000 a milli and second are 31.536 a month' "$(tenant providers)" '^    floor +vCPU 31.536, .*GiB disk 2.691072'
like 'and the list price 30 % above' "$(tenant providers)" '^    at most +vCPU 40.9968, '
provider_() { "$bin/gavel-provider" -c "$dir/$1.yaml" "${@:2}" 2>&1; }
like 'the provider sees its own' "$(provider_ dc1 offers)" '^  vCPU +31.536 +40.9968$'
like '  as JSON too' "$(provider_ dc1 offers --json | jq -r '.data[0].offer.nodes[0].name')" "^node-${tag}dc1\$"

# ---- a fast order ----
out=$(fast one)
like 'a fast order runs' "$out" '^one is running$'
like '  and says how it is awarded' "$out" ', by standing offers: at most'
page=$(echo "$out" | grep -oE 'http://[^ ]+' | tail -1)
like '  a real container' "$(curl -sf -m 5 --resolve "*:$(echo "$page" | grep -oE '[0-9]+$'):127.0.0.1" "$page")" '.'
like '  at the cheapest in its region' "$(lease one .provider)" "^$dc1\$"
bids=$(tenant --json bids one)
# Equal weights cancel out: what is paid is the floor of the second, or our list price.
runner_up() {
	echo "$1" | jq -r --arg rate "$2" '
		[.data[] | select(.rank != null)] | sort_by(.rank) | (.[0].list | tonumber) as $list
		| (.[1].floor | tonumber) as $second | [$list, $second] | min | . - ($rate | tonumber)
		| if . >= 0 and . <= 1 then "right" else "off by \(.)" end'
}
like '  at the runner-up price' "$(runner_up "$bids" "$(lease one .terms.rate)")" '^right$'
like '  every offer has its reason' "$(echo "$bids" | jq -r '[.data[].reason] | sort | join(" ")')" '^dearer region won$'
like '  as people read it' "$(tenant bids one)" ' 2 +0x.* offer, tick [0-9]+: floor .*, effective .*, dearer$'
like '  and it was all true' "$(tenant audit auction one 2>&1)" 'true|holds'
# The receipt that deploy has kept: it names the first tick that had to look at the order.
kept=$(find "$dir" -path "*deployments/receipts/$(order one .hash).json" 2>/dev/null)
like '  its receipt is kept, for nobody else to read' "$(stat -c %a "$kept")" '^600$'
like '  of that order and of that tick' "$(jq -r '.receipt.terms | "\(.item) \(.round)"' "$kept")" "^$(order one .hash) $(echo "$bids" | jq -r '.data[0].tick')\$"
cp "$kept" "$dir/kept.json"
jq -c '.receipt.terms.round += 1' "$dir/kept.json" >"$kept"
like '  and used: another tick is not what the market has signed' "$(tenant audit auction one 2>&1)" 'audit_receipt'
cp "$dir/kept.json" "$kept"
like '  its record fixed by the chain, with the opening' "$(tenant audit heads 2>&1)" 'are fixed'
# And those that a provider has: each in its tick, the later offers with the earlier.
provider_ dc1 receipts --json >"$dir/dc1.receipts"
like 'a provider keeps its receipts' "$(jq '(.receipts | length > 0) and (.offers | length > 0)' "$dir/dc1.receipts")" '^true$'
like '  of what it offers now too' "$(provider_ dc1 receipts)" "$(provider_ dc1 offers --json | jq -r '.data[0].id') .*offer, tick [0-9]+"
last=$(tenant api GET '/v1/ticks?limit=500' | jq -r '.data[-1].terms.number')
like '  and the market has kept its word' "$(tenant audit tick "1-$last" --receipts "$dir/dc1.receipts" >/dev/null 2>&1; echo "exit $?")" 'exit 0'
jq -c '.receipts[0].terms.at += 1' "$dir/dc1.receipts" >"$dir/bad.receipts"
like '  one that is none is found' "$(tenant audit tick "1-$last" --receipts "$dir/bad.receipts" 2>&1)" 'audit_receipt'
ms=$(since "$(order one .created_at)" "$(lease one .created_at)")
echo "# from order to award: $ms ms"
like '  by the first tick that looked at it' "$(echo "$bids" | jq -r '[.data[].tick] | unique | length')" '^1$'
id=$(order one .id)
like 'the winner knows why' "$(provider_ dc1 why "$id")" 'won, rank 1'
like 'the second knows what would have won' "$(provider_ dc2 why "$id")" 'would win  with a floor of at most 0.01[0-9]+ TUSD/h'
like '  and what the load curve made' "$(provider_ dc2 why "$id")" 'load .* 0.00 % full'
like 'the third is told of the region' "$(provider_ dc3 why "$id")" 'region: the order asks for another region'
like '  as JSON too' "$(provider_ dc2 why "$id" --json | jq -r '.ours[0] | "\(.reason) \(.rank) \(.sets_prices) \(.floor_wins | tonumber > 0)"')" '^dearer 2 true true$'
like 'an order that is none' "$(provider_ dc1 why ord_00000000000000000000000000; echo "exit $?")" 'exit 7'

# ---- in the file; the flag is stronger ----
sed 's/^x-gavel:$/&\n  auction: {kind: fast}/' "$dir/web.yaml" >"$dir/file.yaml"
out=$(tenant deploy "$dir/file.yaml" --deposit 2 --name filed 2>&1)
like 'the file may ask for it' "$(order filed .auction)" '^fast$'
out=$(tenant deploy "$dir/file.yaml" --deposit 2 --name flagged --auction sealed 2>&1)
like 'and the flag is stronger' "$(order flagged .auction)" '^sealed$'
like '  a sealed round as before' "$out" 'is running'
provider_ dc1 receipts --json >"$dir/dc1.receipts"
like '  of which a bidder has a receipt' "$(jq -r --arg order "$(order flagged .hash)" '[.receipts[].terms | select(.subject == $order) | .round] | join(" ")' "$dir/dc1.receipts")" '^1$'
like '  that the market has kept' "$(tenant audit auction flagged --receipts "$dir/dc1.receipts" 2>&1)" ': true'
jq -c --arg order "$(order flagged .hash)" '(.receipts[] | select(.terms.subject == $order) | .terms.item) = $order' "$dir/dc1.receipts" >"$dir/bad.receipts"
like '  and that proves nothing of another bid' "$(tenant audit auction flagged --receipts "$dir/bad.receipts" 2>&1)" 'audit_receipt'
tenant close filed >/dev/null 2>&1
tenant close flagged >/dev/null 2>&1

# ---- who has withdrawn gets nothing ----
seq_of() { offers | jq -r --arg who "$1" '.data[] | select(.offer.provider == $who) | .offer.seq'; }
before=$(seq_of "$dc1")
end dc1
like 'who ends has withdrawn' "$(offers | jq -r '[.data[].offer.provider] | join(" ")' | grep -c "$dc1")" '^0$'
like '  and says so' "$(cat "$dir/log/dc1.log")" 'offer.withdrawn'
out=$(fast two)
like '  it gets nothing' "$(lease two .provider)" "^$dc2\$"
like '  alone: the list price' "$(tenant --json bids two | jq -r '.data[] | select(.rank == 1) | .list')" "^$(lease two .terms.rate)\$"
start dc1 "$bin/gavel-provider" -c "$dir/dc1.yaml"
like 'back again' "$(until_offers 3)" '^3$'
like '  with a higher seq' "$([ "$(seq_of "$dc1")" -gt "$before" ] && echo higher)" '^higher$'
like '  its container has lived on' "$(tenant status one 2>&1)" 'workload +running'

# ---- who cannot launch is followed by the next ----
tenant close two >/dev/null 2>&1
end dc1
sed 's/^insecure_registries:.*/insecure_registries: []/' "$dir/dc1.yaml" >"$dir/dc1-blind.yaml"
start dc1 "$bin/gavel-provider" -c "$dir/dc1-blind.yaml"
until_offers 3 >/dev/null
established
out=$(fast three)
like 'the cheapest cannot launch it' "$out" 'running'
like '  the next one does' "$(lease three .provider)" "^$dc2\$"
like '  and it is told who could not' "$(order three '.failed[].provider')" "^${dc1,,}\$"
# "   346 ms  open", and the next "awarded".
ms=$(echo "$out" | awk '$3 == "open" { at = $1 } at != "" && $3 == "awarded" { print $1 - at; exit }')
echo "# from failure to the next award: $ms ms"
like '  by the second tick that looked at it' "$(tenant --json bids three | jq -r '[.data[].tick] | unique | length')" '^2$'

# ---- who is killed, and then not fit to start, takes its offer back ----
kill_daemon dc2
like 'who is killed has not withdrawn' "$(until_offers 3)" '^3$'
sed 's/cpu_milli: 4000/cpu_milli: 4000000/' "$dir/dc2.yaml" >"$dir/dc2-unfit.yaml"
out=$("$bin/gavel-provider" -c "$dir/dc2-unfit.yaml" 2>&1; echo "exit $?")
like 'a machine that is not fit does not start' "$out" 'the inventory less the reserve'
like '  and takes back what it offered' "$(offers | jq -r '[.data[].offer.provider] | join(" ")' | grep -c "$dc2")" '^0$'
start dc2 "$bin/gavel-provider" -c "$dir/dc2.yaml"
like 'when it is fit it offers again' "$(until_offers 3)" '^3$'
sed 's/^list_bp:.*/standing: false/' "$dir/dc2.yaml" >"$dir/dc2-sealed.yaml"
end dc2
start dc2 "$bin/gavel-provider" -c "$dir/dc2-sealed.yaml"
wait_for 10 dc2 grep -q provider.registered "$dir/log/dc2.log"
like 'standing: false offers nothing' "$(provider_ dc2-sealed offers)" 'the settings say standing: false'
like 'and a tenant sees that' "$(tenant providers)" '^    no standing offer: it answers sealed rounds$'
tenant close one >/dev/null 2>&1
tenant close three >/dev/null 2>&1
finish
