#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ticks.sh - the market's standing offers and ticks on a real database: every bad
# offer, receipts, awards by three signed offers, failed winners, two clerks, a clerk
# killed with a tick under way, and the audit of all of it. No contract, no providers. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_TOP=$PWD
. demo/lib.sh
. tests/db/ports.sh
set +e
[ "$(id -u)" = 0 ] && [ -x "$anvil" ] && [ -x "${BUILD:-build}/tests/db/papers" ] ||
	{ echo "1..0 # SKIP needs root, anvil and the papers"; exit 77; }
work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/d" && chown "$user" "$work" "$work/d"
port=$(free_ports) || exit 1
n=0 bad=0
ok() {
	what=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/out" 2>&1; then echo "ok $n - $what"; else
		echo "not ok $n - $what"
		tail -5 "$work/out" | sed 's/^/# /'
		[ ! -f "$work/answer" ] || { head -c 200 "$work/answer" | sed 's/^/# /'; echo; }
		bad=1
	fi
}
soon() {
	tries=$(($1 * 30))
	shift
	while [ $tries -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		tries=$((tries - 1))
		sleep 0.1
	done
	"$@"
}
sql() { as_user "$pg_bin/psql" -h "$work/d" -U gavel -d gavel -qAtc "$1"; }
sql_is() {
	have=$(sql "$1")
	[ "$have" = "$2" ] || { echo "have: $have"; false; }
}
as_user "$pg_bin/initdb" -D "$work/d/pg" -U gavel -A trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null 2>&1
as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -w -l "$work/d/log" \
	-o "-k $work/d -c listen_addresses= -c fsync=off" start >/dev/null 2>&1
as_user "$pg_bin/createdb" -h "$work/d" -U gavel gavel
rpc_port=$((port + 2))
"$anvil" --port "$rpc_port" --silent --chain-id 31337 &
anvil_pid=$!
markets=
cleanup() {
	for pid in $markets; do kill "$pid" 2>/dev/null; done
	kill -9 "$anvil_pid" 2>/dev/null
	[ -z "${KEEP:-}" ] || cp "$work/log" /tmp/ticks.log
	as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -m immediate stop >/dev/null 2>&1
	rm -rf "$work"
}
trap cleanup EXIT
escrow=0x00000000000000000000000000000000000000e5
echo password >"$work/password"
market=$("$bin/gavel-market" key new --password-file "$work/password" "$work/key.json")
chown "$user" "$work/key.json" "$work/password"
settings() { # settings FILE PORT
	cat >"$1" <<END
listen: 127.0.0.1
port: $2
user: $user
database: "host=$work/d user=gavel dbname=gavel"
key_file: $work/key.json
password_file: $work/password
rpc_url: http://127.0.0.1:$rpc_port
chain_id: 31337
escrow: "$escrow"
token: "$escrow"
sql_dir: $PWD/sql/schema
in_book_s: ${in_book_s:-0}
class_launches: 0
heartbeat_s: 60
accept_ms: ${accept_ms:-60000}
END
}
settings "$work/market.yaml" "$port"
as_user "$bin/gavel-market" -c "$work/market.yaml" migrate 2>/dev/null
serve() { # serve SETTINGS
	"$bin/gavel-market" -c "$1" >>"$work/log" 2>&1 &
	markets="$markets $!"
	last=$!
}
clerk_of() { for p in $(pgrep -P "$1"); do grep -lq market/clerk "/proc/$p/comm" 2>/dev/null && echo "$p"; done; }
url=http://127.0.0.1:$port
papers() { "${BUILD:-build}/tests/db/papers" "$escrow" "$@"; }
# post PATH: a body from stdin; the answer in $work/answer, its status on stdout.
post() { curl -s -o "$work/answer" -w '%{http_code}' -H "Idempotency-Key: $RANDOM$RANDOM" ${bearer:+-H "Authorization: Bearer $bearer"} --data-binary @- "$url$1"; }
says() { # says STATUS CODE: of the last answer
	[ "$status" = "$1" ] && { [ -z "${2:-}" ] || [ "$(jq -r .code "$work/answer")" = "${2:-}" ]; }
}
get() { curl -s "$url$1"; }
get_is() { # get_is PATH FILTER WANT
	have=$(get "$1" | jq -rc "$2")
	[ "$have" = "$3" ] || { echo "have: $have"; false; }
}
try_offer() { # try_offer WHAT STATUS CODE N OPTIONS...
	what=$1 want=$2 code=$3
	shift 3
	status=$(papers offer "$@" | post /v1/offers)
	ok "$what" says "$want" "$code"
}
now() { date +%s; }
place() { # place NONCE OPTIONS...: the order's id in $order
	nonce=$1
	shift
	status=$(papers order 90 market="$market" nonce="$nonce" "$@" until=$(($(now) + ${ttl:-600})) | post /v1/orders)
	order=$(jq -r .id "$work/answer")
}
state_is() { get_is "/v1/orders/$order" .state "$1"; }
award_of() { sql "select data from gavel.event where type = 'order.awarded' and subject = '$1' order by seq desc limit 1"; }
accept() { award_of "$1" | papers accept "$2" | post /v1/leases; }
winner_is() { get_is "/v1/orders/$order" .lease.provider "$(papers address "$1")"; }

serve "$work/market.yaml"
first=$last
ok 'the market answers' soon 10 curl -sf "$url/healthz"
ok 'the first record is signed, of an empty book' soon 5 get_is /v1/ticks/0 .terms.number 0
tenant=$(papers address 90)
sql "set session_replication_role = replica; insert into gavel.account (name, total) values ('balance:$(echo "$tenant" | tr A-F a-f)', 1000000000)" >/dev/null

# Offers.
try_offer 'a stranger has no offers' 403 provider_unknown 11
for i in 11 12 13 14; do papers provider $i | post /v1/providers >/dev/null; done
try_offer 'somebody else signs' 403 signature_bad 11 signer=12
try_offer 'signed for another chain' 403 signature_bad 11 chain=1
try_offer 'a list price below the floor' 422 offer_list 11 cpu=100 list=99
try_offer 'a rate above all bounds' 422 field_type 11 cpu=over list=over
try_offer 'all of it free' 422 offer_bad 11 cpu=0 list=0
try_offer 'no node' 422 offer_bad 11 nodes=0
try_offer 'more in use than there is' 422 offer_bad 11 foreign=4001
try_offer 'expired before it came' 422 offer_expired 11 expires=1000
status=$(echo '{"offer":{"rates":1}}' | post /v1/offers)
ok 'units nobody knows' says 400 field_unknown
ok 'none of them is live' get_is /v1/offers '.data | length' 0
try_offer 'a good one' 201 '' 11 seq=5 cpu=100 list=300
id=$(jq -r .id "$work/answer")
receipt=$(jq -Sc .receipt "$work/answer")
ok 'with a receipt for it' test "$(echo "$receipt" | jq -r .terms.item)" = "$id"
ok 'of a tick to come' test "$(echo "$receipt" | jq -r .terms.round)" -ge 2
try_offer 'the same again' 200 '' 11 seq=5 cpu=100 list=300
ok 'has the same receipt' test "$(jq -Sc .receipt "$work/answer")" = "$receipt"
ok 'which is shown later too' test "$(get "/v1/receipts/$id" | jq -Sc .)" = "$receipt"
ok 'of nothing there is none' get_is /v1/receipts/0x00000000000000000000000000000000000000000000000000000000000000ff .code receipt_not_found
try_offer 'a used seq' 409 offer_seq 11 seq=5 cpu=101 list=300
try_offer 'a lower seq' 409 offer_seq 11 seq=4
try_offer 'a higher one replaces' 201 '' 11 seq=6 cpu=110 list=300
ok 'one is live' get_is "/v1/offers?provider=$(papers address 11)" '[.data[].offer.seq] | join(",")' 6
ok 'the old one is shown, and not live' get_is "/v1/offers/$id" .live false
try_offer 'another node: beside it' 201 '' 11 seq=7 node=m
ok 'two are live' get_is "/v1/offers?provider=$(papers address 11)" '.data | length' 2
try_offer 'expires 0 withdraws it' 201 '' 11 seq=8 node=m expires=0
ok 'one is left' get_is "/v1/offers?provider=$(papers address 11)" '[.data[].offer.seq] | join(",")' 6
try_offer 'the withdrawn one does not come back' 200 '' 11 seq=7 node=m
ok 'and is not live' get_is "/v1/offers?provider=$(papers address 11)" '[.data[].offer.seq] | join(",")' 6
for i in $(seq 16); do papers offer 14 seq=$i node="k$i-" list=9000 cpu=8000 | post /v1/offers >/dev/null; done
try_offer 'seventeen are too many' 413 offer_too_many 14 seq=40 node=z
ok 'sixteen are live' get_is "/v1/offers?provider=$(papers address 14)&limit=100" '.data | length' 16
try_offer 'one of them replaced all the same' 201 '' 14 seq=41 node=k3- cpu=8000 list=9000

# A fast order, three offers.
try_offer 'a second provider' 201 '' 12 seq=1 cpu=120 list=300
try_offer 'a third, dearer' 201 '' 13 seq=1 cpu=150 list=300
ok 'the book is signed soon' soon 5 sql_is "select jsonb_array_length(book::jsonb->'rows') from gavel.tick order by number desc limit 1" 19
ok 'a sealed order still is one' eval 'place 900 auction=sealed max=1; [ "$status" = 201 ] && [ "$(jq -r .receipt.terms.round "$work/answer")" = 0 ]'
ok 'no other way of awarding' eval 'place 901 auction=dutch; says 422 auction_unknown'
place 1 max=1000000
ok 'a fast order is taken' says 201
ok 'with a receipt' test "$(jq -r .receipt.terms.item "$work/answer")" = "$(jq -r .hash "$work/answer")"
tick=$(jq -r .receipt.terms.round "$work/answer")
ok 'awarded in the next tick' soon 3 state_is awarded
ok 'to the lowest floor' winner_is 11
ok 'at the price of the second' get_is "/v1/orders/$order" .lease.rate 120000
ok 'in the tick that the receipt names' get_is "/v1/orders/$order" '.ticks | join(",")' "$tick"
ok 'its award names the record' test "$(award_of "$order" | jq -r .award.record)" = "$(get "/v1/ticks/$tick" | jq -r .hash)"
ok 'every offer has its reason' get_is "/v1/orders/$order/bids" '[.data[] | .reason] | unique | join(",")' dearer,won
ok 'with rank and what it competed with' get_is "/v1/orders/$order/bids" '[.data[] | select(.rank <= 3) | .rank] | join(",")' 1,2,3
status=$(accept "$order" 11)
ok 'the winner accepts' says 200
place 2 max=119999 cpu=1000
ok 'above the maximum it stays open' soon 3 sql_is "select state from gavel.orders where last_tick is not null order by created_at desc limit 1" open
asked=$order
tick=$(get "/v1/orders/$asked" | jq -r '.ticks[0]')
ok 'its maximum is not shown' eval '! get "/v1/ticks/$tick/transcript" | grep -q 119999'
ok 'the order is, by its leaves' get_is "/v1/ticks/$tick/transcript" '.open | length' 1
try_offer 'a lower offer comes' 201 '' 13 seq=2 cpu=50 list=60
order=$asked
ok 'and takes it' soon 3 state_is awarded
ok 'at its list price, below the second' get_is "/v1/orders/$order" .lease.rate 60000
ok 'now the first look is shown in full' get_is "/v1/ticks/$tick/transcript" '[.orders[].terms.maxRate] | join(",")' 119999
# Audits of all of it.
export XDG_STATE_HOME=$work/state HOME=$work
cat >"$work/tenant.yaml" <<END
market_url: $url
rpc_url: http://127.0.0.1:$rpc_port
key_file: $work/key.json
password_file: $work/password
END
gavel() { "$bin/gavel" -C "$work/tenant.yaml" "$@"; }
last_tick() { get "/v1/ticks?after=$1&limit=500" | jq -r '.data[-1].terms.number'; }
say_is() { # say_is PATTERN COMMAND...
	want=$1
	shift
	"$@" >"$work/said" 2>&1
	grep -qE -- "$want" "$work/said" || { cat "$work/said"; false; }
}
to=$(last_tick 0)
ok 'every tick so far is true' gavel audit tick "1-$to" --save "$work/all.json"
ok 'said with winner, price and who made it' say_is 'awarded to .*120000, price by 0x' gavel audit tick "$work/all.json"
ok 'from the file too' gavel audit tick "$work/all.json"
ok 'the order that waited is true, with its award' gavel audit auction "$asked" --save "$work/order.json"
ok 'judged twice or more' test "$(jq '.transcripts | length' "$work/order.json")" -ge 2

# Every member of the evidence that somebody could change, changed.
flips=0
lie() { # lie CODE FILTER: the filter applied to the evidence of the order
	jq -c "$2" "$work/order.json" >"$work/lie.json"
	flips=$((flips + 1))
	if cmp -s "$work/lie.json" <(jq -c . "$work/order.json"); then
		ok "changes nothing: $2" false
	fi
	ok "found: $2" say_is "$1" gavel audit tick "$work/lie.json"
}
t='.transcripts[-1]'
lie 'audit_rules|other rules' "$t.rules = \"runner-up 1\""
lie 'signature|not the market' "$t.record.terms.time += 1"
lie 'signature|not the market' "$t.record.terms.number += 1"
lie 'signature|not the market' "$t.record.sig = $t.before.sig"
lie 'signature|not the market' "$t.before.terms.book = $t.before.terms.orders"
lie 'after record' "$t.before = .transcripts[0].before"
lie 'book shown' "$t.offers[0].sets_prices |= not"
lie '[0-9] reasons' "$t.offers |= .[1:]"
lie 'nobody has shown' '.offers |= .[1:]'
lie 'nobody has shown' '.offers[0].offer.floor.cpu_milli = "1"'
lie 'not by its provider' '.offers[0].sig = .offers[1].sig'
lie 'reputation shown' "$t.offers[0].launches += 100"
lie 'capacity shown' "$t.offers[0].free = [{node: 0, free: {cpu_milli: 1}}]"
lie 'the rule says' "$t.standing.class_launches = 3"
lie 'orders shown|not the' "$t.orders[0].terms.maxRate = \"7\""
lie 'orders shown|not the|tenant' "$t.orders[0].sig = $t.record.sig"
lie 'orders shown' "$t.orders[0].care_hours = 4"
lie 'orders shown' "$t.orders[0].retry |= not"
lie 'orders shown' "$t.orders[0].denied = [\"$tenant\"]"
lie 'orders shown|group' "$t.orders[0].group.services[0].resources.cpu_milli += 1"
lie 'orders shown|tick|record' "$t.orders[0].record = $t.record.terms.previous"
lie 'outcomes shown' "$t.orders[0].price = \"1\""
lie 'outcomes shown' "$t.orders[0].picks[0].offer = 0"
lie 'outcomes shown' "$t.orders[0].end = \"above_max\""
lie 'outcomes shown' "$t.orders[0].ranking |= .[1:]"
lie 'outcomes shown|reasons' "$t.orders[0].reasons = \"AAAA\""
lie 'orders shown' "$t.orders = []"
lie 'has no such item|orders shown' "$t.orders = [] | $t.open = []"
lie 'not the award|another|signature|not by the market' '.lease.terms.rate = "1"'
lie 'of no tick|signature|not by the market' ".lease.record = $t.before.terms.previous"
# What leases take of nodes is not offered again.
free_of() { # free_of PROVIDER: thousandths of its first node, in the last book
	sql "select coalesce(r->'free'->0->'free'->>'cpu_milli', 'all') from gavel.offer o,
		(select book from gavel.tick order by number desc limit 1) b, jsonb_array_elements(b.book::jsonb->'rows') r
		where r->>'id' = '0x' || encode(o.hash, 'hex') and o.provider = '\\x$(papers address "$1" | cut -c3- | tr A-F a-f)'"
}
ok 'an award takes from its node' test "$(free_of 11)" = 3000
ok 'another from its own' test "$(free_of 13)" = 3000
ok 'none is taken of who won nothing' test "$(free_of 12)" = all

# Winners that fail. The orders above are not in the way: they have their nodes.
refuse() { # refuse PROVIDER: the order's live lease
	bearer=$(papers token "$1" audience="$market" scope=provider until=$(($(now) + 300)))
	echo "{\"lease\":\"$(get "/v1/orders/$order" | jq -r .lease.hash)\",\"reason\":\"no room\"}" | post /v1/refusals
	bearer=
}
place 3 max=100000000
ok 'the cheapest is awarded' soon 3 winner_is 13
status=$(refuse 13)
ok 'it refuses' says 200
ok 'the next tick awards the second' soon 3 winner_is 11
ok 'the first is denied' soon 2 eval '[ "$(get "/v1/orders/$order/bids" | jq -r ".data[] | select(.round == 2 and .reason == \"denied\") | .provider")" = "$(papers address 13)" ]'
ok 'at its price of now' get_is "/v1/orders/$order" .failures 1
refuse 11 >/dev/null
ok 'and the third' soon 3 winner_is 12
refuse 12 >/dev/null
ok 'three have failed: it ends' soon 3 state_is expired
ok 'all of its looks are true' gavel audit auction "$order" --save "$work/failed.json"
ok 'the later ones before all others' test "$(jq -c '[.transcripts[] | .orders[] | select(.id == $o) | .retry] | unique' --arg o "$(get "/v1/orders/$order" | jq -r .hash)" "$work/failed.json")" = '[false,true]'

# Of those whose time is over, and of those taken back.
ttl=2 place 4 max=1
ok 'nobody wants it for so little' says 201
ok 'it ends unfilled' soon 6 state_is unfilled
place 5 max=1
soon 2 get_is "/v1/orders/$order" '.ticks | length > 0' true
bearer=$(papers token 90 audience="$market" scope=close until=$(($(now) + 300)))
curl -s -X DELETE -H "Authorization: Bearer $bearer" "$url/v1/orders/$order" >/dev/null
bearer=
ok 'taken back while it waits' soon 3 state_is cancelled
place 6 cpu=380000 max=100000000
ok 'too large for all: it waits' soon 3 get_is "/v1/orders/$order/bids" '[.data[] | .reason] | unique | join(",")' capacity

# A sealed bid has a receipt too, and it is in its round.
place 902 auction=sealed window=6000 max=100000000
told() { sql "select data from gavel.event where type = 'order.bidding' and subject = '$order'" | grep .; }
ok 'a sealed round is announced' soon 5 told
bearer=$(papers token 12 audience="$market" scope=provider until=$(($(now) + 300)))
papers provider 12 | post /v1/providers >/dev/null
status=$(told | papers bid 12 floor=100 list=300 | post /v1/bids)
bearer=
ok 'a bid is taken' says 201
bid=$(jq -c .receipt "$work/answer")
ok 'with a receipt that names order, round and place' test "$(echo "$bid" | jq -r '[.terms.subject, .terms.round, .terms.index] | join(" ")')" = "$(get "/v1/orders/$order" | jq -r .hash) 1 $(jq -r .index "$work/answer")"
ok 'which is shown again' test "$(get "/v1/receipts/$(echo "$bid" | jq -r .terms.item)" | jq -Sc .)" = "$(echo "$bid" | jq -Sc .)"
ok 'the round is awarded' soon 8 state_is awarded
ok 'and is true' gavel audit auction "$order" --save "$work/round.json"
jq -c ".receipts = [$bid]" "$work/round.json" >"$work/with.json"
ok 'its lease takes of the offered node too' soon 3 eval 'test "$(free_of 12)" = 3000'
ok 'also for who holds the receipt' gavel audit auction "$work/with.json"
jq -c ".receipts = [$bid] | .receipts[0].terms.at += 1" "$work/round.json" >"$work/with.json"
ok 'a receipt that nobody gave is found' say_is audit_receipt gavel audit auction "$work/with.json"
echo "$bid" >"$work/bid.receipt"
ok 'the receipt from a file of its own' gavel audit auction "$work/round.json" --receipts "$work/bid.receipt"
jq -c '.terms.index += 1' "$work/bid.receipt" >"$work/bad.receipt"
ok 'and the lie by it' say_is audit_receipt gavel audit auction "$work/round.json" --receipts "$work/bad.receipt"

# Events.
heard() { curl -sN --max-time 2 "$url/v1/events?since=0$1" | grep -c '^event: tick.closed'; }
ok 'who asks for ticks hears of them' test "$(heard '&topics=order,tick')" -gt 5
ok 'nobody else does' test "$(heard '')" = 0

# A clerk killed between the cut and the record.
stalled() { sql_is "select state from gavel.orders where nonce = 7" bidding; }
sleep 1 # until nothing changes the book any more
(
	printf 'begin; lock table gavel.tick in exclusive mode;\n'
	while [ ! -f "$work/d/free" ]; do sleep 0.1; done
	printf 'rollback;\n'
) | as_user "$pg_bin/psql" -h "$work/d" -U gavel -d gavel -q &
holder=$!
sleep 0.5
place 7 max=100000000 &
placing=$!
ok 'a tick is cut and cannot be stored' soon 4 stalled
kill -9 "$first" $(pgrep -P "$first")
wait "$placing"
# What it had sent already is lost too.
sql "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'" >/dev/null
touch "$work/d/free"
wait "$holder"
sleep 0.3
ok 'nobody has stored it: the order is in between' stalled
hash=$(sql "select '0x' || encode(hash, 'hex') from gavel.orders where nonce = 7")
cut=$(sql "select next - 1 from gavel.tick_head")
serve "$work/market.yaml"
first=$last
soon 10 curl -sf "$url/healthz"
ok 'the next clerk clears that tick' soon 5 sql_is "select t.tick from gavel.tick_order t join gavel.orders o on o.hash = t.order_hash where '0x' || encode(o.hash, 'hex') = '$hash'" "$cut"
ok 'once: one award' sql_is "select count(*) from gavel.lease l where '0x' || encode(l.order_hash, 'hex') = '$hash'" 1
ok 'as the receipt promised, which is signed by now' soon 3 get_is "/v1/receipts/$hash" .terms.round "$cut"
ok 'and it is true' gavel audit tick "$cut"

# Two clerks: one works, and the other when it has gone.
settings "$work/second.yaml" $((port + 1))
serve "$work/second.yaml"
second=$last
soon 10 curl -sf "http://127.0.0.1:$((port + 1))/healthz"
url=http://127.0.0.1:$((port + 1))
ok 'a second market on the database' get_is /v1/ticks/1 .terms.number 1
for i in $(seq 20); do
	[ $((i % 2)) = 0 ] && url=http://127.0.0.1:$port || url=http://127.0.0.1:$((port + 1))
	place $((100 + i)) cpu=10 max=100000000
	jq -r .receipt.terms.item "$work/answer"
done >"$work/items"
ok 'all have receipts' test "$(grep -c ^0x "$work/items")" = 20
ok 'orders through both are all awarded' soon 5 sql_is "select count(*) from gavel.orders o where nonce between 101 and 120 and state = 'awarded'" 20
ok 'each once' sql_is "select count(*), count(distinct l.order_hash) from gavel.lease l join gavel.orders o on o.hash = l.order_hash where o.nonce between 101 and 120" '20|20'
ok 'one clerk waits for the lock' test "$(grep -c clerk.waiting "$work/log")" -gt "$(grep -c clerk.working "$work/log")"
kill -9 "$first" $(pgrep -P "$first")
url=http://127.0.0.1:$((port + 1))
place 200 cpu=10 max=100000000
ok 'the first is gone: the second awards' soon 10 state_is awarded
ok 'no number is missing, none stands twice' sql_is "select count(*) = max(number) + 1 and count(*) = count(distinct number) from gavel.tick" t
sed -i "s|^market_url: .*|market_url: $url|" "$work/tenant.yaml"
to=$(last_tick 0)
ok 'and every tick of the day is true' gavel audit tick "1-$to"

# Receipts of whoever audits. An offer that is replaced before its tick is in no book: who
# says so by its documents does not miss it, who has only the receipt does.
for try in $(seq 20); do
	papers offer 12 seq=$((1000 + 2 * try)) cpu=100 list=300 >"$work/first.offer"
	papers offer 12 seq=$((1001 + 2 * try)) cpu=100 list=301 >"$work/second.offer"
	post /v1/offers <"$work/first.offer" >/dev/null
	jq -c .receipt "$work/answer" >"$work/first.receipt"
	post /v1/offers <"$work/second.offer" >/dev/null
	jq -c .receipt "$work/answer" >"$work/second.receipt"
	tick=$(jq -r .terms.round "$work/first.receipt")
	[ "$tick" != "$(jq -r .terms.round "$work/second.receipt")" ] || break
done
ok 'an offer is replaced before its tick' test "$tick" = "$(jq -r .terms.round "$work/second.receipt")"
ok 'that tick is closed' soon 5 get_is "/v1/ticks/$tick" .terms.number "$tick"
ok 'who kept the receipt of the later one finds it' gavel audit tick "$tick" --receipts "$work/second.receipt"
ok 'the earlier one is missed' say_is audit_dropped gavel audit tick "$tick" --receipts "$work/first.receipt" --save "$work/dropped.json"
ok 'which the evidence proves, without the market' say_is audit_dropped gavel audit tick "$work/dropped.json"
ok 'in another tick it is not' gavel audit tick $((tick - 1)) --receipts "$work/first.receipt"
jq -cs '{receipts: .[:2], offers: .[2:]}' "$work"/first.receipt "$work"/second.receipt "$work"/first.offer "$work"/second.offer >"$work/kept.json"
ok 'nor by who shows that the later one replaced it' gavel audit tick "$tick" --receipts "$work/kept.json"
jq -c ".terms.round = $((tick - 1))" "$work/first.receipt" >"$work/bad.receipt"
ok 'a receipt that the market never gave is found' say_is audit_receipt gavel audit tick $((tick - 1)) --receipts "$work/bad.receipt"
# A market that forgets which tick looked at an order: who kept its receipt asks for it.
place 300 cpu=10 max=100000000
hash=$(jq -r .hash "$work/answer")
kept=$XDG_STATE_HOME/gavel/deployments/receipts
mkdir -p "$kept"
jq -c '{receipt, open_by: 4000000000, set: false}' "$work/answer" >"$kept/$hash.json"
ok 'an order is awarded, and its receipt kept' soon 5 state_is awarded
ok 'with which it is true' gavel audit auction "$order"
sql "delete from gavel.tick_order where '0x' || encode(order_hash, 'hex') = '$hash'"
ok 'the tick is looked at that the market does not name' say_is "^  ${hash:0:10}  awarded" gavel audit auction "$order" --save "$work/own.json"
ok 'also later' say_is "^  ${hash:0:10}  awarded" gavel audit tick "$work/own.json"
ok 'the receipt is in the evidence' test "$(jq -r '.receipts[0].terms.item' "$work/own.json")" = "$hash"
jq -c '.transcripts = [] | .heads.records = []' "$work/own.json" >"$work/lie.json"
ok 'a tick that is kept back is missed' say_is audit_dropped gavel audit tick "$work/lie.json"
rm "$kept/$hash.json"
ok 'without it nobody knows' say_is 'no tick has looked' gavel audit auction "$order"
echo nonsense >"$work/bad.receipt"
ok 'a file that is none is said' say_is bad.receipt gavel audit tick "$tick" --receipts "$work/bad.receipt"
echo "1..$n"
exit $bad
