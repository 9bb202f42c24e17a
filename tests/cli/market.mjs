// SPDX-License-Identifier: Apache-2.0
// market.mjs PORT MODE FREE - as much of a market, and of a node of its chain, as
// `gavel deploy` asks. MODE: ok, all run; refuse, the second order is refused; half,
// the placement us finds no provider; nonces, those below 3 are used up elsewhere.
// FREE: the balance. Prints a line per write.
import http from 'node:http'

const [port, mode, free] = process.argv.slice(2)
const orders = []
const used = new Set()
const places = {} // of an order: its placement
const address = (byte) => '0x' + byte.repeat(20)

function order(id) {
	if (mode === 'half' && places[id] === 'us')
		return { id, state: 'unfilled', reason: 'no_bids' }
	const endpoints = [{ service: 'web', port: 80, url: 'http://' + id }]
	return { id, state: 'leased', reason: '', lease: { launched: true, endpoints } }
}

function answer(method, path, body) {
	if (method === 'POST' && path === '/')
		return [200, {
			jsonrpc: '2.0', id: body.id,
			result: body.method === 'eth_call' ? '0x' + '0'.repeat(64) : '0x7a69', // nextNonce()
		}]
	if (path === '/.well-known/gavel')
		return [200, {
			market: address('11'), escrow: address('22'), chain_id: 31337,
			token: { address: address('33'), symbol: 'TUSD', decimals: 6 },
			rules: { fee_bps: 100, launch_s: 20, window_min_s: 60 },
		}]
	if (path.startsWith('/v1/leases?')) { // two pages of one
		const second = path.includes('cursor=lea_1')
		return [200, { data: [{ id: second ? 'lea_2' : 'lea_1' }], has_more: !second,
			next_cursor: second ? undefined : 'lea_1' }]
	}
	if (path === '/v1/providers' || path.startsWith('/v1/offers?'))
		return [200, { data: [], has_more: false }]
	if (path.startsWith('/v1/accounts/'))
		return [200, { balance: free, free }]
	if (method === 'POST' && path === '/v1/orders') {
		if (mode === 'nonces') {
			const nonce = Number(body.terms.nonce)
			console.log('nonce', nonce)
			if (nonce < 3 || used.has(nonce))
				return [409, { code: 'nonce_used', detail: 'another order has it', status: 409 }]
			used.add(nonce)
			return [201, { id: body.id }]
		}
		console.log('posted', body.group.name)
		if (mode === 'refuse' && orders.length === 1)
			return [402, { code: 'funds_short', detail: 'too little', status: 402 }]
		orders.push(body.id)
		places[body.id] = body.group.name
		return [201, { id: body.id }]
	}
	const bids = path.match(/^\/v1\/orders\/([^/?]+)\/bids/)
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
