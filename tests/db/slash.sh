#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slash.sh - bonds and what takes them, on the real contract: locked, under notice, taken
# back; each of the three kinds of contradiction ends in moved tokens, an honest pair does
# not; and two saved transcripts of one order are searched for it. TAP.
cd "$(dirname "$0")/../.." || exit 1
contract=yes
. tests/db/lib.sh
export XDG_STATE_HOME=$work/state HOME=$work
person() { # person NAME N TOKENS: a key store, settings, gas, and tokens in the wallet
	[ -z "$2" ] || sign keystore "$2" file="$work/$1.json" password_file="$work/password"
	cat >"$work/$1.yaml" <<END
market_url: $url
rpc_url: http://127.0.0.1:$rpc_port
key_file: $work/$1.json
password_file: $work/password
END
	rpc anvil_setBalance "\"$(as "$1" wallet address)\",\"0x3635c9adc5dea00000\"" >/dev/null
	[ "$3" = 0 ] || as "$1" -q faucet "$3"
}
as() {
	name=$1
	shift
	"$bin/gavel" -C "$work/$name.yaml" "$@"
}
# The contract asked by itself, so that no program of ours is believed.
balance_of() {
	printf '%d' "$(rpc eth_call "{\"to\":\"$escrow\",\"data\":\"0x70a08231$(printf '%064s' "$(lower "${1#0x}")" | tr ' ' 0)\"},\"latest\"" | jq -r .result)"
}
bond_of() { as hunter --json bond "$1" | jq -r .bond; }
program() { # program market|provider WORDS...: its bond, as JSON
	name=$1
	shift
	if [ "$name" = market ]; then
		"$bin/gavel-market" -c "$work/market.yaml" --json bond "$@"
	else
		"$bin/gavel-provider" -c "$work/agent.yaml" --json bond "$@"
	fi
}
shows() { # shows FILTER PROGRAM WORDS...
	filter=$1
	shift
	program "$@" | jq -e "$filter"
}
refuses() { # refuses CODE COMMAND...: and nothing has moved
	code=$1
	shift
	before=$(bond_of "$provider")$(bond_of "$market")
	"$@" 2>&1 | grep "\[$code\]" && [ "$(bond_of "$provider")$(bond_of "$market")" = "$before" ]
}
# Person 3 is a provider, 6 an auctioneer, each by its program; 2 a tenant.
sign keystore 6 file="$work/keeper.json" password_file="$work/password"
chown "$user" "$work/keeper.json"
market=$(sign address 6)
sed -i "s#^key_file:.*#key_file: $work/keeper.json#" "$work/market.yaml"
ok 'the market answers' serve
person keeper '' 50
person seller 3 9
person buyer 2 0
person hunter 4 0
provider=$(sign address 3) tenant=$(sign address 2) burnt=0x000000000000000000000000000000000000dEaD
cat >"$work/agent.yaml" <<END
market_url: $url
tag: t
network: 10.99.0.0
attributes: []
user: $user
key_file: $work/seller.json
password_file: $work/password
state_dir: $work/agent
run_dir: $work/agent
rpc_url: http://127.0.0.1:$rpc_port
chain_id: 31337
escrow: "$escrow"
token: "$token"
card: {cpu_milli: "1", memory_mib: "1", storage_mib: "1", endpoint: "1"}
END

# --- bonds --------------------------------------------------------------------------
ok 'no bond at first' test "$(bond_of "$provider")" = 0
ok 'more than the wallet has: refused' eval '! program provider 10'
ok 'a provider locks three, from its wallet' shows '.bond == "3000000" and .escrow == "0"' provider 3
ok 'and a market ten' shows '.bond == "10000000"' market 10
ok 'anyone sees it' test "$(bond_of "$market")" = 10000000
ok 'as people read it' sh -c "'$bin/gavel' -C '$work/hunter.yaml' bond $provider | grep '  bond     3.00'"
ok 'more than there is cannot leave' refuses bond_none program provider release 4
ok 'nothing is taken without notice' refuses bond_none program provider take
ok 'notice for one' shows '.bond == "3000000" and .leaving == "1000000" and (.leaves_at | startswith("20"))' provider release 1
ok 'not before its time' refuses bond_early program provider take
ok 'a word that is none' refuses bad_data program provider gimme

# --- slashes: the order's deposit is a token, so at the most two are taken ---------------
until=$(($(now) + 3600))
sign order 2 market="$market" nonce=1 until=$until deposit=1000000 >"$work/order.json"
hash=$(sign hash_of_order 2 market="$market" nonce=1 until=$until deposit=1000000)
evidence() { # evidence KIND A B: two statements by files
	jq -n --arg kind "$1" --slurpfile o "$work/order.json" --slurpfile a "$2" --slurpfile b "$3" \
		'{kind: $kind, order: $o[0].terms, statements: [$a[0], $b[0]]}' >"$work/$1.evidence"
}
slash() { as hunter slash "$work/$1.evidence"; }
sign bid_terms 3 order="$hash" floor=100 >"$work/a"
sign bid_terms 3 order="$hash" floor=101 >"$work/b"
sign bid_terms 3 order="$hash" floor=101 round=2 in_round=2 >"$work/next"
sign bid_terms 3 order="$hash" floor=101 signer=5 >"$work/forged"
evidence bids "$work/a" "$work/next"
ok 'two bids for two rounds: honest' refuses offence_none slash bids
evidence bids "$work/a" "$work/a"
ok 'one bid twice: honest' refuses offence_none slash bids
evidence bids "$work/a" "$work/forged"
ok 'a bid that somebody else signed' refuses offence_forged slash bids
evidence bids "$work/a" "$work/b"
ok 'looked at without sending' sh -c "'$bin/gavel' -C '$work/hunter.yaml' slash --check '$work/bids.evidence' | grep '$provider signed two bids'"
ok 'two bids for one round: slashed' slash bids
ok 'two tokens are gone from the bond' test "$(bond_of "$provider")" = 1000000
ok 'one is the tenant'"'"'s' test "$(balance_of "$tenant")" = 1000000
ok 'and one is nobody'"'"'s' test "$(balance_of "$burnt")" = 1000000
ok 'not twice for one order' eval 'slash bids 2>&1 | grep -q AlreadySlashed && [ "$(bond_of "$provider")" = 1000000 ]'


one=0x$(printf '%064d' 1) two=0x$(printf '%064d' 2) nine=0x$(printf '%064d' 9)
sign round 6 order="$hash" root="$one" >"$work/a"
sign round 6 order="$hash" root="$two" >"$work/b"
sign round 6 order="$hash" root="$two" round=2 >"$work/next"
evidence rounds "$work/a" "$work/next"
ok 'two rounds, each closed once: honest' refuses offence_none slash rounds
evidence rounds "$work/a" "$work/b"
ok 'one round closed with two roots: slashed' slash rounds
ok 'the market has lost two' test "$(bond_of "$market")" = 8000000
ok 'and the tenant has another' test "$(balance_of "$tenant")" = 2000000

# A reading: of a lease, by its provider.
sign lease 2 market="$market" nonce=2 until=$until deposit=300000 provider="$provider" >"$work/lease.json"
lease=$(jq -r .hash "$work/lease.json")
usages() { # usages A B
	jq -n --slurpfile l "$work/lease.json" --slurpfile a "$1" --slurpfile b "$2" \
		'{kind: "usages", lease: $l[0].terms, statements: [$a[0], $b[0]]}' >"$work/usages.evidence"
}
sign usage 3 lease="$lease" seq=7 amount=5 >"$work/a"
sign usage 3 lease="$lease" seq=7 amount=6 >"$work/b"
sign usage 3 lease="$lease" seq=8 amount=6 >"$work/next"
usages "$work/a" "$work/next"
ok 'two readings, one after the other: honest' refuses offence_none slash usages
usages "$work/a" "$work/b"
ok 'two of one number: slashed' slash usages
ok 'by twice the deposit of the lease' test "$(bond_of "$provider")" = 400000
ok 'half to the tenant' test "$(balance_of "$tenant")" = 2300000

# What is left leaves when its time has come, less what was slashed.
rpc evm_increaseTime 604801 >/dev/null
rpc evm_mine >/dev/null
ok 'after seven days what leaves, less what was slashed, is balance again' shows '.escrow == "400000" and .bond == "0"' provider take
ok 'by the contract too' test "$(balance_of "$provider")" = 400000
ok 'and no bond' test "$(bond_of "$provider")" = 0

# --- what gavel audit auction --save has kept --------------------------------------------
register 3
fund "$tenant" 1000000
place 2 9 max=1000000 window=4000
soon 5 state_is bidding
bid 3 floor=100 list=200
soon 5 state_is awarded
ok 'an order is awarded, and its evidence kept' as hunter audit auction "$order" --save "$work/monday"
key=$(jq -r '.rounds[0].transcript.public_key' "$work/monday")
sign round 6 order="$hash" key="$key" root="$nine" >"$work/other"
jq --slurpfile o "$work/other" '.rounds[0].transcript.root = $o[0].terms.root | .rounds[0].transcript.root_sig = $o[0].sig' \
	"$work/monday" >"$work/tuesday"
ok 'the same evidence twice: honest' refuses evidence_none as hunter slash "$work/monday" "$work/monday"
jq '.rounds[0].transcript.root = "0x'"$(printf '%064d' 9)"'"' "$work/monday" >"$work/forged"
ok 'a root that the market did not sign' refuses evidence_none as hunter slash "$work/monday" "$work/forged"
before=$(bond_of "$market")
ok 'two roots of one round, found in two files' as hunter slash --save "$work/both" "$work/monday" "$work/tuesday"
ok 'twice the deposit is taken' test "$(bond_of "$market")" = $((before - 2000))
ok 'the two statements are kept' as hunter slash --check "$work/both"
echo "1..$n"
exit $bad
