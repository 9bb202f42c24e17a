#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shop.sh - examples/shop.yaml on real parts: three services from three images,
# reached by host name, by TCP port and by private names; updated while somebody
# asks without a pause; a volume that outlives kill -9, its containers, its
# provider and its lease. TAP.
cd "$(dirname "$0")/../.." || exit 1
command -v haproxy >/dev/null || { echo "1..0 # SKIP no haproxy"; exit 77; }
export GAVEL_DEMO_SETTINGS="volumes: [{class: beta3, bytes: 512MiB}]
volume_keep_s: 1h"
. tests/e2e/lib.sh shop
up
demo/shop_images.sh "$dir" "$registry_port" || { echo "not ok 1 - three images are made"; exit 1; }
# Two editions that cannot do: one ends at once, one never answers.
oci=$dir/image/oci
for kind in "false:/bin/sh:-c:exit 3" mute:/bin/sleep:100000; do
	tag=${kind%%:*} entry=()
	IFS=: read -ra words <<<"${kind#*:}"
	for word in "${words[@]}"; do entry+=(--config.entrypoint "$word"); done
	umoci tag --image "$oci:api-1" "api-$tag" >/dev/null
	umoci config --image "$oci:api-$tag" "${entry[@]}" >/dev/null
	skopeo --insecure-policy copy --quiet --dest-tls-verify=false "oci:$oci:api-$tag" \
		"docker://127.0.0.1:$registry_port/gavel/api:$tag"
done
t() { timeout 60 "$bin/gavel" -C "$dir/tenant.yaml" -q "$@"; }
inside() { t exec shop --service "$1" -- sh -c "$2" </dev/null 2>&1; }

sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/" examples/shop.yaml >"$dir/shop.yaml"
sed 's/EDITION=first/EDITION=second/' "$dir/shop.yaml" >"$dir/second.yaml"
sed 's/EDITION=first/EDITION=third/; s/api:1/api:false/' "$dir/shop.yaml" >"$dir/false.yaml"
sed 's/EDITION=first/EDITION=third/; s/api:1/api:mute/' "$dir/shop.yaml" >"$dir/mute.yaml"
sed 's/SHOP=corner shop/SHOP=big shop/; s|/bin/ready|/bin/nothing|; s/every: 2s/every: 1s/;
	/bin\/nothing/a\        grace: 2s' "$dir/shop.yaml" >"$dir/ill.yaml"

t deploy "$dir/shop.yaml" --deposit 10 --name shop >"$dir/deploy.out" 2>&1
ok 'three services from three images run' test $? = 0
[ $bad = 0 ] || { sed 's/^/# /' "$dir/deploy.out"; exit 1; }
winner=
for name in dc1 dc2 dc3; do
	grep -q lease.running "$dir/log/$name.log" && winner=$name
done
status=$(t status shop)
web=$(grep -o 'http://shop.localhost:[0-9]*' <<<"$status" | head -1)
tcp=$(grep -o 'tcp://[0-9.]*:[0-9]*' <<<"$status" | head -1)
tcp=${tcp#tcp://}
answer() { timeout 5 bash -c "exec 3<>/dev/tcp/${tcp%:*}/${tcp#*:}; cat <&3"; }
haproxy_pid() { pgrep -f "$dir/$winner/agent/ingress" | sort | tr '\n' ' '; }
proxy_before=$(haproxy_pid)

# From outside.
like 'by host name: web asks api, api asks db' "$(curl -sf -m 5 "$web/cgi-bin/buy")" '^corner shop: first edition, number 1$'
like 'each sale is one more' "$(curl -sf -m 5 "$web/cgi-bin/buy")" 'number 2$'
like 'a TCP port open to the world' "$(answer)" '^first edition, sold so far: 2$'
like 'a host name of nobody' "$(curl -s -m 5 -o /dev/null -w '%{http_code}' -H 'Host: nobody.localhost' "${web/shop.localhost/127.0.0.1}/")" '^404$'
# Inside.
like 'web may ask api' "$(inside web 'timeout 2 wget -qO- http://api:8080/healthz')" '^ok$'
like 'but not db' "$(inside web 'timeout 1 wget -qO- http://db:7000/healthz || echo refused')" 'refused$'
like 'and api not web' "$(inside api 'timeout 1 wget -qO- http://web:80/healthz || echo refused')" 'refused$'
like 'nor db anybody' "$(inside db 'timeout 1 wget -qO- http://api:8080/healthz || echo refused')" 'refused$'
like 'exec in each of them' "$(inside db 'cat /data/number'; inside api hostname; inside web hostname)" '^2$'
like 'status shows each container' "$status" '^unit +api\.0 +ready +v1$'
like '  and the version' "$status" '^version +1$'

# An update of the api's variables while somebody asks without a pause, over both ways.
demo/shop_buyer.sh "$web/cgi-bin/buy" "$dir/enough" >"$dir/buyer" 2>"$dir/buyer.err" &
buyer=$!
(asked=0 failed=0
until [ -e "$dir/enough" ]; do
	asked=$((asked + 1))
	[[ $(answer) == *"sold so far: "[0-9]* ]] || failed=$((failed + 1))
	sleep 0.2
done
echo "asked $asked times, $failed without an answer") >"$dir/answers" 2>/dev/null &
caller=$!
t update shop "$dir/second.yaml" >"$dir/update.out" 2>&1
ok 'an update' test $? = 0
like '  says what runs' "$(cat "$dir/update.out")" '^shop runs version 2$'
like '  and the new variables are there' "$(answer)" '^second edition'
ok 'an update to what runs changes nothing' t update shop "$dir/second.yaml"
ids() { pgrep -fo '^nc -ll -p 9000'; }
calm() { for _ in $(seq 100); do t status shop | grep -q stopping || return 0; sleep 0.1; done; return 1; }
ok '  and what ran before goes' calm
before=$(ids)
t update shop "$dir/false.yaml" >"$dir/false.out" 2>&1
ok 'an update to an image that ends at once: exit status 10' test $? = 10
like '  with its reason' "$(cat "$dir/false.out")" 'service api ended at once with 3.*\[update_returned\]'
t update shop "$dir/mute.yaml" >"$dir/mute.out" 2>&1
ok 'an update that never gets ready: exit status 10' test $? = 10
like '  with its reason' "$(cat "$dir/mute.out")" 'service api is not ready: .*\[update_returned\]'
ok 'the containers of before are those of now' test "$before" = "$(ids)"
like '  in the version of before' "$(answer)" '^second edition'
like 'status says so' "$(t status shop)" '^version +2, the last update failed and was taken back: service api is not ready'
: >"$dir/enough"
wait $buyer $caller
like 'all the while nobody was left without an answer by HTTP' "$(cat "$dir/buyer")" 'asked [0-9]{2,} times, 0 without'
like '  nor at the TCP port' "$(cat "$dir/answers")" 'asked [0-9]{2,} times, 0 without'
sed 's/^/# /' "$dir/buyer" "$dir/answers" "$dir/buyer.err" | head -8
ok 'HAProxy was neither reloaded nor started again' test "$proxy_before" = "$(haproxy_pid)"
ok 'an update to what runs is no failure, whatever was before' t update shop "$dir/second.yaml"
like '  and the failure is forgotten' "$(t status shop)" '^version +2$'

# The volume: over kill -9 of its container, an update, and of its provider.
number=$(inside db 'cat /data/number')
ok 'every sale was counted' test "$number" -gt 50
kill -9 "$(ps -o ppid= -p "$(pgrep -fo '^httpd -f -p 7000')" | tr -d ' ')"
sold() { [ "$(inside db 'cat /data/number')" = "$number" ]; }
again() { for _ in $(seq 100); do sold && return 0; sleep 0.1; done; return 1; }
ok 'the number is there after its container was killed' again
t update shop "$dir/ill.yaml" >"$dir/ill.out" 2>&1
ok 'an update of db that fails: exit status 10' test $? = 10
like '  with its reason' "$(cat "$dir/ill.out")" 'service db is not ready: the command ended with 127'
ok '  the number is there' again
like '  and web is what it was' "$(curl -sf -m 5 "$web/cgi-bin/buy")" "^corner shop: second edition, number $((number + 1))\$"
kill_daemon "$winner"
ok 'the shop does not need its provider to sell' curl -sf -m 5 "$web/cgi-bin/buy"
start "$winner" "$bin/gavel-provider" -c "$dir/$winner.yaml"
back() { for _ in $(seq 100); do answer 2>/dev/null | grep -q 'sold so far: [0-9]' && return 0; sleep 0.1; done; return 1; }
ok 'the provider comes back, and the TCP port with it' back
number=$(inside db 'cat /data/number')

# Logs, while it runs.
like 'logs of all three' "$(t logs shop)" '^db\.0 \| the number is '
like '--tail' "$(t logs shop --tail 1 | wc -l)" '^1$'
like '--since' "$(t logs shop --since 2099-01-01T00:00:00Z | wc -l)" '^0$'
like '  and younger' "$(t logs shop --since 10m --service web)" '^the corner shop opens'

# The end, and another lease with the same number.
ok 'closed, its volume kept' t close --keep-volumes shop
like 'logs after the end: it was asked to end' "$(t logs shop --service web)" '^web ends as it was asked to'
like '  and says how it ended' "$(t logs shop --service web)" '^- exited 0'
kept() { for _ in $(seq 100); do t volumes shop | grep -q 'kept until' && return 0; sleep 0.1; done; return 1; }
ok 'the volume is kept' kept
t deploy "$dir/second.yaml" --deposit 10 --name again --volumes-from shop >"$dir/again.out" 2>&1
ok 'another deployment takes it over' test $? = 0
web=$(grep -o 'http://shop.localhost:[0-9]*' "$dir/again.out" | head -1)
like 'the number goes on, at the first question' "$(curl -s -m 5 "$web/cgi-bin/buy")" "number $((number + 1))\$"
ok 'closed, its volume deleted' t close --delete-volumes again
[ $bad = 0 ] || grep -hE ' (warn|error) ' "$dir"/log/"$winner".log | tail -30 | sed 's/^/# /'
finish
