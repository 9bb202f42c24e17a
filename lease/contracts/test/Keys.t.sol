// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {vm} from "./Vm.sol";
import {Base, Opening, Settlement, Closing} from "./Base.sol";
import {Wallet} from "./Wallets.sol";

/// Who else may sign: keys that a tenant lends, one signature for many, and wallets that are contracts.
contract KeysTest is Base {
    uint256 constant SESSION = 0x5E55;

    address session = vm.addr(SESSION);

    // --- session keys ---

    function setKey(address key, uint96 limit, uint32 until) private {
        vm.prank(tenant);
        escrow.setKey(lease, key, limit, until);
    }

    function signs(uint256 key, uint96 amount, uint32 upTo) private returns (bytes4) {
        return settles(settlement(lease, amount, upTo, key, PROVIDER));
    }

    function test_session_key_has_limits() public {
        open();
        after_(100);
        refused(signs(SESSION, 10, T0 + 10), Escrow.BadPayerSig.selector, "not named");
        setKey(session, 50, T0 + 200);
        taken(signs(SESSION, 50, T0 + 50), "to its limit");
        refused(signs(SESSION, 51, T0 + 60), Escrow.BadPayerSig.selector, "a unit more");
        setKey(session, 90, T0 + 200);
        after_(200);
        taken(signs(SESSION, 80, T0 + 200), "to its time");
        refused(signs(SESSION, 80, T0 + 201), Escrow.BadPayerSig.selector, "a second more");
        taken(signs(TENANT, 100, T0 + 250), "the tenant has no limit");
        taken(signs(COSIGNER, 110, T0 + 260), "nor has the cosigner");
        conserved();
    }

    function test_session_key_is_of_one_lease() public {
        open();
        Escrow.Order memory o = order;
        o.nonce = 8;
        Escrow.Lease memory other = leaseFrom(o, provider, RATE);
        taken(opens(opening(o, other)), "second");
        setKey(session, 100, type(uint32).max);
        after_(100);
        refused(
            settles(settlement(other, 10, T0 + 10, SESSION, PROVIDER)), Escrow.BadPayerSig.selector, "not there"
        );
        Closing memory c = closing(lease, 60, T0 + 50, SESSION, PROVIDER);
        taken(closes(c), "closes where it may sign");
    }

    /// Revoked is from now on: what was signed for the time before is payable, what is signed for later is not.
    function test_revocation() public {
        open();
        after_(100);
        setKey(cosigner, 0, 0);
        (bool said, uint96 limit, uint32 until) = escrow.keyOf(id, cosigner);
        vm.assertTrue(said && limit == type(uint96).max && until == T0 + 100, "until now, without a limit");
        after_(100);
        taken(signs(COSIGNER, 70, T0 + 100), "what the provider holds");
        refused(signs(COSIGNER, 71, T0 + 101), Escrow.BadPayerSig.selector, "a second later");
        setKey(cosigner, 0, T0);
        (,, until) = escrow.keyOf(id, cosigner);
        vm.assertEq(until, T0 + 100, "not made earlier than it was");
        setKey(cosigner, 0, T0 + 500);
        taken(signs(COSIGNER, 72, T0 + 150), "named anew");
    }

    function test_limits_only_rise() public {
        open();
        setKey(session, 90, T0 + 100);
        setKey(session, 10, T0 + 100);
        (, uint96 limit,) = escrow.keyOf(id, session);
        vm.assertEq(limit, 90, "or the provider would lose what it holds");
        setKey(session, 91, T0 + 100);
        (, limit,) = escrow.keyOf(id, session);
        vm.assertEq(limit, 91, "up");
    }

    function test_keys_that_cannot_be() public {
        open();
        vm.prank(stranger);
        vm.expectRevert(Escrow.NotTenant.selector);
        escrow.setKey(lease, session, 1, T0 + 1);
        address[3] memory bad = [address(0), provider, tenant];
        for (uint256 i = 0; i < 3; i++) {
            vm.prank(tenant);
            vm.expectRevert(Escrow.BadKey.selector);
            escrow.setKey(lease, bad[i], 1, T0 + 1);
        }
        taken(closes(closing(lease, 0, T0, TENANT, PROVIDER)), "close");
        vm.prank(tenant);
        vm.expectRevert(Escrow.UnknownLease.selector);
        escrow.setKey(lease, session, 1, T0 + 1);
    }

    // --- one signature for many vouchers ---

    function two() private returns (Escrow.Lease[] memory l) {
        open();
        l = new Escrow.Lease[](2);
        Escrow.Order memory o = order;
        o.nonce = 8;
        l[0] = lease;
        l[1] = leaseFrom(o, provider, RATE);
        taken(opens(opening(o, l[1])), "second");
        after_(100);
    }

    function test_statement_of_the_tenant() public {
        Escrow.Lease[] memory l = two();
        vm.prank(provider);
        escrow.settleMany(statement(l, 60, T0 + 50, TENANT, 0));
        vm.assertEq(balance(provider), 2 * 59, "both, less the fee");
        escrow.settleMany(statement(l, 80, T0 + 60, COSIGNER, PROVIDER));
        vm.assertEq(state().paid, 80, "the cosigner's, relayed");
        vm.prank(provider);
        escrow.closeMany(statement(l, 90, T0 + 70, TENANT, 0));
        vm.assertEq(balance(tenant), 10 * DEPOSIT - 180, "and closed");
    }

    function test_statement_of_somebody_else() public {
        Escrow.Lease[] memory l = two();
        vm.recordLogs();
        vm.prank(provider);
        escrow.settleMany(statement(l, 60, T0 + 50, STRANGER, 0));
        refused(skipped(), Escrow.BadPayerSig.selector, "a stranger says so, and it is one");
        bytes memory forged = statement(l, 60, T0 + 50, STRANGER, 0);
        for (uint256 i = 0; i < 20; i++) forged[75 + i] = bytes20(tenant)[i];
        vm.prank(provider);
        vm.expectRevert(Escrow.BadPayerSig.selector);
        escrow.settleMany(forged);
        vm.expectRevert(Escrow.BadProviderSig.selector);
        escrow.settleMany(statement(l, 60, T0 + 50, TENANT, STRANGER));
        vm.recordLogs();
        vm.prank(stranger);
        escrow.settleMany(statement(l, 60, T0 + 50, TENANT, 0));
        refused(skipped(), Escrow.BadProviderSig.selector, "the provider does not send");
        vm.assertEq(state().paid, 0, "nothing");
    }

    /// Any byte of the vouchers: another statement.
    function test_statement_binds_every_byte() public {
        Escrow.Lease[] memory l = two();
        bytes memory right = statement(l, 60, T0 + 50, TENANT, PROVIDER);
        uint256 entries = 75 + 84 + 64;
        for (uint256 i = entries; i < entries + 100; i += 3) {
            bytes memory b = bytes.concat(right);
            b[i] = bytes1(uint8(b[i]) ^ 1);
            vm.expectRevert(Escrow.BadPayerSig.selector);
            escrow.settleMany(b);
        }
        escrow.settleMany(right);
        vm.assertEq(state().paid, 60, "the right one");
    }

    /// A provider's statement with the payer sending: nobody signs twice.
    function test_payer_sends() public {
        open();
        after_(100);
        Settlement memory s = settlement(lease, 60, T0 + 50, TENANT, PROVIDER);
        s.payerSig = Escrow.Sig(0, 0);
        refused(settles(s), Escrow.BadPayerSig.selector, "somebody sends");
        vm.prank(cosigner);
        settleMany(list(s));
        vm.assertEq(state().paid, 60, "the cosigner sends");
    }

    // --- bytes that are no batch ---

    function test_truncated_batch() public {
        bytes memory b = pack(list(opening(order, lease)));
        for (uint256 len = 1; len < b.length; len += 7) {
            vm.expectRevert(Escrow.BadBatch.selector);
            escrow.openMany(cut(b, len));
        }
        vm.expectRevert(Escrow.BadBatch.selector);
        escrow.openMany(bytes.concat(b, hex"00"));
        open();
        b = pack(list(settlement(lease, 0, T0, TENANT, PROVIDER)));
        for (uint256 len = 1; len < b.length; len += 7) {
            vm.expectRevert(Escrow.BadBatch.selector);
            escrow.settleMany(cut(b, len));
        }
        Escrow.Lease[] memory l = new Escrow.Lease[](1);
        l[0] = lease;
        b = statement(l, 60, T0, TENANT, PROVIDER);
        for (uint256 len = 1; len < b.length; len += 7) {
            vm.expectRevert(Escrow.BadBatch.selector);
            escrow.settleMany(cut(b, len));
        }
        escrow.openMany("");
        escrow.settleMany("");
    }

    function cut(bytes memory b, uint256 len) private pure returns (bytes memory c) {
        c = new bytes(len);
        for (uint256 i = 0; i < len; i++) c[i] = b[i];
    }

    function test_flags_that_do_not_belong() public {
        bytes memory b = pack(list(opening(order, lease)));
        for (uint256 i = 0; i < 8; i++) {
            if (1 << i == PROVIDER_EACH || 1 << i == AWARD_EACH) continue;
            bytes memory c = bytes.concat(b);
            c[0] = bytes1(uint8(c[0]) | uint8(1 << i));
            vm.expectRevert(Escrow.BadBatch.selector);
            escrow.openMany(c);
        }
        open();
        b = pack(list(closing(lease, 0, T0, TENANT, PROVIDER)));
        b[0] = bytes1(PROVIDER_STATEMENT); // gives no release
        vm.expectRevert(Escrow.BadBatch.selector);
        escrow.closeMany(b);
    }

    function testFuzz_garbage_moves_nothing(bytes calldata garbage) public {
        open();
        uint256 before = slot(id);
        try escrow.openMany(garbage) {} catch {}
        try escrow.settleMany(garbage) {} catch {}
        try escrow.closeMany(garbage) {} catch {}
        vm.assertEq(slot(id), before, "untouched");
        conserved();
    }

    // --- wallets ---

    function walletOrder(Wallet w) private {
        fund(address(w), DEPOSIT);
        order.tenant = address(w);
        lease = leaseFrom(order, provider, RATE);
        id = idOf(lease);
    }

    function test_wallet_orders_pays_and_closes() public {
        walletOrder(new Wallet(TENANT, 0));
        openOne(opening(order, lease));
        vm.assertEq(state().deposit, DEPOSIT, "its owner signed");
        after_(100);
        settleOne(settlement(lease, 60, T0 + 50, TENANT, PROVIDER));
        vm.assertEq(state().paid, 60, "paid");
        closeOne(closing(lease, 70, T0 + 60, TENANT, PROVIDER));
        vm.assertEq(balance(order.tenant), DEPOSIT - 70, "refunded");
    }

    function test_wallet_is_not_asked_in_batches() public {
        walletOrder(new Wallet(TENANT, 0));
        refused(opens(opening(order, lease)), Escrow.BadTenantSig.selector, "no batch");
    }

    /// Says no; reverts; burns all gas; answers a flood; answers half a word; answers with dirt.
    function test_wallets_that_do_not_say_yes() public {
        for (uint256 kind = 1; kind <= 6; kind++) {
            walletOrder(new Wallet(TENANT, kind));
            Opening memory o = opening(order, lease);
            vm.expectRevert(Escrow.BadTenantSig.selector);
            openOne(o);
        }
    }

    /// One that burns what it gets, gets so much: the sender pays for no more.
    function test_wallet_cannot_burn_all_gas() public {
        walletOrder(new Wallet(TENANT, 3));
        Opening memory o = opening(order, lease);
        uint256 before = gasleft();
        try this.openedFor(o) {} catch {}
        vm.assertLe(before - gasleft(), 400_000, "bounded");
    }

    function openedFor(Opening calldata o) external {
        openOne(o);
    }

    function test_wallet_of_another_owner() public {
        walletOrder(new Wallet(STRANGER, 0));
        Opening memory o = opening(order, lease);
        vm.expectRevert(Escrow.BadTenantSig.selector);
        openOne(o);
    }

    function test_signatures_of_odd_length() public {
        Opening memory o = opening(order, lease);
        Escrow.Match memory m =
            Escrow.Match(provider, RATE, RECORD, hex"1234", flat(o.providerSig), flat(o.auctioneerSig));
        vm.expectRevert(Escrow.BadTenantSig.selector);
        escrow.open(order, m);
        m.tenantSig = bytes.concat(flat(o.tenantSig), hex"1b"); // 65 bytes: one form only
        vm.expectRevert(Escrow.BadTenantSig.selector);
        escrow.open(order, m);
        open();
        after_(10);
        vm.expectRevert(Escrow.BadPayerSig.selector);
        escrow.settle(lease, Escrow.Payment(5, T0 + 5, hex"1234", hex""));
    }

    // --- alone and in a batch: the same ---

    /// The batch reads packed bytes, the single call the plain structs; the rules and what is left in storage are one.
    function testFuzz_alone_and_in_a_batch(uint96 amount, uint32 upTo, uint16 for_, uint8 who, bool stops, bool closes_)
        public
    {
        uint32 run = for_;
        open();
        after_(1 + run);
        if (stops) {
            vm.prank(tenant);
            escrow.stop(lease);
            after_(run % 50);
        }
        amount = uint96(amount % (2 * due(RATE, run + 10)));
        upTo = T0 + upTo % (run + 60);
        uint256 payer = who % 4 == 0 ? STRANGER : who % 4 == 1 ? COSIGNER : TENANT;
        uint256 p = who / 4 % 4 == 0 ? STRANGER : PROVIDER;
        uint256 snapshot = vm.snapshotState();
        bytes4 why;
        if (closes_) {
            try this.aloneClosing(closing(lease, amount, upTo, payer, p)) {}
            catch (bytes memory e) {
                why = bytes4(e);
            }
        } else {
            try this.alone(settlement(lease, amount, upTo, payer, p)) {}
            catch (bytes memory e) {
                why = bytes4(e);
            }
        }
        bytes32 one = all();
        vm.revertToState(snapshot);
        if (closes_) refused(closes(closing(lease, amount, upTo, payer, p)), why, "same reason");
        else refused(settles(settlement(lease, amount, upTo, payer, p)), why, "same reason");
        vm.assertEq(all(), one, "same balances, same slot");
    }

    function alone(Settlement calldata s) external {
        settleOne(s);
    }

    function aloneClosing(Closing calldata c) external {
        closeOne(c);
    }

    function all() private view returns (bytes32) {
        return keccak256(abi.encode(slot(id), balance(tenant), balance(provider), balance(auctioneer)));
    }
}
