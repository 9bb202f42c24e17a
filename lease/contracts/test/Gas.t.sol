// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow, IToken} from "../src/Escrow.sol";
import {TestToken} from "../src/TestToken.sol";
import {vm} from "./Vm.sol";
import {Base} from "./Base.sol";

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

    function lone(uint256 i) private view returns (Escrow.Order memory o) {
        o = order;
        o.tenant = vm.addr(FIRST + i);
    }

    /// Signed by as many tenants as there are entries.
    function openings() private returns (Escrow.Opening[] memory all) {
        all = new Escrow.Opening[](MANY);
        for (uint256 i = 0; i < MANY; i++) {
            Escrow.Order memory o = lone(i);
            fund(o.tenant, 2 * DEPOSIT);
            Escrow.Lease memory l = leaseFrom(o, provider, RATE);
            leases.push(l);
            all[i] = opening(o, l, FIRST + i, PROVIDER, AUCTIONEER);
        }
    }

    function vouchers(uint96 amount, uint32 upTo, bool cosigned)
        private
        view
        returns (Escrow.Settlement[] memory all)
    {
        all = new Escrow.Settlement[](MANY);
        for (uint256 i = 0; i < MANY; i++) {
            all[i] = settlement(leases[i], amount, upTo, cosigned ? COSIGNER : FIRST + i, PROVIDER);
        }
    }

    function test_gas_one() public {
        vm.prank(stranger);
        escrow.open(opening(order, lease));
        price("open 1, relayed", 1);
        after_(200);
        vm.prank(stranger);
        escrow.settleMany(list(settlement(lease, 100, T0 + 100, TENANT, PROVIDER)));
        price("settle 1, relayed", 1);
        Escrow.Settlement memory s = settlement(lease, 200, T0 + 110, TENANT, PROVIDER);
        s.providerSig = Escrow.Sig(0, 0);
        vm.prank(provider);
        escrow.settleMany(list(s));
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
        vm.prank(stranger);
        escrow.closeMany(list(closing(lease, 600, T0 + 790, TENANT, PROVIDER)));
        price("settle and close 1, relayed", 1);
    }

    function test_gas_rare() public {
        open();
        vm.prank(auctioneer);
        escrow.voidLease(order, lease);
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

    function test_gas_many() public {
        Escrow.Opening[] memory all = openings();
        vm.prank(auctioneer);
        escrow.openMany(all);
        price("open 100, auctioneer sends, each", MANY);
        after_(1000);
        Escrow.Settlement[] memory v = vouchers(100, T0 + 100, false);
        vm.prank(stranger);
        escrow.settleMany(v);
        price("settle 100, relayed, each", MANY);
        v = vouchers(200, T0 + 200, false);
        vm.prank(provider);
        escrow.settleMany(v);
        price("settle 100, provider sends, each", MANY);
        v = vouchers(300, T0 + 300, true);
        vm.prank(provider);
        escrow.settleMany(v);
        price("settle 100, cosigner, provider sends, each", MANY);
        Escrow.Closing[] memory c = new Escrow.Closing[](MANY);
        for (uint256 i = 0; i < MANY; i++) c[i] = closing(leases[i], 400, T0 + 400, FIRST + i, PROVIDER);
        vm.prank(stranger);
        escrow.closeMany(c);
        price("settle and close 100, relayed, each", MANY);
        vm.assertEq(balance(vm.addr(FIRST)), 2 * DEPOSIT - 400, "closed");
    }
}
