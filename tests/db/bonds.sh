#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bonds.sh - bonds as a condition for setting prices: real bonds on the real contract,
# what a provider's leases earn in four hours, a bond that leaves, and what each does to
# the next price. TAP.
cd "$(dirname "$0")/../.." || exit 1
contract=yes
. tests/db/lib.sh
papers() { "${BUILD:-build}/tests/db/papers" "$escrow" "$@"; }
cat >>"$work/market.yaml" <<END
in_book_s: 0
class_launches: 0
bond_min: "100"
bond_hours: 4
END
export XDG_STATE_HOME=$work/state HOME=$work
for i in 11 12; do
	sign keystore $i file="$work/$i.json" password_file="$work/password"
	sed "s#^key_file:.*#key_file: $work/$i.json#" >"$work/$i.yaml" <<END
market_url: $url
tag: t
network: 10.99.0.0
attributes: []
user: $user
key_file:
password_file: $work/password
state_dir: $work/agent
run_dir: $work/agent
rpc_url: http://127.0.0.1:$rpc_port
chain_id: 31337
escrow: "$escrow"
token: "$token"
card: {cpu_milli: "1", memory_mib: "1", storage_mib: "1", endpoint: "1"}
END
	grep -E '^(market_url|key_file|password_file|rpc_url):' "$work/$i.yaml" >"$work/person$i.yaml"
done
bond() { # bond N WORDS...
	who=$1
	shift
	"$bin/gavel-provider" -c "$work/$who.yaml" --json bond "$@"
}
# The book that prices the next tick, of one provider: bonded, sets_prices.
stands() { # stands N BONDED SETS_PRICES
	have=$(sql "select concat_ws(' ', r->>'bonded', r->>'sets_prices') from gavel.offer o,
		(select book from gavel.tick order by number desc limit 1) b, jsonb_array_elements(b.book::jsonb->'rows') r
		where r->>'id' = '0x' || encode(o.hash, 'hex') and o.until_tick is null
		and o.provider = '\\x$(lower "$(papers address "$1" | cut -c3-)")'")
	[ "$have" = "$2 $3" ] || { echo "have: $have"; false; }
}
fast() { # fast NONCE CPU: awarded, and to whom at which price in $won
	papers order 90 market="$market" nonce="$1" cpu="$2" max=100000000000 deposit=100000 until=$(($(now) + 600)) >"$work/doc"
	post /v1/orders <"$work/doc"
	order=$(jq -r .id "$work/answer")
	soon 5 state_is awarded
	won="$(get "/v1/orders/$order" | jq -r '.lease | .provider + " " + .rate')"
}
is_won() { [ "$won" = "$(papers address "$1") $2" ] || { echo "$won"; false; }; }
# Floors of 10,000 and 11,000 a thousandth, lists of 12,000 and 13,000.
offers() {
	for i in 11 12; do
		papers provider $i >"$work/doc"
		post /v1/providers <"$work/doc"
		papers offer $i seq=1 cpu=$((i * 1000 - 1000)) list=$((i * 1000 + 1000)) has=64000 >"$work/doc"
		post /v1/offers <"$work/doc"
	done
}
ok 'the market answers' serve
ok 'it says what it takes' get_is /.well-known/gavel '[.rules.bond_min, (.rules.bond_hours | tostring)] | join(" ")' '100 4'
fund "$(papers address 90)" 100000000
offers
ok 'both offers are in the book' soon 5 sql_is "select jsonb_array_length(book::jsonb->'rows') from gavel.tick order by number desc limit 1" 2
ok 'without a bond nobody sets prices' eval 'stands 11 false false && stands 12 false false'
fast 1 100
ok 'the lower list price wins, and is paid' is_won 11 1200000

for i in 11 12; do
	rpc anvil_setBalance "\"$(papers address $i)\",\"0x3635c9adc5dea00000\"" >/dev/null
	"$bin/gavel" -C "$work/person$i.yaml" -q faucet 5
done
ok 'a real bond, of one unit too few' bond 12 0.000099
ok 'the market has seen it' soon 10 sql_is "select total from gavel.account where name = 'bond:$(lower "$(papers address 12)")'" 99
sleep 1
ok 'is not enough' stands 12 false false
ok 'one more' bond 12 0.000001
ok 'is' soon 10 stands 12 true true
ok 'and no other is taken for it' stands 11 false false
# 11 earns 1.2 million nano a second: 17 units in four hours, less than the least.
ok 'the other one bonds' bond 11 0.0001
ok 'and sets prices too' soon 10 stands 11 true true
fast 2 100
ok 'now the lowest floor wins, at the next floor' is_won 11 1100000
# With 5.5 million more it is 112 units, with 1.2 million after that 129.
fast 3 500
ok 'one more lease' is_won 11 5500000
ok 'earns more in four hours than is behind it' soon 5 stands 11 false false
fast 4 100
ok 'so it wins by its list price, and is paid it: nobody sets another' is_won 11 1200043
ok 'bond for all that it earns, one unit too few' bond 11 0.000028
sleep 2
ok 'does not count' stands 11 false false
ok 'the last one' bond 11 0.000001
ok 'and it counts again' soon 10 stands 11 true true
ok 'notice for all of it' bond 11 release
soon 5 sql_is "select count(*) from gavel.chain_event where kind = 'Unbonding'" 1
sleep 1
ok 'does not take it away yet' stands 11 true true
bond 11 release >/dev/null 2>&1
rpc evm_increaseTime 700000 >/dev/null
rpc evm_mine >/dev/null
ok 'taken back' bond 11 take
ok 'it sets no prices' soon 10 stands 11 false false
ok 'the ticks of all this are true' "$bin/gavel" -C "$work/person11.yaml" audit tick "1-$(sql 'select max(number) from gavel.tick')"
# What makes the difference is the transcript's word, and the rule's.
ok 'with the bond in their rows' eval 'get "/v1/ticks/$(sql "select max(number) from gavel.tick")/transcript" | jq -e "[.offers[].bonded] | length == 2"'
echo "1..$n"
exit $bad
