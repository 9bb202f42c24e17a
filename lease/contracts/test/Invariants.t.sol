// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {TestToken} from "../src/TestToken.sol";
import {vm} from "./Vm.sol";
import {Handler} from "./Handler.sol";

/// What holds after any sequence of calls.
contract InvariantsTest {
    Handler private handler;

    function setUp() public {
        vm.warp(1_800_000_000);
        handler = new Handler();
    }

    /// forge calls only this contract's functions.
    function targetContracts() external view returns (address[] memory t) {
        t = new address[](1);
        t[0] = address(handler);
    }

    function escrow() private view returns (Escrow) {
        return handler.theEscrow();
    }

    /// One campaign for all: each costs a market's life.
    function invariant_money_is_where_it_should_be() external view {
        nothing_broken();
        conservation();
        events_tell_everything();
        fees_are_of_the_whole();
    }

    /// Nothing that the handler watches for has happened: see its flags.
    function nothing_broken() private view {
        vm.assertTrue(bytes(handler.broken()).length == 0, handler.broken());
    }

    /// Balances and leases together are the tokens held, and these what came in less what went out.
    function conservation() private view {
        uint256 sum;
        for (uint256 i = 0; i < handler.peopleCount(); i++) {
            (uint96 bond,,) = escrow().bondOf(handler.people(i));
            sum += escrow().balanceOf(handler.people(i)) + bond;
        }
        for (uint256 i = 0; i < handler.leases(); i++) {
            (uint96 deposit, uint96 paid,,) = escrow().leaseState(handler.ids(i));
            if (deposit != 0) sum += deposit - paid;
        }
        uint256 held = TestToken(address(escrow().token())).balanceOf(address(escrow()));
        vm.assertEq(sum, held, "owed is held");
        vm.assertEq(held, handler.into() - handler.outOf(), "came in less went out");
    }

    /// An indexer that knows the events alone knows every balance and every lease.
    function events_tell_everything() private view {
        for (uint256 i = 0; i < handler.peopleCount(); i++) {
            address who = handler.people(i);
            vm.assertEq(handler.book(who), escrow().balanceOf(who), "balance by the events");
            (uint96 bond,,) = escrow().bondOf(who);
            vm.assertEq(handler.bonded(who), bond, "bond by the events");
        }
        for (uint256 i = 0; i < handler.leases(); i++) {
            (uint96 deposit, uint96 paid,,) = escrow().leaseState(handler.ids(i));
            vm.assertEq(handler.heldBy(handler.ids(i)), deposit == 0 ? 0 : deposit - paid, "lease by the events");
        }
    }

    /// From wherever a run has ended: each lease is stopped by its tenant alone and ended by anybody within two
    /// windows, and then all tokens leave but those that were burnt. Nobody's signature or leave is needed.
    function everybody_can_leave() private {
        Escrow e = escrow();
        for (uint256 i = 0; i < handler.leases(); i++) {
            Escrow.Lease memory l = handler.leaseOf(i);
            (uint96 deposit,,, uint32 stopAt) = e.leaseState(handler.ids(i));
            if (deposit == 0 || stopAt != 0) continue;
            vm.prank(l.tenant);
            e.stop(l);
        }
        vm.warp(vm.getBlockTimestamp() + 2 * handler.WINDOW());
        for (uint256 i = 0; i < handler.leases(); i++) {
            (uint96 deposit,,,) = e.leaseState(handler.ids(i));
            if (deposit != 0) e.expire(handler.leaseOf(i));
            (deposit,,,) = e.leaseState(handler.ids(i));
            vm.assertEq(deposit, 0, "a lease that would not end");
        }
        for (uint256 i = 0; i + 1 < handler.peopleCount(); i++) depart(e, handler.people(i));
        uint256 burnt = e.balanceOf(address(0xdEaD));
        vm.assertEq(TestToken(address(e.token())).balanceOf(address(e)), burnt, "tokens that nobody can have");
    }

    function depart(Escrow e, address who) private {
        (uint96 bond, uint96 leaving, uint32 leavesAt) = e.bondOf(who);
        if (leaving != 0) {
            if (leavesAt > vm.getBlockTimestamp()) vm.warp(leavesAt);
            vm.prank(who);
            e.reclaim();
            (bond,,) = e.bondOf(who);
        }
        if (bond != 0) {
            vm.prank(who);
            e.unbond(bond);
            (,, leavesAt) = e.bondOf(who);
            vm.warp(leavesAt);
            vm.prank(who);
            e.reclaim();
        }
        uint96 all = uint96(e.balanceOf(who));
        vm.prank(who);
        e.withdraw(who, all);
    }

    /// The fees that were credited, payment by payment, are what each lease's whole payment makes once.
    function fees_are_of_the_whole() private view {
        uint256 fees = 0;
        for (uint256 i = 0; i < handler.leases(); i++) {
            fees += handler.paidOf(i) * handler.leaseOf(i).feeBps / 10000;
        }
        vm.assertEq(handler.fees(), fees, "fees");
    }

    /// A run in which some kind of call never had an effect proves nothing about it: what chance left out is tried
    /// here, each action in turn. (Short runs are those that forge makes while it looks for the shortest sequence that
    /// breaks something.)
    function afterInvariant() external {
        if (handler.actions() >= 190) every_action();
        everybody_can_leave(); // the last: the handler does not see it
    }

    function every_action() private {
        bytes4[17] memory actions = [
            Handler.deposit.selector,
            Handler.withdraw.selector,
            Handler.open.selector,
            Handler.settle.selector,
            Handler.settleForged.selector,
            Handler.close.selector,
            Handler.topUp.selector,
            Handler.stop.selector,
            Handler.claim.selector,
            Handler.finish.selector,
            Handler.expire.selector,
            Handler.voidLease.selector,
            Handler.cancel.selector,
            Handler.key.selector,
            Handler.stated.selector,
            Handler.reclaim.selector,
            Handler.slash.selector
        ];
        for (uint256 i = 0; i < 20 * actions.length && bytes(missing()).length != 0; i++) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            (bool done,) =
                address(handler).call(abi.encodeWithSelector(actions[i % actions.length], seed, seed >> 128));
            vm.assertTrue(done, "an action reverted");
        }
        vm.assertTrue(bytes(missing()).length == 0, string.concat("never happened: ", missing()));
        nothing_broken();
        conservation();
        events_tell_everything();
        fees_are_of_the_whole();
    }

    /// The first kind of call without an effect so far; empty: none.
    function missing() private view returns (string memory) {
        string[18] memory kinds = [
            "deposit", "withdraw", "open", "settle", "close", "topUp", "stop", "claim", "finish", "expire", "void",
            "cancel", "skip", "key", "statement", "bond", "unbond", "slash"
        ];
        for (uint256 i = 0; i < kinds.length; i++) {
            if (handler.count(kinds[i]) == 0) return kinds[i];
        }
        return "";
    }
}
