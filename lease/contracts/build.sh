#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh [DIRECTORY]: compile the contracts and leave Escrow.bin, Escrow.json,
# Escrow.verify.json and the same of TestToken there: creation bytecode in hex, the
# ABI, and what a block explorer needs to compile the same again.
# Says nothing when there is nothing to do.
set -eu

into=${1:-$(dirname "$0")/../../build/contracts}
mkdir -p "$into"
into=$(cd "$into" && pwd)
cd "$(dirname "$0")"

# node_modules belongs to one lock file; the stamp says to which.
lock=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat node_modules/.lock-hash 2>/dev/null)" != "$lock" ]; then
	echo "npm ci" >&2
	npm ci --ignore-scripts --no-audit --no-fund --silent >&2
	echo "$lock" >node_modules/.lock-hash
fi

# Everything that the bytecode follows from.
made=$(cat src/*.sol foundry.toml tools/* package-lock.json build.sh | sha256sum | cut -d' ' -f1)
if [ "$(cat "$into/.made-from" 2>/dev/null)" = "$made" ] &&
	[ -s "$into/Escrow.bin" ] && [ -s "$into/Escrow.verify.json" ] && [ -s "$into/TestToken.bin" ] &&
	[ -s out/release/Escrow.sol/Escrow.json ]; then
	exit 0
fi

forge=node_modules/@foundry-rs/forge-linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/bin/forge
[ -x "$forge" ] || forge=node_modules/.bin/forge
FOUNDRY_PROFILE=release "$forge" build --quiet src/Escrow.sol src/TestToken.sol >&2

for name in Escrow TestToken; do
	node tools/release.js "out/release/$name.sol/$name.json" "$into/$name"
done
echo "$made" >"$into/.made-from"
