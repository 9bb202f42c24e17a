#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# queries.sh - a throw-away PostgreSQL: the schema applies, twice is once, a
# changed script is refused, and every query of sql/query is prepared against it,
# so a wrong column does not pass. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_TOP=$PWD
. demo/lib.sh
set +e
work=$(mktemp -d)
chmod 755 "$work"
n=0 bad=0
ok() {
	what=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/out" 2>&1; then echo "ok $n - $what"; else
		echo "not ok $n - $what"
		sed 's/^/# /' "$work/out" | head -5
		bad=1
	fi
}
run() { if [ "$(id -u)" = 0 ]; then as_user "$@"; else "$@"; fi; }
[ "$(id -u)" != 0 ] || { mkdir "$work/d" && chown "$user" "$work" "$work/d"; }
run "$pg_bin/initdb" -D "$work/d/pg" -U gavel -A trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null 2>&1 ||
	{ echo "not ok 1 - initdb"; exit 1; }
run "$pg_bin/pg_ctl" -D "$work/d/pg" -w -l "$work/d/log" -o "-k $work/d -c listen_addresses= -c fsync=off" start >/dev/null 2>&1
trap 'run "$pg_bin/pg_ctl" -D "$work/d/pg" -m immediate stop >/dev/null 2>&1; rm -rf "$work"' EXIT
psql() { run "$pg_bin/psql" -h "$work/d" -U gavel -d gavel -v ON_ERROR_STOP=1 -qAt "$@"; }
run "$pg_bin/createdb" -h "$work/d" -U gavel gavel
cat >"$work/market.yaml" <<END
database: "host=$work/d user=gavel dbname=gavel"
key_file: /nonexistent
password_file: /nonexistent
rpc_url: http://127.0.0.1:1
chain_id: 1
escrow: "0x0000000000000000000000000000000000000001"
token: "0x0000000000000000000000000000000000000002"
sql_dir: $work/schema
END
cp -r sql/schema "$work/schema"
chmod -R a+rX "$work"
migrate() { run "$bin/gavel-market" -c "$work/market.yaml" migrate; }
ok 'the schema applies' migrate
ok 'again changes nothing' migrate
ok 'each script once' test "$(psql -c 'select count(*) from gavel.migration')" = "$(ls sql/schema/*.sql | wc -l)"
printf '\n-- changed\n' >>"$work/schema/0001_market.sql"
ok 'a script changed afterwards is refused' eval '! migrate'

for f in sql/query/*.sql; do
	for name in $(sed -n 's/^-- name: //p' "$f"); do
		awk -v want="$name" '/^-- name:/ { on = $3 == want; next } /^--/ { next } on' "$f" |
			sed '1s/^/prepare q as /' >"$work/q.sql"
		chmod a+r "$work/q.sql"
		ok "query $name prepares" psql -f "$work/q.sql"
	done
done

# Rules that the database itself keeps.
addr() { printf "'\\\\x%040d'" "$1"; }
refused() { ! psql -c "$1"; }
psql -c "insert into gavel.chain_event (block, block_hash, tx_hash, log_index, kind, at)
	values (1, decode(repeat('aa', 32), 'hex'), decode(repeat('bb', 32), 'hex'), 0, 'Deposited', 1)" >/dev/null 2>&1
psql -c "insert into gavel.ledger_entry (event, account, amount) values (1, 'world', -5), (1, 'balance:0x01', 5)" >/dev/null 2>&1
ok 'a running total follows the ledger' test "$(psql -c "select total from gavel.account where name = 'balance:0x01'")" = 5
ok 'the ledger is never updated' refused "update gavel.ledger_entry set amount = 6"
ok 'the ledger is never deleted from' refused "delete from gavel.ledger_entry"
ok 'nor truncated' refused "truncate gavel.ledger_entry"
ok 'an entry that leaves nowhere is refused' refused "insert into gavel.ledger_entry (event, account, amount) values (1, 'balance:0x01', 5)"
ok 'so is a pair that does not sum to zero' refused "insert into gavel.ledger_entry (event, account, amount) values (1, 'world', -5), (1, 'balance:0x01', 6)"
ok 'and two events that do only together' refused "with e as (insert into gavel.chain_event (block, block_hash, tx_hash, log_index, kind, at)
	values (1, decode(repeat('aa', 32), 'hex'), decode(repeat('bb', 32), 'hex'), 9, 'Deposited', 1) returning seq)
	insert into gavel.ledger_entry (event, account, amount) select 1, 'world', -5 union all select seq, 'balance:0x01', 5 from e"
ok 'one account twice in an event is one sum' psql -c "insert into gavel.ledger_entry (event, account, amount) values (1, 'world', -5), (1, 'balance:0x01', 2), (1, 'balance:0x01', 3)"
ok 'which its total has' test "$(psql -c "select total from gavel.account where name = 'balance:0x01'")" = 10
ok 'and the sum of all totals is zero' test "$(psql -c "select sum(total) from gavel.account")" = 0
ok 'a total is not written by hand' refused "update gavel.account set total = 7"
ok 'nor made' refused "insert into gavel.account values ('balance:0x02', 7)"
ok 'nor taken away' refused "delete from gavel.account"
ok 'nor truncated' refused "truncate gavel.account"
ok 'an event is never deleted' refused "delete from gavel.chain_event"
ok 'nor told otherwise' refused "update gavel.chain_event set kind = 'Withdrawn'"
ok 'but the chain may take it back' psql -c "update gavel.chain_event set canonical = not canonical"
psql -c "update gavel.chain_event set canonical = not canonical" >/dev/null 2>&1

# The role that serves, which does not own what it writes.
psql -c "create role serving login; select gavel.serve_as('serving')" >/dev/null 2>&1
as() { run "$pg_bin/psql" -h "$work/d" -U serving -d gavel -v ON_ERROR_STOP=1 -qAt -c "$1"; }
denied() { ! as "$1" 2>"$work/denied" && grep -qE "$2" "$work/denied"; }
ok 'the role that serves adds to the ledger' as "insert into gavel.ledger_entry (event, account, amount) values (1, 'world', -5), (1, 'balance:0x03', 5)"
ok 'and its total follows' test "$(as "select total from gavel.account where name = 'balance:0x03'")" = 5
ok 'it works on the rest' as "update gavel.orders set reason = 'x'"
for sql in "update gavel.ledger_entry set amount = 6" "delete from gavel.ledger_entry" "truncate gavel.ledger_entry" \
	"update gavel.account set total = 1" "delete from gavel.chain_event"; do
	ok "it may not: $sql" denied "$sql" 'permission denied'
done
ok 'nor take the triggers away' denied "alter table gavel.ledger_entry disable trigger all" 'must be owner'
ok 'nor put others in their place' denied "create or replace function gavel.ledger_is_append_only() returns trigger language plpgsql as 'begin return new; end'" 'permission denied|must be owner'
ok 'a hash of 31 bytes is refused' refused "select decode(repeat('aa', 31), 'hex')::gavel.hash"
ok 'a negative amount is refused' refused "select (-1)::gavel.amount"

# A query as it runs, by its name, with literals for its parameters.
call() {
	name=$1
	shift
	cat sql/query/*.sql | awk -v want="$name" '/^-- name:/ { on = $3 == want; next } /^--/ { next } on' |
		sed '1s/^/prepare q as /' >"$work/q.sql"
	args=
	for a; do args="$args${args:+, }$a"; done
	printf 'execute q(%s);\n' "$args" >>"$work/q.sql"
	chmod a+r "$work/q.sql"
	psql -f "$work/q.sql"
}
says() { # WANT QUERY ARGS...
	want=$1
	shift
	have=$(call "$@")
	[ "$have" = "$want" ] || { echo "have: $have"; false; }
}
psql -c "insert into gavel.provider (address, record, attributes, sig, seq, seen_at) values
	($(addr 7), '{}', '[]', decode(repeat('ab', 64), 'hex'), 1, now())" >/dev/null 2>&1
ok 'an audit is stored' says 1 audit_put "$(addr 1)" "$(addr 7)" 5 "'five'" 2000000000 'now()'
ok 'the same again too' says 1 audit_put "$(addr 1)" "$(addr 7)" 5 "'five'" 2000000000 'now()'
ok 'another of the same seq is not' says '' audit_put "$(addr 1)" "$(addr 7)" 5 "'other'" 2000000000 'now()'
ok 'an older one is not' says '' audit_put "$(addr 1)" "$(addr 7)" 4 "'four'" 2000000000 'now()'
ok 'a revocation is' says 1 audit_put "$(addr 1)" "$(addr 7)" 6 "'gone'" 0 'now()'
ok 'and what it revoked does not come back' says '' audit_put "$(addr 1)" "$(addr 7)" 5 "'five'" 2000000000 'now()'
ok 'of a stranger there is none' says '' audit_put "$(addr 1)" "$(addr 8)" 1 "'x'" 2000000000 'now()'
ok 'one row for each auditor' says gone audit_list "$(addr 7)"
quo() { printf "'\\\\x%032d'" "$1"; }
soon="now() + interval '1 hour'"
ok 'a quote' says 1 quote_place "$(quo 1)" "$(addr 2)" "'{\"id\":\"quo_1\"}'" 'now()' "$soon" 2 9
ok 'a second one' says 1 quote_place "$(quo 2)" "$(addr 2)" "'{\"id\":\"quo_2\"}'" 'now()' "$soon" 2 9
ok 'not a third within a minute' says '' quote_place "$(quo 3)" "$(addr 2)" "'{}'" 'now()' "$soon" 2 9
ok 'nor too many of all within a second' says '' quote_place "$(quo 3)" "$(addr 3)" "'{}'" 'now()' "$soon" 2 2
ok 'a minute later' says 1 quote_place "$(quo 3)" "$(addr 2)" "'{\"id\":\"quo_3\"}'" "now() + interval '61 s'" "$soon" 2 9
ok 'each is told once' says "1
1
1" quotes_announce 'now()'
ok 'and not again' says '' quotes_announce 'now()'
ok 'under its name' test "$(psql -c "select count(*) from gavel.event where type = 'quote.requested' and subject like 'quo\__'")" = 3
ok 'an answer' says 1 quote_answer "$(quo 1)" "$(addr 7)" "'100'" "''" 'now()'
ok 'a second answer does not count' says 1 quote_answer "$(quo 1)" "$(addr 7)" "'5'" "''" 'now()'
ok 'the first stands' test "$(psql -c "select list from gavel.quote_answer")" = 100
ok 'none of a stranger' says '' quote_answer "$(quo 1)" "$(addr 8)" "'1'" "''" 'now()'
ok 'none when it is over' says '' quote_answer "$(quo 1)" "$(addr 7)" "'1'" "''" "now() + interval '2 hours'"
ok 'old ones are swept with their answers' says 1 quote_place "$(quo 4)" "$(addr 2)" "'{\"id\":\"quo_4\"}'" "now() + interval '62 minutes'" "$soon" 2 9
ok 'and nothing is left of them' test "$(psql -c "select count(*) from gavel.quote_answer")" = 0
ok 'their events go too' eval "call quotes_announce \"now() + interval '59 minutes'\" >/dev/null && call quotes_announce \"now() + interval '2 hours'\" >/dev/null && test \"\$(psql -c \"select count(*) from gavel.event where type = 'quote.requested'\")\" = 0"

# A statement of account, from entries of two events of which one comes and goes.
ev() { # ev BLOCK LOG KIND ENTRIES: as the indexer stores it
	call chain_events_put "'[[$1, \"$(printf 'cc%.0s' $(seq 32))\", \"$(printf 'bb%.0s' $(seq 32))\", $2, 0, \"$3\", \"$(printf 'dd%.0s' $(seq 32))\",
		\"$(printf '%040d' 9)\", $1, \"0\", \"0\", null, $4]]'"
}
bal=balance:0x$(printf '%040d' 9)
entries() { call account_entries "$(addr 9)" "$1" "$2" "$3" "$4" "to_timestamp(${5:-null})" "to_timestamp(${6:-null})" | cut -d'|' -f1,2,8,9; }
entries_are() { want=$1; shift; have=$(entries "$@"); [ "$have" = "$want" ] || { echo "have: $have"; false; }; }
ok 'an event' ev 10 1 Deposited "[[\"world\",\"-70\"],[\"$bal\",\"70\"]]"
ok 'and another' ev 11 4 Withdrawn "[[\"$bal\",\"-20\"],[\"world\",\"20\"]]"
ok 'the same again is once' ev 11 4 Withdrawn "[[\"$bal\",\"-20\"],[\"world\",\"20\"]]"
ok 'a statement' entries_are "10|1|70|70
11|4|-20|50" -1 0 0 10
ok 'a page of it' entries_are "10|1|70|70" -1 0 0 1
ok 'and the next' entries_are "11|4|-20|50" 10 1 0 1
ok 'from a time on, with what was before' entries_are "11|4|-20|50" -1 0 0 10 11
ok 'until a time' entries_are "10|1|70|70" -1 0 0 10 null 11
ok 'undone' call chain_rewind 10
ok 'it is not in the statement' entries_are "10|1|70|70" -1 0 0 10
ok 'nor in the total' test "$(psql -c "select total from gavel.account where name = '$bal'")" = 70
ok 'come back' ev 11 4 Withdrawn "[[\"$bal\",\"-20\"],[\"world\",\"20\"]]"
ok 'it is there once' entries_are "10|1|70|70
11|4|-20|50" -1 0 0 10
ok 'nothing is lost or made' test "$(psql -c "select sum(total) from gavel.account")" = 0

# A lease of the chain that this database does not know: its order is done.
psql -c "insert into gavel.orders (hash, id, tenant, nonce, idem_key, terms, sig, grp, window_us, deposit, state, ends_at, next_at, created_at)
	values (decode(repeat('ee', 32), 'hex'), decode(repeat('01', 16), 'hex'), $(addr 2), 1, 'a', '{}', decode(repeat('ab', 64), 'hex'), '{}', 1, 5, 'bidding', now(), now(), now())" >/dev/null 2>&1
ok 'an opening of a lease that is not known' call chain_events_put "'[[12, \"$(printf 'cd%.0s' $(seq 32))\", \"$(printf 'bb%.0s' $(seq 32))\", 1, 0, \"Opened\",
	\"$(printf 'd1%.0s' $(seq 32))\", \"$(printf '%040d' 2)\", 12, \"0\", \"0\", \"$(printf 'ee%.0s' $(seq 32))\", []]]'"
ok 'ends its order' test "$(psql -c "select state, next_at is null from gavel.orders")" = 'expired|t'
ok 'whose deposit is not held twice' test "$(psql -c "select gavel.free_balance($(addr 2))")" = 0
# Which vouchers are worth a transaction.
bytes() { printf "decode(repeat('%02x', %d), 'hex')" "$1" "$2"; }
lea() { # lea N PAID AMOUNT OPENED: a lease that opened so long ago, and its voucher; deposit 1000
	psql -c "insert into gavel.orders (hash, id, tenant, nonce, idem_key, terms, sig, grp, window_us, deposit, state, ends_at, next_at, created_at)
		values ($(bytes $1 32), $(bytes $1 16), $(addr 2), $((100 + $1)), 'o$1', '{}', $(bytes 171 64), '{}', 1, 1000, 'leased', now(), now(), now());
	insert into gavel.lease (hash, id, order_hash, round, tenant, provider, terms, rate, deposit, record, award_sig, state, accept_by, opened_at, paid, created_at)
		values ($(bytes $1 32), $(bytes $1 16), $(bytes $1 32), 1, $(addr 2), $(addr 7), '{}', 1, 1000, $(bytes 1 32), $(bytes 1 64), 'active', now(), now() - interval '$4', $2, now() - interval '$4');
	insert into gavel.voucher (lease, amount, up_to, payer_sig, provider_sig, usage, usage_sig, updated_at)
		values ($(bytes $1 32), $3, 1, $(bytes 1 64), $(bytes 1 64), '{}', $(bytes 1 64), now())" >/dev/null
}
due() { # due WANT WITHIN WORTH: the leases that become intents, which are then forgotten
	call settle_due 500 'now()' "$2" "$3" >/dev/null
	have=$(psql -c "select coalesce(string_agg(trim(leading '0' from left(encode(lease, 'hex'), 2)), ' ' order by lease), '') from gavel.intent where state = 'pending'")
	psql -c "delete from gavel.intent where state = 'pending'" >/dev/null
	[ "$have" = "$1" ] || { echo "have: $have"; false; }
}
lea 8 0 50 '10 minutes'
lea 2 0 50 '40 minutes'
lea 3 0 500 '1 minute'
lea 4 50 50 '3 hours'
ok 'nothing has waited an hour' due '' 3600 0
ok 'one is worth it, and one goes with it' due '2 3' 3600 500
ok 'a unit less is not' due '' 3600 501
ok 'of a longer time it goes alone' due 3 7200 500
lea 5 0 1 '61 minutes'
ok 'one has waited: those that have waited half go with it' due '2 5' 3600 0
ok 'at once: all that is unpaid' due '2 3 5 8' 0 0
psql -c "insert into gavel.intent (kind, lease, amount, state, created_at) values ('settle', $(bytes 5 32), 1, 'done', now() - interval '5 minutes')" >/dev/null
ok 'settled five minutes ago: it waits again' due '' 3600 0
lea 6 0 1000 '1 minute'
ok 'the deposit is used up: at once' due '2 6' 3600 0
psql -c "update gavel.voucher set amount = 999 where lease = $(bytes 6 32)" >/dev/null
ok 'with a unit left it waits' due '' 3600 0
psql -c "insert into gavel.chain_event (block, block_hash, tx_hash, log_index, kind, at, lease)
	values (20, $(bytes 33 32), $(bytes 34 32), 0, 'Stopped', 1, $(bytes 8 32))" >/dev/null
ok 'its tenant stops one: at once' due '2 8' 3600 0
psql -c "update gavel.chain_event set canonical = false where kind = 'Stopped'" >/dev/null
ok 'the chain takes the stop back: it waits' due '' 3600 0
psql -c "update gavel.lease set state = 'closed' where hash = $(bytes 3 32)" >/dev/null
ok 'a closed lease is not settled' due '2 5 6 8' 0 0
echo "1..$n"
exit $bad
