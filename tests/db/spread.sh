#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# spread.sh - orders that are copies of one deployment, on a real database: awarded to
# different owners in one tick or not at all, whatever is missing, taken back or too dear;
# one whose winner fails comes again elsewhere; and an auditor sees a set that was cleared
# with a row missing. No contract, no providers. TAP.
cd "$(dirname "$0")/../.." || exit 1
. tests/db/lib.sh
[ -x "${BUILD:-build}/tests/db/papers" ] || { echo "1..0 # SKIP needs the papers"; exit 77; }
printf 'in_book_s: 0\nclass_launches: 0\nheartbeat_s: 3600\n' >>"$work/market.yaml"
papers() { "${BUILD:-build}/tests/db/papers" "$escrow" "$@"; }
address() { sign address "$1"; }
offer() { # offer N OPTIONS...: per milli-vCPU; each order asks for 1000
	papers offer "$@" >"$work/doc"
	post /v1/offers <"$work/doc"
}
# row SET ROW ROWS NONCE OPTIONS...: one order of a set; its id in ${ids[ROW]}.
row() {
	set_=$1 row_=$2 rows_=$3 nonce_=$4
	shift 4
	papers order 90 market="$market" nonce="$nonce_" spread="${spread:-owner}" set="$set_" row="$row_" rows="$rows_" \
		until=$(($(now) + ${ttl:-600})) "$@" >"$work/doc"
	post /v1/orders <"$work/doc"
	ids[row_]=$(jq -r .id "$work/answer")
}
# states A B C: of the orders, in their rows.
states() {
	for id in "${ids[@]}"; do get "/v1/orders/$id" | jq -r .state; done | xargs
}
states_are() { have=$(states); [ "$have" = "$1" ] || { echo "have: $have"; false; }; }
winners() { for id in "${ids[@]}"; do get "/v1/orders/$id" | jq -r '.lease.provider // "nobody"'; done; }
leases() { sql "select count(*) from gavel.lease"; }
cancel() {
	curl -s -o "$work/answer" -X DELETE "$url/v1/orders/$1" \
		-H "Authorization: Bearer $(sign token 90 audience="$market" scope=close until=$(($(now) + 600)))"
}
why() { # why ROW N: what became of person N's offer for that row
	get "/v1/orders/${ids[$1]}/bids" | jq -r --arg who "$(address "$2")" '[.data[] | select(.provider == $who)] | last | .reason'
}
why_is() { have=$(why "$1" "$2"); [ "$have" = "$3" ] || { echo "have: $have"; false; }; }
ticks_pass() { sleep 1; } # several

serve
ok 'the first record is signed' soon 5 get_is /v1/ticks/0 .terms.number 0
register 11 12 13
fund "$(address 90)" 1000000
offer 11 cpu=10 list=90
offer 12 cpu=20 list=90
offer 13 cpu=30 list=90 region=us
ok 'three offers stand' get_is '/v1/offers?limit=100' '.data | length' 3

# ---- what is no order ----
row 1 1 3 1 auction=sealed
ok 'what is spread is not sealed' says 422 auction_unknown
row 1 4 3 1
ok 'a row that there is not' says 422 group_bad
row 1 1 1 1
ok 'one copy is not spread' says 422 group_bad
spread=planet row 1 1 3 1
ok 'by planets' says 422 group_bad
row 0 1 3 1
ok 'a set without a name' says 422 group_bad

# ---- together ----
ids=()
row 1 1 3 1
ok 'the first of three rows is taken' says 201
row 1 2 3 2
second=${ids[2]}
row 1 2 3 3
ok 'a row twice is not' says 409 exists_different
ids[2]=$second
ticks_pass
ok 'with a row missing nothing happens' test "$(leases)" = 0
ok '  nor is it looked at' sql_is "select count(*) from gavel.tick_order" 0
row 1 3 3 4
ok 'the last row comes' says 201
ok 'all are awarded' soon 5 states_are 'awarded awarded awarded'
ok '  to three owners' test "$(winners | sort -u | wc -l)" = 3
ok '  in one tick' sql_is "select count(distinct tick) || ' ' || count(*) from gavel.tick_order" '1 3'
ok '  each with its lease under its order' sql_is "select count(distinct order_hash) from gavel.lease where state = 'awarded'" 3
ok '  without a fourth each is paid its list price' sql_is "select string_agg(distinct rate::text, ',') from gavel.lease" "$(sql "select string_agg(distinct rate::text, ',') from gavel.lease where rate >= 90000")"
ok '  which one won' test "$(for r in 1 2 3; do for p in 11 12 13; do why $r $p; done; done | sort | uniq -c | xargs)" = '6 taken 3 won'
tick=$(get "/v1/orders/${ids[1]}" | jq -r '.ticks[0]')
ok 'the tick shows all three as JSON' get_is "/v1/ticks/$tick/transcript" '[.orders[] | .group.spread + " " + (.group.spread_row | tostring) + " " + .end] | sort | join(",")' 'owner 1 awarded,owner 2 awarded,owner 3 awarded'

# ---- one fails: again, elsewhere ----
offer 14 cpu=5
ok 'a stranger has no offers' says 403 provider_unknown
register 14
offer 14 cpu=60 list=99
id=${ids[1]} failed=$(get "/v1/orders/${ids[1]}" | jq -r .lease.provider)
for p in 11 12 13; do [ "$(address $p)" != "$failed" ] || who=$p; done
printf '{"lease":"%s","reason":"busy"}' "$(get "/v1/orders/$id" | jq -r .lease.hash)" >"$work/doc"
bearer=$(bearer_of "$who") post /v1/refusals <"$work/doc"
ok 'a winner refuses' says 200
ok '  another owner has the row' soon 5 get_is "/v1/orders/$id" .lease.provider "$(address 14)"
ok '  the other rows are as they were' states_are 'awarded awarded awarded'
ok '  and why not the others' test "$(for p in 11 12 13; do why 1 $p; done | sort | xargs)" = 'denied taken taken'
again=$(get "/v1/orders/$id" | jq -r '.ticks[-1]')
ok '  where they run is in the transcript' get_is "/v1/ticks/$again/transcript" '[.orders[0].taken[].owner] | length' 2
printf '{"lease":"%s","reason":"busy"}' "$(get "/v1/orders/$id" | jq -r .lease.hash)" >"$work/doc"
bearer=$(bearer_of 14) post /v1/refusals <"$work/doc"
ok 'that one refuses too' says 200
ticks_pass
ok '  nobody is left, and the others run on' states_are 'open awarded awarded'
ok '  with a reason' test "$(for p in 11 12 13 14; do why 1 $p; done | sort | xargs)" = 'denied denied taken taken'

# ---- more copies than owners ----
before=$(leases)
ids=()
for r in 1 2 3 4 5; do row 2 $r 5 $((20 + r)); done
ticks_pass
ok 'more copies than owners: none is awarded' states_are 'open open open open open'
ok '  nor is there a lease' test "$(leases)" = "$before"
ok '  and that is the reason' why_is 1 12 spread
tick=$(get "/v1/orders/${ids[1]}" | jq -r '.ticks[-1]')
ok '  their maxima are not shown yet' get_is "/v1/ticks/$tick/transcript" '(.open | length) >= 5' true
cancel "${ids[3]}"
ok 'one is taken back' soon 5 get_is "/v1/orders/${ids[3]}" .state cancelled
ok '  still none of the set is shown' get_is "/v1/ticks/$tick/transcript" '[.orders[] | select(.group.spread_set | endswith("02"))] | length' 0
register 15
offer 15 cpu=40 list=99
ticks_pass
ok '  and with a row less none is awarded' states_are 'open open cancelled open open'
for r in 1 2 4 5; do cancel "${ids[$r]}"; done
ok 'all are taken back' soon 5 states_are 'cancelled cancelled cancelled cancelled cancelled'
ok '  now all of the set is shown' get_is "/v1/ticks/$tick/transcript" '[.orders[] | select(.group.spread_set | endswith("02")) | .end] | unique | join(",")' no_capacity

# ---- one maximum too low ----
ids=()
before=$(leases)
row 3 1 2 31
row 3 2 2 32 max=100
ticks_pass
ok 'one maximum too low: none is awarded' states_are 'open open'
ok '  nor is there a lease' test "$(leases)" = "$before"
for r in 1 2; do cancel "${ids[$r]}"; done

# ---- by regions ----
ids=()
spread=region row 4 1 2 41
spread=region row 4 2 2 42
ok 'by regions' soon 5 states_are 'awarded awarded'
ok '  one is in each' test "$(winners | grep -c "$(address 13)")" = 1

# ---- the auditor ----
mkdir -p "$work/state"
cat >"$work/tenant.yaml" <<END
market_url: $url
rpc_url: http://127.0.0.1:$rpc_port
key_file: $work/key.json
password_file: $work/password
END
chmod 644 "$work/tenant.yaml"
gavel() { HOME=$work XDG_STATE_HOME=$work/state "${BUILD:-build}/gavel" -C "$work/tenant.yaml" "$@"; }
last=$(get '/v1/ticks?after=0&limit=500' | jq -r '.data[-1].terms.number')
ok 'every tick is true' gavel audit tick "1-$last" --save "$work/all.json"
tick=$(get "/v1/orders/${ids[1]}" | jq -r '.ticks[0]')
gavel audit tick "$tick" --save "$work/one.json" >/dev/null 2>&1
lie() { # lie CODE FILTER: of the transcript
	jq ".transcripts[0] |= ($2)" "$work/one.json" >"$work/lie.json"
	gavel audit tick "$work/lie.json" >"$work/said" 2>&1
	grep -q "\[$1\]" "$work/said" || { cat "$work/said"; false; }
}
ok 'a row left out is seen' lie audit_root 'del(.orders[0])'
ok 'another winner of a row' lie audit_root '.orders[0].picks[0].offer = .orders[1].picks[0].offer'
ok 'another price of a row' lie audit_root '.orders[0].price = "1"'
ok 'a row called another' lie audit_order '.orders[0].group.spread_row = 1 | .orders[1].group.spread_row = 1'
echo "1..$n"
exit $bad
