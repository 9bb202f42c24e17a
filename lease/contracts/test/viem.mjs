// SPDX-License-Identifier: Apache-2.0
// Signs one of each statement with viem, an implementation that shares nothing
// with ours, and prints what the C code and the contract must come to as well:
// { domain, statements: [{ type, message, signer, structHash, digest, signature }] }.
// Values are fixed, signatures are deterministic (RFC 6979): the output never changes.
import { hashStruct, hashTypedData, keccak256, recoverTypedDataAddress, toHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const domain = {
	name: "Gavel",
	version: "1",
	chainId: 31337,
	verifyingContract: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
};

// "address tenant,bytes32 group" -> [{ type, name }]
const fields = (text) =>
	text.split(",").map((field) => {
		const [type, name] = field.split(" ");
		return { type, name };
	});

const types = {
	Order: fields("address tenant,bytes32 group,uint128 maxRate,uint16 baseBps,uint96 deposit,uint32 openBy," +
		"uint32 window,uint32 launch,address auctioneer,address cosigner,uint16 feeBps,uint64 nonce"),
	Award: fields("bytes32 order,address provider,uint128 rate,bytes32 record"),
	Lease: fields("bytes32 order,address tenant,address provider,address auctioneer,address cosigner," +
		"uint128 rate,uint128 base,uint96 deposit,uint32 openBy,uint32 window,uint32 launch,uint16 feeBps"),
	Voucher: fields("bytes32 lease,uint96 amount,uint32 upTo"),
	Release: fields("bytes32 lease,uint96 amount"),
};

// Devnet accounts 0 to 3 of the well-known test mnemonic.
const tenant = privateKeyToAccount("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
const provider = privateKeyToAccount("0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d");
const auctioneer = privateKeyToAccount("0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a");
const cosigner = privateKeyToAccount("0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6");

const hash = (primaryType, message) => hashStruct({ types, primaryType, data: message });

const order = {
	tenant: tenant.address,
	group: keccak256(toHex("group")),
	maxRate: 4_000_000_000n,
	baseBps: 4000,
	deposit: 1_000_000n,
	openBy: 1_800_000_300,
	window: 600,
	launch: 120,
	auctioneer: auctioneer.address,
	cosigner: cosigner.address,
	feeBps: 250,
	nonce: 7n,
};
const rate = 3_500_000_001n;
const award = {
	order: hash("Order", order),
	provider: provider.address,
	rate,
	record: keccak256(toHex("transcript")),
};
const lease = {
	order: award.order,
	tenant: order.tenant,
	provider: provider.address,
	auctioneer: order.auctioneer,
	cosigner: order.cosigner,
	rate,
	base: (rate * 4000n + 9999n) / 10000n,
	deposit: order.deposit,
	openBy: order.openBy,
	window: order.window,
	launch: order.launch,
	feeBps: order.feeBps,
};
const id = hash("Lease", lease);
const voucher = { lease: id, amount: 350n, upTo: 1_800_000_100 };
const release = { lease: id, amount: 350n };

async function statement(primaryType, message, account) {
	const typed = { domain, types, primaryType, message };
	const signature = await account.signTypedData(typed);

	if ((await recoverTypedDataAddress({ ...typed, signature })) !== account.address)
		throw new Error(`${primaryType}: recovers to somebody else`);
	return {
		type: primaryType,
		message,
		signer: account.address,
		structHash: hash(primaryType, message),
		digest: hashTypedData(typed),
		signature,
	};
}

const statements = [
	await statement("Order", order, tenant),
	await statement("Award", award, auctioneer),
	await statement("Lease", lease, provider),
	await statement("Voucher", voucher, cosigner),
	await statement("Release", release, provider),
];
console.log(JSON.stringify({ domain, statements }, (_, v) => (typeof v === "bigint" ? String(v) : v), 1));
