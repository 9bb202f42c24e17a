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
echo "1..$n"
exit $bad
