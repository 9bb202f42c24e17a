#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# answers.sh - sealed bids and declines through a real market: placed, again, twice, too
# late, of others; many at once, each acknowledged one is there; the last one wakes the
# clerk. No chain answers. TAP.
cd "$(dirname "$0")/../.." || exit 1
bench=${BUILD:-build}/tests/bench/market
[ -x "$bench" ] || { echo "1..0 # SKIP needs $bench"; exit 77; }
. tests/db/lib.sh
# No node answers; the escrow is the one that the bench signs for.
sed -i "s|^rpc_url: .*|rpc_url: http://127.0.0.1:1|; s|^escrow: .*|escrow: \"0x0000000000000000000000000000000000000001\"|
	s|^token: .*|token: \"0x0000000000000000000000000000000000000002\"|; s|^chain_poll_ms: .*|chain_poll_ms: 60000|" "$work/market.yaml"
echo 'workers: 2' >>"$work/market.yaml"
"$bench" seed 20 1000 | as_user "$pg_bin/psql" -h "$work/d" -U gavel -d gavel -v ON_ERROR_STOP=1 -qAt >/dev/null
order() { sql "select encode(hash, 'hex') from gavel.orders where nonce = $1"; }
provider() { sql "select encode(address, 'hex') from gavel.provider order by ctid offset $1 limit 1"; }
"$bin/gavel-market" -c "$work/market.yaml" >"$work/log" 2>&1 &
market_pid=$!
ready() { curl -s "$url/readyz" | grep -q ready; }
soon 10 ready

post_as() { # post_as PATH TOKEN BODY
	curl -s -w ' %{http_code}' -H "Authorization: Bearer $2" -H 'Content-Type: application/json' \
		--data "$3" "http://127.0.0.1:$port$1"
}
bid() { # bid PROVIDER ORDER BID
	{ read -r token && read -r body; } < <("$bench" bid "$1" "$2" "$3" "$market")
	answer=$(post_as /v1/bids "$token" "$body")
	echo "$answer"
}
decline() { # decline PROVIDER ORDER BID
	{ read -r token && read -r body; } < <("$bench" bid "$1" "$2" "$3" "$market")
	answer=$(post_as /v1/declines "$token" "$(echo "$body" | sed 's/"envelope":"[^"]*"/"reason":"price"/')")
	echo "$answer"
}
gets() { # gets WORDS COMMAND...: the answer has the words
	words=$1
	shift
	"$@"
	case $answer in *"$words"*) ;; *) false ;; esac
}
ok 'a bid' gets '"index":1' bid 1 0 100
answer_index=$(echo "$answer" | sed 's/.*"index":\([0-9]*\).*/\1/')
same_bid() { # the very same text again: an envelope is sealed anew by each `bid`
	[ "$(post_as /v1/bids "$token" "$body" | sed 's/.*"index":\([0-9]*\).*/\1/')" = "$answer_index" ]
}
ok 'again it is the same one' same_bid
ok 'another envelope under its id' gets bid_twice bid 1 0 100
ok 'a second bid' gets bid_twice bid 1 0 101
ok 'a decline after it' gets bid_twice decline 1 0 102
ok 'a decline of another' gets '"index":' decline 2 0 103
ok 'and again' gets '"index":' decline 2 0 103
ok 'a bid after a decline' gets bid_twice bid 2 0 104
ok 'nothing but those two is there' test "$(sql 'select count(*) from gavel.bid')" = 2
ok 'of an order that there is not' gets order_not_found bid 1 9999 105
{ read -r token && read -r body; } < <("$bench" bid 4 1 106 "$market")
ok "in another's name" gets provider_other eval "answer=\$(post_as /v1/bids '$("$bench" bid 5 1 106 "$market" | head -1)' '$body')"
ok 'of nobody registered' gets provider_unknown bid 25 1 107
sql "update gavel.round set ends_at = now() - interval '1 s' where order_hash = decode('$(order 2)', 'hex')"
ok 'after the end' gets round_over bid 1 2 108
sql "update gavel.round set root = order_hash where order_hash = decode('$(order 3)', 'hex')"
ok 'after the root' gets round_over bid 1 3 109
sql "update gavel.orders set state = 'cancelled' where hash = decode('$(order 4)', 'hex')"
ok 'of an order that is over' gets order_closed bid 1 4 110
sql "insert into gavel.lease (hash, id, order_hash, round, tenant, provider, terms, rate, deposit, record, award_sig, state, accept_by, created_at)
	select hash, id, hash, 1, tenant, decode('$(provider 1)', 'hex'), '{}', 1, 1, hash, decode(repeat('ab', 64), 'hex'), 'failed', now(), now()
	from gavel.orders where hash = decode('$(order 5)', 'hex')"
ok 'of one that has failed it' gets provider_excluded bid 1 5 111
ok 'but it may decline' gets '"index":' decline 1 5 112
ok 'others may bid' gets '"index":' bid 2 5 113

# The last of those invited.
sql "update gavel.round set invited = 3 where order_hash = decode('$(order 6)', 'hex')"
due() { sql "select next_at is not null from gavel.orders where hash = decode('$(order 6)', 'hex')"; }
bid 1 6 120 >/dev/null
decline 2 6 121 >/dev/null
sleep 0.3
ok 'two of three: the clerk waits' test "$(due)" = f
bid 3 6 122 >/dev/null
is_due() { [ "$(due)" = t ]; }
ok 'three of three: it need not' soon 10 is_due

# Many at once, to two processes.
before=$(sql 'select count(*) from gavel.bid')
said=$("$bench" bids $port 64 30 20 150 200 "$market" 2>"$work/refused")
good=$(echo "$said" | sed 's/count=\([0-9]*\).*/\1/')
ok "every acknowledged bid is there: $said" test $(($(sql 'select count(*) from gavel.bid') - before)) = "$good"
ok 'and they were many' test "$good" -gt 2000
ok 'numbered without a second of one number' test "$(sql 'select count(*) - count(distinct seq) from gavel.bid')" = 0

# The connection goes: what was under way is unknown and said so, what follows works.
before=$(sql 'select count(*) from gavel.bid')
(sleep 1; sql "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gavel'" >/dev/null) &
said=$("$bench" bids $port 32 10 20 1000 3200 "$market" 2>"$work/refused")
wait $!
ok "over a lost connection: $said" grep -q database_lost "$work/refused"
good=$(echo "$said" | sed 's/count=\([0-9]*\).*/\1/')
ok 'what was acknowledged is there' test $(($(sql 'select count(*) from gavel.bid') - before)) -ge "$good"
ok 'it bids again' soon 10 eval "gets '\"index\":' bid 6 149 99000 || gets bid_twice bid 6 149 99000"
ok 'and nothing else went wrong' eval "! grep -E 'db.prepare| error market' '$work/log'"
echo "1..$n"
exit $bad
