#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ticks.sh - the market's standing offers and ticks on a real database: every bad
# offer, receipts, awards by three signed offers, failed winners, two clerks, a clerk
# killed with a tick under way, and the audit of all of it. No chain, no providers. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_TOP=$PWD
. demo/lib.sh
set +e
[ "$(id -u)" = 0 ] && [ -x "${BUILD:-build}/tests/db/papers" ] ||
	{ echo "1..0 # SKIP needs root and the papers"; exit 77; }
work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/d" && chown "$user" "$work" "$work/d"
port=$((20000 + RANDOM % 10000))
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
	tries=$(($1 * 10))
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
markets=
cleanup() {
	for pid in $markets; do kill "$pid" 2>/dev/null; done
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
rpc_url: http://127.0.0.1:1
chain_id: 31337
escrow: "$escrow"
token: "$escrow"
sql_dir: $PWD/sql/schema
in_book_s: ${in_book_s:-0}
class_launches: 0
heartbeat_s: 5
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
	status=$(papers order 90 market="$market" nonce="$@" until=$(($(now) + ${ttl:-600})) | post /v1/orders)
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
sql "insert into gavel.account (name, total) values ('balance:$(echo "$tenant" | tr A-F a-f)', 1000000000)" >/dev/null

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
ok 'a sealed order still is one' eval 'place 900 auction=sealed; [ "$status" = 201 ] && [ "$(jq -r .receipt.terms.round "$work/answer")" = 0 ]'
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
echo "1..$n"
exit $bad
