#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# placements.sh - a file of two placements on real parts: two orders under one
# name, followed, looked at and closed together; all or nothing before the first
# is posted; one that fails leaves the other running. TAP.
cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh placements
up

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
like 'deposits that the balance does not cover: nothing is posted' "$out" 'funds_short'
like '  and no order is there' "$(tenant --json api GET '/v1/orders?limit=5' | tr -d ' \n')" '"data":\[\]'

out=$(tenant deploy "$dir/pair.yaml" --deposit 5 2>&1)
like 'both run' "$out" 'pair-first is running'
like '  under names of their own' "$out" 'pair-second is running'
out=$(tenant status pair 2>&1)
like 'status shows the one' "$out" '^pair-first$'
like '  and the other' "$out" '^pair-second$'
like '  both leased' "$(printf '%s\n' "$out" | grep -c '(leased)')" '^2$'
like 'as JSON it is a list' "$(tenant --json status pair | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')" '^2$'
like 'without a name the pair is meant' "$(tenant status 2>&1)" '^pair-second$'
curl -sf "$(tenant status pair-first | grep -o 'http://[0-9.:]*' | tail -1)" >/dev/null
out=$(tenant logs pair 2>&1)
like 'logs come with the name before each line' "$out" '^pair-(first|second) \| .*serving on port 80'
like 'exec asks which' "$(tenant exec pair -- id 2>&1)" 'name one, such as pair-first'
like '  and runs in one' "$(tenant exec pair-second -- id 2>&1 </dev/null)" 'uid=1000'
out=$(tenant close pair 2>&1)
like 'close closes both' "$(printf '%s\n' "$out" | grep -c '^closed: ')" '^2$'

out=$(tenant deploy "$dir/half.yaml" --deposit 5 --open-within 20 2>&1)
status=$?
like 'one that finds no provider is told' "$out" 'half-second: order unfilled'
like '  with what to do about it' "$out" 'gavel close half stops the others; gavel deploy .* --placement second'
like '  and the exit status of its kind' "$status" '^8$'
like '  while the other runs' "$out" 'half-first is running'
tenant close half-first >/dev/null 2>&1

out=$(tenant deploy "$dir/pair.yaml" --deposit 5 --name one --placement second 2>&1)
like '--placement deploys one' "$out" 'one-second is running'
like '  and only that' "$(printf '%s\n' "$out" | grep -c 'is running')" '^1$'
like '  it is the last one' "$(tenant status 2>&1)" '\(leased\)'
like 'closed' "$(tenant close one-second 2>&1)" '^closed: '
finish
