#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shop.sh - examples/shop.yaml from deploy to close: three services that find each
# other, an update while they are asked, and a volume that outlives its lease.
# KEEP=1 leaves it all running afterwards.
. "$(dirname "$0")/lib.sh"
XDG_STATE_HOME=$dir/tenant-state
export XDG_STATE_HOME

trap 'status=$?; [ $status = 0 ] || say "the demo failed; logs are in $dir/log"; exit $status' EXIT
GAVEL_DEMO_SETTINGS='volumes: [{class: beta3, bytes: 512MiB}]' "$top/demo/up.sh"
"$top/demo/shop_images.sh" "$dir" "$registry_port"

sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/" "$top/examples/shop.yaml" >"$dir/shop.yaml"
sed 's/EDITION=first/EDITION=second/' "$dir/shop.yaml" >"$dir/shop2.yaml"
run() {
	say ""
	say "\$ $*"
}

run gavel deploy shop.yaml
tenant deploy "$dir/shop.yaml" --deposit 10
start agent "$bin/gavel" -C "$dir/tenant.yaml" agent --every 1
web=$(tenant --json status shop | grep -o 'http://shop.localhost:[0-9]*' | head -1)
tcp=$(tenant --json status shop | grep -o 'tcp://[0-9.]*:[0-9]*' | head -1)
run curl "$web/cgi-bin/buy" "# web asks api, api asks db"
curl -sf "$web/cgi-bin/buy"
curl -sf "$web/cgi-bin/buy"
run nc "${tcp#tcp://}" "# the api's own TCP port"
timeout 5 bash -c "cat </dev/tcp/$(echo "${tcp#tcp://}" | tr : /)"
run gavel exec shop --service db -- cat /data/number
tenant exec shop --service db -- cat /data/number </dev/null

run gavel update shop shop2.yaml "# while somebody buys without a pause"
"$top/demo/shop_buyer.sh" "$web/cgi-bin/buy" "$dir/stop-buying" >"$dir/bought" &
buyer=$!
tenant update shop "$dir/shop2.yaml"
: >"$dir/stop-buying"
wait $buyer
say "$(cat "$dir/bought")"
curl -sf "$web/cgi-bin/buy"
run gavel status shop
tenant status shop
run gavel logs shop --tail 8
tenant logs shop --tail 8

if [ "${KEEP:-}" = 1 ]; then
	say ""
	say "It keeps running: $web/cgi-bin/buy, $tcp. Try:"
	say "  XDG_STATE_HOME=$dir/tenant-state $bin/gavel -C $dir/tenant.yaml status shop"
	say "and at the end: make demo-stop"
	exit 0
fi
run gavel close --keep-volumes shop
tenant close --keep-volumes shop
run gavel deploy shop2.yaml --name again --volumes-from shop "# the number goes on"
tenant -q deploy "$dir/shop2.yaml" --deposit 10 --name again --volumes-from shop >/dev/null
curl -sf "$(tenant --json status again | grep -o 'http://shop.localhost:[0-9]*' | head -1)/cgi-bin/buy"
run gavel close --delete-volumes again
end agent
tenant close --delete-volumes again
"$top/demo/stop.sh"
