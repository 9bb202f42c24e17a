#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gas.sh: what each operation costs against snapshots/, to the unit: the part of
# check.sh that is quick enough for every `make check`. TAP.
set -eu

cd "$(dirname "$0")/.."
[ -d node_modules ] || { echo "1..0 # SKIP the contracts are not built: make contracts"; exit 77; }
./build.sh
forge=node_modules/@foundry-rs/forge-linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/bin/forge
[ -x "$forge" ] || forge=node_modules/.bin/forge
out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0
if FORGE_SNAPSHOT_CHECK=true "$forge" test --isolate --match-contract GasTest >"$out" 2>&1; then
	echo "ok 1 - every operation costs what snapshots/Escrow.json says"
else
	status=1
	echo "not ok 1 - gas has changed; if that is meant: FORGE_SNAPSHOT_CHECK=false lease/contracts/check.sh"
	sed -n '/Failed to match/,/^$/p; /^\[FAIL/p; /^Error/,/^$/p' "$out" | sed 's/^/# /'
fi
echo "1..1"
exit $status
