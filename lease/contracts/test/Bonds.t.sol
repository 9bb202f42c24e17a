// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {vm} from "./Vm.sol";
import {Base, Opening, Settlement, Closing} from "./Base.sol";

/// Money behind a word: put there, taken back after notice, lost upon two statements that contradict each other.
contract BondsTest is Base {
    uint96 constant BOND = 3 * DEPOSIT;
    address constant BURNT = address(0xdEaD);

    bytes32 constant BID =
        keccak256("Bid(bytes32 order,address provider,uint128 floor,uint128 list,uint64 round,bytes32 salt)");
    bytes32 constant ROUND = keccak256("Round(bytes32 order,uint64 round,bytes32 root,bytes32 key)");

    function setUp() public override {
        super.setUp();
        bonds(provider);
        bonds(auctioneer);
    }

    function bonds(address who) private {
        fund(who, BOND);
        vm.prank(who);
        escrow.bond(BOND);
    }

    function held(address who) private view returns (uint96 amount) {
        (amount,,) = escrow.bondOf(who);
    }

    function test_bond_needs_balance() public {
        vm.assertEq(held(provider), BOND, "bonded");
        vm.assertEq(balance(provider), 0, "from the balance");
        vm.prank(provider);
        vm.expectRevert(Escrow.NoFunds.selector);
        escrow.bond(1);
    }

    function test_unbond_takes_seven_days() public {
        vm.startPrank(provider);
        vm.expectRevert(Escrow.NoBond.selector);
        escrow.reclaim();
        vm.expectRevert(Escrow.NoFunds.selector);
        escrow.unbond(BOND + 1);
        escrow.unbond(BOND - 10);
        after_(7 days - 1);
        vm.expectRevert(Escrow.TooEarly.selector);
        escrow.reclaim();
        after_(1);
        escrow.reclaim();
        vm.assertEq(balance(provider), BOND - 10, "balance again");
        vm.assertEq(held(provider), 10, "the rest stays");
        vm.expectRevert(Escrow.NoBond.selector);
        escrow.reclaim();
        vm.stopPrank();
    }

    function test_a_new_notice_waits_anew() public {
        vm.startPrank(provider);
        escrow.unbond(5);
        after_(7 days - 1);
        escrow.unbond(6);
        after_(1);
        vm.expectRevert(Escrow.TooEarly.selector);
        escrow.reclaim();
        vm.stopPrank();
    }

    // --- bids ---

    function bid(uint128 floor) private view returns (Escrow.Bid memory) {
        return Escrow.Bid(hashOf(order), provider, floor, RATE, 3, keccak256("salt"));
    }

    function signed(uint256 key, Escrow.Bid memory b) private view returns (Escrow.Sig memory) {
        return sign(key, keccak256(abi.encode(BID, b)));
    }

    function test_two_bids_move_tokens() public {
        Escrow.Bid memory a = bid(1);
        Escrow.Bid memory b = bid(2);
        vm.prank(stranger);
        escrow.slashBids(order, a, b, signed(PROVIDER, a), signed(PROVIDER, b));
        vm.assertEq(held(provider), BOND - 2 * DEPOSIT, "twice the deposit");
        vm.assertEq(balance(tenant), 11 * DEPOSIT, "half to the tenant");
        vm.assertEq(balance(BURNT), DEPOSIT, "half to nobody");
        vm.prank(tenant);
        escrow.withdraw(tenant, 11 * DEPOSIT);
        vm.assertEq(token.balanceOf(tenant), 11 * DEPOSIT, "tokens moved");
    }

    function test_one_order_once() public {
        Escrow.Bid memory a = bid(1);
        Escrow.Bid memory b = bid(2);
        escrow.slashBids(order, a, b, signed(PROVIDER, a), signed(PROVIDER, b));
        b = bid(3);
        Escrow.Sig memory s = signed(PROVIDER, a);
        Escrow.Sig memory t = signed(PROVIDER, b);
        vm.expectRevert(Escrow.AlreadySlashed.selector);
        escrow.slashBids(order, a, b, s, t);
    }

    function test_bids_that_agree_or_are_apart() public {
        Escrow.Bid memory a = bid(1);
        noOffence(a, a);
        Escrow.Bid memory b = bid(2);
        b.round = 4;
        noOffence(a, b);
        b = bid(2);
        b.order = keccak256("another");
        noOffence(a, b);
        noOffence(b, a);
        b = bid(2);
        b.provider = stranger;
        noOffence(a, b);
    }

    function noOffence(Escrow.Bid memory a, Escrow.Bid memory b) private {
        Escrow.Sig memory s = signed(PROVIDER, a);
        Escrow.Sig memory t = signed(PROVIDER, b);
        vm.expectRevert(Escrow.NoOffence.selector);
        escrow.slashBids(order, a, b, s, t);
    }

    function test_forged_bids() public {
        Escrow.Bid memory a = bid(1);
        Escrow.Bid memory b = bid(2);
        Escrow.Sig memory right = signed(PROVIDER, a);
        Escrow.Sig memory wrong = signed(STRANGER, b);
        vm.expectRevert(Escrow.BadProviderSig.selector);
        escrow.slashBids(order, a, b, right, wrong);
        wrong = signed(STRANGER, a);
        right = signed(PROVIDER, b);
        vm.expectRevert(Escrow.BadProviderSig.selector);
        escrow.slashBids(order, a, b, wrong, right);
        (a.provider, b.provider) = (address(0), address(0));
        vm.expectRevert(Escrow.BadProviderSig.selector);
        escrow.slashBids(order, a, b, Escrow.Sig(0, 0), Escrow.Sig(0, 0));
    }

    // --- meter readings ---

    function usage(uint96 amount) private view returns (Escrow.Usage memory u) {
        u.lease = id;
        u.seq = 9;
        u.amount = amount;
    }

    function test_two_readings_move_tokens() public {
        Escrow.Usage memory a = usage(1);
        Escrow.Usage memory b = usage(2);
        escrow.slashUsages(lease, a, b, sign(PROVIDER, usageHash(a)), sign(PROVIDER, usageHash(b)));
        vm.assertEq(held(provider), BOND - 2 * DEPOSIT, "taken");
        vm.assertEq(balance(tenant), 11 * DEPOSIT, "given");
    }

    function test_readings_that_agree_or_are_apart() public {
        Escrow.Usage memory a = usage(1);
        unproved(a, a, PROVIDER, Escrow.NoOffence.selector);
        Escrow.Usage memory b = usage(2);
        b.seq = 10;
        unproved(a, b, PROVIDER, Escrow.NoOffence.selector);
        b = usage(2);
        b.lease = keccak256("another");
        unproved(a, b, PROVIDER, Escrow.NoOffence.selector);
        unproved(b, a, PROVIDER, Escrow.NoOffence.selector);
        unproved(a, usage(2), TENANT, Escrow.BadProviderSig.selector);
    }

    function unproved(Escrow.Usage memory a, Escrow.Usage memory b, uint256 key, bytes4 why) private {
        Escrow.Sig memory s = sign(PROVIDER, usageHash(a));
        Escrow.Sig memory t = sign(key, usageHash(b));
        vm.expectRevert(why);
        escrow.slashUsages(lease, a, b, s, t);
    }

    // --- rounds ---

    function round(bytes32 root) private view returns (Escrow.Round memory) {
        return Escrow.Round(hashOf(order), 3, root, keccak256("key"));
    }

    function signed(uint256 key, Escrow.Round memory r) private view returns (Escrow.Sig memory) {
        return sign(key, keccak256(abi.encode(ROUND, r)));
    }

    function test_two_roots_move_tokens() public {
        Escrow.Round memory a = round(keccak256("a"));
        Escrow.Round memory b = round(keccak256("b"));
        escrow.slashRounds(order, a, b, signed(AUCTIONEER, a), signed(AUCTIONEER, b));
        vm.assertEq(held(auctioneer), BOND - 2 * DEPOSIT, "taken");
        vm.assertEq(balance(tenant), 11 * DEPOSIT, "given");
        vm.assertEq(held(provider), BOND, "the provider's is untouched");
    }

    /// Two offenders under one order: that one has paid saves nobody else.
    function test_each_offender_pays() public {
        Escrow.Bid memory a = bid(1);
        Escrow.Bid memory b = bid(2);
        Escrow.Round memory c = round(keccak256("a"));
        Escrow.Round memory d = round(keccak256("b"));
        escrow.slashBids(order, a, b, signed(PROVIDER, a), signed(PROVIDER, b));
        escrow.slashRounds(order, c, d, signed(AUCTIONEER, c), signed(AUCTIONEER, d));
        vm.assertEq(held(provider), BOND - 2 * DEPOSIT, "the provider");
        vm.assertEq(held(auctioneer), BOND - 2 * DEPOSIT, "and the auctioneer");
    }

    function test_rounds_that_agree_or_are_apart() public {
        Escrow.Round memory a = round(keccak256("a"));
        unproved(a, a, AUCTIONEER, Escrow.NoOffence.selector);
        Escrow.Round memory b = round(keccak256("b"));
        b.round = 4;
        unproved(a, b, AUCTIONEER, Escrow.NoOffence.selector);
        b = round(keccak256("b"));
        b.order = keccak256("another");
        unproved(a, b, AUCTIONEER, Escrow.NoOffence.selector);
        unproved(b, a, AUCTIONEER, Escrow.NoOffence.selector);
        unproved(a, round(keccak256("b")), PROVIDER, Escrow.BadProviderSig.selector);
    }

    function unproved(Escrow.Round memory a, Escrow.Round memory b, uint256 key, bytes4 why) private {
        Escrow.Sig memory s = signed(AUCTIONEER, a);
        Escrow.Sig memory t = signed(key, b);
        vm.expectRevert(why);
        escrow.slashRounds(order, a, b, s, t);
    }

    // --- what can be taken ---

    function slashOnce() private {
        Escrow.Usage memory a = usage(1);
        Escrow.Usage memory b = usage(2);
        escrow.slashUsages(lease, a, b, sign(PROVIDER, usageHash(a)), sign(PROVIDER, usageHash(b)));
    }

    function test_notice_does_not_save_a_bond() public {
        vm.prank(provider);
        escrow.unbond(BOND);
        after_(7 days - 1);
        slashOnce();
        (uint96 amount, uint96 leaving,) = escrow.bondOf(provider);
        vm.assertEq(amount, DEPOSIT, "slashed under notice");
        vm.assertEq(leaving, DEPOSIT, "no more leaves than is left");
        after_(1);
        vm.prank(provider);
        escrow.reclaim();
        vm.assertEq(balance(provider), DEPOSIT, "the rest");
    }

    function test_no_more_than_the_bond_is_taken() public {
        vm.startPrank(provider);
        escrow.unbond(BOND - 5);
        after_(7 days);
        escrow.reclaim();
        vm.stopPrank();
        slashOnce();
        vm.assertEq(held(provider), 0, "all there was");
        vm.assertEq(balance(tenant), 10 * DEPOSIT + 2, "half, rounded down");
        vm.assertEq(balance(BURNT), 3, "the odd unit burns");
        order.nonce = 8;
        lease = leaseFrom(order, provider, RATE);
        id = idOf(lease);
        Escrow.Usage memory a = usage(1);
        Escrow.Usage memory b = usage(2);
        Escrow.Sig memory s = sign(PROVIDER, usageHash(a));
        Escrow.Sig memory t = sign(PROVIDER, usageHash(b));
        vm.expectRevert(Escrow.NoBond.selector);
        escrow.slashUsages(lease, a, b, s, t);
    }
}
