#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh: every test of the contracts. The last line is "N passed, N failed";
# what failed stands before it. The gas tests rewrite snapshots/: a change of
# those files is a change of cost, to be looked at and committed.
set -eu

cd "$(dirname "$0")"
./build.sh

forge=node_modules/@foundry-rs/forge-linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/bin/forge
[ -x "$forge" ] || forge=node_modules/.bin/forge
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# A failing test is in the report; a run without a report has failed as well.
"$forge" test --json --no-match-contract GasTest >"$results/all.json" 2>"$results/all.err" || :
"$forge" test --json --isolate --match-contract GasTest >"$results/gas.json" 2>"$results/gas.err" || :
node test/viem.mjs >"$results/viem.out" 2>"$results/viem.err" || :

node - "$results" <<'EOF'
const fs = require("fs");
const dir = process.argv[2];
let passed = 0, failed = 0;

const fail = (what, why) => {
	failed++;
	console.log(`FAIL ${what}: ${why}`);
};

for (const part of ["all", "gas"]) {
	let suites;
	try {
		suites = JSON.parse(fs.readFileSync(`${dir}/${part}.json`, "utf8"));
	} catch {
		fail(part, fs.readFileSync(`${dir}/${part}.err`, "utf8").trim() || "no report");
		continue;
	}
	let tests = 0;
	for (const [suite, { test_results }] of Object.entries(suites))
		for (const [name, r] of Object.entries(test_results)) {
			tests++;
			if (r.status === "Success")
				passed++;
			else
				fail(`${suite} ${name}`, r.reason ?? r.status);
		}
	if (tests === 0)
		fail(part, "no tests ran");
}

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
