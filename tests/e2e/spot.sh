#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# spot.sh - the interruptible tier: two workloads in one provider's pool at one price; a
# firm order takes the room, the lowest maximum is interrupted with notice, waits with
# its volume, and runs again when the room is back. What is paid is what its runs and
# the pool's prices say, to the token. TAP.
cd "$(dirname "$0")/../.." || exit 1
command -v haproxy >/dev/null || { echo "1..0 # SKIP no haproxy"; exit 77; }
export GAVEL_DEMO_SETTLE=1000
export GAVEL_DEMO_MARKET="spot_period_s: 6
spot_free_s: 8"
export GAVEL_DEMO_SETTINGS="spot: {discount_bp: 3000, notice_s: 3}
volumes: [{class: beta3, bytes: 256MiB}]"
. tests/e2e/lib.sh spot
agent=
cleanup() { [ -z "$agent" ] || kill "$agent" 2>/dev/null; }
t() { timeout 60 "$bin/gavel" -C "$dir/tenant.yaml" -q "$@"; }
inside() { name=$1 && shift && t exec "$name" --service app -- sh -c "$*" </dev/null 2>&1; }
# within SECONDS NAME PATTERN: gavel status shows it by then.
within() {
	for _ in $(seq $(($1 * 5))); do t status "$2" 2>&1 | grep -qE -- "$3" && return 0; sleep 0.2; done
	t status "$2" 2>&1 | sed 's/^/#  /' >&2
	return 1
}
up
dc1=$(cat "$dir/keys/dc1.address")

# file CPUS PER_HOUR [X-GAVEL]
file() {
	printf 'version: "2.0"\nservices:\n  app:\n    image: 127.0.0.1:%s/gavel/web:1\n' "$registry_port"
	printf '    command: [/bin/sh, -c]\n    args: ["trap '"'echo asked >>/data/asked; exit 0'"' TERM; [ -e /data/first ] || head -c 12 /dev/urandom | /bin/busybox base64 >/data/first; echo begun >>/data/begun; while :; do sleep 0.1; done"]\n'
	printf '    params: {storage: {data: {mount: /data}}}\n    expose: [{port: 9, to: [{service: app}]}]\n'
	printf 'profiles:\n  compute:\n    s: {resources: {cpu: {units: %s}, memory: {size: 32Mi}, storage: [{size: 16Mi}, {name: data, size: 32Mi, attributes: {persistent: true, class: beta3}}]}}\n' "$1"
	printf '  placement:\n    here: {pricing: {s: {per_hour: "%s"}}}\ndeployment:\n  app: {here: {profile: s, count: 1}}\n' "$2"
	printf 'x-gavel:\n  auction: {allow: ["%s"]}\n%s\n' "$dc1" "${3:-}"
}
file 0.2 0.04 '  interruptible: true' >"$dir/low.yaml"
file 0.2 0.06 '  interruptible: true' >"$dir/high.yaml"
file 3.7 1 >"$dir/firm.yaml"
file 0.2 0.055 '  interruptible: true
  on_interrupt: end' >"$dir/ends.yaml"

# The pool and its first price.
pool() { curl -sf "$url/v1/pools" | jq -c --arg p "$dc1" '.data[] | select((.provider | ascii_downcase) == ($p | ascii_downcase) and .class == "cpu")'; }
priced() { [ -n "$(pool | jq -r '.price.terms.price // empty')" ]; }
for _ in $(seq 100); do priced && break; sleep 0.1; done
floor=$(pool | jq -r .pool.terms.floor)
ok 'an empty pool costs its floor' test "$(pool | jq -r .price.terms.price)" = "$floor"
like 'the floor is the card less the discount' "$floor" '^36400000$'
timeout 300 "$bin/gavel" -C "$dir/tenant.yaml" agent --every 1 >"$dir/log/tenant-agent.log" 2>&1 &
agent=$!

timeout 60 "$bin/gavel" -C "$dir/tenant.yaml" deploy "$dir/low.yaml" --deposit 1 --name low >"$dir/low.out" 2>&1
ok 'an interruptible order is leased and runs' test $? = 0
[ $bad = 0 ] || { sed 's/^/# /' "$dir/low.out"; tail -5 "$dir/log/market.log" "$dir/log/dc1.log"; exit 1; }
like 'deploy says that it may be interrupted, and with which notice' "$(cat "$dir/low.out")" 'may be interrupted with 3 to 3 s of notice'
t deploy "$dir/high.yaml" --deposit 1 --name high >"$dir/high.out" 2>&1
ok 'and a second in the same pool' test $? = 0
first=$(inside low cat /data/first)
like 'it wrote to its volume' "$first" '^[A-Za-z0-9+/=]{16}'
ok 'status shows the pool, and that it runs' within 5 low 'spot .*cpu.*running'
sleep 12 # longer than what is free
like 'both pay one price, the floor' "$(pool | jq -c '[.price.terms.price, [.price.auction.runs[].runs]]')" "^\\[\"$floor\",\\[true,true\\]\\]"

# A firm order takes the room of one.
t deploy "$dir/firm.yaml" --deposit 1 --name firm >"$dir/firm.out" 2>&1
ok 'a firm order gets the room' test $? = 0
[ $bad = 0 ] || { sed 's/^/# /' "$dir/firm.out"; tail -5 "$dir/log/market.log" "$dir/log/dc1.log"; }
ok 'the lowest maximum is interrupted' within 5 low 'interrupted'
ok 'the other runs on' within 1 high 'workload +running'
like 'the provider gave its notice' "$(cat "$dir/log/dc1.log")" 'lease.interrupted .*why=firm notice_s=3'
sleep 8
like 'who waits makes the price: its maximum' "$(pool | jq -r .price.terms.price)" '^(5555[0-9]{4})$'
t close firm --delete-volumes >/dev/null 2>&1
ok 'the firm lease closes' test $? = 0
ok 'with room again, it runs again' within 20 low 'spot .*running'
ok 'and its container is up' within 10 low 'ready|running +v1'
like 'its volume is what it was' "$(inside low cat /data/first)" "^$(sed 's/[+/]/./g' <<<"$first")"
like 'it had been asked to end, and began twice' "$(inside low 'cat /data/asked /data/begun' | tr '\n' ' ')" '^asked begun begun'

# A run that is interrupted soon is free; on_interrupt: end closes.
t deploy "$dir/ends.yaml" --deposit 1 --name ends >"$dir/ends.out" 2>&1 &
wait $!
ok 'one that ends when interrupted' test $? = 0
ok 'its run has begun' within 5 ends 'spot .*running'
file 3.7 1 >"$dir/firm.yaml"
t deploy "$dir/firm.yaml" --deposit 1 --name firm2 >"$dir/firm2.out" 2>&1
ok 'another firm order, at once' test $? = 0
for _ in $(seq 100); do t status ends 2>&1 | grep -q '(closed)' && break; sleep 0.2; done
like 'interrupted within the free time it costs nothing, and is closed' "$(t status ends 2>&1)" 'settled +0(\.00)? .*paid'
t close firm2 --delete-volumes >/dev/null 2>&1

# To the token: from runs and prices alone.
hash_of() { t --json status "$1" 2>/dev/null | jq -r .lease.hash; }
for name in low high; do
	hash=$(hash_of $name)
	t close $name --delete-volumes >/dev/null 2>&1
	for _ in $(seq 50); do [ "$(curl -sf "$url/v1/leases/$hash" | jq -r .state)" = closed ] && break; sleep 0.2; done
	curl -sf "$url/v1/leases/$hash" >"$dir/lease.json"
	curl -sf "$url/v1/leases/$hash/runs" >"$dir/runs.json"
	curl -sf "$url/v1/pools/$dc1/cpu/prices" >"$dir/prices.json"
	want=$(jq -n --slurpfile l "$dir/lease.json" --slurpfile r "$dir/runs.json" --slurpfile p "$dir/prices.json" '
		($l[0].terms.rate | tonumber) as $max | ($l[0].voucher.up_to // $l[0].voucher.upTo // $l[0].voucher.usage.upTo) as $last |
		[$r[0].data[].terms] as $runs | [$p[0].data[].terms | {at, price: (.price | tonumber)}] as $prices |
		def rate($s): ([$prices[] | select(.at <= $s)] | last // $prices[0]).price * 200 | if . > $max then $max else . end;
		[range(0; $runs | length) | select($runs[.].state == 1) | . as $i |
			$runs[$i].at as $from | ($runs[$i + 1].at // $last) as $to |
			if ($runs[$i + 1].state // 0) == 2 and $to - $from < 8 then 0 else [range($from; $to) | rate(.)] | add // 0 end] | add / 1000000000 | floor')
	paid=$(jq -r .paid "$dir/lease.json")
	ok "$name paid exactly what its runs and the prices say: $want" test "$paid" = "$want"
	ok "$name: its audit counts runs and prices again" eval "t audit lease '$name' --save '$dir/$name.audit' 2>&1 | grep -q 'due, computed again'"
	jq -c '.spot.runs[0].terms.at -= 1' "$dir/$name.audit" >"$dir/$name.forged"
	ok "$name: and refuses a run that its provider did not sign" eval "! t audit lease '$dir/$name.forged' >'$dir/forged.out' 2>&1 && grep -q run '$dir/forged.out'"
	ok "$name paid something" test "$paid" -gt 50
done
like 'the whole history of prices stands to an audit' "$(t audit pool "$dc1" cpu 2>&1)" 'every price and place is right'
finish
