#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nodes.sh - the market's first node is slow, broken, behind, on another chain or a
# liar: the second one is asked, and every token is counted once. MODES="slow lie"
# runs those only. TAP.
cd "$(dirname "$0")/../.." || exit 1
command -v python3 >/dev/null || { echo "1..0 # SKIP needs python3"; exit 77; }
contract=yes
. tests/db/lib.sh
# The first node is a relay to the second; how it behaves stands in a file.
relay_port=$((port + 1))
echo ok >"$work/mode"
python3 tests/db/relay.py "$relay_port" "$rpc_port" "$work/mode" 2>/dev/null &
pids=$!
sed -i "s|^rpc_url: .*|rpc_urls: [\"http://127.0.0.1:$relay_port\", \"http://127.0.0.1:$rpc_port\"]|" "$work/market.yaml"
tenant=$("$bin/gavel-market" key new --password-file "$work/password" "$work/tenant.json")
rpc anvil_setBalance "\"$tenant\",\"0x3635c9adc5dea00000\"" >/dev/null
chown "$user" "$work/tenant.json"
cat >"$work/tenant.yaml" <<END
market_url: $url
rpc_url: http://127.0.0.1:$rpc_port
key_file: $work/tenant.json
password_file: $work/password
END
export XDG_STATE_HOME=$work/state
# shellcheck disable=SC2034 # for tenant() of demo/lib.sh
dir=$work
explain() { tail -n 5 "$work/log"; }
audited() { tenant -q audit ledger --market "$url"; }
deposit() { timeout 60 "$bin/gavel" -C "$work/tenant.yaml" -q deposit 1; } # waits until the market has it
# The node that answers is kept: each fault begins with a market that asks the first.
anew() {
	stop_market
	echo ok >"$work/mode"
	serve
	lefts=$(left)
}
left() { grep -c "chain.node_left node=127.0.0.1:$relay_port " "$work/log"; }
was_left() { [ "$(left)" -gt "$lefts" ]; }
anew
tenant -q faucet 1000 >/dev/null
for mode in ${MODES:-truncated garbage broken limited otherid huge otherchain behind slow lie}; do
	anew
	ok "the first node is well: a deposit arrives" deposit
	echo "$mode" >"$work/mode"
	[ "$mode" != otherchain ] || { stop_market; serve; }
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
state() { # reversals come in pairs: sums
	sql "select block, log_index, part, kind, at, paid, order_hash, (select array_agg((account, sum) order by account) from
		(select account, sum(amount) from gavel.ledger_entry e where e.event = c.seq group by account) x)
		from gavel.chain_event c where canonical order by 1, 2, 3"
}
stop_market
state >"$work/before"
same() { [ -s "$work/before" ] && state | diff "$work/before" -; }
for mode in ok notimes; do
	as_user "$pg_bin/dropdb" -h "$work/d" -U gavel gavel
	as_user "$pg_bin/createdb" -h "$work/d" -U gavel gavel
	as_user "$bin/gavel-market" -c "$work/market.yaml" migrate 2>/dev/null
	echo "$mode" >"$work/mode"
	: >"$work/log"
	serve
	ok "an empty database ($mode) reads it all" soon 30 audited
	ok 'and is what it was' soon 20 same
	if [ "$mode" = ok ]; then
		ok 'a stretch at a time' grep -qE 'chain.read .*logs=[1-9]' "$work/log"
	else
		ok 'a block at a time, without their times' sh -c "! grep -qE 'chain.read .*logs=[1-9]' '$work/log'"
	fi
	stop_market
done
echo "1..$n"
exit $bad
