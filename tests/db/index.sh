#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# index.sh - the price index of a real market over leases that were written into its
# database: published, stale, what does not count, washed by one pair, computed again
# by a tenant. No chain answers and nothing runs. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_TOP=$PWD
. demo/lib.sh
. tests/db/ports.sh
set +e
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 77; }
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
		sed 's/^/# /' "$work/out" | head -5
		bad=1
	fi
}
soon() {
	tries=$(($1 * 15))
	shift
	while [ $tries -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		tries=$((tries - 1))
		sleep 0.2
	done
	"$@"
}
sql() { as_user "$pg_bin/psql" -h "$work/d" -U gavel -d gavel -v ON_ERROR_STOP=1 -qAtc "$1"; }
get() { curl -s "http://127.0.0.1:$port/v1/price-index$1"; }
says() { # says NAME VALUE QUERY: of the first row
	have=$(get "$3" | sed 's/.*"data"://' | sed -n "s/[^{]*{[^}]*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p")
	[ "$have" = "$2" ] || { echo "$1 is $have"; get "$3"; false; }
}
gavel() { "$bin/gavel" -C "$work/tenant.yaml" "$@"; }

as_user "$pg_bin/initdb" -D "$work/d/pg" -U gavel -A trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null 2>&1
as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -w -l "$work/d/log" \
	-o "-k $work/d -c listen_addresses= -c fsync=off" start >/dev/null 2>&1
as_user "$pg_bin/createdb" -h "$work/d" -U gavel gavel
market_pid=
cleanup() {
	[ -z "$market_pid" ] || kill "$market_pid" 2>/dev/null
	as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -m immediate stop >/dev/null 2>&1
	rm -rf "$work"
}
trap cleanup EXIT
echo password >"$work/password"
"$bin/gavel-market" key new --password-file "$work/password" "$work/key.json" >/dev/null
chown "$user" "$work/key.json" "$work/password"
cat >"$work/market.yaml" <<END
listen: 127.0.0.1
port: $port
user: $user
database: "host=$work/d user=gavel dbname=gavel"
key_file: $work/key.json
password_file: $work/password
rpc_url: http://127.0.0.1:1
chain_id: 31337
escrow: "0x0000000000000000000000000000000000000001"
token: "0x0000000000000000000000000000000000000002"
token_symbol: TUSD
sql_dir: $PWD/sql/schema
index_every_s: 1
END
printf 'market_url: http://127.0.0.1:%s\nrpc_url: http://127.0.0.1:1\nkey_file: none\n' "$port" >"$work/tenant.yaml"
chmod a+r "$work/tenant.yaml"
ok 'an index computed never is refused' eval "sed 's/^index_every_s: 1/index_every_s: 0/' '$work/market.yaml' >'$work/never.yaml'; ! '$bin/gavel-market' -c '$work/never.yaml' check"
as_user "$bin/gavel-market" -c "$work/market.yaml" migrate 2>/dev/null

# 1 CPU, 2 GiB, 10 GiB: what the reference machine is.
group='{"name":"g","billing":"reserved","services":[{"name":"web","count":1,"resources":{"cpu_milli":1000,"memory_bytes":2147483648,"storage_bytes":10737418240,"gpus":0,"endpoints":0},"volumes":[],"gpus":[]}],"attributes":[],"signed_by":[],"signed_any":[],"ips":0,"reclaim_s":0,"allow":[],"deny":[],"manifest":"0x'$(printf '%064d' 0)'"}'
reference=$((380517504 * 160 / 100 / 1000 * 1000 + 380517504 * 80 / 100 / 1024 * 2048 + 380517504 * 2 / 100 / 1024 * 10240))
sql "create function pg_temp_id(tag text, i integer, size integer) returns bytea language sql immutable as
	\$\$ select substring(sha256((tag || i)::bytea) for size) \$\$"
sql "insert into gavel.provider (address, record, attributes, sig, seq, seen_at)
	select pg_temp_id('provider', i, 20), '{}', jsonb_build_array(jsonb_build_object('key', 'region',
		'value', case when i % 2 = 0 then 'eu' else 'us' end)), decode(repeat('ab', 64), 'hex'), 1, now()
	from generate_series(0, 40) i"
# leases TAG COUNT PROVIDERS TENANTS MILLIONTHS STATE AGE_S: they began AGE_S ago, at
# MILLIONTHS of the reference, each a little dearer than the one before.
leases() {
	sql "insert into gavel.orders (hash, id, tenant, nonce, idem_key, terms, sig, grp, window_us, deposit, state, ends_at, created_at)
		select sha256(('$1' || i)::bytea), pg_temp_id('o$1', i, 16), pg_temp_id('tenant', i % $4, 20), abs(hashtext('$1')) * 10000::bigint + i, '$1' || i, '{}',
			decode(repeat('ab', 64), 'hex'), '$group', 1, 0, case '$6' when 'none' then 'unfilled' else 'leased' end, now(), now() - interval '60 s'
			from generate_series(1, $2) i"
	[ "$6" = none ] || sql "insert into gavel.lease (hash, id, order_hash, round, tenant, provider, terms, rate, deposit, record, award_sig, state, accept_by, launched_at, ended_at, created_at)
		select sha256(('l$1' || i)::bytea), pg_temp_id('l$1', i, 16), sha256(('$1' || i)::bytea), 1, pg_temp_id('tenant', i % $4, 20), pg_temp_id('provider', i % $3, 20), '{}',
			($reference::numeric * ($5 + 1000 * i) / 1000000)::numeric(39,0), 0, decode(repeat('ab', 32), 'hex'), decode(repeat('ab', 64), 'hex'), '$6', now(),
			now() - interval '$7 s', case '$6' when 'failed' then now() end, now() - interval '60 s' + interval '250 ms'
		from generate_series(1, $2) i"
}

"$bin/gavel-market" -c "$work/market.yaml" >"$work/log" 2>&1 &
market_pid=$!
ok 'nothing at all is an empty list' soon 10 eval "get '' | grep -q '\"data\":\[\]'"
ok 'and says so' eval "gavel price index 2>&1 | grep -q 'nothing was leased or ordered in 24h'"
ok 'with its own status' eval "gavel price index >/dev/null 2>&1; test \$? = 7"
ok 'a window that there is not' eval "get '?window=2h' | grep -q index_window"
ok 'trades of a time that is none' eval "get '/trades?at=yesterday' | grep -q bad_data"

leases few 9 9 40 1000000 active 7200
ok 'nine leases are counted' soon 10 says leases 9 '?class=cpu'
ok 'and are too few for a price' says published_at null '?class=cpu'
ok 'which the command says' eval "gavel price index --class cpu | grep -q 'no price yet'"
leases more 111 30 40 1000000 active 7200
ok 'with 120 of 30 there is one' soon 10 says leases 120 '?class=cpu'
ok 'of thirty providers' says owners 30 '?class=cpu'
ok 'not stale' says stale false '?class=cpu'
honest=$(get '?class=cpu' | sed 's/.*"data":\[{"class":"cpu","region":null//; s/.*"median":\([0-9]*\),.*/\1/')
ok "near the price paid: $honest" test $((honest >= 1040000 && honest <= 1070000)) = 1
ok 'each region by itself' says owners 15 '?class=cpu&region=eu'
ok 'another region has none' eval "get '?class=cpu&region=mars' | grep -q '\"data\":\[\]'"
ok 'the time to an award' eval "get '?class=cpu' | grep -Eq '\"award_ms\":[23][0-9][0-9],'"
ok 'people see a month of a machine' eval "gavel price index --class cpu | grep -Eq '^cpu +all +3\.[45]'"
ok 'in JSON too' eval "gavel --json price index --class cpu | grep -q '\"is\": *\"1 CPU, 2 GiB, 10 GiB disk\"'"
ok 'it can be computed again' eval "gavel price index --verify 2>&1 | grep -q '3 rows agree'"
ok 'for an hour as well' eval "gavel price index --window 1h --verify 2>&1 | grep -q 'rows agree'"
ok 'a page of trades at a time' eval "test \$(get '/trades?class=cpu' | grep -o '\"lease\":' | wc -l) = 120"

leases short 20 20 20 5000000 active 300
leases gone 20 20 20 5000000 failed 7200
ok 'too short and failed ones do not count' soon 10 eval "test \$(get '/trades?class=cpu' | grep -o '\"lease\":' | wc -l) = 160 && sleep 4 && $(declare -f says get); port=$port; says leases 120 '?class=cpu'"
leases none 40 1 1 1 none 7200
ok 'orders that nobody served' soon 10 says unmatched 40 '?class=cpu'
ok 'are a share' eval "gavel price index --class cpu | grep -q ' 20 % '"

leases wash 30 1 1 2000000 active 7200
ok 'thirty leases of one pair at twice the price count' soon 10 says leases 150 '?class=cpu'
washed=$(get '?class=cpu' | sed 's/.*"data":\[{"class":"cpu","region":null//; s/.*"median":\([0-9]*\),.*/\1/')
ok "but move it by 2 % at most: $honest to $washed" test $(((washed - honest) * 100 <= 2 * honest)) = 1
sql "update gavel.lease set tenant = provider where id in (select pg_temp_id('lwash', i, 16) from generate_series(1, 30) i)"
ok 'with oneself: not at all' soon 10 says leases 120 '?class=cpu'

# A market that lies about its own leases is found out.
sql "create function pg_temp_lie() returns trigger language plpgsql as \$\$ begin new.median := new.median + 1; return new; end \$\$;
	create trigger lie before insert or update on gavel.price_index for each row execute function pg_temp_lie()"
ok 'a lie is found' soon 10 eval "gavel price index --verify 2>&1 | grep -q 'index_differs.*\|median is .* by its leases'"
ok 'with its own status' eval "gavel price index --verify >/dev/null 2>&1; test \$? = 11"
sql "drop trigger lie on gavel.price_index"
ok 'and the truth is again' soon 10 eval "gavel price index --verify 2>&1 | grep -q 'rows agree'"

sql "update gavel.lease set ended_at = now() - interval '25 hours', launched_at = now() - interval '49 hours'"
ok 'when leases are gone the last price stays, stale' soon 10 says stale true '?class=cpu'
ok 'with what it is' eval "get '?class=cpu' | grep -q '\"median\":10'"
ok 'and the command says of when' eval "gavel price index --class cpu | grep -q 'stale: too few leases now; the price is of 20'"
sql "delete from gavel.lease; delete from gavel.order_class; delete from gavel.orders"
ok 'no lease, no order: what was published stays' soon 10 says leases 0 '?class=cpu'
echo "1..$n"
exit $bad
