#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh - the demo itself as a test: every step real, and the tokens add up.
# TAP.
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || { echo "1..0 # SKIP needs root"; exit 77; }
export GAVEL_DEMO_DIR=$PWD/build/e2e-demo GAVEL_DEMO_PORT=9480
export GAVEL_DEMO_EVIDENCE=$PWD/build/e2e-evidence.json
trap 'demo/stop.sh quiet' EXIT # a demo that failed half way leaves its parts running
out=$(demo/run.sh 2>&1)
status=$?
n=0 bad=0
has() {
	n=$((n + 1))
	if printf '%s\n' "$out" | grep -qE "$2"; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
[ $status = 0 ] || { echo "not ok 1 - the demo ends well"; printf '%s\n' "$out" | sed 's/^/# /'; exit 1; }
has 'a private cluster, a chain, a market, a registry, three providers' '7/7 ready'
has 'the order is signed and posted' 'order signed, posted'
has 'a winner is awarded' 'awarded +0x'
has 'the manifest goes to the winner over TLS' 'manifest sent +https://'
has 'the workload answers over HTTP with its own environment' '^hello from gavel from a lease'
has 'the lowest floor wins' '^1 +1 .*won$'
has 'the runner-up is told why' '^1 +2 .*dearer$'
has 'who does not match declines with a reason' 'declined: attribute'
has 'anyone can compute the auction again' '^round 1 +3 answers, awarded to 0x.*: true, computed in'
# The evidence needs no market; one digit of it changed is found.
said=$(build/gavel audit auction "$GAVEL_DEMO_EVIDENCE" 2>&1)
lie=$(sed 's/"care_hours":1/"care_hours":2/' "$GAVEL_DEMO_EVIDENCE" | build/gavel audit auction - 2>&1)
out="$out
offline: $said
forged: $lie"
has 'also without the market, from the evidence' '^offline: round 1 .*: true'
has 'a forged number is found, and named' '^forged: .*audit_'
has 'exec runs inside, as the image says' '^uid=1000\(web\)'
has 'usage is metered' 'due so far +0\.0000'
has 'logs of the workload' 'serving on port 80 as 1000'
has 'the lease is closed and settled' '^closed: 0\.0000[0-9]+ TUSD paid, 9\.9999'
has 'the receipt says what was metered' 'metered +[0-9]+ s healthy'
has 'the sum of all tokens is unchanged' 'sum of all parties: .* unchanged'
has 'the contract holds what it owes' 'escrow contract holds .* equal'
has 'nothing is left' 'nothing of it is left'
n=$((n + 1))
left=$(ip -br link | grep -E '^gvdc[123]'; find /sys/fs/cgroup -maxdepth 3 -path '*gavel-dc*' -name 'gv-*' 2>/dev/null; grep e2e-demo /proc/mounts)
if [ -z "$left" ]; then echo "ok $n - no interface, cgroup or mount is left"; else echo "not ok $n - left: $left"; bad=1; fi
echo "1..$n"
exit $bad
