// SPDX-License-Identifier: Apache-2.0
// release.js ARTIFACT PREFIX: what forge made of one contract, as PREFIX.bin (creation
// bytecode), PREFIX.json (ABI) and PREFIX.verify.json: compiler, the compiler's
// standard JSON input with nothing but this contract's sources, the code as it is on
// a chain and where in it the constructor writes.
"use strict";
const fs = require("fs");

const [, , artifact, prefix] = process.argv;
const made = JSON.parse(fs.readFileSync(artifact, "utf8"));
const meta = JSON.parse(made.rawMetadata);
const [[file, name]] = Object.entries(meta.settings.compilationTarget);
const { compilationTarget, ...settings } = meta.settings;
const sources = {};

for (const path of Object.keys(meta.sources))
	sources[path] = { content: fs.readFileSync(path, "utf8") };
settings.outputSelection = { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } };

const verify = {
	contract: `${file}:${name}`,
	compiler: `v${meta.compiler.version}`,
	runtime: made.deployedBytecode.object,
	immutables: Object.values(made.deployedBytecode.immutableReferences ?? {})
		.map(list => list.map(r => r.start)),
	input: { language: meta.language, sources, settings },
};

fs.writeFileSync(`${prefix}.bin`, made.bytecode.object.slice(2) + "\n");
fs.writeFileSync(`${prefix}.json`, JSON.stringify(made.abi, null, 1) + "\n");
fs.writeFileSync(`${prefix}.verify.json`, JSON.stringify(verify, null, 1) + "\n");
