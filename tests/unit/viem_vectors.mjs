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
	...['Order', 'Lease', 'Sig', 'Match', 'Payment', 'Bid', 'Usage', 'Round'].map((n) => structs[n]),
	...[...source.matchAll(/(event|error) \w+\([^)]*\);/g)].map((m) => m[0].replace(';', '')),
	...[...source.matchAll(/function (?!_)(\w+)\(([^)]*)\) (?:external|public)/g)]
		.map(([, name, args]) => `function ${name}(${args}) external`)
		.filter((f) => !f.includes('permit(')),
	'function token() external', 'function minWindow() external',
]);
const types = {};
for (const [, name, fields] of source.matchAll(/keccak256\(\s*"(\w+)\(([^"]*)\)"/g))
	types[name] = fields.split(')')[0].split(',').map((f) => ({ type: f.split(' ')[0], name: f.split(' ')[1] }));
const offChain = {
	Provider: 'address provider,string url,bytes32 tlsKey,bytes32 attributes,uint64 seq',
	Audit: 'address auditor,address provider,bytes32 attributes,uint32 expires,uint64 seq',
	Choice: 'bytes32 order,uint64 round,address provider',
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
	Statement: { vouchers: [{ lease: id, amount: 987654321n, upTo: 1799999999 }, { lease: lease.order, amount: 2n, upTo: 3 }] },
	Bid: { order: lease.order, provider: lease.provider, floor: 7n, list: 9n, round: 3n, salt: pad(0x77, 32) },
	Usage: { lease: id, seq: 1n, previous: pad(0, 32), upTo: 1799999999, healthySeconds: 2n,
		cpuMilliSeconds: 3n, memoryMiBSeconds: 4n, storageMiBSeconds: 5n, egressBytes: (1n << 64n) - 1n, amount: 6n },
	Provider: { provider: lease.provider, url: 'https://p.example:8443', tlsKey: pad(0x88, 32), attributes: pad(0x99, 32), seq: 4n },
	Audit: { auditor: lease.tenant, provider: lease.provider, attributes: pad(0x99, 32), expires: 1900000000, seq: 18446744073709551615n },
	Choice: { order: lease.order, round: 3n, provider: lease.provider },
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
const flat = (byte) => viem.concat([sig(byte).r, sig(byte).vs]);
const match = { provider: lease.provider, rate: lease.rate, record: pad(0x66, 32), tenantSig: flat(1), providerSig: flat(3), auctioneerSig: flat(5) };
const payment = { amount: 987654321n, upTo: 1799999999, payerSig: flat(1), providerSig: flat(3) };
// Batches, as the contract's comment lays them out.
const packed = (types, values) => viem.encodePacked(types.split(' '), values);
const head = (flags, count, more = '0x') => viem.concat([
	packed('uint8 uint16 uint16 uint16 uint32 uint32 address address address', [flags, count, order.baseBps, lease.feeBps,
		lease.window, lease.launch, lease.provider, lease.auctioneer, lease.cosigner]), more]);
const opening = viem.concat([packed('bytes32 address uint128 uint128 uint64 uint96 uint32', [order.group, order.tenant,
	lease.rate, order.maxRate, order.nonce, order.deposit, order.openBy]), flat(1), flat(3), pad(0x66, 32), flat(5)]);
const paying = packed('bytes32 address uint128 uint96 uint32 uint96 uint32', [lease.order, lease.tenant, lease.rate,
	lease.deposit, lease.openBy, 987654321n, 1799999999]);
const settlement = viem.concat([paying, flat(1), flat(3)]);
const bids = [1, 2].map((k) => ({ ...statements.Bid, floor: BigInt(k) }));
const usages = [1, 2].map((k) => ({ ...statements.Usage, amount: BigInt(k) }));
const rounds = [1, 2].map((k) => ({ ...statements.Round, root: pad(k, 32) }));
const calls = {
	open: [order, match], settle: [lease, payment], close: [lease, { ...payment, payerSig: '0x' }],
	openMany: [viem.concat([head(4 + 16, 2), opening, opening])],
	settleMany: [viem.concat([head(4, 3), settlement, settlement, settlement])],
	closeMany: [viem.concat([head(4, 1), settlement])],
	voidLease: [order, lease.provider, lease.rate], deposit: [order.tenant, 5n], withdraw: [order.tenant, 6n],
	topUp: [lease, 7n], claim: [lease, 8n], cancel: [9n], stop: [lease], finish: [lease], expire: [lease],
	setKey: [lease, order.tenant, 11n, 12], bond: [13n], unbond: [14n], reclaim: [],
	slashBids: [order, ...bids, sig(1), sig(3)], slashUsages: [lease, ...usages, sig(1), sig(3)],
	slashRounds: [order, ...rounds, sig(1), sig(3)],
	leaseState: [id], claimOf: [id], startOf: [id], nonceUsed: [order.tenant, 10n], nextNonce: [order.tenant],
	bondOf: [order.tenant], keyOf: [id, order.tenant], token: [], minWindow: [], domainSeparator: [],
};
for (const [functionName, args] of Object.entries(calls))
	print(`call.${functionName}`, viem.encodeFunctionData({ abi, functionName, args }));
const others = {
	settleNone: '0x',
	// One entry is the provider's to send, and its group another.
	settleMixed: viem.concat([head(4, 2), settlement, settlement, head(2, 1), paying]),
	settleStatement: viem.concat([head(1 + 8, 2, viem.concat([order.tenant, flat(1), flat(3)])), paying, paying]),
	settleStatementSent: viem.concat([head(1, 1, viem.concat([order.tenant, flat(1)])), paying]),
};
for (const [name, batch] of Object.entries(others))
	print(`call.${name}`, viem.encodeFunctionData({ abi, functionName: 'settleMany', args: [batch] }));
const erc20 = viem.erc20Abi;
print('call.approve', viem.encodeFunctionData({ abi: erc20, functionName: 'approve', args: [order.tenant, 11n] }));
print('call.transfer', viem.encodeFunctionData({ abi: erc20, functionName: 'transfer', args: [order.tenant, 12n] }));
print('call.balanceOf', viem.encodeFunctionData({ abi: erc20, functionName: 'balanceOf', args: [order.tenant] }));

// --- events: every one the contract has, its k-th field filled with k -------------
const lists = {
	Opened: packed('bytes32 bytes32 address uint128 uint96', [pad(4, 32), pad(5, 32), pad(6, 20), 7n, 8n]),
	Settled: packed('bytes32 uint96 uint96 uint32', [pad(4, 32), 30000n, 10001n, 8]),
	Closed: packed('bytes32 address uint96 uint96 uint96 uint32', [pad(4, 32), pad(6, 20), 30000n, 10001n, 9n, 8]),
};
const filled = { address: (k) => pad(k, 20), bytes32: (k) => pad(k, 32), bytes4: (k) => pad(k, 4) };
for (const event of abi.filter((item) => item.type === 'event')) {
	const args = {}, data = [];
	event.inputs.forEach((input, k) => {
		args[input.name] = input.name === 'leases' ? viem.concat([lists[event.name], lists[event.name]])
			: input.name === 'feeBps' ? 250
			: filled[input.type]?.(k + 1) ?? (input.type === 'uint32' ? k + 1 : BigInt(k + 1));
		if (!input.indexed)
			data.push(args[input.name]);
	});
	const topics = viem.encodeEventTopics({ abi, eventName: event.name, args });
	print(`event.${event.name}`, topics.join(',') + ' ' +
		viem.encodeAbiParameters(event.inputs.filter((i) => !i.indexed), data));
}
for (const error of abi.filter((item) => item.type === 'error'))
	print(`error.${error.name}`, viem.toFunctionSelector(`${error.name}()`));
