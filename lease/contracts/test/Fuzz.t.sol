// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";
import {vm} from "./Vm.sol";
import {Base, Opening, Settlement, Closing} from "./Base.sol";

/// Properties that hold for any numbers.
contract FuzzTest is Base {
    /// The fee of a thousand settlements is the fee of one.
    function testFuzz_fee_does_not_depend_on_how_often_one_settles(uint16 feeBps, uint16[6] memory steps) public {
        order.feeBps = uint16(feeBps % 2001);
        lease = leaseFrom(order, provider, RATE);
        id = idOf(lease);
        open();
        uint96 amount;
        for (uint256 i = 0; i < steps.length; i++) {
            after_(uint32(1) + steps[i]);
            amount = due(RATE, time() - T0);
            if (amount > DEPOSIT) amount = DEPOSIT;
            // Alone and in a batch, by turns.
            Settlement memory s = settlement(lease, amount, time(), TENANT, PROVIDER);
            if (i % 2 == 0) settleOne(s);
            else settles(s);
            vm.assertEq(state().paid, amount, "paid to the unit");
        }
        vm.assertEq(balance(auctioneer), uint256(amount) * order.feeBps / 10000, "fee of the sum");
        vm.assertEq(balance(provider) + balance(auctioneer), amount, "and the rest");
        conserved();
    }

    /// Whatever is signed, claimed and in whatever order: never above rate x elapsed, counted once from the start.
    function testFuzz_never_above_the_rate(uint128 rate, uint16 baseBps, uint16[6] memory gaps, uint8 kinds) public {
        order.maxRate = type(uint128).max;
        order.baseBps = uint16(baseBps % 10001);
        rate = uint128(1 + rate % 1e13);
        lease = leaseFrom(order, provider, rate);
        id = idOf(lease);
        open();
        after_(LAUNCH + 1);
        for (uint256 i = 0; i < gaps.length; i++) {
            after_(uint32(1) + gaps[i]);
            if (kinds >> i & 1 == 0) {
                settles(settlement(lease, DEPOSIT, time() - uint32(gaps[i] / 2), TENANT, PROVIDER));
            } else {
                vm.prank(provider);
                try escrow.claim(lease, DEPOSIT) {
                    after_(WINDOW);
                    escrow.finish(lease);
                } catch {}
            }
            vm.assertLe(state().paid, uint256(rate) * (state().upTo - T0) / 1e9, "rate");
            vm.assertLe(state().paid, DEPOSIT, "deposit");
            vm.assertLe(state().upTo, time(), "time");
        }
        conserved();
    }

    /// stop, a claim, two windows: always empty, always exact.
    function testFuzz_stop_empties_the_lease(uint32 run, uint96 amount, uint32 wait, bool claims) public {
        open();
        after_(1 + run % 1_000_000);
        settles(settlement(lease, amount % (2 * DEPOSIT), time() - run % 50, TENANT, PROVIDER));
        after_(wait % 1000);
        vm.prank(tenant);
        escrow.stop(lease);
        if (claims) {
            after_(wait % WINDOW);
            vm.prank(provider);
            try escrow.claim(lease, amount) {} catch {}
        }
        after_(2 * WINDOW + 1);
        escrow.expire(lease);
        vm.assertEq(state().deposit, 0, "ended");
        uint256 paid = balance(provider) + balance(auctioneer);
        vm.assertEq(balance(tenant), 10 * DEPOSIT - paid, "exact");
        vm.assertLe(paid, uint256(RATE) * (run % 1_000_000 + 1 + wait % 1000) / 1e9, "no more than the rate");
        conserved();
    }

    /// Each nonce has its own bit.
    function testFuzz_nonces_are_apart(uint64 a, uint64 b) public {
        vm.assume(a != b);
        vm.prank(tenant);
        escrow.cancel(a);
        vm.assertTrue(escrow.nonceUsed(tenant, a), "burnt");
        bool beside = a <= type(uint32).max && b <= type(uint32).max;
        vm.assertTrue(escrow.nonceUsed(tenant, b) == (beside && a > b && a - b > 127), "the other: if left behind");
        vm.assertTrue(!escrow.nonceUsed(provider, a), "nor anybody else's");
    }

    mapping(uint256 nonce => bool) private burnt;

    /// A word beside the balance against a plain list: used is what was used, or lies more than 127 below the highest.
    function testFuzz_nonces_are_a_list(uint8[10] memory steps) public {
        uint256 top;
        for (uint256 i = 0; i < steps.length; i++) {
            uint256 n = steps[i] % 3 == 0 ? top + steps[i] : top > steps[i] ? top - steps[i] : steps[i];
            bool used = burnt[n] || n + 127 < top;
            vm.prank(tenant);
            try escrow.cancel(uint64(n)) {
                vm.assertTrue(!used, "was free");
            } catch {
                vm.assertTrue(used, "was used");
            }
            burnt[n] = true;
            if (n > top) top = n;
            for (uint256 k = top > 140 ? top - 140 : 0; k < top + 3; k++) {
                vm.assertTrue(escrow.nonceUsed(tenant, uint64(k)) == (burnt[k] || k + 127 < top), "each of them");
            }
            vm.assertEq(escrow.nextNonce(tenant), top + 1, "the next");
            vm.assertEq(balance(tenant), 10 * DEPOSIT, "beside the balance");
        }
    }

    /// base is the share of the rate, rounded up, and nothing else is taken.
    function testFuzz_base_is_the_ceiling(uint128 rate, uint16 bps, uint128 base) public {
        order.maxRate = type(uint128).max;
        order.baseBps = uint16(bps % 10001);
        rate = rate == 0 ? 1 : rate;
        Escrow.Lease memory l = leaseFrom(order, provider, rate);
        uint128 right = l.base;
        if (base != right) {
            l.base = base;
            refused(opens(opening(order, l)), Escrow.BadProviderSig.selector, "another base");
            l.base = right;
        }
        taken(opens(opening(order, l)), "the ceiling");
    }

    /// Any bit of any signature turned over: skipped.
    function testFuzz_a_flipped_bit_is_refused(uint8 which, uint8 bit) public {
        Opening memory o = opening(order, lease);
        Escrow.Sig memory sig = which % 3 == 0 ? o.tenantSig : which % 3 == 1 ? o.providerSig : o.auctioneerSig;
        if (which % 2 == 0) sig.r ^= bytes32(uint256(1) << bit);
        else sig.vs ^= bytes32(uint256(1) << bit);
        vm.assertTrue(opens(o) != 0, "flipped");
        vm.assertEq(state().deposit, 0, "not open");
    }
}
