// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow, IToken} from "../src/Escrow.sol";
import {vm, Vm} from "./Vm.sol";
import {Base, Opening, Settlement, Closing} from "./Base.sol";

/// What each function does when all is well, and each way it says no.
contract EscrowTest is Base {
    // --- hashes ---

    function test_hashes_are_those_of_eip712() public view {
        vm.assertEq(escrow.domainSeparator(), separator(), "domain");
        vm.assertEq(escrow.orderHash(order), hashOf(order), "order");
        vm.assertEq(escrow.leaseId(lease), id, "lease");
        vm.assertEq(escrow.digest(id), keccak256(abi.encodePacked(hex"1901", separator(), id)), "digest");
        vm.assertEq(address(escrow.token()), address(token), "token");
    }

    /// The values of viem.mjs, and the struct hashes that it prints.
    function test_hashes_are_those_of_viem() public {
        order.tenant = 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266;
        order.auctioneer = 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC;
        order.cosigner = 0x90F79bf6EB2c4f870365E785982E1f101E93b906;
        lease = leaseFrom(order, 0x70997970C51812dc3A010C7d01b50e0d17dc79C8, RATE);
        vm.assertEq(
            escrow.orderHash(order), 0x5a30dfa5e01b8b1e31a9dc91e3dab8235e77386bf96118d2357dafcc43ab492e, "order"
        );
        vm.assertEq(
            escrow.leaseId(lease), 0x38df47b04db28311abf4510b03c82bdc70071906b8ddb802146aed3df5473f28, "lease"
        );
        vm.assertEq(
            awardHash(lease.order, lease), 0x01c03a7d468756b678a740a5111b1855d4585132c0ab6073e47c2056faa6102e, "award"
        );
        bytes32 hash = voucherHash(idOf(lease), 350, T0 + 100);
        vm.assertEq(hash, 0x6131f5b28159baeb2c331a4c884f0c5ded1cab758142b59cce07f00538772641, "voucher");
        hash = releaseHash(idOf(lease), 350);
        vm.assertEq(hash, 0xf51c69d3277b8951c43fb6066c27eaac3e06b4a0d4537e8c4d2e15525b897e96, "release");
    }

    function test_constructor_bounds() public {
        vm.expectRevert(Escrow.BadTerms.selector);
        new Escrow(IToken(address(token)), 9);
        vm.expectRevert(Escrow.BadTerms.selector);
        new Escrow(IToken(address(token)), 30 days + 1);
        vm.assertEq(new Escrow(IToken(address(token)), 10).minWindow(), 10, "min window");
    }

    // --- in and out ---

    function test_deposit_and_withdraw() public {
        token.mint(stranger, 50);
        vm.startPrank(stranger);
        token.approve(address(escrow), 50);
        escrow.deposit(provider, 50); // for somebody else
        vm.stopPrank();
        vm.assertEq(balance(provider), 50, "credited");

        vm.prank(provider);
        escrow.withdraw(cosigner, 20);
        vm.assertEq(balance(provider), 30, "debited");
        vm.assertEq(token.balanceOf(cosigner), 20, "moved");

        vm.prank(provider);
        vm.expectRevert(Escrow.NoFunds.selector);
        escrow.withdraw(provider, 31);
        vm.prank(provider);
        vm.expectRevert(Escrow.BadRecipient.selector);
        escrow.withdraw(address(escrow), 1);
        vm.prank(provider);
        vm.expectRevert(Escrow.BadRecipient.selector);
        escrow.withdraw(address(0), 1);
        vm.expectRevert(Escrow.BadRecipient.selector);
        escrow.deposit(address(0), 1);
        conserved();
    }

    function test_deposit_without_allowance() public {
        token.mint(stranger, 50);
        vm.prank(stranger);
        vm.expectRevert(Escrow.BadToken.selector);
        escrow.deposit(stranger, 50);
    }

    function test_deposit_with_permit() public {
        token.mint(tenant, 77);
        uint256 before = balance(tenant);
        (uint8 v, bytes32 r, bytes32 s) = permit(77);
        vm.prank(tenant);
        escrow.depositWithPermit(tenant, 77, T0 + 60, v, r, s);
        vm.assertEq(balance(tenant), before + 77, "credited");
    }

    function permit(uint256 amount) private view returns (uint8, bytes32, bytes32) {
        bytes32 hash = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                tenant,
                address(escrow),
                amount,
                token.nonces(tenant),
                T0 + 60
            )
        );
        return vm.sign(TENANT, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), hash)));
    }

    /// Row 33 of the attacks: anybody may use the permit before us.
    function test_permit_front_run() public {
        token.mint(tenant, 77);
        (uint8 v, bytes32 r, bytes32 s) = permit(77);
        vm.prank(stranger);
        token.permit(tenant, address(escrow), 77, T0 + 60, v, r, s);
        uint256 before = balance(tenant);
        vm.prank(tenant);
        escrow.depositWithPermit(tenant, 77, T0 + 60, v, r, s);
        vm.assertEq(balance(tenant), before + 77, "credited");
    }

    /// The event of a group, and the leases that it names.
    function says(Vm.Log memory l, bytes32 topic, bytes memory leases) private view {
        vm.assertEq(l.topics[0], topic, "event");
        vm.assertEq(l.topics[1], bytes32(uint256(uint160(provider))), "provider");
        vm.assertEq(l.topics[2], bytes32(uint256(uint160(auctioneer))), "auctioneer");
        vm.assertEq(keccak256(l.data), keccak256(abi.encode(uint16(250), leases)), "feeBps and leases");
    }

    // --- open ---

    function test_open_relayed_by_a_stranger() public {
        vm.recordLogs();
        vm.prank(stranger);
        openOne(opening(order, lease));

        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "one event");
        says(logs[0], Escrow.Opened.selector, abi.encodePacked(id, hashOf(order), tenant, RATE, DEPOSIT));
        vm.assertEq(state().deposit, DEPOSIT, "locked");
        vm.assertEq(state().upTo, T0, "from now");
        vm.assertEq(escrow.startOf(id), T0, "start");
        vm.assertEq(balance(tenant), 9 * DEPOSIT, "debited");
        vm.assertTrue(escrow.nonceUsed(tenant, 7), "nonce");
        conserved();
    }

    function test_open_without_what_the_sender_may_leave_out() public {
        Opening memory o = opening(order, lease);
        o.auctioneerSig = Escrow.Sig(0, 0);
        refused(opens(o), Escrow.BadAuctioneerSig.selector, "anybody");
        vm.prank(auctioneer);
        openOne(o);

        order.nonce = 8;
        lease = leaseFrom(order, provider, RATE);
        o = opening(order, lease);
        o.providerSig = Escrow.Sig(0, 0);
        refused(opens(o), Escrow.BadProviderSig.selector, "anybody");
        vm.prank(provider);
        openOne(o);
    }

    function test_open_signatures() public {
        refused(
            opens(opening(order, lease, STRANGER, PROVIDER, AUCTIONEER)), Escrow.BadTenantSig.selector, "tenant"
        );
        refused(
            opens(opening(order, lease, TENANT, STRANGER, AUCTIONEER)), Escrow.BadProviderSig.selector, "provider"
        );
        refused(
            opens(opening(order, lease, TENANT, PROVIDER, STRANGER)),
            Escrow.BadAuctioneerSig.selector,
            "auctioneer"
        );
        vm.expectRevert(Escrow.BadTenantSig.selector);
        openOne(opening(order, lease, STRANGER, PROVIDER, AUCTIONEER));
        Opening memory o = opening(order, lease);
        o.record = keccak256("another transcript");
        refused(opens(o), Escrow.BadAuctioneerSig.selector, "record");
        taken(opens(opening(order, lease)), "all three");
    }

    /// The lease follows from the order: a provider that signed other terms has not signed this lease.
    function test_open_terms_must_agree() public {
        Escrow.Lease memory l = leaseFrom(order, provider, RATE);
        l.order = keccak256("another");
        disagrees(l, "order");
        l = leaseFrom(order, provider, RATE);
        l.tenant = stranger;
        disagrees(l, "tenant");
        l = leaseFrom(order, provider, RATE);
        l.base += 1;
        disagrees(l, "base above");
        l.base -= 2;
        disagrees(l, "base below");
        l = leaseFrom(order, provider, RATE);
        l.deposit += 1;
        disagrees(l, "deposit");
        l = leaseFrom(order, provider, RATE);
        l.openBy += 1;
        disagrees(l, "openBy");
        refused(
            opens(opening(order, leaseFrom(order, provider, order.maxRate + 1))), Escrow.BadTerms.selector, "rate"
        );
        refused(opens(opening(order, leaseFrom(order, provider, 0))), Escrow.BadTerms.selector, "rate 0");
    }

    function disagrees(Escrow.Lease memory l, string memory what) private {
        refused(opens(opening(order, l)), Escrow.BadProviderSig.selector, what);
    }

    /// What a group has in common stands in its head: whatever is changed there, nobody signed.
    function test_open_head_must_agree() public {
        bytes memory batch = pack(list(opening(order, lease)));
        for (uint256 i = 3; i < 75; i++) {
            bytes memory b = bytes.concat(batch);
            b[i] = bytes1(uint8(b[i]) ^ 1);
            vm.recordLogs();
            escrow.openMany(b);
            vm.assertTrue(skipped() != 0, "another head");
        }
        escrow.openMany(batch);
        vm.assertEq(state().deposit, DEPOSIT, "the right one");
    }

    function test_open_at_the_highest_rate() public {
        lease = leaseFrom(order, provider, order.maxRate);
        taken(opens(opening(order, lease)), "equal to maxRate");
    }

    function test_open_bounds() public {
        order.baseBps = 10001;
        outOfBounds("base share");
        order.baseBps = 10000;
        order.feeBps = 2001;
        outOfBounds("fee");
        order.feeBps = 2000;
        order.launch = 3601;
        outOfBounds("launch");
        order.launch = 3600;
        order.deposit = 0;
        outOfBounds("deposit");
        order.deposit = 1;
        lease = leaseFrom(order, tenant, RATE);
        refused(
            opens(opening(order, lease, TENANT, TENANT, AUCTIONEER)), Escrow.BadTerms.selector, "provider is tenant"
        );
        lease = leaseFrom(order, cosigner, RATE);
        refused(
            opens(opening(order, lease, TENANT, COSIGNER, AUCTIONEER)),
            Escrow.BadTerms.selector,
            "provider is cosigner"
        );
        lease = leaseFrom(order, provider, RATE);
        taken(opens(opening(order, lease)), "all at their bounds");
    }

    function outOfBounds(string memory what) private {
        Opening memory o = opening(order, leaseFrom(order, provider, RATE));

        refused(opens(o), Escrow.BadTerms.selector, what);
        vm.expectRevert(Escrow.BadTerms.selector); // alone
        openOne(o);
    }

    function test_open_needs_funds() public {
        vm.prank(tenant);
        escrow.withdraw(tenant, 9 * DEPOSIT + 1);
        refused(opens(opening(order, lease)), Escrow.NoFunds.selector, "one short");
        fund(tenant, 1);
        taken(opens(opening(order, lease)), "exactly enough");
        vm.assertEq(balance(tenant), 0, "all locked");
    }

    function test_openMany_skips_and_goes_on() public {
        Opening[] memory many = new Opening[](4);
        many[0] = opening(order, lease);
        many[1] = opening(order, leaseFrom(order, provider, RATE - 1)); // same order again
        Escrow.Order memory other = order;
        other.nonce = 1 << 32;
        many[2] = opening(other, leaseFrom(other, provider, RATE), STRANGER, PROVIDER, AUCTIONEER);
        many[3] = opening(other, leaseFrom(other, provider, RATE));
        vm.recordLogs();
        openMany(many);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 3, "one each that was skipped, one for the group");
        vm.assertEq(logs[0].topics[0], Escrow.Skipped.selector, "skipped");
        vm.assertEq(bytes32(logs[0].data), bytes32(Escrow.NonceUsed.selector), "nonce");
        vm.assertEq(logs[0].topics[1], idOf(many[1].lease), "which");
        vm.assertEq(bytes32(logs[1].data), bytes32(Escrow.BadTenantSig.selector), "signature");
        says(
            logs[2],
            Escrow.Opened.selector,
            bytes.concat(
                abi.encodePacked(id, hashOf(order), tenant, RATE, DEPOSIT),
                abi.encodePacked(idOf(many[3].lease), hashOf(other), tenant, RATE, DEPOSIT)
            )
        );
        vm.assertEq(balance(tenant), 8 * DEPOSIT, "two locked");
    }

    // --- cancel ---

    function test_cancel_burns_the_order() public {
        vm.prank(tenant);
        escrow.cancel(7);
        refused(opens(opening(order, lease)), Escrow.NonceUsed.selector, "cancelled");
        vm.prank(tenant);
        vm.expectRevert(Escrow.NonceUsed.selector);
        escrow.cancel(7);
    }

    function test_cancel_is_ones_own() public {
        vm.prank(stranger);
        escrow.cancel(7);
        vm.prank(tenant);
        escrow.cancel(8); // a neighbour in the same word
        vm.prank(tenant);
        escrow.cancel(7 + 127); // the furthest that leaves it in the window
        vm.prank(tenant);
        escrow.cancel((1 << 32) + 7); // beyond the window there is another book
        taken(opens(opening(order, lease)), "not burnt");
    }

    // --- nonces ---

    function cancel(uint64 nonce) private {
        vm.prank(tenant);
        escrow.cancel(nonce);
    }

    function test_next_nonce_is_free() public {
        vm.assertEq(escrow.nextNonce(tenant), 0, "of a newcomer");
        cancel(0);
        vm.assertEq(escrow.nextNonce(tenant), 1, "after the first");
        open();
        vm.assertEq(escrow.nextNonce(tenant), 8, "above the highest");
        cancel(1 << 40);
        vm.assertEq(escrow.nextNonce(tenant), 8, "large ones are kept elsewhere");
    }

    function test_nonces_in_any_order_within_the_window() public {
        cancel(200);
        cancel(73);
        vm.prank(tenant);
        vm.expectRevert(Escrow.NonceUsed.selector);
        escrow.cancel(73);
        vm.prank(tenant);
        vm.expectRevert(Escrow.NonceUsed.selector);
        escrow.cancel(72); // left behind
        cancel(150);
        cancel(type(uint32).max);
        vm.assertTrue(escrow.nonceUsed(tenant, 199), "all below are gone");
        vm.assertTrue(!escrow.nonceUsed(tenant, 1 << 32), "but for the large");
        vm.assertEq(balance(tenant), 10 * DEPOSIT, "beside the balance, not in it");
    }

    function test_void_frees_a_large_nonce() public {
        order.nonce = type(uint64).max;
        lease = leaseFrom(order, provider, RATE);
        id = idOf(lease);
        open();
        vm.assertTrue(escrow.nonceUsed(tenant, order.nonce), "used");
        vm.prank(auctioneer);
        escrow.voidLease(order, provider, RATE);
        vm.assertTrue(!escrow.nonceUsed(tenant, order.nonce), "free");
        conserved();
    }

    /// The orders beside it stay what they were: leased, and not to be leased again.
    function test_void_frees_one_nonce() public {
        cancel(6);
        cancel(8);
        cancel(9);
        open(); // under 7
        vm.prank(auctioneer);
        escrow.voidLease(order, provider, RATE);
        vm.assertTrue(!escrow.nonceUsed(tenant, 7), "free");
        vm.assertTrue(escrow.nonceUsed(tenant, 6) && escrow.nonceUsed(tenant, 8), "the neighbours are not");
        vm.assertEq(escrow.nextNonce(tenant), 10, "nor is the highest another");
        vm.assertEq(balance(tenant), 10 * DEPOSIT, "all of it is back");
    }

    function test_void_of_a_nonce_left_behind() public {
        open();
        cancel(7 + 128);
        vm.prank(auctioneer);
        escrow.voidLease(order, provider, RATE);
        vm.assertEq(balance(tenant), 10 * DEPOSIT, "the deposit comes back");
        refused(
            opens(opening(order, leaseFrom(order, stranger, RATE), TENANT, STRANGER, AUCTIONEER)),
            Escrow.NonceUsed.selector,
            "the order does not"
        );
    }

    /// A payer that sends signs nothing.
    function test_settle_and_close_by_the_payer() public {
        open();
        after_(100);
        Settlement memory s = settlement(lease, 60, T0 + 50, TENANT, PROVIDER);
        s.payerSig = Escrow.Sig(0, 0);
        vm.expectRevert(Escrow.BadPayerSig.selector);
        settleOne(s);
        vm.prank(tenant);
        settleOne(s);
        vm.assertEq(state().paid, 60, "paid");
        Closing memory c = closing(lease, 70, T0 + 60, TENANT, PROVIDER);
        c.payerSig = Escrow.Sig(0, 0);
        vm.prank(tenant);
        closeOne(c);
        vm.assertEq(balance(tenant), 10 * DEPOSIT - 70, "closed");
    }

    // --- void ---

    function test_void_gives_back_and_frees_the_order() public {
        open();
        after_(LAUNCH);
        vm.prank(auctioneer);
        escrow.voidLease(order, lease.provider, lease.rate);
        vm.assertEq(balance(tenant), 10 * DEPOSIT, "whole deposit");
        vm.assertTrue(!escrow.nonceUsed(tenant, 7), "nonce free");

        refused(opens(opening(order, lease)), Escrow.AlreadyOpen.selector, "the same lease stays dead");
        Escrow.Lease memory next = leaseFrom(order, stranger, RATE + 5);
        taken(opens(opening(order, next, TENANT, STRANGER, AUCTIONEER)), "the next bidder");
        vm.assertEq(balance(tenant), 9 * DEPOSIT, "locked again");
        after_(1);
        refused(settles(settlement(lease, 1, time(), TENANT, PROVIDER)), Escrow.LeaseEnded.selector, "void");
    }

    function test_void_includes_what_was_topped_up() public {
        open();
        fund(stranger, 5);
        vm.prank(stranger);
        escrow.topUp(lease, 5);
        vm.prank(auctioneer);
        escrow.voidLease(order, lease.provider, lease.rate);
        vm.assertEq(balance(tenant), 10 * DEPOSIT + 5, "all to the tenant");
        conserved();
    }

    function test_void_only_by_the_auctioneer_in_time() public {
        open();
        vm.prank(tenant);
        vm.expectRevert(Escrow.NotAuctioneer.selector);
        escrow.voidLease(order, lease.provider, lease.rate);
        Escrow.Order memory other = order;
        other.nonce = 8;
        vm.prank(auctioneer);
        vm.expectRevert(Escrow.UnknownLease.selector);
        escrow.voidLease(other, lease.provider, lease.rate); // would free another nonce
        after_(LAUNCH + 1);
        vm.prank(auctioneer);
        vm.expectRevert(Escrow.TooLate.selector);
        escrow.voidLease(order, lease.provider, lease.rate);
    }

    function test_void_not_after_anything_happened() public {
        open();
        after_(10);
        taken(settles(settlement(lease, 0, time(), TENANT, PROVIDER)), "nothing due, time moves");
        vm.prank(auctioneer);
        vm.expectRevert(Escrow.LeaseMoved.selector);
        escrow.voidLease(order, lease.provider, lease.rate);
    }

    function test_void_not_after_a_stop() public {
        open();
        vm.prank(tenant);
        escrow.stop(lease);
        vm.prank(auctioneer);
        vm.expectRevert(Escrow.LeaseMoved.selector);
        escrow.voidLease(order, lease.provider, lease.rate);
    }

    function test_void_once() public {
        open();
        vm.prank(auctioneer);
        escrow.voidLease(order, lease.provider, lease.rate);
        vm.prank(auctioneer);
        vm.expectRevert(Escrow.LeaseEnded.selector);
        escrow.voidLease(order, lease.provider, lease.rate);
        lease.rate -= 1;
        vm.prank(auctioneer);
        vm.expectRevert(Escrow.UnknownLease.selector);
        escrow.voidLease(order, lease.provider, lease.rate);
    }

    // --- settle ---

    function test_settle_pays_provider_and_fee() public {
        open();
        after_(100);
        uint96 amount = due(RATE, 100);
        vm.recordLogs();
        vm.prank(stranger);
        settleMany(list(settlement(lease, amount, T0 + 100, TENANT, PROVIDER)));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint96 fee = amount * 250 / 10000;
        says(logs[0], Escrow.Settled.selector, abi.encodePacked(id, amount, amount, T0 + 100));
        vm.assertEq(balance(provider), amount - fee, "provider");
        vm.assertEq(balance(auctioneer), fee, "auctioneer");
        vm.assertEq(state().paid, amount, "paid");
        vm.assertEq(state().upTo, T0 + 100, "upTo");
        conserved();
    }

    function test_settle_by_cosigner_and_by_sender() public {
        open();
        after_(100);
        taken(settles(settlement(lease, 10, T0 + 50, COSIGNER, PROVIDER)), "cosigner");
        Settlement memory s = settlement(lease, 20, T0 + 60, COSIGNER, PROVIDER);
        s.providerSig = Escrow.Sig(0, 0);
        refused(settles(s), Escrow.BadProviderSig.selector, "nobody's");
        vm.prank(provider);
        settleMany(list(s));
        vm.assertEq(state().paid, 20, "provider sends");
    }

    /// A voucher computed from the start is paid to the last unit, however many came before it.
    function test_settle_every_second_loses_nothing() public {
        open();
        for (uint32 i = 1; i <= 40; i++) {
            after_(1);
            taken(settles(settlement(lease, due(RATE, i), T0 + i, TENANT, PROVIDER)), "second");
            vm.assertEq(state().paid, due(RATE, i), "exact");
        }
    }

    function test_settle_is_capped_by_the_rate() public {
        open();
        after_(100);
        taken(settles(settlement(lease, due(RATE, 100) + 1, T0 + 99, TENANT, PROVIDER)), "taken");
        vm.assertEq(state().paid, due(RATE, 99), "capped by rate x (upTo - start)");
    }

    function test_settle_is_capped_by_the_deposit() public {
        open();
        after_(400_000);
        taken(settles(settlement(lease, DEPOSIT + 5, time(), TENANT, PROVIDER)), "taken");
        vm.assertEq(state().paid, DEPOSIT, "all there is");
        refused(
            settles(settlement(lease, DEPOSIT + 5, time(), TENANT, PROVIDER)), Escrow.Stale.selector, "nothing new"
        );
        vm.prank(tenant);
        escrow.topUp(lease, 3);
        taken(settles(settlement(lease, DEPOSIT + 5, time(), TENANT, PROVIDER)), "three more");
        vm.assertEq(state().paid, DEPOSIT + 3, "topped up");
        conserved();
    }

    function test_settle_unknown_and_ended() public {
        refused(settles(settlement(lease, 0, T0, TENANT, PROVIDER)), Escrow.UnknownLease.selector, "unknown");
        open();
        taken(closes(closing(lease, 0, T0, TENANT, PROVIDER)), "close");
        after_(5);
        refused(settles(settlement(lease, 5, T0 + 5, TENANT, PROVIDER)), Escrow.UnknownLease.selector, "ended");
    }

    // --- close ---

    function test_close_pays_and_refunds() public {
        open();
        after_(100);
        uint96 amount = due(RATE, 100);
        vm.recordLogs();
        closeMany(list(closing(lease, amount, T0 + 100, TENANT, PROVIDER)));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 1, "one event");
        says(
            logs[0],
            Escrow.Closed.selector,
            abi.encodePacked(id, tenant, amount, amount, DEPOSIT - amount, T0 + 100)
        );
        vm.assertEq(balance(tenant), 10 * DEPOSIT - amount, "refund");
        vm.assertEq(balance(provider), amount - amount * 250 / 10000, "provider");
        vm.assertTrue(slot(id) == 0, "erased");
        conserved();
    }

    function test_close_without_voucher_when_all_is_paid() public {
        open();
        after_(100);
        taken(settles(settlement(lease, 99, T0 + 100, TENANT, PROVIDER)), "settle");
        Closing memory c = closing(lease, 99, 0, STRANGER, PROVIDER);
        c.payerSig = Escrow.Sig(0, 0);
        taken(closes(c), "close");
        vm.assertEq(balance(tenant), 10 * DEPOSIT - 99, "refund");
        conserved();
    }

    function test_close_by_the_provider_alone() public {
        open();
        Closing memory c = closing(lease, 0, 0, STRANGER, STRANGER);
        c.releaseSig = Escrow.Sig(0, 0);
        vm.prank(provider);
        closeMany(list(c));
        vm.assertEq(balance(tenant), 10 * DEPOSIT, "all back");
    }

    function test_close_refusals() public {
        refused(closes(closing(lease, 0, T0, TENANT, PROVIDER)), Escrow.UnknownLease.selector, "unknown");
        open();
        after_(100);
        taken(settles(settlement(lease, 50, T0 + 60, TENANT, PROVIDER)), "settle");
        refused(closes(closing(lease, 49, T0 + 70, TENANT, PROVIDER)), Escrow.Stale.selector, "less than paid");
        refused(closes(closing(lease, 51, T0 + 59, TENANT, PROVIDER)), Escrow.Stale.selector, "older");
        refused(closes(closing(lease, 51, T0 + 101, TENANT, PROVIDER)), Escrow.FutureVoucher.selector, "future");
        refused(closes(closing(lease, 51, T0 + 70, TENANT, STRANGER)), Escrow.BadReleaseSig.selector, "release");
        refused(closes(closing(lease, 50, T0 + 70, TENANT, TENANT)), Escrow.BadReleaseSig.selector, "tenant's");
        refused(closes(closing(lease, 51, T0 + 70, PROVIDER, PROVIDER)), Escrow.BadPayerSig.selector, "payer");
        taken(closes(closing(lease, 51, T0 + 70, COSIGNER, PROVIDER)), "cosigner");
        refused(closes(closing(lease, 51, T0 + 70, COSIGNER, PROVIDER)), Escrow.UnknownLease.selector, "twice");
        conserved();
    }

    function test_close_is_capped_like_settle() public {
        open();
        after_(100);
        taken(closes(closing(lease, DEPOSIT, T0 + 100, TENANT, PROVIDER)), "close");
        vm.assertEq(balance(tenant), 10 * DEPOSIT - due(RATE, 100), "no more than the rate");
        conserved();
    }

    // --- top up ---

    function test_topUp_moves_balance_into_the_lease() public {
        open();
        fund(stranger, 9);
        vm.prank(stranger);
        escrow.topUp(lease, 4);
        vm.assertEq(balance(stranger), 5, "debited");
        vm.assertEq(state().deposit, DEPOSIT + 4, "locked");
        vm.prank(stranger);
        vm.expectRevert(Escrow.NoFunds.selector);
        escrow.topUp(lease, 6);
        conserved();
    }

    // --- stop, claim, finish, expire ---

    function test_stop_caps_what_accrues() public {
        open();
        after_(100);
        vm.prank(stranger);
        vm.expectRevert(Escrow.NotTenant.selector);
        escrow.stop(lease);
        vm.prank(tenant);
        escrow.stop(lease);
        vm.assertEq(state().stopAt, T0 + 100, "stopAt");
        vm.assertEq(escrow.startOf(id), T0, "start is kept");
        vm.prank(tenant);
        vm.expectRevert(Escrow.LeaseStopped.selector);
        escrow.stop(lease);
        after_(50);
        taken(settles(settlement(lease, DEPOSIT, T0 + 150, TENANT, PROVIDER)), "settle");
        vm.assertEq(state().paid, due(RATE, 100), "up to the stop");
        vm.assertEq(state().upTo, T0 + 100, "time too");
        vm.assertEq(state().stopAt, T0 + 100, "still stopped");
    }

    /// Stopped in the very second that is accounted for.
    function test_stop_right_after_settling() public {
        open();
        after_(100);
        taken(settles(settlement(lease, 5, T0 + 100, TENANT, PROVIDER)), "settle");
        vm.prank(tenant);
        escrow.stop(lease);
        vm.assertEq(state().stopAt, T0 + 100, "stopped");
        taken(settles(settlement(lease, due(RATE, 100), T0 + 100, TENANT, PROVIDER)), "bound from the start");
        vm.assertEq(state().paid, due(RATE, 100), "paid");
    }

    function test_claim_bounds() public {
        open();
        after_(LAUNCH);
        vm.prank(provider);
        vm.expectRevert(Escrow.TooEarly.selector);
        escrow.claim(lease, 1);
        after_(1);
        vm.prank(stranger);
        vm.expectRevert(Escrow.NotProvider.selector);
        escrow.claim(lease, 1);
        vm.prank(provider);
        escrow.claim(lease, DEPOSIT);
        (uint96 amount, uint32 upTo, uint32 payableAt) = escrow.claimOf(id);
        vm.assertEq(amount, due(lease.base, LAUNCH + 1), "base x time");
        vm.assertEq(upTo, T0 + LAUNCH + 1, "till now");
        vm.assertEq(payableAt, T0 + LAUNCH + 1 + WINDOW, "after the window");
        vm.prank(provider);
        vm.expectRevert(Escrow.NothingToClaim.selector);
        escrow.claim(lease, DEPOSIT); // same second again
        vm.assertEq(state().paid, 0, "nothing yet");
    }

    function test_claim_for_less() public {
        open();
        after_(1000);
        vm.prank(provider);
        escrow.claim(lease, 3);
        after_(WINDOW);
        escrow.finish(lease);
        vm.assertEq(state().paid, 3, "no more than asked");
    }

    function test_claim_without_base() public {
        order.baseBps = 0;
        lease = leaseFrom(order, provider, RATE);
        open();
        after_(1000);
        vm.prank(provider);
        vm.expectRevert(Escrow.NothingToClaim.selector);
        escrow.claim(lease, DEPOSIT);
    }

    function test_claim_waits_for_window_then_pays() public {
        open();
        after_(1000);
        vm.prank(provider);
        escrow.claim(lease, DEPOSIT);
        after_(WINDOW - 1);
        vm.expectRevert(Escrow.TooEarly.selector);
        escrow.finish(lease);
        after_(1);
        vm.prank(stranger);
        escrow.finish(lease);
        uint96 amount = due(lease.base, 1000);
        vm.assertEq(state().paid, amount, "base");
        vm.assertEq(state().upTo, T0 + 1000, "time");
        vm.assertEq(balance(provider), amount - amount * 250 / 10000, "credited");
        vm.expectRevert(Escrow.NothingToClaim.selector);
        escrow.finish(lease);
        conserved();
    }

    function test_claim_is_capped_by_the_deposit() public {
        open();
        after_(2_000_000);
        vm.prank(provider);
        escrow.claim(lease, type(uint96).max);
        after_(WINDOW);
        escrow.finish(lease);
        vm.assertEq(state().paid, DEPOSIT, "all there is");
        conserved();
    }

    function test_wider_claim_replaces_and_waits_anew() public {
        open();
        after_(1000);
        vm.prank(provider);
        escrow.claim(lease, DEPOSIT);
        after_(WINDOW - 1);
        vm.prank(provider);
        escrow.claim(lease, DEPOSIT);
        after_(1);
        vm.expectRevert(Escrow.TooEarly.selector);
        escrow.finish(lease);
        after_(WINDOW - 1);
        escrow.finish(lease);
        vm.assertEq(state().paid, due(lease.base, 1000 + WINDOW - 1), "the wider one");
    }

    function test_expire_refunds() public {
        open();
        after_(100);
        vm.expectRevert(Escrow.LeaseRuns.selector);
        escrow.expire(lease);
        taken(settles(settlement(lease, 50, T0 + 60, TENANT, PROVIDER)), "settle");
        vm.prank(tenant);
        escrow.stop(lease);
        after_(WINDOW);
        vm.expectRevert(Escrow.TooEarly.selector);
        escrow.expire(lease);
        after_(1);
        vm.prank(stranger);
        escrow.expire(lease);
        vm.assertEq(balance(tenant), 10 * DEPOSIT - 50, "deposit - paid");
        vm.expectRevert(Escrow.UnknownLease.selector);
        escrow.expire(lease);
        conserved();
    }
}
