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
echo "1..$n"
exit $bad
