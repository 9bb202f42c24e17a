#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fast.sh - standing offers and fast orders on real parts: three providers that offer
# by their cards, orders awarded in ticks at the runner-up's price, a provider that
# has withdrawn, one that cannot launch, one that is not fit to start. Needs root. TAP.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 77; }
export GAVEL_TOP=$PWD GAVEL_DEMO_DIR=$PWD/build/e2e-fast GAVEL_DEMO_PORT=${GAVEL_FAST_PORT:-10480}
# Established from the beginning, so that offers set each other's price at once.
export GAVEL_DEMO_MARKET="in_book_s: 0
class_launches: 0"
# shellcheck source=demo/lib.sh
. demo/lib.sh
set +e
export XDG_STATE_HOME=$dir/tenant-state
trap 'demo/stop.sh quiet >/dev/null 2>&1' EXIT
if ! demo/up.sh >"$PWD/build/fast.log" 2>&1; then
	echo "not ok 1 - the market comes up"
	tail -n 5 "$PWD/build/fast.log" "$dir"/log/*.log | sed 's/^/# /'
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
url=http://127.0.0.1:$market_port
offers() { curl -sf "$url/v1/offers?limit=100"; }
# until_offers COUNT: that many stand.
until_offers() {
	for _ in $(seq 100); do
		[ "$(offers | jq '.data | length')" = "$1" ] && break
		sleep 0.1
	done
	offers | jq -r '.data | length'
}
# Of an order: from the order to its award, and who has it at what price.
order() { tenant --json status "$1" | jq -r ".order$2"; }
lease() { tenant --json status "$1" | jq -r ".lease$2"; }
since() { # since ORDER_TIME LATER: ms
	echo $((($(date -d "$2" +%s%N) - $(date -d "$1" +%s%N)) / 1000000))
}
fast() { tenant deploy "$dir/web.yaml" --auction fast --deposit 2 --name "$@" 2>&1; }
sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/" examples/web.yaml >"$dir/web.yaml"
dc1=$(cat "$dir/keys/dc1.address") dc3=$(cat "$dir/keys/dc3.address")

is 'three offers stand' "$(until_offers 3)" '^3$'
is 'by the month, for people' "$(tenant providers)" '^    floor  vCPU [0-9.]+, GiB memory [0-9.]+, .* TUSD a month$'
echo "# $(tenant providers | grep -A2 offers | head -3)"
out=$(fast one)
is 'a fast order runs' "$out" '^one is running$'
echo "$out" | sed 's/^/# /'
tenant bids one | sed 's/^/# /'
echo "1..$n"
exit $bad
