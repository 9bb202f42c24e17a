// SPDX-License-Identifier: Apache-2.0
// market.mjs PORT MODE FREE - as much of a market, and of a node of its chain, as
// `gavel deploy` asks. MODE: ok, all run; refuse, the second order is refused; half,
// the placement us finds no provider; fast, standing offers, and an order of which three
// ticks say why nobody takes it. FREE: the balance. Prints a line per write.
import http from 'node:http'

const [port, mode, free] = process.argv.slice(2)
const orders = []
const places = {} // of an order: its placement
const address = (byte) => '0x' + byte.repeat(20)

// A vCPU at 11,000 nanounits a second: 28.908 tokens a month of 730 hours.
const units = (factor) => ({
	cpu_milli: String(11000000 * factor), memory_mib: String(10000000 * factor),
	ephemeral_gib: String(1024000000 * factor), egress_gib: '23000000000000',
})
const offer = {
	provider: address('44'), owner: address('44'), seq: 7, expires: 4000000000,
	floor: units(1), list: units(2), curve_bp: 3000,
	nodes: [{ name: 'node-a', model: '', has: { cpu_milli: 4000, memory_mib: 2048 }, foreign: {} }],
	region: 'eu-west', attributes: [], launch_s: 10,
}
const hash = (byte) => '0x' + byte.repeat(32)
let looks = 0

function waiting(id) {
	looks++
	if (looks < 4)
		return { id, state: 'bidding', reason: '', auction: 'fast' }
	return { id, state: 'unfilled', reason: 'no_offer', auction: 'fast' }
}

function ticked() {
	const row = { round: 1, tick: Math.min(looks, 2), offer: hash('aa') }
	return { data: [
		{ ...row, provider: address('44'), rank: 1, floor: '1000', list: '2000',
			effective: '1050', reason: 'above_max' },
		{ ...row, provider: address('55'), reason: 'region' },
		{ ...row, provider: address('66'), reason: 'region' },
	] }
}

function order(id) {
	if (mode === 'fast')
		return waiting(id)
	if (mode === 'half' && places[id] === 'us')
		return { id, state: 'unfilled', reason: 'no_bids' }
	const endpoints = [{ service: 'web', port: 80, url: 'http://' + id }]
	return { id, state: 'leased', reason: '', lease: { launched: true, endpoints } }
}

function answer(method, path, body) {
	if (method === 'POST' && path === '/')
		return [200, { jsonrpc: '2.0', id: body.id, result: body.method === 'eth_chainId' ? '0x7a69' : '0x' + '0'.repeat(64) }]
	if (path === '/.well-known/gavel')
		return [200, {
			market: address('11'), escrow: address('22'), chain_id: 31337,
			token: { address: address('33'), symbol: 'TUSD', decimals: 6 },
			rules: { fee_bps: 100, launch_s: 20, window_min_s: 60 },
		}]
	if (path.startsWith('/v1/accounts/'))
		return [200, { balance: free, free }]
	if (method === 'POST' && path === '/v1/orders') {
		console.log('posted', body.group.name + (body.auction === 'fast' ? ' fast' : ''))
		if (mode === 'refuse' && orders.length === 1)
			return [402, { code: 'funds_short', detail: 'too little', status: 402 }]
		orders.push(body.id)
		places[body.id] = body.group.name
		return [201, { id: body.id }]
	}
	const bids = path.match(/^\/v1\/orders\/([^/?]+)\/bids/)
	if (bids && mode === 'fast')
		return [200, ticked()]
	if (path === '/v1/providers')
		return [200, { data: ['44', '55'].map((byte) => (
			{ address: address(byte), online: true, launches: 3, failures: 0, record: { url: 'x' } })) }]
	if (path.startsWith('/v1/offers'))
		return [200, { data: mode === 'fast' ? [{ id: hash('aa'), offer, live: true }] : [] }]
	if (bids)
		return [200, { data: [{ round: 1, provider: address('44'), declined: 'capacity' }] }]
	const one = path.match(/^\/v1\/orders\/([^/?]+)/)
	if (one && method === 'DELETE')
		console.log('cancelled', orders.indexOf(one[1]))
	if (one)
		return [200, method === 'DELETE' ? {} : order(one[1])]
	return [404, { code: 'not_found', detail: 'nothing is here', status: 404 }]
}

http.createServer((request, response) => {
	let text = ''
	request.on('data', (part) => { text += part })
	request.on('end', () => {
		const [status, doc] = answer(request.method, request.url, text ? JSON.parse(text) : null)
		response.writeHead(status, { 'Content-Type': 'application/json' })
		response.end(JSON.stringify(doc))
	})
}).listen(Number(port), '127.0.0.1', () => console.log('ready'))
