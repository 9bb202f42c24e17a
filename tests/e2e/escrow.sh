#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# escrow.sh - the escrow from the command line: the contract put on a chain once and
# compared with ours; a deposit in one transaction; nonces of orders posted at once;
# a key that is lent, that signs until its limit, and that is taken back. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_DEMO_LAUNCH=15 GAVEL_DEMO_SETTLE=500
. tests/e2e/lib.sh escrow
up
status() { # status NUMBER COMMAND...: it ends with that status
	want=$1
	shift
	"$@" >"$dir/out" 2>"$dir/err"
	[ $? = "$want" ]
}
sent() { rpc eth_getTransactionCount "\"$(cat "$dir/keys/$1.address")\",\"latest\"" | member result; }
escrow=$(member escrow <"$dir/contract.json")
token=$(member token <"$dir/contract.json")

# --- the contract: once, and ours ------------------------------------------------
deploy() {
	"$bin/gavel-market" contract deploy --rpc "$rpc_url" --key "$dir/keys/market.json" \
		--password-file "$dir/keys/password" --bytecode build/contracts "$@"
}
check() { "$bin/gavel-market" contract check "$1" --rpc "$rpc_url" --bytecode build/contracts; }
before=$(sent market)
ok 'a second deployment' status 0 deploy --min-window 60
ok 'says that it is there' grep -q '"already": *true' "$dir/out"
ok 'at the same place' test "$(member escrow <"$dir/out")" = "$escrow"
ok 'prints what goes into the settings' grep -q "^escrow: \"$escrow\"" "$dir/err"
ok 'and sends nothing' test "$(sent market)" = "$before"
ok 'of other terms it is refused' status 11 deploy --min-window 61
ok 'for another token too' status 11 deploy --min-window 60 --token "$escrow"
record=$dir/keys/escrow-31337.json
ok 'what a block explorer asks for is kept: compiler, arguments' \
	test "$(member compiler <"$record") $(member constructor_arguments <"$record" | wc -c)" = "v0.8.37+commit.f401782d 129"
ok 'and the standard JSON input' node -e '
	const i = JSON.parse(require("fs").readFileSync(process.argv[1]));
	process.exit(i.language === "Solidity" && i.settings.viaIR && i.sources["src/Escrow.sol"].content.includes("contract Escrow") ? 0 : 1)' \
	"$dir/keys/escrow-31337.input.json"
ok 'the code at the address is ours' status 0 check "$escrow"
ok 'with the token that it was made for' test "$(member token <"$dir/out")" = "$token"
ok 'the token is not' status 11 check "$token"
ok 'an address without code is not' status 7 check 0x000000000000000000000000000000000000dEaD
# One byte of its code is another: the first of the run-time code, and one in the middle.
code=$(rpc eth_getCode "\"$escrow\",\"latest\"" | member result)
forged=0x00000000000000000000000000000000000f0f0f
for at in 40 20000; do
	rpc anvil_setCode "\"$forged\",\"${code:0:at}$(printf '%x' $((15 - 16#${code:at:1})))${code:at+1}\"" >/dev/null
	ok 'one of another byte is not' status 11 check "$forged"
done
rpc anvil_setCode "\"$forged\",\"$code\"" >/dev/null
ok 'a copy elsewhere signs for another address' status 11 check "$forged"
ok 'and says so' grep -q 'another chain or address' "$dir/err"

# --- one transaction for a deposit -----------------------------------------------
tenant -q faucet 20 >/dev/null 2>&1
balance() { tenant --json balance | member escrow; }
had=$(balance) before=$(sent tenant)
ok 'a deposit with a permit' status 0 tenant deposit 12.50 --permit
ok 'is credited' test "$(($(balance) - had))" = 12500000
ok 'and was one transaction' test $(($(sent tenant) - before)) = 1
ok 'of more than there is, is refused' status 5 tenant deposit 1000000 --permit
ok 'the approved way takes two' status 0 tenant deposit 1
ok 'transactions' test $(($(sent tenant) - before)) = 3

# --- nonces ------------------------------------------------------------------------
pids=
for name in a b c d; do
	tenant -q deploy "$dir/web.yaml" --deposit 0.5 --name $name --no-wait >/dev/null 2>&1 &
	pids="$pids $!"
done
# shellcheck disable=SC2086
wait $pids
ok 'four orders at once are four' sql_is "select count(*) from gavel.orders" 4
ok 'with the lowest nonces' sql_is "select string_agg(nonce::text, ' ' order by nonce) from gavel.orders" "0 1 2 3"
ok 'all open' soon 30 sql_is "select count(*) from gavel.lease where state = 'active'" 4
# An order that nobody leases uses a nonce up at the market, but not on the chain:
# another machine of the same key cannot know it.
sed 's/amount: [0-9.]*/amount: 0.0000000001/' "$dir/web.yaml" >"$dir/cheap.yaml"
tenant -q deploy "$dir/cheap.yaml" --deposit 0.5 --name cheap >/dev/null 2>&1
ok 'an order that is too cheap has the next' sql_is "select max(nonce) from gavel.orders" 4
ok 'on another machine the next is tried' status 0 env XDG_STATE_HOME="$dir/other-state" \
	"$bin/gavel" -C "$dir/tenant.yaml" -q deploy "$dir/web.yaml" --deposit 0.5 --name e --no-wait
ok 'and taken' sql_is "select max(nonce) from gavel.orders" 5

# --- a key that is lent --------------------------------------------------------------
lent=$("$bin/gavel-market" key new --password-file "$dir/keys/password" "$dir/keys/lent.json")
agent() { tenant agent --once --key "$dir/keys/lent.json" --password-file "$dir/keys/password"; }
voucher() { sql "select coalesce(max(v.amount), 0) from gavel.voucher v"; }
paid() { sql "select coalesce(sum(paid), 0) from gavel.lease"; }
some_paid() { [ "$(paid)" -gt "$1" ]; }
ok 'a workload runs' tenant -q deploy "$dir/web.yaml" --deposit 0.5 --name k
lease=$(sql "select '0x' || encode(l.hash, 'hex') from gavel.lease l where launched_at is not null and
             order_hash = '\\x$(member order_hash <"$XDG_STATE_HOME/gavel/deployments/k.json" | cut -c3-)'")
sleep 3
ok 'a key that was not lent' status 0 agent
ok 'signs nothing' test "$(voucher)" = 0
ok 'no key is listed' grep -q 'no key was lent' <(tenant key list "$lease")
ok 'it is lent up to next to nothing' status 0 tenant key lend "$lease" "$lent" --limit 0.000001 --until 1h
sleep 1
agent >"$dir/out" 2>"$dir/err"
ok 'and does not sign more' grep -q 'this key may sign up to' "$dir/err"
ok 'nothing is signed' test "$(voucher)" = 0
ok 'its limit is raised' status 0 tenant key lend "$lease" "$lent" --limit 0.4 --until 30d
ok 'as the contract says' grep -q "^$lent  up to 0.40 TUSD, until" <(tenant key list "$lease")
signed() { agent >"$dir/out" 2>"$dir/err"; [ "$(voucher)" -gt 0 ]; }
ok 'now it signs' soon 10 signed
ok 'for that lease only' sql_is "select count(distinct lease) from gavel.voucher" 1
ok 'and the contract pays' soon 20 some_paid 0
ok 'an address that is none' status 2 tenant key lend "$lease" 0x12 --limit 1 --until 1h
ok 'a time that is over' status 2 tenant key lend "$lease" "$lent" --limit 1 --until 2020-01-01
ok 'without a limit' status 2 tenant key lend "$lease" "$lent" --until 1h
ok 'a lease that nobody knows' status 7 tenant key lend "0x$(printf '%064d' 1)" "$lent" --limit 1 --until 1h
ok 'by its name, as JSON' grep -q '"limit": *"400000"' <(tenant --json key list k)
ok 'it is taken back' status 0 tenant key revoke "$lease" "$lent"
ok 'which is listed' grep -q "(over)" <(tenant key list "$lease")
sleep 2
had=$(voucher)
agent >"$dir/out" 2>"$dir/err"
ok 'and it signs no more' grep -q 'this key may sign up to' "$dir/err"
ok 'nothing more' test "$(voucher)" = "$had"
tenant -q agent --once >/dev/null 2>&1
more() { [ "$(voucher)" -gt "$had" ]; }
ok 'the tenant itself does' soon 10 more

# --- a payer's word, by a program that is not ours -------------------------------------
cast=lease/contracts/node_modules/@foundry-rs/cast-linux-amd64/bin/cast
secret=$($cast wallet decrypt-keystore --keystore-dir "$dir/keys" tenant.json --unsafe-password "$(cat "$dir/keys/password")" | grep -o '0x[0-9a-f]*$')
attack=$(node tests/e2e/vouchers.mjs "http://127.0.0.1:$market_port" "$lease" "$secret" 2>&1)
printf '%s\n' "$attack" | grep -vE '^(1\.\.|ok )'
ok "what a payer may not do: $(printf '%s\n' "$attack" | grep -c '^ok ') ways" grep -qx '1\.\.[34][0-9]' <<<"$attack"
ok 'each is refused' sh -c '! grep -q "^not ok" "$1"' - <(printf '%s\n' "$attack")
ok 'it is closed' status 0 tenant close k
ok 'and true to its last token' status 0 tenant audit lease "$lease"
ok 'every balance is right' soon 30 tenant -q audit ledger --market "http://127.0.0.1:$market_port"
finish
