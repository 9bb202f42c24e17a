// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {TestToken} from "../src/TestToken.sol";
import {vm, Vm, clamp} from "./Vm.sol";
import {Signers} from "./Base.sol";

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
    }

    uint256 private constant WINDOW = 60;

    mapping(bytes32 => Known) private known;
    bytes32[] public ids;
    mapping(address => uint256) public book; // internal balances, by the events
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

    constructor() {
        token = new TestToken();
        escrow = deploy(address(token));
        for (uint256 i = 0; i < 3; i++) people.push(vm.addr(TENANT + i));
        for (uint256 i = 0; i < 2; i++) people.push(vm.addr(PROVIDER + i));
        people.push(auctioneer);
        people.push(cosigner);
        people.push(stranger);
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
                (,, uint96 amount) = abi.decode(l.data, (address, uint128, uint96));
                book[toAddress(l.topics[3])] -= amount;
                known[l.topics[1]].held += amount;
                if (liveUnder[l.topics[2]] != 0) flag("two live leases under one order");
                liveUnder[l.topics[2]] = l.topics[1];
                saw("open");
            } else if (t == Escrow.ToppedUp.selector) {
                uint96 amount = abi.decode(l.data, (uint96));
                book[toAddress(l.topics[2])] -= amount;
                known[l.topics[1]].held += amount;
                saw("topUp");
            } else if (t == Escrow.Settled.selector) {
                settled(l);
            } else if (t == Escrow.Closed.selector || t == Escrow.Voided.selector) {
                ended(l, t == Escrow.Voided.selector);
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

    function settled(Vm.Log memory l) private {
        Known storage k = known[l.topics[1]];
        (address a, uint96 amount, uint96 credited, uint96 fee,) =
            abi.decode(l.data, (address, uint96, uint96, uint96, uint32));
        book[toAddress(l.topics[3])] += credited;
        book[a] += fee;
        k.held -= uint256(credited) + fee;
        if (uint256(credited) + fee != amount - k.paid) flag("fee + credited is not the difference");
        if (uint256(amount) * k.lease.feeBps / 10000 < fee) flag("fee too high");
        if (!honest) flag("moved without consent");
        saw("settle");
    }

    function ended(Vm.Log memory l, bool isVoid) private {
        Known storage k = known[l.topics[1]];
        uint96 refund;
        if (isVoid) {
            refund = abi.decode(l.data, (uint96));
            liveUnder[l.topics[2]] = 0;
            if (k.paid != 0) flag("void after a payment");
            saw("void");
        } else {
            (, refund) = abi.decode(l.data, (uint96, uint96));
            saw("close");
        }
        if (!honest) flag("ended without consent");
        book[k.order.tenant] += refund;
        if (k.held != refund) flag("refund is not what was held");
        k.held -= refund;
    }

    /// Every lease, after every action.
    function look() private {
        for (uint256 i = 0; i < ids.length; i++) {
            Known storage k = known[ids[i]];
            (uint96 lock, uint96 paid, uint32 upTo, uint32 stopAt) = escrow.leaseState(ids[i]);
            if (k.upTo != 0 && k.deposit == 0) {
                if (lock != 0 || paid != k.paid || upTo != k.upTo) flag("an ended lease moved");
            }
            if (paid < k.paid || upTo < k.upTo) flag("paid or upTo fell");
            if (lock != 0 && paid > lock) flag("paid above the deposit");
            if (upTo > vm.getBlockTimestamp()) flag("accounted for the future");
            if (k.stopAt != 0 && (stopAt != k.stopAt || upTo > stopAt)) flag("accrued after the stop");
            if (paid > uint256(k.lease.rate) * (upTo - k.start) / 1e9) flag("above rate x elapsed");
            if (lock != 0 && lock - paid != k.held) flag("holds other than the events say");
            if (lock != 0 && escrow.startOf(ids[i]) != k.start) flag("start lost");
            if (ids[i] != touched && (lock != k.deposit || paid != k.paid || upTo != k.upTo)) {
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
            nonce: nonce++
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
        escrow.openMany(list(opening(o, l, tenantKey, providerKey, AUCTIONEER)));
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
        uint256 due = uint256(k.lease.rate) * (upTo - k.start) / 1e9;
        return uint96(k.paid + clamp(seed >> 8, 0, (due > k.paid ? due - k.paid : 0) + 2));
    }

    function someTime(Known storage k, uint256 seed) private view returns (uint32) {
        uint256 from = k.upTo == 0 ? vm.getBlockTimestamp() : k.upTo;
        return uint32(clamp(seed, from, vm.getBlockTimestamp()));
    }

    // --- actions ---

    function deposit(uint256 seed, uint256 step) external watched(step) {
        give(people[seed % people.length], uint96((seed >> 8) % 3000));
    }

    function withdraw(uint256 seed, uint256 step) external watched(step) {
        address who = people[seed % people.length];
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
        escrow.openMany(list(opening(k.order, k.lease, k.tenantKey, k.providerKey, AUCTIONEER)));
    }

    function settle(uint256 seed, uint256 step) external watched(step) {
        Known storage k = known[pick(seed)];
        uint32 upTo = someTime(k, seed >> 16);
        honestly();
        escrow.settleMany(
            list(settlement(k.lease, someAmount(k, upTo, seed >> 32), upTo, payer(k, seed), k.providerKey))
        );
    }

    /// One of the two signatures is somebody else's.
    function settleForged(uint256 seed, uint256 step) external watched(step) {
        Known storage k = known[pick(seed)];
        uint32 upTo = someTime(k, seed >> 16);
        uint96 amount = someAmount(k, upTo, seed >> 32);
        uint256 bad = seed % 3 == 0 ? STRANGER : seed % 3 == 1 ? AUCTIONEER : k.providerKey;
        if (seed % 2 == 0) escrow.settleMany(list(settlement(k.lease, amount, upTo, bad, k.providerKey)));
        else escrow.settleMany(list(settlement(k.lease, amount, upTo, k.tenantKey, STRANGER)));
        escrow.closeMany(list(closing(k.lease, amount, upTo, k.tenantKey, seed % 2 == 0 ? k.tenantKey : COSIGNER)));
        if (amount > k.paid) {
            escrow.closeMany(list(closing(k.lease, amount, upTo, STRANGER, k.providerKey)));
        }
    }

    function close(uint256 seed, uint256 step) external watched(step) {
        if (seed % 3 == 0) return; // leases should live for a while
        Known storage k = known[pick(seed)];
        uint32 upTo = someTime(k, seed >> 16);
        honestly();
        escrow.closeMany(
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
        (uint96 claimed, uint32 upTo, uint32 at) = escrow.claimOf(id);
        if (upTo <= known[id].upTo) {
            vm.warp(vm.getBlockTimestamp() + 201 + (seed >> 16) % 1000); // past any launch
            vm.prank(vm.addr(known[id].providerKey));
            try escrow.claim(known[id].lease, type(uint96).max) {} catch {}
            (claimed, upTo, at) = escrow.claimOf(id);
        }
        Known storage k = known[id];
        if (seed % 4 != 1 && vm.getBlockTimestamp() < at) vm.warp(at);
        honestly();
        try escrow.finish(k.lease) {
            (, uint96 paid,,) = escrow.leaseState(id);
            if (vm.getBlockTimestamp() < at) flag("claim paid before its window");
            if (paid > k.paid && paid > claimed) flag("more than claimed");
            uint256 time = upTo - (k.upTo == 0 ? k.start : k.upTo);
            if (paid - k.paid > uint256(k.lease.base) * time / 1e9) flag("above base x time");
            saw("finish");
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
        try escrow.expire(k.lease) {
            (,, uint32 at) = escrow.claimOf(id);
            if (vm.getBlockTimestamp() < at) flag("expired under a claim");
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
        try escrow.voidLease(k.order, k.lease) {} catch {}
    }

    /// A voided lease's order goes to the next bidder.
    function release(uint256 seed, uint256 step) external watched(step) {
        Known storage k = known[begin(seed)];
        honestly();
        vm.prank(auctioneer);
        escrow.voidLease(k.order, k.lease);
        bookkeep(vm.getRecordedLogs());
        look();
        vm.recordLogs();
        openOrder(k.order, k.tenantKey, k.providerKey == PROVIDER ? PROVIDER + 1 : PROVIDER, k.lease.rate);
    }

    function cancel(uint256 seed, uint256 step) external watched(step) {
        address who = people[seed % 3];
        uint64 n = nonce++;
        vm.prank(who);
        escrow.cancel(n);
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

    function leases() external view returns (uint256) {
        return ids.length;
    }

    function heldBy(bytes32 id) external view returns (uint256) {
        return known[id].held;
    }
}
