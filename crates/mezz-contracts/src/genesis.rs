//! What block 0 of the EVM chain holds: predeploys, and no ether.

use alloy_primitives::{Address, B256, Bytes, U256, bytes, keccak256};
use mezz_types::{
    CREATE2_DEPLOYER, FEE_VAULT, HISTORY_STORAGE, INBOX_CLOCK, OUTBOX, OUTBOX_ROOT_SLOT,
    OutboxTree, TOKEN_BRIDGE,
};

use crate::{BridgedToken, FeeVault, InboxClock, Outbox, TokenBridge};

/// Slot of [`FEE_VAULT`] that holds the fee recipient on L1.
pub const FEE_VAULT_RECIPIENT_SLOT: U256 = U256::ZERO;
/// Slot of [`TOKEN_BRIDGE`] that holds the vault on L1.
pub const TOKEN_BRIDGE_VAULT_SLOT: U256 = U256::ZERO;

/// EIP-2935: the history contract, as Ethereum deploys it.
static HISTORY_STORAGE_CODE: Bytes = bytes!(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
);
/// The deterministic deployment proxy: salt (32 bytes), then init code; answers with the address.
static CREATE2_DEPLOYER_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// An account of block 0. Its balance is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisAccount {
    /// Where it is.
    pub address: Address,
    /// One, as a contract's that has created nothing (EIP-161).
    pub nonce: u64,
    /// Its code.
    pub code: Bytes,
    /// Its slots that are not zero.
    pub storage: Vec<(U256, U256)>,
}

/// What the state of block 0 depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenesisParameters {
    /// The vault on L1, whose alias finalizes token deposits.
    pub vault: Address,
    /// Who receives the chain's fees on L1.
    pub fee_recipient: Address,
}

/// All accounts of block 0, in the order of docs/formats.md, section 4.
pub fn genesis_accounts(parameters: &GenesisParameters) -> Vec<GenesisAccount> {
    let GenesisParameters { vault, fee_recipient } = *parameters;
    let word = |address: Address| U256::from_be_bytes(address.into_word().0);
    let account = |address, code: &Bytes, storage: Vec<(U256, U256)>| GenesisAccount {
        address,
        nonce: 1,
        code: code.clone(),
        storage: storage.into_iter().filter(|(_, value)| !value.is_zero()).collect(),
    };
    let empty_root = U256::from_be_bytes(OutboxTree::default().root().0);
    vec![
        account(OUTBOX, &Outbox::DEPLOYED_BYTECODE, vec![(OUTBOX_ROOT_SLOT, empty_root)]),
        account(INBOX_CLOCK, &InboxClock::DEPLOYED_BYTECODE, vec![]),
        account(
            FEE_VAULT,
            &FeeVault::DEPLOYED_BYTECODE,
            vec![(FEE_VAULT_RECIPIENT_SLOT, word(fee_recipient))],
        ),
        account(
            TOKEN_BRIDGE,
            &TokenBridge::DEPLOYED_BYTECODE,
            vec![(TOKEN_BRIDGE_VAULT_SLOT, word(vault))],
        ),
        account(HISTORY_STORAGE, &HISTORY_STORAGE_CODE, vec![]),
        account(CREATE2_DEPLOYER, &CREATE2_DEPLOYER_CODE, vec![]),
    ]
}

/// Keccak-256 of the init code of every bridged token: an argument of the vault's constructor.
pub fn bridged_token_init_code_hash() -> B256 {
    keccak256(&*BridgedToken::BYTECODE)
}

/// Where the L2 token of `l1_token` is, created or not.
pub fn bridged_token_address(l1_token: Address) -> Address {
    TOKEN_BRIDGE.create2(l1_token.into_word(), bridged_token_init_code_hash())
}

#[cfg(test)]
mod tests {
    use mezz_types::{OUTBOX_COUNT_SLOT, clock_slot};

    use super::*;
    use crate::{Inbox, Messenger, Operators, Settlement, Vault};

    fn accounts() -> Vec<GenesisAccount> {
        genesis_accounts(&GenesisParameters {
            vault: Address::repeat_byte(0xd1),
            fee_recipient: Address::repeat_byte(0xd2),
        })
    }

    #[test]
    fn predeploys_are_complete() {
        let accounts = accounts();
        for account in &accounts {
            assert!(account.code.len() > 32 && account.code.len() <= 24_576, "{account:?}");
            assert_eq!(account.nonce, 1);
        }
        let slot = |address: Address| {
            accounts.iter().find(|account| account.address == address).unwrap().storage.clone()
        };
        let word = |byte| U256::from_be_bytes(Address::repeat_byte(byte).into_word().0);
        assert_eq!(slot(FEE_VAULT), [(U256::ZERO, word(0xd2))]);
        assert_eq!(slot(TOKEN_BRIDGE), [(U256::ZERO, word(0xd1))]);
        let root = U256::from_be_bytes(OutboxTree::default().root().0);
        assert_eq!(slot(OUTBOX), [(U256::ZERO, root)]);
        assert_eq!(slot(INBOX_CLOCK), []);
    }

    fn artifact(name: &str) -> String {
        std::fs::read_to_string(format!("../../contracts/artifacts/{name}.json")).unwrap()
    }

    #[test]
    fn no_predeploy_waits_for_its_constructor() {
        for name in ["Outbox", "InboxClock", "FeeVault", "TokenBridge"] {
            assert!(artifact(name).contains("\"immutables\": []"), "{name} has immutables");
        }
    }

    #[test]
    fn slots_are_where_the_protocol_reads_and_writes_them() {
        assert_eq!((OUTBOX_ROOT_SLOT, OUTBOX_COUNT_SLOT), (U256::ZERO, U256::ONE));
        assert_eq!(clock_slot::NEXT_INBOX_INDEX, U256::from(4));
        for (name, lines) in [
            ("Outbox", &["0+0 32 _tree.root: bytes32", "1+0 32 _tree.count: uint256"][..]),
            (
                "InboxClock",
                &[
                    "0+0 32 _number: uint256",
                    "1+0 32 _timestamp: uint256",
                    "2+0 32 _baseFee: uint256",
                    "3+0 32 _blobBaseFee: uint256",
                    "4+0 32 _nextInboxIndex: uint256",
                ],
            ),
            ("FeeVault", &["0+0 20 feeRecipient: address"]),
            ("TokenBridge", &["0+0 20 vault: address"]),
            ("BridgedToken", &["0+0 32 _balances: mapping(address => uint256)"]),
        ] {
            for line in lines {
                assert!(artifact(name).contains(&format!("\"{line}\"")), "{name}: {line}");
            }
        }
    }

    /// The bindings are made when the crate is compiled: they are those of the committed files.
    #[test]
    fn bindings_are_of_the_committed_artifacts() {
        for (name, code) in [
            ("Inbox", &Inbox::BYTECODE),
            ("Operators", &Operators::BYTECODE),
            ("Settlement", &Settlement::BYTECODE),
            ("Vault", &Vault::BYTECODE),
            ("Messenger", &Messenger::BYTECODE),
            ("BridgedToken", &BridgedToken::BYTECODE),
            ("TokenBridge", &TokenBridge::BYTECODE),
        ] {
            assert!(artifact(name).contains(&format!("\"bytecode\": \"{code}\"")), "{name}");
        }
    }

    #[test]
    fn published_codes_are_as_published() {
        // EIP-2935 gives the code; the proxy's hash is what every chain that has it shows.
        assert_eq!(HISTORY_STORAGE_CODE.len(), 83);
        assert_eq!(
            keccak256(&CREATE2_DEPLOYER_CODE).to_string(),
            "0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989"
        );
    }
}
