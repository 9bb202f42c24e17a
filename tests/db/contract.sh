#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# contract.sh - contract deploy, killed at every step: before its transaction has left,
# while it waits, after it was mined and before that was written down. One contract in
# all, wherever it was killed; one that can no more be mined is made anew. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_TOP=$PWD
. demo/lib.sh
. tests/db/ports.sh
set +e
[ -x "$anvil" ] && command -v jq >/dev/null || { echo "1..0 # SKIP needs anvil and jq"; exit 77; }
work=$(mktemp -d)
port=$(free_ports) || exit 1
n=0 bad=0
ok() { # ok WHAT CONDITION...
	what=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/ok.out" 2>&1; then echo "ok $n - $what"; else
		echo "not ok $n - $what"
		tail -n 5 "$work/ok.out" "$work/err" | sed 's/^/# /'
		bad=1
	fi
}
soon() { # soon SECONDS CONDITION...
	tries=$(($1 * 60))
	shift
	while [ $tries -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		tries=$((tries - 1))
		sleep 0.05
	done
	return 1
}
rpc() {
	curl -sf -H 'Content-Type: application/json' \
		--data "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":[${2:-}]}" "http://127.0.0.1:$port"
}
"$anvil" --port "$port" --silent --chain-id 31337 &
anvil_pid=$!
disown
trap 'kill -9 $anvil_pid 2>/dev/null; rm -rf "$work"' EXIT
soon 10 rpc eth_chainId
echo password >"$work/password"
address=$("$bin/gavel-market" key new --password-file "$work/password" "$work/key.json")
rpc anvil_setBalance "\"$address\",\"0x3635c9adc5dea00000\"" >/dev/null
record=$work/escrow-31337.json pending=$work/escrow-31337.pending.json
deploy() {
	timeout 60 "$bin/gavel-market" contract deploy --rpc "http://127.0.0.1:$port" --key "$work/key.json" \
		--password-file "$work/password" --bytecode build/contracts --min-window 60 "$@" \
		>"$work/out" 2>"$work/err"
}
status() { # status WANT ARGUMENTS...
	want=$1
	shift
	deploy "$@"
	have=$?
	[ $have = "$want" ] || { echo "status $have"; false; }
}
nonce() { rpc eth_getTransactionCount "\"$address\",\"latest\"" | jq -r .result; }
nonce_is() { [ $(($(nonce))) = "$1" ]; }
killed() { # killed ARGUMENTS...: when it has written down what it signed
	"$bin/gavel-market" contract deploy --rpc "http://127.0.0.1:$port" --key "$work/key.json" \
		--password-file "$work/password" --bytecode build/contracts --min-window 60 "$@" >/dev/null 2>&1 &
	soon 20 test -s "$pending"
	${meanwhile:-true}
	kill -9 $! && wait $! 2>/dev/null
	test -s "$pending"
}
in_pool() { rpc txpool_status | grep -q '"pending":"0x[1-9a-f]'; }
ours() { # the contract of the last run is there, and the record names it
	escrow=$(jq -r .escrow "$work/out")
	[ "$(jq -r .escrow "$record")" = "$escrow" ] &&
		"$bin/gavel-market" contract check "$escrow" --rpc "http://127.0.0.1:$port" --bytecode build/contracts
}

# A token first, and it is not ours to make again.
ok 'a contract is deployed, with its token' status 0
token=$(jq -r .token "$work/out")
ok 'and nothing is pending' test ! -e "$pending"
rm "$record"
from=$(($(nonce)))

# --- killed while it waits ----------------------------------------------------
rpc evm_setAutomine false >/dev/null
meanwhile="soon 10 in_pool"
ok 'killed while its transaction waits' killed --token "$token"
meanwhile=
promised=$(jq -r .escrow "$pending")
ok 'nothing is written down yet' test ! -e "$record"
rpc evm_setAutomine true >/dev/null
rpc evm_mine >/dev/null
ok 'mined meanwhile: the next run goes on' status 0 --token "$token"
ok 'says so' grep -q 'going on with' "$work/err"
ok 'at the place that was promised' test "$(jq -r .escrow "$work/out")" = "$promised"
ok 'it is ours' ours
begins() { # its code is there from the block in the record on
	block=$(jq -r .block "$record")
	[ "$(code_at $((block - 1)))" = 0x ] && [ "$(code_at "$block")" != 0x ]
}
code_at() { rpc eth_getCode "\"$promised\",\"$(printf '0x%x' "$1")\"" | jq -r .result; }
ok 'with the block from which on to read' begins
ok 'and one transaction was sent' nonce_is $((from + 1))
ok 'nothing is pending' test ! -e "$pending"
ok 'again: it is there' grep -q true <(deploy --token "$token"; jq .already "$work/out")
rm "$record"

# --- killed before a byte has left ----------------------------------------------
rpc evm_setAutomine false >/dev/null
ok 'killed again' killed --token "$token"
rpc anvil_dropAllTransactions >/dev/null
promised=$(jq -r .escrow "$pending")
ok 'for another window: refused' status 11 --token "$token" --min-window 61
ok 'and the file is left' test -s "$pending"
ok 'for another token too' status 11 --token "$promised"
rpc evm_setAutomine true >/dev/null
ok 'nobody had it: the same bytes are sent' status 0 --token "$token"
ok 'at the place that was promised' test "$(jq -r .escrow "$work/out")" = "$promised"
ok 'it is ours' ours
ok 'one transaction more' nonce_is $((from + 2))
rm "$record"

# --- killed, and then its nonce was used -----------------------------------------
rpc evm_setAutomine false >/dev/null
ok 'killed again' killed --token "$token"
rpc anvil_dropAllTransactions >/dev/null
rpc anvil_impersonateAccount "\"$address\"" >/dev/null
rpc evm_setAutomine true >/dev/null
rpc eth_sendTransaction "{\"from\":\"$address\",\"to\":\"$address\",\"value\":\"0x0\"}" >/dev/null
ok 'its nonce is used by another' nonce_is $((from + 3))
ok 'it is made anew' status 0 --token "$token"
ok 'and that is said' grep -q 'its nonce is used' "$work/err"
ok 'it is ours' ours
ok 'nothing is pending' test ! -e "$pending"

# --- files that are no use ---------------------------------------------------------
rm "$record"
echo '{"token": 1}' >"$pending"
deploy --token "$token"
ok 'a pending file that is none is named' grep -q 'pending.json is not a transaction of ours' "$work/err"
: >"$pending"
deploy --token "$token"
ok 'an empty one too' grep -q 'pending.json' "$work/err"
rm "$pending"
ok 'a window that is no number' status 2 --token "$token" --min-window soon
ok 'a window that the contract does not take' status 5 --token "$token" --min-window 5
ok 'and nothing is pending' test ! -e "$pending"
echo "1..$n"
exit $bad
