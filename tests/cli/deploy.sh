#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deploy.sh - what `gavel deploy` does with a file of two placements, against a
# stand-in for market and chain (market.mjs) on loopback: what is checked before
# anything is posted, what is taken back, which names lead where. With real parts
# the same is in tests/e2e/placements.sh. TAP.
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
build=$top/${BUILD:-build}
command -v node >/dev/null || { echo "1..0 # SKIP no node"; exit 77; }
. tests/db/ports.sh
port=$(free_ports)
tmp=$(mktemp -d)
market=
stop() {
	[ -z "$market" ] || { kill "$market"; wait "$market"; } 2>/dev/null
	market=
}
trap 'stop; rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
export XDG_STATE_HOME=$tmp/state
state=$tmp/state/gavel/deployments
n=0 bad=0

# start MODE FREE
start() {
	stop
	: >posts # what stood there said ready, too
	node "$top/tests/cli/market.mjs" "$port" "$1" "$2" >posts 2>&1 &
	market=$!
	for _ in $(seq 200); do
		grep -q ready posts && return
		sleep 0.05
	done
}
run() {
	timeout 30 "$build/gavel" -C context.yaml "$@" >out 2>&1 </dev/null
	status=$?
}
# is WHAT STATUS PATTERN: of the last run.
is() {
	n=$((n + 1))
	if [ "$status" = "$2" ] && grep -qE -- "$3" out; then echo "ok $n - $1"; else
		echo "not ok $n - $1: exit $status"
		sed 's/^/# /' out
		bad=1
	fi
}
# posts WHAT LINES: what the market was asked to write.
posts() {
	n=$((n + 1))
	if [ "$(grep -v ready posts | paste -sd,)" = "$2" ]; then echo "ok $n - $1"; else
		echo "not ok $n - $1"
		sed 's/^/# /' posts
		bad=1
	fi
}

echo password >password
"$build/gavel-market" key new --password-file password key.json >/dev/null
cat >context.yaml <<END
market_url: http://127.0.0.1:$port
rpc_url: http://127.0.0.1:$port
key_file: $tmp/key.json
password_file: $tmp/password
END
cat >pair.yaml <<END
version: "2.0"
services:
  web:
    image: nginx:1.27
    expose:
      - port: 80
        to:
          - global: true
profiles:
  compute:
    web:
      resources: {cpu: {units: 0.25}, memory: {size: 64Mi}, storage: {size: 64Mi}}
  placement:
    eu: {pricing: {web: {per_hour: "0.05"}}}
    us: {pricing: {web: {per_hour: "0.02"}}}
deployment:
  web:
    eu: {profile: web, count: 1}
    us: {profile: web, count: 2}
END
sed '/^    us: {pr/d; /^    us: {profile/d' pair.yaml >single.yaml

start ok 9000000
run deploy pair.yaml --deposit 5
is 'the balance must cover all deposits' 5 'lock 10.00 TUSD, free are 9.00 TUSD'
posts '  before the first is posted' ''
run deploy pair.yaml --placement mars
is 'a placement that is not there' 7 'there is no placement mars'
sed 's/nginx:1.27/nginx/' pair.yaml >bad.yaml
run deploy bad.yaml
is 'a file with findings' 2 'bad.yaml:4:12: error: the image has no tag'
posts '  nothing is posted' ''

start refuse 100000000
run deploy pair.yaml --deposit 5 --name refused
is 'one that the market refuses' 5 'refused-us.*funds_short'
posts '  takes the others back' 'posted eu,posted us,cancelled 0'

start half 100000000
run deploy pair.yaml --deposit 5 --name half
is 'one that finds no provider' 8 'half-us: order unfilled: no_bids'
is '  leaves the other running' 8 '^half-eu is running'
is '  and says what to do' 8 'gavel close half stops the others; gavel deploy pair.yaml --name half --placement us'
run --json deploy pair.yaml --deposit 5 --name half
is '  as JSON too' 8 '"code": "order_ended"'

start ok 100000000
run deploy pair.yaml --deposit 5
is 'both run' 0 '^pair-us is running'
posts '  in the order of their names' 'posted eu,posted us'
run bids
is 'the last one is the pair' 0 '^pair-eu$'
run bids pair
is '  by its name too' 0 '^pair-us$'
run --json bids pair
n=$((n + 1))
if node -e 'if (JSON.parse(require("fs").readFileSync("out")).length !== 2) process.exit(1)'; then
	echo "ok $n -   as JSON a list of two"
else
	echo "not ok $n -   as JSON a list of two"
	bad=1
fi
run bids pair pair-us
is 'bids of one name at a time' 2 'one name, for example'
run providers
is 'a market without providers says so' 0 'no provider has registered'
run providers gpu
is '  and what it cannot filter it refuses' 2 'gavel providers shows all'
run bids pair-us
is 'a part by its own name' 0 'declined: capacity'
run logs pair
is 'logs asks the providers of both' 7 'error: pair-us: '
is '  and counts those that have none' 7 '2 of 2 failed'
run exec pair -- id
is 'exec needs one' 2 'it stands for 2 deployments: name one, such as pair-eu'
run update pair pair.yaml
is 'and so does update' 2 'name one, such as pair-eu'
run deploy pair.yaml --deposit 5 --placement us
is '--placement deploys one' 0 'gavel close pair-us'
posts '  and no other' 'posted eu,posted us,posted us'
run bids
is '  it is the last one' 0 'declined'
! grep -q '^pair-' out
is '  alone' 0 'declined'
run deploy single.yaml --deposit 5 --name pair
is 'a file of one takes the name over' 0 '^pair is running'
[ ! -e "$state/pair.parts.json" ]
is '  for itself' $? '^pair is running'
run deploy pair.yaml --deposit 5 --no-wait
is '--no-wait prints both ids' 0 '^ord_'
[ ! -e "$state/pair.json" ] && [ "$(grep -c '^ord_' out)" = 2 ]
is '  and the name stands for both again' $? '^ord_'
run deploy pair.yaml --akash --deposit 5
is '--akash refuses what Akash does not know' 2 'denom|amount|price'

# Nonces: in their order, each once on this machine, past what is used up elsewhere.
rm -rf "$tmp/state/gavel/nonces"
start nonces 1000000000
run deploy single.yaml --deposit 5 --name n --no-wait
is 'a nonce that is used is not the end' 0 '^ord_'
posts '  the next are tried, in growing steps' 'nonce 0,nonce 1,nonce 3'
pids=
for i in 1 2 3 4 5 6 7 8; do
	"$build/gavel" -C context.yaml -q deploy single.yaml --deposit 5 --name "n$i" --no-wait >/dev/null 2>&1 &
	pids="$pids $!"
done
# shellcheck disable=SC2086
wait $pids
n=$((n + 1))
if [ "$(sed -n 's/^nonce //p' posts | tail -8 | sort -n | paste -sd,)" = 4,5,6,7,8,9,10,11 ]; then
	echo "ok $n - eight at once have eight, with no gap"
else
	echo "not ok $n - eight at once have eight, with no gap"
	sed 's/^/# /' posts
	bad=1
fi
# One that may still open must stay within the contract's 128: with it far behind, any.
state_file=$(echo "$tmp"/state/gavel/nonces/*.json)
sed -i 's/"next": *[0-9]*/"next":150/' "$state_file"
run deploy single.yaml --deposit 5 --name far --no-wait
last() { sed -n 's/^nonce //p' posts | tail -1; }
n=$((n + 1))
# Too long for the shell's numbers, perhaps.
if [ "$(last | wc -c)" -gt 10 ]; then echo "ok $n - too far ahead: a random one"; else
	echo "not ok $n - too far ahead: a random one"
	sed 's/^/# /' posts
	bad=1
fi
sed -i 's/"open_by": *[0-9]*/"open_by":1/g' "$state_file"
run deploy single.yaml --deposit 5 --name near --no-wait
n=$((n + 1))
if [ "$(last)" = 150 ]; then echo "ok $n - when those can open no more, the next again"; else
	echo "not ok $n - when those can open no more, the next again"
	sed 's/^/# /' posts
	bad=1
fi
# More leases than one page of the market's: the agent looks at every one.
run agent --once
is 'the agent reads the first page of its leases' 0 'warning: lea_1: '
is 'and the next' 0 'warning: lea_2: '
echo "1..$n"
exit $bad
