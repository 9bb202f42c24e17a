#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# outbox.sh - the market's transactions on a real node that does not mine: stuck,
# behind a gap, under a used nonce, dropped, killed with one under way, taken back
# by a reorganisation. No providers, no containers. TAP.
cd "$(dirname "$0")/../.." || exit 1
contract=yes
. tests/db/lib.sh
# The first node is dead, and what is not mined soon is sent with higher fees.
sed -i "s|^rpc_url: .*|rpc_urls: [\"http://127.0.0.1:1\", \"http://127.0.0.1:$rpc_port\"]|" "$work/market.yaml"
echo 'tx_bump_s: 2' >>"$work/market.yaml"
explain() { sql "select id, nonce, kind, state, block from gavel.tx order by id"; }
put() { # put NONCE MAXFEE: signed and stored, not sent
	read -r raw hash <<<"$("${BUILD:-build}/tests/db/sign" "$work/key.json" "$work/password" "$token" "$1" "$2")"
	sql "insert into gavel.tx (nonce, hash, raw, kind, created_at) values ($1, '\\x$hash', '\\x$raw', 'settle', now())"
}
of() { echo "select count(*) from gavel.tx where nonce = $1 and state = '$2'"; }
mined() { sql_is "select count(*) from gavel.tx where nonce = $1 and state in ('mined', 'reverted')" 1; }
in_pool() { rpc txpool_status | grep -q '"pending":"0x[1-9a-f]'; }

# Nonces 0 and 1 made the contracts.
rpc evm_setAutomine false >/dev/null
put 2 3000000000
serve
ok 'stored bytes are sent, by the node that answers' soon 10 in_pool
ok 'not mined in time: replaced' soon 15 sql_is "select count(*) >= 2 from gavel.tx where nonce = 2" t
ok 'and again' soon 15 sql_is "select count(*) >= 3 from gavel.tx where nonce = 2" t
rpc evm_mine >/dev/null
ok 'mined: one of them has done it' soon 10 mined 2
ok 'and the others are replaced' sql_is "$(of 2 signed)" 0

put 4 3000000000
ok 'behind a gap: it is filled' soon 15 sql_is "select count(*) > 0 from gavel.tx where nonce = 3 and kind = 'fill'" t
rpc evm_mine >/dev/null
ok 'the filler is mined' soon 10 mined 3
rpc evm_mine >/dev/null
ok 'and what waited behind it' soon 15 mined 4

put 1 3000000001
ok 'a nonce that something else has used: lost' soon 20 sql_is "$(of 1 lost)" 1

put 5 30000000000
soon 10 in_pool
rpc anvil_dropTransaction "\"0x$(sql "select encode(hash, 'hex') from gavel.tx where nonce = 5 order by id desc limit 1")\"" >/dev/null
ok 'dropped from the mempool: sent again' soon 15 in_pool
kill_market
rpc evm_mine >/dev/null
ok 'killed: nobody has seen it mined' sql_is "$(of 5 mined)" 0
serve
ok 'the next one sees it' soon 15 mined 5
ok 'a dead node is left, and the log says so' soon 1 grep -q 'chain.node_left node=127.0.0.1:1 ' "$work/log"

rpc anvil_reorg '1,[]' >/dev/null
ok 'its block is taken back: it is under way again' soon 10 sql_is \
	"select count(*) > 0 from gavel.tx where nonce = 5 and state in ('sent', 'signed')" t
soon 10 in_pool
rpc evm_mine >/dev/null
ok 'and mined again' soon 15 mined 5
second_waits() { # and goes on waiting
	"$bin/gavel-market" -c "$work/market.yaml" >"$work/second" 2>&1 &
	second=$!
	soon 10 grep -q clerk.waiting "$work/second"
	waits=$?
	sleep 1
	kill "$second"
	wait "$second"
	[ $waits = 0 ] && ! grep -q clerk.working "$work/second"
}
ok 'a second clerk waits' second_waits
echo "1..$n"
exit $bad
