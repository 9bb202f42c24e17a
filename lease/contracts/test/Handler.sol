// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {TestToken} from "../src/TestToken.sol";
import {vm, Vm, clamp} from "./Vm.sol";
import {Signers, Opening, Settlement, Closing} from "./Base.sol";

/// Lives a market's life at random: three tenants, two providers, one auctioneer, real signatures, honest and forged.
/// Each action first makes what it needs, so that few calls are wasted. It keeps books of its own from the events
/// alone, and raises a flag (never reverts) when it sees what must not be.
contract Handler is Signers {
    struct Known {
        Escrow.Order order;
        Escrow.Lease lease;
        uint256 tenantKey;
        uint256 providerKey;
        uint32 start;
        // as last seen
        uint96 deposit;
        uint96 paid;
        uint32 upTo;
        uint32 stopAt;
        uint256 held; // by the events
        bool over;
        bool isVoid;
    }

    uint256 public constant WINDOW = 60;
    uint256 private constant SESSION = 0x5E55; // a key that tenants lend

    mapping(bytes32 => Known) private known;
    bytes32[] public ids;
    mapping(address => uint256) public book; // internal balances, by the events
    mapping(address => uint256) public bonded; // by the events
    mapping(bytes32 => bytes32) private liveUnder; // order hash -> lease
    address[] public people;
    uint64 private nonce;
    bool private honest;
    bytes32 private touched; // the lease that the action in hand may move; zero: none

    string public broken; // empty: nothing is
    mapping(string => uint256) public count;
    uint256 public actions;
    uint256 public into;
    uint256 public outOf;
    uint256 public fees; // by the events

    constructor() {
        token = new TestToken();
        escrow = deploy(address(token));
        for (uint256 i = 0; i < 3; i++) people.push(vm.addr(TENANT + i));
        for (uint256 i = 0; i < 2; i++) people.push(vm.addr(PROVIDER + i));
        people.push(auctioneer);
        people.push(cosigner);
        people.push(stranger);
        people.push(address(0xdEaD));
    }

    // --- frame ---

    modifier watched(uint256 step) {
        vm.warp(vm.getBlockTimestamp() + step % 40);
        vm.recordLogs();
        touched = 0;
        honest = false;
        actions++;
        _;
        bookkeep(vm.getRecordedLogs());
        look();
    }

    function flag(string memory what) private {
        if (bytes(broken).length == 0) broken = what;
    }

    function saw(string memory what) private {
        count[what]++;
    }

    /// An indexer that knows nothing but events.
    function bookkeep(Vm.Log[] memory logs) private {
        for (uint256 i = 0; i < logs.length; i++) {
            Vm.Log memory l = logs[i];
            if (l.emitter != address(escrow)) continue;
            bytes32 t = l.topics[0];
            if (t == Escrow.Deposited.selector) {
                (, uint96 amount) = abi.decode(l.data, (address, uint96));
                book[toAddress(l.topics[1])] += amount;
                into += amount;
                saw("deposit");
            } else if (t == Escrow.Withdrawn.selector) {
                (, uint96 amount) = abi.decode(l.data, (address, uint96));
                book[toAddress(l.topics[1])] -= amount;
                outOf += amount;
                saw("withdraw");
            } else if (t == Escrow.Opened.selector) {
                opened(l);
            } else if (t == Escrow.ToppedUp.selector) {
                uint96 amount = abi.decode(l.data, (uint96));
                book[toAddress(l.topics[2])] -= amount;
                known[l.topics[1]].held += amount;
                saw("topUp");
            } else if (t == Escrow.Settled.selector || t == Escrow.Closed.selector) {
                paying(l, t == Escrow.Closed.selector);
            } else if (t == Escrow.Voided.selector) {
                voided(l);
            } else if (t == Escrow.Bonded.selector) {
                moveBond(l, true);
                saw("bond");
            } else if (t == Escrow.Unbonded.selector) {
                moveBond(l, false);
                saw("unbond");
            } else if (t == Escrow.Slashed.selector) {
                slashed(l);
            } else if (t == Escrow.Keyed.selector) {
                saw("key");
            } else if (t == Escrow.Claimed.selector) {
                saw("claim");
            } else if (t == Escrow.Stopped.selector) {
                saw("stop");
            } else if (t == Escrow.Cancelled.selector) {
                saw("cancel");
            } else if (t == Escrow.Skipped.selector) {
                saw("skip");
            }
        }
    }

    /// A number of `size` bytes at `pos`.
    function number(bytes memory b, uint256 pos, uint256 size) private pure returns (uint256 v) {
        for (uint256 i = 0; i < size; i++) v = v << 8 | uint8(b[pos + i]);
    }

    function opened(Vm.Log memory l) private {
        (, bytes memory b) = abi.decode(l.data, (uint16, bytes));
        for (uint256 pos = 0; pos < b.length; pos += 112) {
            bytes32 id = bytes32(number(b, pos, 32));
            bytes32 order = bytes32(number(b, pos + 32, 32));
            uint256 amount = number(b, pos + 100, 12);
            book[address(uint160(number(b, pos + 64, 20)))] -= amount;
            known[id].held += amount;
            if (liveUnder[order] != 0) flag("two live leases under one order");
            liveUnder[order] = id;
            saw("open");
        }
    }

    function paying(Vm.Log memory l, bool closes) private {
        (uint16 feeBps, bytes memory b) = abi.decode(l.data, (uint16, bytes));
        for (uint256 pos = 0; pos < b.length;) {
            Known storage k = known[bytes32(number(b, pos, 32))];
            pos += 32;
            if (closes) pos += 20;
            uint256 paid = number(b, pos, 12);
            uint256 moved = number(b, pos + 12, 12);
            uint256 fee = paid * feeBps / 10000 - (paid - moved) * feeBps / 10000;
            book[toAddress(l.topics[1])] += moved - fee;
            book[toAddress(l.topics[2])] += fee;
            fees += fee;
            k.held -= moved;
            if (moved != paid - k.paid) flag("moved is not the difference");
            if (feeBps != k.lease.feeBps || fee > moved) flag("not the fee that was signed");
            if (moved != 0 && !honest) flag("moved without consent");
            if (moved != 0) saw("settle");
            k.paid = uint96(paid);
            pos += 24;
            if (closes) {
                ended(k, number(b, pos, 12));
                pos += 12;
                saw("close");
            }
            pos += 4;
        }
    }

    function ended(Known storage k, uint256 refund) private {
        if (!honest) flag("ended without consent");
        book[k.order.tenant] += refund;
        if (k.held != refund) flag("refund is not what was held");
        k.held -= refund;
        k.over = true;
    }

    function voided(Vm.Log memory l) private {
        Known storage k = known[l.topics[1]];
        liveUnder[l.topics[2]] = 0;
        if (k.paid != 0) flag("void after a payment");
        k.isVoid = true;
        ended(k, abi.decode(l.data, (uint96)));
        saw("void");
    }

    function moveBond(Vm.Log memory l, bool in_) private {
        address who = toAddress(l.topics[1]);
        uint96 amount = abi.decode(l.data, (uint96));
        if (in_) (book[who], bonded[who]) = (book[who] - amount, bonded[who] + amount);
        else (book[who], bonded[who]) = (book[who] + amount, bonded[who] - amount);
    }

    function slashed(Vm.Log memory l) private {
        (uint96 toTenant, uint96 burnt) = abi.decode(l.data, (uint96, uint96));
        bonded[toAddress(l.topics[1])] -= uint256(toTenant) + burnt;
        book[toAddress(l.topics[2])] += toTenant;
        book[address(0xdEaD)] += burnt;
        if (!honest) flag("slashed without proof");
        saw("slash");
    }

    /// Every lease, after every action.
    function look() private {
        for (uint256 i = 0; i < ids.length; i++) {
            Known storage k = known[ids[i]];
            (uint96 lock, uint96 paid, uint32 upTo, uint32 stopAt) = escrow.leaseState(ids[i]);
            if (k.over) {
                if (lock != 0 || paid != 0 || upTo != (k.isVoid ? k.start : 0)) flag("an ended lease moved");
                k.deposit = 0;
                continue;
            }
            if (paid != k.paid || upTo < k.upTo) flag("paid is not what the events say, or upTo fell");
            if (lock != 0 && paid > lock) flag("paid above the deposit");
            if (upTo > vm.getBlockTimestamp()) flag("accounted for the future");
            if (k.stopAt != 0 && (stopAt != k.stopAt || upTo > stopAt)) flag("accrued after the stop");
            if (paid > uint256(k.lease.rate) * (upTo - k.start) / 1e9) flag("above rate x elapsed");
            if (lock != 0 && lock - paid != k.held) flag("holds other than the events say");
            if (lock != 0 && escrow.startOf(ids[i]) != k.start) flag("start lost");
            if (ids[i] != touched && (lock != k.deposit || upTo != k.upTo)) {
                flag("another lease moved");
            }
            (k.deposit, k.paid, k.upTo, k.stopAt) = (lock, paid, upTo, stopAt);
        }
    }

    function toAddress(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }

    // --- making what an action needs ---

    function give(address who, uint96 amount) private {
        token.mint(who, amount);
        vm.startPrank(who);
        token.approve(address(escrow), amount);
        escrow.deposit(who, amount);
        vm.stopPrank();
    }

    function begin(uint256 seed) private returns (bytes32 id) {
        Escrow.Order memory o = Escrow.Order({
            tenant: vm.addr(TENANT + seed % 3),
            group: bytes32(seed),
            maxRate: uint128(100_000_000 + (seed >> 8) % 3_000_000_000),
            baseBps: uint16(1000 + (seed >> 40) % 9001),
            deposit: uint96(1 + (seed >> 56) % 2000),
            openBy: uint32(vm.getBlockTimestamp()) + 1000,
            window: uint32(WINDOW),
            launch: uint32((seed >> 72) % 200),
            auctioneer: auctioneer,
            cosigner: (seed >> 80) % 4 == 0 ? address(0) : cosigner,
            feeBps: uint16((seed >> 88) % 2001),
            nonce: (seed >> 112) % 4 == 0 ? nonce++ | 1 << 63 : nonce++
        });
        if (escrow.balanceOf(o.tenant) < o.deposit) give(o.tenant, o.deposit);
        return openOrder(o, TENANT + seed % 3, PROVIDER + (seed >> 104) % 2, o.maxRate);
    }

    function openOrder(Escrow.Order memory o, uint256 tenantKey, uint256 providerKey, uint128 rate)
        private
        returns (bytes32 id)
    {
        Escrow.Lease memory l = leaseFrom(o, vm.addr(providerKey), rate);
        id = idOf(l);
        if (known[id].providerKey == 0) ids.push(id);
        known[id].order = o;
        known[id].lease = l;
        known[id].start = uint32(vm.getBlockTimestamp());
        known[id].tenantKey = tenantKey;
        known[id].providerKey = providerKey;
        touched = id;
        openMany(list(opening(o, l, tenantKey, providerKey, AUCTIONEER)));
    }

    /// A live lease: one of the last few, or a new one.
    function pick(uint256 seed) private returns (bytes32 id) {
        for (uint256 i = 0; i < 8 && i < ids.length; i++) {
            id = ids[ids.length - 1 - (seed % 8 + i) % (ids.length < 8 ? ids.length : 8)];
            if (known[id].deposit != 0) {
                touched = id;
                return id;
            }
        }
        return begin(seed);
    }

    function payer(Known storage k, uint256 seed) private view returns (uint256) {
        return k.order.cosigner != address(0) && seed % 2 == 0 ? COSIGNER : k.tenantKey;
    }

    /// An amount around what is due, now and then far above.
    function someAmount(Known storage k, uint32 upTo, uint256 seed) private view returns (uint96) {
        if (seed % 8 == 0) return type(uint96).max;
        if (seed % 8 == 1) return uint96(clamp(seed >> 8, 0, k.paid)); // one that fell
        uint256 due = upTo > k.start ? uint256(k.lease.rate) * (upTo - k.start) / 1e9 : 0;
        return uint96(k.paid + clamp(seed >> 8, 0, (due > k.paid ? due - k.paid : 0) + 2));
    }

    function someTime(Known storage k, uint256 seed) private view returns (uint32) {
        uint256 from = k.upTo == 0 ? vm.getBlockTimestamp() : k.upTo;
        if (seed % 16 == 0) return uint32(vm.getBlockTimestamp() + 1 + (seed >> 8) % 100); // not yet
        if (seed % 16 == 1) return uint32(from - 1 - (seed >> 8) % 30); // before what was settled
        return uint32(clamp(seed, from, vm.getBlockTimestamp()));
    }

    // --- actions ---

    function deposit(uint256 seed, uint256 step) external watched(step) {
        give(people[seed % people.length], uint96((seed >> 8) % 3000));
    }

    function withdraw(uint256 seed, uint256 step) external watched(step) {
        address who = people[seed % (people.length - 1)];
        uint256 some = clamp(seed >> 8, 0, escrow.balanceOf(who));
        vm.prank(who);
        escrow.withdraw(who, uint96(some));
    }

    function open(uint256 seed, uint256 step) external watched(step) {
        begin(seed);
    }

    /// Whatever was opened once, opened again.
    function reopen(uint256 seed, uint256 step) external watched(step) {
        if (ids.length == 0) return;
        Known storage k = known[ids[seed % ids.length]];
        openMany(list(opening(k.order, k.lease, k.tenantKey, k.providerKey, AUCTIONEER)));
    }

    function settle(uint256 seed, uint256 step) external watched(step) {
        Known storage k = known[pick(seed)];
        uint32 upTo = someTime(k, seed >> 16);
        honestly();
        settleMany(
            list(settlement(k.lease, someAmount(k, upTo, seed >> 32), upTo, payer(k, seed), k.providerKey))
        );
    }

    /// One of the two signatures is somebody else's.
    function settleForged(uint256 seed, uint256 step) external watched(step) {
        Known storage k = known[pick(seed)];
        uint32 upTo = someTime(k, seed >> 16);
        uint96 amount = someAmount(k, upTo, seed >> 32);
        uint256 bad = seed % 3 == 0 ? STRANGER : seed % 3 == 1 ? AUCTIONEER : k.providerKey;
        if (seed % 2 == 0) settleMany(list(settlement(k.lease, amount, upTo, bad, k.providerKey)));
        else settleMany(list(settlement(k.lease, amount, upTo, k.tenantKey, STRANGER)));
        closeMany(list(closing(k.lease, amount, upTo, k.tenantKey, seed % 2 == 0 ? k.tenantKey : COSIGNER)));
        if (amount > k.paid) {
            closeMany(list(closing(k.lease, amount, upTo, STRANGER, k.providerKey)));
        }
    }

    function close(uint256 seed, uint256 step) external watched(step) {
        if (seed % 3 == 0) return; // leases should live for a while
        Known storage k = known[pick(seed)];
        uint32 upTo = someTime(k, seed >> 16);
        honestly();
        closeMany(
            list(closing(k.lease, someAmount(k, upTo, seed >> 32), upTo, payer(k, seed), k.providerKey))
        );
    }

    function topUp(uint256 seed, uint256 step) external watched(step) {
        Known storage k = known[pick(seed)];
        uint96 amount = uint96((seed >> 8) % 100);
        give(stranger, amount);
        vm.prank(stranger);
        try escrow.topUp(k.lease, amount) {} catch {}
    }

    function stop(uint256 seed, uint256 step) external watched(step) {
        Known storage k = known[pick(seed)];
        vm.prank(k.order.tenant);
        try escrow.stop(k.lease) {} catch {}
    }

    function claim(uint256 seed, uint256 step) external watched(step) {
        Known storage k = known[pick(seed)];
        vm.warp(vm.getBlockTimestamp() + (seed >> 16) % 200);
        vm.prank(vm.addr(k.providerKey));
        try escrow.claim(k.lease, seed % 4 == 0 ? k.paid + 1 : type(uint96).max) {} catch {}
    }

    function finish(uint256 seed, uint256 step) external watched(step) {
        bytes32 id = seed % 3 == 0 ? begin(seed) : pick(seed);
        (uint96 claimed, uint32 upTo, uint32 pos) = escrow.claimOf(id);
        if (upTo <= known[id].upTo) {
            vm.warp(vm.getBlockTimestamp() + 201 + (seed >> 16) % 1000); // past any launch
            vm.prank(vm.addr(known[id].providerKey));
            try escrow.claim(known[id].lease, type(uint96).max) {} catch {}
            (claimed, upTo, pos) = escrow.claimOf(id);
        }
        Known storage k = known[id];
        if (seed % 4 != 1 && vm.getBlockTimestamp() < pos) vm.warp(pos);
        honestly();
        try escrow.finish(k.lease) {
            (, uint96 paid,,) = escrow.leaseState(id);
            if (vm.getBlockTimestamp() < pos) flag("claim paid before its window");
            if (paid > k.paid && paid > claimed) flag("more than claimed");
            uint256 time = upTo - (k.upTo == 0 ? k.start : k.upTo);
            if (paid - k.paid > uint256(k.lease.base) * time / 1e9) flag("above base x time");
            saw("finish");
            try escrow.finish(k.lease) {
                (, uint96 again,,) = escrow.leaseState(id);
                if (again != paid) flag("a claim paid twice");
            } catch {}
        } catch {}
    }

    function expire(uint256 seed, uint256 step) external watched(step) {
        bytes32 id = pick(seed);
        Known storage k = known[id];
        if (k.stopAt == 0) {
            if (seed % 8 == 1) return;
            vm.prank(k.order.tenant);
            escrow.stop(k.lease);
        }
        if (seed % 4 != 0) vm.warp(vm.getBlockTimestamp() + 2 * WINDOW + 1);
        honestly();
        (, uint32 upTo, uint32 pos) = escrow.claimOf(id);
        if (upTo <= k.upTo) pos = 0;
        try escrow.expire(k.lease) {
            if (vm.getBlockTimestamp() < pos) flag("expired under a claim");
            saw("expire");
        } catch {
            if (seed % 4 != 0) flag("a stopped lease would not end");
        }
    }

    function voidLease(uint256 seed, uint256 step) external watched(step) {
        if (seed % 3 == 0) return;
        bytes32 id = seed % 2 == 0 ? pick(seed) : begin(seed);
        Known storage k = known[id];
        honestly();
        vm.prank(auctioneer);
        try escrow.voidLease(k.order, k.lease.provider, k.lease.rate) {} catch {}
    }

    /// A voided lease's order goes to the next bidder.
    function release(uint256 seed, uint256 step) external watched(step) {
        Known storage k = known[begin(seed)];
        honestly();
        vm.prank(auctioneer);
        escrow.voidLease(k.order, k.lease.provider, k.lease.rate);
        bookkeep(vm.getRecordedLogs());
        look();
        vm.recordLogs();
        openOrder(k.order, k.tenantKey, k.providerKey == PROVIDER ? PROVIDER + 1 : PROVIDER, k.lease.rate);
    }

    function cancel(uint256 seed, uint256 step) external watched(step) {
        address who = people[seed % 3];
        uint64 n = seed % 2 == 0 ? nonce++ : nonce++ | 1 << 40;
        vm.prank(who);
        escrow.cancel(n);
    }

    // --- keys and statements ---

    /// A key of the tenant's, good and bad, signs.
    function key(uint256 seed, uint256 step) external watched(step) {
        bytes32 id = pick(seed);
        Known storage k = known[id];
        uint96 limit = uint96((seed >> 8) % 500);
        uint32 until = uint32(vm.getBlockTimestamp() + (seed >> 24) % 100);
        bool said;
        if (seed % 4 != 0) {
            vm.prank(k.order.tenant);
            escrow.setKey(k.lease, vm.addr(SESSION), limit, until);
        }
        (said, limit, until) = escrow.keyOf(id, vm.addr(SESSION));
        vm.warp(vm.getBlockTimestamp() + (seed >> 40) % 150);
        uint32 upTo = someTime(k, seed >> 16);
        uint96 amount = someAmount(k, upTo, seed >> 32);
        if (said && amount <= limit && upTo <= until) honestly();
        settleMany(list(settlement(k.lease, amount, upTo, SESSION, k.providerKey)));
    }

    /// One signature for one lease, right or wrong.
    function stated(uint256 seed, uint256 step) external watched(step) {
        Known storage k = known[pick(seed)];
        Escrow.Lease[] memory one = new Escrow.Lease[](1);
        one[0] = k.lease;
        uint32 upTo = someTime(k, seed >> 16);
        uint256 who = seed % 4 == 0 ? STRANGER : k.tenantKey;
        bytes memory batch = statement(
            one, someAmount(k, upTo, seed >> 32), upTo, who, seed % 8 == 1 ? k.tenantKey : k.providerKey
        );
        if (who == k.tenantKey && seed % 8 != 1) honestly();
        try escrow.settleMany(batch) {
            saw("statement");
        } catch {}
    }

    // --- bonds ---

    function bond(uint256 seed, uint256 step) external watched(step) {
        address who = seed % 3 == 0 ? auctioneer : vm.addr(PROVIDER + seed % 2);
        uint96 amount = uint96((seed >> 8) % 3000);
        give(who, amount);
        vm.startPrank(who);
        escrow.bond(amount);
        (uint96 all,,) = escrow.bondOf(who);
        if (seed % 4 == 0) escrow.unbond(uint96((seed >> 32) % (uint256(all) + 1)));
        vm.stopPrank();
    }

    function reclaim(uint256 seed, uint256 step) external watched(step) {
        address who = seed % 3 == 0 ? auctioneer : vm.addr(PROVIDER + seed % 2);
        give(who, 60);
        vm.startPrank(who);
        escrow.bond(60);
        (uint96 all, uint96 leaving, uint32 pos) = escrow.bondOf(who);
        if (leaving == 0) escrow.unbond(all);
        (, leaving, pos) = escrow.bondOf(who);
        if (seed % 4 != 1 && leaving != 0 && pos > vm.getBlockTimestamp()) vm.warp(pos);
        try escrow.reclaim() {
            if (vm.getBlockTimestamp() < pos) flag("a bond left before its time");
        } catch {}
        vm.stopPrank();
    }

    function slash(uint256 seed, uint256 step) external watched(step) {
        seed = uint256(keccak256(abi.encode(seed)));
        Known storage k = known[begin(seed)];
        address whose = vm.addr(k.providerKey);
        give(whose, 50);
        vm.prank(whose);
        escrow.bond(50);
        Escrow.Usage memory a;
        a.lease = idOf(k.lease);
        a.seq = uint64(seed >> 16) % 3;
        Escrow.Usage memory b = abi.decode(abi.encode(a), (Escrow.Usage));
        if (seed % 4 != 0) b.amount = 1;
        uint256 who = seed % 8 == 1 ? k.tenantKey : k.providerKey;
        if (seed % 4 != 0 && who == k.providerKey) honestly();
        try escrow.slashUsages(k.lease, a, b, sign(who, usageHash(a)), sign(k.providerKey, usageHash(b))) {}
            catch {}
    }

    /// The action in hand has every consent it needs, to its end.
    function honestly() private {
        honest = true;
    }

    function theEscrow() external view returns (Escrow) {
        return escrow;
    }

    function peopleCount() external view returns (uint256) {
        return people.length;
    }

    function leaseOf(uint256 i) external view returns (Escrow.Lease memory) {
        return known[ids[i]].lease;
    }

    function paidOf(uint256 i) external view returns (uint256) {
        return known[ids[i]].paid;
    }

    function leases() external view returns (uint256) {
        return ids.length;
    }

    function heldBy(bytes32 id) external view returns (uint256) {
        return known[id].held;
    }
}
