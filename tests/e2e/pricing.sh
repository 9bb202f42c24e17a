#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pricing.sh - what providers ask, on real parts: quotes, a price program that
# answers, declines, is late and talks nonsense; denied tenants; auditors; past
# orders replayed against other prices. Needs root. TAP.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 77; }
export GAVEL_TOP=$PWD GAVEL_DEMO_DIR=$PWD/build/e2e-pricing GAVEL_DEMO_PORT=9780
# shellcheck source=demo/lib.sh
. demo/lib.sh
set +e
export XDG_STATE_HOME=$dir/tenant-state
tmp=$(mktemp -d)
chmod 755 "$tmp"
trap 'demo/stop.sh quiet >/dev/null 2>&1; rm -rf "$tmp"' EXIT
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
if ! demo/up.sh >"$PWD/build/pricing.log" 2>&1; then
	echo "not ok 1 - the market comes up"
	sed 's/^/# /' "$PWD/build/pricing.log"
	exit 1
fi
n=0 bad=0
# is WHAT TEXT PATTERN
is() {
	n=$((n + 1))
	if printf '%s\n' "$2" | grep -qE -- "$3"; then echo "ok $n - $1"; else
		echo "not ok $n - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
		bad=1
	fi
}
mode() { echo "$1" >"$tmp/mode"; }
sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/" examples/web.yaml >"$dir/web.yaml"
quote() { tenant "$@" quote "$dir/web.yaml" 2>&1; }

is 'a quote names who would serve it' "$(quote)" '^[a-z]+: [23] of 3 providers would serve it$'
is 'and a range of prices' "$(quote)" 'at most .*/h .* to .*/h '
mode flat
is 'the program sets the price' "$(quote --json)" '"lowest": *"987654321012"'
mode decline
is 'the program declines' "$(quote --json)" '"reason": *"term"'
mode low
is 'a floor far below the card does not count' "$(quote)" 'declines: price'
mode nonsense
is 'nor does nonsense' "$(quote)" 'declines: price'
mode fails
is 'nor a program that fails' "$(quote)" 'declines: price'
mode late
is 'nor one that is late' "$(quote)" 'declines: price'
sleep 1
is 'which is killed' "x$(pgrep -f "$tmp/price" | wc -l)" '^x0$'
mode card
is 'and after all of it, prices again' "$(quote)" '[23] of 3'

# An auditor of its own, with a key of its own.
sed "s|$dir/keys/tenant.json|$dir/keys/auditor.json|" "$dir/tenant.yaml" >"$dir/auditor.yaml"
auditor() { "$bin/gavel" -C "$dir/auditor.yaml" "$@"; }
who=$(auditor wallet new)
dc2=$(cat "$dir/keys/dc2.address")
awk -v who="$who" '{ print } /^  placement:/ { on = 1 }
	on && /^    [a-z]+:$/ { print "      signedBy:\n        allOf: [\"" who "\"]"; on = 0 }' "$dir/web.yaml" >"$dir/audited.yaml"
audited() { tenant quote "$dir/audited.yaml" 2>&1; }
is 'without audits nobody is eligible' "$(audited)" '^[a-z]+: 0 of 3'
is 'and they say why' "$(audited)" 'declines: audit'
is 'an auditor vouches' "$(auditor audit sign --provider "$dc2" --attributes region=eu-west --attributes tier=gold --expires 1h 2>&1)" 'vouched for'
is 'all can read it' "$(tenant audit list "$dc2")" "^$who +until "
for _ in $(seq 8); do # a tenant has 30 quotes a minute
	audited | grep -q ': 1 of 3' && break
	sleep 2
done
is 'soon the provider knows' "$(audited)" '^[a-z]+: 1 of 3'
is 'it wins an order that asks for the audit' \
	"$(tenant deploy "$dir/audited.yaml" --deposit 2 --name audited 2>&1; tenant --json status audited)" "$dc2"
is 'an auditor takes it back' "$(auditor audit revoke --provider "$dc2" 2>&1)" 'taken back'
for _ in $(seq 8); do # a tenant has 30 quotes a minute
	audited | grep -q ': 0 of 3' && break
	sleep 2
done
is 'and it is out again' "$(audited)" '^[a-z]+: 0 of 3'
is 'an audit of nothing is refused' "$(auditor audit sign --provider "$dc2" 2>&1)" 'attributes'

# Past orders against other prices.
tenant deploy "$dir/web.yaml" --deposit 2 --name plain >/dev/null 2>&1
replay() { "$bin/gavel-provider" price simulate "$@" 2>&1; }
is 'past orders are replayed' "$(replay "$dir/dc1.yaml" --since 1h)" 'orders: would have won'
sed 's/^price_program.*//; s/cpu_milli: "12000000"/cpu_milli: "1"/' "$dir/dc1.yaml" >"$dir/cheap.yaml"
is 'who is cheaper would have won' "$(replay "$dir/cheap.yaml" --since 1h --json)" '"won": *[1-9]'
sed 's/^price_program.*//; s/cpu_milli: "12000000"/cpu_milli: "12000000000"/' "$dir/dc1.yaml" >"$dir/dear.yaml"
is 'who is dearer would not' "$(replay "$dir/dear.yaml" --since 1h --json)" '"won": *0'
me=$(tenant wallet address)
printf 'tenants: {deny: ["%s"]}\n' "$me" >>"$dir/cheap.yaml"
is 'who denies the tenant says so' "$(replay "$dir/cheap.yaml" --since 1h)" 'excluded'
tenant close audited >/dev/null 2>&1
tenant close plain >/dev/null 2>&1
echo "1..$n"
exit $bad
