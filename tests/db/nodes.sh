#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nodes.sh - the market's first node is slow, broken, behind, on another chain or a
# liar: the second one is asked, and every token is counted once. MODES="slow lie"
# runs those only. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_TOP=$PWD
. demo/lib.sh
set +e
[ "$(id -u)" = 0 ] && [ -x "$anvil" ] && command -v python3 >/dev/null ||
	{ echo "1..0 # SKIP needs root, anvil and python3"; exit 77; }
work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/d" && chown "$user" "$work" "$work/d"
port=$((20000 + RANDOM % 10000))
n=0 bad=0
ok() {
	what=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/out" 2>&1; then echo "ok $n - $what"; else
		echo "not ok $n - $what"
		for f in out log; do tail -n 5 "$work/$f"; done | sed 's/^/# /'
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
echo ok >"$work/mode"
python3 tests/db/relay.py $((port + 1)) "$port" "$work/mode" 2>/dev/null &
relay_pid=$!
market_pid=
cleanup() {
	[ -z "$market_pid" ] || kill "$market_pid" 2>/dev/null
	kill -9 "$anvil_pid" "$relay_pid" 2>/dev/null
	as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -m immediate stop >/dev/null 2>&1
	rm -rf "$work"
}
trap cleanup EXIT
soon 10 rpc eth_chainId
echo password >"$work/password"
for who in market tenant; do
	"$bin/gavel-market" key new --password-file "$work/password" "$work/$who.json" >"$work/$who.address"
	rpc anvil_setBalance "\"$(cat "$work/$who.address")\",\"0x3635c9adc5dea00000\"" >/dev/null
done
"$bin/gavel-market" contract deploy --rpc "http://127.0.0.1:$port" --key "$work/market.json" \
	--password-file "$work/password" --bytecode build/contracts --min-window 60 >"$work/contract.json" 2>/dev/null
chown "$user" "$work"/*.json "$work/password"
url=http://127.0.0.1:$((port + 10001))
cat >"$work/market.yaml" <<END
listen: 127.0.0.1
port: $((port + 10001))
user: $user
database: "host=$work/d user=gavel dbname=gavel"
key_file: $work/market.json
password_file: $work/password
rpc_urls: ["http://127.0.0.1:$((port + 1))", "http://127.0.0.1:$port"]
chain_id: 31337
escrow: "$(member escrow <"$work/contract.json")"
token: "$(member token <"$work/contract.json")"
sql_dir: $PWD/sql/schema
chain_poll_ms: 100
confirmations: 0
END
cat >"$work/tenant.yaml" <<END
market_url: $url
rpc_url: http://127.0.0.1:$port
key_file: $work/tenant.json
password_file: $work/password
END
export XDG_STATE_HOME=$work/state
dir=$work
as_user "$bin/gavel-market" -c "$work/market.yaml" migrate 2>/dev/null
market() {
	"$bin/gavel-market" -c "$work/market.yaml" >>"$work/log" 2>&1 &
	market_pid=$!
	soon 10 curl -sf "$url/readyz"
}
audited() { tenant -q audit ledger --market "$url"; }
deposit() { timeout 60 "$bin/gavel" -C "$work/tenant.yaml" -q deposit 1; } # waits until the market has it
# The node that answers is kept: each fault begins with a market that asks the first.
anew() {
	[ -z "$market_pid" ] || { kill "$market_pid"; wait "$market_pid" 2>/dev/null; }
	echo ok >"$work/mode"
	market
	lefts=$(left)
}
left() { grep -c "chain.node_left node=127.0.0.1:$((port + 1)) " "$work/log"; }
was_left() { [ "$(left)" -gt "$lefts" ]; }
anew
tenant -q faucet 1000 >/dev/null
for mode in ${MODES:-truncated garbage broken limited otherid huge otherchain behind slow lie}; do
	anew
	ok "the first node is well: a deposit arrives" deposit
	echo "$mode" >"$work/mode"
	[ "$mode" != otherchain ] || { kill "$market_pid"; wait "$market_pid" 2>/dev/null; market; }
	for _ in 1 2 3 4 5 6; do rpc evm_mine >/dev/null; done
	ok "it is $mode: a deposit arrives" deposit
	ok "it was left" soon 15 was_left
	ok "and every balance is right" soon 20 audited
done
anew
for _ in $(seq 70); do rpc evm_mine >/dev/null; done # what was read is final now
sleep 5
echo lie >"$work/mode"
ok 'it denies what is final: a deposit arrives' deposit
ok 'it was left' soon 15 was_left
ok 'and every balance is right' soon 20 audited

# An empty database, and a history that is final.
rpc anvil_mine '"0x190"' >/dev/null
tenant -q withdraw 2 >/dev/null 2>&1
psql() { as_user "$pg_bin/psql" -h "$work/d" -U gavel -d gavel -qAtc "$1"; }
state() { # reversals come in pairs: sums
	psql "select block, log_index, part, kind, at, paid, order_hash, (select array_agg((account, sum) order by account) from
		(select account, sum(amount) from gavel.ledger_entry e where e.event = c.seq group by account) x)
		from gavel.chain_event c where canonical order by 1, 2, 3"
}
kill "$market_pid"
wait "$market_pid" 2>/dev/null
state >"$work/before"
same() { [ -s "$work/before" ] && state | diff "$work/before" -; }
for mode in ok notimes; do
	as_user "$pg_bin/dropdb" -h "$work/d" -U gavel gavel
	as_user "$pg_bin/createdb" -h "$work/d" -U gavel gavel
	as_user "$bin/gavel-market" -c "$work/market.yaml" migrate 2>/dev/null
	echo "$mode" >"$work/mode"
	: >"$work/log"
	market
	ok "an empty database ($mode) reads it all" soon 30 audited
	ok 'and is what it was' soon 20 same
	if [ "$mode" = ok ]; then
		ok 'a stretch at a time' grep -qE 'chain.read .*logs=[1-9]' "$work/log"
	else
		ok 'a block at a time, without their times' sh -c "! grep -qE 'chain.read .*logs=[1-9]' '$work/log'"
	fi
	kill "$market_pid"
	wait "$market_pid" 2>/dev/null
done
market_pid=
echo "1..$n"
exit $bad
