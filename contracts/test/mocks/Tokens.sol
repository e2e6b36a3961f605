// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {IVault} from "../../src/interfaces/IVault.sol";

/// @title An ordinary token
contract PlainToken is ERC20 {
    uint8 private immutable DECIMALS;

    constructor(string memory name_, string memory symbol_, uint8 decimals_) ERC20(name_, symbol_) {
        DECIMALS = decimals_;
    }

    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @title A token that keeps a hundredth of every transfer
contract TaxedToken is ERC20("Taxed", "TAX") {
    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        uint256 tax = from == address(0) ? 0 : amount / 100;
        super._update(from, to, amount - tax);
        if (tax != 0) super._update(from, address(0xdead), tax);
    }
}

/// @title A token of the early kind: it returns nothing, and its name is a word
contract MuteToken {
    mapping(address owner => uint256) public balanceOf;
    bytes32 public constant name = "Mute";
    bytes32 public constant symbol = "MUTE";

    function give(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external {
        move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external {
        move(from, to, amount);
    }

    function move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @title A token that calls back into the vault
contract ReentrantToken is ERC20("Reentrant", "RE") {
    bytes public attack;
    bytes public answer;
    bool public succeeded;

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function arm(bytes calldata attack_) external {
        attack = attack_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (attack.length == 0) return;
        bytes memory call_ = attack;
        delete attack;
        (succeeded, answer) = to.call(call_);
    }
}

/// @title A token that says what suits it
contract LyingToken {
    uint256 public claimed;

    function lie(uint256 balance) external {
        claimed = balance;
    }

    function balanceOf(address) external view returns (uint256) {
        return claimed;
    }

    function transferFrom(address, address, uint256 amount) external returns (bool) {
        claimed += amount;
        return true;
    }

    function transfer(address, uint256) external pure returns (bool) {
        return true;
    }
}

/// @title A token whose transfers move nothing, or fail silently
contract IdleToken {
    bool public answer = true;

    function set(bool answer_) external {
        answer = answer_;
    }

    function balanceOf(address) external pure returns (uint256) {
        return 5;
    }

    function transferFrom(address, address, uint256) external view returns (bool) {
        return answer;
    }
}

/// @title A token whose description is an attack
contract LoudToken is ERC20("", "") {
    uint256 public mode;

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function set(uint256 mode_) external {
        mode = mode_;
    }

    function name() public view override returns (string memory) {
        return shout();
    }

    function symbol() public view override returns (string memory) {
        return shout();
    }

    function decimals() public view override returns (uint8) {
        uint256 tooLarge = 256;
        if (mode == 0) return 6;
        shout();
        assembly ("memory-safe") {
            mstore(0, tooLarge)
            return(0, 32)
        }
    }

    function shout() private view returns (string memory) {
        uint256 what = mode;
        assembly ("memory-safe") {
            switch what
            // A megabyte of answer.
            case 1 { return(0, 1000000) }
            // All gas.
            case 2 { invalid() }
            // A length that is not there.
            case 3 {
                mstore(0, 32)
                mstore(32, not(0))
                return(0, 64)
            }
            // Half a word.
            case 4 { return(0, 16) }
        }
        return string(new bytes(300));
    }
}
