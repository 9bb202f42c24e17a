#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh - one order from start to finish, on real parts. KEEP=1 leaves it all
# running afterwards.
. "$(dirname "$0")/lib.sh"
XDG_STATE_HOME=$dir/tenant-state
export XDG_STATE_HOME

trap 'status=$?; [ $status = 0 ] || say "the demo failed; logs are in $dir/log"; exit $status' EXIT
"$top/demo/up.sh"

balances() {
	for who in tenant market dc1 dc2 dc3; do
		line=$(tenant --json balance "$($SUDO cat "$dir/keys/$who.address")")
		printf '%s %s %s\n' "$who" "$(echo "$line" | member wallet)" "$(echo "$line" | member escrow)"
	done
	line=$(tenant --json balance "$(member escrow <"$dir/contract.json")")
	printf 'contract %s 0\n' "$(echo "$line" | member wallet)"
}

say ""
say "\$ gavel deploy web.yaml"
sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/" "$top/examples/web.yaml" >"$dir/web.yaml"
balances >"$dir/before"
tenant deploy "$dir/web.yaml" --deposit 10 --name web
start agent "$bin/gavel" -C "$dir/tenant.yaml" agent --every 1

endpoint=$(tenant --json status web | grep -o 'http://[a-z0-9.-]*:[0-9]*' | tail -1)
say ""
say "\$ curl $endpoint"
curl -sf --retry 3 "$endpoint" || die "the workload does not answer"
say ""
say "\$ gavel bids web"
tenant bids web

say "\$ gavel audit auction web"
tenant audit auction --save "${GAVEL_DEMO_EVIDENCE:-$dir/evidence.json}" web
say ""
say "\$ gavel exec web -- id"
tenant exec web -- id </dev/null
sleep 3
say ""
say "\$ gavel status web"
tenant status web
say ""
say "\$ gavel logs web"
tenant logs --tail 5 web

if [ "${KEEP:-}" = 1 ]; then
	say ""
	say "It keeps running: market http://127.0.0.1:$market_port, chain http://127.0.0.1:$rpc_port,"
	say "workload $endpoint. Try:"
	g="XDG_STATE_HOME=$dir/tenant-state $bin/gavel -C $dir/tenant.yaml"
	say "  $g status web"
	say "  $g logs -f web"
	say "  $g exec web -- /bin/sh -c 'ls /'"
	say "  $g providers"
	say "  $g close web"
	say "and at the end: make demo-stop"
	exit 0
fi

say ""
say "\$ gavel close web"
end agent
tenant close web
say ""
say "\$ gavel receipt web"
tenant receipt web
balances >"$dir/after"
say ""
"$top/demo/tokens.sh" "$dir/before" "$dir/after"
"$top/demo/stop.sh"
