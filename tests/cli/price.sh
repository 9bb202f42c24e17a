#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# price.sh - gavel-provider price simulate over a file of orders, by the card and by
# the example program. No market, no root. TAP.
cd "$(dirname "$0")/../.." || exit 1
bin=${BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
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
echo secret >"$work/password"
"$bin/gavel-market" key new --password-file "$work/password" "$work/key.json" >/dev/null || exit 1
settings() { # settings MORE...
	cat <<END
market_url: http://127.0.0.1:1
key_file: $work/key.json
password_file: $work/password
state_dir: $work
tag: t
network: 10.86.0.0
rpc_url: http://127.0.0.1:1
chain_id: 1
escrow: "0x0000000000000000000000000000000000000001"
token: "0x0000000000000000000000000000000000000002"
overcommit: {cpu_bp: 100000, memory_bp: 100000, storage_bp: 100000}
reserve: {cpu_milli: 0, memory_bytes: 0, storage_bytes: 0}
capacity: {cpu_milli: 500, memory_bytes: 268435456, storage_bytes: 268435456, gpus: 0, endpoints: 5}
attributes: [{key: region, value: eu-west}]
card: {cpu_milli: "1000", memory_mib: "0", storage_mib: "0"}
list_bp: 20000
curve_bp: 10000
END
	[ $# = 0 ] || printf '%s\n' "$@"
}
order() { # order CPU REGION BIDS MORE
	printf '{"group":{"name":"x","billing":"metered","services":[{"name":"web","count":1,"resources":{"cpu_milli":%s,"memory_bytes":33554432,"storage_bytes":33554432,"gpus":0,"endpoints":1}}],"attributes":[{"key":"region","value":"%s"}],"signed_by":[],"manifest":"0x1111111111111111111111111111111111111111111111111111111111111111"},"bids":[%s]%s}\n' "$1" "$2" "$3" "$4"
}
bid() { printf '{"floor":"%s","list":"%s"}' "$1" "$2"; }
{
	order 100 eu-west "$(bid 150000 160000)" ''             # ours: 100000 to 200000
	order 100 eu-west "$(bid 90000 95000)" ''               # cheaper than we are
	order 100 eu-west '' ''                                 # alone: our list price
	order 100 eu-west "$(bid 150000 160000)" ',"max":"140000"'
	order 100 us-east '' ''
	order 5000 eu-west '' ''
} >"$work/orders"
settings >"$work/card.yaml"
run() {
	config=$1
	shift
	"$bin/gavel-provider" price simulate "$work/$config" --orders "$work/orders" "$@" 2>&1
}
out=$(run card.yaml)
is 'the runner-up sets the price' "$out" '^line 1 .*floor 100000 list 200000 +rank 1 +wins at 150000$'
is 'who is dearer does not win' "$out" '^line 2 .*rank 2 +does not win$'
is 'alone: the list price' "$out" '^line 3 .*wins at 200000$'
is 'above the maximum: nobody wins' "$out" '^line 4 .*does not win$'
is 'another region' "$out" '^line 5 .*declines: attribute$'
is 'more than there is' "$out" '^line 6 .*declines: capacity$'
is 'the sums' "$out" '^6 orders: would have won 2, for 350000 in all'
is 'and the reasons' "$out" 'declines 1: capacity'
out=$(run card.yaml --load 100)
is 'a full house asks for twice as much' "$out" '^line 1 .*floor 200000 list 400000 +rank 2'
out=$(run card.yaml --json)
is 'as JSON' "$out" '"sums":\{"orders":6,"won":2,"rate":"350000","declined":\{"attribute":1,"capacity":1\}\}'
settings 'tenants: {deny: ["0x0000000000000000000000000000000000000000"]}' >"$work/deny.yaml"
is 'a denied tenant' "$(run deny.yaml)" '^line 1 .*declines: excluded$'
settings 'tenants: {factor_bp: [{tenant: "0x0000000000000000000000000000000000000000", bp: 5000}]}' >"$work/half.yaml"
is 'a factor for a tenant' "$(run half.yaml)" '^line 2 .*floor 50000 .*wins at 90000$'
settings "price_program: [$PWD/examples/price.sh]" 'price_timeout_ms: 5000' >"$work/program.yaml"
out=$(run program.yaml)
is 'the example program answers' "$out" '^line [13] .*(floor 100000|declines: term)'
printf '#!/bin/sh\necho "{\\"floor\\":\\"60000\\",\\"list\\":\\"70000\\"}"\n' >"$work/own"
chmod 755 "$work/own"
settings "price_program: [$work/own]" 'price_timeout_ms: 5000' >"$work/own.yaml"
is 'a program in place of the card' "$(run own.yaml)" '^line 2 .*floor 60000 list 70000 +rank 1 +wins at 70000$'
printf '#!/bin/sh\necho no >&2; exit 1\n' >"$work/own"
is 'one that fails declines' "$(run own.yaml)" '^line 1 .*declines: price$'
settings "price_program: [$work/own]" 'price_fallback: card' 'price_timeout_ms: 5000' >"$work/own.yaml"
is 'or falls back to the card' "$(run own.yaml)" '^line 1 .*floor 100000'
echo '{"group":' >>"$work/orders"
is 'a line that is cut names itself' "$(run card.yaml)" 'error: line 7'
is 'price alone is usage' "$("$bin/gavel-provider" price 2>&1)" '^error: price simulate'
echo "1..$n"
exit $bad
