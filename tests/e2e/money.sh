#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# money.sh - leases and accounts computed again from the chain; a market restored from
# an old backup; two markets with one key; a market whose clock is a day off. Every
# part ends in checked tokens. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_DEMO_LAUNCH=15 GAVEL_DEMO_SETTLE=1000
export GAVEL_DEMO_MARKET="tx_bump_s: 2" GAVEL_DEMO_HEADS=86400 # no transactions but those of leases
. tests/e2e/lib.sh money
second_pid=
cleanup() { [ -z "$second_pid" ] || kill -9 $second_pid $(pgrep -P $second_pid) 2>/dev/null; }
why() {
	for base in gavel twin; do
		db $base "select hash, state, reason, ended_at from gavel.lease order by created_at" | sed "s/^/# $base lease /"
		db $base "select kind, state, tx, error from gavel.intent order by id desc limit 6" | sed "s/^/# $base intent /"
	done 2>/dev/null
}
up
db() { as_user "$pg_bin/psql" -h "$dir/pgsock" -U gavel -d "$1" -qAtc "$2"; }
audit() { tenant -q audit ledger --market "${1:-$url}" >"$dir/audit.out" 2>&1; }
settled() { soon 30 sql_is "select count(*) from gavel.tx where state in ('signed', 'sent')" 0 && soon 30 audit; }
stop_market() { kill_daemon market; }
start_market() { # start_market [PRELOAD...]
	start market env "$@" "$bin/gavel-market" -c "$dir/market.yaml"
	wait_for 20 "the market" curl -sf "$url/readyz"
}
status_is() { # status_is WANT COMMAND...
	want=$1
	shift
	"$@" >"$dir/out" 2>&1
	[ $? = "$want" ] || { sed 's/^/# /' "$dir/out"; false; }
}
deploy() { tenant -q deploy "$dir/web.yaml" --deposit 5 --name "$1" >/dev/null 2>&1; }
paid() { sql "select paid from gavel.lease l join gavel.orders o on o.hash = l.order_hash order by l.created_at desc limit 1"; }

# --- one lease, from its order to the last token ----------------------------------
deploy web
sleep 2
tenant -q agent --once
ok 'something is paid' soon 10 sql_is "select paid > 0 from gavel.lease" t
ok 'an open lease is true' status_is 0 tenant audit lease web
ok 'its round and its dues were computed' sh -c "grep -q 'the round computed again' '$dir/out' && grep -q 'due, computed again' '$dir/out'"
tenant -q topup web 1 >/dev/null 2>&1
sleep 2
tenant -q agent --once
sleep 2
tenant -q close web >/dev/null 2>&1
ok 'settled' settled
ok 'a closed lease is true' status_is 0 tenant audit lease --save "$dir/lease.json" web
ok 'with its top-up' has 'deposit 5.00 TUSD and 1.00 TUSD' "$dir/out"
ok 'and every payment has its voucher' test "$(sql 'select count(*) from gavel.settled')" -ge 2
tenant --json audit lease web >"$dir/lease.out"
sums() { sed -n "s/.*\"$1\": \"\([0-9]*\)\".*/\1/p" "$dir/lease.out"; }
ok 'refund = deposit + top-up - paid' test "$(sums refund)" = $(($(sums deposit) + $(sums topped_up) - $(sums paid)))
ok 'fee = 1 % of what was paid' test "$(sums fee)" = $(($(sums paid) / 100))
ok 'by its hash too' status_is 0 tenant audit lease "$(sums lease; sed -n 's/.*"lease": "\(0x[0-9a-f]*\)".*/\1/p' "$dir/lease.out")"
ok 'from a file, without the market' status_is 0 tenant audit lease "$dir/lease.json"
ok 'and without a node' status_is 0 "$bin/gavel" -C /nonexistent audit lease --offline "$dir/lease.json"
forge() { # forge CODE SED
	sed "$2" "$dir/lease.json" >"$dir/forged.json"
	cmp -s "$dir/lease.json" "$dir/forged.json" && { echo "# nothing was forged"; return 1; }
	status_is 2 "$bin/gavel" -C /nonexistent audit lease --offline "$dir/forged.json" || return 1
	grep -q "\[$1\]" "$dir/out" || { sed 's/^/# /' "$dir/out"; return 1; }
}
ok 'forged: another maximum' forge audit_order 's/"maxRate":"\([0-9]*\)"/"maxRate":"1\1"/'
ok 'forged: another base in the lease' forge audit_terms 's/\("terms":{"base":"\)/\19/'
ok 'forged: a lease signature' forge audit_signature 's/"lease_sig":"0x..../"lease_sig":"0x1234/'
ok 'forged: the card' forge 'audit_\(card\|offer\)' 's/"cpu_milli":"1/"cpu_milli":"2/'
ok 'forged: what the market says was paid' forge audit_said 's/\("paid":"\)/\11/'
ok 'forged: a reading' forge audit_signature 's/"healthySeconds":/"healthySeconds":1/g'
ok 'forged: the time of a block' forge audit_opening 's/\("block":[0-9]*,"time":\)1/\12/'

# --- statements ---------------------------------------------------------------------
tenant --json statement >"$dir/chain.out"
tenant --json statement --market >"$dir/market.out"
ok 'a statement from the chain and one from the market are equal' diff "$dir/chain.out" "$dir/market.out"
ok 'it ends with the balance' has "\"balance\": \"$(tenant -q --json balance | member escrow)\"" "$dir/chain.out"
tenant statement --csv >"$dir/csv.out"
ok 'as CSV: a line an event' test "$(wc -l <"$dir/csv.out")" = $(($(grep -c '"kind"' "$dir/chain.out") + 1))
sum=$(awk -F, 'NR > 1 { split($6, i, "."); split($7, o, "."); s += i[1] * 1000000 + substr(i[2] "000000", 1, 6) - o[1] * 1000000 - substr(o[2] "000000", 1, 6) } END { printf "%d", s }' "$dir/csv.out")
ok 'whose sums are the balance' test "$sum" = "$(tenant -q --json balance | member escrow)"
ok 'of the provider too' status_is 0 tenant statement "$(sql "select '0x' || encode(provider, 'hex') from gavel.lease limit 1")"
ok 'of a day that is to come: one sum' sh -c "'$bin/gavel' -C '$dir/tenant.yaml' --json statement --from 2099-01-01 | tr -d ' \n' | grep -q '\"entries\":\[\]'"
ok 'of a stranger: nothing' status_is 0 tenant statement 0x00000000000000000000000000000000000000aa
ok 'a day that is none' status_is 2 tenant statement --from yesterday

# --- a market restored from an old backup ---------------------------------------------
deploy old
sleep 2
tenant -q agent --once
ok 'settled before the backup' settled
as_user "$pg_bin/pg_dump" -h "$dir/pgsock" -U gavel -Fc gavel >"$dir/backup"
sleep 2
tenant -q agent --once
sleep 3
deploy new
tenant -q deposit 3 >/dev/null 2>&1
tenant -q close old >/dev/null 2>&1
ok 'life goes on after it' settled
old_paid=$(sql "select paid from gavel.lease where state = 'closed' order by created_at desc limit 1")
stop_market
as_user "$pg_bin/dropdb" -h "$dir/pgsock" -U gavel gavel
as_user "$pg_bin/createdb" -h "$dir/pgsock" -U gavel gavel
as_user "$pg_bin/pg_restore" -h "$dir/pgsock" -U gavel -d gavel <"$dir/backup" >/dev/null 2>&1
ok 'restored: it knows of one lease that runs' sql_is "select count(*) from gavel.lease where state = 'active'" 1
market_key=$(cat "$dir/keys/market.address")
nonce() { rpc eth_getTransactionCount "\"$market_key\",\"pending\"" | member result; }
before=$(nonce)
start_market
ok 'it reads what it has missed: every balance is right' soon 30 audit
ok 'the lease that was closed meanwhile is closed' soon 10 sql_is \
	"select state, paid from gavel.lease order by created_at desc limit 1" "closed|$old_paid"
ok 'its order too' sql_is "select count(*) from gavel.orders where state not in ('closed')" 0
sleep 4
ok 'nothing was sent again' test "$(nonce)" = "$before"
ok 'and nothing is about to be' sql_is "select count(*) from gavel.tx where state in ('signed', 'sent')" 0
ok 'the entries of each event sum to zero' sql_is \
	"select count(*) from (select event from gavel.ledger_entry group by event having sum(amount) <> 0) x" 0
tenant status new >/dev/null 2>"$dir/new.out"
ok 'a lease of the time it forgot is not known to it' has 'order_not_found' "$dir/new.out"
timeout 4 "$bin/gavel" -C "$dir/tenant.yaml" agent --every 1 >"$dir/new.out" 2>&1
ok 'its tenant goes on signing, by what it has seen' has '^0x[0-9a-f]* signed 0\.' "$dir/new.out"
escrow=$(tenant -q --json balance | member escrow)
ok 'its tenant closes it on chain' status_is 0 tenant close --on-chain new
ok 'and gets the rest' test "$(tenant -q --json balance | member escrow)" -gt "$escrow"
ok 'which the market sees' soon 10 audit
deploy again
ok 'the next order is served' sql_is "select state from gavel.lease order by created_at desc limit 1" active
sleep 2
tenant -q agent --once
ok 'and settled' settled

# --- two markets, one key ------------------------------------------------------------------
deploy both
sleep 2
stop_market
as_user "$pg_bin/createdb" -h "$dir/pgsock" -U gavel -T gavel twin
sed "s/dbname=gavel/dbname=twin/; s/^port: .*/port: $((market_port + 9))/" "$dir/market.yaml" >"$dir/twin.yaml"
start_market
"$bin/gavel-market" -c "$dir/twin.yaml" >"$dir/log/twin.log" 2>&1 &
second_pid=$!
twin=http://127.0.0.1:$((market_port + 9))
soon 20 curl -sf "$twin/readyz"
ok 'a copy of the market runs beside it' curl -sf -o "$dir/out" "$twin/readyz"
sed "s#^market_url: .*#market_url: $twin#" "$dir/tenant.yaml" >"$dir/tenant2.yaml"
for _ in 1 2 3; do # both have the same vouchers, at the same time
	sleep 1.5
	tenant -q agent --once &
	"$bin/gavel" -C "$dir/tenant2.yaml" -q agent --once
	wait $!
done
tenant -q close again >/dev/null 2>&1 &
closer=$!
"$bin/gavel" -C "$dir/tenant2.yaml" -q close both >/dev/null 2>&1
wait $closer
quiet() { [ "$(db "$1" "select count(*) from gavel.tx where state in ('signed', 'sent')")" = 0 ]; }
ok 'their fight for nonces ends' soon 60 quiet gavel
ok 'in the other one too' soon 60 quiet twin
ok 'no lease is paid twice: every balance is right' soon 30 audit
ok 'in the other one too' soon 30 audit "$twin"
all_closed() { [ "$(db gavel "$1")" = 0 ] && [ "$(db twin "$1")" = 0 ]; }
ok 'both know that all leases have ended' soon 20 all_closed "select count(*) from gavel.lease where state not in ('closed', 'failed')"
ok 'the lease that was closed here is true' status_is 0 tenant audit lease again
ok 'the one that was closed there, by its evidence' status_is 0 "$bin/gavel" -C "$dir/tenant2.yaml" audit lease both
kill -9 "$second_pid" $(pgrep -P "$second_pid") 2>/dev/null
second_pid=

# --- a clock that is a day off -----------------------------------------------------------------
faketime=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -1)
for off in +1d -1d; do
	[ -n "$faketime" ] || { ok "a clock $off off # SKIP no faketime" true; continue; }
	deploy "clock$off"
	sleep 2
	tenant -q agent --once
	settled
	stop_market
	start_market LD_PRELOAD="$faketime" FAKETIME="$off" FAKETIME_DONT_FAKE_MONOTONIC=1
	ok "clock $off: the market believes it" test "$(date -d "$(curl -sf "$url/.well-known/gavel" | member time)" +%d)" != "$(date -u +%d)"
	sleep 3
	tenant -q agent --once >/dev/null 2>&1
	ok "clock $off: every balance is right" soon 20 audit
	ok "clock $off: the lease runs on" sql_is "select state from gavel.lease order by created_at desc limit 1" active
	stop_market
	start_market
	tenant -q close "clock$off" >/dev/null 2>&1
	ok "clock right again: closed" soon 20 sql_is "select state from gavel.lease order by created_at desc limit 1" closed
	ok "and every balance is right" settled
	ok "and the lease" status_is 0 tenant audit lease "clock$off"
done
finish
