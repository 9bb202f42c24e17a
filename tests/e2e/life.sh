#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# life.sh - containers that end, fall ill, are killed and are updated: restarts with
# their pauses, checks and what they do, updates that are refused, and kill -9 of
# the agent and of the jail in the middle of it. TAP.
cd "$(dirname "$0")/../.." || exit 1
command -v haproxy >/dev/null || { echo "1..0 # SKIP no haproxy"; exit 77; }
. tests/e2e/lib.sh life
up
t() { timeout 60 "$bin/gavel" -C "$dir/tenant.yaml" -q "$@"; }
inside() { t exec life --service "$1" --copy "${3:-0}" -- sh -c "$2" </dev/null 2>&1; }
# within SECONDS PATTERN: gavel status life shows it by then.
within() {
	for _ in $(seq $(($1 * 5))); do t status life | grep -qE -- "$2" && return 0; sleep 0.2; done
	t status life | sed 's/^/#  /' >&2
	return 1
}

# service NAME COMMAND [EXPOSE]
service() {
	printf '  %s:\n    image: 127.0.0.1:%s/gavel/web:1\n    command: [/bin/sh, -c]\n' "$1" "$registry_port"
	printf "    args: ['%s']\n    env: [EDITION=%s]\n" "${2//\'/\'\'}" "${edition:-1}"
	printf '    expose: [%s]\n' "${3:-{port: 9, to: [{service: web\}]\}}"
}
wait='while :; do sleep 0.1; done'
httpd="echo begun; httpd -p 8080 -h /www; $wait"
deployed='always onfail job never oom sick ihttp itcp'
file() {
	printf 'version: "2.0"\nservices:\n'
	service always 'echo begun; sleep 0.5; exit 3'
	service onfail 'sleep 0.5; exit 4'
	service job 'echo done'
	service never 'sleep 1; exit 5'
	service oom 'sleep 1; exec dd if=/dev/zero of=/tmp/x bs=200M count=1'
	service sick "trap 'echo asked; sleep 1; echo in peace; exit 7' TERM; echo begun; $wait"
	service ihttp "$httpd"
	service itcp "$httpd"
	service web 'mkdir -p /tmp/www; seq $$ $(date +%s) | head -1 >/dev/null; dd if=/dev/urandom bs=6 count=1 2>/dev/null | /bin/busybox base64 >/tmp/www/index.html; echo "edition $EDITION"; exec httpd -f -p 80 -h /tmp/www' \
		"${web_expose:-{port: 80, accept: [life.test], to: [{global: true\}]\}}"
	printf 'profiles:\n  compute:\n    s: {resources: {cpu: {units: %s}, memory: {size: 32Mi}, storage: {size: 16Mi}}}\n' "${cpu:-0.05}"
	printf '  placement:\n    here: {pricing: {s: {per_hour: "0.05"}}}\ndeployment:\n'
	for s in $deployed; do printf '  %s: {here: {profile: s, count: 1}}\n' "$s"; done
	printf '  web: {here: {profile: s, count: 2}}\nx-gavel:\n  services:\n'
	printf '    onfail: {restart: on-failure}\n    job: {restart: never}\n    never: {restart: never}\n    oom: {restart: never}\n'
	printf '    sick: {stop: 4s, health: {command: [/bin/sh, -c, "[ ! -e /tmp/sick ]"], every: 1s, failures: 1}}\n'
	printf '    ihttp: {stop: 1s, health: {http: /index.html, port: 8080, every: 1s, failures: 1, grace: 1s}}\n'
	printf '    itcp: {stop: 1s, health: {tcp: 8080, every: 1s, failures: 1, grace: 1s}}\n'
	printf '    web: {stop: 1s, ready: {command: [/bin/sh, -c, "[ ! -e /tmp/busy ]"], every: 1s, failures: 1}'
	printf ', health: {command: [/bin/sh, -c, "[ ! -e /tmp/ill ]"], every: 1s, failures: 1}}\n'
}
file >"$dir/life.yaml"
t deploy "$dir/life.yaml" --deposit 10 --name life >"$dir/deploy.out" 2>&1
ok 'ten containers: a job that has ended well counts as launched' test $? = 0
[ $bad = 0 ] || { sed 's/^/# /' "$dir/deploy.out"; exit 1; }
winner=
for name in dc1 dc2 dc3; do
	grep -q lease.running "$dir/log/$name.log" && winner=$name
done
web=$(grep -o 'http://life.test:[0-9]*' "$dir/deploy.out")
page() { curl -sf -m 5 -H 'Host: life.test' "${web/life.test/127.0.0.1}/"; }

# Checks.
inside sick 'echo >/tmp/sick'
inside ihttp '/bin/busybox killall httpd'
inside itcp '/bin/busybox killall httpd'
ok 'ready: both copies have traffic' test "$(for _ in $(seq 30); do page; done | sort -u | wc -l)" = 2
inside web 'echo >/tmp/busy' 1
ok 'a ready check that fails: it runs, without traffic' within 6 '^unit +web\.1 +running +v1'
sleep 0.3
ok '  the other has all of it' test "$(for _ in $(seq 30); do page; done | sort -u | wc -l)" = 1
inside web 'rm /tmp/busy || /bin/busybox rm /tmp/busy' 1 >/dev/null
ok '  and back' within 6 '^unit +web\.1 +ready +v1$'
page_loop() {
	asked=0 failed=0
	until [ -e "$dir/enough" ]; do
		asked=$((asked + 1))
		[ -n "$(page)" ] || failed=$((failed + 1))
		sleep 0.02
	done
	echo "asked $asked times, $failed without an answer"
}
page_loop >"$dir/asked" 2>/dev/null &
asker=$!
inside web 'echo >/tmp/ill' 0
ok 'one copy of two is ill and started anew' within 10 '^unit +web\.0 +ready +v1, 1 restart'
ok 'health by command: started anew' within 8 '^unit +sick\.0 +ready +v1, 1 restart, last exit 7$'
log=$(t logs life --service sick)
like '  TERM came first' "$log" '^asked$'
like '  and its time of grace was given' "$log" '^in peace$'
like '  then it began again' "$(grep -c '^begun$' <<<"$log")" '^2$'
ok 'health by HTTP: started anew' within 8 '^unit +ihttp\.0 +ready +v1, [1-9]'
ok 'health by TCP: started anew' within 8 '^unit +itcp\.0 +ready +v1, [1-9]'
: >"$dir/enough"
wait $asker
like '  the other copy answered all the while' "$(cat "$dir/asked")" 'asked [0-9]{2,} times, 0 without'

# Restarts.
ok 'never: it is not started again' within 5 '^unit +never\.0 +finished +v1, last exit 5'
ok 'a job that has ended well is finished' within 1 '^unit +job\.0 +finished +v1, last exit 0'
ok 'out of memory is told' within 5 '^unit +oom\.0 +finished +v1, last exit 137 \(out of memory\)'
ok 'on-failure: started again after a failure' within 5 '^unit +onfail\.0 .*v1, [1-9][0-9]* restarts?, last exit 4'
ok 'always: again and again' within 10 '^unit +always\.0 .*v1, [4-9] restarts, last exit 3'
# The pause between an end and the next beginning: none, 1 s, 2 s. The shim notes an
# end a moment after it has told of it, so a pause may seem a little shorter than it was.
pauses=$(t logs life --service always --timestamps | grep -E ' (begun|- exited 3)$' | head -8 | python3 -c '
import sys, datetime
at = None
for line in sys.stdin:
    when = datetime.datetime.fromisoformat(line.split()[0].rstrip("Z"))
    if line.rstrip().endswith("begun"):
        if at: print("%.2f" % (when - at).total_seconds(), end=" ")
    else: at = when')
ok "its pauses grow: $pauses" awk -v p="$pauses" 'BEGIN {
	split(p, a, " "); exit !(a[1] < a[2] && a[2] < a[3] && a[2] > 0.6 && a[3] > 1.4) }'

# Updates that are not taken.
refused() { # WHAT FILE CODE
	out=$(t update life "$2" 2>&1)
	like "$1" "$out" "\\[$3\\]"
}
cpu=0.1 file >"$dir/cpu.yaml"
refused 'other resources are refused' "$dir/cpu.yaml" 'manifest_bad'
deployed='always onfail job never oom sick ihttp' file | grep -vE '^    itcp: ' | sed '/^  itcp:$/,/expose/d' >"$dir/fewer.yaml"
refused 'so are fewer services' "$dir/fewer.yaml" 'manifest_bad'
web_expose='{port: 80, proto: udp, to: [{global: true}]}' file >"$dir/udp.yaml"
refused 'and another kind of port' "$dir/udp.yaml" update_refused
sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/; s/        as: 80/&\n        accept: [taken.test]/" examples/web.yaml >"$dir/other.yaml"
t deploy "$dir/other.yaml" --deposit 1 --name other >"$dir/other.out" 2>&1
other=$(for name in dc1 dc2 dc3; do grep -c lease.running "$dir/log/$name.log" | sed "s/^/$name /"; done)
sed 's/life\.test/taken.test/' "$dir/life.yaml" >"$dir/host.yaml"
if grep -q "^$winner 2" <<<"$other"; then
	refused 'and a host name of another lease' "$dir/host.yaml" host_taken
fi
sed 's|/tenant.json|/dc1.json|' "$dir/tenant.yaml" >"$dir/stranger.yaml"
like 'and who is not the tenant' "$("$bin/gavel" -C "$dir/stranger.yaml" -q update life "$dir/life.yaml" 2>&1)" '\[(lease_not_found|token_bad|not_yours|order_not_found)\]'

# kill -9 in the middle of an update, of a restart; and of the jail.
running() { find /sys/fs/cgroup -path "*gavel-$tag$winner/gv-*" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u | wc -l; }
role() { # NAME: the role's process
	for p in $(pgrep -P "$(cat "$dir/pid/$winner")"); do
		tr '\0' ' ' <"/proc/$p/cmdline" | grep -q "$1" && echo "$p" && return
		grep -q "$1" "/proc/$p/comm" && echo "$p" && return
	done
}
restart() {
	for _ in $(seq 50); do kill -0 "$(cat "$dir/pid/$winner")" 2>/dev/null || break; sleep 0.1; done
	ok "  its parent ends the rest" sh -c "! kill -0 $(cat "$dir/pid/$winner") 2>/dev/null"
	start "$winner" "$bin/gavel-provider" -c "$dir/$winner.yaml"
}
# What ends again and again cannot be updated to: from here on it stays.
calm() { sed 's/sleep 0.5; exit [34]/while :; do sleep 0.1; done/'; }
edition=2 file | calm >"$dir/two.yaml"
t update life "$dir/two.yaml" --no-wait
out=$(edition=3 file | calm >"$dir/three.yaml"; t update life "$dir/three.yaml" 2>&1)
like 'another update is under way' "$out" '\[update_running\]'
inside sick 'echo >/tmp/sick'
sleep 0.7
kill -9 "$(role agent)"
restart
ok 'killed in the middle of an update: it is finished all the same' within 40 '^version +2$'
ok '  both copies of web have it' test "$(t status life | grep -cE '^unit +web\.[01] +ready +v2')" = 2
like '  and answer' "$(page)" '.'
for _ in $(seq 100); do t status life | grep -q stopping || break; sleep 0.1; done
jobs=$(t logs life --service job | grep -c '^done$')
pids=$(pgrep -f '^httpd -f -p 80 ' | sort | tr '\n' ' ')
kill -9 "$(role jail)"
restart
ok 'the jail killed: containers live, and are adopted' within 20 '^unit +web\.0 +ready +v2'
ok '  the same processes' test "$pids" = "$(pgrep -f '^httpd -f -p 80 ' | sort | tr '\n' ' ')"
like '  a job that was done is not done again' "$(t status life)" '^unit +job\.0 +finished +v2, last exit 0$'
ok '    its log says so' test "$(t logs life --service job | grep -c '^done$')" = "$jobs"
ok '  nor is one that is never to be started again' within 5 '^unit +never\.0 +finished +v2, last exit 5'

# A container that no lease knows.
end "$winner"
ok 'the provider has gone, its containers run' test "$(running)" -gt 0
python3 -c 'import sqlite3, sys
d = sqlite3.connect(sys.argv[1])
d.execute("delete from work")
d.commit()' "$dir/$winner/agent/book.sqlite"
start "$winner" "$bin/gavel-provider" -c "$dir/$winner.yaml"
none_runs() { for _ in $(seq 150); do [ "$(running)" = 0 ] && return 0; sleep 0.1; done; return 1; }
ok 'orphans are removed' none_runs
[ $bad = 0 ] || grep -hE ' (warn|error) ' "$dir/log/$winner.log" | tail -30 | sed 's/^/# /'
finish
