#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# placements.sh - a file of two placements on real parts: two orders under one
# name, followed, looked at and closed together; all or nothing before the first
# is posted; one that fails leaves the other running. Needs root (or sudo). TAP.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || { echo "1..0 # SKIP needs root"; exit 77; }
export GAVEL_TOP=$PWD GAVEL_DEMO_DIR=$PWD/build/e2e-placements GAVEL_DEMO_PORT=9580
# shellcheck source=demo/lib.sh
. demo/lib.sh
set +e
export XDG_STATE_HOME=$dir/tenant-state
trap 'demo/stop.sh quiet >/dev/null 2>&1' EXIT
if ! demo/up.sh >"$PWD/build/placements.log" 2>&1; then
	echo "not ok 1 - the market comes up"
	sed 's/^/# /' "$PWD/build/placements.log"
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

# file REGION: the second placement asks for that region.
file() {
	cat <<END
version: "2.0"
services:
  web:
    image: 127.0.0.1:$registry_port/gavel/web:1
    env:
      - GREETING=hello
    expose:
      - port: 80
        to:
          - global: true
profiles:
  compute:
    web:
      resources:
        cpu:
          units: 0.1
        memory:
          size: 32Mi
        storage:
          size: 64Mi
  placement:
    first:
      pricing:
        web:
          per_hour: "0.05"
    second:
      attributes:
        region: $1
      pricing:
        web:
          per_hour: "0.05"
deployment:
  web:
    first:
      profile: web
      count: 1
    second:
      profile: web
      count: 1
END
}
file 'eu-*' >"$dir/pair.yaml"
file mars >"$dir/half.yaml"

out=$(tenant deploy "$dir/pair.yaml" --deposit 1000000 2>&1)
is 'deposits that the balance does not cover: nothing is posted' "$out" 'funds_short'
is '  and no order is there' "$(tenant --json api GET '/v1/orders?limit=5' | tr -d ' \n')" '"data":\[\]'

out=$(tenant deploy "$dir/pair.yaml" --deposit 5 2>&1)
is 'both run' "$out" 'pair-first is running'
is '  under names of their own' "$out" 'pair-second is running'
out=$(tenant status pair 2>&1)
is 'status shows the one' "$out" '^pair-first$'
is '  and the other' "$out" '^pair-second$'
is '  both leased' "$(printf '%s\n' "$out" | grep -c '(leased)')" '^2$'
is 'as JSON it is a list' "$(tenant --json status pair | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')" '^2$'
is 'without a name the pair is meant' "$(tenant status 2>&1)" '^pair-second$'
curl -sf "$(tenant status pair-first | grep -o 'http://[0-9.:]*' | tail -1)" >/dev/null
out=$(tenant logs pair 2>&1)
is 'logs come with the name before each line' "$out" '^pair-(first|second) \| .*serving on port 80'
is 'exec asks which' "$(tenant exec pair -- id 2>&1)" 'name one, such as pair-first'
is '  and runs in one' "$(tenant exec pair-second -- id 2>&1 </dev/null)" 'uid=1000'
out=$(tenant close pair 2>&1)
is 'close closes both' "$(printf '%s\n' "$out" | grep -c '^closed: ')" '^2$'

out=$(tenant deploy "$dir/half.yaml" --deposit 5 --open-within 20 2>&1)
status=$?
is 'one that finds no provider is told' "$out" 'half-second: order unfilled'
is '  with what to do about it' "$out" 'gavel close half stops the others; gavel deploy .* --placement second'
is '  and the exit status of its kind' "$status" '^8$'
is '  while the other runs' "$out" 'half-first is running'
tenant close half-first >/dev/null 2>&1

out=$(tenant deploy "$dir/pair.yaml" --deposit 5 --name one --placement second 2>&1)
is '--placement deploys one' "$out" 'one-second is running'
is '  and only that' "$(printf '%s\n' "$out" | grep -c 'is running')" '^1$'
is '  it is the last one' "$(tenant status 2>&1)" '\(leased\)'
is 'closed' "$(tenant close one-second 2>&1)" '^closed: '
echo "1..$n"
exit $bad
