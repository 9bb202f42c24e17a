// SPDX-License-Identifier: Apache-2.0
// upstream.mjs - what stands behind the proxy and the relays in ingress.sh, and
// the clients that curl is not: a websocket, UDP, DNS from a workload's address.
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import dns from 'node:dns/promises';
import http from 'node:http';
import net from 'node:net';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const accept = key => crypto.createHash('sha1').update(key + GUID).digest('base64');
const sleep = ms => new Promise(done => setTimeout(done, ms));

async function answer(req, res) {
	const url = new URL(req.url, 'http://x');
	let length = 0;

	for await (const piece of req)
		length += piece.length;
	if (url.pathname === '/slow')
		await sleep(Number(url.searchParams.get('ms')));
	// The copies differ: only one of them is well.
	const ill = url.pathname === '/ill' && (req.socket.localAddress.split('.')[3] - 2) % 16 === 0;
	res.writeHead(ill ? 503 : 200, { 'content-type': 'application/json' });
	res.end(JSON.stringify({ copy: req.socket.localAddress, length, headers: req.headers }) + '\n');
}

function serve(address, port) {
	const server = http.createServer(answer);

	server.on('upgrade', (req, socket) => {
		socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n' +
			'Connection: Upgrade\r\n' +
			`Sec-WebSocket-Accept: ${accept(req.headers['sec-websocket-key'])}\r\n\r\n`);
		socket.pipe(socket);
	});
	server.listen(port, address);
	const udp = dgram.createSocket('udp4');
	udp.on('message', (data, from) => udp.send(`udp ${data}`, from.port, from.address));
	udp.bind(port, address);
}

function websocket(host, port) {
	const key = crypto.randomBytes(16).toString('base64');
	const req = http.request({ port, host: '127.0.0.1', headers: { Host: host,
		Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13,
		'Sec-WebSocket-Key': key } });

	req.on('upgrade', async (res, socket) => {
		const good = res.headers['sec-websocket-accept'] === accept(key);
		// Longer than the route's read_timeout: a tunnel has its own.
		await sleep(1500);
		socket.write('frames');
		socket.on('data', data => { console.log(good, String(data)); process.exit(0); });
	});
	req.on('response', res => { console.log('answer', res.statusCode); process.exit(1); });
	req.on('error', e => { console.log(e.code); process.exit(1); });
	req.end();
}

function udp(address, port, word) {
	const s = dgram.createSocket('udp4');

	s.on('message', data => { console.log(String(data)); process.exit(0); });
	s.send(word, port, address);
	setTimeout(() => { console.log('nothing'); process.exit(1); }, 2000);
}

// As the workload at `from` would ask.
async function ask(from, port, type, name) {
	const r = new dns.Resolver({ timeout: 1000, tries: 1 });

	r.setServers([`127.0.0.1:${port}`]);
	r.setLocalAddress(from);
	try {
		const list = await r.resolve(name, type);
		console.log(list.sort().join(' '));
	} catch (e) {
		console.log(e.code);
	}
}

// A resolver of the world that knows one answer, over UDP and TCP.
function world(port) {
	const reply = q => {
		const r = Buffer.concat([q.subarray(0, q.indexOf(0, 12) + 5),
			Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 198, 51, 100, 7])]);
		r[2] |= 0x80; r[7] = 1; r[11] = 0;
		return r;
	};
	const s = dgram.createSocket('udp4');

	s.on('message', (q, from) => s.send(reply(q), from.port, from.address));
	s.bind(port, '127.0.0.53');
	net.createServer(c => c.on('data', m => {
		const r = reply(m.subarray(2));
		c.write(Buffer.concat([Buffer.from([r.length >> 8, r.length & 255]), r]));
	})).listen(port, '127.0.0.53');
}

// A question over TCP; prints the answer's code and its last four bytes.
function askTcp(from, port, name) {
	const labels = name.split('.').map(l => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)]));
	const q = Buffer.concat([Buffer.from([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels,
		Buffer.from([0, 0, 1, 0, 1])]);
	const c = net.connect({ host: '127.0.0.1', port, localAddress: from });

	c.write(Buffer.concat([Buffer.from([0, q.length]), q]));
	c.on('data', m => {
		console.log(m[5] & 15, [...m.subarray(m.length - 4)].join('.'));
		process.exit(0);
	});
	c.on('close', () => { console.log('closed'); process.exit(1); });
}

const [what, ...rest] = process.argv.slice(2);
({ serve, websocket, udp, ask, world, askTcp })[what](...rest);
