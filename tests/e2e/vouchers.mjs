// SPDX-License-Identifier: Apache-2.0
// vouchers.mjs MARKET LEASE SECRET - a payer's word as a program that is not ours gives it
// to the provider's gateway: wrong, of others, replayed, out of order, huge and half.
// Only the latest reading, signed by the payer, is taken, and twice is once. SECRET: the
// tenant's private key. TAP.
import { createRequire } from "node:module";
import https from "node:https";
const require = createRequire(new URL("../../lease/contracts/package.json", import.meta.url));
const { sha256, toBytes, signatureToCompactSignature, parseSignature } = require("viem");
const { privateKeyToAccount, generatePrivateKey } = require("viem/accounts");

const [market, leaseId, secret] = process.argv.slice(2);
let n = 0, bad = 0;
const ok = (pass, what, detail) => {
	console.log(`${pass ? "" : "not "}ok ${++n} - ${what}`);
	if (!pass) { bad++; console.log(`# ${JSON.stringify(detail)}`); }
};
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const json = async (path) => (await fetch(market + path)).json();
const info = await json("/.well-known/gavel");
const lease = await json(`/v1/leases/${leaseId}`);
const provider = await json(`/v1/providers/${lease.provider}`);
const gateway = new URL(provider.record.url);
const tenant = privateKeyToAccount(secret), stranger = privateKeyToAccount(generatePrivateKey());

// The gateway is known by its key, not by a name: not what is looked at here.
const agent = new https.Agent({ rejectUnauthorized: false });
function ask(method, path, headers, body, half) {
	return new Promise((done) => {
		const r = https.request({ host: gateway.hostname, port: gateway.port, path, method, agent,
			headers: { ...headers, ...(body === undefined ? {} : { "Content-Type": "application/json",
				"Content-Length": half ? body.length + 100 : Buffer.byteLength(body) }) } }, (answer) => {
			let text = "";
			answer.on("data", (d) => { text += d; });
			answer.on("end", () => {
				let doc = {};
				try { doc = JSON.parse(text); } catch { /* no document of ours */ }
				done({ status: answer.statusCode, code: doc.code, doc });
			});
		});
		r.on("error", (e) => done({ status: 0, code: e.code }));
		if (body !== undefined) r.write(body);
		if (half) setTimeout(() => r.destroy(), 300);
		else r.end();
	});
}
const b64 = (x) => Buffer.from(x).toString("base64url");
async function token(who, change = {}) {
	const now = Math.floor(Date.now() / 1000);
	const input = `${b64(JSON.stringify({ alg: "ES256K", typ: "JWT" }))}.${b64(JSON.stringify({ iss: who.address,
		aud: lease.provider, nbf: now - 10, exp: now + 600, scope: ["status"], ...change }))}`;
	const sig = await who.sign({ hash: sha256(toBytes(input)) });
	return { Authorization: `Bearer ${input}.${b64(Buffer.from(sig.slice(2, 130), "hex"))}` };
}
const fields = [["lease", "bytes32"], ["amount", "uint96"], ["upTo", "uint32"]].map(([name, type]) => ({ name, type }));
async function sign(who, usage, change = {}) {
	const sig = await who.signTypedData({ domain: { name: "Gavel", version: "1", chainId: info.chain_id,
		verifyingContract: info.escrow, ...change }, types: { Voucher: fields }, primaryType: "Voucher",
	message: { lease: usage.lease, amount: BigInt(usage.amount), upTo: usage.upTo } });
	const c = signatureToCompactSignature(parseSignature(sig));
	return c.r + c.yParityAndS.slice(2);
}
const usagePath = `/v1/leases/${lease.hash}/usage`, path = `/v1/leases/${lease.hash}/vouchers`;
const mine = await token(tenant);
const reading = async () => (await ask("GET", usagePath, mine)).doc;
const give = (body, headers = mine, where = path) =>
	ask("POST", where, headers, typeof body === "string" ? body : JSON.stringify(body));
const kept = async () => (await json(`/v1/leases/${leaseId}`)).voucher?.amount ?? "0";

const first = (await reading()).usage;
ok(first?.seq >= 1, "the payer sees the reading", first);
const before = await kept();
const refused = async (what, body, status, code, headers, where) => {
	const r = await give(body, headers, where);
	ok([status].flat().includes(r.status) && (!code || r.code === code), `${what}: ${r.status} ${r.code ?? ""}`, r);
};

// --- whose word it is ---------------------------------------------------------------
const sig = await sign(tenant, first);
await refused("without a token", { usage: first, payer_sig: sig }, 403, "token_missing", {});
const theirs = await token(stranger);
const none = `/v1/leases/0x${"ee".repeat(32)}/vouchers`;
await refused("a stranger", { usage: first, payer_sig: await sign(stranger, first) }, 404, "lease_not_found", theirs);
await refused("as of a lease that is not there", { usage: first, payer_sig: sig }, 404, "lease_not_found", mine, none);
await refused("a stranger's signature in the tenant's hand", { usage: first, payer_sig: await sign(stranger, first) },
	404, "lease_not_found");
await refused("the tenant's in a stranger's hand", { usage: first, payer_sig: sig }, [403, 404], undefined, theirs);
await refused("a token for another provider", { usage: first, payer_sig: sig }, 403, "token_bad",
	await token(tenant, { aud: info.market }));
await refused("for another lease", { usage: first, payer_sig: sig }, 404, "lease_not_found",
	await token(tenant, { lease: "0x" + "11".repeat(32) }));
await refused("that is over", { usage: first, payer_sig: sig }, 403, "token_expired",
	await token(tenant, { nbf: 1000000000, exp: 1000000600 }));
await refused("for this chain's neighbour", { usage: first, payer_sig: await sign(tenant, first, { chainId: 1 }) },
	404, "lease_not_found");
await refused("for another contract", { usage: first, payer_sig: await sign(tenant, first,
	{ verifyingContract: lease.provider }) }, 404, "lease_not_found");
await refused("of zeros", { usage: first, payer_sig: "0x" + "00".repeat(64) }, [400, 401, 403, 422]);
await refused("of one byte too few", { usage: first, payer_sig: sig.slice(0, -2) }, [400, 422]);
const high = "0x" + sig.slice(2, 66) + (((1n << 255n) * BigInt(BigInt("0x" + sig.slice(66)) >> 255n === 0n ? 1 : 0)) |
	(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n -
	(BigInt("0x" + sig.slice(66)) & ((1n << 255n) - 1n)))).toString(16).padStart(64, "0");
await refused("its other s", { usage: first, payer_sig: high }, [400, 401, 403, 404, 422]);

// --- what it says ---------------------------------------------------------------------
for (const [what, change] of [["a unit less", { amount: `${BigInt(first.amount) - 1n}` }],
	["a unit more", { amount: `${BigInt(first.amount) + 1n}` }], ["a second more", { upTo: first.upTo + 1 }],
	["another number", { seq: first.seq + 1000 }], ["less use", { healthySeconds: 0 }]]) {
	const usage = { ...first, ...change };
	if (BigInt(usage.amount) < 0n) continue;
	await refused(what, { usage, payer_sig: await sign(tenant, usage) }, 409, "voucher_mismatch");
}
const other = { ...first, lease: "0x" + "22".repeat(32) };
await refused("of another lease", { usage: other, payer_sig: await sign(tenant, other) }, 409, "voucher_mismatch");
await refused("an amount beyond 96 bits", { usage: { ...first, amount: "79228162514264337593543950336" },
	payer_sig: sig }, [400, 422]);
await refused("a negative one", { usage: { ...first, amount: "-1" }, payer_sig: sig }, [400, 422]);
await refused("a member too many", { usage: { ...first, more: 1 }, payer_sig: sig }, [400, 422]);
await refused("one too few", { payer_sig: sig }, [400, 422]);
await refused("a megabyte", `{"usage":"${"x".repeat(1 << 20)}"}`, [0, 400, 413]);
await refused("no JSON", "{", 400);
await refused("nested beyond reason", "[".repeat(5000) + "]".repeat(5000), 413, "too_big");
ok((await ask("POST", path, mine, '{"usage":', true)).status === 0, "half a body is not answered");
ok(await kept() === before, "and nothing of it was taken", [before, await kept()]);

// --- the right one ----------------------------------------------------------------------
// The meter reads on: it may have moved between the question and the answer.
async function right() {
	for (let i = 0; i < 20; i++) {
		const usage = (await reading()).usage, body = { usage, payer_sig: await sign(tenant, usage) };
		const r = await give(body);
		if (r.status === 201) return { usage, body };
	}
	return undefined;
}
const taken = await right();
ok(taken !== undefined, "the latest is taken", taken);
const again = await give(taken.body);
ok(again.status === 201 || again.code === "voucher_mismatch", "twice is once, or overtaken", again);
for (let i = 0; i < 50 && BigInt(await kept()) < BigInt(taken.usage.amount); i++) await sleep(100);
ok(await kept() === taken.usage.amount, "the market has it", [taken.usage.amount, await kept()]);
await sleep(2500);
const later = await right();
ok(BigInt(later.usage.amount) >= BigInt(taken.usage.amount) && later.usage.seq > taken.usage.seq, "and a later one",
	[taken.usage, later?.usage]);
await refused("the one before, after it", taken.body, 409, "voucher_mismatch");
for (let i = 0; i < 50 && await kept() !== later.usage.amount; i++) await sleep(100);
ok(await kept() === later.usage.amount, "the later one stays", [later.usage.amount, await kept()]);
console.log(`1..${n}`);
process.exit(bad === 0 ? 0 : 1);
