#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bad_bids.sh - bad bids against a real market: what is refused at the door, what is void once
# the key is out and named in the transcript, what came late, twice or for nothing; and a
# market that is killed between the bids and the clearing. The audit of all of it. TAP.
# What api.mjs shows with another library's signatures is not shown again here.
cd "$(dirname "$0")/../.." || exit 1
. tests/db/lib.sh
serve
tenant=$(sign address 90)
fund "$tenant" 1000000000
register 11 12 13 14 15 16 17 18 19 20 21 22
sql 'update gavel.provider set launches = 30' >/dev/null
sql 'update gavel.provider set seen_at = now()' >/dev/null
entry() { get "/v1/orders/$order/rounds/1" | jq -r --arg p "$(sign address "$1")" '.transcript.entries[] | select(.provider == $p)'; }
void_is() { # void_is N WHY
	have=$(entry "$1" | jq -r .void)
	[ "$have" = "$2" ] || { echo "have: $have"; false; }
}
entry_reason_is() {
	have=$(entry "$1" | jq -r .reason)
	[ "$have" = "$2" ] || { echo "have: $have"; false; }
}
sent() { # sent FILTER: the last bid changed by jq, and sent again by its owner
	jq "$1" "$work/doc" >"$work/changed"
	bearer=$(bearer_of "$who") post /v1/bids <"$work/changed"
}

# --- what an order can be refused for, that api.mjs does not show --------------------
place 90 1 max=1000 window=20000
ok 'an order' says 201
first=$order first_hash=$hash
idem=x place 90 1 max=1001
ok 'its nonce again' says 409 nonce_used
order=$first hash=$first_hash
soon 5 state_is bidding

# --- at the door ------------------------------------------------------------------------
bid 11 floor=100 list=300
ok 'a good bid' says 201
index=$(jq .index "$work/answer")
sent .
ok 'the same bytes again: the same place' eval 'says 201 && [ "$(jq .index "$work/answer")" = "$index" ]'
bid 11 floor=90 list=300
ok 'sealed twice: the second is refused' says 409 bid_twice
bid 12 floor=100 list=300
printf '{"id":"%s","order":"%s","round":1,"provider":"%s","reason":"price"}' \
	bid_01JF4Z8C3D5S0N7Q2V8W4M1T6K "$order" "$(sign address 12)" >"$work/no"
bearer=$(bearer_of 12) post /v1/declines <"$work/no"
ok 'a decline after a bid: refused too' says 409 bid_twice
who=13
sign bid 13 order_id="$order" order="$hash" key="$(round_key)" floor=100 list=300 >"$work/doc"
post /v1/bids <"$work/doc"
ok 'without a token' says 403 token_missing
bearer=$(sign token 13 audience="$(sign address 14)" until=$(($(now) + 600))) post /v1/bids <"$work/doc"
ok 'with a token for somebody else' says 403 token_bad
bearer=$(sign token 13 audience="$market" until=$(($(now) - 60))) post /v1/bids <"$work/doc"
ok 'with an old one' says 403 token_expired
sent '.order = "ord_01JF4Z8C0XVQ5WSM2T7E9KA3RB"'
ok 'for an order that does not exist' says 404 order_not_found
sent '.round = 2'
ok 'of another round' says 409 round_other
sent '.round = -1'
ok 'of a round below nothing' says 422 field_type
sent '.round = 4294967296'
ok 'of a round beyond 32 bits' says 422 field_type
sent '.envelope = "***"'
ok 'in no base64' says 422 field_type
sent '.envelope = ("A" * 8000)'
ok 'in a box too large' eval 'says 413 too_big || says 422'
sent '.colour = "red"'
ok 'with a field nobody knows' says 400 field_unknown
sent 'del(.envelope)'
ok 'without a box' says 422 field_missing
ok 'none of them took the one answer' eval 'sent . ; says 201'

# --- in the box ---------------------------------------------------------------------------
bid 14 floor=100 list=300 raw=1
ok 'a box with a flipped bit is taken unread' says 201
bid 15 floor=100 list=300 text=1
bid 16 floor=1 list=300 signer=17
bid 17 floor=1 list=300 chain=1
bid 18 floor=1 list=300 provider="$(sign address 11)"
bid 19 floor=1 list=300 in_round=2
bid 20 floor=200 list=100
bid 21 floor=0 list=100
ok 'nothing of them is shown yet' get_is "/v1/orders/$order/bids" '[.data[] | .floor, .reason] | unique | map(tostring) | join(",")' null
real=$hash hash=0x$(printf '%064d' 5)
bid 22 floor=1 list=300
hash=$real
ok 'when all have answered it is cleared' soon 8 state_is awarded
ok 'to a good bid' test -n "$(entry 11 | jq -r .bid.terms.floor)"
ok 'the first of the twice sealed stands' test "$(entry 11 | jq -r .bid.terms.floor)" = 100
ok 'a flipped bit: void' void_is 14 'does not open'
ok 'a box of something else: void' void_is 15 'is not a bid'
ok 'signed by another key: void' void_is 16 'is not signed by its provider'
ok 'signed for a foreign chain: void' void_is 17 'is not signed by its provider'
ok 'in another'"'"'s name: void' void_is 18 'names another provider'
ok 'for another round: void' void_is 19 'names another order or round'
ok 'for another order: void' void_is 22 'names another order or round'
ok 'a list price below the floor: no part in it' entry_reason_is 20 invalid
ok 'a floor of nothing: no part in it' entry_reason_is 21 invalid
export XDG_STATE_HOME=$work/state HOME=$work
cat >"$work/tenant.yaml" <<END
market_url: $url
rpc_url: http://127.0.0.1:$rpc_port
key_file: $work/key.json
password_file: $work/password
END
ok 'and the audit agrees with every one' "$bin/gavel" -C "$work/tenant.yaml" audit auction "$order" --save "$work/evidence"
lie() { # lie FILTER CODE: told by the market in what it publishes
	jq "$1" "$work/evidence" >"$work/lie.json"
	"$bin/gavel" -C "$work/tenant.yaml" audit auction "$work/lie.json" 2>&1 | grep "\[$2\]"
}
ok 'a void one that is called good' lie '(.rounds[0].transcript.entries[] | select(.void == "does not open")) |= del(.void)' audit_opened

# --- numbers that no rate is ---------------------------------------------------------------
place 90 2 max=1000 window=20000
soon 5 state_is bidding
inside() { # inside N FILTER: a good bid's text, changed by jq
	sign bid_terms "$1" order="$hash" floor=100 list=300 | jq -c "$2"
}
over=39614081257132168796771975168
bid 11 inside="$(inside 11 ".terms.floor = \"$over\"")"
ok 'a rate of 2^95 is taken unread' says 201
bid 12 floor=100 list=39614081257132168796771975167
bid 14 floor=19807040628566084398385987583 list=19807040628566084398385987583
bid 15 inside="$(inside 15 '.terms.floor = "-1"')"
bid 16 inside="$(inside 16 '.terms.list = 300')"
bid 17 inside="$(inside 17 '.terms.floor = "1e3"')"
bid 18 inside="$(inside 18 '.terms.units = "month"')"
bid 19 inside="$(inside 19 '.terms.floor = "99"')"
bid 13 floor=300 list=300
for i in 20 21 22; do
	printf '{"id":"%s","order":"%s","round":1,"provider":"%s","reason":"price"}' \
		"bid_01JF4Z8C3D5S0N7Q2V8W4M1T$i" "$order" "$(sign address $i)" >"$work/no"
	bearer=$(bearer_of $i) post /v1/declines <"$work/no"
done
ok 'it is cleared all the same' soon 8 state_is awarded
ok 'above all bounds: no bid' void_is 11 'is not a bid'
ok 'one that no effective price could be made of: void' void_is 12 'asks for more than a rate can say'
ok 'below nothing: no bid' void_is 15 'is not a bid'
ok 'a number and no text: no bid' void_is 16 'is not a bid'
ok 'an exponent: no bid' void_is 17 'is not a bid'
ok 'a unit nobody knows: no bid' void_is 18 'is not a bid'
ok 'changed after signing: void' void_is 19 'is not signed by its provider'
ok 'the largest rate takes part, last' eval '[ "$(entry 14 | jq -r .rank)" = 2 ]'
ok 'and wraps nothing: the next sane floor is the price' get_is "/v1/orders/$order" '.lease.rate' 300
ok 'by the audit too' "$bin/gavel" -C "$work/tenant.yaml" audit auction "$order"

# --- late: the market's clock at receipt is the deadline ------------------------------------
place 90 3 max=1000 window=60000
soon 5 state_is bidding
bid 11 floor=100 list=300
ok 'a bid in time' says 201
# The clerk stands still: the round is over by its end alone, a moment ago, unrooted.
clerk=$(for p in $(pgrep -P "$market_pid"); do grep -lq clerk "/proc/$p/comm" && echo "$p"; done)
kill -STOP $clerk
sql "update gavel.round set ends_at = now() + interval '300 milliseconds' where order_hash = '\\x${hash#0x}'"
sql "update gavel.orders set next_at = now() + interval '300 milliseconds' where hash = '\\x${hash#0x}'"
sign bid 12 order_id="$order" order="$hash" key="$(round_key)" floor=90 list=300 >"$work/doc"
bearer=$(bearer_of 12)
late=$(sql "select extract(epoch from ends_at)*1000 from gavel.round where order_hash = '\\x${hash#0x}'")
while [ "$(date +%s%3N)" -lt "${late%.*}" ]; do :; done
post /v1/bids <"$work/doc"
ok 'a bid some milliseconds late' says 409 round_over
ok 'and it says by how much' eval 'jq -r .detail "$work/answer" | grep -qE "came [0-9]{1,6} us after the end"'
unset bearer
ok 'it is not there' sql_is "select count(*) from gavel.bid where order_hash = '\\x${hash#0x}'" 1

# --- killed between bids and clearing --------------------------------------------------------
kill_market
ok 'the market is back' serve
ok 'after kill -9 the round is cleared' soon 8 state_is awarded
ok 'with what was acknowledged, and nothing else' get_is "/v1/orders/$order/rounds/1" '[.transcript.entries[].provider] | length' 1
ok 'by the audit too' "$bin/gavel" -C "$work/tenant.yaml" audit auction "$order"
place 90 4 max=1000 window=8000
soon 5 state_is bidding
for i in 11 12 13; do
	bid $i floor=$((i * 10)) list=300
	says 201 || echo "# bid $i: $status"
done
kill_market
serve
sql 'update gavel.provider set seen_at = now()' >/dev/null
bid 14 floor=200 list=300
ok 'a round outlives its market: a bid after the kill' says 201
ok 'it is cleared at its end' soon 8 state_is awarded
ok 'with all four' get_is "/v1/orders/$order/rounds/1" '[.transcript.entries[].provider] | length' 4
ok 'to the lowest, at the price of the next' get_is "/v1/orders/$order" '.lease.rate' 120
ok 'once' sql_is "select count(*) from gavel.lease where order_hash = '\\x${hash#0x}'" 1
echo "1..$n"
exit $bad
