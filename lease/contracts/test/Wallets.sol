// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {vm} from "./Vm.sol";

/// A wallet of one owner (EIP-1271), or one that behaves badly in the way of its kind.
contract Wallet {
    address private immutable owner;
    uint256 private immutable kind;

    constructor(uint256 key, uint256 kind_) {
        owner = vm.addr(key);
        kind = kind_;
    }

    function isValidSignature(bytes32 hash, bytes calldata sig) external view returns (bytes4) {
        if (kind == 1) return 0xffffffff;
        if (kind == 2) revert("no");
        if (kind == 3) while (true) {}
        if (kind == 4) {
            assembly {
                return(0, 1000000)
            }
        }
        if (kind == 5) {
            assembly {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 4)
            }
        }
        if (kind == 6) {
            assembly {
                mstore(0, or(shl(224, 0x1626ba7e), 1))
                return(0, 32)
            }
        }
        bytes32 vs = bytes32(sig[32:64]);
        uint8 v = uint8(27 + (uint256(vs) >> 255));
        bytes32 s = vs & bytes32(type(uint256).max >> 1);
        return ecrecover(hash, v, bytes32(sig[:32]), s) == owner ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }

    function approve(address token, address spender, uint256 amount) external {
        (bool done,) = token.call(abi.encodeWithSignature("approve(address,uint256)", spender, amount));
        require(done);
    }
}
