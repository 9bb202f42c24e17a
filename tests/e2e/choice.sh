#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# choice.sh - the tenant picks, with real providers and containers: deploy --manual shows
# the ranking, accept picks the second and it runs; and a provider that is killed in the
# middle of a round, comes back with other prices and hears of the round again sends the
# bid that it had signed. TAP.
cd "$(dirname "$0")/../.." || exit 1
export GAVEL_DEMO_LAUNCH=15
. tests/e2e/lib.sh choice
up

tenant deploy "$dir/web.yaml" --deposit 5 --name web --manual >"$dir/deploy.out" 2>&1
ok 'deploy --manual ends with a ranking' test $? = 0
ok 'with one more than the first' has '^  2\. 0x' "$dir/deploy.out"
ok 'and says how to pick' has 'gavel accept web' "$dir/deploy.out"
second=$(sed -n 's/^  2\. \(0x[0-9a-fA-F]*\).*/\1/p' "$dir/deploy.out")
tenant accept web 0x0000000000000000000000000000000000000001 >"$dir/accept.out" 2>&1
ok 'one that did not bid cannot be picked' has 'choice_unknown' "$dir/accept.out"
tenant accept web "$second" >"$dir/accept.out" 2>&1
ok 'the second is picked' test $? = 0
ok 'and runs it' has 'web is running' "$dir/accept.out"
tenant status web >"$dir/status.out" 2>&1
ok 'the very one' has "$second" "$dir/status.out"
tenant audit auction web >"$dir/audit.out" 2>&1
ok 'by the audit as well' test $? = 0
tenant accept web >"$dir/again.out" 2>&1
ok 'nothing more to pick' test $? != 0
tenant -q close web >/dev/null 2>&1
ok 'it is closed' test $? = 0

# --- killed in the middle of a round ---------------------------------------------------
# One more is invited and never answers, so that the round is not over before its end.
"${BUILD:-build}/tests/db/sign" "$(member escrow <"$dir/contract.json")" provider 77 |
	curl -sf -o /dev/null --data-binary @- "$url/v1/providers"
tenant -q deploy "$dir/web.yaml" --deposit 5 --name slow --manual --window 30000 --no-wait >"$dir/slow.out" 2>&1
sleep 2
hash=$(sql "select encode(hash, 'hex') from gavel.orders order by created_at desc limit 1")
first=$(sql "select seq from gavel.event where type = 'order.bidding' order by seq desc limit 1")
bids() { sql "select provider, md5(envelope) from gavel.bid where order_hash = '\\x$hash' order by provider"; }
before=$(bids)
ok 'every provider has bid' test "$(echo "$before" | grep -c .)" = 3
kill_daemon dc1
sed -i 's/^list_bp: .*/list_bp: 20000/; s/cpu_milli: "\([0-9]*\)"/cpu_milli: "1\1"/' "$dir/dc1.yaml"
python3 - "$dir/dc1/agent/book.sqlite" $((first - 1)) <<'END'
import sqlite3, sys
b = sqlite3.connect(sys.argv[1])
b.execute("update note set value = ? where name = 'last_event'", (sys.argv[2],))
b.commit()
END
start dc1 "$bin/gavel-provider" -c "$dir/dc1.yaml"
for _ in $(seq 150); do # of the 30 s that the round has
	grep -q 'bid.again' "$dir/log/dc1.log" && break
	sleep 0.1
done
ok 'back with other prices, it sends what it had signed' grep -q 'bid.again' "$dir/log/dc1.log"
ok 'and no second bid' eval '! grep -q "bid.sent.*round=1" "$dir/log/dc1.log"'
ok 'while the round was going on' test "$(sql "select state from gavel.orders where hash = '\\x$hash'")" = bidding
ok 'the market has the same three' test "$(bids)" = "$before"
tenant -q close slow >/dev/null 2>&1
finish
