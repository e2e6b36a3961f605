// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IInbox} from "../../src/interfaces/IInbox.sol";
import {ITokenBridge} from "../../src/interfaces/ITokenBridge.sol";
import {IVault} from "../../src/interfaces/IVault.sol";
import {Aliasing} from "../../src/libraries/Aliasing.sol";
import {Message, MessageKind} from "../../src/types/Protocol.sol";
import {
    IdleToken,
    LoudToken,
    LyingToken,
    MuteToken,
    PlainToken,
    ReentrantToken,
    TaxedToken
} from "../mocks/Tokens.sol";
import {InboxLogs} from "../support/InboxLogs.sol";

contract VaultDepositTest is InboxLogs {
    uint64 private constant GAS = 100_000;
    address private constant BRIDGE = 0x4D5A000000000000000000000000000000000004;

    PlainToken private token;

    function setUp() public override {
        super.setUp();
        token = new PlainToken("Plain", "PLN", 6);
        token.give(ALICE, 1000);
        vm.prank(ALICE);
        token.approve(address(vault), type(uint256).max);
    }

    function depositToken(address token_, address to, uint256 amount)
        external
        returns (uint64, uint256)
    {
        uint256 fee = inbox.quote(vault.tokenDepositGas(token_));
        vm.prank(ALICE, ALICE);
        return vault.depositToken{value: fee}(token_, to, amount);
    }

    /// @dev The token call inside a message to the bridge.
    function mintCall(Message memory message)
        private
        pure
        returns (
            ITokenBridge.TokenParameters memory parameters,
            address from,
            address to,
            uint256 amount
        )
    {
        bytes memory arguments = new bytes(message.data.length - 4);
        for (uint256 i = 0; i < arguments.length; ++i) {
            arguments[i] = message.data[i + 4];
        }
        return abi.decode(arguments, (ITokenBridge.TokenParameters, address, address, uint256));
    }

    // Ether.

    function test_depositEther_plain_isEnqueuedWithItsValue() public {
        uint256 fee = inbox.quote(GAS);
        vm.recordLogs();
        vm.prank(ALICE, ALICE);
        uint64 index = vault.depositEther{value: 3 ether + fee}(BOB, 3 ether, GAS, "");
        Message memory message = lastMessage();
        vm.assertEq(index, 1, "index");
        vm.assertTrue(message.kind == MessageKind.Call, "kind");
        vm.assertEq(message.sender, ALICE, "sender");
        vm.assertEq(message.to, BOB, "to");
        vm.assertEq(message.refundTo, BOB, "who is credited if the call fails");
        vm.assertEq(message.value, 3 ether, "value");
        vm.assertEq(message.gasLimit, GAS, "gas");
        vm.assertEq(address(vault).balance, 3 ether, "held");
        vm.assertEq(vault.deposited(address(0)), 3 ether, "counted");
        vm.assertEq(address(inbox).balance, fee, "fee");
    }

    function test_depositEther_withData_refundsTheDepositor() public {
        vm.recordLogs();
        vm.prank(ALICE, ALICE);
        vault.depositEther{value: 2 ether}(BOB, 1 ether, GAS, hex"01");
        vm.assertEq(lastMessage().refundTo, ALICE, "a key");
        vm.recordLogs();
        vm.prank(ALICE, BOB);
        vault.depositEther{value: 2 ether}(BOB, 1 ether, GAS, hex"01");
        vm.assertEq(lastMessage().refundTo, Aliasing.aliasOf(ALICE), "a contract");
    }

    function test_depositEtherWithRefund_always_namesWhoIsCredited() public {
        vm.recordLogs();
        vm.prank(ALICE, ALICE);
        vault.depositEtherWithRefund{value: 2 ether}(BOB, LIAR, 1 ether, GAS, hex"01");
        vm.assertEq(lastMessage().refundTo, LIAR, "named");
        vm.prank(ALICE, ALICE);
        vm.expectRevert(IVault.Vault_ZeroRecipient.selector);
        vault.depositEtherWithRefund{value: 2 ether}(BOB, address(0), 1 ether, GAS, "");
    }

    function test_depositEther_overpaid_givesChangeBack() public {
        uint256 fee = inbox.quote(GAS);
        uint256 before = ALICE.balance;
        vm.prank(ALICE, ALICE);
        vault.depositEther{value: 9 ether}(BOB, 3 ether, GAS, "");
        vm.assertEq(before - ALICE.balance, 3 ether + fee, "paid");
        vm.assertEq(address(vault).balance, 3 ether, "held");
    }

    function test_depositEther_underpaid_reverts() public {
        uint256 needed = 3 ether + inbox.quote(GAS);
        vm.prank(ALICE, ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(IVault.Vault_NotEnoughEther.selector, needed - 1, needed)
        );
        vault.depositEther{value: needed - 1}(BOB, 3 ether, GAS, "");
    }

    function test_depositEther_absurdAmount_reverts() public {
        vm.prank(ALICE, ALICE);
        vm.expectRevert();
        vault.depositEther{value: 1 ether}(BOB, type(uint256).max, GAS, "");
    }

    function test_depositEther_toNobody_reverts() public {
        vm.prank(ALICE, ALICE);
        vm.expectRevert(IVault.Vault_ZeroRecipient.selector);
        vault.depositEther{value: 1 ether}(address(0), 1, GAS, "");
    }

    function test_depositEther_badGas_reverts() public {
        vm.prank(ALICE, ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.Inbox_GasLimitTooLow.selector, 20_999, 21_000)
        );
        vault.depositEther{value: 1 ether}(BOB, 1, 20_999, "");
        vm.prank(ALICE, ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(IInbox.Inbox_GasLimitTooHigh.selector, 10_000_001, 10_000_000)
        );
        vault.depositEther{value: 1 ether}(BOB, 1, 10_000_001, "");
    }

    function test_receive_plainTransfer_reverts() public {
        vm.prank(ALICE);
        (bool success,) = address(vault).call{value: 1 ether}("");
        vm.assertTrue(!success, "ether comes as a deposit only");
    }

    // Tokens.

    function test_depositToken_first_carriesItsDescription() public {
        vm.recordLogs();
        (uint64 index, uint256 received) = this.depositToken(address(token), BOB, 400);
        Message memory message = lastMessage();
        vm.assertEq(index, 1, "index");
        vm.assertEq(received, 400, "received");
        vm.assertEq(message.sender, Aliasing.aliasOf(address(vault)), "sender");
        vm.assertEq(message.to, BRIDGE, "to");
        vm.assertEq(message.value, 0, "no ether");
        (ITokenBridge.TokenParameters memory p, address from, address to, uint256 amount) =
            mintCall(message);
        vm.assertEq(p.l1Token, address(token), "token");
        vm.assertEq(p.name, "Plain", "name");
        vm.assertEq(p.symbol, "PLN", "symbol");
        vm.assertEq(p.decimals, 6, "decimals");
        vm.assertEq(from, ALICE, "from");
        vm.assertEq(to, BOB, "to");
        vm.assertEq(amount, 400, "amount");
        vm.assertEq(vault.deposited(address(token)), 400, "counted");
    }

    function test_depositToken_later_isCheaper() public {
        uint64 first = vault.tokenDepositGas(address(token));
        this.depositToken(address(token), BOB, 400);
        vm.assertLt(vault.tokenDepositGas(address(token)), first, "gas");
        vm.recordLogs();
        this.depositToken(address(token), BOB, 100);
        Message memory message = lastMessage();
        (ITokenBridge.TokenParameters memory p,,, uint256 amount) = mintCall(message);
        vm.assertEq(p.l1Token, address(token), "token");
        vm.assertEq(p.name, "", "name");
        vm.assertEq(amount, 100, "amount");
        vm.assertEq(vault.deposited(address(token)), 500, "counted");
    }

    function test_depositToken_taxed_countsWhatArrived() public {
        TaxedToken taxed = new TaxedToken();
        taxed.give(ALICE, 1000);
        vm.prank(ALICE);
        taxed.approve(address(vault), 1000);
        vm.recordLogs();
        (, uint256 received) = this.depositToken(address(taxed), BOB, 1000);
        (,,, uint256 amount) = mintCall(lastMessage());
        vm.assertEq(received, 990, "received");
        vm.assertEq(amount, 990, "minted");
        vm.assertEq(vault.deposited(address(taxed)), 990, "counted");
    }

    function test_depositToken_noReturnValue_isTaken() public {
        MuteToken mute = new MuteToken();
        mute.give(ALICE, 10);
        vm.recordLogs();
        this.depositToken(address(mute), BOB, 10);
        (ITokenBridge.TokenParameters memory p,,, uint256 amount) = mintCall(lastMessage());
        vm.assertEq(amount, 10, "amount");
        vm.assertEq(p.name, "Mute", "a word as name");
        vm.assertEq(p.symbol, "MUTE", "a word as symbol");
        vm.assertEq(p.decimals, 18, "decimals that are not there");
    }

    function test_depositToken_nothingMoved_reverts() public {
        IdleToken idle = new IdleToken();
        vm.expectRevert(
            abi.encodeWithSelector(IVault.Vault_NothingReceived.selector, address(idle))
        );
        this.depositToken(address(idle), BOB, 10);
        idle.set(false);
        vm.expectRevert();
        this.depositToken(address(idle), BOB, 10);
    }

    function test_depositToken_notAContract_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IVault.Vault_NotToken.selector, LIAR));
        this.depositToken(LIAR, BOB, 10);
    }

    function test_depositToken_toNobody_reverts() public {
        vm.expectRevert(IVault.Vault_ZeroRecipient.selector);
        this.depositToken(address(token), address(0), 10);
    }

    function test_depositToken_moreThanTheChainCounts_reverts() public {
        LyingToken lying = new LyingToken();
        this.depositToken(address(lying), BOB, type(uint128).max - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVault.Vault_TooMuchToken.selector,
                address(lying),
                type(uint128).max - 1,
                type(uint128).max
            )
        );
        this.depositToken(address(lying), BOB, 2);
        this.depositToken(address(lying), BOB, 1);
    }

    function test_depositToken_reentrant_isRefusedInside() public {
        ReentrantToken re = new ReentrantToken();
        re.give(ALICE, 100);
        vm.prank(ALICE);
        re.approve(address(vault), 100);
        re.arm(abi.encodeCall(IVault.depositToken, (address(re), BOB, 50)));
        (, uint256 received) = this.depositToken(address(re), BOB, 50);
        vm.assertEq(received, 50, "counted once");
        vm.assertTrue(!re.succeeded(), "inner call refused");
    }

    function test_depositToken_underpaid_reverts() public {
        uint256 fee = inbox.quote(vault.tokenDepositGas(address(token)));
        vm.prank(ALICE, ALICE);
        vm.expectRevert(abi.encodeWithSelector(IVault.Vault_NotEnoughEther.selector, fee - 1, fee));
        vault.depositToken{value: fee - 1}(address(token), BOB, 10);
    }

    function test_depositToken_loudDescription_isCut() public {
        for (uint256 mode = 0; mode < 5; ++mode) {
            pass(12);
            LoudToken loud = new LoudToken();
            loud.give(ALICE, 10);
            loud.set(mode);
            vm.prank(ALICE);
            loud.approve(address(vault), 10);
            vm.recordLogs();
            this.depositToken(address(loud), BOB, 10);
            (ITokenBridge.TokenParameters memory p,,, uint256 amount) = mintCall(lastMessage());
            vm.assertEq(amount, 10, "amount");
            vm.assertLe(bytes(p.name).length, 64, "name");
            vm.assertLe(bytes(p.symbol).length, 64, "symbol");
            // In mode 3 the first word of the answer, 32, is a number of decimals.
            vm.assertEq(p.decimals, mode == 0 ? 6 : mode == 3 ? 32 : 18, "decimals");
        }
    }

    /// @dev Whatever the gas, a deposit either fails or carries the true name.
    function testFuzz_depositToken_littleGas_neverPlantsAFalseName(uint256 gas) public {
        gas = bound(gas, 50_000, 600_000);
        uint256 fee = inbox.quote(vault.tokenDepositGas(address(token)));
        vm.recordLogs();
        vm.prank(ALICE, ALICE);
        try vault.depositToken{value: fee, gas: gas}(address(token), BOB, 10) {
            (ITokenBridge.TokenParameters memory p,,,) = mintCall(lastMessage());
            vm.assertEq(p.name, "Plain", "name");
            vm.assertEq(p.symbol, "PLN", "symbol");
            vm.assertEq(p.decimals, 6, "decimals");
        } catch {}
    }

    function test_bridgedToken_always_isWhereTheBridgeCreatesIt() public view {
        bytes32 hash = keccak256(vm.getCode(artifact("BridgedToken")));
        bytes32 salt = bytes32(uint256(uint160(address(token))));
        bytes32 full = keccak256(abi.encodePacked(hex"ff", BRIDGE, salt, hash));
        vm.assertEq(vault.bridgedToken(address(token)), address(uint160(uint256(full))), "address");
    }
}
