#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# heads.sh - a real market puts the heads of its records on a real chain, by itself and
# behind a batch; killed between the write and the send, and with the chain away; an
# auditor believes it. Then it tells lies: a record written anew, a second history, a
# transaction left out, a record that it takes back. TAP.
cd "$(dirname "$0")/../.." || exit 1
contract=yes
. tests/db/lib.sh
papers() { "${BUILD:-build}/tests/db/papers" "$escrow" "$@"; }
# Person 6 is the market, 90 a tenant, 11 and 12 providers. The market asks a node that
# fails on demand; the auditor asks the chain itself.
sign keystore 6 file="$work/keeper.json" password_file="$work/password"
chown "$user" "$work/keeper.json"
market=$(sign address 6)
rpc anvil_setBalance "\"$market\",\"0x3635c9adc5dea00000\"" >/dev/null
relay_port=$(free_ports)
echo ok >"$work/mode"
python3 tests/db/relay.py "$relay_port" "$rpc_port" "$work/mode" 2>/dev/null &
relay_pid=$!
clerk=
end() {
	[ -z "$clerk" ] || kill -CONT "$clerk" 2>/dev/null
	kill "$relay_pid" 2>/dev/null
	cleanup
}
trap end EXIT
sed -i "s#^key_file:.*#key_file: $work/keeper.json#; s#^rpc_url:.*#rpc_url: http://127.0.0.1:$relay_port#" "$work/market.yaml"
cat >>"$work/market.yaml" <<END
in_book_s: 0
class_launches: 0
heartbeat_s: 1
head_every_s: 2
END
export XDG_STATE_HOME=$work/state HOME=$work
sign keystore 90 file="$work/tenant.json" password_file="$work/password"
cat >"$work/tenant.yaml" <<END
market_url: $url
rpc_url: http://127.0.0.1:$rpc_port
key_file: $work/tenant.json
password_file: $work/password
END
gavel() { "$bin/gavel" -C "$work/tenant.yaml" "$@"; }
sent=0
offer() { # offer N PRICE: another book, so that something happens
	sent=$((sent + 1))
	papers offer "$1" seq=$sent cpu="$2" list=900 >"$work/doc"
	post /v1/offers <"$work/doc"
}
fast() { # fast NONCE
	papers order 90 market="$market" nonce="$1" max=1000000 until=$(($(now) + 600)) >"$work/doc"
	post /v1/orders <"$work/doc"
	order=$(jq -r .id "$work/answer")
}
accept_fast() { # accept_fast N
	award_of | papers accept "$1" >"$work/doc"
	post /v1/leases <"$work/doc"
}
last() { sql 'select max(number) from gavel.tick'; }
heads() { sql "select count(*) from gavel.tx where head is not null and state = 'mined'"; }
more_heads() { [ "$(heads)" -gt "$1" ]; }
fixed() { sql "select coalesce(max(head), -1) from gavel.tx where state = 'mined'"; }
fixed_from() { [ "$(fixed)" -ge "$1" ]; }
says_lie() { # says_lie CODE TEXT COMMAND...
	code=$1 want=$2
	shift 2
	"$@" >"$work/said" 2>&1
	status=$?
	[ $status = 2 ] && grep -q "\[$code\]" "$work/said" && grep -q -- "$want" "$work/said" ||
		{ echo "exit $status"; cat "$work/said"; false; }
}
tells() { # tells TEXT COMMAND...: and believes
	want=$1
	shift
	"$@" >"$work/said" 2>&1 && grep -q -- "$want" "$work/said" || { cat "$work/said"; false; }
}
input_of() { # input_of WHERE: the data of a transaction, from the chain
	hash=$(sql "select '0x' || encode(hash, 'hex') from gavel.tx where $1 order by id desc limit 1")
	rpc eth_getTransactionByHash "\"$hash\"" | jq -r ".result.$2"
}
ends_with_head() { # ends_with_head WHERE: "gavel head 1", number, hash as the record has it
	[[ $(input_of "$1" input) = *"$(sql "select encode('gavel head 1', 'hex') || lpad(to_hex(t.number), 16, '0') || encode(t.hash, 'hex')
		from gavel.tx x join gavel.tick t on t.number = x.head where $1 order by x.id desc limit 1")" ]]
}

# A nonce that the market knows nothing of.
read -r raw _ <<<"$(papers transaction 6 nonce=0)"
rpc eth_sendRawTransaction "\"$raw\"" >/dev/null
ok 'the market answers' serve
ok 'the rules say how often' get_is /.well-known/gavel .rules.head_every_s 2
ok 'the first record is on the chain' soon 10 more_heads 0
ok 'by a transaction of the market' test "$(input_of "kind = 'head'" from)" = "$(lower "$market")"
ok 'to itself' test "$(input_of "kind = 'head'" to)" = "$(lower "$market")"
ok 'that moves nothing' test "$(input_of "kind = 'head'" value)" = 0x0
ok 'and says tag, number and hash, nothing else' eval 'ends_with_head "kind = '\''head'\''" && [ "$(input_of "kind = '\''head'\''" input | wc -c)" = 107 ]'
before=$(last) count=$(heads)
ok 'heartbeats go on' soon 10 sql_is "select max(number) >= $before + 4 from gavel.tick" t
ok 'and cost nothing' test "$(heads)" = "$count"
for i in 11 12; do papers provider $i | post /v1/providers; done
offer 11 100
ok 'another book' says 201
ok 'is on the chain soon' soon 10 more_heads "$count"
ok 'GET /v1/heads shows it' get_is '/v1/heads?limit=500' '[.data[] | select(.number != null)] | length' "$(heads)"
ok 'page by page' get_is "/v1/heads?limit=1&after=1" '[.data[0].nonce, (.data | length)] | join(" ")' '2 1'
ok 'no page of that size' get_is '/v1/heads?limit=501' .code bad_data
ok 'ticks are true, up to the last head' tells "records up to $(fixed) are fixed" gavel audit tick "1-$(fixed)"
ok 'all of the key too, with what the market did not know' tells 'nonces 0 to' gavel audit heads --save "$work/heads.json"
ok 'later, without market and chain' tells 'are fixed' gavel audit heads "$work/heads.json"
ok 'what came since' tells 'nonces 2 to' gavel audit heads --after 1
ok 'no such nonce' eval '! gavel audit heads --after x 2>/dev/null'

# Behind a batch.
tenant=$(sign address 90)
rpc anvil_setBalance "\"$tenant\",\"0x3635c9adc5dea00000\"" >/dev/null
gavel -q faucet 5 && gavel -q deposit 5
offer 12 120
ok 'the deposit is seen' soon 10 sql_is "select coalesce(sum(amount), 0) > 0 from gavel.ledger_entry where account = 'balance:$(lower "$tenant")'" t
fast 1
ok 'a fast order' says 201
ok 'is awarded' soon 5 state_is awarded
accept_fast 11
ok 'and accepted' says 200
ok 'its opening is mined' soon 10 sql_is "select count(*) from gavel.tx where kind = 'open' and state = 'mined' and head is not null" 1
ok 'with a head behind it' ends_with_head "kind = 'open'"
ok 'to the escrow' test "$(input_of "kind = 'open'" to)" = "$(lower "$escrow")"
ok 'and the lease is open' soon 5 state_is leased
ok 'so the order is fixed' soon 10 fixed_from "$(get "/v1/orders/$order" | jq '.ticks[0]')"
ok 'which its audit says' tells 'are fixed' gavel audit auction "$order" --save "$work/order.json"
ok 'and its file' tells 'are fixed' gavel audit tick "$work/order.json"

# Killed between the write and the send.
echo unsent >"$work/mode"
count=$(heads)
offer 12 130
ok 'a head is stored, and cannot be sent' soon 10 sql_is "select count(*) from gavel.tx where kind = 'head' and state in ('signed', 'sent')" 1
stored=$(sql "select encode(hash, 'hex') from gavel.tx where kind = 'head' order by id desc limit 1")
kill_market
echo ok >"$work/mode"
ok 'nobody has it' test "$(rpc eth_getTransactionByHash "\"0x$stored\"" | jq -r .result)" = null
serve
ok 'the next market sends the same bytes' soon 10 sql_is "select state from gavel.tx where hash = '\\x$stored'" mined
ok 'once' sql_is "select count(*) from gavel.tx where head = (select head from gavel.tx where hash = '\\x$stored')" 1

# The chain away.
echo away >"$work/mode"
count=$(heads)
offer 11 140
waits=$(($(last) + 1))
ok 'ticks go on without the chain' soon 10 sql_is "select max(number) > $waits + 8 from gavel.tick" t
ok 'no head meanwhile' test "$(heads)" = "$count"
ok 'which is told, and no lie' tells 'has been waiting' gavel audit tick "$waits"
ok 'the tick is not said to be fixed' eval 'gavel --json audit tick "$waits" | jq -e ".[0].on_chain == false"'
echo ok >"$work/mode"
ok 'it catches up' soon 15 fixed_from "$waits"
ok 'with one' test "$(heads)" = $((count + 1))
ok 'and the tick is' eval 'gavel --json audit tick "$waits" | jq -e ".[0].on_chain"'
ok 'the wait stays told' tells 'waited' gavel audit heads

# A reorganisation takes the last head back.
rpc anvil_reorg '1,[]' >/dev/null
rpc evm_mine >/dev/null
ok 'after a reorganisation it is there again' soon 15 eval '[ "$(input_of "head is not null" blockNumber)" != null ] && fixed_from "$waits"'
ok 'true as before' tells 'are fixed' gavel audit heads

# From here on it lies. The clerk stands still, so that nobody mends it.
offer 12 150
ok 'one more head' soon 10 sql_is "select max(head) >= (select max(number) from gavel.tick where stirs) from gavel.tx where state = 'mined'" t
head=$(fixed)
clerk=$(for p in $(pgrep -P "$market_pid"); do grep -qx clerk "/proc/$p/comm" && echo "$p"; done)
kill -STOP "$clerk"
sleep 0.3
sql 'create table kept as select * from gavel.tick; create table kept_tx as select * from gavel.tx' >/dev/null
replica() { sql "set session_replication_role = replica; $1" >/dev/null; }
restore() { replica 'delete from gavel.tick; insert into gavel.tick select * from kept; delete from gavel.tx; insert into gavel.tx select * from kept_tx'; }
forge() { # forge N FILTER: record N otherwise, and all that follow it, signed and chained
	previous= filter=$2
	for i in $(seq "$1" "$(last)"); do
		sql "select record from gavel.tick where number = $i" |
			jq -c --arg p "$previous" "$filter"' | if $p != "" then .previous = $p else . end' |
			papers record 6 >"$work/forged"
		previous=$(jq -r .hash "$work/forged") filter=.
		jq -c '{terms, sig}' "$work/forged" >"$work/record.$i"
		jq -c .terms "$work/forged" >"$work/terms"
		sql "select transcript from gavel.tick where number = $i" |
			jq -c --slurpfile r "$work/record.$i" '.record = $r[0]' >"$work/transcript"
		[ ! -f "$work/record.$((i - 1))" ] ||
			jq -c --slurpfile r "$work/record.$((i - 1))" '.before = $r[0]' "$work/transcript" >"$work/t2" &&
			[ ! -f "$work/t2" ] || mv "$work/t2" "$work/transcript"
		chmod a+r "$work/terms" "$work/transcript"
		replica "update gavel.tick set hash = '\\x${previous#0x}', sig = '\\x$(jq -r .sig "$work/forged" | cut -c3-)',
			record = pg_read_file('$work/terms'), transcript = pg_read_file('$work/transcript') where number = $i"
	done
	rm -f "$work"/record.*
}
ok 'the chain of records is true still' tells 'are fixed' gavel audit tick "$head"
forge "$head" '.time += 1'
ok 'a record written anew is found' says_lie head_differs "record $head is another on the chain" gavel audit tick "$head"
ok 'by whoever looks at all of them' says_lie head_differs "record $head " gavel audit heads
restore
forge $((head - 2)) '.time += 1'
ok 'so is a second history that begins before' says_lie head_differs "record $head " gavel audit tick $((head - 1))
ok 'and kept, with its proof' says_lie head_differs "record $head " gavel audit tick $((head - 1)) --save "$work/lie.json"
restore
ok 'the file says so without the market' says_lie head_differs "record $head " gavel audit tick "$work/lie.json"
ok 'put back, all is true' tells 'are fixed' gavel audit tick $((head - 1))

replica "update gavel.tx set head = null where head >= $head; delete from gavel.tick where number >= $head"
ok 'a record taken back' says_lie head_no_record "record $head is on the chain" gavel audit heads
restore
replica "delete from gavel.tx where head = $head"
ok 'a head left out is seen all the same' tells "records up to $head are fixed" gavel audit tick "$head"
forge "$head" '.time += 1'
ok 'and what it says too' says_lie head_differs "record $head " gavel audit tick "$head"
restore
replica "update gavel.tx set hash = sha256(hash) where head = $head"
ok 'under another name it is found as well' tells "records up to $head are fixed" gavel audit tick "$head"
restore

# Two heads of one record, which no later word mends.
count=$(rpc eth_getTransactionCount "\"$market\",\"latest\"" | jq -r .result)
read -r raw _ <<<"$(papers transaction 6 nonce=$((count)) number="$head" record=0x00000000000000000000000000000000000000000000000000000000000000aa)"
rpc eth_sendRawTransaction "\"$raw\"" >/dev/null
rpc evm_mine >/dev/null
ok 'a second history on the chain' says_lie head_forks "record $head is one in" gavel audit heads --save "$work/fork.json"
ok 'its proof needs nobody' says_lie head_forks "record $head" gavel audit heads "$work/fork.json"
echo "1..$n"
exit $bad
