#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# spread.sh - copies of one deployment on real providers of different owners and regions:
# awarded together, each running and answering, one that fails followed by another
# provider, more copies than owners, and all of it ended by one command. Then a sealed
# order beside standing offers. TAP.
cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh spread
up
providers_of() { # providers_of NAME COPIES: who runs them
	for i in $(seq "$2"); do tenant --json status "$1-$i" | jq -r '.lease.provider // "nobody"'; done
}
# file COUNT WORDS [SED...]: web.yaml with so many copies, anywhere, spread.
file() {
	count=$1 words=$2
	shift 2
	sed -e "s/127.0.0.1:5000/127.0.0.1:$registry_port/" -e "s/count: 1/count: $count/" \
		-e '/^      attributes:$/d' -e '/^        region: eu-west$/d' \
		-e "s/^x-gavel:\$/&\n  auction: {$words}/" "$@" examples/web.yaml >"$dir/spread.yaml"
}
deploy() { tenant deploy "$dir/spread.yaml" --deposit 2 --name "$@" 2>&1; }
dc1=$(cat "$dir/keys/dc1.address") dc2=$(cat "$dir/keys/dc2.address") dc3=$(cat "$dir/keys/dc3.address")
like 'three offers stand' "$(until_offers 3)" '^3$'
established

# ---- what no file can say ----
file 3 'kind: sealed, spread: owner'
like 'sealed and spread' "$(tenant sdl check "$dir/spread.yaml" 2>&1)" 'what is spread is auctioned fast'
file 1 'spread: owner'
like 'one copy' "$(tenant sdl check "$dir/spread.yaml" 2>&1)" 'one copy cannot be spread'
file 3 'spread: planet'
like 'over planets' "$(tenant sdl check "$dir/spread.yaml" 2>&1)" 'must be provider, owner or region'
file 17 'spread: owner'
like 'too many' "$(tenant sdl check "$dir/spread.yaml" 2>&1)" '17 copies in placement europe, at most 16'
file 3 'spread: owner'
like 'a good one' "$(tenant sdl check "$dir/spread.yaml" 2>&1; echo "exit $?")" 'exit 0'
like 'against the flag' "$(deploy no --auction sealed)" 'what is spread is auctioned fast'

# ---- three copies at three owners ----
out=$(deploy three)
like 'three copies run' "$(echo "$out" | grep -c 'is running$')" '^3$'
like '  each said by its name' "$out" ' web 2 +awarded '
like '  at three owners' "$(providers_of three 3 | sort -u | wc -l)" '^3$'
pages=$(echo "$out" | grep -oE 'http://[^ ]+')
for page in $pages; do
	like '  a real container answers' "$(curl -sf -m 5 --resolve "*:$(echo "$page" | grep -oE '[0-9]+$'):127.0.0.1" "$page")" '.'
done
like '  in one tick' "$(for i in 1 2 3; do tenant --json status "three-$i" | jq -c .order.ticks; done | sort -u | wc -l)" '^1$'
like '  each under its own order' "$(for i in 1 2 3; do tenant --json status "three-$i" | jq -r .order.hash; done | sort -u | wc -l)" '^3$'
like '  what became of each offer' "$(tenant --json bids three | jq -r '[.. | .reason? // empty] | sort | join(" ")')" '^taken taken taken taken taken taken won won won$'
like '  and it was all true' "$(tenant audit auction three-2 2>&1)" 'price by the set'
for i in 1 2 3; do
	like "  each lease too ($i)" "$(tenant audit auction "three-$i" 2>&1; echo "exit $?")" 'exit 0'
done
like '  down to the last token' "$(tenant audit lease three-2 2>&1; echo "exit $?")" 'in a tick: see gavel audit auction'
like 'all of it in one answer' "$(tenant status three 2>&1 | grep -c 'workload +running\|workload *running')" '^3$'

# ---- more copies than owners ----
file 4 'spread: owner'
out=$(deploy four --ttl 4s; echo "exit $?")
like 'a fourth owner there is not' "$out" '4 of 4 do not run'
like '  and nobody has got anything' "$(providers_of four 4 | sort -u)" '^nobody$'
like '  for which there is a reason' "$(tenant --json bids four | jq -r '[.. | .reason? // empty] | unique | join(" ")')" 'spread|capacity'
like '  nothing is held for it any more' "$(curl -sf "$url/v1/accounts/$(cat "$dir/keys/tenant.address")" | jq '.free == .balance')" '^true$'
like 'closing it says so' "$(tenant close four 2>&1)" '.'

# ---- above one maximum ----
file 2 'spread: owner' -e 's/per_hour: "0.05"/per_hour: "0.0001"/'
out=$(deploy cheap --ttl 3s; echo "exit $?")
like 'above the maximum none runs' "$out" '2 of 2 do not run'
like '  with the reason' "$(tenant --json bids cheap | jq -r '[.. | .reason? // empty] | unique | join(" ")')" 'above_max'

like 'one command ends all' "$(tenant close three 2>&1 | grep -c 'closed\|is closed\|paid')" '^[3-9]'
like '  all are closed' "$(for i in 1 2 3; do tenant --json status "three-$i" | jq -r .order.state; done | sort -u | xargs)" '^closed$'

# ---- by regions ----
file 2 'spread: region'
out=$(deploy regions)
like 'two regions' "$(echo "$out" | grep -c 'is running$')" '^2$'
like '  one of them is the third' "$(providers_of regions 2 | grep -c "$dc3")" '^1$'
tenant close regions >/dev/null 2>&1

# ---- one winner cannot launch ----
end dc1
sed 's/^insecure_registries:.*/insecure_registries: []/' "$dir/dc1.yaml" >"$dir/dc1-blind.yaml"
start dc1 "$bin/gavel-provider" -c "$dir/dc1-blind.yaml"
until_offers 3 >/dev/null
established
file 2 'spread: owner'
out=$(deploy failing)
like 'one cannot launch it: another does' "$(echo "$out" | grep -c 'is running$')" '^2$'
like '  at two others' "$(providers_of failing 2 | sort -u | grep -c "$dc2\|$dc3")" '^2$'
like '  who could not is told' "$(for i in 1 2; do tenant --json status "failing-$i" | jq -r '.order.failed[].provider'; done)" "^${dc1,,}\$"
failed=$(for i in 1 2; do tenant --json status "failing-$i" | jq -r '[.order.failed[].provider] | length'; done | xargs)
like '  of one row, and the other ran on' "$failed" '^(1 0|0 1)$'
for i in 1 2; do
	like "  the ticks of row $i are true" "$(tenant audit auction "failing-$i" 2>&1; echo "exit $?")" 'exit 0'
done
# Two owners are left that can: a third copy has nobody, and the two run on.
file 3 'spread: owner'
out=$(deploy partly --ttl 20s; echo "exit $?")
like 'a third has nobody: said, and not hidden' "$out" '1 of 3 do not run'
like '  the two others run on' "$(echo "$out" | grep -c 'is running$')" '^2$'
like '  and how to end them' "$out" 'gavel close partly stops the others'
tenant close partly >/dev/null 2>&1
tenant close failing >/dev/null 2>&1

# ---- sealed, beside standing offers ----
end dc1
start dc1 "$bin/gavel-provider" -c "$dir/dc1.yaml"
until_offers 3 >/dev/null
established
out=$(tenant deploy "$dir/web.yaml" --deposit 2 --name sealed 2>&1)
like 'a sealed order runs' "$out" 'is running'
bids=$(tenant --json bids sealed)
like '  bids and offers are in one list' "$(echo "$bids" | jq -r '[.data[] | if .offer then "offer" else "bid" end] | unique | join(" ")')" '^bid offer$'
like '  all with a reason' "$(echo "$bids" | jq -r '[.data[] | select(.reason == null and .declined == null)] | length')" '^0$'
like '  one has won' "$(echo "$bids" | jq -r '[.data[] | select(.reason == "won")] | length')" '^1$'
like '  as people read it' "$(tenant bids sealed)" 'offer, tick [0-9]+: '
like '  and it was all true' "$(tenant audit auction --save "$dir/sealed.json" sealed 2>&1)" ': true'
like '  without the market too' "$("$bin/gavel" audit auction "$dir/sealed.json" 2>&1)" ': true'
jq 'del(.books[0].rows[0])' "$dir/sealed.json" >"$dir/lie.json"
like '  and not with an offer left out' "$("$bin/gavel" audit auction "$dir/lie.json" 2>&1)" 'audit_root'
like '  the whole lease' "$(tenant audit lease sealed 2>&1; echo "exit $?")" 'exit 0'
tenant close sealed >/dev/null 2>&1
finish
