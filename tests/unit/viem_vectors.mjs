// SPDX-License-Identifier: Apache-2.0
//
// A second opinion: what viem makes of fixed inputs, one "name value" a line,
// for viem_test.c to compare. The types, functions and events are taken from
// lease/contracts/src/Escrow.sol itself, so a change there shows here. The
// statements that stay off chain are written out.
//
// Ends with 77 when viem is not installed.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const contracts = new URL('../../lease/contracts/', import.meta.url);
const require = createRequire(new URL('package.json', contracts));
let viem, accounts;
try {
	viem = require('viem');
	accounts = require('viem/accounts');
} catch {
	process.exit(77);
}

const print = (name, value) => console.log(name, value);
const secret = '0x' + '46'.repeat(32);
const account = accounts.privateKeyToAccount(secret);
const pad = (byte, size) => '0x' + byte.toString(16).padStart(2, '0').repeat(size);

// --- what the contract says ---------------------------------------------------
const source = readFileSync(new URL('src/Escrow.sol', contracts), 'utf8')
	.replace(/\/\/.*$/gm, '').replace(/\s+/g, ' ');
const structs = {};
for (const [, name, body] of source.matchAll(/struct (\w+) \{([^}]*)\}/g))
	structs[name] = `struct ${name} {${body}}`;
const abi = viem.parseAbi([
	...['Order', 'Lease', 'Sig', 'Opening', 'Settlement', 'Closing'].map((n) => structs[n]),
	...[...source.matchAll(/(event|error) \w+\([^)]*\);/g)].map((m) => m[0].replace(';', '')),
	...[...source.matchAll(/function (?!_)(\w+)\(([^)]*)\) (?:external|public)/g)]
		.map(([, name, args]) => `function ${name}(${args}) external`)
		.filter((f) => !f.includes('permit(')),
	'function token() external', 'function minWindow() external',
]);
const types = {};
for (const [, name, fields] of source.matchAll(/keccak256\(\s*"(\w+)\(([^"]*)\)"/g))
	types[name] = fields.split(',').map((f) => ({ type: f.split(' ')[0], name: f.split(' ')[1] }));
const offChain = {
	Bid: 'bytes32 order,address provider,uint128 floor,uint128 list,uint64 round,bytes32 salt',
	Usage: 'bytes32 lease,uint64 seq,bytes32 previous,uint32 upTo,uint64 healthySeconds,uint64 cpuMilliSeconds,uint64 memoryMiBSeconds,uint64 storageMiBSeconds,uint64 egressBytes,uint96 amount',
	Provider: 'address provider,string url,bytes32 tlsKey,bytes32 attributes,uint64 seq',
	Audit: 'address auditor,address provider,bytes32 attributes,uint32 expires,uint64 seq',
	Round: 'bytes32 order,uint64 round,bytes32 root,bytes32 key',
};
for (const [name, fields] of Object.entries(offChain))
	types[name] = fields.split(',').map((f) => ({ type: f.split(' ')[0], name: f.split(' ')[1] }));

// --- statements ---------------------------------------------------------------
const domain = { name: 'Gavel', version: '1', chainId: 31337, verifyingContract: pad(0xcc, 20) };
const order = {
	tenant: pad(0x11, 20), group: pad(0x22, 32), maxRate: 123456789012345678901n, baseBps: 3333,
	deposit: (1n << 96n) - 1n, openBy: 1800000000, window: 3600, launch: 600,
	auctioneer: pad(0x33, 20), cosigner: pad(0x44, 20), feeBps: 200, nonce: (1n << 64n) - 2n,
};
const hashOf = (primaryType, message) =>
	viem.hashStruct({ data: message, primaryType, types });
const lease = {
	order: hashOf('Order', order), tenant: order.tenant, provider: pad(0x55, 20),
	auctioneer: order.auctioneer, cosigner: order.cosigner, rate: 100000000000000000001n,
	base: (100000000000000000001n * 3333n + 9999n) / 10000n, deposit: order.deposit,
	openBy: order.openBy, window: order.window, launch: order.launch, feeBps: order.feeBps,
};
const id = hashOf('Lease', lease);
const statements = {
	Order: order,
	Award: { order: lease.order, provider: lease.provider, rate: lease.rate, record: pad(0x66, 32) },
	Lease: lease,
	Voucher: { lease: id, amount: 987654321n, upTo: 1799999999 },
	Release: { lease: id, amount: 987654321n },
	Bid: { order: lease.order, provider: lease.provider, floor: 7n, list: 9n, round: 3n, salt: pad(0x77, 32) },
	Usage: { lease: id, seq: 1n, previous: pad(0, 32), upTo: 1799999999, healthySeconds: 2n,
		cpuMilliSeconds: 3n, memoryMiBSeconds: 4n, storageMiBSeconds: 5n, egressBytes: (1n << 64n) - 1n, amount: 6n },
	Provider: { provider: lease.provider, url: 'https://p.example:8443', tlsKey: pad(0x88, 32), attributes: pad(0x99, 32), seq: 4n },
	Audit: { auditor: lease.tenant, provider: lease.provider, attributes: pad(0x99, 32), expires: 1900000000, seq: 18446744073709551615n },
	Round: { order: lease.order, round: 3n, root: pad(0xaa, 32), key: pad(0xbb, 32) },
};
for (const [primaryType, message] of Object.entries(statements)) {
	const typed = { domain, types, primaryType, message };
	const { r, s, yParity } = viem.parseSignature(await account.signTypedData(typed));
	print(`hash.${primaryType}`, hashOf(primaryType, message));
	print(`digest.${primaryType}`, viem.hashTypedData(typed));
	print(`sig.${primaryType}`, viem.serializeCompactSignature(viem.signatureToCompactSignature({ r, s, yParity })));
}

// --- transactions ---------------------------------------------------------------
const transactions = [
	{ chainId: 31337, nonce: 0, maxPriorityFeePerGas: 1n, maxFeePerGas: 2n, gas: 21000n, to: pad(0x11, 20), value: 0n, data: '0x' },
	{ chainId: 1, nonce: 127, maxPriorityFeePerGas: 1000000000n, maxFeePerGas: (1n << 80n) + 1n, gas: 16777216n, to: pad(0x00, 20), value: 1n << 100n, data: '0x7f' },
	{ chainId: 8453, nonce: 128, maxPriorityFeePerGas: 0n, maxFeePerGas: 255n, gas: 256n, value: 0n, data: pad(0xfe, 300) },
	{ chainId: 11155111, nonce: 65536, maxPriorityFeePerGas: 5n, maxFeePerGas: 5n, gas: 99999n, to: pad(0x22, 20), value: 0n, data: pad(0x00, 55) },
];
for (const [i, tx] of transactions.entries())
	print(`tx.${i}`, await account.signTransaction({ type: 'eip1559', ...tx }));
// Short r and short s occur once in 128 signatures each: enough to meet some.
for (let nonce = 1000; nonce < 1300; nonce++)
	print(`txhash.${nonce}`, viem.keccak256(await account.signTransaction({ type: 'eip1559', ...transactions[0], nonce })));
print('created.0', viem.getContractAddress({ from: account.address, nonce: 0n }));
print('created.300', viem.getContractAddress({ from: account.address, nonce: 300n }));

// --- calls ----------------------------------------------------------------------
const sig = (byte) => ({ r: pad(byte, 32), vs: pad(byte + 1, 32) });
const opening = { order, lease, tenantSig: sig(1), providerSig: sig(3), auctioneerSig: sig(5), record: pad(0x66, 32) };
const settlement = { lease, amount: 987654321n, upTo: 1799999999, payerSig: sig(1), providerSig: sig(3) };
const closing = { lease, amount: 987654321n, upTo: 1799999999, payerSig: sig(1), releaseSig: sig(3) };
const calls = {
	open: [opening], openMany: [[opening, opening]], settleMany: [[settlement, settlement, settlement]],
	closeMany: [[closing]], voidLease: [order, lease], deposit: [order.tenant, 5n], withdraw: [order.tenant, 6n],
	topUp: [lease, 7n], claim: [lease, 8n], cancel: [9n], stop: [lease], finish: [lease], expire: [lease],
	leaseState: [id], claimOf: [id], startOf: [id], nonceUsed: [order.tenant, 10n],
	token: [], minWindow: [], domainSeparator: [],
};
for (const [functionName, args] of Object.entries(calls))
	print(`call.${functionName}`, viem.encodeFunctionData({ abi, functionName, args }));
print('call.settleNone', viem.encodeFunctionData({ abi, functionName: 'settleMany', args: [[]] }));
const erc20 = viem.erc20Abi;
print('call.approve', viem.encodeFunctionData({ abi: erc20, functionName: 'approve', args: [order.tenant, 11n] }));
print('call.transfer', viem.encodeFunctionData({ abi: erc20, functionName: 'transfer', args: [order.tenant, 12n] }));
print('call.balanceOf', viem.encodeFunctionData({ abi: erc20, functionName: 'balanceOf', args: [order.tenant] }));

// --- events: every one the contract has, its k-th field filled with k -------------
const filled = { address: (k) => pad(k, 20), bytes32: (k) => pad(k, 32), bytes4: (k) => pad(k, 4) };
for (const event of abi.filter((item) => item.type === 'event')) {
	const args = {}, data = [];
	event.inputs.forEach((input, k) => {
		args[input.name] = filled[input.type]?.(k + 1) ?? (input.type === 'uint32' ? k + 1 : BigInt(k + 1));
		if (!input.indexed)
			data.push(args[input.name]);
	});
	const topics = viem.encodeEventTopics({ abi, eventName: event.name, args });
	print(`event.${event.name}`, topics.join(',') + ' ' +
		viem.encodeAbiParameters(event.inputs.filter((i) => !i.indexed), data));
}
for (const error of abi.filter((item) => item.type === 'error'))
	print(`error.${error.name}`, viem.toFunctionSelector(`${error.name}()`));
