// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow, IToken} from "../src/Escrow.sol";

/// Shows what is recovered.
contract Probe is Escrow {
    constructor(IToken t) Escrow(t, 60) {}

    function recover(bytes32 hash, Sig calldata sig) external pure returns (address) {
        return _recover(hash, sig.r, sig.vs);
    }
}
