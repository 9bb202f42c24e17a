// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Escrow} from "../src/Escrow.sol";

/// Tokens that behave badly, each in one way.
contract OddToken {
    mapping(address => uint256) public balanceOf;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function _move(address from, address to, uint256 amount) internal {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Takes one in a hundred.
contract FeeToken is OddToken {
    function transfer(address to, uint256 amount) external returns (bool) {
        _move(msg.sender, to, amount - amount / 100);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        balanceOf[from] -= amount / 100;
        _move(from, to, amount - amount / 100);
        return true;
    }
}

/// Returns nothing, and refuses to pay one address.
contract SilentToken is OddToken {
    address public blocked;

    function blockAddress(address who) external {
        blocked = who;
    }

    function transfer(address to, uint256 amount) external {
        require(to != blocked, "blocked");
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        _move(from, to, amount);
    }

    function halve(address who) external {
        balanceOf[who] /= 2;
    }
}

/// Changes balances by itself, as stETH does.
contract SharesToken is OddToken {
    function sharesOf(address who) external view returns (uint256) {
        return balanceOf[who];
    }
}

/// Changes balances by itself, as aTokens do.
contract ScaledToken is OddToken {
    function scaledBalanceOf(address who) external view returns (uint256) {
        return balanceOf[who];
    }
}

/// Says no by returning false.
contract FalseToken is OddToken {
    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return false;
    }
}

/// Moves, and answers with other than a word that is true: what it answers is set before.
contract AnsweringToken is OddToken {
    bytes private answer;

    function answers(bytes calldata answer_) external {
        answer = answer_;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        _move(from, to, amount);
        bytes memory a = answer;
        assembly {
            return(add(a, 32), mload(a))
        }
    }
}

/// Calls back before it moves anything, as ERC-777 does.
contract HookToken is OddToken {
    Thief public thief;

    function setThief(Thief t) external {
        thief = t;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        thief.hook();
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        thief.hook();
        _move(from, to, amount);
        return true;
    }
}

/// Enters again from the hook, and writes down what it saw.
contract Thief {
    Escrow public escrow;
    uint96 public amount;
    uint256 public entered;
    uint256 public refused;
    uint256 public seen;
    bool private inside;

    constructor(Escrow e, uint96 a) {
        escrow = e;
        amount = a;
    }

    function hook() external {
        if (inside) return; // else a way in would never end
        inside = true;
        seen = escrow.balanceOf(address(this));
        try escrow.withdraw(address(this), 1) {
            entered++;
        } catch {
            refused++;
        }
        try escrow.deposit(address(this), 1) {
            entered++;
        } catch {
            refused++;
        }
        inside = false;
    }

    function put() external {
        escrow.deposit(address(this), amount);
    }

    function take() external {
        escrow.withdraw(address(this), amount);
    }
}
