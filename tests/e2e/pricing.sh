#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pricing.sh - what providers ask, on real parts: quotes, a price program that
# answers, declines, is late and talks nonsense; denied tenants; auditors; past
# orders replayed against other prices. TAP.
cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh pricing
tmp=$(mktemp -d)
chmod 755 "$tmp"
cleanup() { rm -rf "$tmp"; }
cat >"$tmp/price" <<END
#!/bin/sh
read -r question
case \$(cat "$tmp/mode") in
card) echo "\$question" | jq -c .card ;;
flat) echo '{"floor":"900000000000","list":"987654321012"}' ;;
low) echo '{"floor":"1","list":"2"}' ;;
decline) echo '{"decline":"term"}' ;;
late) sleep 3; echo "\$question" | jq -c .card ;;
nonsense) echo 'cheap!' ;;
fails) echo 'no luck' >&2; exit 3 ;;
esac
END
chmod 755 "$tmp/price"
echo card >"$tmp/mode"
export GAVEL_DEMO_SETTINGS="price_program: [$tmp/price]
price_timeout_ms: 250"
up
mode() { echo "$1" >"$tmp/mode"; }
quote() { tenant "$@" quote "$dir/web.yaml" 2>&1; }

like 'a quote names who would serve it' "$(quote)" '^[a-z]+: [23] of 3 providers would serve it$'
like 'and a range of prices' "$(quote)" 'at most .*/h .* to .*/h '
mode flat
like 'the program sets the price' "$(quote --json)" '"lowest": *"987654321012"'
mode decline
like 'the program declines' "$(quote --json)" '"reason": *"term"'
mode low
like 'a floor far below the card does not count' "$(quote)" 'declines: price'
mode nonsense
like 'nor does nonsense' "$(quote)" 'declines: price'
mode fails
like 'nor a program that fails' "$(quote)" 'declines: price'
mode late
like 'nor one that is late' "$(quote)" 'declines: price'
sleep 1
like 'which is killed' "x$(pgrep -f "$tmp/price" | wc -l)" '^x0$'
mode card
like 'and after all of it, prices again' "$(quote)" '[23] of 3'

# An auditor of its own, with a key of its own.
sed "s|$dir/keys/tenant.json|$dir/keys/auditor.json|" "$dir/tenant.yaml" >"$dir/auditor.yaml"
auditor() { "$bin/gavel" -C "$dir/auditor.yaml" "$@"; }
who=$(auditor wallet new)
dc2=$(cat "$dir/keys/dc2.address")
awk -v who="$who" '{ print } /^  placement:/ { on = 1 }
	on && /^    [a-z]+:$/ { print "      signedBy:\n        allOf: [\"" who "\"]"; on = 0 }' "$dir/web.yaml" >"$dir/audited.yaml"
audited() { tenant quote "$dir/audited.yaml" 2>&1; }
like 'without audits nobody is eligible' "$(audited)" '^[a-z]+: 0 of 3'
like 'and they say why' "$(audited)" 'declines: audit'
like 'an auditor vouches' "$(auditor audit sign --provider "$dc2" --attributes region=eu-west --attributes tier=gold --expires 1h 2>&1)" 'vouched for'
like 'all can read it' "$(tenant audit list "$dc2")" "^$who +until "
for _ in $(seq 8); do # a tenant has 30 quotes a minute
	audited | grep -q ': 1 of 3' && break
	sleep 2
done
like 'soon the provider knows' "$(audited)" '^[a-z]+: 1 of 3'
like 'it wins an order that asks for the audit' \
	"$(tenant deploy "$dir/audited.yaml" --deposit 2 --name audited 2>&1; tenant --json status audited)" "$dc2"
like 'an auditor takes it back' "$(auditor audit revoke --provider "$dc2" 2>&1)" 'taken back'
for _ in $(seq 8); do # a tenant has 30 quotes a minute
	audited | grep -q ': 0 of 3' && break
	sleep 2
done
like 'and it is out again' "$(audited)" '^[a-z]+: 0 of 3'
like 'an audit of nothing is refused' "$(auditor audit sign --provider "$dc2" 2>&1)" 'attributes'

# Past orders against other prices.
tenant deploy "$dir/web.yaml" --deposit 2 --name plain >/dev/null 2>&1
replay() { "$bin/gavel-provider" price simulate "$@" 2>&1; }
like 'past orders are replayed' "$(replay "$dir/dc1.yaml" --since 1h)" 'orders: would have won'
sed 's/^price_program.*//; s/cpu_milli: "12000000"/cpu_milli: "1"/' "$dir/dc1.yaml" >"$dir/cheap.yaml"
like 'who is cheaper would have won' "$(replay "$dir/cheap.yaml" --since 1h --json)" '"won": *[1-9]'
sed 's/^price_program.*//; s/cpu_milli: "12000000"/cpu_milli: "12000000000"/' "$dir/dc1.yaml" >"$dir/dear.yaml"
like 'who is dearer would not' "$(replay "$dir/dear.yaml" --since 1h --json)" '"won": *0'
me=$(tenant wallet address)
printf 'tenants: {deny: ["%s"]}\n' "$me" >>"$dir/cheap.yaml"
like 'who denies the tenant says so' "$(replay "$dir/cheap.yaml" --since 1h)" 'excluded'
tenant close audited >/dev/null 2>&1
tenant close plain >/dev/null 2>&1
finish
