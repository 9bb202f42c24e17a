#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh: every test of the contracts. The last line is "N passed, N failed";
# what failed stands before it. Gas must be what snapshots/ says to the unit; after
# a change that is meant, FORGE_SNAPSHOT_CHECK=false writes them anew.
set -eu
export FORGE_SNAPSHOT_CHECK=${FORGE_SNAPSHOT_CHECK:-true}

cd "$(dirname "$0")"
./build.sh

forge=node_modules/@foundry-rs/forge-linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/bin/forge
[ -x "$forge" ] || forge=node_modules/.bin/forge
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# What failed last time is not played again: the same cases every time.
rm -rf cache/fuzz cache/invariant cache/test/fuzz cache/test/invariant

# A failing test is in the report; a run without a report has failed as well.
"$forge" test --json --no-match-contract GasTest >"$results/all.json" 2>"$results/all.err" || :
# (With --json forge would not write the snapshots.)
"$forge" test --isolate --match-contract GasTest >"$results/gas.txt" 2>&1 || :
node test/viem.mjs >"$results/viem.out" 2>"$results/viem.err" || :

node - "$results" <<'EOF'
const fs = require("fs");
const dir = process.argv[2];
let passed = 0, failed = 0;

const fail = (what, why) => {
	failed++;
	console.log(`FAIL ${what}: ${why}`);
};

let suites = {};
try {
	suites = JSON.parse(fs.readFileSync(`${dir}/all.json`, "utf8"));

	for (const [suite, { test_results }] of Object.entries(suites))
		for (const [name, r] of Object.entries(test_results))
			if (r.status === "Success")
				passed++;
			else
				fail(`${suite} ${name}`, r.reason ?? r.status);
} catch {
	fail("tests", fs.readFileSync(`${dir}/all.err`, "utf8").trim() || "no report");
}
if (passed === 0)
	fail("tests", "none passed");

// Every attack of the table has its tests, and they have passed.
const names = new Set();
for (const line of Object.entries(suites).flatMap(([, s]) => Object.entries(s.test_results)))
	if (line[1].status === "Success")
		names.add(line[0].replace(/\(.*/, ""));
const attacks = fs.readFileSync("test/attacks.txt", "utf8").split("\n")
	.filter(l => l !== "" && !l.startsWith("#")).map(l => l.split("\t"));
for (let i = 1; i <= 40; i++)
	if (!attacks.some(([n]) => Number(n) === i))
		fail("attacks", `number ${i} is missing`);
for (const [n, what, tests] of attacks)
	for (const test of (tests ?? "").split(" "))
		if (!(test.includes("/") ? [test, `../../${test}`].some(f => fs.existsSync(f)) : names.has(test)))
			fail("attacks", `${n}, ${what}: no such test passed: ${test || "none"}`);
passed++;

// Every invariant of the table is looked at where it says, by a campaign that has passed.
const invariants = fs.readFileSync("test/invariants.txt", "utf8").split("\n")
	.filter(l => l !== "" && !l.startsWith("#")).map(l => l.split("\t"));
for (let i = 1; i <= 13; i++)
	if (!invariants.some(([n]) => Number(n) === i))
		fail("invariants", `number ${i} is missing`);
for (const [n, what, places] of invariants)
	for (const place of (places ?? "").split(" ")) {
		const [file, name] = place.split(":");
		const text = fs.existsSync(`test/${file}`) ? fs.readFileSync(`test/${file}`, "utf8") : "";
		if (!text.includes(`function ${name}(`))
			fail("invariants", `${n}, ${what}: no such function: ${place || "none"}`);
	}
if (!names.has("invariant_money_is_where_it_should_be"))
	fail("invariants", "the campaign has not passed");
passed++;

// The standard JSON input that verifies the contract makes the same bytecode.
try {
	const made = process.env.GAVEL_CONTRACTS ?? "../../build/contracts";
	const verify = JSON.parse(fs.readFileSync(`${made}/Escrow.verify.json`, "utf8"));
	const [file, name] = verify.contract.split(":");
	const out = JSON.parse(require("solc").compile(JSON.stringify(verify.input)));
	const code = out.contracts[file][name].evm.bytecode.object;

	if (code !== fs.readFileSync(`${made}/Escrow.bin`, "utf8").trim())
		fail("verify", "the standard JSON input makes another bytecode");
	else
		passed++;
	if (verify.runtime.length / 2 - 1 > 24576)
		fail("size", `${verify.runtime.length / 2 - 1} bytes`);
} catch (e) {
	fail("verify", e.message);
}

const gas = fs.readFileSync(`${dir}/gas.txt`, "utf8");
const gasPassed = gas.match(/^\[PASS\]/gm)?.length ?? 0;
passed += gasPassed;
for (const [, line] of gas.matchAll(/^\[FAIL(.*)/gm))
	fail("gas", line);
const changed = gas.match(/Failed to match snapshots:[^]*?\n\n/);
if (changed)
	fail("gas", changed[0].trim());
if (gasPassed === 0)
	fail("gas", gas.trim());

// The typed data as another implementation signs it.
try {
	const said = JSON.parse(fs.readFileSync(`${dir}/viem.out`, "utf8"));
	passed += said.statements.length;
} catch {
	fail("viem", fs.readFileSync(`${dir}/viem.err`, "utf8").trim() || "no answer");
}

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
EOF
