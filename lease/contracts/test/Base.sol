// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {TestToken} from "../src/TestToken.sol";
import {vm, Vm} from "./Vm.sol";

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
        returns (Escrow.Opening memory)
    {
        return opening(o, l, TENANT, PROVIDER, AUCTIONEER);
    }

    function opening(Escrow.Order memory o, Escrow.Lease memory l, uint256 t, uint256 p, uint256 a)
        internal
        view
        returns (Escrow.Opening memory)
    {
        bytes32 hash = hashOf(o);
        return Escrow.Opening(o, l, sign(t, hash), sign(p, idOf(l)), sign(a, awardHash(hash, l)), RECORD);
    }

    function settlement(Escrow.Lease memory l, uint96 amount, uint32 upTo, uint256 payer, uint256 p)
        internal
        view
        returns (Escrow.Settlement memory)
    {
        bytes32 hash = voucherHash(idOf(l), amount, upTo);
        return Escrow.Settlement(l, amount, upTo, sign(payer, hash), sign(p, hash));
    }

    function closing(Escrow.Lease memory l, uint96 amount, uint32 upTo, uint256 payer, uint256 p)
        internal
        view
        returns (Escrow.Closing memory)
    {
        bytes32 id = idOf(l);
        return Escrow.Closing(
            l, amount, upTo, sign(payer, voucherHash(id, amount, upTo)), sign(p, releaseHash(id, amount))
        );
    }

    function list(Escrow.Opening memory o) internal pure returns (Escrow.Opening[] memory l) {
        l = new Escrow.Opening[](1);
        l[0] = o;
    }

    function list(Escrow.Settlement memory s) internal pure returns (Escrow.Settlement[] memory l) {
        l = new Escrow.Settlement[](1);
        l[0] = s;
    }

    function list(Escrow.Closing memory c) internal pure returns (Escrow.Closing[] memory l) {
        l = new Escrow.Closing[](1);
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
        escrow.open(opening(order, lease));
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
    function opens(Escrow.Opening memory o) internal returns (bytes4) {
        vm.recordLogs();
        escrow.openMany(list(o));
        return skipped();
    }

    function settles(Escrow.Settlement memory s) internal returns (bytes4) {
        vm.recordLogs();
        escrow.settleMany(list(s));
        return skipped();
    }

    function closes(Escrow.Closing memory c) internal returns (bytes4) {
        vm.recordLogs();
        escrow.closeMany(list(c));
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
