// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow, IToken} from "../src/Escrow.sol";
import {vm, Vm} from "./Vm.sol";
import {Base, Opening, Settlement, Closing} from "./Base.sol";
import {Probe} from "./Probe.sol";
import {SharesToken, ScaledToken, OddToken, FeeToken, SilentToken, FalseToken, AnsweringToken, HookToken, Thief} from "./Tokens.sol";

/// Known ways to rob an escrow, one test each.
contract AttacksTest is Base {
    // --- replays ---

    function test_replay_other_chain() public {
        Opening memory o = opening(order, lease);
        vm.chainId(31338);
        refused(opens(o), Escrow.BadTenantSig.selector, "signed for the other side of a fork");
        vm.assertEq(escrow.domainSeparator(), separator(), "separator follows the chain");
        taken(opens(opening(order, lease)), "signed for this side");
    }

    function test_replay_other_contract() public {
        Opening memory o = opening(order, lease);
        escrow = deploy(address(token));
        fund(tenant, DEPOSIT);
        refused(opens(o), Escrow.BadTenantSig.selector, "signed for its twin");
    }

    function test_replay_voucher_pays_once() public {
        open();
        after_(100);
        Settlement memory s = settlement(lease, 100, T0 + 50, TENANT, PROVIDER);
        Settlement[] memory twice = new Settlement[](2);
        twice[0] = s;
        twice[1] = s;
        settleMany(twice);
        refused(settles(s), Escrow.Stale.selector, "again");
        vm.assertEq(state().paid, 100, "once");
        conserved();
    }

    function test_older_voucher_after_newer() public {
        open();
        after_(100);
        taken(settles(settlement(lease, 100, T0 + 80, TENANT, PROVIDER)), "newer");
        refused(settles(settlement(lease, 90, T0 + 70, TENANT, PROVIDER)), Escrow.Stale.selector, "older");
        refused(settles(settlement(lease, 110, T0 + 70, TENANT, PROVIDER)), Escrow.Stale.selector, "time falls");
        refused(settles(settlement(lease, 90, T0 + 90, TENANT, PROVIDER)), Escrow.Stale.selector, "amount falls");
        vm.assertEq(state().paid, 100, "paid");
        vm.assertEq(state().upTo, T0 + 80, "upTo");
    }

    function test_open_twice() public {
        open();
        refused(opens(opening(order, lease)), Escrow.NonceUsed.selector, "the same");
        refused(
            opens(opening(order, leaseFrom(order, provider, RATE - 1))), Escrow.NonceUsed.selector, "same order"
        );
        vm.assertEq(balance(tenant), 9 * DEPOSIT, "one deposit");
    }

    function test_open_again_after_close() public {
        open();
        taken(closes(closing(lease, 0, T0, TENANT, PROVIDER)), "close");
        refused(opens(opening(order, lease)), Escrow.NonceUsed.selector, "the same");
        refused(
            opens(opening(order, leaseFrom(order, stranger, RATE), TENANT, STRANGER, AUCTIONEER)),
            Escrow.NonceUsed.selector,
            "same order"
        );
    }

    function test_open_again_after_expire() public {
        order.openBy = T0 + 10_000;
        lease = leaseFrom(order, provider, RATE);
        id = idOf(lease);
        open();
        vm.prank(tenant);
        escrow.stop(lease);
        after_(WINDOW + 1);
        escrow.expire(lease);
        refused(opens(opening(order, lease)), Escrow.NonceUsed.selector, "the same");
    }

    /// The nonce is free after a void, so here the tombstone alone must hold.
    function test_open_again_after_void() public {
        open();
        vm.prank(auctioneer);
        escrow.voidLease(order, lease.provider, lease.rate);
        refused(opens(opening(order, lease)), Escrow.AlreadyOpen.selector, "the same");
        vm.assertEq(balance(tenant), 10 * DEPOSIT, "untouched");
    }

    // --- signatures ---

    /// The mirror (r, n - s, other parity) of a signature is no signature.
    function test_signature_malleability() public {
        uint256 n = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        open();
        after_(10);
        Settlement memory s = settlement(lease, 5, T0 + 10, TENANT, PROVIDER);
        uint256 vs = uint256(s.payerSig.vs);
        uint256 mirror = n - (vs & type(uint256).max >> 1);
        s.payerSig.vs = bytes32(mirror);
        refused(settles(s), Escrow.BadPayerSig.selector, "mirror");
        s.payerSig.vs = bytes32(mirror ^ 1 << 255);
        refused(settles(s), Escrow.BadPayerSig.selector, "mirror, other parity");
        s.payerSig.vs = bytes32(vs ^ 1 << 255);
        refused(settles(s), Escrow.BadPayerSig.selector, "other parity");
    }

    /// Between n/2 and 2^255 there is a sliver of high s that the compact form can write.
    function test_high_s() public {
        Probe probe = new Probe(IToken(address(token)));
        bytes32 hash = keccak256("any");
        uint256 half = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;
        (bytes32 r,) = vm.signCompact(PROVIDER, hash);
        vm.assertTrue(ecrecover(hash, 27, r, bytes32(half + 1)) != address(0), "the precompile takes it");
        vm.assertEq(probe.recover(hash, Escrow.Sig(r, bytes32(half + 1))), address(0), "we do not");
        vm.assertEq(probe.recover(hash, Escrow.Sig(r, bytes32(type(uint256).max))), address(0), "nor the last");
        vm.assertTrue(probe.recover(hash, Escrow.Sig(r, bytes32(half))) != address(0), "the highest low s");
    }

    function testFuzz_zero_address_recovery(bytes32 r, bytes32 vs) public {
        order.tenant = address(0); // whoever garbage recovers to
        lease = leaseFrom(order, provider, RATE);
        Opening memory o = opening(order, lease);
        o.tenantSig = Escrow.Sig(r, vs);
        refused(opens(o), Escrow.NoFunds.selector, "the zero address can hold nothing");
        order.tenant = tenant;
        order.auctioneer = address(0);
        lease = leaseFrom(order, provider, RATE);
        o = opening(order, lease);
        o.auctioneerSig = Escrow.Sig(r, vs);
        refused(opens(o), Escrow.BadAuctioneerSig.selector, "auctioneer zero");
    }

    /// A lease without a cosigner: what recovers to nobody is not its cosigner.
    function testFuzz_no_cosigner(bytes32 r, bytes32 vs) public {
        order.cosigner = address(0);
        lease = leaseFrom(order, provider, RATE);
        open();
        after_(10);
        Settlement memory s = settlement(lease, 5, T0 + 10, TENANT, PROVIDER);
        s.payerSig = Escrow.Sig(r, vs);
        refused(settles(s), Escrow.BadPayerSig.selector, "garbage");
        s.payerSig = Escrow.Sig(0, 0);
        refused(settles(s), Escrow.BadPayerSig.selector, "zero");
    }

    function test_types_cannot_pass_as_one_another() public {
        open();
        after_(100);
        Settlement memory s = settlement(lease, 50, T0 + 100, TENANT, PROVIDER);
        s.payerSig = sign(TENANT, releaseHash(id, 50));
        refused(settles(s), Escrow.BadPayerSig.selector, "release as voucher");
        s = settlement(lease, 50, T0 + 100, TENANT, PROVIDER);
        s.providerSig = sign(PROVIDER, id);
        refused(settles(s), Escrow.BadProviderSig.selector, "lease as voucher");
        Closing memory c = closing(lease, 50, T0 + 100, TENANT, PROVIDER);
        c.releaseSig = sign(PROVIDER, voucherHash(id, 50, T0 + 100));
        refused(closes(c), Escrow.BadReleaseSig.selector, "voucher as release");
        c = closing(lease, 50, T0 + 100, TENANT, PROVIDER);
        c.payerSig = sign(TENANT, hashOf(order));
        refused(closes(c), Escrow.BadPayerSig.selector, "order as voucher");
    }

    function test_one_leases_voucher_is_not_anothers() public {
        open();
        Escrow.Order memory o2 = order;
        o2.nonce = 8;
        Escrow.Lease memory l2 = leaseFrom(o2, provider, RATE);
        taken(opens(opening(o2, l2)), "second");
        after_(100);
        Settlement memory s = settlement(lease, 50, T0 + 100, TENANT, PROVIDER);
        s.lease = l2;
        refused(settles(s), Escrow.BadPayerSig.selector, "other lease");
        s = settlement(lease, 50, T0 + 100, TENANT, PROVIDER);
        s.amount = 51;
        refused(settles(s), Escrow.BadPayerSig.selector, "other amount");
        s = settlement(lease, 50, T0 + 100, TENANT, PROVIDER);
        s.upTo -= 1;
        refused(settles(s), Escrow.BadPayerSig.selector, "other time");
    }

    // --- consent ---

    function test_tenant_alone_cannot_wipe_the_claim() public {
        open();
        after_(1000);
        vm.prank(provider);
        escrow.claim(lease, DEPOSIT);
        Settlement memory s = settlement(lease, 0, time(), TENANT, TENANT);
        vm.prank(tenant);
        settleMany(list(s));
        vm.assertEq(state().upTo, T0, "time did not move");
        after_(WINDOW);
        escrow.finish(lease);
        vm.assertEq(state().paid, due(lease.base, 1000), "claim paid");
    }

    function test_provider_alone_cannot_pay_itself() public {
        open();
        after_(100);
        Settlement memory s = settlement(lease, 50, T0 + 100, PROVIDER, PROVIDER);
        vm.prank(provider);
        settleMany(list(s));
        vm.assertEq(state().paid, 0, "nothing");
        refused(settles(settlement(lease, 50, T0 + 100, AUCTIONEER, PROVIDER)), Escrow.BadPayerSig.selector, "none");
        refused(settles(settlement(lease, 50, T0 + 100, STRANGER, PROVIDER)), Escrow.BadPayerSig.selector, "none");
    }

    function test_claim_yields_to_cosigned_voucher() public {
        open();
        after_(1000);
        vm.prank(provider);
        escrow.claim(lease, DEPOSIT);
        after_(10);
        taken(settles(settlement(lease, 7, T0 + 1005, TENANT, PROVIDER)), "voucher for all that time");
        after_(WINDOW);
        vm.expectRevert(Escrow.NothingToClaim.selector);
        escrow.finish(lease);
        vm.assertEq(state().paid, 7, "the voucher is the truth");
    }

    /// An older voucher of both sides cannot kill a claim: the time that it leaves open stays claimed.
    function test_old_voucher_cannot_kill_a_claim() public {
        open();
        after_(1000);
        vm.prank(provider);
        escrow.claim(lease, DEPOSIT);
        vm.prank(tenant);
        escrow.stop(lease);
        taken(settles(settlement(lease, 7, T0 + 400, TENANT, PROVIDER)), "voucher for part of it");
        after_(WINDOW + 1);
        escrow.expire(lease);
        vm.assertEq(
            balance(tenant), 10 * DEPOSIT - 7 - due(lease.base, 600), "the rest was paid all the same"
        );
        conserved();
    }

    /// A voucher above what was claimed leaves nothing of the claim.
    function test_claim_never_pays_above_what_was_asked() public {
        open();
        after_(1000);
        vm.prank(provider);
        escrow.claim(lease, 10);
        taken(settles(settlement(lease, 12, T0 + 400, TENANT, PROVIDER)), "more than claimed");
        after_(WINDOW);
        escrow.finish(lease);
        vm.assertEq(state().paid, 12, "no more, no less");
    }

    function test_winner_that_never_launched_cannot_claim_past_the_void() public {
        open();
        after_(60);
        vm.prank(provider);
        vm.expectRevert(Escrow.TooEarly.selector);
        escrow.claim(lease, DEPOSIT);
        vm.prank(auctioneer);
        escrow.voidLease(order, lease.provider, lease.rate);
    }

    function test_last_second_claim_holds_the_refund() public {
        open();
        after_(1000);
        vm.prank(tenant);
        escrow.stop(lease);
        after_(WINDOW);
        vm.prank(provider);
        escrow.claim(lease, DEPOSIT);
        after_(1);
        vm.expectRevert(Escrow.TooEarly.selector);
        escrow.expire(lease);
        vm.prank(provider);
        vm.expectRevert(Escrow.NothingToClaim.selector);
        escrow.claim(lease, DEPOSIT); // but only once
        after_(WINDOW - 1);
        escrow.expire(lease); // pays it, then refunds
        vm.assertEq(balance(tenant), 10 * DEPOSIT - due(lease.base, 1000), "the rest");
        conserved();
    }

    function test_session_key_bound() public {
        open();
        after_(100);
        // Stolen cosigner and provider together: all they can sign is worth what the rate allows.
        taken(settles(settlement(lease, type(uint96).max, T0 + 100, COSIGNER, PROVIDER)), "most");
        vm.assertEq(state().paid, due(RATE, 100), "rate x elapsed");
        vm.prank(tenant);
        escrow.stop(lease);
        after_(100);
        refused(
            settles(settlement(lease, type(uint96).max, T0 + 200, COSIGNER, PROVIDER)), Escrow.Stale.selector, "stopped"
        );
        Closing memory c = closing(lease, due(RATE, 100), 0, COSIGNER, COSIGNER);
        refused(closes(c), Escrow.BadReleaseSig.selector, "cosigner cannot close");
        vm.prank(cosigner);
        vm.expectRevert(Escrow.NotTenant.selector);
        escrow.stop(lease);
    }

    function test_future_voucher() public {
        open();
        after_(100);
        refused(
            settles(settlement(lease, 5, T0 + 101, TENANT, PROVIDER)), Escrow.FutureVoucher.selector, "one second"
        );
        taken(settles(settlement(lease, 5, T0 + 100, TENANT, PROVIDER)), "now");
    }

    function test_stale_close_needs_the_provider() public {
        open();
        after_(100);
        taken(settles(settlement(lease, 50, T0 + 50, TENANT, PROVIDER)), "settled");
        refused(closes(closing(lease, 50, T0 + 50, TENANT, TENANT)), Escrow.BadReleaseSig.selector, "old one");
        vm.prank(tenant);
        closeMany(list(closing(lease, 50, T0 + 50, TENANT, TENANT)));
        vm.assertTrue(state().deposit != 0, "still open");
    }

    // --- opening at somebody's cost ---

    /// Two bids for one order: whoever submits what, only the awarded pair opens.
    function test_front_run_open_with_another_bid() public {
        Escrow.Lease memory worse = leaseFrom(order, stranger, order.maxRate);
        Opening memory o = opening(order, worse, TENANT, STRANGER, STRANGER);
        refused(opens(o), Escrow.BadAuctioneerSig.selector, "award signed by the bidder");
        o.auctioneerSig = sign(AUCTIONEER, awardHash(hashOf(order), lease));
        refused(opens(o), Escrow.BadAuctioneerSig.selector, "award of another");
        vm.prank(stranger);
        vm.expectRevert(Escrow.BadAuctioneerSig.selector);
        openOne(o);
        // The winner cannot raise its price either.
        Escrow.Lease memory dearer = leaseFrom(order, provider, RATE + 1);
        o = opening(order, dearer);
        o.auctioneerSig = sign(AUCTIONEER, awardHash(hashOf(order), lease));
        refused(opens(o), Escrow.BadAuctioneerSig.selector, "dearer than awarded");
        vm.prank(stranger); // front-running the right pair only pays its gas
        openOne(opening(order, lease));
    }

    function test_award_left_lying_about() public {
        Opening memory o = opening(order, lease);
        vm.warp(order.openBy + 1);
        refused(opens(o), Escrow.Expired.selector, "a second late");
        vm.warp(order.openBy);
        taken(opens(o), "in time");
        vm.assertEq(state().upTo, order.openBy, "counts from the opening");
    }

    function test_window_bounds() public {
        order.window = 59;
        refused(opens(opening(order, leaseFrom(order, provider, RATE))), Escrow.BadTerms.selector, "short");
        order.window = 30 days + 1;
        refused(opens(opening(order, leaseFrom(order, provider, RATE))), Escrow.BadTerms.selector, "long");
        order.window = 30 days;
        taken(opens(opening(order, leaseFrom(order, provider, RATE))), "longest");
        order.window = 60;
        order.nonce = 8;
        taken(opens(opening(order, leaseFrom(order, provider, RATE))), "shortest");
    }

    function test_topUp_after_stop() public {
        open();
        vm.prank(tenant);
        escrow.stop(lease);
        vm.prank(tenant);
        vm.expectRevert(Escrow.LeaseStopped.selector);
        escrow.topUp(lease, 1);
    }

    function test_topUp_after_close() public {
        open();
        taken(closes(closing(lease, 0, T0, TENANT, PROVIDER)), "close");
        vm.prank(tenant);
        vm.expectRevert(Escrow.UnknownLease.selector);
        escrow.topUp(lease, 1);
    }

    function test_batch_survives_a_front_run_entry() public {
        open();
        Escrow.Order memory o2 = order;
        o2.nonce = 8;
        Escrow.Lease memory l2 = leaseFrom(o2, provider, RATE);
        taken(opens(opening(o2, l2)), "second");
        after_(100);
        Settlement[] memory batch = new Settlement[](3);
        batch[0] = settlement(lease, 50, T0 + 100, TENANT, PROVIDER);
        batch[1] = settlement(l2, 60, T0 + 100, TENANT, STRANGER);
        batch[2] = settlement(l2, 70, T0 + 100, TENANT, PROVIDER);
        settleMany(list(batch[0])); // somebody was quicker
        settleMany(batch);
        (, uint96 paid,,) = escrow.leaseState(idOf(l2));
        vm.assertEq(paid, 70, "the good one was paid");

        Closing[] memory ends = new Closing[](2);
        ends[0] = closing(lease, 50, 0, TENANT, PROVIDER);
        ends[1] = closing(l2, 70, 0, TENANT, PROVIDER);
        closeMany(list(ends[0]));
        closeMany(ends);
        vm.assertEq(balance(tenant), 10 * DEPOSIT - 120, "both refunded once");
    }

    // --- overflow ---

    function testFuzz_type_maxima(uint128 rate, uint96 deposit, uint32 elapsed, uint96 amount) public {
        rate = uint128(bound(rate, type(uint128).max - 1000));
        deposit = uint96(bound(deposit, type(uint96).max / 2 - 1000));
        amount = uint96(bound(amount, type(uint96).max - 1000));
        elapsed = uint32(uint256(elapsed) % (type(uint32).max - T0));
        order.maxRate = type(uint128).max;
        order.deposit = deposit;
        order.feeBps = 2000;
        lease = leaseFrom(order, provider, rate);
        id = idOf(lease);
        fund(tenant, deposit);
        open();
        after_(elapsed);
        settles(settlement(lease, amount, time(), TENANT, PROVIDER));
        uint256 most = uint256(rate) * elapsed / 1e9;
        if (most > deposit) most = deposit;
        if (most > amount) most = amount;
        vm.assertEq(state().paid, most, "exact at the edges");
        conserved();
    }

    /// Half of the cases near the top of the type, never zero.
    function bound(uint256 x, uint256 top) private pure returns (uint256) {
        return x % 2 == 0 ? top + x % 1000 : 1 + x % top;
    }

    function test_topUp_overflow() public {
        order.deposit = type(uint96).max / 2 + 1;
        lease = leaseFrom(order, provider, RATE);
        fund(tenant, order.deposit);
        refused(opens(opening(order, lease)), Escrow.BadTerms.selector, "a bit more than a slot holds");
        order.deposit -= 1;
        lease = leaseFrom(order, provider, RATE);
        id = idOf(lease);
        open();
        vm.prank(tenant);
        vm.expectRevert(Escrow.BadTerms.selector);
        escrow.topUp(lease, 1);
    }

    /// A field with more bits than its type belongs to no lease; the order's are refused at once.
    function test_fields_beyond_their_types() public {
        open();
        after_(100);
        bytes[4] memory calls = [
            abi.encodeCall(Escrow.stop, (lease)),
            abi.encodeCall(Escrow.claim, (lease, 10)),
            abi.encodeCall(Escrow.topUp, (lease, 1)),
            abi.encodeCall(Escrow.setKey, (lease, stranger, 1, 1))
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            for (uint256 field = 1; field < 12; field++) {
                calls[i][4 + 32 * field] = 0x01;
                (bool done, bytes memory why) = address(escrow).call(calls[i]);
                vm.assertTrue(!done && bytes4(why) == Escrow.UnknownLease.selector, "no such lease");
                calls[i][4 + 32 * field] = 0x00;
            }
        }
        bytes memory call = abi.encodeCall(Escrow.voidLease, (order, lease.provider, lease.rate));
        for (uint256 field = 0; field < 12; field++) {
            if (field == 1) continue; // the group is a whole word
            call[4 + 32 * field] = 0x01;
            (bool done, bytes memory why) = address(escrow).call(call);
            vm.assertTrue(!done && why.length == 0, "no such order");
            call[4 + 32 * field] = 0x00;
        }
        vm.prank(tenant);
        (bool clean,) = address(escrow).call(calls[0]);
        vm.assertTrue(clean, "as it was signed");
    }

    // --- tokens ---

    function use(OddToken t) private {
        escrow = deploy(address(t));
        t.mint(tenant, 1000);
        t.mint(provider, 1000);
    }

    function test_fee_on_transfer_token() public {
        FeeToken t = new FeeToken();
        use(t);
        vm.prank(tenant);
        escrow.deposit(tenant, 1000);
        vm.assertEq(balance(tenant), 990, "what arrived");
        vm.assertEq(t.balanceOf(address(escrow)), 990, "is there");
    }

    function test_no_return_token_and_a_blocked_party() public {
        SilentToken t = new SilentToken();
        use(t);
        vm.prank(tenant);
        escrow.deposit(tenant, 1000);
        order.deposit = 1000;
        lease = leaseFrom(order, provider, RATE);
        id = idOf(lease);
        open();
        t.blockAddress(tenant);
        after_(100);
        taken(closes(closing(lease, 100, T0 + 100, TENANT, PROVIDER)), "others go on");
        vm.prank(provider);
        escrow.withdraw(provider, 98);
        vm.prank(tenant);
        vm.expectRevert(Escrow.BadToken.selector);
        escrow.withdraw(tenant, 900);
        vm.prank(tenant);
        escrow.withdraw(stranger, 900); // the blocked party's money is still its own
        vm.assertEq(t.balanceOf(stranger), 900, "paid out elsewhere");
    }

    function test_false_returning_token() public {
        use(new FalseToken());
        vm.prank(tenant);
        vm.expectRevert(Escrow.BadToken.selector);
        escrow.deposit(tenant, 1000);
    }

    /// Only a word that is one, or nothing at all, is a yes.
    function test_token_that_answers_otherwise() public {
        AnsweringToken t = new AnsweringToken();
        bytes[5] memory no = [
            abi.encode(2),
            abi.encode(1 << 255 | 1),
            abi.encodePacked(bytes31(0)),
            abi.encodePacked(true),
            abi.encode(0, 1)
        ];
        use(t);
        vm.startPrank(tenant);
        for (uint256 i = 0; i < no.length; i++) {
            t.answers(no[i]);
            vm.expectRevert(Escrow.BadToken.selector);
            escrow.deposit(tenant, 1);
        }
        t.answers(abi.encode(1, 2)); // a true word, and more
        escrow.deposit(tenant, 1);
        t.answers("");
        escrow.deposit(tenant, 1);
        vm.stopPrank();
        vm.assertEq(balance(tenant), 2, "both of the good ones");
    }

    function test_token_without_code() public {
        vm.expectRevert(Escrow.BadToken.selector);
        new Escrow(IToken(stranger), 60);
    }

    /// Not supported: a balance that shrinks is paid out first come, first served.
    function test_rebasing_token() public {
        SilentToken t = new SilentToken();
        use(t);
        vm.prank(tenant);
        escrow.deposit(tenant, 1000);
        vm.prank(provider);
        escrow.deposit(provider, 1000);
        t.halve(address(escrow));
        vm.prank(provider);
        escrow.withdraw(provider, 1000);
        vm.prank(tenant);
        vm.expectRevert(Escrow.BadToken.selector);
        escrow.withdraw(tenant, 1);
        vm.assertEq(balance(tenant), 1000, "nothing taken for nothing");
    }

    /// Those that can be told by their functions are refused.
    function test_known_rebasing_tokens() public {
        IToken shares = IToken(address(new SharesToken()));
        IToken scaled = IToken(address(new ScaledToken()));
        vm.expectRevert(Escrow.BadToken.selector);
        new Escrow(shares, 60);
        vm.expectRevert(Escrow.BadToken.selector);
        new Escrow(scaled, 60);
    }

    /// Balances beyond 96 bits are not taken in, so no credit can ever fail.
    function test_more_than_fits() public {
        token.mint(address(escrow), type(uint96).max);
        token.mint(stranger, 1);
        vm.startPrank(stranger);
        token.approve(address(escrow), 1);
        vm.expectRevert(Escrow.BadToken.selector);
        escrow.deposit(stranger, 1);
        vm.stopPrank();
    }

    /// A token that loses what it held, again and again: what it owes then can pass 96 bits, and is not taken.
    function test_credit_beyond_its_bits() public {
        SilentToken t = new SilentToken();
        use(t);
        t.mint(tenant, type(uint96).max);
        vm.prank(tenant);
        escrow.deposit(tenant, type(uint96).max - 1_000_000);
        for (uint256 i = 0; i < 97; i++) t.halve(address(escrow));
        t.mint(tenant, type(uint96).max);
        vm.prank(tenant);
        vm.expectRevert(Escrow.BadToken.selector);
        escrow.deposit(tenant, type(uint96).max - 2_000_000);
    }

    /// Golem's: what the fee is taken from is paid once, on each way out.
    function test_fee_is_paid_once() public {
        open();
        after_(100);
        settles(settlement(lease, 100, T0 + 50, TENANT, PROVIDER));
        taken(closes(closing(lease, 200, T0 + 90, TENANT, PROVIDER)), "close");
        vm.assertEq(balance(auctioneer), 5, "2.5 % of 200");
        vm.assertEq(balance(provider), 195, "the rest of it");
        vm.assertEq(balance(tenant), 10 * DEPOSIT - 200, "and all that is left");
        conserved();
    }

    /// What a top-up makes payable is the base of the time since the last voucher, never above rate x time.
    function test_topUp_after_the_deposit_ran_out() public {
        order.deposit = 50;
        lease = leaseFrom(order, provider, RATE);
        id = idOf(lease);
        open();
        after_(LAUNCH + 80);
        settles(settlement(lease, DEPOSIT, time(), TENANT, PROVIDER)); // all that there is
        vm.assertEq(state().paid, 50, "the deposit");
        vm.prank(tenant);
        escrow.topUp(lease, 1000);
        vm.startPrank(provider);
        vm.expectRevert(Escrow.NothingToClaim.selector);
        escrow.claim(lease, 1000); // the time is settled: nothing comes back
        vm.stopPrank();
        after_(10);
        vm.prank(provider);
        escrow.claim(lease, 1000);
        after_(WINDOW);
        escrow.finish(lease);
        vm.assertEq(state().paid, 50 + uint256(lease.base) * 10 / 1e9, "the base of the ten seconds since");
    }

    /// The cosigner and the provider together: rate x time, and the tenant ends it.
    function test_cosigner_and_provider_together() public {
        open();
        after_(100);
        settles(settlement(lease, DEPOSIT, time(), COSIGNER, PROVIDER));
        vm.assertEq(state().paid, due(RATE, 100), "no more than the rate");
        vm.prank(tenant);
        escrow.setKey(lease, cosigner, 0, 0);
        after_(100);
        refused(
            settles(settlement(lease, DEPOSIT, time(), COSIGNER, PROVIDER)), Escrow.BadPayerSig.selector, "taken back"
        );
    }

    function test_reentrancy() public {
        HookToken t = new HookToken();
        use(t);
        Thief thief = new Thief(escrow, 400);
        t.mint(address(thief), 1000); // so that it could go on for a while
        t.setThief(thief);
        thief.put();
        thief.put();
        vm.assertEq(balance(address(thief)), 800, "twice");
        thief.take();
        vm.assertEq(thief.entered(), 0, "never inside");
        vm.assertEq(thief.refused(), 6, "tried each time");
        vm.assertEq(thief.seen(), 400, "a reader in the hook sees the balance already debited");
        vm.assertEq(t.balanceOf(address(thief)), 600, "no more than it brought");
    }

    function test_forced_transfer() public {
        token.mint(address(escrow), 1_000_000);
        fund(stranger, 5);
        vm.assertEq(balance(stranger), 5, "a gift is nobody's");
    }

    function test_approval_cannot_be_drained() public {
        token.mint(tenant, 500);
        vm.prank(tenant);
        token.approve(address(escrow), type(uint256).max);
        vm.startPrank(stranger);
        vm.expectRevert(Escrow.BadToken.selector);
        escrow.deposit(stranger, 500);
        vm.expectRevert(Escrow.BadToken.selector);
        escrow.depositWithPermit(stranger, 500, T0 + 60, 27, 0, 0);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(tenant), 500, "untouched");
    }

    /// No owner, no pause, no upgrade: this is all that can be called.
    function test_no_privileged_selector() public view {
        string[37] memory want = [
            "balanceOf",
            "bond",
            "bondOf",
            "cancel",
            "claim",
            "claimOf",
            "close",
            "closeMany",
            "deposit",
            "depositWithPermit",
            "digest",
            "domainSeparator",
            "expire",
            "finish",
            "keyOf",
            "leaseId",
            "leaseState",
            "minWindow",
            "nextNonce",
            "nonceUsed",
            "open",
            "openMany",
            "orderHash",
            "reclaim",
            "setKey",
            "settle",
            "settleMany",
            "slashBids",
            "slashRounds",
            "slashUsages",
            "startOf",
            "stop",
            "token",
            "topUp",
            "unbond",
            "voidLease",
            "withdraw"
        ];
        string[] memory have =
            vm.parseJsonKeys(vm.readFile("out/release/Escrow.sol/Escrow.json"), ".methodIdentifiers");
        vm.assertEq(have.length, want.length, "count");
        for (uint256 i = 0; i < have.length; i++) {
            bool known;
            for (uint256 j = 0; j < want.length; j++) {
                known = known || keccak256(name(have[i])) == keccak256(bytes(want[j]));
            }
            vm.assertTrue(known, have[i]);
        }
    }

    /// What stands before the parenthesis.
    function name(string memory signature) private pure returns (bytes memory n) {
        bytes memory s = bytes(signature);
        uint256 len;
        while (len < s.length && s[len] != "(") len++;
        n = new bytes(len);
        for (uint256 i = 0; i < len; i++) n[i] = s[i];
    }

    function test_stranger_can_do_nothing() public {
        open();
        after_(1000);
        vm.startPrank(stranger);
        vm.expectRevert(Escrow.NotTenant.selector);
        escrow.stop(lease);
        vm.expectRevert(Escrow.NotProvider.selector);
        escrow.claim(lease, 1);
        vm.expectRevert(Escrow.NotAuctioneer.selector);
        escrow.voidLease(order, lease.provider, lease.rate);
        vm.expectRevert(Escrow.NothingToClaim.selector);
        escrow.finish(lease);
        vm.expectRevert(Escrow.LeaseRuns.selector);
        escrow.expire(lease);
        vm.expectRevert(Escrow.NoFunds.selector);
        escrow.topUp(lease, 1);
        vm.expectRevert(Escrow.NoFunds.selector);
        escrow.withdraw(stranger, 1);
        vm.stopPrank();
    }
}
