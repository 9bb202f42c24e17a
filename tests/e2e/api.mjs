// SPDX-License-Identifier: Apache-2.0
// api.mjs MARKET RPC - the REST API as a stranger's client sees it: viem signs,
// nothing of ours is used. Wrong, huge, replayed and late requests each get
// their own answer; an order whose tenant has gone gives its deposit back. TAP.
import { createRequire } from "node:module";
const require = createRequire(new URL("../../lease/contracts/package.json", import.meta.url));
const { createWalletClient, createPublicClient, http, keccak256, sha256, toBytes, toHex, parseAbi,
	signatureToCompactSignature, parseSignature } = require("viem");
const { privateKeyToAccount, generatePrivateKey } = require("viem/accounts");

const { hsalsa, secretbox } = require("@noble/ciphers/salsa");
const { x25519 } = require("@noble/curves/ed25519");
const { blake2b } = require("@noble/hashes/blake2");
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; // gateways are known by their key, not by a name

const [market, rpc] = process.argv.slice(2);
let n = 0, bad = 0;
const ok = (pass, what, detail) => {
	console.log(`${pass ? "" : "not "}ok ${++n} - ${what}`);
	if (!pass) { bad++; console.log(`# ${JSON.stringify(detail)}`); }
};
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

const info = await (await fetch(`${market}/.well-known/gavel`)).json();
const chain = { id: info.chain_id, name: "devnet", nativeCurrency: { name: "x", symbol: "x", decimals: 18 },
	rpcUrls: { default: { http: [rpc] } } };
const pub = createPublicClient({ chain, transport: http(rpc) });
const types = { Order: [["tenant", "address"], ["group", "bytes32"], ["maxRate", "uint128"], ["baseBps", "uint16"],
	["deposit", "uint96"], ["openBy", "uint32"], ["window", "uint32"], ["launch", "uint32"],
	["auctioneer", "address"], ["cosigner", "address"], ["feeBps", "uint16"], ["nonce", "uint64"]],
	Provider: [["provider", "address"], ["url", "string"], ["tlsKey", "bytes32"], ["attributes", "bytes32"],
		["seq", "uint64"]],
	Audit: [["auditor", "address"], ["provider", "address"], ["attributes", "bytes32"],
		["expires", "uint32"], ["seq", "uint64"]] };
for (const t in types) types[t] = types[t].map(([name, type]) => ({ name, type }));
const domain = { name: "Gavel", version: "1", chainId: info.chain_id, verifyingContract: info.escrow };
const compact = (sig) => {
	const c = signatureToCompactSignature(parseSignature(sig));
	return c.r + c.yParityAndS.slice(2);
};

async function account(deposit) {
	const who = privateKeyToAccount(generatePrivateKey());
	await pub.request({ method: "anvil_setBalance", params: [who.address, toHex(10n ** 20n)] });
	if (deposit) {
		const wallet = createWalletClient({ account: who, chain, transport: http(rpc) });
		const call = async (address, abi, functionName, args) => pub.waitForTransactionReceipt({
			hash: await wallet.writeContract({ address, abi: parseAbi(abi), functionName, args }) });
		await call(info.token.address, ["function mint(address,uint256)"], "mint", [who.address, deposit]);
		await call(info.token.address, ["function approve(address,uint256) returns (bool)"], "approve",
			[info.escrow, deposit]);
		await call(info.escrow, ["function deposit(address,uint96)"], "deposit", [who.address, deposit]);
		for (let i = 0; i < 100; i++) {
			const a = await (await fetch(`${market}/v1/accounts/${who.address}`)).json();
			if (BigInt(a.free) >= deposit) break;
			await sleep(50);
		}
	}
	return who;
}

const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
function id(prefix) {
	let ms = Date.now(), head = "";
	for (let i = 0; i < 10; i++) { head = letters[ms % 32] + head; ms = Math.floor(ms / 32); }
	let tail = "";
	for (let i = 0; i < 16; i++) tail += letters[Math.floor(Math.random() * 32)];
	return `${prefix}_${head}${tail}`;
}

const group = (manifest = "0x" + "11".repeat(32)) => ({ name: "x", billing: "metered",
	services: [{ name: "web", count: 1, resources: { cpu_milli: 100, memory_bytes: 33554432,
		storage_bytes: 33554432, gpus: 0, endpoints: 1 } }],
	attributes: [{ key: "region", value: "eu-west" }], signed_by: [], manifest });
async function order(who, change = {}, opts = {}) {
	const g = opts.group ?? group();
	const terms = { tenant: who.address, group: keccak256(toBytes(JSON.stringify(g))), maxRate: 10n ** 12n,
		baseBps: 5000, deposit: 1000000n, openBy: Math.floor(Date.now() / 1000) + 120,
		window: info.rules.window_min_s, launch: info.rules.launch_s * 2, auctioneer: info.market,
		cosigner: "0x" + "00".repeat(20), feeBps: info.rules.fee_bps,
		nonce: BigInt(Math.floor(Math.random() * 2 ** 50)), ...change };
	const sig = await who.signTypedData({ domain: { ...domain, ...opts.domain }, types, primaryType: "Order",
		message: terms });
	const text = { ...terms, maxRate: `${terms.maxRate}`, deposit: `${terms.deposit}`, nonce: Number(terms.nonce) };
	return { id: id("ord"), terms: text, sig: compact(sig), group: g, ...opts.extra };
}
async function post(path, body, headers = {}) {
	const r = await fetch(market + path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body),
		headers: { "Content-Type": "application/json", ...headers } });
	const text = await r.text();
	let doc = {};
	try { doc = JSON.parse(text); } catch { /* not a document of ours */ }
	return { status: r.status, code: doc.code, doc, headers: r.headers, pointer: doc.errors?.[0]?.pointer };
}
const b64 = (x) => Buffer.from(x).toString("base64url");
async function token(who, aud = info.market, scope = "provider") {
	const now = Math.floor(Date.now() / 1000);
	const input = `${b64(JSON.stringify({ alg: "ES256K", typ: "JWT" }))}.${b64(JSON.stringify({ iss: who.address,
		aud, nbf: now - 10, exp: now + 600, scope: [scope] }))}`;
	const sig = await who.sign({ hash: sha256(toBytes(input)) });
	return { Authorization: `Bearer ${input}.${b64(Buffer.from(sig.slice(2, 130), "hex"))}` };
}
// libsodium's crypto_box_seal: ephemeral X25519, nonce of both keys, XSalsa20-Poly1305.
function sealed(key, text) {
	const secret = x25519.utils.randomPrivateKey(), mine = x25519.getPublicKey(secret);
	const theirs = Buffer.from(key.slice(2), "hex");
	const words = (b) => new Uint32Array(new Uint8Array(b).buffer);
	const sigma = words(Buffer.from("expand 32-byte k")), out = new Uint32Array(8);
	hsalsa(sigma, words(x25519.getSharedSecret(secret, theirs)), words(new Uint8Array(16)), out);
	const nonce = blake2b(Buffer.concat([mine, theirs]), { dkLen: 24 });
	const box = secretbox(new Uint8Array(out.buffer), nonce).seal(Buffer.from(text));
	return Buffer.concat([mine, box]).toString("base64");
}
async function bidText(who, terms, signer = who) {
	const sig = await signer.signTypedData({ domain, types: { Bid: [["order", "bytes32"], ["provider", "address"],
		["floor", "uint128"], ["list", "uint128"], ["round", "uint64"], ["salt", "bytes32"]]
		.map(([name, type]) => ({ name, type })) }, primaryType: "Bid", message: terms });
	return JSON.stringify({ terms: { ...terms, floor: `${terms.floor}`, list: `${terms.list}`,
		round: Number(terms.round) }, sig: compact(sig) });
}
const place = (body, key) => post("/v1/orders", body, { "Idempotency-Key": key ?? body.id ?? "k" });
const refused = async (what, body, status, code, pointer) => {
	const r = await place(body);
	ok(r.status === status && r.code === code && (!pointer || r.pointer === pointer), `${what}: ${status} ${code}`,
		[r.status, r.doc]);
};

const rich = await account(5000000n), poor = await account(0n);

// --- orders that are wrong ---------------------------------------------------
const good = await order(rich);
await refused("another's signature", { ...good, sig: (await order(poor)).sig }, 403, "signature_bad");
await refused("a signature for another chain", await order(rich, {}, { domain: { chainId: 1 } }), 403, "signature_bad");
await refused("a signature for another contract",
	await order(rich, {}, { domain: { verifyingContract: info.token.address } }), 403, "signature_bad");
await refused("an order changed after signing", { ...good, terms: { ...good.terms, deposit: "999999" } }, 403,
	"signature_bad");
await refused("expired", await order(rich, { openBy: Math.floor(Date.now() / 1000) - 5 }), 422, "order_expired",
	"/terms/openBy");
await refused("above its funds", await order(rich, { deposit: 6000000n }), 402, "funds_short", "/terms/deposit");
await refused("no funds at all", await order(poor), 402, "funds_short");
await refused("another group than signed", { ...good, group: group("0x" + "22".repeat(32)) }, 422, "group_mismatch");
await refused("another market", await order(rich, { auctioneer: rich.address }), 422, "order_terms", "/terms/auctioneer");
await refused("another fee", await order(rich, { feeBps: 7 }), 422, "order_terms", "/terms/feeBps");
await refused("maximum of zero", await order(rich, { maxRate: 0n }), 422, "order_terms", "/terms/maxRate");
await refused("a window of a second", await order(rich, { window: 1 }), 422, "order_terms", "/terms/window");
await refused("unknown field", { ...good, colour: "red" }, 400, "field_unknown", "/colour");
await refused("unknown field inside", { ...good, terms: { ...good.terms, x: 1 } }, 400, "field_unknown", "/terms/x");
await refused("missing field", { ...good, sig: undefined }, 422, "field_missing", "/sig");
await refused("number as a string", { ...good, care_hours: "1" }, 422, "field_type", "/care_hours");
await refused("deposit as a float", { ...good, terms: { ...good.terms, deposit: "1.5" } }, 422, "field_type");
await refused("deposit beyond 96 bits", { ...good, terms: { ...good.terms, deposit: "9".repeat(40) } }, 422, "field_type");
await refused("address with a wrong checksum", { ...good, terms: { ...good.terms, auctioneer:
	"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359".replace("f", "F") } }, 422, "field_type", "/terms/auctioneer");
{
	let r = await place(JSON.stringify(good).replace('"sig"', '"sig":"0x00","sig"'), "dup");
	ok(r.status === 400 && r.code === "field_duplicate", "the same field twice: 400 field_duplicate", r.doc);
	r = await place("{", "half");
	ok(r.status === 400 && r.code === "json_syntax", "half a document: 400 json_syntax", r.doc);
	r = await place("[".repeat(5000), "deep");
	ok(r.code === "too_big", "five thousand brackets: too_big", r.doc);
	r = await place(JSON.stringify({ ...good, pad: "x".repeat(400000) }), "big").catch(() => ({ status: 413 }));
	ok(r.status === 413, "400 kB: 413", r.status);
	r = await post("/v1/orders", good);
	ok(r.status === 422 && r.code === "idempotency_key_missing", "no Idempotency-Key: 422", r.doc);
}
{
	const r = await fetch(`${market}/v1/nothing`), d = await r.json();
	ok(r.status === 404 && d.code === "no_such_path", "an unknown path: 404 no_such_path", d);
	const m = await fetch(`${market}/v1/orders`, { method: "PUT" });
	ok(m.status === 405, "a wrong method: 405", m.status);
	const o = await fetch(`${market}/v1/orders/ord_x`);
	ok(o.status === 404, "a malformed id: 404", o.status);
	ok(/^req_/.test(r.headers.get("request-id")), "every answer has a Request-Id", r.headers.get("request-id"));
}

// --- an order that is right, again and again ----------------------------------
{
	const slow = await order(rich, {}, { extra: { window_ms: 1500 } });
	let r = await place(slow, "first-key");
	ok(r.status === 201, "a good order: 201", r.doc);
	r = await place(slow, "first-key");
	ok(r.status === 201 && r.headers.get("idempotency-replayed") === "true", "the same again: the same answer", r.doc);
	const twin = await order(rich, { nonce: BigInt(slow.terms.nonce), deposit: 1000001n });
	r = await place(twin);
	ok(r.status === 409 && r.code === "nonce_used", "another order with its nonce: 409 nonce_used", r.doc);
	r = await place(await order(rich), "first-key");
	ok(r.status === 409 && r.code === "exists_different", "another order with its key: 409 exists_different", r.doc);
	const parallel = await Promise.all(Array.from({ length: 8 }, () => place(slow, "first-key")));
	ok(parallel.every((p) => p.status === 201), "eight at once: one order", parallel.map((p) => p.status));

	// --- bids of a provider made here -------------------------------------
	const dc = await account(0n);
	const attributes = [{ key: "region", value: "eu-west" }];
	const bid = { id: id("bid"), order: slow.id, round: 1, provider: dc.address, envelope: "AAAA" };
	const auth = await token(dc);
	r = await post("/v1/bids", bid);
	ok(r.status === 403 && r.code === "token_missing", "a bid without a token: 403 token_missing", r.doc);
	r = await post("/v1/bids", bid, await token(poor));
	ok(r.status === 403 && r.code === "provider_other", "a bid in another's name: 403 provider_other", r.doc);
	r = await post("/v1/bids", bid, auth);
	ok(r.status === 403 && r.code === "provider_unknown", "a bid before registering: 403 provider_unknown", r.doc);
	const record = { provider: dc.address, url: "https://127.0.0.1:1", tlsKey: "0x" + "33".repeat(32),
		attributes: keccak256(toBytes(JSON.stringify({ attributes }))), seq: 1n };
	const signed = { terms: { ...record, seq: 1 }, attributes, sig: compact(await dc.signTypedData({ domain, types,
		primaryType: "Provider", message: record })) };
	r = await post("/v1/providers", { ...signed, attributes: [{ key: "region", value: "mars" }] });
	ok(r.code === "attributes_mismatch", "attributes other than signed: attributes_mismatch", r.doc);
	r = await post("/v1/providers", { ...signed, sig: slow.sig });
	ok(r.code === "signature_bad", "a record signed by another: signature_bad", r.doc);
	r = await post("/v1/providers", signed);
	ok(r.status === 200, "a provider registers", r.doc);
	r = await post("/v1/bids", { ...bid, order: id("ord") }, auth);
	ok(r.status === 404, "a bid for no order: 404", r.doc);
	// Three more of ours, to be invited: for another order's bid, another's signature, and a good one.
	const others = [];
	for (let i = 0; i < 3; i++) {
		const p = await account(0n), rec = { ...record, provider: p.address };
		await post("/v1/providers", { terms: { ...rec, seq: 1 }, attributes, sig: compact(await p.signTypedData({ domain,
			types, primaryType: "Provider", message: rec })) });
		others.push(p);
	}
	const late = await order(rich, {}, { extra: { window_ms: 4000 } });
	await place(late);
	for (let i = 0; i < 50; i++) {
		const o = await (await fetch(`${market}/v1/orders/${late.id}`)).json();
		if (o.state === "bidding") break;
		await sleep(10);
	}
	const mine = { ...bid, id: id("bid"), order: late.id, envelope: "AAAABBBBCCCC" };
	r = await post("/v1/bids", { ...mine, round: 7 }, auth);
	ok(r.code === "round_other", "a bid for another round: round_other", r.doc);
	r = await post("/v1/declines", { id: id("bid"), order: late.id, round: 1, provider: dc.address, reason: "mood" }, auth);
	ok(r.code === "decline_unknown", "a decline without a known reason: decline_unknown", r.doc);
	r = await post("/v1/bids", mine, auth);
	ok(r.status === 201, "a box that will not open is taken unread", r.doc);
	const shown = await (await fetch(`${market}/v1/orders/${late.id}/bids`)).json();
	ok(shown.data.every((b) => b.floor === undefined), "no price is shown before the round's key is out", shown);
	r = await post("/v1/bids", mine, auth);
	ok(r.status === 201, "the same bid again: the same answer", r.doc);
	r = await post("/v1/bids", { ...mine, envelope: "DDDD" }, auth);
	ok(r.status === 409 && r.code === "bid_twice", "sealed twice: 409 bid_twice", r.doc);
	const round = await (await fetch(`${market}/v1/orders/${late.id}/rounds/1`)).json();
	const shownOrder = await (await fetch(`${market}/v1/orders/${late.id}`)).json();
	const more = [];
	for (const [how, why] of [["order", "names another order or round"], ["signer", "is not signed by its provider"],
		["good", undefined]]) {
		const p = others.shift();
		const terms = { order: how === "order" ? "0x" + "55".repeat(32) : shownOrder.hash, provider: p.address,
			floor: 10n ** 12n - 1n, list: 10n ** 12n, round: 1n, salt: "0x" + "77".repeat(32) };
		const text = await bidText(p, terms, how === "signer" ? dc : p);
		const sent = await post("/v1/bids", { ...bid, id: id("bid"), order: late.id, provider: p.address,
			envelope: sealed(round.key, text) }, await token(p));
		more.push({ p, how, why, status: sent.status });
	}
	ok(more.every((m) => m.status === 201), "sealed boxes made by another library are taken", more.map((m) => m.status));
	for (let i = 0; i < 100; i++) {
		const o = await (await fetch(`${market}/v1/orders/${late.id}`)).json();
		if (o.state !== "bidding") break;
		await sleep(50);
	}
	r = await post("/v1/bids", { ...mine, id: id("bid"), provider: dc.address, envelope: "EEEE", round: 1 }, auth);
	ok(r.status === 409, "a bid after the end: 409", r.doc);
	const script = await (await fetch(`${market}/v1/orders/${late.id}/rounds/1`)).json();
	const entry = script.transcript?.entries.find((x) => x.provider === dc.address);
	ok(entry?.void === "does not open", "the transcript says that the box did not open", entry);
	for (const m of more) {
		const en = script.transcript?.entries.find((x) => x.provider === m.p.address);
		ok(en?.void === m.why && (m.why || en?.reason === "dearer"), `a bid of kind "${m.how}": ${m.why ?? "opened, dearer"}`, en);
	}
	ok(script.transcript?.root_sig && script.transcript?.secret_key, "root, signature and key are published", script);
	const won = await (await fetch(`${market}/v1/orders/${late.id}`)).json();
	const lease = await (await fetch(`${market}/v1/leases/${won.lease.id}`)).json();
	ok(keccak256(toBytes(JSON.stringify(script.transcript))) === lease.record,
		"the award names the hash of the transcript as published", lease.record);
	ok(script.transcript?.price_by === "runner_up", "the price is the runner-up's floor", script.transcript?.price);
}

// --- auditors: statements, and bids that lack them ------------------------------
{
	const auditor = await account(0n), stranger = await account(0n);
	const attributes = [{ key: "region", value: "eu-west" }];
	const digest = (list) => keccak256(toBytes(JSON.stringify({ attributes: list })));
	const register = async () => {
		const p = await account(0n), rec = { provider: p.address, url: "https://127.0.0.1:1",
			tlsKey: "0x" + "44".repeat(32), attributes: digest(attributes), seq: 1n };
		await post("/v1/providers", { terms: { ...rec, seq: 1 }, attributes, sig: compact(await p.signTypedData({ domain,
			types, primaryType: "Provider", message: rec })) });
		return p;
	};
	const soon = Math.floor(Date.now() / 1000) + 3600;
	const audit = async (who, terms, list = attributes) => {
		const message = { auditor: auditor.address, attributes: digest(list), expires: soon, seq: 1n, ...terms };
		return { terms: { ...message, seq: Number(message.seq) }, attributes: list, sig: compact(await who.signTypedData({
			domain, types, primaryType: "Audit", message })) };
	};
	const good = await register(), bare = await register(), gone = await register();
	let r = await post("/v1/audits", await audit(stranger, { provider: good.address }));
	ok(r.status === 403 && r.code === "signature_bad", "an audit signed by another: 403 signature_bad", r.doc);
	r = await post("/v1/audits", { ...await audit(auditor, { provider: good.address }), attributes: [{ key: "tier", value: "gold" }] });
	ok(r.status === 422 && r.code === "audit_bad" && r.pointer === "/attributes", "attributes other than signed: audit_bad", r.doc);
	r = await post("/v1/audits", await audit(auditor, { provider: stranger.address }));
	ok(r.status === 404 && r.code === "provider_not_found", "of nobody: 404 provider_not_found", r.doc);
	r = await post("/v1/audits", await audit(auditor, { provider: good.address, expires: 1 }));
	ok(r.status === 422 && r.code === "audit_expired", "expired already: audit_expired", r.doc);
	const statement = await audit(auditor, { provider: good.address });
	r = await post("/v1/audits", statement);
	ok(r.status === 201, "an audit is taken from whoever holds it", r.doc);
	r = await post("/v1/audits", statement);
	ok(r.status === 201, "and again", r.doc);
	await post("/v1/audits", await audit(auditor, { provider: gone.address }));
	r = await post("/v1/audits", await audit(auditor, { provider: gone.address, expires: 0, seq: 2n }, []));
	ok(r.status === 201, "another is taken back", r.doc);
	r = await post("/v1/audits", await audit(auditor, { provider: gone.address }));
	ok(r.status === 409 && r.code === "audit_old", "and does not come back: 409 audit_old", r.doc);
	const list = await (await fetch(`${market}/v1/providers/${good.address}/audits`)).json();
	ok(JSON.stringify(list.data) === JSON.stringify([JSON.parse(JSON.stringify(statement))]) ||
		list.data[0]?.sig === statement.sig, "a provider's audits are there for all", list);

	const wish = await order(rich, {}, { group: { ...group(), signed_by: [auditor.address] }, extra: { window_ms: 3000 } });
	r = await place(wish);
	ok(r.status === 201, "an order that asks for an audit", r.doc);
	let shown = {};
	for (let i = 0; i < 100 && shown.state !== "bidding"; i++) {
		shown = await (await fetch(`${market}/v1/orders/${wish.id}`)).json();
		await sleep(10);
	}
	const round = await (await fetch(`${market}/v1/orders/${wish.id}/rounds/1`)).json();
	for (const p of [bare, gone, good]) { // the cheapest have none
		const floor = p === good ? 10n ** 11n : 10n ** 10n;
		const text = await bidText(p, { order: shown.hash, provider: p.address, floor, list: floor, round: 1n,
			salt: "0x" + "88".repeat(32) });
		r = await post("/v1/bids", { id: id("bid"), order: wish.id, round: 1, provider: p.address,
			envelope: sealed(round.key, text) }, await token(p));
		if (r.status !== 201) ok(false, "a bid is taken", r.doc);
	}
	let script = {};
	for (let i = 0; i < 100 && !script.transcript?.entries; i++) {
		script = await (await fetch(`${market}/v1/orders/${wish.id}/rounds/1`)).json();
		await sleep(50);
	}
	const of = (p) => script.transcript?.entries.find((x) => x.provider.toLowerCase() === p.address.toLowerCase());
	const lacks = `lacks an audit by ${auditor.address}`.toLowerCase();
	ok(of(bare)?.void?.toLowerCase() === lacks, "a bid without the audit is void, and says whose it lacks", of(bare));
	ok(of(gone)?.void?.toLowerCase() === lacks, "with one that was taken back too", of(gone));
	ok(of(good)?.reason === "won", "who has it wins, though dearer", of(good));
	ok(script.transcript?.audits?.some((a) => a.sig === statement.sig) && keccak256(toBytes(JSON.stringify(
		script.transcript.group))) === script.transcript.terms.group, "group and statements stand in the transcript",
		script.transcript?.audits);
	ok(script.transcript?.entries.filter((x) => x.declined).some((x) => x.declined === "audit"),
		"the daemons without it decline: audit", script.transcript?.entries);
	await fetch(`${market}/v1/orders/${wish.id}`, { method: "DELETE", headers: await token(rich, info.market, "close") });
}

// --- quotes: prices without an order --------------------------------------------
{
	const asker = await account(0n), count = async () =>
		(await (await fetch(`${market}/v1/orders?tenant=${asker.address}`)).json()).data.length;
	let r = await post("/v1/quotes", { group: group() });
	ok(r.status === 403 && r.code === "token_missing", "a quote without a token: token_missing", r.doc);
	const auth = await token(asker, info.market, "status");
	r = await post("/v1/quotes", { group: { ...group(), services: [] } }, auth);
	ok(r.status === 422 && r.code === "group_bad", "of nothing: group_bad", r.doc);
	const began = Date.now();
	r = await post("/v1/quotes", { group: group() }, auth);
	const took = Date.now() - began;
	ok(r.status === 200 && r.doc.matches >= 2 && BigInt(r.doc.lowest) <= BigInt(r.doc.highest), "a quote has prices", r.doc);
	ok(took < 1500, "and comes soon", took);
	ok(r.doc.declines.some((d) => d.reason === "attribute"), "who is elsewhere says so", r.doc.declines);
	ok(await count() === 0, "no order exists afterwards", await count());
	const own = await account(0n), late = { list: "5" };
	const answer = async (quote, body, who) => post(`/v1/quotes/${quote}/answers`, body, await token(who));
	let a = await answer(r.doc.id, late, own);
	ok(a.status === 409 && a.code === "quote_over", "an answer when it is over: 409 quote_over", a.doc);
	a = await answer(id("quo"), late, own);
	ok(a.status === 404 && a.code === "quote_not_found", "to no quote: 404", a.doc);
	a = await answer(r.doc.id, { list: "5", reason: "price" }, own);
	ok(a.status === 422 && a.code === "quote_answer", "a price and a decline at once: quote_answer", a.doc);
	a = await answer(r.doc.id, { reason: "mood" }, own);
	ok(a.status === 422 && a.code === "quote_answer", "an unknown reason: quote_answer", a.doc);
	const many = await Promise.all(Array.from({ length: 40 }, () => post("/v1/quotes", { group: group(), wait_ms: 0 }, auth)));
	ok(many.some((m) => m.status === 429 && m.code === "quote_quota"), "too many in a minute: 429 quote_quota",
		many.map((m) => m.status));
	ok(many.filter((m) => m.status === 200).length <= 30, "and no more than the quota", many.map((m) => m.status));
}

// --- the tenant has gone: winners that never launch, one after the other -------
{
	const before = BigInt((await (await fetch(`${market}/v1/accounts/${rich.address}`)).json()).balance);
	const orphan = await order(rich);
	await place(orphan);
	let o = {}, providers = new Set();
	for (let i = 0; i < 100 && !o.lease?.hash; i++) {
		o = await (await fetch(`${market}/v1/orders/${orphan.id}`)).json();
		await sleep(20);
	}
	const gateway = (await (await fetch(`${market}/v1/providers/${o.lease.provider}`)).json()).record.url;
	const hand = async (body, auth) => {
		const r = await fetch(`${gateway}/v1/manifests`, { method: "POST", body: JSON.stringify(body), headers: auth });
		return { status: r.status, doc: await r.json() };
	};
	const manifest = { group: "x", services: [{ name: "web", image: "127.0.0.1:1/x:1", command: [], args: [], env: [],
		count: 1, resources: group().services[0].resources, readonly: false, exposes: [{ port: 80, as: 80, proto: "tcp", global: true }], mounts: [] }] };
	let m = await hand({ lease: o.lease.hash, manifest });
	ok(m.status === 403 && m.doc.code === "token_missing", "a manifest without a token: 403", m.doc);
	const tenantToken = await token(rich, o.lease.provider, "manifest");
	for (let i = 0; i < 20; i++) {
		m = await hand({ lease: o.lease.hash, manifest }, tenantToken);
		if (m.doc.code !== "lease_not_found") break;
		await sleep(50);
	}
	ok(m.status === 422 && m.doc.code === "manifest_mismatch", "a manifest with another hash: manifest_mismatch", m.doc);
	m = await hand({ lease: o.lease.hash, manifest }, await token(poor, o.lease.provider, "manifest"));
	ok(m.status === 404 && m.doc.code === "lease_not_found", "another tenant sees no such lease: 404", m.doc);
	m = await hand({ lease: o.lease.hash, manifest }, await token(rich, info.market, "manifest"));
	ok(m.doc.code === "token_bad", "a token for another audience: token_bad", m.doc);
	const until = Date.now() + 60000;
	while (Date.now() < until) {
		o = await (await fetch(`${market}/v1/orders/${orphan.id}`)).json();
		if (o.lease?.provider) providers.add(o.lease.provider);
		if (["expired", "unfilled", "closed"].includes(o.state)) break;
		await sleep(100);
	}
	ok(["expired", "unfilled"].includes(o.state), "an order that nobody can launch ends by itself", o);
	ok(providers.size >= 2, "the next bidder was tried without being asked", [...providers]);
	await sleep(300);
	const after = BigInt((await (await fetch(`${market}/v1/accounts/${rich.address}`)).json()).balance);
	ok(after === before || after > before, "its deposit is back, to the last unit", [`${before}`, `${after}`]);
}
console.log(`1..${n}`);
process.exit(bad ? 1 : 0);
