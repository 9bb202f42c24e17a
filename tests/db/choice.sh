#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# choice.sh - the tenant picks: a ranking, every bad choice, a good one twice, one that
# fails and the next from the same ranking, late ones, and the audit of all of it; and
# an order without an acceptable bid that waits for one until its end. TAP.
cd "$(dirname "$0")/../.." || exit 1
accept_ms=1500
. tests/db/lib.sh
serve
tenant=$(sign address 90)
fund "$tenant" 1000000000
register 11 12 13 14
address() { sign address "$1"; }
choose() { # choose N OPTIONS...: a choice signed by N
	who=$1
	shift
	sign choice "$who" order="$hash" "$@" >"$work/doc"
	post "/v1/orders/$order/choices" <"$work/doc"
}
ranked() { # four bids: floors 100, 120, 150, 180; the last one's list is above the maximum
	soon 5 state_is bidding
	bid 11 floor=100 list=300
	bid 12 floor=120 list=310
	bid 13 floor=150 list=320
	bid 14 floor=180 list=2000
	soon 5 state_is ranked
}
established='update gavel.provider set launches = 30'
sql "$established"

place 90 1 manual=1 max=1000 window=5000
ok 'an order whose tenant picks is taken' says 201
choose 90 provider="$(address 11)"
ok 'no choice before there is a ranking' says 409 choice_not_asked
ok 'nothing is awarded' ranked
ok 'the announcement says until when a bid holds' sql_is "select count(*) from gavel.event where type = 'order.bidding' and data->>'choose_by' is not null" 1
ok 'and the round' get_is "/v1/orders/$order/rounds/1" '.choose_by != null and .outcome == "ranked"' true
ok 'the first at the price of the second, the others at their list price' get_is "/v1/orders/$order/bids" \
	'[.data[] | .price] | join(",")' '120,310,320,'
ok 'none above the maximum' get_is "/v1/orders/$order/bids" '[.data[] | .reason] | join(",")' 'first,ranked,ranked,above_max'
ok 'the deposit is held while the tenant thinks' get_is "/v1/accounts/$tenant" .free 999999000

# Bad choices.
choose 91 provider="$(address 11)"
ok 'a forged choice' says 403 signature_bad
choose 90 provider="$(address 11)" chain=1
ok 'signed for another chain' says 403 signature_bad
choose 90 provider="$(address 15)"
ok 'one that did not bid' says 422 choice_unknown
choose 90 provider="$(address 14)"
ok 'one above the maximum' says 422 choice_unknown
choose 90 provider="$(address 11)" round=2
ok 'of another round' says 422 choice_unknown
real=$hash hash=0x$(printf '%064d' 5)
choose 90 provider="$(address 11)"
ok 'of another order' says 404 order_not_found
hash=$real
status=$(echo '{"terms":{"order":"'"$hash"'","round":1,"provider":"0x00"},"sig":"0x00"}' |
	curl -s -o "$work/answer" -w '%{http_code}' --data-binary @- "$url/v1/orders/$order/choices")
ok 'half a document' says 422 field_type
ok 'the ranking stands' state_is ranked

# A good one, which fails, and the next.
choose 90 provider="$(address 12)"
ok 'the second is chosen' says 201
ok 'at its list price' test "$(jq -r .rate "$work/answer")" = 310
choose 90 provider="$(address 12)"
ok 'the same choice again: the same answer' says 201
choose 90 provider="$(address 11)"
ok 'another one meanwhile' says 409 choice_made
ok 'it is awarded' soon 3 state_is awarded
ok 'for what was shown' get_is "/v1/orders/$order" '.lease.rate' 310
ok 'and names the transcript' test "$(award_of | jq -r .award.record)" != null
ok 'it never accepts: back to the ranking' soon 5 state_is ranked
ok 'the failure is shown with its reason' get_is "/v1/orders/$order" '.failed[0].reason' 'not accepted in time'
ok 'and counts for the provider' get_is "/v1/providers/$(address 12)" .failures 1
choose 90 provider="$(address 12)"
ok 'it cannot be chosen again' says 409 choice_failed
choose 90 provider="$(address 11)"
ok 'the first is chosen' says 201
ok 'it is awarded too' soon 3 state_is awarded
ok 'for the price by the rules' get_is "/v1/orders/$order" '.lease.rate' 120
accept 11
ok 'it accepts' says 200
ok 'both choices stand with the round' get_is "/v1/orders/$order/rounds/1" '[.choices[].terms.provider] | length' 2

# By the programs of a tenant; then each lie in what was published.
export XDG_STATE_HOME=$work/state HOME=$work
cat >"$work/tenant.yaml" <<END
market_url: $url
rpc_url: http://127.0.0.1:$rpc_port
key_file: $work/key.json
password_file: $work/password
END
gavel() { "$bin/gavel" -C "$work/tenant.yaml" "$@"; }
finds() { # finds FILTER CODE
	jq "$1" "$work/evidence" >"$work/forged.json" && gavel audit auction "$work/forged.json" 2>&1 | grep "\[$2\]"
}
ok 'the audit believes it' gavel audit auction "$order" --save "$work/evidence"
ok 'from the file alone too' gavel audit auction "$work/evidence"
ok 'a choice left out is missed' finds 'del(.rounds[0].choices)' audit_choice
ok 'a forged one is named' finds '.rounds[0].choices[0].sig = .rounds[0].choices[1].sig' audit_choice
ok 'a late one' finds '.rounds[0].choices[0].received_at = "2100-01-01T00:00:00Z"' audit_late
ok 'another rate' finds '.lease.terms.rate = "121"' audit_signature
ok 'another provider than chosen' finds '.rounds[0].choices[1].terms.provider = .rounds[0].choices[0].terms.provider' audit_choice
ok 'gavel bids shows the prices' sh -c "'$bin/gavel' -C '$work/tenant.yaml' bids '$order' | grep -q 'yours for'"

# Late, taken back, nobody left.
ttl=12 place 90 2 manual=1 max=1000 window=4000
soon 3 state_is bidding
bid 11 floor=100 list=300
ok 'a ranking again' soon 3 state_is ranked
ok 'nothing is chosen in time: unfilled' soon 6 state_is unfilled
ok 'and why' get_is "/v1/orders/$order" .reason 'nothing was chosen in time'
choose 90 provider="$(address 11)"
ok 'a choice after that is late' says 409 choice_late
place 90 3 manual=1 max=1000 window=4000
soon 3 state_is bidding
bid 11 floor=100 list=300
soon 3 state_is ranked
bearer=$(sign token 90 audience="$market" scope=close until=$(($(now) + 600)))
curl -s -X DELETE -H "Authorization: Bearer $bearer" "$url/v1/orders/$order" >/dev/null
ok 'a ranking is taken back' soon 3 state_is cancelled
ok 'and the deposit is free again' get_is "/v1/accounts/$tenant" .free 999999000
unset bearer
place 90 4 manual=1 max=1000 window=3000
soon 3 state_is bidding
bid 11 floor=2000 list=3000
ok 'all above the maximum: no ranking, another round' soon 4 get_is "/v1/orders/$order/rounds/1" .outcome above_max

# Killed between the choice and the award.
place 90 5 manual=1 max=1000 window=4000
soon 3 state_is bidding
bid 13 floor=100 list=300
soon 3 state_is ranked
for p in $(pgrep -P "$market_pid"); do ! grep -q clerk "/proc/$p/comm" || kill -STOP "$p"; done
choose 90 provider="$(address 13)"
ok 'chosen while nobody awards' says 201
kill_market
serve
ok 'after a kill -9 it is awarded' soon 5 state_is awarded

# Queueing: an order that nobody takes waits, and is taken when somebody can.
sql 'update gavel.provider set seen_at = now() - interval $$1 hour$$'
ttl=120 place 90 6 max=1000 window=1000
ok 'nobody is there: it is asked for again and again' soon 8 sql_is "select round >= 3 from gavel.orders where hash = '\\x${hash#0x}'" t
ok 'and stays' eval 'state_is open || state_is bidding'
register 11
take() {
	round=$(get "/v1/orders/$order" | jq -r .round)
	bid 11 floor=100 list=300
	says 201
}
ok 'somebody comes' soon 10 take
ok 'and has it' soon 3 state_is awarded
ttl=3 place 90 7 max=1000 window=300
ok 'without, it ends with its time' soon 6 state_is unfilled
ok 'and says so' get_is "/v1/orders/$order" .reason 'no acceptable bid in time'
echo "1..$n"
exit $bad
