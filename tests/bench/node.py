#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A node that only remembers: node.py PORT CONTRACT EVENTS PER_BLOCK TOPICS_FILE.

A made-up history of the escrow contract, the same each time: deposits, openings,
settlements and closings of leases, in their packed form, PER_BLOCK logs in each block.
TOPICS_FILE has "Name topic0" lines. It serves what the market's indexer asks for.
"""
import hashlib
import http.server
import json
import sys

PORT, CONTRACT, EVENTS, PER_BLOCK = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with open(sys.argv[5], encoding="utf-8") as file:
    TOPIC = dict(line.split() for line in file if line.strip())
FIRST = 10
LAST = FIRST + (EVENTS + PER_BLOCK - 1) // PER_BLOCK - 1
HEAD = LAST + 1000
T0 = 1700000000


def word(n):
    return f"{n:064x}"


def name(kind, n, size=32):
    return hashlib.sha256(f"{kind} {n}".encode()).hexdigest()[: 2 * size]


def address(kind, n):
    return name(kind, n, 20)


def group(provider, packed):
    size = len(packed) // 2
    return {
        "topics": [None, "0x" + "0" * 24 + provider, "0x" + "0" * 24 + address("market", 0)],
        "data": "0x" + word(100) + word(64) + word(size) + packed + "0" * (-len(packed) % 64),
    }


def event(i):
    """Deposit, open, settle, close, over and over, of a thousand tenants."""
    lease, step = divmod(i, 4)
    tenant, provider = address("tenant", lease % 1000), address("provider", lease % 50)
    if step == 0:
        log = {"topics": [None, "0x" + "0" * 24 + tenant], "data": "0x" + "0" * 24 + tenant + word(5000000)}
        kind = "Deposited"
    elif step == 1:
        log = group(provider, name("lease", lease) + name("order", lease) + tenant + f"{10**9:032x}" + f"{5000000:024x}")
        kind = "Opened"
    elif step == 2:
        log = group(provider, name("lease", lease) + f"{1000000:024x}" + f"{1000000:024x}" + f"{T0 + i:08x}")
        kind = "Settled"
    else:
        log = group(provider, name("lease", lease) + tenant + f"{1500000:024x}" + f"{500000:024x}" + f"{3500000:024x}" + f"{T0 + i:08x}")
        kind = "Closed"
    log["topics"][0] = TOPIC[kind]
    return log


def block_hash(n):
    return "0x" + name("block", n)


def logs(first, last):
    out = []
    for block in range(max(first, FIRST), min(last, LAST) + 1):
        begin = (block - FIRST) * PER_BLOCK
        for i in range(begin, min(begin + PER_BLOCK, EVENTS)):
            out.append({
                **event(i), "address": CONTRACT, "blockNumber": hex(block), "blockHash": block_hash(block),
                "blockTimestamp": hex(T0 + 12 * block), "transactionHash": "0x" + name("tx", i),
                "transactionIndex": hex(i - begin), "logIndex": hex(i - begin), "removed": False,
            })
    return out


def answer(method, params):
    if method == "eth_chainId":
        return hex(31337)
    if method == "eth_getLogs":
        return logs(int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16))
    if method == "eth_getBlockByNumber":
        n = {"latest": HEAD, "safe": HEAD - 32, "finalized": HEAD - 64}.get(params[0])
        n = int(params[0], 16) if n is None else n
        return {"number": hex(n), "hash": block_hash(n), "parentHash": block_hash(n - 1),
                "timestamp": hex(T0 + 12 * n), "baseFeePerGas": "0x1"}
    return None


class Node(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 20  # head and body at once, or the answer waits for an ACK

    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = json.dumps({"jsonrpc": "2.0", "id": ask["id"], "result": answer(ask["method"], ask["params"])})
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply.encode())

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Node).serve_forever()
