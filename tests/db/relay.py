#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A node of the chain with faults: relay.py PORT NODE_PORT MODE_FILE.

Passes JSON-RPC on to the node at NODE_PORT and spoils the answer in the way that the
first word of MODE_FILE says, which is read anew for each question.
"""
import http.client
import http.server
import json
import sys
import time

PORT, NODE, MODE = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def flip(value):
    """Another hash of the same form."""
    return value[:-1] + ("0" if value[-1] != "0" else "1")


def lie_block(method, answer):
    if method == "eth_getBlockByNumber" and isinstance(answer.get("result"), dict):
        answer["result"]["hash"] = flip(answer["result"]["hash"])


def lie_logs(method, answer):
    """Everything that happened is kept back."""
    if method == "eth_getLogs" and "result" in answer:
        answer["result"] = []


def no_times(method, answer):
    """An older node: the logs do not tell their block's time."""
    for log in answer.get("result") or [] if method == "eth_getLogs" else []:
        log.pop("blockTimestamp", None)


def other_chain(method, answer):
    if method == "eth_chainId":
        answer["result"] = "0x2"


def behind(method, answer):
    if method == "eth_getBlockByNumber" and isinstance(answer.get("result"), dict):
        number = int(answer["result"]["number"], 16)
        answer["result"]["number"] = hex(max(number - 50, 0))


LIES = {"lie": lie_block, "otherchain": other_chain, "behind": behind, "withhold": lie_logs, "notimes": no_times}


class Relay(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 20  # head and body at once

    def do_POST(self):
        with open(MODE, encoding="utf-8") as file:
            mode = (file.read().split() or ["ok"])[0]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if mode == "away" or (mode == "unsent" and b"eth_sendRawTransaction" in body):
            self.send_response(502)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        node = http.client.HTTPConnection("127.0.0.1", NODE, timeout=30)
        node.request("POST", "/", body, {"Content-Type": "application/json"})
        reply = node.getresponse().read()
        status = {"limited": 429, "broken": 502}.get(mode, 200)
        if mode in LIES:
            answer = json.loads(reply)
            LIES[mode](json.loads(body).get("method"), answer)
            reply = json.dumps(answer).encode()
        if mode == "slow":
            time.sleep(60)
        if mode == "garbage":
            reply = b"<html>upstream timed out</html>"
        if mode == "otherid":
            reply = json.dumps({**json.loads(reply), "id": 999}).encode()
        if mode == "huge":
            reply = b'{"jsonrpc":"2.0","id":1,"result":"0x' + b"0" * (1 << 20) + b'"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        if mode == "truncated":
            self.wfile.write(reply[: len(reply) // 2])
            self.close_connection = True
            return
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Relay).serve_forever()
