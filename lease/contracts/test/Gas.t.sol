// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow, IToken} from "../src/Escrow.sol";
import {TestToken} from "../src/TestToken.sol";
import {vm} from "./Vm.sol";
import {Base, Opening, Settlement, Closing} from "./Base.sol";

/// What each operation costs as a transaction of its own: 21000, calldata and refunds included. Run with --isolate; the
/// figures go to snapshots/. Steady state: everybody has had a balance before, every tenant is another one.
contract GasTest is Base {
    uint256 constant MANY = 100;
    uint256 constant FIRST = 0x7000; // key of the first of many tenants

    Escrow.Lease[] private leases;

    function setUp() public override {
        super.setUp();
        fund(provider, 1);
        fund(auctioneer, 1);
        fund(stranger, 1);
        vm.prank(tenant);
        escrow.cancel(6); // its word of nonces has been used before
    }

    function price(string memory what, uint256 of_) private {
        vm.snapshotValue("Escrow", what, vm.lastCallGas().gasTotalUsed / of_);
    }

    /// An order of the i-th of many tenants.
    function lone(uint256 i) private view returns (Escrow.Order memory o) {
        o = order;
        o.tenant = vm.addr(FIRST + i);
    }

    function unsigned(Settlement memory s) private pure returns (Settlement memory) {
        s.providerSig = Escrow.Sig(0, 0);
        return s;
    }

    /// As many leases, of as many tenants or of one.
    function openings(uint256 n, bool oneTenant) private returns (Opening[] memory all) {
        all = new Opening[](n);
        for (uint256 i = 0; i < n; i++) {
            uint256 who = oneTenant ? 0 : i;
            Escrow.Order memory o = lone(who);
            o.nonce = uint64(oneTenant ? i : 7);
            fund(o.tenant, 2 * DEPOSIT);
            Escrow.Lease memory l = leaseFrom(o, provider, RATE);
            leases.push(l);
            all[i] = opening(o, l, FIRST + who, PROVIDER, AUCTIONEER);
            all[i].auctioneerSig = Escrow.Sig(0, 0);
        }
    }

    function vouchers(uint96 amount, uint32 upTo, bool relayed) private view returns (bytes memory) {
        Settlement[] memory all = new Settlement[](leases.length);
        for (uint256 i = 0; i < all.length; i++) {
            all[i] = settlement(leases[i], amount, upTo, FIRST + i, PROVIDER);
            if (!relayed) unsigned(all[i]);
        }
        return pack(all);
    }

    function stated(uint256 payer, uint96 amount, uint32 upTo) private view returns (bytes memory) {
        return statement(leases, amount, upTo, payer, 0);
    }

    function test_gas_one() public {
        bytes memory batch = pack(list(opening(order, lease)));
        vm.prank(stranger);
        escrow.openMany(batch);
        price("open 1, relayed", 1);
        after_(200);
        vm.prank(stranger);
        settleMany(list(settlement(lease, 100, T0 + 100, TENANT, PROVIDER)));
        price("settle 1, relayed", 1);
        batch = pack(list(unsigned(settlement(lease, 200, T0 + 110, TENANT, PROVIDER))));
        vm.prank(provider);
        escrow.settleMany(batch);
        price("settle 1, provider sends", 1);
        vm.prank(stranger);
        escrow.topUp(lease, 1);
        price("topUp", 1);
        vm.prank(provider);
        escrow.claim(lease, DEPOSIT);
        price("claim", 1);
        after_(WINDOW);
        escrow.finish(lease);
        price("finish", 1);
        Closing memory c = closing(lease, 600, T0 + 790, TENANT, PROVIDER);
        c.releaseSig = Escrow.Sig(0, 0);
        batch = pack(list(c));
        vm.prank(provider);
        escrow.closeMany(batch);
        price("settle and close 1, provider sends", 1);
    }

    function test_gas_one_by_the_market() public {
        Opening memory o = opening(order, lease);
        o.auctioneerSig = Escrow.Sig(0, 0);
        bytes memory batch = pack(list(o));
        vm.prank(auctioneer);
        escrow.openMany(batch);
        price("open 1, auctioneer sends", 1);
    }

    function test_gas_one_for_any_wallet() public {
        Opening memory o = opening(order, lease);
        vm.prank(stranger);
        openOne(o);
        price("open (any wallet)", 1);
        after_(200);
        Settlement memory s = settlement(lease, 100, T0 + 100, TENANT, PROVIDER);
        vm.prank(stranger);
        settleOne(s);
        price("settle (any wallet)", 1);
        Closing memory c = closing(lease, 200, T0 + 110, TENANT, PROVIDER);
        vm.prank(stranger);
        closeOne(c);
        price("close (any wallet)", 1);
    }

    function test_gas_rare() public {
        open();
        vm.prank(auctioneer);
        escrow.voidLease(order, lease.provider, lease.rate);
        price("void", 1);
        lease = leaseFrom(order, provider, RATE + 1);
        open();
        vm.prank(tenant);
        escrow.stop(lease);
        price("stop", 1);
        after_(WINDOW + 1);
        escrow.expire(lease);
        price("expire", 1);
        vm.prank(tenant);
        escrow.cancel(9);
        price("cancel", 1);
    }

    function test_gas_in_and_out() public {
        token.mint(tenant, 100);
        vm.startPrank(tenant);
        token.approve(address(escrow), 1000);
        escrow.deposit(tenant, 50);
        price("deposit", 1);
        escrow.withdraw(tenant, 20);
        price("withdraw", 1);
        vm.stopPrank();
    }

    function test_gas_100() public {
        bytes memory batch = pack(openings(MANY, false));
        vm.prank(auctioneer);
        escrow.openMany(batch);
        price("open 100, auctioneer sends, each", MANY);
        after_(1000);
        batch = vouchers(100, T0 + 100, true);
        vm.prank(stranger);
        escrow.settleMany(batch);
        price("settle 100, relayed, each", MANY);
        batch = vouchers(200, T0 + 200, false);
        vm.prank(provider);
        escrow.settleMany(batch);
        price("settle 100, provider sends, each", MANY);
        batch = stated(COSIGNER, 300, T0 + 300);
        vm.prank(provider);
        escrow.settleMany(batch);
        price("settle 100, one statement, each", MANY);
        batch = statement(leases, 350, T0 + 350, COSIGNER, PROVIDER);
        vm.prank(stranger);
        escrow.settleMany(batch);
        price("settle 100, one statement of both, relayed, each", MANY);
        Closing[] memory c = new Closing[](MANY);
        for (uint256 i = 0; i < MANY; i++) {
            c[i] = closing(leases[i], 400, T0 + 400, FIRST + i, PROVIDER);
            c[i].releaseSig = Escrow.Sig(0, 0);
        }
        batch = pack(c);
        vm.prank(provider);
        escrow.closeMany(batch);
        price("settle and close 100, provider sends, each", MANY);
        vm.assertEq(balance(vm.addr(FIRST)), 2 * DEPOSIT - 400, "closed");
    }

    function test_gas_100_of_one_tenant() public {
        bytes memory batch = pack(openings(MANY, true));
        vm.prank(auctioneer);
        escrow.openMany(batch);
        price("open 100 of one tenant, auctioneer sends, each", MANY);
        after_(1000);
        batch = stated(FIRST, 300, T0 + 300);
        vm.prank(provider);
        escrow.settleMany(batch);
        price("settle 100 of one tenant, one statement, each", MANY);
        batch = stated(FIRST, 400, T0 + 400);
        vm.prank(provider);
        escrow.closeMany(batch);
        price("settle and close 100 of one tenant, each", MANY);
        vm.assertEq(balance(vm.addr(FIRST)), MANY * (2 * DEPOSIT - 400), "closed");
    }

    function test_gas_500() public {
        Opening[] memory o = openings(5 * MANY, false);
        uint256 gas;
        // In two: one transaction with all of them would be above what EIP-7825 allows.
        for (uint256 k = 0; k < 2; k++) {
            Opening[] memory part = new Opening[](5 * MANY / 2);
            for (uint256 i = 0; i < part.length; i++) part[i] = o[k * part.length + i];
            bytes memory packed = pack(part);
            vm.prank(auctioneer);
            escrow.openMany(packed);
            gas += vm.lastCallGas().gasTotalUsed;
        }
        vm.snapshotValue("Escrow", "open 500, auctioneer sends, each", gas / (5 * MANY));
        after_(1000);
        bytes memory batch = vouchers(100, T0 + 100, false);
        vm.prank(provider);
        escrow.settleMany(batch);
        batch = vouchers(200, T0 + 200, false);
        vm.prank(provider);
        escrow.settleMany(batch);
        price("settle 500, provider sends, each", 5 * MANY);
        batch = stated(COSIGNER, 300, T0 + 300);
        vm.prank(provider);
        escrow.settleMany(batch);
        price("settle 500, one statement, each", 5 * MANY);
        (, uint96 paid,,) = escrow.leaseState(idOf(leases[499]));
        vm.assertEq(paid, 300, "settled");
        Closing[] memory c = new Closing[](5 * MANY);
        for (uint256 i = 0; i < c.length; i++) {
            c[i] = closing(leases[i], 400, T0 + 400, FIRST + i, PROVIDER);
            c[i].releaseSig = Escrow.Sig(0, 0);
        }
        batch = pack(c);
        vm.prank(provider);
        escrow.closeMany(batch);
        price("settle and close 500, provider sends, each", 5 * MANY);
        vm.assertEq(balance(vm.addr(FIRST + 499)), 2 * DEPOSIT - 400, "closed");
    }
}
