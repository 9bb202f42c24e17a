#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# outbox.sh - the market's transactions on a real node that does not mine: stuck,
# behind a gap, under a used nonce, dropped, killed with one under way, taken back
# by a reorganisation. No providers, no containers. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_TOP=$PWD
. demo/lib.sh
. tests/db/ports.sh
set +e
[ "$(id -u)" = 0 ] && [ -x "$anvil" ] && [ -x "${BUILD:-build}/tests/db/sign" ] ||
	{ echo "1..0 # SKIP needs root, anvil and the signer"; exit 77; }
work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/d" && chown "$user" "$work" "$work/d"
port=$(free_ports) || exit 1
n=0 bad=0
ok() {
	what=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/out" 2>&1; then echo "ok $n - $what"; else
		echo "not ok $n - $what"
		tx_list | sed 's/^/# /'
		bad=1
	fi
}
soon() {
	tries=$(($1 * 5))
	shift
	while [ $tries -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		tries=$((tries - 1))
		sleep 0.2
	done
	return 1
}
sql() { as_user "$pg_bin/psql" -h "$work/d" -U gavel -d gavel -qAtc "$1"; }
sql_is() { [ "$(sql "$1")" = "$2" ]; }
tx_list() { sql "select id, nonce, kind, state, block from gavel.tx order by id"; }
rpc() {
	curl -sf -H 'Content-Type: application/json' \
		--data "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":[${2:-}]}" "http://127.0.0.1:$port"
}
as_user "$pg_bin/initdb" -D "$work/d/pg" -U gavel -A trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null 2>&1
as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -w -l "$work/d/log" \
	-o "-k $work/d -c listen_addresses= -c fsync=off" start >/dev/null 2>&1
as_user "$pg_bin/createdb" -h "$work/d" -U gavel gavel
"$anvil" --port "$port" --silent --chain-id 31337 &
anvil_pid=$!
market_pid=
cleanup() {
	[ -z "$market_pid" ] || kill "$market_pid" 2>/dev/null
	kill -9 "$anvil_pid" 2>/dev/null
	as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -m immediate stop >/dev/null 2>&1
	rm -rf "$work"
}
trap cleanup EXIT
soon 10 rpc eth_chainId
echo password >"$work/password"
address=$("$bin/gavel-market" key new --password-file "$work/password" "$work/key.json")
rpc anvil_setBalance "\"$address\",\"0x3635c9adc5dea00000\"" >/dev/null
"$bin/gavel-market" contract deploy --rpc "http://127.0.0.1:$port" --key "$work/key.json" \
	--password-file "$work/password" --bytecode build/contracts --min-window 60 >"$work/contract.json" 2>/dev/null
escrow=$(member escrow <"$work/contract.json")
token=$(member token <"$work/contract.json")
chown "$user" "$work/key.json" "$work/password"
cat >"$work/market.yaml" <<END
listen: 127.0.0.1
port: $((port + 2))
user: $user
database: "host=$work/d user=gavel dbname=gavel"
key_file: $work/key.json
password_file: $work/password
rpc_urls: ["http://127.0.0.1:1", "http://127.0.0.1:$port"]
chain_id: 31337
escrow: "$escrow"
token: "$token"
sql_dir: $PWD/sql/schema
chain_poll_ms: 100
confirmations: 0
tx_bump_s: 2
settle_every_ms: 500
settle_within_s: 0
END
as_user "$bin/gavel-market" -c "$work/market.yaml" migrate 2>/dev/null
market() {
	"$bin/gavel-market" -c "$work/market.yaml" >>"$work/log" 2>&1 &
	market_pid=$!
}
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
market
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
kill -9 "$market_pid" $(pgrep -P "$market_pid")
rpc evm_mine >/dev/null
ok 'killed: nobody has seen it mined' sql_is "$(of 5 mined)" 0
market
ok 'the next one sees it' soon 15 mined 5
ok 'a dead node is left, and the log says so' soon 1 grep -q 'chain.node_left node=127.0.0.1:1 ' "$work/log"

rpc anvil_reorg '1,[]' >/dev/null
ok 'its block is taken back: it is under way again' soon 10 sql_is \
	"select count(*) > 0 from gavel.tx where nonce = 5 and state in ('sent', 'signed')" t
soon 10 in_pool
rpc evm_mine >/dev/null
ok 'and mined again' soon 15 mined 5
ok 'a second clerk waits' sh -c "'$bin/gavel-market' -c '$work/market.yaml' >'$work/second' 2>&1 & p=\$!; sleep 1; kill \$p; grep -q clerk.waiting '$work/second' && ! grep -q clerk.working '$work/second'"
echo "1..$n"
exit $bad
