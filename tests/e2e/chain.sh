#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# chain.sh - a chain that takes back what it said: the block that opened, settled
# or closed a lease is reorganised away; transactions are stuck, dropped, and sent
# by a market that is killed in between. At the end every balance is right. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_DEMO_LAUNCH=15 GAVEL_DEMO_SETTLE=1000
export GAVEL_DEMO_MARKET="tx_bump_s: 2" GAVEL_DEMO_HEADS=86400 # no transactions but those of leases
. tests/e2e/lib.sh chain
why() {
	[ ! -s "$dir/close.out" ] || tail -3 "$dir/close.out" | sed 's/^/# close: /'
	sql "select id, nonce, kind, state, block from gavel.tx order by id" | sed 's/^/# tx /'
	sql "select id, kind, state, tx, error from gavel.intent order by id" | sed 's/^/# intent /'
}
up
state() { [ "$(sql "select l.state from gavel.lease l order by created_at desc limit 1")" = "$1" ]; }
# The market's ledger, the contract's storage and its events say the same.
audit() { tenant -q audit ledger --market "$url" >"$dir/audit.out" 2>&1; }
settled() { soon 20 sql_is "select count(*) from gavel.tx where state in ('signed', 'sent')" 0 && soon 20 audit; }
reorganise() { # reorganise DEPTH: empty blocks in place of the last ones
	rpc anvil_reorg "$1,[]" >/dev/null
}

tenant -q deploy "$dir/web.yaml" --deposit 5 --name web >/dev/null 2>&1
ok 'a lease is open' state active
ok 'and every balance is right' settled

# --- the block that opened it -------------------------------------------------
reorganise 1
ok 'the opening is gone: the market sees it' soon 10 grep -q chain.reorganised "$dir/log/market.log"
ok 'and opens it again with the same bytes' soon 20 state active
ok 'and every balance is right' settled
ok 'one transaction has opened it' sql_is "select count(*) from gavel.tx where kind = 'open'" 1

# --- deeper, below the blocks of the deposit ------------------------------------
for _ in 1 2 3 4 5 6; do rpc evm_mine >/dev/null; done
sleep 1
reorganise 8
ok 'eight blocks are gone, and the opening with them: open again' soon 20 state active
ok 'and every balance is right' settled

# --- the block that settled it --------------------------------------------------
sleep 2
tenant -q agent --once
ok 'something is paid' soon 10 sql_is "select paid > 0 from gavel.lease" t
paid=$(sql "select paid from gavel.lease")
rpc evm_setAutomine false >/dev/null
reorganise 1
ok 'the payment is gone, and the books say so' soon 10 sql_is "select paid from gavel.lease" 0
rpc evm_setAutomine true >/dev/null
rpc evm_mine >/dev/null
ok 'it is paid again' soon 20 sql_is "select paid >= $paid from gavel.lease" t
ok 'and every balance is right' settled

# --- stuck: nobody mines it -----------------------------------------------------
rpc evm_setAutomine false >/dev/null
tenant -q close web >"$dir/close.out" 2>&1 &
closer=$!
ok 'a transaction that is not mined is replaced with higher fees' soon 20 grep -q tx.replaced "$dir/log/market.log"
ok 'a tenth more at least, in both' test "$(sql "select count(*) from gavel.tx where state in ('signed', 'sent')")" -ge 2
rpc evm_setAutomine true >/dev/null
rpc evm_mine >/dev/null
wait $closer
ok 'one of them is mined, and the lease is closed' soon 10 state closed
ok 'and every balance is right' settled
# One that the contract skipped, its blocks' clock being behind, is made again.
ok 'the others are replaced' soon 10 sql_is "select count(*) filter (where state in ('signed', 'sent')) || ' ' || (select count(*) from gavel.intent where kind = 'close' and state = 'done') from gavel.tx" '0 1'

# --- the block that closed it -----------------------------------------------------
rpc evm_setAutomine false >/dev/null
reorganise 1
ok 'the closing is gone: the lease has not ended' soon 10 sql_is "select state <> 'closed' from gavel.lease" t
rpc evm_setAutomine true >/dev/null
rpc evm_mine >/dev/null
ok 'it closes again' soon 20 state closed
ok 'its order too' soon 10 sql_is "select state from gavel.orders" closed
ok 'and every balance is right' settled

# --- dropped from the mempool ------------------------------------------------------
rpc evm_setAutomine false >/dev/null
tenant -q deploy "$dir/web.yaml" --deposit 5 --name two --no-wait >/dev/null 2>&1
ok 'the next opening is signed' soon 20 sql_is "select count(*) > 0 from gavel.tx where state in ('signed', 'sent')" t
sleep 1
for hash in $(sql "select '0x' || encode(hash, 'hex') from gavel.tx where state in ('signed', 'sent')"); do
	rpc anvil_dropTransaction "\"$hash\"" >/dev/null
done
pending() { rpc txpool_status | grep -qE '"pending":"0x[1-9a-f]'; }
ok 'the node has dropped it: it is sent again' soon 20 pending

# --- kill -9 with a transaction under way -----------------------------------------
kill_daemon market
rpc evm_setAutomine true >/dev/null
rpc evm_mine >/dev/null
start market "$bin/gavel-market" -c "$dir/market.yaml"
wait_for 20 "the market" curl -sf "$url/readyz"
# Nobody sends a manifest, so it may be void by the time that we look.
ok 'killed with it under way: the lease is open, once' soon 30 sql_is "select count(*) from gavel.chain_event where kind = 'Opened' and canonical and lease = (select hash from gavel.lease order by created_at desc limit 1)" 1
ok 'and every balance is right' settled
ok 'no event of the ledger is out of balance' sql_is \
	"select count(*) from (select event from gavel.ledger_entry group by event having sum(amount) <> 0) x" 0

# --- blocks that take their time ----------------------------------------------------
failed="select count(*) from gavel.lease where state = 'failed'"
before=$(sql "$failed")
rpc evm_setAutomine false >/dev/null
tenant -q deploy "$dir/web.yaml" --deposit 5 --name late >"$dir/late.out" 2>&1 &
deploying=$!
ok 'an opening waits for its block' soon 20 sql_is "select count(*) > 0 from gavel.tx where state in ('signed', 'sent') and kind = 'open'" t
sleep 3 # longer than it takes to make the container
rpc evm_setAutomine true >/dev/null
rpc evm_mine >/dev/null
ok 'then it runs' wait $deploying
ok 'at the first provider' sql_is "$failed" "$before"
tenant -q close late >/dev/null 2>&1
ok 'and every balance is right' settled

# --- a ledger that lies is found ----------------------------------------------------
sql "alter table gavel.account disable trigger all;
     update gavel.account set total = total + 1 where name = 'balance:' || lower('$(cat "$dir/keys/tenant.address")')" >/dev/null
tenant -q audit ledger --market "$url" >"$dir/audit.out" 2>&1
ok 'one unit too many in the market: status 11' test $? = 11
ok 'and it is named' grep -q "the balance of $(cat "$dir/keys/tenant.address"): .* the market" "$dir/audit.out"
ok 'the chain alone is right' tenant -q audit ledger
ok 'from the middle too' tenant -q audit ledger --from 8
finish
