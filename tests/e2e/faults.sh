#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# faults.sh - bad input over REST, then kill -9: the workload lives, is adopted,
# the meter goes on, nothing is billed twice, and the tokens add up. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_DEMO_LAUNCH=4 GAVEL_DEMO_SETTLE=1000
. tests/e2e/lib.sh faults
up

api=$(node tests/e2e/api.mjs "$url" "$rpc_url" 2>&1)
n=$(printf '%s\n' "$api" | grep -cE '^(not )?ok ')
printf '%s\n' "$api" | grep -vE '^1\.\.'
printf '%s\n' "$api" | grep -qE '^not ok|Error' && bad=1
ok 'the stranger saw it all' test "$n" -ge 50

# What a proxy in front may read differently, and a client that stops half way.
raw() {
	exec 3<>"/dev/tcp/127.0.0.1/$market_port"
	printf '%b' "$1" >&3
	timeout 2 head -1 <&3
	exec 3>&-
}
ok 'Content-Length twice: 400' grep -q ' 400 ' <<<"$(raw 'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n')"
together=$(raw 'POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
# Refused and cut: the answer may be lost with the connection.
ok 'a length and chunks together: refused' grep -qE '^$| 400 ' <<<"$together"
ok 'half a request is not answered' test -z "$(raw 'POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{')"
ok 'and holds nobody up' curl -sf -m 2 -o /dev/null "$url/healthz"

sed 's/web:1/nothing:1/' "$dir/web.yaml" >"$dir/nothing.yaml"
tenant -q deploy "$dir/nothing.yaml" --deposit 1 --name nothing >"$dir/nothing.out" 2>&1
ok 'an image that does not exist: exit status 10' test $? = 10
ok 'and the reason is told' grep -qi 'image' "$dir/nothing.out"
tenant -q deploy "$dir/web.yaml" --deposit 1000 --name dear >"$dir/dear.out" 2>&1
ok 'a deposit above the balance: exit status 5' test $? = 5
sed 's/0.05/0.0001/' "$dir/web.yaml" >"$dir/cheap.yaml"
tenant -q deploy "$dir/cheap.yaml" --deposit 1 --name cheap --open-within 2 >"$dir/cheap.out" 2>&1
ok 'bids above the maximum: exit status 8' test $? = 8
ok 'and they are shown as such' sh -c "'$bin/gavel' -C '$dir/tenant.yaml' bids cheap | grep -q above_max"

before=$(tenant --json balance | member escrow)
tenant -q deploy "$dir/web.yaml" --deposit 5 --name web >"$dir/web.out" 2>&1
ok 'the workload runs' test $? = 0
endpoint=$(tenant --json status web | grep -o 'http://[a-z0-9.-]*:[0-9]*' | tail -1)
answers() { curl -sf -m 3 "$endpoint" | grep -q 'hello from gavel'; }
ok 'and answers' answers
winner=
for name in dc1 dc2 dc3; do
	grep -q lease.running "$dir/log/$name.log" && winner=$name
done
inside() { cat /sys/fs/cgroup/pids/gavel-"$tag$1"/gv-*/cgroup.procs /sys/fs/cgroup/gavel-"$tag$1"/gv-*/cgroup.procs 2>/dev/null; }
pids=$(inside "$winner" | sort)
ok 'in its own cgroup' test -n "$pids"
first=$(echo "$pids" | head -1)
ok 'without any capability' grep -q 'CapEff:.0000000000000000' "/proc/$first/status"
ok 'with no_new_privs' grep -q 'NoNewPrivs:.1' "/proc/$first/status"
ok 'under seccomp' grep -q 'Seccomp:.2' "/proc/$first/status"
ns() { [ "$(readlink "/proc/$first/ns/$1")" != "$(readlink "/proc/self/ns/$1")" ]; }
for space in user net pid mnt ipc uts cgroup; do
	ok "in a $space namespace of its own" ns $space
done
sleep 2
tenant -q agent --once
usage() { tenant --json status web | tr -d ' \n' | grep -o '"seq":[0-9]*' | tail -1 | cut -d: -f2; }
seq1=$(usage)
ok 'metered and signed' test "${seq1:-0}" -ge 1

# kill -9: every process of the winning provider, parent and roles.
kill_daemon "$winner"
sleep 1
ok 'the workload survives kill -9 of its provider' test "$(inside "$winner" | sort)" = "$pids"
start "$winner" "$bin/gavel-provider" -c "$dir/$winner.yaml"
n_wait=100
while ! answers && [ $n_wait -gt 0 ]; do n_wait=$((n_wait - 1)); sleep 0.1; done
ok 'the provider comes back and the endpoint with it' answers
ok 'the same processes, adopted' test "$(inside "$winner" | sort)" = "$pids"
sleep 3
seq2=$(usage)
ok 'the meter goes on where it was' test "${seq2:-0}" -gt "${seq1:-0}"

# kill -9: the market.
kill_daemon market
ok 'the workload does not notice' answers
start market "$bin/gavel-market" -c "$dir/market.yaml"
wait_for 20 "the market" curl -sf "$url/readyz"
tenant -q agent --once
tenant -q close web >"$dir/close.out" 2>&1
ok 'the lease closes after both were killed' test $? = 0
paid=$(tenant --json api GET "/v1/leases?state=closed&limit=1" | tr -d ' \n' | grep -o '"paid":"[0-9]*"' | head -1 | tr -dc 0-9)
after=$(tenant --json balance | member escrow)
ok 'what was paid is what left the balance' test $((before - after)) = "${paid:-x}"
elapsed=$(tenant --json api GET "/v1/leases?state=closed&limit=1" | tr -d ' \n' | grep -o '"healthySeconds":[0-9]*' | head -1 | tr -dc 0-9)
ok 'no second is billed twice' test "${elapsed:-999}" -le 60
tenant -q close web >/dev/null 2>&1
ok 'closing again changes nothing' test "$(tenant --json balance | member escrow)" = "$after"
sleep 1.5
ok 'no process is left' test -z "$(inside "$winner")"
ok 'no interface is left' test -z "$(ip -br link | grep "^gv$winner")"
ok 'no mount is left' test -z "$(grep "$dir/$winner/leases" /proc/mounts)"
ledger=$(as_user "$pg_bin/psql" -h "$dir/pgsock" -U gavel -d gavel -Atc \
	"select count(*) from (select event from gavel.ledger_entry group by event having sum(amount) <> 0) x")
ok 'every event of the ledger adds up to zero' test "$ledger" = 0
escrow=$(member escrow <"$dir/contract.json")
held=$(tenant --json balance "$escrow" | member wallet)
owed=$(as_user "$pg_bin/psql" -h "$dir/pgsock" -U gavel -d gavel -Atc "select sum(total) from gavel.account where name <> 'world'")
ok 'the ledger equals the chain' test "$held" = "$owed"
finish
