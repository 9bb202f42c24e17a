#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# names.sh - one deployment of three services in real containers: reached by host
# names, at an address of its own and over UDP from outside; by service names, as
# far as their exposes say, from inside. Needs root (or sudo). TAP.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || { echo "1..0 # SKIP needs root"; exit 77; }
command -v haproxy >/dev/null || { echo "1..0 # SKIP no haproxy"; exit 77; }
export GAVEL_DEMO_DIR=$PWD/build/e2e-names GAVEL_DEMO_PORT=9680
dir=$GAVEL_DEMO_DIR
trap 'demo/stop.sh quiet' EXIT
trap 'exit 1' TERM INT HUP
demo/up.sh >"/tmp/gavel-names.$$" 2>&1 || { sed 's/^/# /' "/tmp/gavel-names.$$"; echo "not ok 1 - the demo's market comes up"; exit 1; }
rm -f "/tmp/gavel-names.$$"
n=0 bad=0
like() { # WHAT GOT PATTERN
	n=$((n + 1))
	if printf '%s' "$2" | grep -qE -- "$3"; then echo "ok $n - $1"; else
		printf 'not ok %d - %s\n#  got %s\n# want %s\n' $n "$1" "$2" "$3"
		bad=1
	fi
}
# What a service sees of the others, as its page. A refused connection takes its
# time: the packet filter drops.
cat >"$dir/look" <<'END'
mkdir -p /tmp/www; cd /tmp/www;
say() { echo "$1: $(busybox timeout 3 busybox wget -T 2 -qO- "$2" 2>&1 | busybox tail -1)"; };
until busybox nslookup db >/dev/null 2>&1; do sleep 0.1; done; sleep 2;
{ echo "db: $(busybox nslookup db 2>/dev/null | busybox grep -c 'Address.*10\.8')";
echo "internal: $(busybox nslookup db.internal 2>/dev/null | busybox grep -c 'Address.*10\.8')";
echo "foreign: $(busybox nslookup nobody 2>&1 | busybox grep -c NXDOMAIN)";
echo "hosts: $(busybox grep -c db /etc/hosts)";
say as http://db:9100/; say port http://db:8080/; say closed http://db:8081/;
} >index.html; exec httpd -f -p 80 -h /tmp/www
END
look=$(tr '\n' ' ' <"$dir/look" | sed 's/\\/\\\\/g; s/"/\\"/g')
image=127.0.0.1:$((GAVEL_DEMO_PORT + 2))/gavel/web:1
cat >"$dir/names.yaml" <<END
version: "2.0"
services:
  db:
    image: $image
    command: [/bin/sh, -c]
    args: ["hostname >/tmp/index.html; httpd -p 8081 -h /tmp; busybox nc -u -l -p 7000 -e /bin/cat & exec httpd -f -p 8080 -h /tmp"]
    expose:
      - {port: 8080, as: 9100, to: [{service: web}]}
      - {port: 8080, as: 9200, to: [{global: true, ip: mine}]}
      - {port: 7000, proto: udp, to: [{global: true}]}
  other:
    image: $image
    command: [/bin/sh, -c]
    args: ["$look"]
    expose:
      - {port: 80, accept: [other.names.test], to: [{global: true}]}
  web:
    image: $image
    command: [/bin/sh, -c]
    args: ["$look"]
    expose:
      - {port: 80, accept: [web.names.test], to: [{global: true}]}
endpoints: {mine: {kind: ip}}
profiles:
  compute:
    small: {resources: {cpu: {units: 0.1}, memory: {size: 32Mi}, storage: {size: 32Mi}}}
  placement:
    europe:
      attributes: {region: eu-west}
      pricing: {db: {per_hour: "0.1"}, other: {per_hour: "0.1"}, web: {per_hour: "0.1"}}
deployment:
  db: {europe: {profile: small, count: 2}}
  other: {europe: {profile: small, count: 1}}
  web: {europe: {profile: small, count: 1}}
END
gavel() { XDG_STATE_HOME=$dir/tenant-state build/gavel -C "$dir/tenant.yaml" "$@"; }
out=$(gavel deploy "$dir/names.yaml" --deposit 10 --name names 2>&1)
like 'deployed' "$out" 'web.names.test'
status=$(gavel --json status names)
web=$(printf '%s' "$status" | grep -o 'http://web.names.test:[0-9]*' | head -1)
port=${web##*:}
page() { curl -s -m 10 -H "Host: $1" "http://127.0.0.1:$port/"; }
seen=$(page web.names.test)
like 'web finds both copies of db by name' "$seen" '^db: 2$'
like 'and by the longer name' "$seen" '^internal: 2$'
like 'a name of nobody does not exist' "$seen" '^foreign: [1-9]'
like 'none of it stands in /etc/hosts' "$seen" '^hosts: 0$'
like 'web reaches db at as' "$seen" '^as: db$'
like 'and at port' "$seen" '^port: db$'
like 'but at no port that db keeps to itself' "$seen" '^closed: .*(timed out|[Tt]erminated|^$)|^closed: $'
seen=$(page other.names.test)
like 'a third service finds it by name too' "$seen" '^db: 2$'
like 'but is not let in at as' "$seen" '^as: .*(timed out|[Tt]erminated)|^as: $'
like 'nor at port' "$seen" '^port: .*(timed out|[Tt]erminated)|^port: $'
generated=$(printf '%s' "$status" | grep -o 'http://web-[a-z0-9]*\.dc[123]\.localhost:[0-9]*' | head -1)
like 'a host name by the provider' "$(curl -s -m 10 "$generated")" '^db: 2$'
mine=$(printf '%s' "$status" | grep -oE 'tcp://127\.0\.1\.[0-9]+:9200' | head -1)
like 'an address of its own' "$(curl -s -m 10 "http://${mine#tcp://}/")" '^db$'
udp=$(printf '%s' "$status" | grep -o 'udp://127.0.0.1:[0-9]*' | head -1)
like 'UDP to a container and back' "$(node tests/e2e/upstream.mjs udp 127.0.0.1 "${udp##*:}" there)" '^there$'
gavel close names >/dev/null 2>&1
gone() { [ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: web.names.test' "http://127.0.0.1:$port/")" = 404 ]; }
for _ in $(seq 100); do gone && break; sleep 0.1; done
like 'closed: its names are gone' "$(gone && echo gone)" gone
like 'and its address' "$(curl -s -m 2 "http://${mine#tcp://}/" || echo gone)" gone
echo "1..$n"
[ $bad = 0 ] || { printf '%s\n' "$out" "$status" | cut -c1-3000 | sed 's/^/# /'; grep -hE 'warn|error' "$dir"/log/dc*.log | tail -20 | sed 's/^/# /'; }
exit $bad
