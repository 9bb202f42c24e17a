#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ingress.sh - host names, certificates, relays, addresses and names of leases:
# the agent's own code with a real HAProxy, lego and an ACME server (pebble), in a
# network namespace of its own. No containers: the workloads are processes at the
# workloads' addresses. TAP.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 77; }
for tool in haproxy lego pebble pebble-challtestsrv node openssl unshare; do
	command -v $tool >/dev/null || { echo "1..0 # SKIP no $tool"; exit 77; }
done
[ "${1:-}" = inside ] || exec unshare -n "$0" inside

bin=${BUILD:-build}/tests/e2e/ingress_agent
node=tests/e2e/upstream.mjs
dir=$(mktemp -d /tmp/gvi.XXXXXX)
pids=
finish() {
	[ -n "$pids" ] && kill -9 $pids 2>/dev/null # the agent first: it would start another
	pid=$(haproxy_pid) && [ -n "$pid" ] && kill "$pid"
	[ -n "${KEEP:-}" ] || rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' TERM INT HUP
n=0 bad=0
is() { # WHAT GOT WANT
	n=$((n + 1))
	if [ "$2" = "$3" ]; then echo "ok $n - $1"; else
		printf 'not ok %d - %s\n#  got %s\n# want %s\n' $n "$1" "$2" "$3"
		bad=1
	fi
}
like() { # WHAT GOT PATTERN
	n=$((n + 1))
	if printf '%s' "$2" | grep -qE -- "$3"; then echo "ok $n - $1"; else
		printf 'not ok %d - %s\n#  got %s\n# want %s\n' $n "$1" "$2" "$3"
		bad=1
	fi
}
until_() { # SECONDS COMMAND...
	tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}
socket=$dir/agent/ingress/admin.sock
haproxy_pid() { node -e 'const c=require("net").connect(process.argv[1]);let t="";c.on("data",d=>t+=d).on("end",()=>console.log(/^Pid: (\d+)/m.exec(t)[1])).on("error",()=>process.exit(1));c.write("show info\n")' "$socket" 2>/dev/null; }

ip link set lo up
for slot in $(seq 0 60); do
	ip addr add "10.86.0.$((4 * slot + 2))/32" dev lo
done
for a in 192.0.2.10 192.0.2.11; do ip addr add $a/32 dev lo; done

# --- an ACME server ------------------------------------------------------------
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
	-addext subjectAltName=IP:127.0.0.1 -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
cat >"$dir/pebble.json" <<END
{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
 "certificate": "$dir/ca.crt", "privateKey": "$dir/ca.key", "httpPort": 18080, "tlsPort": 18443,
 "ocspResponderURL": "", "externalAccountBindingRequired": false}}
END
pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 "" -dns01 127.0.0.1:8053 -http01 "" \
	-https01 "" -tlsalpn01 "" -management 127.0.0.1:8055 >"$dir/dns.log" 2>&1 &
pids="$pids $!"
PEBBLE_VA_NOSLEEP=1 pebble -config "$dir/pebble.json" -dnsserver 127.0.0.1:8053 \
	>"$dir/pebble.log" 2>&1 &
pids="$pids $!"

# --- workloads and the agent -----------------------------------------------------
node $node serve 0.0.0.0 8080 &
pids="$pids $!"
node $node world 53 &
pids="$pids $!"
mkdir "$dir/certs"
cat >"$dir/provider.yaml" <<END
market_url: http://127.0.0.1:1
listen: 127.0.0.1
public_host: 127.0.0.1
key_file: none
password_file: none
state_dir: $dir
tag: ing
network: 10.86.0.0
slots: 61
rpc_url: http://127.0.0.1:1
chain_id: 1
escrow: "0x0000000000000000000000000000000000000001"
token: "0x0000000000000000000000000000000000000002"
capacity: {cpu_milli: 4000, memory_bytes: 2147483648, storage_bytes: 8589934592, gpus: 0, endpoints: 50}
attributes: []
card: {cpu_milli: "1", memory_mib: "1", storage_mib: "1", endpoint: "1"}
ingress_http: 18080
ingress_https: 18443
ingress_domain: apps.test
ingress_certs: $dir/certs
ingress_routes: 16
acme_url: https://127.0.0.1:14000/dir
acme_email: ops@apps.test
acme_ca: $dir/ca.crt
resolvers: [127.0.0.53]
ips: [192.0.2.10, 192.0.2.11]
END
agent() { "$bin" "$dir/provider.yaml" "$@"; }
# service NAME COPIES ENDPOINTS EXPOSES
service() {
	printf '{"name":"%s","image":"r.test/%s:1","count":%d,"resources":{"cpu_milli":100,"memory_bytes":67108864,"storage_bytes":67108864,"gpus":0,"endpoints":%d},"exposes":[%s]}' "$1" "$1" "$2" "$3" "$4"
}
put() { # N SERVICES
	printf '{"group":"eu","services":[%s]}' "$2" >"$dir/$1.json"
	agent put "$1" "$dir/$1.json" 2>&1 | sed 's/^.*fatal[^a-z]*//'
}
web() { printf '{"port":8080,"as":80,"proto":"http","global":true,"hosts":["%s"]%s}' "$1" "${2:-}"; }
"$bin" "$dir/provider.yaml" run >"$dir/agent.log" 2>&1 &
agent_pid=$!
pids="$pids $agent_pid"
until_ 15 haproxy_pid

like 'endpoints are names: the wished one and one of our own' \
	"$(put 1 "$(service web 2 1 "$(web a.test)")" | tr '\n' ' ')" \
	'^web https://a.test:18443 web https://web-0000000001.apps.test:18443 $'
get() { curl -s -m 5 -H "Host: $1" "${@:3}" "http://127.0.0.1:18080$2"; }
code() { get "$@" -o /dev/null -w '%{http_code}'; }
answers() { [ "$(code "$1" /)" = "${2:-200}" ]; }
until_ 10 answers a.test
is 'a wished host' "$(code a.test /)" 200
is 'in capitals, and with a port' "$(code A.Test:18080 /)" 200
is 'our own host' "$(code web-0000000001.apps.test /)" 200
is 'no such host' "$(code b.test /)" 404
like 'and the page says so' "$(get b.test /)" 'No workload of this provider'
is 'no host at all' "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host;' http://127.0.0.1:18080/)" 404
is 'copies in turn' "$(for i in 1 2 3 4; do get a.test /; done | grep -o '"copy":"[^"]*"' | sort | uniq -c | tr -s ' \n' ' ')" \
	' 2 "copy":"10.86.0.10" 2 "copy":"10.86.0.2" '
said=$(get a.test / -H 'X-Forwarded-For: 6.6.6.6' -H 'X-Forwarded-Proto: https' -H 'X-Real-IP: 6.6.6.6' -H 'Forwarded: for=6.6.6.6')
like 'the client is named' "$said" '"x-forwarded-for":"127.0.0.1"'
like 'and the host and the protocol' "$said" '"x-forwarded-host":"a.test".*"x-forwarded-proto":"http"'
is 'what it says of itself is not passed on' "$(printf %s "$said" | grep -c 6.6.6.6)" 0
pid=$(haproxy_pid)

# --- http_options -----------------------------------------------------------------
put 2 "$(service api 1 1 "$(web api.test ',"http":{"max_body_bytes":1000,"read_timeout_ms":700}')")" >/dev/null
put 3 "$(service retry 2 1 "$(web retry.test ',"http":{"next_cases":["error","503"]}')")" >/dev/null
until_ 10 answers api.test
until_ 10 answers retry.test
is 'a body of the size' "$(head -c 1000 /dev/zero | code api.test / --data-binary @-)" 200
is 'a body too large' "$(head -c 1001 /dev/zero | code api.test / --data-binary @-)" 413
is 'the default is 1 MiB' "$(head -c 1048577 /dev/zero | code a.test / --data-binary @-)" 413
is 'and that much goes' "$(head -c 1048576 /dev/zero | code a.test / --data-binary @-)" 200
is 'a workload that is silent too long' "$(code api.test '/slow?ms=1500')" 504
is 'but others have their own patience' "$(code a.test '/slow?ms=1500')" 200
is 'a websocket, longer than the silence allowed' "$(node $node websocket api.test 18080)" 'true frames'
is 'an ill copy is seen without retries' "$(for i in 1 2 3 4; do code a.test /ill; echo; done | sort -u | tr '\n' ' ')" '200 503 '

# --- hosts are one lease's ----------------------------------------------------------
like 'a host of another lease' "$(put 4 "$(service x 1 1 "$(web a.test)")")" 'host_taken: a.test'
like 'a host below our domain' "$(put 4 "$(service x 1 1 "$(web web-0000000001.apps.test)")")" 'host_taken'
update() { # N SERVICES
	printf '{"group":"eu","services":[%s]}' "$2" >"$dir/$1.next.json"
	agent update "$1" "$dir/$1.next.json" 2>&1 | sed 's/^.*fatal[^a-z]*//'
}
like 'an older lease cannot update to the host of a younger one' \
	"$(update 1 "$(service web 2 1 "$(web retry.test)")")" 'host_taken: retry.test'
is 'to a free one it can' "$(update 1 "$(service web 2 1 "$(web next.test)")")" ''
like 'which then is no longer free' "$(put 4 "$(service x 1 1 "$(web next.test)")")" 'host_taken: next.test'
like 'names take no port; others do' \
	"$(put 4 "$(service x 1 2 "$(web x.test),{\"port\":8080,\"proto\":\"tcp\",\"global\":true}")" | tr '\n' ' ')" \
	'x https://x.test:18443 .* x tcp://127.0.0.1:30000'
agent end 4

# --- many changes, no reload ----------------------------------------------------------
changes=0
for round in $(seq 20); do
	for k in 5 6 7 8 9; do put $k "$(service s 1 1 "$(web h$k-$round.test)")" >/dev/null; done
	until_ 10 answers "h9-$round.test" || break
	for k in 5 6 7 8 9; do agent end $k; done
	until_ 10 answers "h9-$round.test" 404 || break
	changes=$((changes + 10))
done
is '200 routes come and go' $changes 200
is 'HAProxy is the same process' "$(haproxy_pid)" "$pid"
is 'and a.test was there all the time' "$(code a.test /)" 200

# --- certificates ------------------------------------------------------------------------
tls() { curl -s -m 5 -o /dev/null -w '%{http_code}' --resolve "$1:18443:127.0.0.1" --cacert "$2" "https://$1:18443/"; }
curl -s -k https://127.0.0.1:15000/roots/0 >"$dir/root.pem"
issued() { [ "$(tls "$1" "$dir/root.pem")" = 200 ]; }
until_ 60 issued a.test
is 'a certificate by ACME' "$(tls a.test "$dir/root.pem")" 200
until_ 60 issued api.test
is 'and for the next host' "$(tls api.test "$dir/root.pem")" 200
is 'HTTP/2 over TLS' "$(curl -sk -o /dev/null -w '%{http_version}' --http2 --resolve a.test:18443:127.0.0.1 https://a.test:18443/)" 2
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=custom \
	-addext 'subjectAltName=DNS:*.own.test' -keyout "$dir/own.key" -out "$dir/own.crt" 2>/dev/null
cat "$dir/own.crt" "$dir/own.key" >"$dir/certs/own.pem"
put 5 "$(service own 1 1 "$(web w.own.test)")" >/dev/null
own() { [ "$(tls w.own.test "$dir/own.crt")" = 200 ]; }
until_ 20 own
is "the operator's certificate" "$(tls w.own.test "$dir/own.crt")" 200
is 'HAProxy is still the same process' "$(haproxy_pid)" "$pid"
is 'nobody was asked for a host that it covers' "$(find "$dir/agent/ingress/acme" -name '*own.test*' | wc -l)" 0

# --- either side dies -----------------------------------------------------------------------
kill -9 $agent_pid
wait $agent_pid 2>/dev/null
is 'without the agent the names work' "$(code a.test /)" 200
agent end 2
"$bin" "$dir/provider.yaml" run >>"$dir/agent.log" 2>&1 &
agent_pid=$!
pids="$pids $agent_pid"
until_ 10 answers api.test 404
is 'an agent that is back takes away what ended meanwhile' "$(code api.test /)" 404
is 'and keeps the HAProxy that is there' "$(haproxy_pid)" "$pid"
kill -9 "$pid"
until_ 15 answers a.test
is 'a dead HAProxy is started again, with all its names' "$(code a.test /)" 200
until_ 20 issued a.test
is 'and its certificates' "$(tls a.test "$dir/root.pem")" 200

# --- relays and addresses ----------------------------------------------------------------------
ends=$(put 6 "$(service net 1 2 '{"port":8080,"proto":"udp","global":true},{"port":8080,"proto":"tcp","global":true}')")
port=$(printf '%s\n' "$ends" | sed -n 's,.*udp://127.0.0.1:,,p')
until_ 5 curl -s "http://127.0.0.1:$port/"
is 'UDP there and back' "$(node $node udp 127.0.0.1 "$port" word)" 'udp word'
ends=$(put 7 "$(service one 1 2 '{"port":8080,"as":25565,"proto":"tcp","global":true,"ip":"mine"},{"port":8080,"as":25565,"proto":"udp","global":true,"ip":"mine"}')" | tr '\n' ' ')
is 'an address of its own, the port as wished' "$ends" \
	'one tcp://192.0.2.10:25565 one udp://192.0.2.10:25565 '
until_ 5 curl -s http://192.0.2.10:25565/
like 'reached there' "$(curl -s http://192.0.2.10:25565/)" '"copy":"10.86'
is 'over UDP too' "$(node $node udp 192.0.2.10 25565 hi)" 'udp hi'
like 'another lease, another address' \
	"$(put 8 "$(service two 1 1 '{"port":8080,"as":25565,"proto":"tcp","global":true,"ip":"mine"}')")" 'tcp://192.0.2.11:25565'
like 'no address is left' \
	"$(put 9 "$(service three 1 1 '{"port":8080,"as":25565,"proto":"tcp","global":true,"ip":"mine"}')")" 'resources_short|no address is free'
agent end 7
closed() { ! curl -s -m 1 http://192.0.2.10:25565/; }
until_ 5 closed
like 'until one is given back' \
	"$(put 9 "$(service three 1 1 '{"port":8080,"as":25565,"proto":"tcp","global":true,"ip":"mine"}')")" 'tcp://192.0.2.10:25565'

# --- names -----------------------------------------------------------------------------------------
for k in 3 5 6 8 9; do agent end $k; done
put 10 "$(service app 1 0 ''),$(service db 2 0 '{"port":5432,"as":5432,"proto":"tcp","to":["app"]}')" >/dev/null
put 11 "$(service other 1 0 '')" >/dev/null
sleep 1.2
# A copy has two slots, one for its successor. Lease 1 has four, then those of 10, 11.
a=10.86.0.18 b=10.86.0.26 c=10.86.0.34 other=10.86.0.42
is 'a service by its name: all copies' "$(node $node ask $a 8453 A db)" "$b $c"
is 'and by its longer names' "$(node $node ask $a 8453 A db.internal) $(node $node ask $a 8453 A app.eu)" "$b $c $a"
is 'a name of nobody' "$(node $node ask $a 8453 A cache)" ENOTFOUND
is 'no other kind of record' "$(node $node ask $a 8453 AAAA db)" ENODATA
is "a service of another lease" "$(node $node ask $a 8453 A other)" ENOTFOUND
is 'which knows itself, and not us' "$(node $node ask $other 8453 A other) $(node $node ask $other 8453 A db)" "$other ENOTFOUND"
is 'names of the world are passed on' "$(node $node ask $a 8453 A www.example.org)" 198.51.100.7
is 'by TCP as well' "$(node $node askTcp $a 8453 www.example.org) $(node $node askTcp $a 8453 app)" "0 198.51.100.7 0 $a"
is 'an address of no workload is not answered' "$(node $node ask 127.0.0.1 8453 A db)" ETIMEOUT
is 'nor is a slot without one' "$(node $node ask 10.86.0.202 8453 A db)" ETIMEOUT

echo "1..$n"
[ $bad = 0 ] || tail -20 "$dir/agent.log" | sed 's/^/# /'
exit $bad
