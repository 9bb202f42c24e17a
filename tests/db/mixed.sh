#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mixed.sh - standing offers beside sealed bids in one round, on a real database: who wins
# and at what price, who declines, whose offer is withdrawn, what is said of each, an offer
# picked by the tenant, and an auditor that computes all of it again and sees each lie. TAP.
cd "$(dirname "$0")/../.." || exit 1
. tests/db/lib.sh
[ -x "${BUILD:-build}/tests/db/papers" ] || { echo "1..0 # SKIP needs the papers"; exit 77; }
printf 'in_book_s: 0\nclass_launches: 0\nheartbeat_s: 3600\n' >>"$work/market.yaml"
papers() { "${BUILD:-build}/tests/db/papers" "$escrow" "$@"; }
address() { sign address "$1"; }
# offer N OPTIONS...: person N's, per milli-vCPU; orders here ask for 1000 of them.
offer() {
	papers offer "$@" >"$work/doc"
	post /v1/offers <"$work/doc"
}
offers_are() { get_is '/v1/offers?limit=100' '.data | length' "$1"; }
decline() { # decline N REASON
	printf '{"id":"bid_%s","order":"%s","round":%d,"provider":"%s","reason":"%s"}' \
		"$(printf '01JF4Z8C3D5S0N7Q2V8W4M%04d' "$((RANDOM % 10000))")" "$order" "${round:-1}" "$(address "$1")" "$2" >"$work/doc"
	bearer=$(bearer_of "$1") post /v1/declines <"$work/doc"
}
bids() { get "/v1/orders/$order/bids"; }
# bid_is N offer|bid FILTER WANT: what became of the offer, or the bid, of person N.
bid_is() {
	have=$(bids | jq -rc --arg who "$(address "$1")" --arg kind "$2" \
		".data[] | select(.provider == \$who and (\$kind == \"offer\") == (.offer != null)) | $3")
	[ "$have" = "$4" ] || { echo "have: $have"; false; }
}
transcript_is() { get_is "/v1/orders/$order/rounds/${round:-1}" ".transcript | $1" "$2"; }

serve
ok 'the first record is signed, of an empty book' soon 5 get_is /v1/ticks/0 .terms.number 0
register 11 12 13 14
fund "$(address 90)" 1000000
sql "update gavel.provider set launches = 30" >/dev/null
offer 12 cpu=40 list=90
ok 'an offer is in the book' says 201
offer 13 cpu=60 list=95 node=m
offer 14 cpu=20 list=99 node=k
ok 'and two more' offers_are 3
book() { get /v1/ticks?limit=500 | jq -r '.data[-1].terms.number'; }
ok 'which a record signs' soon 5 eval 'get_is "/v1/ticks/$(book)/book" ".rows | length" 3'
ok 'as anyone may see' get_is "/v1/ticks/$(book)/book" '"\(.rows | length) \(.record.terms.number)"' "3 $(book)"
ok 'a tick that is none has no book' get_is /v1/ticks/99999/book .code tick_not_found

# Person 11 bids 50000; 12 offers for 40000 and bids 45000; 13 offers for 60000 and bids
# 55000; 14 offers for 20000 and declines.
place 90 1 max=1000000 window=8000
ok 'an order is announced' soon 5 state_is bidding
bid 11 floor=50000 list=80000
bid 12 floor=45000 list=80000
bid 13 floor=55000 list=80000
decline 14 capacity
ok 'and awarded when all have answered' soon 5 state_is awarded
ok 'to the lowest of bids and offers' get_is "/v1/orders/$order" .lease.provider "$(address 12)"
ok '  at the next owner'"'"'s price' get_is "/v1/orders/$order" .lease.rate 50000
ok '  of whom the bid took no part' bid_is 12 bid .reason outranked
ok '  and the offer won' bid_is 12 offer '"\(.reason) \(.rank) \(.floor)"' 'won 1 40000'
ok 'of another the bid was lower' bid_is 13 bid '"\(.reason) \(.rank)"' 'dearer 3'
ok '  so its offer took no part' bid_is 13 offer '"\(.reason) \(.rank)"' 'outranked null'
ok 'who declined does not serve it by an offer' bid_is 14 offer .reason denied
ok '  and the decline is shown' bid_is 14 bid .declined capacity
ok 'the transcript names the book' transcript_is '"\(.tick) \(.price_by) \(.outcome) \(.offers | length)"' "$(sql 'select max(book_tick) from gavel.round') runner_up awarded 2"
ok '  and the offer that won' transcript_is '.winner_offer != null and .runner_up_offer == null' true
ok 'the winner accepts' eval 'accept 12 && says 200'

# Alone: nobody answers.
place 90 2 max=1000000 window=200
ok 'a round that nobody answers' soon 5 state_is awarded
ok '  goes to the lowest offer' get_is "/v1/orders/$order" .lease.provider "$(address 14)"
ok '  at the next one'"'"'s price' sql_is "select rate between 40000 and 41000 from gavel.lease where order_hash = (select hash from gavel.orders where nonce = 2)" t

# One that fails is followed by another round, without its offer.
printf '{"lease":"%s","reason":"busy"}' "$(get "/v1/orders/$order" | jq -r .lease.hash)" >"$work/doc"
bearer=$(bearer_of 14) post /v1/refusals <"$work/doc"
ok 'the winner refuses' says 200
ok '  and another has it' soon 8 get_is "/v1/orders/$order" '.lease.provider' "$(address 12)"
round=2
ok '  with the reason that the first has failed' eval "bids | jq -e --arg who $(address 14) '.data[] | select(.provider == \$who and .round == 2) | .reason == \"denied\"'"
ok '  shown in the transcript' transcript_is '.failed | length' 1
round=1

# Above the maximum, and what is withdrawn.
place 90 3 max=100 window=200
ok 'above the maximum nothing is awarded' soon 5 transcript_is .outcome above_max
ok '  which is said of the best' bid_is 14 offer .reason above_max
offer 14 seq=2 node=k expires=0
ok 'an offer is withdrawn' offers_are 2
ok '  which the next record signs' soon 5 eval 'get_is "/v1/ticks/$(book)/book" ".rows | length" 2'

# The tenant picks an offer.
place 90 4 max=1000000 window=5000 manual=1
soon 5 state_is bidding
bid 11 floor=50000 list=80000
ok 'the tenant is to pick' soon 5 state_is ranked
ok '  the first at the price of the rules' bid_is 12 offer .price 50000
ok '  another at its list price' bid_is 13 offer .price 95000
sign choice 90 order="$hash" provider="$(address 13)" >"$work/doc"
post "/v1/orders/$order/choices" <"$work/doc"
ok 'it picks an offer' says 201
ok '  for its list price' test "$(jq -r .rate "$work/answer")" = 95000
ok '  which is awarded' soon 5 get_is "/v1/orders/$order" '.lease.provider + " " + .lease.rate' "$(address 13) 95000"

# A market killed between root and outcome closes the round by the same book.
sql "alter table gavel.tick_bid add constraint none check (false) not valid" >/dev/null
place 90 5 max=1000000 window=200
ok 'a round is closed, and its outcome cannot be stored' soon 5 sql_is "select count(*) from gavel.round r join gavel.orders o on o.hash = r.order_hash where o.nonce = 5 and r.root is not null and r.outcome is null" 1
pinned=$(sql "select book_tick from gavel.round r join gavel.orders o on o.hash = r.order_hash where o.nonce = 5")
ok '  (the book is pinned)' test -n "$pinned"
kill_market
sql "alter table gavel.tick_bid drop constraint none" >/dev/null
offer 12 seq=2 cpu=10 list=90
serve
offer 12 seq=2 cpu=10 list=90
ok 'the next one decides it' soon 15 state_is awarded
ok '  by the book that the root names' transcript_is .tick "$pinned"

# The auditor.
keep=$work/keep.json
mkdir -p "$work/tenant"
audit() { # audit: of the order; its words
	for r in $(seq "$(get "/v1/orders/$order" | jq .round)"); do get "/v1/orders/$order/rounds/$r"; done | jq -s . >"$work/rounds"
	ticks=$(jq -r '.[].transcript.tick' "$work/rounds" | sort -u)
	for t in $ticks; do get "/v1/ticks/$t/book"; done | jq -s . >"$work/books"
	for o in $(jq -r '.[].rows[].id' "$work/books" | sort -u); do get "/v1/offers/$o" | jq '{offer, sig}'; done | jq -s . >"$work/offers"
	get "/v1/leases/$(get "/v1/orders/$order" | jq -r .lease.id)" >"$work/leasedoc"
	jq -n --arg escrow "$escrow" --arg order "$(get "/v1/orders/$order" | jq -r .hash)" \
		--slurpfile rounds "$work/rounds" --slurpfile books "$work/books" --slurpfile offers "$work/offers" \
		--slurpfile lease "$work/leasedoc" \
		'{chain_id: 31337, escrow: $escrow, order: $order, lease: $lease[0], receipts: [], rounds: $rounds[0], books: $books[0], offers: $offers[0]}' >"$keep"
}
judge() { jq "${1:-.}" "$keep" >"$work/shown.json" && "${BUILD:-build}/gavel" audit auction "$work/shown.json" 2>&1; }
lie() { # lie CODE FILTER
	judge "$2" | grep -q "\[$1\]" || { judge "$2"; false; }
}
audit
ok 'the round is true' eval 'judge | tee "$work/says" | grep -q ": true"'
ok 'a book kept back is seen' lie audit_chain '.books = []'
ok 'an offer left out of it' lie audit_root 'del(.books[0].rows[0])'
ok 'its record changed' lie audit_chain '.books[0].record.terms.time += 1'
ok 'an offer that nobody shows' lie audit_offer '.offers = .offers[1:]'
ok 'an offer that its provider did not sign' lie audit_signature '.offers[0].sig = .offers[1].sig'
ok 'another rank' lie audit_reason '.rounds[0].transcript.offers[0].rank = 9'
ok 'another price' lie audit_price '.rounds[0].transcript.price = "1"'
echo "1..$n"
exit $bad
