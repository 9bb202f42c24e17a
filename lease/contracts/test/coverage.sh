#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# coverage.sh: which lines and branches of src/Escrow.sol no test reaches. Without the
# IR pipeline, whose line numbers cannot be trusted; then the assembly of
# _settleRunning is too deep for the compiler, so it is left out, and with it the one
# branch that it makes: _settle, which does the same, is measured in its place, and
# testFuzz_alone_and_in_a_batch with the mutants of "in a batch" look after the rest.
# Works in a copy. Prints what is not reached; status 1 if anything is.
set -eu

cd "$(dirname "$0")/.."
./build.sh
forge=$PWD/node_modules/@foundry-rs/forge-linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/bin/forge
[ -x "$forge" ] || forge=$PWD/node_modules/.bin/forge

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/test"
cp -R src tools foundry.toml "$copy"
cp test/*.sol "$copy/test"
rm "$copy/test/Gas.t.sol" "$copy/test/Invariants.t.sol" "$copy/test/Handler.sol"
ln -s "$PWD/node_modules" "$copy/node_modules"
mkdir -p "$copy/out"
cp -R out/release "$copy/out/release" # for the test that reads the ABI
awk '/function _settleRunning/ { inside = 1 }
	inside && /assembly/ { skip = 1 }
	skip { print ""; if (/^        }$/) skip = inside = 0; next }
	{ print }' src/Escrow.sol >"$copy/src/Escrow.sol"
# What is measured is made in the test, not read from a file.
sed -i -e 's|Escrow(vm.deployCode(.*));|new Escrow(IToken(token_), 60);|' \
	-e 's|import {Escrow}|import {Escrow, IToken}|' "$copy/test/Base.sol"
cd "$copy"
sed -i '/dynamic_test_linking/d' foundry.toml
FOUNDRY_FUZZ_RUNS=64 "$forge" coverage --report lcov >run.txt 2>&1 || { cat run.txt; exit 1; }

awk -F: '
	/^SF:/ { on = $2 == "src/Escrow.sol" }
	!on { next }
	/^DA:/ { split($2, d, ","); lines++; if (d[2] == 0) { print "line " d[1]; bad++ } else hit++ }
	/^BRDA:/ { split($2, d, ",")
		if (d[4] != "0" && d[4] != "-") { branches++; taken++; next }
		if (text[d[1]] == "") while ((getline line < "src/Escrow.sol") > 0) text[++n] = line
		if (text[d[1]] ~ /_settleRunning/) next
		branches++; bad++; print "branch of line " d[1] ":" text[d[1]] }
	END { printf "src/Escrow.sol: %d of %d lines, %d of %d branches\n", hit, lines, taken, branches
		exit bad > 0 || lines == 0 }' lcov.info
