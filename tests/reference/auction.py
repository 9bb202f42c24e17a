#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
The rules of a tick, once more: written from the text of the rules and not from
the C code, in the plainest way that comes to mind, so that two readings of the
text meet. Slow on purpose where slow is obvious (spread groups are solved by
trying every assignment).

One case per line of standard input, as JSON; one line of outcome each.

case      {"offers": [offer], "orders": [order], "statements": [statement]}
statement {"auditor","provider": hex, "expires": 0: taken back, "seq",
           "attributes": [[k, v]]}, of one auditor about one provider the highest seq
offer     {"id","provider","owner": hex, "floor","list","past": [fixed, cpu milli,
           MiB, five storage classes a GiB, ip, endpoint, egress GiB],
           "gpu": [[model, floor, list, past, used bp]], "curve", "used": bp,
           "region", "attributes": [[k, v]], "min_term", "notice", "allow",
           "deny": [tenant], "launches", "fails", "sets": 0|1,
           "nodes": [[cpu, MiB, [five], gpus, model]]}
order     {"id","record","tenant","owner": hex, "max": [one, or one per row],
           "care","retry","manual","spread": ""|provider|owner|region, "term",
           "notice", "attributes","by","any","deny", "ips",
           "bids": [[id, provider, owner, floor, list, launches, fails, established]],
           "services": [[name, count, cpu, MiB, [five in MiB], gpus, [models],
                         endpoints, egress GiB]]}
"""
import hashlib
import itertools
import json
import sys

RATE_MAX = 2**95 - 1
MONTH = 30 * 86400
INFINITY = 1 << 200


def H(*parts):
    """SHA-256 over parts, each behind its length in four bytes; the tag is the first."""
    text = b"".join(len(p).to_bytes(4, "big") + p for p in parts)
    return hashlib.sha256(text).digest()


def up(a, b):
    return -(-a // b)


def weight(care, launches, fails):
    return min(max(10000 + care * (10000 * (fails + 1) // (launches + 20)), 8000), 20000)


# ---------------------------------------------------------------- eligibility


def glob(pattern, text):
    if pattern == "*":
        return True
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return pattern == text


def gpu_is(wanted, have):
    w, h = wanted.split("/"), have.split("/")
    return w[0] == h[0] and all(word in h[1:] for word in w[1:])


def models_for(services, offer):
    """Models that serve every service with GPUs; None when none asks for any."""
    asked = [s for s in services if s[5] > 0]
    if not asked:
        return None
    return [
        k
        for k, g in enumerate(offer["gpu"])
        if all(not s[6] or any(gpu_is(m, g[0]) for m in s[6]) for s in asked)
    ]


def vouches(auditor, order, offer, statements):
    """For every attribute of the order, by the last that this auditor has said."""
    said = [s for s in statements if (s["auditor"], s["provider"]) == (auditor, offer["provider"])]
    if not said:
        return False
    last = max(said, key=lambda s: s["seq"])
    return last["expires"] > 0 and all(
        any(glob(k, a) and glob(v, b) for a, b in last["attributes"]) for k, v in order["attributes"]
    )


def mismatch(order, offer, statements):
    if order["owner"] == offer["owner"]:
        return "o"
    if offer["provider"] in order["deny"]:
        return "x"
    if order["tenant"] in offer["deny"]:
        return "y"
    if offer["allow"] and order["tenant"] not in offer["allow"]:
        return "y"
    for k, v in order["attributes"]:
        if k == "region":
            if not glob(v, offer["region"]):
                return "r"
        elif not any(glob(k, a) and glob(v, b) for a, b in offer["attributes"]):
            return "a"
    if not all(vouches(a, order, offer, statements) for a in order["by"]):
        return "u"
    if order["any"] and not any(vouches(a, order, offer, statements) for a in order["any"]):
        return "u"
    if order["term"] < offer["min_term"]:
        return "t"
    if offer["notice"] < order["notice"]:
        return "n"
    return None


# ---------------------------------------------------------------- price


def quantities(services, ips):
    q = [1, 0, 0, 0, 0, 0, 0, 0, ips, 0, 0]
    gpus = 0
    for _, count, cpu, mem, storage, g, _, endpoints, egress in services:
        q[1] += count * cpu
        q[2] += count * mem
        for c in range(5):
            q[3 + c] += count * storage[c]
        q[9] += count * endpoints
        q[10] += count * egress
        gpus += count * g
    return q, gpus


def base(units, q, gpu_rate, gpus):
    total = gpu_rate * gpus
    for i, u in enumerate(units):
        if q[i] and u:
            if 3 <= i <= 7:
                total += up(u * q[i], 1024)
            elif i == 10:
                total += up(u * q[i], MONTH)
            else:
                total += u * q[i]
    return min(total, RATE_MAX)


def curved(rate, curve, u):
    return min(up(rate * (10**12 + curve * u * u), 10**12), RATE_MAX)


class Candidate:
    """What competes for an order: an offer with one GPU model, or a sealed bid."""

    __slots__ = ("index", "model", "ident", "provider", "owner", "region", "floor", "list", "m",
                 "eff", "peff", "leff", "tie", "sets", "offer", "key")


def candidate(order, care, index, offer, model, services, ips):
    c = Candidate()
    q, gpus = quantities(services, ips)
    g = offer["gpu"][model] if model >= 0 else ("", 0, 0, 0, 0)
    u = g[4] if gpus else offer["used"]
    curve = offer["curve"]
    c.index, c.model, c.ident, c.offer = index, model, offer["id"], offer
    c.provider, c.owner, c.region = offer["provider"], offer["owner"], offer["region"]
    c.m = weight(care, offer["launches"], offer["fails"])
    c.floor = curved(base(offer["floor"], q, g[1], gpus), curve, u)
    c.list = curved(base(offer["list"], q, g[2], gpus), curve, u)
    past = [max(a, b) for a, b in zip(offer["past"], offer["floor"])]
    pfloor = curved(base(past, q, max(g[3], g[1]), gpus), curve, u)
    c.eff = up(c.floor * c.m, 10000)
    c.peff = up(pfloor * c.m, 10000)
    c.sets = offer["sets"]
    finish(c, order)
    return c


def finish(c, order):
    c.leff = up(c.list * c.m, 10000)
    c.tie = H(b"tie", bytes.fromhex(order["record"]), bytes.fromhex(order["id"]),
              bytes.fromhex(c.provider))[:8]
    c.key = (c.eff if c.sets else c.leff, c.tie, c.ident, c.model)


# ---------------------------------------------------------------- capacity


def copies_of(services):
    out = []
    for i, s in enumerate(sorted(services)):
        for n in range(s[1]):
            out.append((-s[2], -s[5], -s[3], s[0], n, s))
    out.sort(key=lambda t: t[:5])
    return [t[5] for t in out]


def place(copies, nodes, model):
    """First fit, the largest copy first; nodes without GPUs first, then the one
    that has the least vCPU left. The nodes used, or None."""
    nodes = [list(n) for n in nodes]
    used = []
    for s in copies:
        best = None
        for k, (cpu, mem, storage, gpus, name) in enumerate(nodes):
            if cpu < s[2] or mem < s[3] or any(storage[c] < s[4][c] for c in range(5)):
                continue
            if s[5] and (name != model or gpus < s[5]):
                continue
            rank = (name != "", cpu - s[2], k)
            if best is None or rank < best:
                best = rank
        if best is None:
            return None
        n = nodes[best[2]]
        n[0] -= s[2]
        n[1] -= s[3]
        n[2] = [n[2][c] - s[4][c] for c in range(5)]
        if s[5]:
            n[3] -= s[5]
        used.append(best[2])
    return used, nodes


class Tick:
    def __init__(self, case):
        self.offers = case["offers"]
        self.statements = case["statements"]
        self.free = [o["nodes"] for o in self.offers]
        self.orders = [Auction(self, o) for o in case["orders"]]

    def fits(self, c, copies):
        if c.offer is None:
            return True
        model = c.offer["gpu"][c.model][0] if c.model >= 0 else ""
        return place(copies, self.free[c.index], model) is not None

    def take(self, c, copies):
        if c.offer is None:
            return []
        model = c.offer["gpu"][c.model][0] if c.model >= 0 else ""
        used, self.free[c.index] = place(copies, self.free[c.index], model)
        return used

    def clear(self):
        waiting = sorted(self.orders, key=lambda a: a.order["id"])
        while waiting:
            best = None
            for a in list(waiting):
                regret = a.look()
                if regret is None:
                    waiting.remove(a)
                elif best is None or regret > best[0]:
                    best = (regret, a)
            if best is not None:
                best[1].decide()
                waiting.remove(best[1])
        return "\t".join(a.line() for a in self.orders)


class Auction:
    def __init__(self, tick, order):
        self.tick, self.order = tick, order
        self.why = [mismatch(order, o, tick.statements) for o in tick.offers]
        if not order["spread"]:  # else each row has its own GPUs
            for i, o in enumerate(tick.offers):
                if self.why[i] is None and models_for(order["services"], o) == []:
                    self.why[i] = "g"
        self.end, self.price, self.winner, self.setter = "", 0, None, "-"
        self.used, self.prices = [], []
        if order["spread"]:
            self.rows = []
            for s in sorted(order["services"]):
                for _ in range(s[1]):
                    self.rows.append([s[0], 1] + s[2:])
            self.lists = [self.candidates([r], 0) for r in self.rows]
            self.start = None
            return
        self.copies = copies_of(order["services"])
        matching = self.candidates(order["services"], order["ips"])
        self.matched = bool(matching)
        at_start = [c for c in matching if tick.fits(c, self.copies)]
        bids = self.bids()
        self.matched = self.matched or bool(bids)
        self.dropped = []
        for b in bids:
            own = [c for c in at_start if c.owner == b.owner]
            if own and min(c.key[0] for c in own) < b.key[0]:
                self.dropped.append(b)
            else:
                self.dropped += own
        self.all = sorted((c for c in at_start + bids if c not in self.dropped),
                          key=lambda c: c.key)
        self.L = [c for c in self.all if c.sets]
        self.Q = [c for c in self.all if not c.sets]
        self.start = {(c.index, c.model) for c in at_start}
        self.candidate_list = matching

    def candidates(self, services, ips):
        out = []
        for i, offer in enumerate(self.tick.offers):
            if self.why[i] is not None:
                continue
            models = models_for(services, offer)
            for m in models if models is not None else [-1]:
                out.append(candidate(self.order, self.order["care"], i, offer, m, services, ips))
        return out

    def bids(self):
        out = []
        self.bid_why = []
        for n, (ident, provider, owner, floor, lst, launches, fails, est) in enumerate(
                self.order["bids"]):
            why = None
            if floor == 0 or lst < floor:
                why = "i"
            elif owner == self.order["owner"]:
                why = "o"
            elif provider in self.order["deny"]:
                why = "x"
            self.bid_why.append(why)
            if why:
                continue
            c = Candidate()
            c.index, c.model, c.ident, c.offer, c.region = n, -2, ident, None, ""
            c.provider, c.owner, c.floor, c.list, c.sets = provider, owner, floor, lst, est
            c.m = weight(self.order["care"], launches, fails)
            c.eff = c.peff = up(floor * c.m, 10000)
            finish(c, self.order)
            out.append(c)
        return out

    # -- one look: regret, or None when the order leaves

    def look(self):
        if self.order["spread"]:
            return self.look_spread()
        fits = self.tick.fits
        self.w = next((c for c in self.L if fits(c, self.copies)), None)
        self.q = next((c for c in self.Q if fits(c, self.copies)), None)
        if self.w is None and self.q is None:
            self.end = "no_capacity" if self.matched else "no_offer"
            return None
        if self.order["retry"]:
            return INFINITY
        if self.w is None:
            return 0
        x = None
        for c in self.L[self.L.index(self.w) + 1:]:
            if c.owner != self.w.owner and fits(c, self.copies):
                x = c
                break
        return x.eff - self.w.eff if x else self.w.eff // 2

    def decide(self):
        if self.order["spread"]:
            return self.decide_spread()
        w, q = self.w, self.q
        self.left = {(c.index, c.model) for c in self.all if self.tick.fits(c, self.copies)}
        if w is not None:
            p = w.list
            after = [c for c in self.L[self.L.index(w) + 1:] if c.owner != w.owner]
            if after:
                low = min(c.peff for c in after)
                bound = low * 10000 // w.m
                if bound < p:
                    p = bound
                    r = next(c for c in after if c.peff == low)
                    self.setter = self.name(r)
            p = max(p, w.floor)
        if q is not None and (w is None or q.leff < up(p * w.m, 10000)):
            w, p = q, q.list
            self.setter = "-"
        self.winner, self.price = w, p
        if self.order["manual"]:
            self.end = "ranked"
        elif p > self.order["max"][0]:
            self.end = "above_max"
        else:
            self.end = "awarded"
            self.used = self.tick.take(w, self.copies)

    # -- groups on different providers, owners or regions

    def column(self, c):
        kind = self.order["spread"]
        if kind == "provider":
            return (c.owner, c.provider)
        return c.owner if kind == "owner" else c.region

    def assign(self, without):
        """The cheapest way, by trying all: (eff, ties, columns) and the candidates."""
        options = []
        for row, lst in zip(self.rows, self.lists):
            best = {}
            for c in lst:
                if c.owner == without or not c.sets or not self.tick.fits(c, [row]):
                    continue
                k = self.column(c)
                if k not in best or c.key < best[k].key:
                    best[k] = c
            options.append(best)
        columns = sorted(set().union(*options))
        found = None
        for choice in itertools.permutations(columns, len(self.rows)):
            if not all(k in o for k, o in zip(choice, options)):
                continue
            chosen = [o[k] for k, o in zip(choice, options)]
            cost = (sum(c.eff for c in chosen), sum(int.from_bytes(c.tie, "big") for c in chosen),
                    choice)
            if found is None or cost < found[0]:
                found = (cost, chosen)
        return found

    def look_spread(self):
        found = self.assign(None)
        if found is None:
            full = all(any(c.sets for c in lst) for lst in self.lists)
            self.end = "no_capacity" if full else "no_offer"
            return None
        (cost, _, _), self.chosen = found
        self.prices = []
        for c in self.chosen:
            p = c.list
            other = self.assign(c.owner)
            if other is not None:
                p = min(p, (other[0][0] - (cost - c.eff)) * 10000 // c.m)
            self.prices.append(max(p, c.floor))
        if self.order["retry"]:
            return INFINITY
        return sum(self.prices) - sum(c.floor for c in self.chosen)

    def decide_spread(self):
        self.price = sum(self.prices)
        if self.order["manual"]:
            self.end = "ranked"
        elif any(p > m for p, m in zip(self.prices, self.order["max"])):
            self.end = "above_max"
        else:
            self.end = "awarded"
            for c, row in zip(self.chosen, self.rows):
                self.used += self.tick.take(c, [row])

    # -- the line that is compared

    @staticmethod
    def name(c):
        if c.offer is None:
            return "b%d" % c.index
        return "%d.%d" % (c.index, c.model) if c.model >= 0 else str(c.index)

    def reason(self, c):
        if c is self.winner:
            return "M" if self.end == "above_max" else "W"
        if c in self.dropped:
            return "s"
        if c.offer is not None and (c.index, c.model) not in self.start:
            return "c"
        if self.winner is None or (c.index, c.model) not in self.left:
            return "c"
        return "s" if c.owner == self.winner.owner else "d"

    def line(self):
        if self.order["spread"]:
            if self.end in ("no_offer", "no_capacity"):
                return self.end
            return "%s %s %s %s" % (self.end, ",".join(self.name(c) for c in self.chosen),
                                    ",".join(map(str, self.prices)),
                                    ",".join(map(str, self.used)))
        why = []
        for i, w in enumerate(self.why):
            if w is None:
                w = min((self.reason(c) for c in self.candidate_list if c.index == i),
                        key="WMsdc".index)
            why.append(w)
        known = {c.index: c for c in self.all + self.dropped if c.offer is None}
        for n, w in enumerate(self.bid_why):
            why.append(w if w else self.reason(known[n]))
        return "%s %s %d %s %s %s %s" % (
            self.end, self.name(self.winner) if self.winner else "-", self.price, self.setter,
            ",".join(map(str, self.used)), ",".join(self.name(c) for c in self.all), "".join(why))


def main():
    out = sys.stdout
    for line in sys.stdin:
        out.write(Tick(json.loads(line)).clear() + "\n")


if __name__ == "__main__":
    main()
