//! The accounts whose keys everybody knows.

use alloy::signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English};
use alloy_primitives::{Address, U256, uint};

/// The words that development chains share, so that every tool has the keys.
pub const DEV_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// How many accounts of the mnemonic are funded and unlocked.
pub const DEV_ACCOUNTS: u32 = 20;

/// What each of them has in block 0: 10,000 ETH, in wei.
pub const DEV_BALANCE: U256 = uint!(10_000_000_000_000_000_000_000_U256);

/// The keys of the test mnemonic, at `m/44'/60'/0'/0/i`.
#[derive(Clone, Debug)]
pub(crate) struct DevAccounts {
    signers: Vec<PrivateKeySigner>,
}

impl DevAccounts {
    pub(crate) fn derive() -> Self {
        let signers = (0..DEV_ACCOUNTS)
            .map(|index| {
                MnemonicBuilder::<English>::default()
                    .phrase(DEV_MNEMONIC)
                    .index(index)
                    .and_then(|builder| builder.build())
                    .expect("the mnemonic and the path are constants that are valid")
            })
            .collect();
        Self { signers }
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.signers.iter().map(PrivateKeySigner::address)
    }

    pub(crate) fn signer(&self, address: Address) -> Option<&PrivateKeySigner> {
        self.signers.iter().find(|signer| signer.address() == address)
    }
}
