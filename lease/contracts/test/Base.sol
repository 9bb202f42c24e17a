// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {TestToken} from "../src/TestToken.sol";
import {vm, Vm} from "./Vm.sol";

/// All that it takes to open, settle or close a lease. A signature of zeros: its signer is the one who sends.
struct Opening {
    Escrow.Order order;
    Escrow.Lease lease;
    Escrow.Sig tenantSig; // over the Order
    Escrow.Sig providerSig; // over the Lease
    Escrow.Sig auctioneerSig; // over the Award
    bytes32 record;
}

struct Settlement {
    Escrow.Lease lease;
    uint96 amount;
    uint32 upTo;
    Escrow.Sig payerSig; // over the Voucher
    Escrow.Sig providerSig; // over the same
}

struct Closing {
    Escrow.Lease lease;
    uint96 amount;
    uint32 upTo;
    Escrow.Sig payerSig; // over the Voucher
    Escrow.Sig releaseSig; // the provider's over the Release
}

/// People, their signatures, and the documents they sign. Hashes are made here once more from the type strings, so
/// that the contract's are checked against something else than themselves.
abstract contract Signers {
    uint256 constant TENANT = 0xA11CE;
    uint256 constant PROVIDER = 0xB0B;
    uint256 constant AUCTIONEER = 0xC0DE;
    uint256 constant COSIGNER = 0xD00D;
    uint256 constant STRANGER = 0xE1E;

    bytes32 constant ORDER = keccak256(
        "Order(address tenant,bytes32 group,uint128 maxRate,uint16 baseBps,uint96 deposit,uint32 openBy,uint32 window,uint32 launch,address auctioneer,address cosigner,uint16 feeBps,uint64 nonce)"
    );
    bytes32 constant AWARD = keccak256("Award(bytes32 order,address provider,uint128 rate,bytes32 record)");
    bytes32 constant LEASE = keccak256(
        "Lease(bytes32 order,address tenant,address provider,address auctioneer,address cosigner,uint128 rate,uint128 base,uint96 deposit,uint32 openBy,uint32 window,uint32 launch,uint16 feeBps)"
    );
    bytes32 constant VOUCHER = keccak256("Voucher(bytes32 lease,uint96 amount,uint32 upTo)");
    bytes32 constant RELEASE = keccak256("Release(bytes32 lease,uint96 amount)");
    bytes32 constant RECORD = keccak256("transcript");

    Escrow escrow;
    TestToken token;
    address tenant = vm.addr(TENANT);
    address provider = vm.addr(PROVIDER);
    address auctioneer = vm.addr(AUCTIONEER);
    address cosigner = vm.addr(COSIGNER);
    address stranger = vm.addr(STRANGER);

    /// The bytecode that is shipped: build.sh makes it.
    function deploy(address token_) internal returns (Escrow) {
        return Escrow(vm.deployCode("out/release/Escrow.sol/Escrow.json", abi.encode(token_, uint32(60))));
    }

    function separator() internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Gavel"),
                keccak256("1"),
                vm.getChainId(),
                address(escrow)
            )
        );
    }

    function hashOf(Escrow.Order memory o) internal pure returns (bytes32) {
        return keccak256(abi.encode(ORDER, o));
    }

    function idOf(Escrow.Lease memory l) internal pure returns (bytes32) {
        return keccak256(abi.encode(LEASE, l));
    }

    function awardHash(bytes32 order, Escrow.Lease memory l) internal pure returns (bytes32) {
        return keccak256(abi.encode(AWARD, order, l.provider, l.rate, RECORD));
    }

    function voucherHash(bytes32 id, uint96 amount, uint32 upTo) internal pure returns (bytes32) {
        return keccak256(abi.encode(VOUCHER, id, amount, upTo));
    }

    function releaseHash(bytes32 id, uint96 amount) internal pure returns (bytes32) {
        return keccak256(abi.encode(RELEASE, id, amount));
    }

    function sign(uint256 key, bytes32 structHash) internal view returns (Escrow.Sig memory sig) {
        (sig.r, sig.vs) = vm.signCompact(key, keccak256(abi.encodePacked(hex"1901", separator(), structHash)));
    }

    function leaseFrom(Escrow.Order memory o, address provider_, uint128 rate)
        internal
        pure
        returns (Escrow.Lease memory)
    {
        return Escrow.Lease({
            order: hashOf(o),
            tenant: o.tenant,
            provider: provider_,
            auctioneer: o.auctioneer,
            cosigner: o.cosigner,
            rate: rate,
            base: uint128((uint256(rate) * o.baseBps + 9999) / 10000),
            deposit: o.deposit,
            openBy: o.openBy,
            window: o.window,
            launch: o.launch,
            feeBps: o.feeBps
        });
    }

    function opening(Escrow.Order memory o, Escrow.Lease memory l)
        internal
        view
        returns (Opening memory)
    {
        return opening(o, l, TENANT, PROVIDER, AUCTIONEER);
    }

    function opening(Escrow.Order memory o, Escrow.Lease memory l, uint256 t, uint256 p, uint256 a)
        internal
        view
        returns (Opening memory)
    {
        bytes32 hash = hashOf(o);
        return Opening(o, l, sign(t, hash), sign(p, idOf(l)), sign(a, awardHash(hash, l)), RECORD);
    }

    function settlement(Escrow.Lease memory l, uint96 amount, uint32 upTo, uint256 payer, uint256 p)
        internal
        view
        returns (Settlement memory)
    {
        bytes32 hash = voucherHash(idOf(l), amount, upTo);
        return Settlement(l, amount, upTo, sign(payer, hash), sign(p, hash));
    }

    function closing(Escrow.Lease memory l, uint96 amount, uint32 upTo, uint256 payer, uint256 p)
        internal
        view
        returns (Closing memory)
    {
        bytes32 id = idOf(l);
        return Closing(
            l, amount, upTo, sign(payer, voucherHash(id, amount, upTo)), sign(p, releaseHash(id, amount))
        );
    }

    // --- batches as bytes ---

    uint8 constant PAYER_STATEMENT = 1;
    uint8 constant PAYER_SENDS = 2;
    uint8 constant PROVIDER_EACH = 4;
    uint8 constant PROVIDER_STATEMENT = 8;
    uint8 constant AWARD_EACH = 16;

    function none(Escrow.Sig memory sig) internal pure returns (bool) {
        return sig.r == 0 && sig.vs == 0;
    }

    function flat(Escrow.Sig memory sig) internal pure returns (bytes memory) {
        return none(sig) ? bytes("") : abi.encodePacked(sig.r, sig.vs);
    }

    /// The share of the rate that this base is; several may give the same base, and then any will do.
    function bpsOf(Escrow.Lease memory l) internal pure returns (uint16) {
        return l.rate == 0 ? 0 : uint16(uint256(l.base) * 10000 / l.rate);
    }

    function head(uint8 flags, uint256 count, uint16 bps, Escrow.Lease memory l)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            flags, uint16(count), bps, l.feeBps, l.window, l.launch, l.provider, l.auctioneer, l.cosigner
        );
    }

    /// Entries one after another; neighbours that may share a head do.
    function joined(bytes[] memory entries, bytes[] memory heads) internal pure returns (bytes memory) {
        bytes[] memory parts = new bytes[](2 * entries.length);
        uint256 first;
        for (uint256 i = 0; i < entries.length; i++) {
            if (i == 0 || keccak256(heads[i]) != keccak256(heads[first])) {
                first = i;
                parts[2 * i] = bytes.concat(heads[i]);
            }
            parts[2 * i + 1] = entries[i];
            uint256 n = i - first + 1;
            (parts[2 * first][1], parts[2 * first][2]) = (bytes1(uint8(n >> 8)), bytes1(uint8(n)));
        }
        return concat(parts);
    }

    function pack(Opening[] memory list_) internal pure returns (bytes memory) {
        bytes[] memory entries = new bytes[](list_.length);
        bytes[] memory heads = new bytes[](list_.length);
        for (uint256 i = 0; i < list_.length; i++) {
            Opening memory o = list_[i];
            Escrow.Lease memory l = o.lease;
            heads[i] = head(
                (none(o.providerSig) ? 0 : PROVIDER_EACH) | (none(o.auctioneerSig) ? 0 : AWARD_EACH),
                0,
                o.order.baseBps,
                l
            );
            entries[i] = bytes.concat(
                abi.encodePacked(o.order.group, o.order.tenant, l.rate, o.order.maxRate, o.order.nonce),
                abi.encodePacked(o.order.deposit, o.order.openBy, o.tenantSig.r, o.tenantSig.vs),
                flat(o.providerSig),
                none(o.auctioneerSig) ? bytes("") : bytes.concat(o.record, flat(o.auctioneerSig))
            );
        }
        return joined(entries, heads);
    }

    function entry(Escrow.Lease memory l, uint96 amount, uint32 upTo) internal pure returns (bytes memory) {
        return abi.encodePacked(l.order, l.tenant, l.rate, l.deposit, l.openBy, amount, upTo);
    }

    function pack(Settlement[] memory list_) internal pure returns (bytes memory) {
        bytes[] memory entries = new bytes[](list_.length);
        bytes[] memory heads = new bytes[](list_.length);
        for (uint256 i = 0; i < list_.length; i++) {
            Settlement memory s = list_[i];
            heads[i] = head(
                (none(s.providerSig) ? 0 : PROVIDER_EACH) | (none(s.payerSig) ? PAYER_SENDS : 0),
                0,
                bpsFor(s.lease),
                s.lease
            );
            entries[i] = bytes.concat(entry(s.lease, s.amount, s.upTo), flat(s.payerSig), flat(s.providerSig));
        }
        return joined(entries, heads);
    }

    function pack(Closing[] memory list_) internal pure returns (bytes memory) {
        Settlement[] memory same = new Settlement[](list_.length);
        for (uint256 i = 0; i < list_.length; i++) {
            Closing memory c = list_[i];
            same[i] = Settlement(c.lease, c.amount, c.upTo, c.payerSig, c.releaseSig);
        }
        return pack(same);
    }

    bytes32 constant STATEMENT =
        keccak256("Statement(Voucher[] vouchers)Voucher(bytes32 lease,uint96 amount,uint32 upTo)");

    /// One group under one signature of the payer and, if it is not 0, one of the provider.
    function statement(Escrow.Lease[] memory leases, uint96 amount, uint32 upTo, uint256 payer, uint256 p)
        internal
        view
        returns (bytes memory)
    {
        bytes32[] memory hashes = new bytes32[](leases.length);
        bytes[] memory entries = new bytes[](leases.length);
        for (uint256 i = 0; i < leases.length; i++) {
            hashes[i] = voucherHash(idOf(leases[i]), amount, upTo);
            entries[i] = entry(leases[i], amount, upTo);
        }
        bytes32 hash = keccak256(abi.encode(STATEMENT, keccak256(abi.encodePacked(hashes))));
        bytes memory all = bytes.concat(
            head(PAYER_STATEMENT | (p == 0 ? 0 : PROVIDER_STATEMENT), leases.length, bpsFor(leases[0]), leases[0]),
            abi.encodePacked(vm.addr(payer)),
            flat(sign(payer, hash)),
            p == 0 ? bytes("") : flat(sign(p, hash))
        );
        return bytes.concat(all, concat(entries));
    }

    function concat(bytes[] memory parts) internal pure returns (bytes memory all) {
        uint256 len;
        for (uint256 i = 0; i < parts.length; i++) len += parts[i].length;
        all = new bytes(len);
        uint256 pos;
        for (uint256 i = 0; i < parts.length; i++) {
            bytes memory part = parts[i];
            assembly ("memory-safe") {
                mcopy(add(add(all, 32), pos), add(part, 32), mload(part))
            }
            pos += part.length;
        }
    }

    bytes32 constant USAGE = keccak256(
        "Usage(bytes32 lease,uint64 seq,bytes32 previous,uint32 upTo,uint64 healthySeconds,uint64 cpuMilliSeconds,uint64 memoryMiBSeconds,uint64 storageMiBSeconds,uint64 egressBytes,uint96 amount)"
    );

    function usageHash(Escrow.Usage memory u) internal pure returns (bytes32) {
        return keccak256(abi.encode(USAGE, u));
    }

    /// A share of the rate that makes this base.
    function bpsFor(Escrow.Lease memory l) internal pure returns (uint16 bps) {
        bps = bpsOf(l);
        while (bps < 10000 && (uint256(l.rate) * bps + 9999) / 10000 < l.base) bps++;
    }

    function openMany(Opening[] memory list_) internal {
        escrow.openMany(pack(list_));
    }

    function settleMany(Settlement[] memory list_) internal {
        escrow.settleMany(pack(list_));
    }

    function closeMany(Closing[] memory list_) internal {
        escrow.closeMany(pack(list_));
    }

    // --- one alone ---

    function openOne(Opening memory o) internal {
        escrow.open(
            o.order,
            Escrow.Match(
                o.lease.provider,
                o.lease.rate,
                o.record,
                flat(o.tenantSig),
                flat(o.providerSig),
                flat(o.auctioneerSig)
            )
        );
    }

    function settleOne(Settlement memory s) internal {
        escrow.settle(s.lease, Escrow.Payment(s.amount, s.upTo, flat(s.payerSig), flat(s.providerSig)));
    }

    function closeOne(Closing memory c) internal {
        escrow.close(c.lease, Escrow.Payment(c.amount, c.upTo, flat(c.payerSig), flat(c.releaseSig)));
    }

    function list(Opening memory o) internal pure returns (Opening[] memory l) {
        l = new Opening[](1);
        l[0] = o;
    }

    function list(Settlement memory s) internal pure returns (Settlement[] memory l) {
        l = new Settlement[](1);
        l[0] = s;
    }

    function list(Closing memory c) internal pure returns (Closing[] memory l) {
        l = new Closing[](1);
        l[0] = c;
    }
}

/// An escrow at a fixed time, a tenant with money in it, and an order of 3.5 units a second, 40 % of it base.
abstract contract Base is Signers {
    uint32 constant T0 = 1_800_000_000;
    uint128 constant RATE = 3_500_000_001; // does not divide: rounding shows
    uint96 constant DEPOSIT = 1_000_000;
    uint32 constant WINDOW = 600;
    uint32 constant LAUNCH = 120;

    Escrow.Order order;
    Escrow.Lease lease;
    bytes32 id;

    function setUp() public virtual {
        vm.warp(T0);
        token = new TestToken();
        escrow = deploy(address(token));
        vm.label(tenant, "tenant");
        vm.label(provider, "provider");
        vm.label(auctioneer, "auctioneer");
        fund(tenant, 10 * DEPOSIT);
        order = Escrow.Order({
            tenant: tenant,
            group: keccak256("group"),
            maxRate: 4_000_000_000,
            baseBps: 4000,
            deposit: DEPOSIT,
            openBy: T0 + 300,
            window: WINDOW,
            launch: LAUNCH,
            auctioneer: auctioneer,
            cosigner: cosigner,
            feeBps: 250,
            nonce: 7
        });
        lease = leaseFrom(order, provider, RATE);
        id = idOf(lease);
    }

    /// Tokens from nothing into the internal balance.
    function fund(address who, uint96 amount) internal {
        token.mint(who, amount);
        vm.startPrank(who);
        token.approve(address(escrow), amount);
        escrow.deposit(who, amount);
        vm.stopPrank();
    }

    function open() internal {
        openOne(opening(order, lease));
    }

    function after_(uint32 s) internal {
        vm.warp(vm.getBlockTimestamp() + s);
    }

    function time() internal view returns (uint32) {
        return uint32(vm.getBlockTimestamp());
    }

    function due(uint256 rate, uint256 s) internal pure returns (uint96) {
        return uint96(rate * s / 1e9);
    }

    /// The error that opening this alone ends with; 0: it opened.
    function opens(Opening memory o) internal returns (bytes4) {
        vm.recordLogs();
        openMany(list(o));
        return skipped();
    }

    function settles(Settlement memory s) internal returns (bytes4) {
        vm.recordLogs();
        settleMany(list(s));
        return skipped();
    }

    function closes(Closing memory c) internal returns (bytes4) {
        vm.recordLogs();
        closeMany(list(c));
        return skipped();
    }

    function skipped() internal returns (bytes4 reason) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] == Escrow.Skipped.selector) reason = abi.decode(logs[i].data, (bytes4));
        }
    }

    function refused(bytes4 got, bytes4 want, string memory what) internal pure {
        vm.assertEq(bytes32(got), bytes32(want), what);
    }

    function taken(bytes4 got, string memory what) internal pure {
        vm.assertEq(bytes32(got), bytes32(0), what);
    }

    struct State {
        uint96 deposit;
        uint96 paid;
        uint32 upTo;
        uint32 stopAt;
    }

    function state() internal view returns (State memory s) {
        (s.deposit, s.paid, s.upTo, s.stopAt) = escrow.leaseState(id);
    }

    /// The lease's slot as it is stored: `locks` is the third variable of the contract.
    function slot(bytes32 id_) internal view returns (uint256) {
        return uint256(vm.load(address(escrow), keccak256(abi.encode(id_, uint256(2)))));
    }

    function balance(address who) internal view returns (uint256) {
        return escrow.balanceOf(who);
    }

    /// What the contract owes to people and leases is what it holds.
    function conserved() internal view {
        State memory s = state();
        uint256 live = s.deposit == 0 ? 0 : s.deposit - s.paid;
        vm.assertEq(
            balance(tenant) + balance(provider) + balance(auctioneer) + balance(stranger) + balance(cosigner) + live,
            token.balanceOf(address(escrow)),
            "conserved"
        );
    }
}
