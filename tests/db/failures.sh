#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# failures.sh - after the award, on the real contract: a winner that never accepts, one
# that refuses, one that accepts and never launches, one that says it cannot, one that
# dies at once by its own word or by its silence, one that lives. Each time the next one
# within what the tenant signed, the failure counted, the reason told, and every token
# where it was. TAP.
cd "$(dirname "$0")/../.." || exit 1
contract=yes accept_ms=4000 launch_s=8
. tests/db/lib.sh
serve
export XDG_STATE_HOME=$work/state HOME=$work
sign keystore 2 file="$work/tenant.json" password_file="$work/password"
cat >"$work/tenant.yaml" <<END
market_url: $url
rpc_url: http://127.0.0.1:$rpc_port
key_file: $work/tenant.json
password_file: $work/password
END
gavel() { "$bin/gavel" -C "$work/tenant.yaml" "$@"; }
tenant=$(sign address 2)
rpc anvil_setBalance "\"$tenant\",\"0x3635c9adc5dea00000\"" >/dev/null
gavel -q faucet 10
ok 'a tenant with ten tokens' gavel -q deposit 10
balance() { gavel --json balance | jq -r .escrow; }
register 11 12 13 14
sql 'update gavel.provider set launches = 30' >/dev/null
bids() { # four of them, floors 100 to 130
	soon 5 state_is bidding
	for i in 11 12 13 14; do bid $i floor=$((89 + i)) list=300; done
}
bids_of() { # bids_of ROUND N...: those that are left bid again
	round=$1
	shift
	soon 5 get_is "/v1/orders/$order" '"\(.state) \(.round)"' "bidding $round"
	for i in "$@"; do bid "$i" floor=$((89 + i)) list=300; done
	unset round
}
lease() { get "/v1/orders/$order" | jq -r .lease.hash; }
won_by() { soon 8 get_is "/v1/orders/$order" '"\(.state) \(.lease.provider)"' "awarded $(sign address "$1")"; }
reason_is() { get_is "/v1/orders/$order" '.failed[-1].reason' "$1"; }
failures_of() { get "/v1/providers/$(sign address "$1")" | jq -r '"\(.launches) \(.failures)"'; }
leased() { soon 8 state_is leased; }

ttl=120 place 2 1 window=8000 launch=60 deposit=1000000
bids
ok 'the lowest wins' won_by 11
ok 'at the price of the next' get_is "/v1/orders/$order" .lease.rate 101
ok 'it never accepts: out' soon 5 reason_is 'not accepted in time'
ok 'and it counts' test "$(failures_of 11)" = '30 1'
bids_of 2 12 13 14
ok 'the next one wins' won_by 12
ok 'within what the tenant signed' get_is "/v1/orders/$order" '.lease.rate' 102
printf '{"lease":"%s","reason":"no room left"}' "$(lease)" >"$work/doc"
bearer=$(bearer_of 12) post /v1/refusals <"$work/doc"
ok 'it refuses: out, with its reason' soon 5 reason_is 'no room left'
ok 'nothing was locked for it' test "$(balance)" = 10000000
bids_of 3 13 14
ok 'the third wins' won_by 13
accept 13
ok 'and accepts' says 200
ok 'the lease is open, the deposit locked' leased
ok 'on the chain' test "$(balance)" = 9000000
ok 'it never launches: out' soon 15 reason_is 'not launched in time'
ok 'the third failure ends the order' soon 5 state_is expired
ok 'the deposit is back, to the last unit' test "$(balance)" = 10000000
ok 'and it counts' test "$(failures_of 13)" = '30 1'
ok 'all reasons are told, in turn' get_is "/v1/orders/$order" '[.failed[].reason] | join(", ")' \
	'not accepted in time, no room left, not launched in time'

# Launched, and dead at once.
ttl=120 place 2 2 window=8000 launch=110 deposit=1000000
soon 5 state_is bidding
bid 11 floor=100 list=300
bid 12 floor=110 list=300
bid 13 floor=120 list=300
bid 14 floor=130 list=300
won=$(soon 5 state_is awarded && get "/v1/orders/$order" | jq -r .lease.provider)
winner=$(for i in 11 12 13 14; do [ "$(sign address $i)" != "$won" ] || echo $i; done)
others=$(for i in 11 12 13 14; do [ $i = "$winner" ] || echo $i; done)
had=$(failures_of "$winner")
accept "$winner"
ok 'a lease is open' leased
launch "$winner" "$(lease)" true
ok 'it is launched' soon 3 get_is "/v1/orders/$order" .lease.launched true
ok 'a launch counts' test "$(failures_of "$winner")" = "$((${had% *} + 1)) ${had#* }"
launch "$winner" "$(lease)" false 'a machine caught fire'
ok 'the winner says that it died' says 200
ok 'out, with its reason' soon 8 reason_is 'a machine caught fire'
ok 'it was no launch, and is a failure' test "$(failures_of "$winner")" = "${had% *} $((${had#* } + 1))"
ok 'nothing was paid' test "$(balance)" = 10000000
bids_of 2 $others
soon 8 state_is awarded
second=$(for i in $others; do [ "$(sign address $i)" != "$(get "/v1/orders/$order" | jq -r .lease.provider)" ] || echo $i; done)
ok 'the next one wins' test -n "$second"
accept "$second"
ok 'its lease is open' leased
launch "$second" "$(lease)" true
soon 3 get_is "/v1/orders/$order" .lease.launched true
# Its last sign of life, by the clock of the database.
sql "update gavel.provider set seen_at = now() - interval '44 seconds' where address = '\\x$(sign address "$second" | cut -c3-)'"
sql "update gavel.orders set next_at = now() where hash = '\\x${hash#0x}'"
sleep 0.6
ok 'silent for 44 s: it runs' state_is leased
ok 'for 45: it is dead' soon 8 reason_is 'died within 60 s of its launch'
ok 'nothing was paid' test "$(balance)" = 10000000
third=$(for i in $others; do [ $i = "$second" ] || echo $i; done | head -1)
bids_of 3 "$third"
ok 'and the next one has it' won_by "$third"
accept "$third"
leased
launch "$third" "$(lease)" true
soon 3 get_is "/v1/orders/$order" .lease.launched true
# It was launched a minute ago and is seen: later it may say what it wants.
sql "update gavel.lease set launched_at = now() - interval '61 seconds' where state = 'active'"
launch "$third" "$(lease)" false 'I want it no more'
ok 'after a minute it has launched: no way back' says 409 lease_state
ok 'the ledger adds up' sql_is 'select count(*) from (select event from gavel.ledger_entry group by event having sum(amount) <> 0) x' 0
ok 'and equals the chain' test "$(sql "select total from gavel.account where name = 'balance:$(lower "$tenant")'")" = "$(balance)"
echo "1..$n"
exit $bad
