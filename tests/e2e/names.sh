#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# names.sh - one deployment of three services in real containers: reached by host
# names and at an address of its own from outside; by service names, as far as
# their exposes say, from inside. TAP.
cd "$(dirname "$0")/../.." || exit 1
command -v haproxy >/dev/null || { echo "1..0 # SKIP no haproxy"; exit 77; }
. tests/e2e/lib.sh names
up
# What a service sees of the others, as its page. A refused connection takes its
# time: the packet filter drops.
cat >"$dir/look" <<'END'
mkdir -p /tmp/www; cd /tmp/www;
say() { echo "$1: $(busybox timeout 1 busybox wget -qO- "$2" 2>&1 | busybox tail -1)"; };
until busybox nslookup db >/dev/null 2>&1; do sleep 0.1; done; sleep 2;
{ echo "db: $(busybox nslookup db 2>/dev/null | busybox grep -c '^Address.*10[.]8[0-9.]*$')";
echo "internal: $(busybox nslookup db.internal 2>/dev/null | busybox grep -c '^Address.*10[.]8[0-9.]*$')";
echo "foreign: $(busybox nslookup nobody 2>&1 | busybox grep -c NXDOMAIN)";
echo "hosts: $(busybox grep -c db /etc/hosts)";
say as http://db:9100/; say port http://db:8080/; say closed http://db:8081/;
} >index.html; exec httpd -f -p 80 -h /tmp/www
END
look=$(tr '\n' ' ' <"$dir/look" | sed 's/\\/\\\\/g; s/"/\\"/g')
image=127.0.0.1:$registry_port/gavel/web:1
cat >"$dir/names.yaml" <<END
version: "2.0"
services:
  db:
    image: $image
    command: [/bin/sh, -c]
    args: ["hostname >/tmp/index.html; httpd -p 8081 -h /tmp; exec httpd -f -p 8080 -h /tmp"]
    expose:
      - {port: 8080, as: 9100, to: [{service: web}]}
      - {port: 8080, as: 9200, to: [{global: true, ip: mine}]}
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
      pricing: {small: {per_hour: "0.1"}}
deployment:
  db: {europe: {profile: small, count: 2}}
  other: {europe: {profile: small, count: 1}}
  web: {europe: {profile: small, count: 1}}
END
out=$(tenant deploy "$dir/names.yaml" --deposit 10 --name names 2>&1)
like 'deployed' "$out" 'web.names.test'
[ $bad = 0 ] || finish
status=$(tenant --json status names)
web=$(printf '%s' "$status" | grep -o 'http://web.names.test:[0-9]*' | head -1)
port=${web##*:}
page() { curl -s -m 10 --retry 3 -H "Host: $1" "http://127.0.0.1:$port/"; }
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
tenant close names >/dev/null 2>&1
gone() { [ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: web.names.test' "http://127.0.0.1:$port/")" = 404 ]; }
ok 'closed: its names are gone' soon 10 gone
like 'and its address' "$(curl -s -m 2 "http://${mine#tcp://}/" || echo gone)" gone
[ $bad = 0 ] || { printf '%s\n' "$out" "$status" | cut -c1-3000 | sed 's/^/# /'; grep -hE 'warn|error' "$dir"/log/dc*.log | tail -20 | sed 's/^/# /'; }
finish
